//! Whether a Kafka cluster is set up as orderers need it: what was found, what is wanted, why, and what to do.
//!
//! [`check`] judges what [`raddle_ordering::kafka::inspect`] has seen; it asks nobody.
//!
//! [`node`] looks at what a node rests on beside it, on its own machine.
//!
//! Source: fabric v2.5.16 `docs/source/kafka.rst`, which names the settings.

mod brokers;
pub mod node;
mod remedy;
#[cfg(test)]
mod tests;
mod topics;

use raddle_core::ids::ChannelId;
use raddle_ordering::kafka::inspect::{Cluster, Configs, Unseen};
use serde::Serialize;

pub use remedy::Tools;

/// Said with every report.
pub const TRUST: &str = "whoever may write to a channel's topic can order what it likes, past all filters: let nobody \
                         write but the channel's orderers";

/// What stands around an envelope in a record, generously; Fabric's manual has the same.
const AROUND_BYTES: u64 = 1 << 20;

/// Fewest copies of a topic with which a broker may be away and every record still be on two.
const COPIES_MIN: u64 = 3;

/// What a cluster is to be good for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// `Kafka.Topic.ReplicationFactor`.
    pub replication: u16,
    /// The channels that it orders.
    pub channels: Vec<Channel>,
    /// How Kafka's own tools reach it.
    pub tools: Tools,
}

/// A channel that the cluster orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its id, and its topic's name.
    pub id: ChannelId,
    /// Its `BatchSize.AbsoluteMaxBytes`, if its config could be read.
    pub absolute_max_bytes: Option<u64>,
    /// The id of the cluster that its ledger was built from, if it was.
    pub built_from: Option<String>,
}

/// A thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// Whose it is: brokers, or a topic.
    pub subject: String,
    /// What it is: a setting by Kafka's name for it, or a few words.
    pub what: String,
    /// What it was found to be.
    pub found: String,
    /// What it should be.
    pub wanted: String,
    /// What comes of it otherwise.
    pub why: String,
    /// What to do, a command or a sentence each. Empty where all is well, or nothing can be done.
    pub remedy: Vec<String>,
}

/// Whether a thing is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Ok,
    /// It need not be mended, but should be known.
    Warning,
    /// It could not be seen.
    Unseen,
    /// It must be mended.
    Wrong,
}

/// Judges a cluster: first its brokers, then each topic.
#[must_use]
pub fn check(cluster: &Cluster, wanted: &Wanted) -> Vec<Finding> {
    let mut findings = brokers::check(cluster, wanted);
    for topic in &cluster.topics {
        findings.extend(topics::check(topic, cluster, wanted));
    }
    findings
}

impl Verdict {
    /// In one word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Unseen => "unseen",
            Self::Wrong => "wrong",
        }
    }

    const fn of(is_good: bool, otherwise: Self) -> Self {
        if is_good { Self::Ok } else { otherwise }
    }
}

impl Wanted {
    /// How many copies a topic should have.
    fn copies(&self) -> u64 {
        COPIES_MIN.max(self.replication.into())
    }

    fn channel(&self, topic: &str) -> Option<&Channel> {
        self.channels.iter().find(|it| it.id.0 == topic)
    }

    /// The channel with the largest records.
    fn largest(&self) -> Option<(&Channel, u64)> {
        let sized = self.channels.iter().filter_map(|it| Some((it, it.record_bytes()?)));
        sized.max_by_key(|(_, bytes)| *bytes)
    }
}

impl Channel {
    /// What its topic must take in one record.
    fn record_bytes(&self) -> Option<u64> {
        Some(self.absolute_max_bytes?.saturating_add(AROUND_BYTES))
    }

    fn why_bytes(&self) -> String {
        let bytes = self.absolute_max_bytes.unwrap_or_default();
        format!(
            "channel {} takes envelopes of {bytes} bytes (AbsoluteMaxBytes), and 1 MiB is for what stands around them",
            self.id
        )
    }
}

impl Finding {
    fn new(verdict: Verdict, subject: &str, what: &str) -> Self {
        Self {
            verdict,
            subject: subject.to_owned(),
            what: what.to_owned(),
            found: String::new(),
            wanted: String::new(),
            why: String::new(),
            remedy: Vec::new(),
        }
    }

    fn found(self, found: impl ToString) -> Self {
        Self { found: found.to_string(), ..self }
    }

    fn wanted(self, wanted: impl ToString) -> Self {
        Self { wanted: wanted.to_string(), ..self }
    }

    fn why(self, why: impl ToString) -> Self {
        Self { why: why.to_string(), ..self }
    }

    /// What to do, unless all is well.
    fn remedy(self, remedy: impl IntoIterator<Item = String>) -> Self {
        match self.verdict {
            Verdict::Ok => self,
            _ => Self { remedy: remedy.into_iter().collect(), ..self },
        }
    }

    /// Something that could not be looked at.
    fn unseen(subject: &str, what: &str, cause: &Unseen, remedy: String) -> Self {
        let (found, remedy) = match cause {
            Unseen::Denied => ("denied", vec![remedy]),
            Unseen::Failed(_) => ("not told", Vec::new()),
        };
        let finding = Self::new(Verdict::Unseen, subject, what).found(found).wanted("to be seen");
        finding.why(format!("{cause}; what cannot be seen is not checked")).remedy(remedy)
    }
}

/// What a setting should be.
struct Rule {
    wanted: String,
    /// What to set it to where it is not.
    value: String,
    why: String,
    otherwise: Verdict,
    test: Box<dyn Fn(&str) -> bool>,
}

impl Rule {
    fn is(value: &str, why: &str) -> Self {
        let wanted = value.to_owned();
        let test = Box::new(move |found: &str| found == wanted);
        let (wanted, value) = (value.to_owned(), value.to_owned());
        Self { wanted, value, why: why.to_owned(), otherwise: Verdict::Wrong, test }
    }

    fn at_least(least: u64, why: &str) -> Self {
        Self {
            wanted: format!("{least} or more"),
            value: least.to_string(),
            why: why.to_owned(),
            otherwise: Verdict::Wrong,
            test: Box::new(move |found| found.parse::<u64>().is_ok_and(|found| found >= least)),
        }
    }

    /// How many copies must be in sync for a record to be taken.
    fn in_sync(copies: u64) -> Self {
        Self {
            wanted: format!("2 or more, below {copies}"),
            value: "2".to_owned(),
            why: "below 2, what was acknowledged is lost with one broker; without one to spare, nothing is ordered \
                  while a broker is away"
                .to_owned(),
            otherwise: Verdict::Wrong,
            test: Box::new(move |found| found.parse::<u64>().is_ok_and(|found| found >= 2 && found < copies)),
        }
    }

    /// That only brokers with all records may lead.
    fn no_unclean_leader() -> Self {
        Self::is("false", "else a broker leads that lacks records, and what was acknowledged is lost")
    }
}

const WHY_KEPT: &str = "an orderer that is new, or was away for longer, reads what is gone then";
const WHY_NOT_COMPACTED: &str = "all records have one key: compacting leaves the last";

fn value<'a>(configs: &'a Configs, name: &str) -> Option<&'a str> {
    configs.get(name)?.value.as_deref()
}

fn number(configs: &Configs, name: &str) -> Option<u64> {
    value(configs, name)?.parse().ok()
}

/// Numbers of brokers in words.
fn brokers_of(ids: &[i32]) -> String {
    let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
    match list.as_slice() {
        [] => "no broker".to_owned(),
        [one] => format!("broker {one}"),
        several => format!("brokers {}", several.join(", ")),
    }
}
