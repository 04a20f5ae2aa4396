//! From an envelope that is good at its place to blocks.

use std::sync::Arc;

use raddle_proto::common;
use raddle_proto::wire::{self, Envelope};

use super::event::{Action, ChainError, ConfigRecordError, CutBlock, Note, Skipped};
use super::{Chain, ChainState, make_cutter, standard_cutter};
use crate::block::{Offsets, UnsignedBlock};
use crate::bundle::{BundleError, CurrentConfig, Incompatible, read_config_envelope};
use crate::channel_creation::NewChannel;
use crate::config_update::{ValidateError, validate};
use crate::cutter::{CutBatch, CutReason};
use crate::ids::{ChannelId, Offset};

/// A config record that validates at its place.
enum ConfigChange {
    /// The channel's next config.
    Config(Arc<CurrentConfig>),
    /// In the system channel: another channel begins, unless the record names none. The config stays as it is.
    Creation(Option<Box<NewChannel>>),
}

impl Chain {
    /// Takes a normal envelope; `watermark` is the watermark behind it.
    ///
    /// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `commitNormalMsg`.
    pub(super) fn commit_normal(
        &mut self,
        envelope: &Envelope,
        offset: Offset,
        watermark: Offset,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        // A restart between the cut that this record caused and this record must go on as if it had not been.
        let caused_last_cut =
            self.state.is_cut_by_next_record && self.state.offsets.last_persisted == offset.before();
        let taken = self.cutter.take(envelope)?;
        for fault in taken.faults {
            actions.push(Action::Note(Note::BatchPolicyFault { offset, fault }));
        }
        let is_pending = taken.after.is_none();
        let cuts_before = taken.before.is_some() || caused_last_cut;
        if let Some(batch) = taken.before {
            self.write(batch, offset.before(), true, actions)?;
        }
        // Where other orderers may be Go's, the watermark stays behind an envelope that a cut leaves pending.
        if !(is_pending && cuts_before) || self.bundle().has_raddle_1_0() {
            self.now.last_original_processed = watermark;
        }
        if let Some(batch) = taken.after {
            self.write(batch, offset, false, actions)?;
        }
        self.adjust_timer(is_pending, actions);
        Ok(())
    }

    /// Fabric leaves a running timer alone when an overflow cut starts the next batch.
    fn adjust_timer(&mut self, is_pending: bool, actions: &mut Vec<Action>) {
        if !is_pending {
            self.stop_timer(actions);
        } else if !self.is_timer_running {
            self.is_timer_running = true;
            actions.push(Action::StartTimer(self.bundle().batch_timeout));
        }
    }

    /// Takes a config envelope, alone in its block; `watermark` is the watermark behind it.
    ///
    /// Differs: a config that does not validate ends a Go orderer's process. Here it is skipped.
    ///
    /// Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `commitConfigMsg`,
    /// `orderer/common/multichannel/blockwriter.go` `WriteConfigBlock`.
    pub(super) fn commit_config(
        &mut self,
        envelope: &Envelope,
        offset: Offset,
        watermark: Offset,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        let change = match self.validate_config(envelope) {
            Ok(change) => change,
            Err(error) => {
                if let Some(error) = unsupported(&error) {
                    return Err(ChainError::UnsupportedConfig { offset, error });
                }
                let why = Skipped::InvalidConfig(error);
                actions.push(Action::Note(Note::Skipped { offset, why }));
                return Ok(());
            }
        };
        if let Some(batch) = self.cutter.cut(CutReason::ConfigFollows) {
            self.write(batch, offset.before(), false, actions)?;
        }
        self.stop_timer(actions);
        self.now.last_original_processed = watermark;
        let batch = CutBatch {
            envelopes: vec![envelope.marshal()],
            reason: CutReason::Config,
            size_bytes: envelope.size_bytes(),
        };
        match change {
            ConfigChange::Creation(channel) => {
                let mut cut = self.next_cut(batch, offset, false)?;
                cut.creates = channel;
                self.finish(cut, actions);
                Ok(())
            }
            ConfigChange::Config(config) => self.write_config(batch, offset, config, actions),
        }
    }

    fn validate_config(&self, envelope: &Envelope) -> Result<ConfigChange, ConfigRecordError> {
        let header = wire::channel_header(envelope).map_err(ConfigRecordError::Header)?;
        if header.r#type == common::HeaderType::OrdererTransaction as i32 {
            if !self.bundle().has_consortiums {
                return Err(ConfigRecordError::NotASystemChannel);
            }
            let channel = NewChannel::read(envelope).map_err(ConfigRecordError::NewChannel)?;
            return Ok(ConfigChange::Creation(channel.map(Box::new)));
        }
        if header.r#type != common::HeaderType::Config as i32 {
            return Err(ConfigRecordError::HeaderType(header.r#type));
        }
        let ChannelId(expected) = &self.bundle().channel;
        if header.channel_id != *expected {
            let expected = expected.clone();
            return Err(ConfigRecordError::OtherChannel { found: header.channel_id, expected });
        }
        let config = read_config_envelope(envelope).map_err(ConfigRecordError::Wire)?;
        let next = validate(&self.config, &config).map_err(ConfigRecordError::Invalid)?;
        Ok(ConfigChange::Config(Arc::new(next)))
    }

    fn write_config(
        &mut self,
        batch: CutBatch,
        offset: Offset,
        config: Arc<CurrentConfig>,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        let number = self.next_block();
        let changes_type = config.bundle.consensus.kind != self.bundle().consensus.kind;
        // What operators put in the place of a batch policy ends with the next config, but for its own record.
        let cutter = match self.standard_from {
            Some(from) if from == offset => standard_cutter(&config),
            _ => make_cutter(&config, &*self.policies)?,
        };
        self.state.last_config = number;
        let mut cut = self.next_cut(batch, offset, false)?;
        if changes_type {
            // The log that the offsets belong to is left behind.
            cut.block.consenter_metadata = bytes::Bytes::new();
        }
        cut.config = Some(Arc::clone(&config));
        self.config = config;
        self.cutter = cutter;
        self.finish(cut, actions);
        Ok(())
    }

    /// Writes a batch as the next block. `offset` is the last one that the block settles; `is_cut_by_next_record`:
    /// the record after it caused the cut, and is not in the block.
    pub(super) fn write(
        &mut self,
        batch: CutBatch,
        offset: Offset,
        is_cut_by_next_record: bool,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        let cut = self.next_cut(batch, offset, is_cut_by_next_record)?;
        self.finish(cut, actions);
        Ok(())
    }

    fn next_cut(
        &self,
        batch: CutBatch,
        offset: Offset,
        is_cut_by_next_record: bool,
    ) -> Result<CutBlock, ChainError> {
        if self.state.tip.0 == u64::MAX {
            return Err(ChainError::OutOfNumbers(self.state.tip));
        }
        let offsets = Offsets {
            last_persisted: offset,
            last_original_processed: self.now.last_original_processed,
            last_resubmitted_config: self.now.last_resubmitted_config,
        };
        let mut written = offsets;
        if batch.reason == CutReason::TimeToCut {
            // Fabric leaves this one out of blocks that a time-to-cut ended.
            written.last_resubmitted_config = Offset(0);
        }
        let block = UnsignedBlock::new(
            self.next_block(),
            self.state.tip_hash,
            batch.envelopes,
            self.state.last_config,
            written.marshal(),
        );
        let state = ChainState {
            tip: block.number,
            tip_hash: block.hash(),
            last_config: self.state.last_config,
            offsets,
            is_cut_by_next_record,
        };
        Ok(CutBlock {
            block,
            state,
            reason: batch.reason,
            size_bytes: batch.size_bytes,
            config: None,
            creates: None,
        })
    }

    fn finish(&mut self, cut: CutBlock, actions: &mut Vec<Action>) {
        self.state = cut.state;
        actions.push(Action::WriteBlock(Box::new(cut)));
    }
}

/// What a config record asks for and this version does not have.
fn unsupported(error: &ConfigRecordError) -> Option<Incompatible> {
    match error {
        ConfigRecordError::Invalid(ValidateError::Bundle(BundleError::Incompatible(error))) => {
            Some(error.clone())
        }
        ConfigRecordError::NewChannel(error) => error.unsupported().cloned(),
        _ => None,
    }
}
