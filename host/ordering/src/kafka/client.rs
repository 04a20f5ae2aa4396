//! The library's clients: how they are set up, and what they say by themselves.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::lock;

use super::failure::{Brokers, Failure, OpenError, Reason};
use super::reader::{GATHERING, SILENCE};
use super::settings::{SaslMechanism, Settings};
use super::supervisor::Event;

/// What stands around a record in a request, and in a batch of one. Generous.
pub(super) const FRAME_BYTES: u64 = 512;

/// The largest that the library's limits can be.
const LIMIT_CEILING_BYTES: u64 = 1_000_000_000;

/// The group that consumers name. They join none: partitions are assigned by hand, and offsets stand in the ledger.
const GROUP: &str = "raddle";

/// What a consumer logs when it finds another topic under a name that it knows. It goes on reading there.
const TOPIC_CHANGED: &str = " changed id from ";

/// What it logs as the topic before the first.
const NO_TOPIC: &str = " from AAAAAAAAAAAAAAAAAAAAAA ";

/// Listens to a client.
#[derive(Debug)]
pub(super) struct Listener {
    events: Mutex<Sender<Event>>,
    brokers: String,
    /// The last thing that a client complained about.
    last: Mutex<Option<(RDKafkaErrorCode, Reason)>>,
    disturbances: AtomicU64,
}

/// A client's context: what the library calls.
#[derive(Clone, Debug)]
pub(super) struct Context(pub Arc<Listener>);

/// A thread that lets a client speak. Dropping it waits for what the client is saying.
#[derive(Debug)]
pub(super) struct Poller {
    should_stop: Arc<AtomicBool>,
    /// Taken when it is dropped.
    thread: Option<JoinHandle<()>>,
}

// === impl Poller ===

impl Poller {
    /// Calls `poll` over and over.
    pub(super) fn start(name: &str, poll: impl Fn() + Send + 'static) -> Result<Self, OpenError> {
        let should_stop = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&should_stop);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            while !stop.load(Ordering::Acquire) {
                poll();
            }
        });
        let thread = thread.map_err(|error| OpenError::Thread { reason: Reason::new(error) })?;
        Ok(Self { should_stop, thread: Some(thread) })
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.should_stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // Only a bug of the library ends it in a panic.
            let _ = thread.join();
        }
    }
}

// === impl Listener ===

impl Listener {
    pub(super) fn new(settings: &Settings, events: Sender<Event>) -> Self {
        let brokers = settings.brokers.join(", ");
        Self { events: Mutex::new(events), brokers, last: Mutex::default(), disturbances: AtomicU64::new(0) }
    }

    /// Tells the supervisor, which may be gone.
    pub(super) fn tell(&self, event: Event) {
        let _ = lock(&self.events).send(event);
    }

    /// Why nobody answers, as far as the clients have said.
    pub(super) fn unreachable(&self) -> Failure {
        let last = lock(&self.last).clone();
        match last {
            Some((RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed, reason)) => {
                Failure::Authentication { reason }
            }
            Some((RDKafkaErrorCode::SSL, reason)) => Failure::Tls { reason },
            Some((_, reason)) => Failure::Unreachable { brokers: self.brokers.clone(), reason },
            None => Failure::Unreachable {
                brokers: self.brokers.clone(),
                reason: Reason::new("no answer in time"),
            },
        }
    }

    /// No answer came for so long.
    pub(super) fn timed_out(&self, topic: &str, replicas: Brokers, waited: Duration) -> Failure {
        let trouble = lock(&self.last).as_ref().map(|(_, reason)| reason.clone());
        Failure::TimedOut { topic: topic.to_owned(), replicas, waited, trouble }
    }

    /// Forgets complaints, since all is well.
    pub(super) fn forget(&self) {
        lock(&self.last).take();
    }

    /// Grows whenever a topic was seen to be another one under the same name.
    pub(super) fn disturbances(&self) -> u64 {
        self.disturbances.load(Ordering::Acquire)
    }

    fn complain(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else { return };
        match code {
            // The word that comes last says the least; of what is fatal the producer itself tells more.
            RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::Fatal => self.tell(Event::Trouble),
            RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::OperationTimedOut => {
                *lock(&self.last) = Some((code, Reason::new(reason)));
                self.tell(Event::BrokerTrouble);
            }
            // Of a topic or a group: those who use the topic are told themselves, and nobody uses the group.
            _ => {}
        }
    }
}

impl ClientContext for Context {
    /// What matters comes as an error too; but that a topic was made anew is said in passing only.
    fn log(&self, _: RDKafkaLogLevel, _: &str, message: &str) {
        if message.contains(TOPIC_CHANGED) && !message.contains(NO_TOPIC) {
            self.0.disturbances.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.complain(&error, reason);
    }
}

impl ConsumerContext for Context {}

// === configurations ===

/// What all clients have in common.
pub(super) fn base(settings: &Settings) -> ClientConfig {
    let retry = &settings.retry;
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", settings.brokers.join(","))
        .set("client.id", &settings.client_id)
        .set("socket.connection.setup.timeout.ms", ms(retry.dial_timeout.max(Duration::from_secs(1))))
        .set("socket.timeout.ms", ms(retry.read_timeout))
        .set("socket.nagle.disable", "true")
        .set("retry.backoff.ms", ms(retry.backoff))
        // A broker that comes back is found within half a second.
        .set("reconnect.backoff.ms", "50")
        .set("reconnect.backoff.max.ms", "500")
        // Topics are made with the copies that the settings name, or not at all.
        .set("allow.auto.create.topics", "false")
        .set("message.max.bytes", bytes(settings.max_record_bytes))
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Emerg);
    let protocol = match (&settings.tls, &settings.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let Some(tls) = &settings.tls {
        config.set("ssl.ca.pem", &tls.root_certificates);
        if let Some(client) = &tls.client {
            config.set("ssl.certificate.pem", &client.certificate).set("ssl.key.pem", &client.key);
        }
    }
    if let Some(sasl) = &settings.sasl {
        let mechanism = match sasl.mechanism {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        };
        config
            .set("sasl.mechanism", mechanism)
            .set("sasl.username", &sasl.user)
            .set("sasl.password", &sasl.password);
    }
    config
}

/// What the producer has.
pub(super) fn producer(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    config
        .set("acks", "all")
        .set("enable.idempotence", settings.is_idempotent.to_string())
        // An idempotent producer keeps the order with several requests under way; no other does.
        .set("max.in.flight.requests.per.connection", if settings.is_idempotent { "5" } else { "1" })
        // What stands ready goes out together; nothing waits for company.
        .set("queue.buffering.max.ms", "0")
        // Each channel has a budget of its own.
        .set("queue.buffering.max.messages", "0")
        .set("queue.buffering.max.kbytes", "2147483647")
        .set("compression.codec", "none")
        .set("request.timeout.ms", ms(settings.retry.read_timeout.min(settings.append_timeout)))
        // Whoever waits is answered in time, see `Channel::expire_sent`.
        .set("message.timeout.ms", "0");
    config
}

/// What consumers have.
pub(super) fn consumer(settings: &Settings) -> ClientConfig {
    let mut config = base(settings);
    let largest = settings.max_record_bytes.saturating_add(64 << 20);
    config
        .set("group.id", GROUP)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Never elsewhere than where the ledger ends.
        .set("auto.offset.reset", "error")
        // Go orderers read what a transaction left behind, so everybody must.
        .set("isolation.level", "read_uncommitted")
        .set("check.crcs", "true")
        // For what it says of topics that were made anew.
        .set("debug", "metadata")
        .set_log_level(RDKafkaLogLevel::Debug)
        .set("fetch.min.bytes", "1")
        .set("fetch.error.backoff.ms", "100")
        // While a record waits to be taken no more are fetched, see `reader::GATHERING`.
        .set("queued.min.messages", "1")
        .set("queued.max.messages.kbytes", (settings.read_ahead_bytes >> 10).clamp(1, 2_097_151).to_string())
        .set("fetch.queue.backoff.ms", ms(GATHERING))
        // One request to a broker is under way at a time, for all channels that have nothing waiting. A channel whose
        // records have just been taken is in the next one, and must not wait for the silence of the others to end.
        .set("fetch.wait.max.ms", ms(SILENCE))
        .set("receive.message.max.bytes", largest.clamp(100_000_000, 2_147_483_647).to_string());
    config
}

fn ms(duration: Duration) -> String {
    duration.as_millis().clamp(1, 900_000).to_string()
}

fn bytes(record_bytes: u64) -> String {
    record_bytes.saturating_add(FRAME_BYTES).clamp(1_000, LIMIT_CEILING_BYTES).to_string()
}
