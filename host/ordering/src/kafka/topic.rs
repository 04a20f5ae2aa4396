//! Topics: looking at them, and making them.

use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};

use super::client;
use super::consumer::Consumer;
use super::failure::{Brokers, Failure, Reason};
use super::producer::PARTITION;
use super::settings::Settings;

/// What a record costs a topic beyond its own bytes: the head of its batch and its own, with room to spare.
const BATCH_BYTES: u64 = 128;

/// What the brokers say of a topic's partition.
#[derive(Debug)]
pub(super) struct Partition {
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
    has_leader: bool,
}

/// What the topic's own settings say, where the client may ask for them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TopicSettings {
    pub min_in_sync: Option<usize>,
    pub max_record_bytes: Option<u64>,
}

/// Asks for a topic; none if there is none.
pub(super) fn look(
    consumer: &Consumer,
    topic: &str,
    timeout: Duration,
) -> Result<Option<Partition>, Failure> {
    let metadata = consumer.metadata(topic, timeout)?;
    let Some(entry) = entry(&metadata, topic)? else { return Ok(None) };
    let partition = entry.partitions().iter().find(|it| it.id() == PARTITION);
    Ok(Some(match partition {
        Some(it) => Partition {
            replicas: it.replicas().to_vec(),
            in_sync: it.isr().to_vec(),
            has_leader: it.leader() >= 0,
        },
        None => Partition { replicas: Vec::new(), in_sync: Vec::new(), has_leader: false },
    }))
}

/// What the brokers' answer says of a topic; none if there is none.
pub(super) fn entry<'a>(metadata: &'a Metadata, topic: &str) -> Result<Option<&'a MetadataTopic>, Failure> {
    let entry = metadata.topics().iter().find(|it| it.name() == topic);
    match entry.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from) {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(None),
        // With the last it is being made.
        None | Some(RDKafkaErrorCode::LeaderNotAvailable) => Ok(entry),
        Some(code) => Err(Failure::of_code(code, topic, "see", Reason::new(code))),
    }
}

impl Partition {
    /// Whether a record could be made durable in it; who holds the copies.
    pub(super) fn check(self, topic: &str, settings: TopicSettings) -> Result<Brokers, Failure> {
        let (topic, replicas) = (topic.to_owned(), Brokers(self.replicas));
        if !self.has_leader {
            return Err(Failure::NoLeader { topic, replicas });
        }
        match settings.min_in_sync {
            Some(min) if self.in_sync.len() < min => {
                Err(Failure::NotEnoughReplicas { topic, in_sync: Brokers(self.in_sync), replicas, min })
            }
            _ => Ok(replicas),
        }
    }
}

/// Talks to the brokers about topics; a client of its own, for a while.
pub(super) struct Admin {
    client: AdminClient<DefaultClientContext>,
    runtime: tokio::runtime::Runtime,
    timeout: Duration,
}

impl Admin {
    pub(super) fn new(settings: &Settings) -> Result<Self, Failure> {
        let failed = |reason| Failure::Other { doing: "asking Kafka about a topic", reason };
        let client = client::base(settings).create().map_err(|error| failed(Reason::new(error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| failed(Reason::new(error)))?;
        Ok(Self { client, runtime, timeout: settings.retry.read_timeout })
    }

    fn options(&self) -> AdminOptions {
        let timeout = Some(self.timeout);
        AdminOptions::new().request_timeout(timeout).operation_timeout(timeout)
    }

    /// Makes a topic of one partition. That it is there already is fine: others start at the same time.
    pub(super) fn make(&self, topic: &str, replication: u16) -> Result<(), Failure> {
        self.create(topic, replication, &self.options())
    }

    /// Whether [`Self::make`] would. Nothing is made.
    pub(super) fn would_make(&self, topic: &str, replication: u16) -> Result<(), Failure> {
        self.create(topic, replication, &self.options().validate_only(true))
    }

    fn create(&self, topic: &str, replication: u16, options: &AdminOptions) -> Result<(), Failure> {
        let not_made = |reason| Failure::TopicNotMade { topic: topic.to_owned(), replication, reason };
        let not_asked = |reason| Failure::Other { doing: "making a topic", reason };
        let new = NewTopic::new(topic, 1, TopicReplication::Fixed(i32::from(replication)));
        let made = self.runtime.block_on(self.client.create_topics([&new], options));
        let made = made.map_err(|error| not_asked(Reason::new(error)))?;
        let Some(Err((_, code))) = made.into_iter().next() else { return Ok(()) };
        let reason = Reason::new(code);
        match code {
            RDKafkaErrorCode::TopicAlreadyExists => Ok(()),
            RDKafkaErrorCode::InvalidReplicationFactor
            | RDKafkaErrorCode::InvalidReplicaAssignment
            | RDKafkaErrorCode::InvalidConfig
            | RDKafkaErrorCode::InvalidRequest
            | RDKafkaErrorCode::PolicyViolation => Err(not_made(reason)),
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::InvalidTopic => Err(Failure::of_code(code, topic, "make", reason)),
            _ => Err(not_asked(reason)),
        }
    }

    /// What the topic's settings are, as far as the brokers tell.
    pub(super) fn settings(&self, topic: &str) -> TopicSettings {
        let Ok(resource) = self.configs(ResourceSpecifier::Topic(topic)) else {
            return TopicSettings::default();
        };
        let value = |name| resource.get(name)?.value.clone()?.parse::<u64>().ok();
        TopicSettings {
            min_in_sync: value("min.insync.replicas").and_then(|it| usize::try_from(it).ok()),
            max_record_bytes: value("max.message.bytes").map(|it| it.saturating_sub(BATCH_BYTES)),
        }
    }

    /// All settings of a topic or a broker.
    pub(super) fn configs(&self, of: ResourceSpecifier<'_>) -> Result<ConfigResource, Failure> {
        let (topic, doing) = match of {
            ResourceSpecifier::Topic(topic) => (topic, "see the settings of"),
            _ => ("", "asking a broker for its settings"),
        };
        let failed = |code| Failure::of_code(code, topic, doing, Reason::new(code));
        let told = self.runtime.block_on(self.client.describe_configs(&[of], &self.options()));
        let told = told.map_err(|error| match error {
            KafkaError::AdminOp(code) => failed(code),
            other => Failure::Other { doing, reason: Reason::new(other) },
        })?;
        match told.into_iter().next() {
            // The binding drops what the brokers say of a resource: one that the user may not see has no settings.
            Some(Ok(resource)) if resource.entries.is_empty() => {
                Err(failed(RDKafkaErrorCode::TopicAuthorizationFailed))
            }
            Some(told) => told.map_err(failed),
            None => Err(Failure::Other { doing, reason: Reason::new("an empty answer") }),
        }
    }
}
