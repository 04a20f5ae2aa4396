//! Looking at a Kafka cluster: what its brokers, their settings and some topics are, as plain data.
//!
//! Nothing is changed, no topic is made and no record is written. Who judges what was found knows what it wants; here
//! nothing is judged.

mod probe;

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use raddle_core::ids::Offset;
use rdkafka::admin::{ConfigResource, ConfigSource, ResourceSpecifier};
use rdkafka::metadata::{Metadata, MetadataBroker, MetadataTopic};

use super::client::Listener;
use super::consumer::Consumer;
use super::failure::{Failure, OpenError, Reason};
use super::producer::PARTITION;
use super::settings::Settings;
use super::topic::{self, Admin};

/// Most time for one answer. Somebody waits at a terminal.
const PATIENCE_MAX: Duration = Duration::from_secs(10);

/// A cluster as its brokers tell of it.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its id; none where the brokers do not tell it.
    pub id: Option<String>,
    /// The brokers that are up, by their numbers.
    pub brokers: Vec<Broker>,
    /// What was asked for, in that order.
    pub topics: Vec<Topic>,
}

/// A broker that is up.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Its number.
    pub id: i32,
    /// `host:port`, as it tells clients.
    pub address: String,
    /// Its settings.
    pub configs: Result<Configs, Unseen>,
}

/// A topic that was asked for.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// What is known of it.
    pub state: TopicState,
}

/// What is known of a topic.
#[derive(Clone, Debug)]
pub enum TopicState {
    /// Nothing.
    Unseen(Unseen),
    /// It is not there.
    Missing {
        /// Whether it could be made with the copies that the settings name.
        making: Result<(), Unseen>,
    },
    /// It is there.
    There(Box<Described>),
}

/// A topic that is there. Of its partitions only the first counts: all records of a channel are in it.
#[derive(Clone, Debug)]
pub struct Described {
    /// How many partitions it has.
    pub partitions: usize,
    /// Who leads the partition, if anybody does.
    pub leader: Option<i32>,
    /// The brokers that hold a copy.
    pub replicas: Vec<i32>,
    /// Those of them that have all records.
    pub in_sync: Vec<i32>,
    /// The first offset that is still there, and the one after the last.
    pub bounds: Result<(Offset, Offset), Unseen>,
    /// Whether the user may read it.
    pub reading: Result<(), Unseen>,
    /// Whether the user may write to it. No record is written to find out.
    pub writing: Result<(), Unseen>,
    /// Its settings: those of its own, and for the rest those of the brokers.
    pub configs: Result<Configs, Unseen>,
}

/// Settings by their names.
pub type Configs = BTreeMap<String, Config>;

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its value; none where it is not set, or secret.
    pub value: Option<String>,
    /// Whether it can be changed in the broker's file alone.
    pub is_read_only: bool,
    /// Whether it was changed at the running broker, for it alone.
    pub is_of_one_broker: bool,
}

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// The user may not.
    #[error("the Kafka user may not")]
    Denied,
    /// Something else.
    #[error("{0}")]
    Failed(Reason),
}

/// Why nothing could be looked at.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InspectError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] OpenError),
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(Failure),
    /// The brokers do not speak with us.
    #[error("{0}")]
    Refused(Failure),
}

/// Looks at the cluster of [`Settings::brokers`], and at these topics. Each answer may take 10 s.
///
/// # Errors
///
/// See [`InspectError`]. What the user may not see, or cannot be seen, is no error, and stands in its place.
pub fn inspect(settings: &Settings, topics: &[String]) -> Result<Cluster, InspectError> {
    settings.check()?;
    let mut settings = settings.clone();
    settings.retry.read_timeout = settings.retry.read_timeout.min(PATIENCE_MAX);
    // Complaints are looked up where an answer does not come; nobody waits for them.
    let (sender, _) = mpsc::channel();
    let listener = Arc::new(Listener::new(&settings, sender));
    let consumer = Consumer::start(&settings, &listener)?;
    let patience = settings.retry.dial_timeout.clamp(Duration::from_secs(1), PATIENCE_MAX);
    let metadata = consumer.cluster(patience).map_err(no_cluster)?;
    let admin = Admin::new(&settings).map_err(InspectError::Refused)?;
    let looking = Looking { settings: &settings, consumer: &consumer, admin: &admin };
    let mut brokers: Vec<_> = metadata.brokers().iter().map(|it| looking.broker(it)).collect();
    brokers.sort_by_key(|it| it.id);
    let topics = topics.iter().map(|name| Topic { name: name.clone(), state: looking.topic(name) });
    Ok(Cluster { topics: topics.collect(), brokers, id: consumer.cluster_id(PATIENCE_MAX) })
}

fn no_cluster(failure: Failure) -> InspectError {
    match failure {
        Failure::Unreachable { .. } => InspectError::Unreachable(failure),
        other => InspectError::Refused(other),
    }
}

struct Looking<'a> {
    settings: &'a Settings,
    consumer: &'a Consumer,
    admin: &'a Admin,
}

impl Looking<'_> {
    fn broker(&self, broker: &MetadataBroker) -> Broker {
        let configs = self.configs(ResourceSpecifier::Broker(broker.id()));
        Broker { id: broker.id(), address: format!("{}:{}", broker.host(), broker.port()), configs }
    }

    fn configs(&self, of: ResourceSpecifier<'_>) -> Result<Configs, Unseen> {
        Ok(configs(self.admin.configs(of)?))
    }

    fn topic(&self, name: &str) -> TopicState {
        let metadata = match self.consumer.metadata(name, PATIENCE_MAX) {
            Ok(metadata) => metadata,
            Err(failure) => return TopicState::Unseen(failure.into()),
        };
        self.described(name, &metadata).unwrap_or_else(|failure| TopicState::Unseen(failure.into()))
    }

    fn described(&self, name: &str, metadata: &Metadata) -> Result<TopicState, Failure> {
        let Some(entry) = topic::entry(metadata, name)? else {
            let making = self.admin.would_make(name, self.settings.topic_replication);
            return Ok(TopicState::Missing { making: making.map_err(Unseen::from) });
        };
        let partition = entry.partitions().iter().find(|it| it.id() == PARTITION);
        let leader = partition.map(|it| it.leader()).filter(|&leader| leader >= 0);
        let Probed { bounds, reading, writing } = match leader {
            Some(_) => self.probed(name),
            None => {
                let nobody = Unseen::Failed(Reason::new("partition 0 has no leader"));
                Probed { bounds: Err(nobody.clone()), reading: Err(nobody.clone()), writing: Err(nobody) }
            }
        };
        Ok(TopicState::There(Box::new(Described {
            partitions: MetadataTopic::partitions(entry).len(),
            leader,
            replicas: partition.map(|it| it.replicas().to_vec()).unwrap_or_default(),
            in_sync: partition.map(|it| it.isr().to_vec()).unwrap_or_default(),
            bounds,
            reading,
            writing,
            configs: self.configs(ResourceSpecifier::Topic(name)),
        })))
    }

    /// What stands in a topic and whether it may be read; and whether it may be written to.
    fn probed(&self, name: &str) -> Probed {
        let bounds = self.consumer.bounds(name, PATIENCE_MAX).map_err(Unseen::from);
        let reading = bounds.clone().and_then(|(_, end)| probe::read(self.settings, name, end, PATIENCE_MAX));
        Probed { bounds, reading, writing: probe::write(self.settings, name, PATIENCE_MAX) }
    }
}

/// What is found out about a topic by trying.
struct Probed {
    bounds: Result<(Offset, Offset), Unseen>,
    reading: Result<(), Unseen>,
    writing: Result<(), Unseen>,
}

fn configs(resource: ConfigResource) -> Configs {
    let config = |it: rdkafka::admin::ConfigEntry| {
        let is_of_one_broker = it.source == ConfigSource::DynamicBroker;
        (it.name, Config { value: it.value, is_read_only: it.is_read_only, is_of_one_broker })
    };
    resource.entries.into_iter().map(config).collect()
}

impl From<Failure> for Unseen {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unauthorised { .. } => Self::Denied,
            other => Self::Failed(Reason::new(other)),
        }
    }
}
