//! The ordered logs of an orderer: one on its disk, and one for each list of Kafka brokers, made when a channel asks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use raddle_core::bundle::Bundle;
use raddle_core::ids::ChannelId;
use raddle_ordering::OrderedLog;
use raddle_ordering::kafka::{self, KafkaLog};
use raddle_ordering::local::{self, LocalLog, system_clock};

use crate::config::{LogChoice, Ordering, Setting};
use crate::node::{Logs, NoLog, RemovalError};

/// How channels are mapped to logs.
#[derive(Clone, Debug)]
pub enum Mapping {
    /// All are ordered by the log on this orderer's disk, whatever their consensus type.
    Local,
    /// All are ordered by the brokers that the settings name.
    Kafka(Box<kafka::Settings>),
    /// By consensus type and id.
    By {
        /// The map.
        ordering: Box<Ordering>,
        /// How brokers are spoken to; who they are, the map or the channel says.
        kafka: Box<kafka::Settings>,
    },
}

/// The logs that channels have asked for.
pub struct MappedLogs {
    mapping: Mapping,
    local_path: PathBuf,
    local: Mutex<Option<Arc<LocalLog>>>,
    /// By the list of brokers: one client serves all channels that have it.
    kafka: Mutex<BTreeMap<Vec<String>, Arc<dyn OrderedLog>>>,
}

impl MappedLogs {
    /// No logs yet; the one on the disk is the file `local_path`. Where every channel has that one it is opened now: if
    /// it cannot be, nothing else was touched.
    ///
    /// # Errors
    ///
    /// [`NoLog::Local`].
    pub fn new(mapping: Mapping, local_path: PathBuf) -> Result<Self, NoLog> {
        let logs = Self { mapping, local_path, local: Mutex::default(), kafka: Mutex::default() };
        if matches!(logs.mapping, Mapping::Local) {
            logs.local()?;
        }
        Ok(logs)
    }

    fn local(&self) -> Result<Arc<LocalLog>, NoLog> {
        let mut opened = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = &*opened {
            return Ok(Arc::clone(log));
        }
        let settings = local::Settings::default();
        let log = Arc::new(match self.local_path.exists() {
            true => LocalLog::open(&self.local_path, &settings, system_clock())?,
            false => LocalLog::create(&self.local_path, &settings, system_clock())?,
        });
        *opened = Some(Arc::clone(&log));
        Ok(log)
    }

    fn kafka(&self, brokers: &[String], settings: &kafka::Settings) -> Result<Arc<dyn OrderedLog>, NoLog> {
        let mut list = brokers.to_vec();
        list.sort();
        list.dedup();
        let mut opened = self.kafka.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = opened.get(&list) {
            return Ok(Arc::clone(log));
        }
        let settings = kafka::Settings { brokers: list.clone(), ..settings.clone() };
        let log: Arc<dyn OrderedLog> = Arc::new(KafkaLog::open(settings)?);
        opened.insert(list, Arc::clone(&log));
        Ok(log)
    }
}

impl Logs for MappedLogs {
    fn log_of(&self, bundle: &Bundle) -> Result<Arc<dyn OrderedLog>, NoLog> {
        match &self.mapping {
            Mapping::Local => Ok(self.local()?),
            Mapping::Kafka(settings) => self.kafka(&settings.brokers, settings),
            Mapping::By { ordering, kafka } => match choose(ordering, bundle)? {
                Chosen::Local => Ok(self.local()?),
                Chosen::Kafka(brokers) => self.kafka(brokers, kafka),
            },
        }
    }

    fn is_own(&self, bundle: &Bundle) -> Result<bool, NoLog> {
        match &self.mapping {
            Mapping::Local => Ok(true),
            Mapping::Kafka(_) => Ok(false),
            Mapping::By { ordering, .. } => Ok(matches!(choose(ordering, bundle)?, Chosen::Local)),
        }
    }

    /// A topic stays: it belongs to all orderers of the channel.
    fn forget(&self, channel: &ChannelId) -> Result<(), RemovalError> {
        let is_open = self.local.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if !is_open && !self.local_path.exists() {
            return Ok(());
        }
        let forgotten = self.local()?.forget(channel);
        forgotten.map_err(|cause| RemovalError::Records { channel: channel.clone(), cause })
    }
}

/// A log that a channel is mapped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// The one on this orderer's disk.
    Local,
    /// The one of these brokers; at least one.
    Kafka(&'a [String]),
}

/// The log that a channel is mapped to.
///
/// # Errors
///
/// [`NoLog::UnknownType`], [`NoLog::NotMapped`] and [`NoLog::NoBrokers`].
pub fn choose<'a>(ordering: &'a Ordering, bundle: &'a Bundle) -> Result<Chosen<'a>, NoLog> {
    let (channel, kind) = (&bundle.channel, bundle.consensus.kind.as_str());
    let unknown = || NoLog::UnknownType { channel: channel.clone(), kind: kind.to_owned() };
    let Setting { value, origin } = ordering.log_for(channel, kind).ok_or_else(unknown)?;
    let origin = origin.clone();
    match value {
        LogChoice::Local => Ok(Chosen::Local),
        LogChoice::Brokers(brokers) => Ok(Chosen::Kafka(brokers)),
        LogChoice::Channel if bundle.kafka_brokers.is_empty() => {
            Err(NoLog::NoBrokers { channel: channel.clone(), origin })
        }
        LogChoice::Channel => Ok(Chosen::Kafka(&bundle.kafka_brokers)),
        LogChoice::None => Err(NoLog::NotMapped { channel: channel.clone(), kind: kind.to_owned(), origin }),
    }
}
