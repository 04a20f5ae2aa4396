//! Which clusters order which channels, as far as a node's settings, ledgers and blocks tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message as _;
use raddle_core::bundle::{Bundle, read_config_of};
use raddle_core::ids::ChannelId;
use raddle_ordering::LogKind;
use raddle_proto::common;

use crate::cli::{Code, Exit, Failure, files};
use crate::config::{BootstrapMethod, LogChoice, Settings};
use crate::doctor::Channel;
use crate::logs::{Chosen, choose};
use crate::node::{Ledgers, config_of};
use crate::orderer::LEDGERS;

/// A cluster, and the channels that it orders.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// Who is asked first.
    pub brokers: Vec<String>,
    /// The channels, by their ids.
    pub channels: Vec<Channel>,
}

/// What there is to look at.
#[derive(Debug)]
pub struct Found {
    /// Each list of brokers once.
    pub targets: Vec<Target>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// A channel whose config was read.
struct Known {
    bundle: Arc<Bundle>,
    built_from: Option<String>,
}

/// What the search has come upon.
struct Search<'a> {
    settings: &'a Settings,
    /// The channels that are asked for; none for all.
    asked: &'a [String],
    known: BTreeMap<ChannelId, Known>,
    /// Channels of which no config was read.
    unread: BTreeSet<ChannelId>,
    targets: BTreeMap<Vec<String>, Vec<Channel>>,
    notes: Vec<String>,
}

/// Looks at settings, ledgers, the blocks that are named, and the bootstrap block, in this order.
///
/// # Errors
///
/// A block that is named cannot be read.
pub fn find(settings: &Settings, asked: &[String], blocks: &[PathBuf]) -> Result<Found, Failure> {
    let mut search = Search {
        settings,
        asked,
        known: BTreeMap::new(),
        unread: asked.iter().cloned().map(ChannelId).collect(),
        targets: BTreeMap::new(),
        notes: Vec::new(),
    };
    let has_ledgers = search.ledgers();
    for path in blocks {
        search.learn(read_config_block(path)?);
    }
    search.bootstrap(has_ledgers);
    search.map();
    search.without_channels();
    let targets = search.targets.into_iter().map(|(brokers, channels)| Target { brokers, channels });
    Ok(Found { targets: targets.collect(), notes: search.notes })
}

impl Search<'_> {
    fn wants(&self, channel: &ChannelId) -> bool {
        self.asked.is_empty() || self.asked.contains(&channel.0)
    }

    fn learn(&mut self, bundle: Arc<Bundle>) {
        let channel = bundle.channel.clone();
        self.unread.remove(&channel);
        self.known.entry(channel).or_insert(Known { bundle, built_from: None });
    }

    /// Reads the configs of the ledgers; whether there are any.
    fn ledgers(&mut self) -> bool {
        let ledgers = Ledgers::at(self.settings.folder.value.join(LEDGERS));
        let channels = match ledgers.channels() {
            Ok(channels) => channels,
            Err(error) => {
                self.notes.push(format!("{} cannot be read: {error}", ledgers.folder().display()));
                return true;
            }
        };
        let has_ledgers = !channels.is_empty();
        for channel in channels {
            if !self.wants(&channel) {
                continue;
            }
            match read_ledger(&ledgers, &channel) {
                Ok(known) => {
                    self.unread.remove(&channel);
                    self.known.insert(channel, known);
                }
                Err(why) => {
                    self.notes.push(format!("the config of channel {channel} was not read: {why}"));
                    self.unread.insert(channel);
                }
            }
        }
        has_ledgers
    }

    /// The block that the node began with, or begins with: what is in a ledger is newer.
    fn bootstrap(&mut self, has_ledgers: bool) {
        let file = &self.settings.bootstrap_file;
        let is_file = self.settings.bootstrap_method.value == BootstrapMethod::File;
        if !is_file || (has_ledgers && self.unread.is_empty()) {
            return;
        }
        match read_config_block(&file.value) {
            Ok(bundle) if has_ledgers && !self.unread.contains(&bundle.channel) => {}
            Ok(bundle) => {
                let (channel, path) = (&bundle.channel, file.value.display());
                if !self.known.contains_key(channel) {
                    self.notes.push(format!("the config of channel {channel} is that of {path}, its first"));
                }
                self.learn(bundle);
            }
            Err(failure) => self.notes.push(format!("General.BootstrapFile: {}", failure.sentence)),
        }
    }

    fn map(&mut self) {
        // The channels of a system channel have its brokers, unless somebody changed them.
        let likely = self.known.values().find(|it| !it.bundle.kafka_brokers.is_empty());
        let likely = likely.map(|it| (it.bundle.channel.clone(), it.bundle.kafka_brokers.clone()));
        for (channel, known) in std::mem::take(&mut self.known) {
            if !self.wants(&channel) {
                continue;
            }
            let absolute_max_bytes = Some(known.bundle.batch_size.absolute_max_bytes.into());
            match choose(&self.settings.ordering, &known.bundle) {
                Ok(Chosen::Kafka(brokers)) => {
                    let found = Channel { id: channel, absolute_max_bytes, built_from: known.built_from };
                    self.add(brokers, Some(found));
                }
                Ok(Chosen::Local) => {
                    self.notes.push(format!("channel {channel} is ordered by the log on this node's disk"));
                }
                Err(error) => self.notes.push(error.to_string()),
            }
        }
        for channel in std::mem::take(&mut self.unread) {
            match self.brokers_of_unread(&channel) {
                Some(brokers) => self.add(&brokers, Some(unsized_channel(channel))),
                None => match &likely {
                    Some((whose, brokers)) => {
                        self.notes.push(format!("channel {channel} is looked for at the brokers of {whose}"));
                        self.add(brokers, Some(unsized_channel(channel)));
                    }
                    None => self.notes.push(format!("nobody says which brokers order channel {channel}")),
                },
            }
        }
    }

    /// The brokers that the settings name for a channel of an unknown type.
    fn brokers_of_unread(&self, channel: &ChannelId) -> Option<Vec<String>> {
        let ordering = &self.settings.ordering;
        let choices = [ordering.channels.get(channel), Some(&ordering.kafka), Some(&ordering.etcdraft)];
        choices.into_iter().flatten().find_map(|it| match &it.value {
            LogChoice::Brokers(brokers) => Some(brokers.clone()),
            _ => None,
        })
    }

    /// Brokers that the settings name are looked at before they have anything to order.
    fn without_channels(&mut self) {
        if !self.asked.is_empty() {
            return;
        }
        let ordering = &self.settings.ordering;
        let by_channel = ordering.channels.iter().map(|(channel, log)| (Some(channel), log));
        for (channel, log) in by_channel.chain([(None, &ordering.kafka), (None, &ordering.etcdraft)]) {
            let LogChoice::Brokers(brokers) = &log.value else { continue };
            self.add(brokers, channel.cloned().map(unsized_channel));
        }
    }

    fn add(&mut self, brokers: &[String], channel: Option<Channel>) {
        let mut brokers = brokers.to_vec();
        brokers.sort();
        brokers.dedup();
        let channels = self.targets.entry(brokers).or_default();
        if let Some(channel) = channel
            && !channels.iter().any(|it| it.id == channel.id)
        {
            channels.push(channel);
        }
    }
}

fn unsized_channel(id: ChannelId) -> Channel {
    Channel { id, absolute_max_bytes: None, built_from: None }
}

/// The config of now in a channel's ledger, or a sentence.
fn read_ledger(ledgers: &Ledgers, channel: &ChannelId) -> Result<Known, String> {
    let ledger = ledgers.open(channel).map_err(|error| error.to_string())?;
    let envelope = config_of(&ledger).map_err(|error| error.to_string())?;
    let config = read_config_of(envelope).map_err(|error| error.to_string())?;
    let anchor = ledger.state().anchor.clone();
    let built_from = anchor.filter(|it| it.log_kind == LogKind::Kafka.to_string()).map(|it| it.log_id);
    Ok(Known { bundle: config.bundle, built_from })
}

/// The config in a file that holds a config block, whatever its number.
fn read_config_block(path: &Path) -> Result<Arc<Bundle>, Failure> {
    let refused =
        |why: String| Failure::new(Code::Genesis, Exit::Usage, format!("{}: {why}", path.display()));
    let block = common::Block::decode(files::read_block(path)?);
    let block = block.map_err(|error| refused(format!("not a block: {error}")))?;
    let envelope = block.data.unwrap_or_default().data.into_iter().next();
    let envelope = envelope.ok_or_else(|| refused("the block has no data".to_owned()))?;
    Ok(read_config_of(envelope).map_err(|error| refused(error.to_string()))?.bundle)
}
