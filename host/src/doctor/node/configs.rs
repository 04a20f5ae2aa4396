//! The configs of a node's channels, from their ledgers; before there is one, from the block that the node begins with.

use std::fs;

use raddle_core::bundle::{CurrentConfig, read_config_of, read_genesis};
use raddle_core::ids::ChannelId;
use raddle_ledger::{Ledger, OpenError};

use super::{Part, finding};
use crate::config::{BootstrapMethod, Settings};
use crate::doctor::{Finding, Verdict};
use crate::node::{Ledgers, config_of};
use crate::orderer::LEDGERS;

/// Why there is no config of a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unread {
    /// A node that runs has the ledger to itself.
    #[error("{0}")]
    InUse(String),
    /// The ledger does not open.
    #[error("{0}")]
    Ledger(String),
    /// What stands in it is no config.
    #[error("{0}")]
    Config(String),
}

/// What was read of a channel, by its id.
pub(super) type Read = (ChannelId, Result<CurrentConfig, Unread>);

/// Where the ledgers of a node are.
pub(super) fn ledgers(settings: &Settings) -> Ledgers {
    Ledgers::at(settings.folder.value.join(LEDGERS))
}

/// Opens a channel's ledger and reads the config of now.
///
/// # Errors
///
/// See [`Unread`].
pub(super) fn open(ledgers: &Ledgers, channel: &ChannelId) -> Result<(Ledger, CurrentConfig), Unread> {
    let ledger = ledgers.open(channel).map_err(|error| match error {
        OpenError::Locked { .. } => Unread::InUse(error.to_string()),
        other => Unread::Ledger(other.to_string()),
    })?;
    let config = config_of(&ledger).map_err(|error| error.to_string());
    let config = config.and_then(|envelope| read_config_of(envelope).map_err(|error| error.to_string()));
    Ok((ledger, config.map_err(Unread::Config)?))
}

/// All channels. What keeps the node from starting is for others to tell.
pub(super) fn read(settings: &Settings) -> Vec<Read> {
    let ledgers = ledgers(settings);
    let channels = ledgers.channels().unwrap_or_default();
    if channels.is_empty() && settings.bootstrap_method.value == BootstrapMethod::File {
        return first(settings).into_iter().map(|config| (config.channel().clone(), Ok(config))).collect();
    }
    let read = |channel: ChannelId| {
        let config = open(&ledgers, &channel).map(|(_, config)| config);
        (channel, config)
    };
    channels.into_iter().map(read).collect()
}

fn first(settings: &Settings) -> Option<CurrentConfig> {
    let block = fs::read(&settings.bootstrap_file.value).ok()?;
    std::sync::Arc::into_inner(read_genesis(block.into()).ok()?.config)
}

impl Unread {
    /// That something of a channel could not be looked at.
    pub(super) fn finding(&self, part: Part, what: String) -> Finding {
        let (why, remedy) = match self {
            Self::InUse(_) => {
                ("a running node has its ledgers to itself", "stop the node to have its ledgers looked at")
            }
            Self::Ledger(_) | Self::Config(_) => (
                "the channel's config stands in its ledger",
                "look at the ledgers first: raddle doctor store",
            ),
        };
        let told = [what, self.to_string(), "to be seen".to_owned()];
        finding(part, Verdict::Unseen, told, why, &[remedy.to_owned()])
    }
}
