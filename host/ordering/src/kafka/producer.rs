//! The producer that all channels share, and its thread.

use std::sync::{Arc, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use raddle_core::ids::Offset;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext, PurgeConfig,
};

use super::channel::Sent;
use super::client::{self, Context, Listener, Poller};
use super::failure::{Failure, OpenError, Reason};
use super::settings::Settings;

/// The key of every record, as Fabric writes it.
pub(super) const KEY: &[u8] = b"0";

/// The partition that holds a channel.
pub(super) const PARTITION: i32 = 0;

/// How long the thread may sleep when the client has nothing to say. A stop waits for it, and the library spins through
/// the last millisecond of it.
const POLL: Duration = Duration::from_millis(500);

/// A producer, and the thread that hands out its answers.
#[derive(Debug)]
pub(super) struct Producer {
    // Dropped before the client, which gives up what it still has, and answers it, as it is dropped.
    _poller: Poller,
    client: Arc<Client>,
}

/// The library's producer.
pub(super) struct Client(BaseProducer<Delivery>);

/// What the library calls.
struct Delivery {
    context: Context,
    /// Whose answers they are.
    client: OnceLock<Weak<Client>>,
}

/// The producer in use. It is replaced when the library gives it up.
#[derive(Debug)]
pub(super) struct Producers(RwLock<Arc<Producer>>);

// === impl Producers ===

impl Producers {
    pub(super) fn new(producer: Producer) -> Self {
        Self(RwLock::new(Arc::new(producer)))
    }

    pub(super) fn current(&self) -> Arc<Producer> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in its place.
    pub(super) fn replace(&self, producer: Producer) -> Arc<Producer> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, Arc::new(producer))
    }
}

// === impl Producer ===

impl Producer {
    pub(super) fn start(settings: &Settings, listener: &Arc<Listener>) -> Result<Self, OpenError> {
        let delivery = Delivery { context: Context(Arc::clone(listener)), client: OnceLock::new() };
        let client = client::producer(settings).create_with_context(delivery);
        let client = client.map_err(|error| OpenError::Client { reason: Reason::new(error) })?;
        let client = Arc::new(Client(client));
        // Set once, just here.
        let _ = client.0.context().client.set(Arc::downgrade(&client));
        let polled = Arc::clone(&client);
        let poller = Poller::start("kafka-producer", move || polled.0.poll(POLL))?;
        Ok(Self { _poller: poller, client })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Why the library has given it up, if it has.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.client.failure()
    }

    /// Waits until all is answered, or the time is over; then answers what is left.
    pub(super) fn finish(&self, timeout: Duration) {
        if self.client.0.flush(timeout).is_err() {
            self.client.0.purge(PurgeConfig::default().queue().inflight());
            // The thread hands out these answers too.
            let _ = self.client.0.flush(POLL);
        }
    }
}

// === impl Client ===

impl Client {
    /// Why the library has given it up, if it has.
    pub(super) fn failure(&self) -> Option<Failure> {
        let (code, words) = self.0.client().fatal_error()?;
        let reason = Reason::new(words);
        Some(match code {
            RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::UnsupportedVersion => Failure::Idempotence { reason },
            _ => Failure::Producer { reason },
        })
    }

    /// Puts a record at the end of its channel.
    ///
    /// # Errors
    ///
    /// The library does not take it; the record comes back.
    pub(super) fn send(&self, value: &Bytes, sent: Sent) -> Result<(), (KafkaError, Box<Sent>)> {
        let topic = sent.topic().to_owned();
        let record = BaseRecord::with_opaque_to(&topic, Box::new(sent)).partition(PARTITION);
        let sending = self.0.send(record.key(KEY).payload(&value[..]));
        sending.map_err(|(error, record)| (error, record.delivery_opaque))
    }
}

// === impl Delivery ===

impl ClientContext for Delivery {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ProducerContext for Delivery {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<Sent>) {
        let outcome = match result {
            Ok(message) => Ok(Offset(message.offset())),
            Err((error, _)) => Err(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        let client = self.client.get().and_then(Weak::upgrade);
        (*sent).settle(outcome, &self.context.0, client.as_deref());
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
