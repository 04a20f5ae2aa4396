//! Configs out of envelopes and blocks.

use std::sync::Arc;

use bytes::Bytes;
use raddle_proto::wire::{self, Envelope, WireError, go_decode};
use raddle_proto::{common, hash};

use super::{BundleError, CurrentConfig};
use crate::ids::ChannelId;

/// Why a block is no genesis block of a channel that can be ordered here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenesisError {
    /// The bytes are no block.
    #[error("not a block: {0}")]
    NotABlock(WireError),
    /// The block has no header or no data.
    #[error("the block has no {0}")]
    Incomplete(&'static str),
    /// Another block of a channel.
    #[error("the block is number {0}, and a genesis block is number 0")]
    NotTheFirst(u64),
    /// The header names other data.
    #[error("the block's data do not match the data hash in its header")]
    DataHash,
    /// The block holds no config.
    #[error("not a config block: {0}")]
    NotConfig(String),
    /// The config cannot be used.
    #[error("the channel's config cannot be used: {0}")]
    Bundle(Box<BundleError>),
}

impl From<BundleError> for GenesisError {
    fn from(error: BundleError) -> Self {
        Self::Bundle(Box::new(error))
    }
}

/// A config block, the channel's first one or a later one, and the config in it.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// The block.
    pub block: common::Block,
    /// The config, and what follows from it.
    pub config: Arc<CurrentConfig>,
}

/// Reads a genesis block.
///
/// # Errors
///
/// See [`GenesisError`].
pub fn read_genesis(bytes: Bytes) -> Result<Genesis, GenesisError> {
    let block: common::Block = go_decode(bytes).map_err(GenesisError::NotABlock)?;
    match block.header.as_ref().map_or(0, |header| header.number) {
        0 => config_block(block),
        number => Err(GenesisError::NotTheFirst(number)),
    }
}

/// Reads any config block: the config in it is what the channel's next blocks are judged by.
///
/// # Errors
///
/// See [`GenesisError`]; not [`GenesisError::NotTheFirst`].
pub fn read_config_block(bytes: Bytes) -> Result<Genesis, GenesisError> {
    config_block(go_decode(bytes).map_err(GenesisError::NotABlock)?)
}

fn config_block(block: common::Block) -> Result<Genesis, GenesisError> {
    let header = block.header.as_ref().ok_or(GenesisError::Incomplete("header"))?;
    let data = block.data.as_ref().map(|data| data.data.as_slice()).unwrap_or_default();
    let first = data.first().ok_or(GenesisError::Incomplete("data"))?;
    if hash::block_data_hash(data.iter().map(AsRef::as_ref)).as_slice() != header.data_hash.as_ref() {
        return Err(GenesisError::DataHash);
    }
    let config = Arc::new(read_config_of(first.clone())?);
    Ok(Genesis { block, config })
}

/// Reads the config in a marshalled CONFIG envelope, the only one of its block.
///
/// # Errors
///
/// [`GenesisError::NotConfig`] and [`GenesisError::Bundle`].
pub fn read_config_of(envelope: Bytes) -> Result<CurrentConfig, GenesisError> {
    let not_config = |error: WireError| GenesisError::NotConfig(error.to_string());
    let envelope = Envelope::unmarshal(envelope).map_err(not_config)?;
    let channel_header =
        wire::channel_header(&envelope).map_err(|error| GenesisError::NotConfig(error.to_string()))?;
    if channel_header.r#type != common::HeaderType::Config as i32 {
        let found = channel_header.r#type;
        return Err(GenesisError::NotConfig(format!(
            "its envelope is of type {found}, and a config is of type 1"
        )));
    }
    let config = read_config_envelope(&envelope).map_err(not_config)?;
    let config = config.config.ok_or(BundleError::NoConfig)?;
    Ok(CurrentConfig::read(ChannelId(channel_header.channel_id), config)?)
}

/// The `ConfigEnvelope` in a CONFIG envelope.
///
/// # Errors
///
/// The bytes are no such messages.
pub fn read_config_envelope(envelope: &Envelope) -> Result<common::ConfigEnvelope, WireError> {
    let payload = go_decode::<common::Payload>(envelope.payload().clone())?;
    go_decode(payload.data)
}
