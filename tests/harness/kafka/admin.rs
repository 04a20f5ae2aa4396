//! What an operator does to a topic, what any Kafka client sees in it, and what somebody else may write to it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use raddle_core::ids::ChannelId;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

use super::Broker;
use crate::eventually::eventually_blocking;

/// After this a test that waits for something has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// On a thread of its own, so that tests which are tasks themselves may wait here too.
fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let waiting = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("nothing happens") })
    };
    std::thread::scope(|scope| scope.spawn(waiting).join().unwrap())
}

pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    address: String,
}

/// A record as any client sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Vec<u8>,
    pub headers: usize,
}

impl Admin {
    pub fn new(broker: &Broker) -> Self {
        Self::at(broker.address())
    }

    /// By an address of a broker's.
    pub fn at(address: String) -> Self {
        let client = ClientConfig::new().set("bootstrap.servers", &address).create().unwrap();
        Self { client, address }
    }

    pub fn make(&self, channel: &ChannelId, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(&channel.0, 1, TopicReplication::Fixed(1));
        topic.config = settings.to_vec();
        let made = block_on(self.client.create_topics([&topic], &AdminOptions::new())).unwrap();
        assert!(made[0].is_ok(), "{made:?}");
    }

    pub fn delete(&self, channel: &ChannelId) {
        let gone = block_on(self.client.delete_topics(&[&channel.0], &AdminOptions::new())).unwrap();
        assert!(gone[0].is_ok(), "{gone:?}");
        // The brokers forget a topic some time after they have agreed to.
        eventually_blocking("the topic is gone", || self.partitions(channel) == 0);
    }

    pub fn set(&self, channel: &ChannelId, key: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(&channel.0)).set(key, value);
        let set = block_on(self.client.alter_configs([&change], &AdminOptions::new())).unwrap();
        assert!(set[0].is_ok(), "{set:?}");
    }

    /// Takes all records before an offset away, as retention does.
    pub fn forget_before(&self, channel: &ChannelId, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&channel.0, 0, Offset::Offset(offset)).unwrap();
        let list = block_on(self.client.delete_records(&list, &AdminOptions::new())).unwrap();
        list.elements()[0].error().unwrap();
    }

    /// The offset after the last record of a topic.
    pub fn end(&self, channel: &ChannelId) -> i64 {
        self.client.inner().fetch_watermarks(&channel.0, 0, PATIENCE).unwrap().1
    }

    /// How many partitions a topic has; 0 if there is none.
    pub fn partitions(&self, channel: &ChannelId) -> usize {
        let metadata = self.client.inner().fetch_metadata(None, PATIENCE).unwrap();
        metadata.topics().iter().find(|it| it.name() == channel.0).map_or(0, |it| it.partitions().len())
    }

    /// The first `count` records of a topic.
    pub fn records(&self, channel: &ChannelId, count: usize) -> Vec<Seen> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("group.id", "seen");
        let consumer: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&channel.0, 0, Offset::Offset(0)).unwrap();
        consumer.assign(&list).unwrap();
        let next = || {
            let message = consumer.poll(PATIENCE).unwrap().unwrap();
            Seen {
                offset: message.offset(),
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().unwrap_or_default().to_vec(),
                headers: message.headers().map_or(0, |it| it.count()),
            }
        };
        std::iter::repeat_with(next).take(count).collect()
    }
}

/// Somebody else's producer, which writes what no orderer writes.
pub struct Foreign {
    producer: BaseProducer<Reports>,
    topic: String,
}

/// The offset of the record that became durable last, as the brokers say.
#[derive(Default)]
pub struct Reports(AtomicI64);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let offset = result.as_ref().map_or(-1, |record| record.offset());
        self.0.store(offset, Ordering::SeqCst);
    }
}

impl Foreign {
    /// With more settings of the library's.
    pub fn new(address: &str, channel: &ChannelId, settings: &[(&str, &str)]) -> Self {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", address);
        for (key, value) in settings {
            config.set(*key, *value);
        }
        Self { producer: config.create_with_context(Reports::default()).unwrap(), topic: channel.0.clone() }
    }

    pub fn producer(&self) -> &BaseProducer<Reports> {
        &self.producer
    }

    /// Puts a record with this key, value and header, each if there is one, at the end of the topic.
    pub fn put(&self, key: Option<&[u8]>, value: Option<&[u8]>, header: Option<&str>) {
        let mut record = BaseRecord::<[u8], [u8]>::to(&self.topic).partition(0);
        (record.key, record.payload) = (key, value);
        if let Some(header) = header {
            record = record.headers(OwnedHeaders::new().insert(Header { key: header, value: Some("value") }));
        }
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    /// The same, at once; answers the record's offset.
    pub fn put_now(&self, value: Option<&[u8]>) -> i64 {
        self.put(None, value, None);
        self.flush();
        let offset = self.producer.context().0.load(Ordering::SeqCst);
        assert!(offset >= 0, "it is not durable");
        offset
    }

    /// Waits until all is durable.
    pub fn flush(&self) {
        self.producer.flush(PATIENCE).unwrap();
    }
}
