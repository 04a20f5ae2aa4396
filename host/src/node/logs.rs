//! Which ordered log a channel has.

use std::sync::Arc;

use raddle_core::bundle::Bundle;
use raddle_core::ids::ChannelId;
use raddle_ordering::{OrderedLog, kafka, local};

use super::removal::RemovalError;
use crate::config::Origin;

/// The ordered logs of a node.
pub trait Logs: Send + Sync {
    /// The log that orders the channel of this config. Asked when the channel starts: a channel that runs never changes
    /// its log.
    ///
    /// # Errors
    ///
    /// See [`NoLog`].
    fn log_of(&self, bundle: &Bundle) -> Result<Arc<dyn OrderedLog>, NoLog>;

    /// Whether the log that orders the channel of this config is this node's alone, so that no other node's blocks were
    /// cut from it.
    ///
    /// # Errors
    ///
    /// See [`NoLog`].
    fn is_own(&self, bundle: &Bundle) -> Result<bool, NoLog> {
        let _ = bundle;
        Ok(false)
    }

    /// Forgets the records of a channel that is removed, where they are this node's alone. Blocks.
    ///
    /// # Errors
    ///
    /// See [`RemovalError`]. Then some may be gone.
    fn forget(&self, channel: &ChannelId) -> Result<(), RemovalError> {
        let _ = channel;
        Ok(())
    }
}

/// One log for all channels.
pub struct OneLog(pub Arc<dyn OrderedLog>);

impl Logs for OneLog {
    fn log_of(&self, _: &Bundle) -> Result<Arc<dyn OrderedLog>, NoLog> {
        Ok(Arc::clone(&self.0))
    }
}

/// Why a channel has no log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoLog {
    /// Its consensus type is none that a log is known for.
    #[error("channel {channel} is of type {kind:?}, and no log is known for that")]
    UnknownType {
        /// The channel.
        channel: ChannelId,
        /// Its type.
        kind: String,
    },
    /// The settings say that no log orders it.
    #[error("channel {channel} is of type {kind}, and no log orders that ({origin})")]
    NotMapped {
        /// The channel.
        channel: ChannelId,
        /// Its type.
        kind: String,
        /// Who says so.
        origin: Origin,
    },
    /// It is to be ordered by the brokers that its config names, and that names none.
    #[error(
        "channel {channel} is to be ordered by the Kafka brokers of its config ({origin}), which names none"
    )]
    NoBrokers {
        /// The channel.
        channel: ChannelId,
        /// Who says so.
        origin: Origin,
    },
    /// The log on this node's disk cannot be opened.
    #[error(transparent)]
    Local(#[from] local::OpenError),
    /// The client of the Kafka brokers cannot be started.
    #[error(transparent)]
    Kafka(#[from] kafka::OpenError),
}
