//! Whether blocks are the channel's: their hashes, their order and their signatures.
//!
//! What cannot be verified: the first config that signatures are judged by comes from the orderer that is asked. Who
//! begins at a block 0 of their own has all behind it verified.

use std::fmt;

use raddle_core::access::{Access, PolicyVerdict};
use raddle_core::bundle::read_config_envelope;
use raddle_core::ids::ChannelId;
use raddle_core::policy::{BLOCK_VALIDATION, SignedDataError};
use raddle_proto::common::{self, BlockMetadataIndex, HeaderType};
use raddle_proto::hash::{Sha256Hash, block_data_hash, block_header_hash, hex};
use raddle_proto::orderer;
use raddle_proto::wire::{self, Envelope, go_decode};

use super::fault::{BlockFault, ConfigFault};

/// A channel's config, as far as blocks are judged by it.
pub struct Config {
    number: u64,
    consensus: String,
    access: Access,
}

/// Verifies blocks one after the other.
pub struct Verifier {
    channel: ChannelId,
    /// Number and hash of the block before the next one; none before block 0.
    previous: Option<(u64, Sha256Hash)>,
    config: Option<Config>,
}

/// What was verified of a block. Displays as one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// The block's number.
    pub number: u64,
    /// The block that holds the config by which the signatures were judged. Block 0 has neither signatures nor a block
    /// before it.
    pub config: Option<u64>,
}

// === impl Config ===

impl Config {
    /// Reads the config in a config block of `channel`. The block itself is not verified.
    ///
    /// # Errors
    ///
    /// [`BlockFault::Config`].
    pub fn read(channel: &ChannelId, block: &common::Block) -> Result<Self, BlockFault> {
        let number = block.header.as_ref().map(|header| header.number).unwrap_or_default();
        Self::read_envelope(channel, number, block).map_err(|fault| BlockFault::Config { number, fault })
    }

    fn read_envelope(channel: &ChannelId, number: u64, block: &common::Block) -> Result<Self, ConfigFault> {
        let not_config = |error: &dyn fmt::Display| ConfigFault::NotConfig(error.to_string());
        let envelope = first_envelope(block).ok_or_else(|| not_config(&"it has no envelope"))?;
        let header = wire::channel_header(&envelope).map_err(|error| not_config(&error))?;
        if header.r#type != i32::from(HeaderType::Config) {
            return Err(not_config(&format!("its envelope is of type {}", header.r#type)));
        }
        if header.channel_id != channel.0 {
            return Err(ConfigFault::OtherChannel { expected: channel.0.clone(), found: header.channel_id });
        }
        let read = read_config_envelope(&envelope).map_err(|error| not_config(&error))?;
        let group = read.config.and_then(|config| config.channel_group).unwrap_or_default();
        let consensus = group.groups.get("Orderer").and_then(|group| group.values.get("ConsensusType"));
        let consensus: orderer::ConsensusType =
            consensus.and_then(|value| go_decode(value.value.clone()).ok()).unwrap_or_default();
        let access = Access::read(&group).map_err(ConfigFault::Access)?;
        Ok(Self { number, consensus: consensus.r#type, access })
    }

    /// The number of the config block.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Whether blocks of the channel are cut from a log, so that their consenter metadata are its offsets.
    #[must_use]
    pub fn is_on_a_log(&self) -> bool {
        matches!(self.consensus.as_str(), "kafka" | "solo")
    }
}

// === impl Verifier ===

impl Verifier {
    /// Begins at block 0.
    #[must_use]
    pub const fn from_start(channel: ChannelId) -> Self {
        Self { channel, previous: None, config: None }
    }

    /// Begins behind `previous`, with the config in force there.
    #[must_use]
    pub fn after(channel: ChannelId, previous: &common::BlockHeader, config: Config) -> Self {
        Self { channel, previous: Some((previous.number, block_hash(previous))), config: Some(config) }
    }

    /// The number of the next block.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.previous.map_or(0, |(number, _)| number.saturating_add(1))
    }

    /// The config in force behind the last block.
    #[must_use]
    pub fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Verifies the next block: its number, its data hash, its previous hash, which config it names, and its
    /// signatures by the config in force, which for a config block is the one before it.
    ///
    /// # Errors
    ///
    /// The first fault. The same block is next then.
    ///
    /// Source: fabric v2.5.16 `orderer/common/cluster/util.go` `VerifyBlockHash`, `VerifyBlockSignature`.
    pub fn verify(&mut self, block: &common::Block) -> Result<Vouched, BlockFault> {
        let expected = self.next_number();
        let header = block.header.as_ref().ok_or(BlockFault::NoHeader { expected })?;
        if header.number != expected {
            return Err(BlockFault::Number { expected, found: header.number });
        }
        check_data(header, block)?;
        self.check_previous(header)?;
        let is_config = header.number == 0 || is_config_block(block);
        let mut vouched = Vouched { number: header.number, config: None };
        if let Some(config) = &self.config {
            check_last_config(header.number, if is_config { header.number } else { config.number }, block)?;
            config.check_signatures(header.number, block)?;
            vouched.config = Some(config.number);
        }
        if is_config {
            self.config = Some(Config::read(&self.channel, block)?);
        }
        self.previous = Some((header.number, block_hash(header)));
        Ok(vouched)
    }

    fn check_previous(&self, header: &common::BlockHeader) -> Result<(), BlockFault> {
        let is_right = match &self.previous {
            Some((_, hash)) => header.previous_hash.as_ref() == hash,
            None => header.previous_hash.is_empty(),
        };
        if is_right {
            return Ok(());
        }
        Err(BlockFault::PreviousHash {
            number: header.number,
            expected: self.previous.map_or_else(|| "none".to_owned(), |(_, hash)| hex(&hash)),
            found: hex(&header.previous_hash),
        })
    }
}

impl Config {
    /// The signatures of a block that do not count, by their place, each with the reason. A block that holds may have
    /// some: nobody vouches for the list of signatures, so whoever passes a block on can add to it.
    #[must_use]
    pub fn uncounted(&self, block: &common::Block) -> Vec<(usize, String)> {
        let Some(proof) = self.access.prove_block(BLOCK_VALIDATION, block) else { return Vec::new() };
        let listed = proof.skipped.iter().map(|skipped| (skipped.index, skipped.reason.to_string()));
        let after = proof.skipped.last().map_or(0, |skipped| skipped.index.saturating_add(1));
        let left_out = after..after.saturating_add(proof.skipped_left_out);
        listed
            .chain(left_out.map(|index| (index, "it is one of too many that do not count".to_owned())))
            .collect()
    }

    fn check_signatures(&self, number: u64, block: &common::Block) -> Result<(), BlockFault> {
        let text = match self.access.evaluate_block(BLOCK_VALIDATION, block) {
            PolicyVerdict::Satisfied => return Ok(()),
            PolicyVerdict::Unreadable(error) => return Err(BlockFault::Metadata { number, error }),
            PolicyVerdict::Missing => "there is no such policy".to_owned(),
            PolicyVerdict::Denied(text) => text,
        };
        let proof = self.access.prove_block(BLOCK_VALIDATION, block).map(|proof| proof.to_string());
        Err(BlockFault::Signatures { number, config: self.number, text, proof })
    }
}

fn check_data(header: &common::BlockHeader, block: &common::Block) -> Result<(), BlockFault> {
    let found = block_data_hash(envelopes(block).iter().map(AsRef::as_ref));
    if header.data_hash.as_ref() == found {
        return Ok(());
    }
    let expected = hex(&header.data_hash);
    Err(BlockFault::DataHash { number: header.number, expected, found: hex(&found) })
}

fn check_last_config(number: u64, expected: u64, block: &common::Block) -> Result<(), BlockFault> {
    match last_config(block)? {
        found if found == expected => Ok(()),
        found => Err(BlockFault::LastConfig { number, expected, found }),
    }
}

// === impl Vouched ===

impl fmt::Display for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number.checked_sub(1), self.config) {
            (Some(before), Some(config)) => write!(
                f,
                "data hash, previous hash against block {before}, signatures by {BLOCK_VALIDATION} of the config in \
                 block {config}"
            ),
            _ => f.write_str("data hash; a first block has no block before it and no signatures"),
        }
    }
}

// === parts of a block ===

/// SHA-256 of a header.
#[must_use]
pub fn block_hash(header: &common::BlockHeader) -> Sha256Hash {
    block_header_hash(header.number, &header.previous_hash, &header.data_hash)
}

/// The number of the block with the config by which the signatures of `block` are judged: the one that it names or,
/// of a config block, the one that the block before it names.
///
/// # Errors
///
/// [`BlockFault::Metadata`].
pub fn config_in_force(previous: &common::Block, block: &common::Block) -> Result<u64, BlockFault> {
    last_config(if is_config_block(block) { previous } else { block })
}

/// The number of the config block that a block's metadata name. Block 0 names none, and is one itself.
///
/// # Errors
///
/// [`BlockFault::Metadata`].
///
/// Source: fabric v2.5.16 `protoutil/blockutils.go` `GetLastConfigIndexFromBlock`.
pub fn last_config(block: &common::Block) -> Result<u64, BlockFault> {
    let number = block.header.as_ref().map(|header| header.number).unwrap_or_default();
    if number == 0 {
        return Ok(0);
    }
    let unreadable = |error| BlockFault::Metadata { number, error: SignedDataError::Wire(error) };
    let signed = signatures_value(block).map_err(unreadable)?;
    let named = match signed {
        Some(signed) => signed.last_config,
        None => {
            let entry = metadata(block, BlockMetadataIndex::LastConfig).map_err(unreadable)?;
            Some(go_decode(entry.value).map_err(unreadable)?)
        }
    };
    Ok(named.map(|it| it.index).unwrap_or_default())
}

/// How far the orderers had read the log when they cut the block, if it is a channel's on a log.
///
/// Source: fabric v2.5.16 `protoutil/blockutils.go` `GetConsenterMetadataFromBlock`.
#[must_use]
pub fn offsets(block: &common::Block) -> Option<orderer::KafkaMetadata> {
    let consenter = match signatures_value(block).ok()? {
        Some(signed) => go_decode::<common::Metadata>(signed.consenter_metadata).ok()?,
        None => metadata(block, BlockMetadataIndex::Orderer).ok()?,
    };
    if consenter.value.is_empty() { None } else { go_decode(consenter.value).ok() }
}

/// What the orderers signed beside the header. None in block 0, and in blocks of Fabric before v1.4.1.
fn signatures_value(block: &common::Block) -> Result<Option<common::OrdererBlockMetadata>, wire::WireError> {
    let value = metadata(block, BlockMetadataIndex::Signatures)?.value;
    if value.is_empty() { Ok(None) } else { go_decode(value).map(Some) }
}

/// An entry of the metadata; one that is not there is empty.
fn metadata(block: &common::Block, index: BlockMetadataIndex) -> Result<common::Metadata, wire::WireError> {
    let entries = block.metadata.as_ref().map(|it| it.metadata.as_slice()).unwrap_or_default();
    let entry = usize::try_from(index as i32).ok().and_then(|index| entries.get(index));
    go_decode(entry.cloned().unwrap_or_default())
}

/// Whether the block changes the channel's config.
fn is_config_block(block: &common::Block) -> bool {
    let header = first_envelope(block).and_then(|envelope| wire::channel_header(&envelope).ok());
    header.is_some_and(|header| header.r#type == i32::from(HeaderType::Config))
}

fn first_envelope(block: &common::Block) -> Option<Envelope> {
    Envelope::unmarshal(envelopes(block).first()?.clone()).ok()
}

/// A block's envelopes, as they are marshalled.
pub(crate) fn envelopes(block: &common::Block) -> &[bytes::Bytes] {
    block.data.as_ref().map(|data| data.data.as_slice()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
