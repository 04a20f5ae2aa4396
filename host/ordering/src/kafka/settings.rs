//! What can be set about a Kafka log.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::failure::OpenError;

/// Whether the library was built with TLS, and with SCRAM, which rests on it.
pub const HAS_TLS: bool = cfg!(any(feature = "tls", feature = "tls-system"));

/// What can be set about a Kafka log: the `Kafka:` section of `orderer.yaml`, and limits of our own.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The brokers to ask first, each `host:port`. They name the others.
    pub brokers: Vec<String>,
    /// How the client calls itself in the brokers' logs and quotas.
    pub client_id: String,
    /// TLS towards the brokers; none speaks in the clear.
    pub tls: Option<Tls>,
    /// Who the client is to the brokers; none is nobody.
    pub sasl: Option<Sasl>,
    /// How often what failed is tried again, and how long the network may take.
    pub retry: Retry,
    /// How many brokers hold a copy of each topic that this log makes. Topics that are there stay as they are.
    pub topic_replication: u16,
    /// Whether the brokers drop what a retry sends again. Without it one request is under way at a time, since a retry
    /// could overtake another; and a record may be in the log twice.
    pub is_idempotent: bool,
    /// What is appended to a channel's topic whenever the log begins to serve it, to prove that the topic takes
    /// records. Fabric has CONNECT for it. With none the log proves only that the topic has a leader.
    pub greeting: Option<Bytes>,
    /// The largest record that is taken. A topic's own limit, where it is known and smaller, comes before it.
    pub max_record_bytes: u64,
    /// The budget of each channel for records that are on their way; each counts 128 bytes more than it has. A channel
    /// that has nothing on its way may always append one record.
    pub max_in_flight_bytes: u64,
    /// How much of each topic is fetched before it is asked for. One record is, however large.
    pub read_ahead_bytes: u64,
    /// How long an append may wait: for a log that does not work, and for the brokers' answer. What librdkafka calls
    /// `delivery.timeout.ms`, counted from the append.
    ///
    /// Differs: in Fabric `Kafka.Retry.Producer.RetryMax` tries bound it.
    pub append_timeout: Duration,
}

/// TLS towards brokers. All texts are PEM.
#[derive(Clone)]
pub struct Tls {
    /// Whom the brokers' certificates must come from.
    pub root_certificates: String,
    /// The client's own certificate and its key, for brokers that ask for them.
    pub client: Option<TlsClient>,
}

/// A certificate and its key.
#[derive(Clone)]
pub struct TlsClient {
    /// The certificate, PEM.
    pub certificate: String,
    /// The key, PEM.
    pub key: String,
}

/// A user of the brokers.
#[derive(Clone)]
pub struct Sasl {
    /// How the password is proved.
    pub mechanism: SaslMechanism,
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

/// How a password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Sent as it is: for TLS only, or a network that nobody listens to.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

/// How often what failed is tried again, and how long the network may take.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Between tries at first.
    pub short_interval: Duration,
    /// How long tries are that often.
    pub short_total: Duration,
    /// Between tries from then on, for ever.
    pub long_interval: Duration,
    /// For a connection to a broker, TLS and SASL included; at least 1 s.
    pub dial_timeout: Duration,
    /// For the answer to a request.
    pub read_timeout: Duration,
    /// Before a request that failed is sent again.
    pub backoff: Duration,
}

impl Default for Settings {
    /// No brokers; the rest is as Fabric's orderer has it, where it has it.
    fn default() -> Self {
        Self {
            brokers: Vec::new(),
            client_id: "raddle".to_owned(),
            tls: None,
            sasl: None,
            retry: Retry::default(),
            topic_replication: 3,
            is_idempotent: true,
            greeting: None,
            // 100 MiB - 1 MiB, as sarama is set up by Fabric.
            max_record_bytes: 99 << 20,
            max_in_flight_bytes: 64 << 20,
            read_ahead_bytes: 16 << 20,
            append_timeout: Duration::from_secs(20),
        }
    }
}

impl Default for Retry {
    /// As Fabric's sample configuration has it.
    fn default() -> Self {
        Self {
            short_interval: Duration::from_secs(5),
            short_total: Duration::from_secs(600),
            long_interval: Duration::from_secs(300),
            dial_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(10),
            backoff: Duration::from_millis(100),
        }
    }
}

impl Settings {
    /// Checks that there are brokers, and that this build can speak to them as the settings want.
    ///
    /// # Errors
    ///
    /// [`OpenError::NoBrokers`], [`OpenError::Broker`] and [`OpenError::NoTls`].
    pub fn check(&self) -> Result<(), OpenError> {
        if self.brokers.is_empty() {
            return Err(OpenError::NoBrokers);
        }
        if let Some(broker) = self.brokers.iter().find(|it| !is_address(it)) {
            return Err(OpenError::Broker { broker: broker.clone() });
        }
        let is_scram = self.sasl.as_ref().is_some_and(|it| it.mechanism != SaslMechanism::Plain);
        if !HAS_TLS && (self.tls.is_some() || is_scram) {
            return Err(OpenError::NoTls { wanted: if is_scram { "SASL/SCRAM" } else { "TLS" } });
        }
        Ok(())
    }
}

/// `host:port`, the host without a comma, which would make it two.
fn is_address(broker: &str) -> bool {
    let parts = broker.rsplit_once(':');
    parts.is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains([',', '/', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

// === secrets ===

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("has_client", &self.client.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mechanism, user, password: _ } = self;
        f.debug_struct("Sasl").field("mechanism", mechanism).field("user", user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn brokers_are_addresses_and_at_least_one() {
        let check = |brokers: &[&str]| {
            let brokers = brokers.iter().map(|it| (*it).to_owned()).collect();
            Settings { brokers, ..Settings::default() }.check().map_err(|error| error.to_string())
        };
        check(&["localhost:9092", "[::1]:9092"]).unwrap();
        assert!(check(&[]).unwrap_err().starts_with("no Kafka broker is named"));
        for broker in ["localhost", ":9092", "localhost:", "a:0", "a:70000", "a:1,b:2", "http://a:1", ""] {
            let text = check(&["a:1", broker]).unwrap_err();
            assert_eq!(
                text,
                format!("the Kafka broker `{broker}` is not a host and a port, such as kafka0:9092")
            );
        }
    }

    #[test]
    fn what_the_build_cannot_do_is_said_with_the_remedy() {
        let sasl = |mechanism| Sasl { mechanism, user: "u".into(), password: "p".into() };
        let base = Settings { brokers: vec!["a:1".into()], ..Settings::default() };
        let plain = Settings { sasl: Some(sasl(SaslMechanism::Plain)), ..base.clone() };
        plain.check().unwrap();
        let tls = Tls { root_certificates: String::new(), client: None };
        let cases = [
            ("TLS", Settings { tls: Some(tls), ..base.clone() }),
            ("SASL/SCRAM", Settings { sasl: Some(sasl(SaslMechanism::ScramSha512)), ..base }),
        ];
        for (wanted, settings) in cases {
            let expected = format!(
                "this build of Raddle has no {wanted} for Kafka: build it with `--features kafka-tls`, or `--features \
                 kafka-tls-system` where OpenSSL's headers are installed"
            );
            let found = settings.check().err().map(|error| error.to_string());
            assert_eq!(found, (!HAS_TLS).then_some(expected));
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let client = TlsClient { certificate: "secret".into(), key: "secret".into() };
        let settings = Settings {
            tls: Some(Tls { root_certificates: "secret".into(), client: Some(client.clone()) }),
            sasl: Some(Sasl {
                mechanism: SaslMechanism::Plain,
                user: "ann".into(),
                password: "secret".into(),
            }),
            ..Settings::default()
        };
        let shown = format!("{settings:?} {client:?}");
        assert!(shown.contains("ann") && !shown.contains("secret"), "{shown}");
    }
}
