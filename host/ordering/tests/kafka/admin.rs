//! What an operator does to a topic, and what any Kafka client sees in it.

use raddle_core::ids::ChannelId;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use crate::broker::Broker;
use crate::conformance::{PATIENCE, block_on};

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
        let address = broker.address();
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
        while self.partitions(channel) > 0 {
            std::thread::yield_now();
        }
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
