//! The ordered log in a Kafka cluster: a topic for each channel, one partition, Fabric's records.
//!
//! ```text
//!  append ─▶ Channel: budget, place ─▶ Producer ─▶ topic CHANNEL, partition 0, key "0" ─▶ Consumer ─▶ read
//!               ▲ holds, opens, shuts      │ answers, complaints
//!               └─────── Supervisor ◀──────┘
//! ```
//!
//! One producer serves all channels, and as few consumers as can be: one, and one more for those who look something up.
//! Appends of a channel go to the producer in the order of the calls, many under way at once; the library batches them
//! and keeps their order, retries included. A record is durable when all replicas in sync have it.
//!
//! # What the supervisor does
//!
//! It makes a channel's topic if there is none, with the copies that the settings name, and appends the greeting. Then
//! the channel is [`Ready`](crate::Readiness::Ready). Whenever the brokers complain, or an answer is late, it looks at
//! the topic: why nothing goes on stands in [`Unavailable`](crate::Readiness::Unavailable), with a [`Failure`] as its
//! cause, until it goes on. Appends wait meanwhile, at most [`Settings::append_timeout`]; when the channel has not
//! worked for so long, or cannot without somebody's help, they fail at the call. It never gives up, and no other
//! channel suffers. A record that was sent stays with the producer when its append has failed for the time it took: the
//! outcome is unknown until the brokers are back, and a record that was given up could come twice.
//!
//! A producer that the library gives up is dropped with what it had, and another takes its place.
//!
//! # What makes sure that it is the same log
//!
//! The cluster's id never changes while the log is open. A reader's place is never moved: where the topic does not have
//! it, the reader ends. Every ten seconds, and whenever it was disturbed, a reader reads again what it has read before,
//! and ends if it differs. A topic that was there is not made again while the log is open.

mod channel;
mod client;
mod consumer;
mod failure;
pub mod inspect;
mod producer;
mod reader;
mod settings;
mod supervisor;
mod topic;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread::JoinHandle;

use bytes::Bytes;
use raddle_core::ids::{ChannelId, Offset};
use tokio::sync::watch;

use crate::{Append, OrderedLog, Readiness, RecordHash, RecordHashFuture, Records, lock};
use channel::{Channel, Limits};
use client::Listener;
use consumer::Consumers;
use producer::{Producer, Producers};
use reader::Reader;
use supervisor::{Event, Supervisor};

pub use failure::{Brokers, Failure, OpenError, Reason};
pub use settings::{HAS_TLS, Retry, Sasl, SaslMechanism, Settings, Tls, TlsClient};

/// The ordered log in a Kafka cluster.
///
/// Dropping it waits until what was sent is answered, at most [`Settings::append_timeout`], and not at all while no
/// channel works; what was not yet sent is answered with [`AppendError::Closed`](crate::AppendError::Closed), and so
/// are all readers.
///
/// Every channel that was ever asked for has a topic, so ask for channels that exist.
#[derive(Debug)]
pub struct KafkaLog {
    shared: Arc<Shared>,
    /// Taken when the log is dropped.
    supervisor: Option<JoinHandle<()>>,
}

/// What callers, readers and the supervisor share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    listener: Arc<Listener>,
    producers: Producers,
    consumers: Arc<Consumers>,
    channels: Mutex<HashMap<ChannelId, Arc<Channel>>>,
    /// The id of the cluster that answered first.
    cluster: OnceLock<String>,
    /// Changes about every second.
    tick: watch::Sender<u64>,
    is_closed: AtomicBool,
}

impl KafkaLog {
    /// Opens the log. It does not wait for the brokers; [`OrderedLog::state`] tells of them.
    ///
    /// # Errors
    ///
    /// The settings are wrong, or the system gives no threads.
    pub fn open(settings: Settings) -> Result<Self, OpenError> {
        settings.check()?;
        let (sender, events) = mpsc::channel();
        let listener = Arc::new(Listener::new(&settings, sender));
        let producer = Producer::start(&settings, &listener)?;
        let consumers = Consumers::new(settings.clone(), Arc::clone(&listener))?;
        let shared = Arc::new(Shared {
            settings,
            listener,
            producers: Producers::new(producer),
            consumers: Arc::new(consumers),
            channels: Mutex::default(),
            cluster: OnceLock::new(),
            tick: watch::Sender::new(0),
            is_closed: AtomicBool::new(false),
        });
        let supervisor = Supervisor::new(Arc::clone(&shared), events);
        let thread = std::thread::Builder::new().name("kafka-supervisor".to_owned());
        let supervisor = thread
            .spawn(move || supervisor.run())
            .map_err(|error| OpenError::Thread { reason: Reason::new(error) })?;
        Ok(Self { shared, supervisor: Some(supervisor) })
    }

    fn channel(&self, id: &ChannelId) -> Arc<Channel> {
        self.shared.channel(id)
    }
}

impl OrderedLog for KafkaLog {
    fn append(&self, channel: &ChannelId, record: Bytes) -> Append {
        let Settings { max_in_flight_bytes, append_timeout, .. } = self.shared.settings;
        self.channel(channel).append(
            record,
            Limits { max_in_flight_bytes, append_timeout },
            &self.shared.producers,
        )
    }

    /// Records fail one by one, when their time is over.
    fn fails_in_order(&self) -> bool {
        false
    }

    fn record_bytes_max(&self, channel: &ChannelId) -> Option<u64> {
        self.channel(channel).max_record_bytes()
    }

    fn read(&self, channel: &ChannelId, from: Offset) -> Records {
        let reader = Reader::new(Arc::clone(&self.shared), self.channel(channel), from);
        Records::of(reader)
    }

    fn state(&self, channel: &ChannelId) -> watch::Receiver<Readiness> {
        self.channel(channel).watch()
    }

    fn record_hash(&self, channel: &ChannelId, offset: Offset) -> RecordHashFuture {
        let reader = Reader::new(Arc::clone(&self.shared), self.channel(channel), offset);
        Box::pin(async move { Ok(RecordHash::of(&reader.record().await?)) })
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::Release);
        self.shared.listener.tell(Event::Close);
        if let Some(supervisor) = self.supervisor.take() {
            // Only a bug ends it in a panic; what is on its way is answered as the producer is dropped.
            let _ = supervisor.join();
        }
    }
}

// === impl Shared ===

impl Shared {
    /// The channel of that id; a new one gets the supervisor's attention.
    fn channel(&self, id: &ChannelId) -> Arc<Channel> {
        let mut channels = lock(&self.channels);
        if let Some(channel) = channels.get(id) {
            return Arc::clone(channel);
        }
        let channel = Arc::new(Channel::new(id.clone(), self.settings.max_record_bytes));
        channels.insert(id.clone(), Arc::clone(&channel));
        self.listener.tell(Event::Channel(Arc::clone(&channel)));
        channel
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}
