//! Records in, actions out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod faults;
mod metadata;
mod overridden;
mod records;
mod restarts;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::wire::{Envelope, KafkaMessage, Regular};
use raddle_proto::{common, orderer, wire};

use super::{Action, Chain, ChainError, ChainState, CutBlock, Event, Purpose, Verdict};
use crate::batch_policy::{Batch, BatchPolicies, BatchPolicy, EnvelopeInfo, Fault, LocalFault, Pending};
use crate::block::BlockHash;
use crate::bundle::CurrentConfig;
use crate::ids::{ChannelId, Offset};
use crate::standard::Standard;

pub(super) const CHANNEL: &str = "trade";

/// What a channel's config in these tests may say.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub max_message_count: u32,
    pub preferred_max_bytes: u32,
    pub absolute_max_bytes: u32,
    pub capabilities: Vec<&'static str>,
    pub is_system_channel: bool,
    pub kind: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            max_message_count: 3,
            preferred_max_bytes: 1000,
            absolute_max_bytes: 2000,
            capabilities: vec!["V2_0"],
            is_system_channel: false,
            kind: "kafka",
        }
    }
}

/// Everybody may change everything: below the Orderer group there is nobody to be asked.
const MOD_POLICY: &str = "/Channel/Orderer/Anybody";

fn config_value(version: u64, message: &impl prost::Message) -> common::ConfigValue {
    let value = message.encode_to_vec().into();
    common::ConfigValue { version, value, mod_policy: MOD_POLICY.into() }
}

fn config_group(version: u64) -> common::ConfigGroup {
    common::ConfigGroup { version, mod_policy: MOD_POLICY.into(), ..Default::default() }
}

/// A policy that holds without a signature, where no group stands below.
fn anybody(version: u64) -> common::ConfigPolicy {
    let any = common::ImplicitMetaPolicy { sub_policy: "Anybody".into(), rule: 0 };
    let policy = common::Policy { r#type: 3, value: any.encode_to_vec().into() };
    common::ConfigPolicy { version, policy: Some(policy), mod_policy: MOD_POLICY.into() }
}

impl Setup {
    /// The config at `sequence`, in which every element is at that version.
    pub fn config(&self, sequence: u64) -> common::Config {
        let names =
            self.capabilities.iter().map(|name| ((*name).to_owned(), common::Capability {})).collect();
        let mut orderer = config_group(sequence);
        orderer.policies.insert("Anybody".into(), anybody(sequence));
        let batch_size = orderer::BatchSize {
            max_message_count: self.max_message_count,
            absolute_max_bytes: self.absolute_max_bytes,
            preferred_max_bytes: self.preferred_max_bytes,
        };
        let consensus = orderer::ConsensusType { r#type: self.kind.into(), ..Default::default() };
        orderer.values.insert("BatchSize".into(), config_value(sequence, &batch_size));
        orderer.values.insert(
            "BatchTimeout".into(),
            config_value(sequence, &orderer::BatchTimeout { timeout: "2s".into() }),
        );
        orderer.values.insert("ConsensusType".into(), config_value(sequence, &consensus));
        orderer.values.insert(
            "Capabilities".into(),
            config_value(sequence, &common::Capabilities { capabilities: names }),
        );
        let mut root = config_group(sequence);
        root.values.insert(
            "HashingAlgorithm".into(),
            config_value(sequence, &common::HashingAlgorithm { name: "SHA256".into() }),
        );
        root.values.insert(
            "BlockDataHashingStructure".into(),
            config_value(sequence, &common::BlockDataHashingStructure { width: u32::MAX }),
        );
        root.values.insert(
            "OrdererAddresses".into(),
            config_value(sequence, &common::OrdererAddresses { addresses: vec!["orderer:7050".into()] }),
        );
        root.groups.insert("Orderer".into(), orderer);
        if self.is_system_channel {
            root.groups.insert("Consortiums".into(), config_group(sequence));
        }
        common::Config { sequence, channel_group: Some(root) }
    }

    pub fn read(&self, sequence: u64) -> Arc<CurrentConfig> {
        Arc::new(CurrentConfig::read(ChannelId(CHANNEL.into()), self.config(sequence)).unwrap())
    }

    pub fn chain(&self) -> Chain {
        self.chain_with(Rc::new(StandardPolicies))
    }

    pub fn chain_with(&self, policies: Rc<dyn BatchPolicies>) -> Chain {
        Chain::new(ChainState::genesis(BlockHash([7; 32])), self.read(0), policies).unwrap()
    }
}

pub(super) struct StandardPolicies;

impl BatchPolicies for StandardPolicies {
    fn batch_policy(&self, config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(Rc::new(Standard::new(config.bundle.batch_size)))
    }
}

/// A batch policy made of a function that makes batches.
pub(super) struct Policies<F>(pub F);

impl<F: Fn() -> Result<Box<dyn Batch>, Fault> + Clone + 'static> BatchPolicies for Policies<F> {
    fn batch_policy(&self, _config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault> {
        Ok(Rc::new(Policies(self.0.clone())))
    }
}

impl<F: Fn() -> Result<Box<dyn Batch>, Fault>> BatchPolicy for Policies<F> {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        (self.0)()
    }
}

/// Counts its calls, and answers by the count alone.
#[derive(Default)]
pub(super) struct CountsCalls {
    calls: u32,
}

impl Batch for CountsCalls {
    fn fits(&mut self, _: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        self.calls += 1;
        Ok(!self.calls.is_multiple_of(10))
    }

    fn add(&mut self, _: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        self.calls += 1;
        Ok(self.calls.is_multiple_of(7))
    }
}

/// Never mixes two creators.
pub(super) struct OneCreator;

impl Batch for OneCreator {
    fn fits(&mut self, envelope: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        Ok(envelope.creator.0 == 0)
    }

    fn add(&mut self, _: &EnvelopeInfo<'_>, _: Pending) -> Result<bool, Fault> {
        Ok(false)
    }
}

// === records ===

/// An envelope of `size` bytes in all, at least 60.
pub(super) fn envelope_by(header_type: i32, creator: &str, size: usize, data: Bytes) -> Envelope {
    let channel_header =
        common::ChannelHeader { r#type: header_type, channel_id: CHANNEL.into(), ..Default::default() };
    let signature_header =
        common::SignatureHeader { creator: Bytes::copy_from_slice(creator.as_bytes()), nonce: Bytes::new() };
    let header = common::Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    let payload = common::Payload { header: Some(header), data }.encode_to_vec();
    let signature = vec![b's'; size.saturating_sub(payload.len())];
    Envelope::new(&payload, &signature)
}

pub(super) fn envelope(size: usize) -> Envelope {
    envelope_by(3, "alice", size, Bytes::new())
}

/// A config and the update that leads to it from any config of the sequence before: all of it is new.
pub(super) fn config_envelope(config: common::Config) -> Envelope {
    let write_set = config.channel_group.clone();
    let update = common::ConfigUpdate { channel_id: CHANNEL.into(), write_set, ..Default::default() };
    let update =
        common::ConfigUpdateEnvelope { config_update: update.encode_to_vec().into(), signatures: Vec::new() };
    let update = envelope_by(2, "admin", 0, update.encode_to_vec().into());
    let last_update = common::Envelope { payload: update.payload().clone(), ..Default::default() };
    let config = common::ConfigEnvelope { config: Some(config), last_update: Some(last_update) };
    envelope_by(1, "orderer", 0, config.encode_to_vec().into())
}

pub(super) fn normal(size: usize) -> Bytes {
    record(&envelope(size), wire::Class::Normal, 0, 0)
}

pub(super) fn record(envelope: &Envelope, class: wire::Class, config_sequence: u64, original: i64) -> Bytes {
    KafkaMessage::Regular(Regular {
        payload: envelope.marshal(),
        config_sequence,
        class,
        original_offset: original,
    })
    .marshal()
}

pub(super) fn config(setup: &Setup, sequence: u64) -> Bytes {
    record(&config_envelope(setup.config(sequence)), wire::Class::Config, sequence - 1, 0)
}

pub(super) fn time_to_cut(block: u64) -> Bytes {
    KafkaMessage::time_to_cut(block).marshal()
}

// === what came out ===

pub(super) fn words(action: &Action) -> String {
    match action {
        Action::WriteBlock(cut) => block_words(cut),
        Action::StartTimer(duration) => {
            assert_eq!(*duration, Duration::from_secs(2));
            "start timer".into()
        }
        Action::StopTimer => "stop timer".into(),
        Action::PostTimeToCut(block) => format!("post time-to-cut {block}"),
        Action::Judge { offset, class, purpose, .. } => match purpose {
            Purpose::Resubmission => format!("judge {class:?} at {offset} for resubmission"),
            Purpose::Commit => format!("judge {class:?} at {offset} for commit"),
        },
        Action::Resubmit { class, config_sequence, original_offset, .. } => {
            format!("resubmit {class:?} of {original_offset} at sequence {config_sequence}")
        }
        Action::Note(note) => note.to_string(),
    }
}

/// `block 1: 3 envelopes, MaxMessageCount, offsets 4 0 0`
fn block_words(cut: &CutBlock) -> String {
    let metadata = orderer::KafkaMetadata::decode(cut.block.consenter_metadata.clone()).unwrap();
    format!(
        "block {}: {} envelopes, {:?}, offsets {} {} {}",
        cut.block.number,
        cut.block.data.len(),
        cut.reason,
        metadata.last_offset_persisted,
        metadata.last_original_offset_processed,
        metadata.last_resubmitted_config_offset,
    )
}

/// Gives the records to the chain, from offset 0 on, and admits whatever it asks for. Answers the words of all actions.
pub(super) fn run(chain: &mut Chain, records: &[Bytes]) -> Vec<String> {
    let mut out = Vec::new();
    for (offset, value) in records.iter().enumerate() {
        let event = Event::Record { offset: Offset(offset as i64), value: value.clone() };
        step(chain, event, true, &mut |action| out.push(words(action))).unwrap();
    }
    out
}

/// One step, with each request to judge answered alike.
pub(super) fn step(
    chain: &mut Chain,
    event: Event,
    admits: bool,
    see: &mut dyn FnMut(&Action),
) -> Result<(), ChainError> {
    for action in chain.step(event)? {
        see(&action);
        if let Action::Judge { envelope, .. } = action {
            let verdict = if admits {
                Verdict::Admitted { envelope }
            } else {
                Verdict::Refused { reason: "no".into() }
            };
            step(chain, Event::Judged(verdict), admits, see)?;
        }
    }
    Ok(())
}

/// The actions' words, line by line, against `expected`, one line each, indentation aside.
pub(super) fn check(actual: &[String], expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(actual, expected, "\n{}", actual.join("\n"));
}
