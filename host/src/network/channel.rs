//! From a draft of a channel to its block 0.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use raddle_core::bundle::{BatchSize, read_genesis};
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::hash;

use super::config::channel_group;
use super::{NetworkError, Organisation};
use crate::identity::{fresh_nonce, tx_id};

/// Most characters of a channel id.
///
/// Source: fabric v2.5.16 `common/configtx/validator.go` `MaxLength`.
const CHANNEL_ID_CHARS_MAX: usize = 249;

/// A block's metadata entries.
///
/// Source: fabric v2.5.16 `protoutil/blockutils.go` `NewBlock`.
const METADATA_ENTRIES: usize = 5;

/// Version of a genesis block's channel header.
///
/// Source: fabric v2.5.16 `common/genesis/genesis.go`.
const HEADER_VERSION: i32 = 1;

/// Batch size of a new draft: that of the profiles that come with configtxgen.
pub const DRAFT_BATCH_SIZE: BatchSize =
    BatchSize { max_message_count: 500, absolute_max_bytes: 10 << 20, preferred_max_bytes: 2 << 20 };

/// Batch timeout of a new draft, from the same place.
const DRAFT_BATCH_TIMEOUT: Duration = Duration::from_secs(2);

/// A channel to be.
#[derive(Clone, Debug)]
pub struct ChannelDraft<'a> {
    /// Its id: at most 249 lower-case letters, digits, dots and dashes, a letter first.
    pub channel: ChannelId,
    /// Where blocks end. All above zero, preferred at most absolute.
    pub batch_size: BatchSize,
    /// How long an envelope waits for company; above zero.
    pub batch_timeout: Duration,
    /// What puts envelopes in order.
    pub consensus: ConsensusDraft,
    /// Who orders; at least one.
    pub orderers: Vec<OrdererOrganisation<'a>>,
    /// Addresses (`host:port`) for clients that know no orderer's organisation. May be empty.
    pub orderer_addresses: Vec<String>,
    /// Whose channel it is; at least one.
    pub members: Vec<&'a Organisation>,
}

/// What puts a channel's envelopes in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsensusDraft {
    /// `solo`, `kafka`, `etcdraft`, or any other: not checked.
    pub kind: String,
    /// Marshalled metadata of that type; only `etcdraft` has any.
    pub metadata: Bytes,
    /// Brokers (`host:port`); only `kafka` has any.
    pub kafka_brokers: Vec<String>,
}

/// An organisation that orders.
#[derive(Clone, Debug)]
pub struct OrdererOrganisation<'a> {
    /// Which.
    pub organisation: &'a Organisation,
    /// Addresses (`host:port`) of its orderers. May be empty.
    pub endpoints: Vec<String>,
}

// === impl ConsensusDraft ===

impl ConsensusDraft {
    /// One orderer with a log of its own.
    #[must_use]
    pub fn solo() -> Self {
        Self { kind: "solo".into(), metadata: Bytes::new(), kafka_brokers: Vec::new() }
    }
}

// === impl ChannelDraft ===

impl<'a> ChannelDraft<'a> {
    /// A channel without organisations, of type `solo`, with the batch limits of Fabric's own profiles.
    #[must_use]
    pub fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            batch_size: DRAFT_BATCH_SIZE,
            batch_timeout: DRAFT_BATCH_TIMEOUT,
            consensus: ConsensusDraft::solo(),
            orderers: Vec::new(),
            orderer_addresses: Vec::new(),
            members: Vec::new(),
        }
    }

    /// Block 0, as configtxgen makes it for a channel without a system channel. Whatever it returns can be ordered:
    /// it is read again as a node reads it.
    ///
    /// # Errors
    ///
    /// What is wrong with the draft, in Fabric's words where those are settings of the channel.
    ///
    /// Source: fabric v2.5.16 `common/genesis/genesis.go` `Block`.
    pub fn genesis(&self, now: SystemTime) -> Result<common::Block, NetworkError> {
        self.check()?;
        let config = common::Config { sequence: 0, channel_group: Some(channel_group(self)) };
        let config = common::ConfigEnvelope { config: Some(config), last_update: None };
        let block = first_block(&self.channel, config.encode_to_vec().into(), now)?;
        read_genesis(block.encode_to_vec().into())?;
        Ok(block)
    }

    fn check(&self) -> Result<(), NetworkError> {
        if !is_channel_id(&self.channel.0) {
            return Err(NetworkError::ChannelId(self.channel.0.clone()));
        }
        let orderers: Vec<_> = self.orderers.iter().map(|it| it.organisation).collect();
        check_section("Orderer", &orderers)?;
        check_section("Application", &self.members)
    }
}

/// Organisations are told apart by their names, and there must be some: without, nobody could change anything.
fn check_section(section: &'static str, organisations: &[&Organisation]) -> Result<(), NetworkError> {
    if organisations.is_empty() {
        return Err(NetworkError::NoOrganisation { section });
    }
    let mut names = BTreeSet::new();
    match organisations.iter().map(|it| &it.names().name).find(|&name| !names.insert(name)) {
        Some(twice) => Err(NetworkError::OrganisationTwice { section, name: twice.clone() }),
        None => Ok(()),
    }
}

/// Source: fabric v2.5.16 `common/configtx/validator.go` `ValidateChannelID`.
fn is_channel_id(id: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    id.len() <= CHANNEL_ID_CHARS_MAX
        && id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.bytes().all(is_inner)
}

fn first_block(channel: &ChannelId, config: Bytes, now: SystemTime) -> Result<common::Block, NetworkError> {
    let signature_header = common::SignatureHeader { creator: Bytes::new(), nonce: fresh_nonce()? };
    let mut channel_header = common::ChannelHeader {
        r#type: HeaderType::Config.into(),
        version: HEADER_VERSION,
        timestamp: Some(now.into()),
        channel_id: channel.0.clone(),
        tx_id: tx_id(&signature_header),
        ..common::ChannelHeader::default()
    };
    if let Some(timestamp) = &mut channel_header.timestamp {
        timestamp.nanos = 0;
    }
    let header = common::Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    let payload = common::Payload { header: Some(header), data: config }.encode_to_vec();
    let envelope = common::Envelope { payload: payload.into(), signature: Bytes::new() }.encode_to_vec();
    // LAST_CONFIG names block 0, so its entry is an empty message.
    let mut metadata = vec![Bytes::new(); METADATA_ENTRIES];
    if let Some(signatures) = metadata.first_mut() {
        *signatures = unsigned().encode_to_vec().into();
    }
    Ok(common::Block {
        header: Some(common::BlockHeader {
            number: 0,
            previous_hash: Bytes::new(),
            data_hash: Bytes::copy_from_slice(&hash::block_data_hash([envelope.as_slice()])),
        }),
        data: Some(common::BlockData { data: vec![envelope.into()] }),
        metadata: Some(common::BlockMetadata { metadata }),
    })
}

/// Metadata entry SIGNATURES without signatures: nobody signs a genesis block.
fn unsigned() -> common::Metadata {
    let value = common::OrdererBlockMetadata {
        last_config: Some(common::LastConfig { index: 0 }),
        consenter_metadata: Bytes::new(),
    };
    common::Metadata { value: value.encode_to_vec().into(), signatures: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_ids_are_those_that_fabric_takes() {
        for (id, is_good) in [
            ("demo", true),
            ("a1.b-c", true),
            (&"a".repeat(249), true),
            (&"a".repeat(250), false),
            ("", false),
            ("1a", false),
            ("Demo", false),
            ("my_channel", false),
            ("a/b", false),
            ("dämo", false),
        ] {
            assert_eq!(is_channel_id(id), is_good, "{id}");
        }
    }
}
