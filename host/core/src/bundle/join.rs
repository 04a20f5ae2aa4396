//! Blocks that a channel can be joined by.

use std::sync::Arc;

use bytes::Bytes;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::hash;
use raddle_proto::wire::{self, Envelope, WireError, go_decode};

use super::{BundleError, CurrentConfig, Incompatible};
use crate::ids::{BlockNumber, ChannelId};
use crate::policy::go_text;

/// Why a channel cannot be joined by a block. The sentences are Fabric's.
///
/// Source: fabric v3.1.5 `orderer/common/channelparticipation/validator.go` `ValidateJoinBlock`; v2.5.16 looks at
/// neither metadata nor data hash, and knows system channels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinBlockError {
    /// Its data are not one CONFIG envelope.
    #[error("block is not a config block")]
    NotAConfigBlock,
    /// It has no metadata.
    #[error("invalid block: does not have metadata")]
    NoMetadata,
    /// Its header names other data.
    #[error("invalid block: Header.DataHash is different from Hash(block.Data)")]
    DataHash,
    /// Its envelope holds no config.
    #[error("failed to unmarshal config envelope from payload: {}", go_text(.0))]
    NoConfig(WireError),
    /// The config cannot be used.
    #[error(transparent)]
    Bundle(Box<BundleError>),
    /// The config asks for what this version does not have. It is known only when the channel is to be made.
    #[error("failed creating ledger resources: error checking bundle for channel: {channel}: {cause}")]
    Incompatible {
        /// The channel.
        channel: ChannelId,
        /// What.
        cause: Box<Incompatible>,
    },
    /// The config is neither a system channel's nor one for applications.
    #[error("invalid config: must have at least one of application or consortiums")]
    NoApplication,
}

impl JoinBlockError {
    fn of(channel: ChannelId, error: BundleError) -> Self {
        match error {
            BundleError::Incompatible(cause) => Self::Incompatible { channel, cause: Box::new(cause) },
            error => Self::Bundle(Box::new(error)),
        }
    }
}

/// A block that a channel can be joined by.
#[derive(Clone, Debug)]
pub struct JoinBlock {
    /// Its number.
    pub number: BlockNumber,
    /// The config in it.
    pub config: Arc<CurrentConfig>,
}

impl JoinBlock {
    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &ChannelId {
        self.config.channel()
    }
}

/// What Go's library says of bytes that are none of its messages.
///
/// Source: as `go_text` has it.
#[must_use]
pub fn go_error_text(error: &WireError) -> String {
    go_text(error).into_owned()
}

/// Reads a block by which a channel is to be joined. Who signed it is not looked at: who joins a channel trusts whom
/// the block comes from.
///
/// # Errors
///
/// See [`JoinBlockError`].
pub fn read_join_block(block: &common::Block) -> Result<JoinBlock, JoinBlockError> {
    let data = block.data.as_ref().map(|data| data.data.as_slice()).unwrap_or_default();
    let [envelope] = data else { return Err(JoinBlockError::NotAConfigBlock) };
    let payload = config_payload(envelope).ok_or(JoinBlockError::NotAConfigBlock)?;
    if block.metadata.as_ref().is_none_or(|metadata| metadata.metadata.is_empty()) {
        return Err(JoinBlockError::NoMetadata);
    }
    let header = block.header.clone().unwrap_or_default();
    if hash::block_data_hash(data.iter().map(AsRef::as_ref)).as_slice() != header.data_hash.as_ref() {
        return Err(JoinBlockError::DataHash);
    }
    let Payload { channel, data } = payload;
    let config: common::ConfigEnvelope = go_decode(data).map_err(JoinBlockError::NoConfig)?;
    let config = config.config.ok_or(BundleError::NoConfig);
    let config = config.and_then(|config| CurrentConfig::read(channel.clone(), config));
    let config = config.map_err(|error| JoinBlockError::of(channel, error))?;
    if !config.has_application() && !config.bundle.has_consortiums {
        return Err(JoinBlockError::NoApplication);
    }
    Ok(JoinBlock { number: BlockNumber(header.number), config: Arc::new(config) })
}

struct Payload {
    channel: ChannelId,
    data: Bytes,
}

/// Source: fabric v2.5.16 `protoutil/blockutils.go` `IsConfigBlock`, `protoutil/txutils.go` `IsConfigTransaction`.
fn config_payload(envelope: &Bytes) -> Option<Payload> {
    let envelope = Envelope::unmarshal(envelope.clone()).ok()?;
    let header = wire::channel_header(&envelope).ok()?;
    let is_config =
        [HeaderType::Config, HeaderType::OrdererTransaction].iter().any(|&kind| header.r#type == kind as i32);
    let payload: common::Payload = go_decode(envelope.payload().clone()).ok()?;
    is_config.then(|| Payload { channel: ChannelId(header.channel_id), data: payload.data })
}

/// Whether the block holds a config: a channel's own, or one that begins a channel.
///
/// Source: fabric v2.5.16 `protoutil/blockutils.go` `IsConfigBlock`.
#[must_use]
pub fn is_config_block(block: &common::Block) -> bool {
    match block.data.as_ref().map(|data| data.data.as_slice()) {
        Some([envelope]) => config_payload(envelope).is_some(),
        _ => false,
    }
}
