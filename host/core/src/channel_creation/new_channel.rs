//! From an ORDERER_TRANSACTION at its place in the log to block 0 of the new channel.

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::wire::{Envelope, WireError, go_decode};
use raddle_proto::{common, hash};

use crate::bundle::{BundleError, GenesisError, Incompatible, read_config_of};
use crate::ids::ChannelId;

/// Metadata entries of a block: SIGNATURES, LAST_CONFIG, TRANSACTIONS_FILTER, ORDERER, COMMIT_HASH.
const METADATA_ENTRIES: usize = 5;

/// A channel that begins at this record. Whether it exists already is for the caller to know: then the record leaves it
/// alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChannel {
    /// The channel.
    pub channel: ChannelId,
    /// Its block 0, marshalled: the same bytes on every orderer.
    pub genesis: Bytes,
}

/// Why a record creates no channel and is no block either.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NewChannelError {
    /// The payload of the envelope, or the envelope inside, cannot be read.
    #[error(transparent)]
    Wire(WireError),
    /// The envelope inside holds no config that a channel can begin with.
    #[error(transparent)]
    Genesis(GenesisError),
}

impl NewChannel {
    /// Reads an ORDERER_TRANSACTION envelope. None if the envelope inside does not say which channel it is for: Fabric
    /// writes the record into a block and creates nothing.
    ///
    /// Block 0 has number 0, no previous hash, the CONFIG envelope inside as its only data, and five empty metadata
    /// entries.
    ///
    /// Differs: where the config is invalid a Go orderer's process ends; here the record is to be skipped.
    ///
    /// # Errors
    ///
    /// See [`NewChannelError`]; [`NewChannelError::unsupported`] tells what must halt the system channel instead.
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `newChain`, `createNewChain`,
    /// `common/ledger/blockledger/util.go` `CreateNextBlock`, `protoutil/blockutils.go` `NewBlock`.
    pub fn read(envelope: &Envelope) -> Result<Option<Self>, NewChannelError> {
        let payload: common::Payload =
            go_decode(envelope.payload().clone()).map_err(NewChannelError::Wire)?;
        let inner = Envelope::unmarshal(payload.data).map_err(NewChannelError::Wire)?;
        if !names_a_channel(&inner) {
            return Ok(None);
        }
        let config = read_config_of(inner.marshal()).map_err(NewChannelError::Genesis)?;
        Ok(Some(Self { channel: config.channel().clone(), genesis: first_block(inner.marshal()) }))
    }
}

impl NewChannelError {
    /// What the new channel asks for and this version does not have. Others may have it, so the record must not be
    /// skipped.
    #[must_use]
    pub fn unsupported(&self) -> Option<&Incompatible> {
        match self {
            Self::Genesis(GenesisError::Bundle(error)) => match &**error {
                BundleError::Incompatible(error @ Incompatible::Capability { .. }) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Source: fabric v2.5.16 `orderer/common/multichannel/registrar.go` `channelNameFromConfigTx`.
fn names_a_channel(inner: &Envelope) -> bool {
    let Ok(payload) = go_decode::<common::Payload>(inner.payload().clone()) else { return false };
    let Some(header) = payload.header else { return false };
    go_decode::<common::ChannelHeader>(header.channel_header).is_ok()
}

fn first_block(envelope: Bytes) -> Bytes {
    let block = common::Block {
        header: Some(common::BlockHeader {
            number: 0,
            previous_hash: Bytes::new(),
            data_hash: Bytes::copy_from_slice(&hash::block_data_hash([envelope.as_ref()])),
        }),
        data: Some(common::BlockData { data: vec![envelope] }),
        metadata: Some(common::BlockMetadata { metadata: vec![Bytes::new(); METADATA_ENTRIES] }),
    };
    block.encode_to_vec().into()
}
