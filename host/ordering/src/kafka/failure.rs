//! What can be wrong with a Kafka log, each with what to do about it.

use std::fmt;
use std::time::Duration;

use raddle_core::ids::Offset;
use rdkafka::error::RDKafkaErrorCode;

use crate::RecordHash;

/// Most characters of a reason that somebody else worded.
const REASON_CHARS_MAX: usize = 300;

/// Why a Kafka log cannot be opened: its settings are wrong, whatever the brokers do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody to ask.
    #[error(
        "no Kafka broker is named: the channel's config or the setting `Ordering` must name at least one"
    )]
    NoBrokers,

    /// Not an address.
    #[error("the Kafka broker `{broker}` is not a host and a port, such as kafka0:9092")]
    Broker {
        /// What is named.
        broker: String,
    },

    /// The library was built without it.
    #[error(
        "this build of Raddle has no {wanted} for Kafka: build it with `--features kafka-tls`, or `--features \
         kafka-tls-system` where OpenSSL's headers are installed"
    )]
    NoTls {
        /// What the settings ask for.
        wanted: &'static str,
    },

    /// The library refuses a setting, such as a certificate that is none.
    #[error("the Kafka client cannot be made: {reason}; look at the settings of Kafka")]
    Client {
        /// Its own words.
        reason: Reason,
    },

    /// The system gives no thread.
    #[error("a thread of the Kafka client cannot be started: {reason}")]
    Thread {
        /// The system's words.
        reason: Reason,
    },
}

/// Why a Kafka log does not work; the cause behind `Unavailable` and `OutcomeUnknown`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// Nobody answers.
    #[error(
        "no Kafka broker of {brokers} answers: {reason}; look at the brokers, their listeners and the network"
    )]
    Unreachable {
        /// Who was asked first.
        brokers: String,
        /// The last words about it.
        reason: Reason,
    },

    /// The brokers do not take the user.
    #[error("the Kafka brokers refuse the login: {reason}; look at the user, the password and the mechanism")]
    Authentication {
        /// The brokers' words.
        reason: Reason,
    },

    /// No TLS connection comes about.
    #[error(
        "TLS to the Kafka brokers fails: {reason}; look at the root certificates, the client certificate and its key"
    )]
    Tls {
        /// The library's words.
        reason: Reason,
    },

    /// The user may not do that.
    #[error(
        "the Kafka user may not {doing} topic {topic}: grant it READ, WRITE and DESCRIBE on the topic, and CREATE \
         where new channels are to have theirs"
    )]
    Unauthorised {
        /// Whose topic.
        topic: String,
        /// What was tried.
        doing: &'static str,
    },

    /// The topic was there and is not any more.
    #[error(
        "topic {topic} is not in Kafka any more: put it back with its records; a new one of that name would give other \
         blocks than the ledger has"
    )]
    TopicMissing {
        /// Whose topic.
        topic: String,
    },

    /// Kafka does not take the name.
    #[error("Kafka has no topics of the name {topic}: the channel cannot be ordered by Kafka")]
    TopicName {
        /// The channel's id.
        topic: String,
    },

    /// The topic cannot be made.
    #[error(
        "topic {topic} cannot be made with {replication} copies: {reason}; look at Kafka.Topic.ReplicationFactor"
    )]
    TopicNotMade {
        /// Whose topic.
        topic: String,
        /// Its copies.
        replication: u16,
        /// The brokers' words.
        reason: Reason,
    },

    /// Nobody leads the partition: the brokers that hold it are away.
    #[error(
        "partition 0 of topic {topic} has no leader, of its copies on brokers {replicas}: start those brokers"
    )]
    NoLeader {
        /// Whose topic.
        topic: String,
        /// Who holds the copies.
        replicas: Brokers,
    },

    /// Too few brokers are in sync for a record to be durable.
    #[error(
        "partition 0 of topic {topic} has {} copies in sync (brokers {in_sync}) of those on brokers {replicas}, \
         min.insync.replicas wants {min}: start the other brokers",
        .in_sync.0.len()
    )]
    NotEnoughReplicas {
        /// Whose topic.
        topic: String,
        /// Who is in sync.
        in_sync: Brokers,
        /// Who holds the copies.
        replicas: Brokers,
        /// How many must be in sync; 0 if the brokers did not tell.
        min: usize,
    },

    /// A broker says that the record is too large, whatever the topic's settings were when they were asked for.
    #[error(
        "topic {topic} does not take a record of {size_bytes} bytes: raise max.message.bytes of the topic, and \
         message.max.bytes and replica.fetch.max.bytes of the brokers, above the channel's AbsoluteMaxBytes"
    )]
    RecordTooLarge {
        /// Whose topic.
        topic: String,
        /// The record's size.
        size_bytes: u64,
    },

    /// Another cluster answers.
    #[error(
        "Kafka cluster {found} answers where {expected} did: look at the brokers' addresses, then restart"
    )]
    OtherCluster {
        /// Who did before.
        expected: String,
        /// Who does.
        found: String,
    },

    /// The topic was made anew, or its end was cut off and written again.
    #[error(
        "topic {topic} is not what it was: the record at offset {offset} had hash {expected}, now {found}; put the \
         topic back, or make the ledger anew"
    )]
    OtherRecords {
        /// Whose topic.
        topic: String,
        /// A record that was read before.
        offset: Offset,
        /// What it was.
        expected: RecordHash,
        /// What it is.
        found: RecordHash,
    },

    /// No cluster id: brokers before 0.10.1.
    #[error("the Kafka brokers do not tell their cluster's id: at least Kafka 0.10.1 is needed")]
    NoClusterId,

    /// A record cannot be read.
    #[error(
        "a record of topic {topic} cannot be read: {reason}; its compression or its format is not known to this build"
    )]
    Unreadable {
        /// Whose topic.
        topic: String,
        /// The library's words.
        reason: Reason,
    },

    /// The brokers say that all is well, but no answer came.
    #[error(
        "partition 0 of topic {topic}, with copies on brokers {replicas}, did not confirm a record within {} s{}; look \
         at those brokers",
        .waited.as_secs(),
        after_colon(.trouble.as_ref())
    )]
    TimedOut {
        /// Whose topic.
        topic: String,
        /// Who holds the copies, as far as was asked.
        replicas: Brokers,
        /// How long it had.
        waited: Duration,
        /// What the clients last complained about.
        trouble: Option<Reason>,
    },

    /// The brokers do not let the user write idempotently, or do not know how.
    #[error(
        "Kafka does not take idempotent records: {reason}; grant the user IDEMPOTENT_WRITE on the cluster, or switch \
         idempotence off"
    )]
    Idempotence {
        /// The library's words.
        reason: Reason,
    },

    /// The client gave up; it is made anew.
    #[error("the Kafka producer failed and is made anew: {reason}")]
    Producer {
        /// The library's words.
        reason: Reason,
    },

    /// The library gave no offset: it sent a record twice, and the brokers had forgotten the first time.
    #[error("the record was sent twice, and Kafka did not tell its offset")]
    OffsetUnknown,

    /// Anything else.
    #[error("{doing} failed: {reason}")]
    Other {
        /// What was tried.
        doing: &'static str,
        /// The library's words.
        reason: Reason,
    },
}

/// What somebody tried who puts records into a topic.
pub(super) const WRITE: &str = "write to";

/// Somebody else's words, one line of a bounded length.
#[derive(Clone, PartialEq, Eq)]
pub struct Reason(String);

/// Numbers of brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brokers(pub Vec<i32>);

fn after_colon(reason: Option<&Reason>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

impl Failure {
    /// What a code of the library means for a topic.
    pub(super) fn of_code(code: RDKafkaErrorCode, topic: &str, doing: &'static str, reason: Reason) -> Self {
        let topic = topic.to_owned();
        match code {
            RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
                Self::Unauthorised { topic, doing }
            }
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => {
                Self::Authentication { reason }
            }
            RDKafkaErrorCode::SSL => Self::Tls { reason },
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition => Self::TopicMissing { topic },
            RDKafkaErrorCode::InvalidTopic => Self::TopicName { topic },
            _ => Self::Other { doing, reason },
        }
    }

    /// Whether it may pass while nobody does anything about the settings of this node or of Kafka.
    pub(super) const fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::NoLeader { .. }
                | Self::NotEnoughReplicas { .. }
                | Self::TimedOut { .. }
                | Self::Producer { .. }
                | Self::Other { .. }
        )
    }
}

impl Failure {
    /// Whether the topic can be read all the same: only nothing is durable that is written to it now.
    #[must_use]
    pub fn lets_read(&self) -> bool {
        if let Self::Unauthorised { doing, .. } = self {
            return *doing == WRITE;
        }
        matches!(
            self,
            Self::NotEnoughReplicas { .. }
                | Self::RecordTooLarge { .. }
                | Self::TimedOut { .. }
                | Self::Idempotence { .. }
                | Self::Producer { .. }
                | Self::OffsetUnknown
                | Self::Other { .. }
        )
    }
}

impl Reason {
    /// Cuts what is too long, and escapes what is no text.
    pub(super) fn new(words: impl fmt::Display) -> Self {
        let words = words.to_string();
        let mut text = String::with_capacity(words.len());
        for letter in words.trim().chars() {
            match letter.is_control() {
                true => text.extend(letter.escape_default()),
                false => text.push(letter),
            }
        }
        if let Some((cut, _)) = text.char_indices().nth(REASON_CHARS_MAX) {
            text.truncate(cut);
            text.push('…');
        }
        Self(text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Brokers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("unknown");
        }
        for (place, id) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_a_bounded_length() {
        assert_eq!(Reason::new(" a\nb\u{1b}c \"d\" ").to_string(), "a\\nb\\u{1b}c \"d\"");
        let long = Reason::new("é".repeat(1_000)).to_string();
        assert_eq!(long.chars().count(), REASON_CHARS_MAX + 1);
        assert!(long.ends_with("é…"));
    }

    #[test]
    fn a_failure_says_what_it_counted() {
        let failure = Failure::NotEnoughReplicas {
            topic: "t".into(),
            in_sync: Brokers(vec![2]),
            replicas: Brokers(vec![1, 2, 3]),
            min: 2,
        };
        assert_eq!(
            failure.to_string(),
            "partition 0 of topic t has 1 copies in sync (brokers 2) of those on brokers 1, 2, 3, min.insync.replicas \
             wants 2: start the other brokers"
        );
        assert_eq!(Brokers::default().to_string(), "unknown");
    }

    #[test]
    fn codes_are_sorted_by_what_to_do_about_them() {
        let of = |code| Failure::of_code(code, "t", "read", Reason::new("why")).to_string();
        assert!(
            of(RDKafkaErrorCode::TopicAuthorizationFailed).starts_with("the Kafka user may not read topic t")
        );
        assert!(of(RDKafkaErrorCode::UnknownTopic).starts_with("topic t is not in Kafka any more"));
        assert!(of(RDKafkaErrorCode::Authentication).starts_with("the Kafka brokers refuse the login: why"));
        assert!(of(RDKafkaErrorCode::SSL).starts_with("TLS to the Kafka brokers fails: why"));
        assert_eq!(of(RDKafkaErrorCode::Fail), "read failed: why");
    }
}
