//! `raddle.yaml`: which log orders which channels, and what batch policies may do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use raddle_core::ids::{ChannelId, Offset};

use super::effective::Effective;
use super::keys::Versions;
use super::layer::Layer;
use super::problem::{Origin, Problem};
use super::value::{self, Wrong};
use super::yaml::Value;
use super::{Setting, report};

/// The map of single channels.
const CHANNELS: &str = "Ordering.channels";

/// Which log orders a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogChoice {
    /// The Kafka brokers that the channel's config names.
    Channel,
    /// The log on this node's disk: no other node orders the channel.
    Local,
    /// These Kafka brokers, `host:port` each; at least one.
    Brokers(Vec<String>),
    /// None: the channel cannot be joined.
    None,
}

/// The map `Ordering`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordering {
    /// For channels typed `kafka`. Default: the brokers of the channel's config.
    pub kafka: Setting<LogChoice>,
    /// For channels typed `solo`. Always the local log.
    pub solo: Setting<LogChoice>,
    /// For channels typed `etcdraft`. Default: none, they are refused.
    pub etcdraft: Setting<LogChoice>,
    /// For single channels, before the three above.
    pub channels: BTreeMap<ChannelId, Setting<LogChoice>>,
}

/// For which channels an update is admitted that adds the capability for batch policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchPolicies {
    /// For none; the default. Stock orderers of such a channel stop and do not start again.
    None,
    /// For all.
    All,
    /// For these.
    Channels(BTreeSet<ChannelId>),
}

/// From this record on to the next config block the standard rule cuts. The same on all nodes of the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPolicyOverride {
    /// The channel.
    pub channel: ChannelId,
    /// The record at which the channel halts.
    pub offset: Offset,
}

/// What a channel may be mapped to.
#[derive(Clone, Copy)]
struct Allowed {
    /// The words that may stand instead of brokers.
    words: &'static [&'static str],
    takes_brokers: bool,
}

const KAFKA: Allowed = Allowed { words: &["channel", "local"], takes_brokers: true };
const SOLO: Allowed = Allowed { words: &["local"], takes_brokers: false };
const ETCDRAFT: Allowed = Allowed { words: &["none", "local"], takes_brokers: true };
const ONE_CHANNEL: Allowed = Allowed { words: &["channel", "local", "none"], takes_brokers: true };

impl Ordering {
    /// The log for a channel of this ConsensusType; none for a type that nobody maps.
    #[must_use]
    pub fn log_for(&self, channel: &ChannelId, consensus_type: &str) -> Option<&Setting<LogChoice>> {
        self.channels.get(channel).or(match consensus_type {
            "kafka" => Some(&self.kafka),
            "solo" => Some(&self.solo),
            "etcdraft" => Some(&self.etcdraft),
            _ => None,
        })
    }

    /// What single channels are mapped to.
    pub(super) fn effective(&self) -> impl Iterator<Item = Effective> {
        self.channels.iter().map(|(channel, Setting { value, origin })| Effective {
            key: format!("{CHANNELS}.{channel}"),
            value: Some(value.to_string()),
            origin: origin.clone(),
            without_effect: None,
            versions: Versions::NONE,
        })
    }

    pub(super) fn read(layer: &mut Layer<'_>) -> Self {
        Self {
            kafka: choice(layer, "Ordering.kafka", KAFKA, LogChoice::Channel),
            solo: choice(layer, "Ordering.solo", SOLO, LogChoice::Local),
            etcdraft: choice(layer, "Ordering.etcdraft", ETCDRAFT, LogChoice::None),
            channels: channels(layer),
        }
    }
}

impl BatchPolicies {
    /// Whether this channel is among them.
    #[must_use]
    pub fn allows(&self, channel: &ChannelId) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Channels(channels) => channels.contains(channel),
        }
    }
}

pub(super) fn batch_policies(layer: &mut Layer<'_>) -> Setting<BatchPolicies> {
    const KEY: &str = "BatchPolicies";
    let Some(found) = layer.get(KEY) else { return Setting::default_of(BatchPolicies::None) };
    let value = match value::list(&found) {
        Ok(names) => match names.as_slice() {
            [word] if word == "none" => BatchPolicies::None,
            [word] if word == "all" => BatchPolicies::All,
            _ => BatchPolicies::Channels(names.into_iter().map(ChannelId).collect()),
        },
        Err(Wrong { what, .. }) => {
            let remedy = "write none, all, or a list of channels".to_owned();
            report(layer, KEY, &found.origin, Wrong { what, remedy });
            BatchPolicies::None
        }
    };
    Setting { value, origin: found.origin }
}

pub(super) fn batch_policy_override(layer: &mut Layer<'_>) -> Option<Setting<BatchPolicyOverride>> {
    const CHANNEL: &str = "BatchPolicyOverride.channel";
    const OFFSET: &str = "BatchPolicyOverride.offset";
    match (layer.get(CHANNEL), layer.get(OFFSET)) {
        (None, None) => None,
        (Some(channel), Some(offset)) => {
            let name = value::text(&channel).map_err(|wrong| report(layer, CHANNEL, &channel.origin, wrong));
            let number = value::number(&offset, i64::MAX.unsigned_abs())
                .map_err(|wrong| report(layer, OFFSET, &offset.origin, wrong));
            let (Ok(name), Ok(number)) = (name, number) else { return None };
            let offset = Offset(i64::try_from(number).unwrap_or(i64::MAX));
            let value = BatchPolicyOverride { channel: ChannelId(name), offset };
            Some(Setting { value, origin: channel.origin })
        }
        (Some(found), None) => {
            report(layer, CHANNEL, &found.origin, alone(OFFSET));
            None
        }
        (None, Some(found)) => {
            report(layer, OFFSET, &found.origin, alone(CHANNEL));
            None
        }
    }
}

fn alone(other: &str) -> Wrong {
    Wrong { what: format!("{other} is missing"), remedy: "set both, or neither".to_owned() }
}

fn choice(
    layer: &mut Layer<'_>,
    key: &'static str,
    allowed: Allowed,
    default: LogChoice,
) -> Setting<LogChoice> {
    let Some(found) = layer.get(key) else { return Setting::default_of(default) };
    match read_choice(&found.value, allowed) {
        Ok(value) => Setting { value, origin: found.origin },
        Err(wrong) => {
            report(layer, key, &found.origin, wrong);
            Setting::default_of(default)
        }
    }
}

fn channels(layer: &mut Layer<'_>) -> BTreeMap<ChannelId, Setting<LogChoice>> {
    let Some(found) = layer.get(CHANNELS) else { return BTreeMap::new() };
    let (Value::Map(entries), Origin::File { path, .. }) = (found.value, &found.origin) else {
        let what = "here stands no map".to_owned();
        let remedy = "write `CHANNEL: local` or `CHANNEL: [host:port]` below it, in the file".to_owned();
        report(layer, CHANNELS, &found.origin, Wrong { what, remedy });
        return BTreeMap::new();
    };
    let mut channels = BTreeMap::new();
    for entry in entries {
        let origin = Origin::File { path: path.clone(), place: Some(entry.place) };
        match read_choice(&entry.node.value, ONE_CHANNEL) {
            Ok(value) => {
                channels.insert(ChannelId(entry.key), Setting { value, origin });
            }
            Err(Wrong { what, remedy }) => {
                let key = format!("{CHANNELS}.{}", entry.key);
                layer.problems.push(Problem { origin, key, what, remedy });
            }
        }
    }
    channels
}

fn read_choice(value: &Value, allowed: Allowed) -> Result<LogChoice, Wrong> {
    let items = value::list_of(value)?;
    if let ([word], Value::Scalar { .. }) = (items.as_slice(), value)
        && allowed.words.contains(&word.as_str())
    {
        return Ok(match word.as_str() {
            "channel" => LogChoice::Channel,
            "local" => LogChoice::Local,
            _ => LogChoice::None,
        });
    }
    let remedy = || match allowed.takes_brokers {
        true => format!("write {}, or a list of brokers, such as [kafka1:9092, kafka2:9092]", allowed),
        false => format!("write {allowed}"),
    };
    if items.is_empty() {
        return Err(Wrong { what: "the list is empty".to_owned(), remedy: remedy() });
    }
    match items.iter().find(|item| !allowed.takes_brokers || !is_broker(item)) {
        Some(item) if allowed.takes_brokers => {
            Err(Wrong { what: format!("{item:?} is no host:port"), remedy: remedy() })
        }
        Some(item) => Err(Wrong { what: format!("{item:?} is no log"), remedy: remedy() }),
        None => Ok(LogChoice::Brokers(items)),
    }
}

fn is_broker(text: &str) -> bool {
    let split = text.rsplit_once(':');
    split.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" or "))
    }
}

impl fmt::Display for LogChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel => f.write_str("channel"),
            Self::Local => f.write_str("local"),
            Self::None => f.write_str("none"),
            Self::Brokers(brokers) => write!(f, "[{}]", brokers.join(", ")),
        }
    }
}

impl fmt::Display for BatchPolicies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
            Self::Channels(names) => {
                let names: Vec<&str> = names.iter().map(|name| name.0.as_str()).collect();
                write!(f, "[{}]", names.join(", "))
            }
        }
    }
}
