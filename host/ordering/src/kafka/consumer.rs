//! Consumers: as few as can be, each for all topics that somebody reads once.
//!
//! A library's consumer reads a topic at one place. So a second reader of a topic gets another consumer, which then
//! serves second readers of other topics too.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use raddle_core::ids::Offset;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::{Offset as Place, TopicPartitionList};
use tokio::sync::Notify;

use crate::lock;

use super::client::{self, Context, Listener, Poller};
use super::failure::{Brokers, Failure, OpenError, Reason};
use super::producer::PARTITION;
use super::settings::Settings;

/// How long the thread may sleep when the client has nothing to say.
const POLL: Duration = Duration::from_millis(200);

/// Consumers that stay when nobody reads through them: one for the drivers, one for looking things up.
const IDLE_MAX: usize = 2;

/// A consumer, and the thread that listens to it.
pub(super) struct Consumer {
    // Dropped before the client.
    _poller: Poller,
    client: Arc<BaseConsumer<Context>>,
    listener: Arc<Listener>,
    /// The topics that somebody reads through it.
    taken: Mutex<HashSet<String>>,
}

/// All consumers of a log.
#[derive(Debug)]
pub(super) struct Consumers {
    settings: Settings,
    listener: Arc<Listener>,
    all: Mutex<Vec<Arc<Consumer>>>,
}

/// One reader's place in a topic. Dropping it ends the reading.
pub(super) struct Reading {
    queue: PartitionQueue<Context>,
    arrived: Arc<Notify>,
    topic: String,
    consumer: Arc<Consumer>,
    consumers: Arc<Consumers>,
}

// === impl Consumers ===

impl Consumers {
    pub(super) fn new(settings: Settings, listener: Arc<Listener>) -> Result<Self, OpenError> {
        let first = Consumer::start(&settings, &listener)?;
        Ok(Self { settings, listener, all: Mutex::new(vec![Arc::new(first)]) })
    }

    /// The one that is always there, to ask about topics.
    pub(super) fn first(&self) -> Option<Arc<Consumer>> {
        lock(&self.all).first().map(Arc::clone)
    }

    /// Reads a topic from a place on.
    pub(super) fn read(self: &Arc<Self>, topic: &str, from: Offset) -> Result<Reading, Failure> {
        let consumer = self.take(topic)?;
        let reading = consumer.assign(topic, from);
        let (queue, arrived) = reading.inspect_err(|_| self.give_back(&consumer, topic))?;
        Ok(Reading { queue, arrived, topic: topic.to_owned(), consumer, consumers: Arc::clone(self) })
    }

    /// A consumer through which nobody reads the topic.
    fn take(&self, topic: &str) -> Result<Arc<Consumer>, Failure> {
        let mut all = lock(&self.all);
        if let Some(free) = all.iter().find(|it| lock(&it.taken).insert(topic.to_owned())) {
            return Ok(Arc::clone(free));
        }
        let new = Consumer::start(&self.settings, &self.listener).map_err(|error| Failure::Other {
            doing: "starting another Kafka consumer",
            reason: Reason::new(error),
        })?;
        lock(&new.taken).insert(topic.to_owned());
        let new = Arc::new(new);
        all.push(Arc::clone(&new));
        Ok(new)
    }

    fn give_back(&self, consumer: &Arc<Consumer>, topic: &str) {
        let mut all = lock(&self.all);
        lock(&consumer.taken).remove(topic);
        while all.len() > IDLE_MAX && all.last().is_some_and(|last| lock(&last.taken).is_empty()) {
            all.pop();
        }
    }
}

// === impl Consumer ===

impl Consumer {
    pub(super) fn start(settings: &Settings, listener: &Arc<Listener>) -> Result<Self, OpenError> {
        let config = client::consumer(settings);
        let client: BaseConsumer<Context> = config
            .create_with_context(Context(Arc::clone(listener)))
            .map_err(|error| OpenError::Client { reason: Reason::new(error) })?;
        let client = Arc::new(client);
        let polled = Arc::clone(&client);
        // Records come through queues of their own; what comes here, the context was told.
        let poller = Poller::start("kafka-consumer", move || drop(polled.poll(POLL)))?;
        Ok(Self { _poller: poller, client, listener: Arc::clone(listener), taken: Mutex::default() })
    }

    fn assign(&self, topic: &str, from: Offset) -> Result<(PartitionQueue<Context>, Arc<Notify>), Failure> {
        let failed = |reason| Failure::Other { doing: "beginning to read a topic", reason };
        // Before the assignment, so that no record goes to the common queue.
        let queue = self.client.split_partition_queue(topic, PARTITION);
        let mut queue = queue.ok_or_else(|| failed(Reason::new("the topic has no queue")))?;
        let arrived = Arc::new(Notify::new());
        let notify = Arc::clone(&arrived);
        queue.set_nonempty_callback(move || notify.notify_one());
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(topic, PARTITION, Place::Offset(from.0));
        added.map_err(|error| failed(Reason::new(error)))?;
        self.client.incremental_assign(&list).map_err(|error| failed(Reason::new(error)))?;
        Ok((queue, arrived))
    }

    /// What the brokers say of a topic.
    pub(super) fn metadata(&self, topic: &str, timeout: Duration) -> Result<Metadata, Failure> {
        self.client.fetch_metadata(Some(topic), timeout).map_err(|error| self.failed(&error, topic, "see"))
    }

    /// What the brokers say of themselves, and of all topics that the user may see.
    pub(super) fn cluster(&self, timeout: Duration) -> Result<Metadata, Failure> {
        self.client.fetch_metadata(None, timeout).map_err(|error| self.failed(&error, "", "see"))
    }

    /// The topic's first offset, and the one after its last.
    pub(super) fn bounds(&self, topic: &str, timeout: Duration) -> Result<(Offset, Offset), Failure> {
        let bounds = self.client.fetch_watermarks(topic, PARTITION, timeout);
        let (first, end) = bounds.map_err(|error| self.failed(&error, topic, "read"))?;
        Ok((Offset(first), Offset(end)))
    }

    /// The cluster's id, if one has ever been told.
    pub(super) fn cluster_id(&self, timeout: Duration) -> Option<String> {
        self.client.client().fetch_cluster_id(timeout)
    }

    fn failed(&self, error: &KafkaError, topic: &str, doing: &'static str) -> Failure {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::Resolve,
            )
            | None => self.listener.unreachable(),
            Some(RDKafkaErrorCode::LeaderNotAvailable | RDKafkaErrorCode::NotLeaderForPartition) => {
                Failure::NoLeader { topic: topic.to_owned(), replicas: Brokers::default() }
            }
            Some(code) => Failure::of_code(code, topic, doing, Reason::new(code)),
        }
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("taken", &self.taken).finish_non_exhaustive()
    }
}

// === impl Reading ===

impl Reading {
    pub(super) fn queue(&self) -> &PartitionQueue<Context> {
        &self.queue
    }

    /// Wakes when something has arrived since the queue was last empty.
    pub(super) fn arrived(&self) -> Arc<Notify> {
        Arc::clone(&self.arrived)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, PARTITION);
        // It fails only where the client is broken, and then it reads nothing.
        let _ = self.consumer.client.incremental_unassign(&list);
        self.consumers.give_back(&self.consumer, &self.topic);
    }
}
