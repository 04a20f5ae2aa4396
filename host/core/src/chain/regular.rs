//! Records that carry an envelope: copies dropped, stale ones judged again, good ones committed.
//!
//! Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `processRegular`.

use raddle_proto::common::HeaderType;
use raddle_proto::wire::{self, Envelope, Regular};

use super::Chain;
use super::event::{Action, ChainError, Class, Note, Purpose, Skipped, Verdict};
use crate::ids::{ConfigSequence, Offset};

/// What a verdict is awaited for.
pub(super) struct Awaited {
    offset: Offset,
    envelope: Envelope,
    class: Class,
    purpose: Purpose,
    /// Whether ingress waits for this record.
    settles_ingress: bool,
}

impl Chain {
    pub(super) fn on_regular(
        &mut self,
        regular: Regular,
        offset: Offset,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        let envelope = match Envelope::unmarshal(regular.payload) {
            Ok(envelope) => envelope,
            Err(error) => {
                skip(offset, Skipped::NotAnEnvelope(error), actions);
                return Ok(());
            }
        };
        let class = match regular.class {
            wire::Class::Unknown => return self.judge_in_place(envelope, offset, actions),
            _ if !self.bundle().has_resubmission() => return self.judge_in_place(envelope, offset, actions),
            wire::Class::Normal => Class::Normal,
            wire::Class::Config => Class::Config,
            wire::Class::Other(number) => {
                skip(offset, Skipped::UnknownClass(number), actions);
                return Ok(());
            }
        };
        let original = Offset(regular.original_offset);
        let is_copy = original != Offset(0);
        // Not asked: whether it is a copy. Those of a record at offset 0 do not look like any.
        let settles_ingress = class == Class::Config && self.config_in_flight == Some(original);
        let watermark = self.now.last_original_processed;
        if is_copy && original <= watermark {
            self.settle_ingress(settles_ingress);
            actions.push(Action::Note(Note::DuplicateResubmission { offset, original, watermark }));
            return Ok(());
        }
        if class == Class::Config && original > self.now.last_resubmitted_config {
            // Another orderer found the record good and appended it again, where this one did not.
            self.now.last_resubmitted_config = original;
        }
        if ConfigSequence(regular.config_sequence) < self.sequence() {
            if is_copy && self.bundle().has_raddle_1_0() {
                // One copy is taken for all: the copies of the other orderers are met stale too.
                self.now.last_original_processed = original;
            }
            self.judge(
                Awaited { offset, envelope, class, purpose: Purpose::Resubmission, settles_ingress },
                actions,
            );
            return Ok(());
        }
        self.settle_ingress(settles_ingress);
        let watermark = if is_copy { original } else { watermark };
        self.commit(class, &envelope, offset, watermark, actions)
    }

    /// Fabric's compatibility mode, for records of orderers older than v1.1 and channels without resubmission: each
    /// orderer's own verdict decides the block.
    fn judge_in_place(
        &mut self,
        envelope: Envelope,
        offset: Offset,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        let class = match wire::channel_header(&envelope).map(|header| HeaderType::try_from(header.r#type)) {
            Ok(Ok(HeaderType::Config | HeaderType::OrdererTransaction)) => Class::Config,
            Ok(Ok(HeaderType::ConfigUpdate)) => {
                skip(offset, Skipped::ConfigUpdate, actions);
                return Ok(());
            }
            Ok(_) => Class::Normal,
            Err(error) => {
                skip(offset, Skipped::ChannelHeader(error), actions);
                return Ok(());
            }
        };
        let purpose = Purpose::Commit;
        self.judge(Awaited { offset, envelope, class, purpose, settles_ingress: false }, actions);
        Ok(())
    }

    fn judge(&mut self, awaited: Awaited, actions: &mut Vec<Action>) {
        actions.push(Action::Judge {
            offset: awaited.offset,
            envelope: awaited.envelope.clone(),
            class: awaited.class,
            purpose: awaited.purpose,
        });
        self.awaited = Some(awaited);
    }

    pub(super) fn on_verdict(
        &mut self,
        awaited: Awaited,
        verdict: Verdict,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        let Awaited { offset, envelope, class, purpose, settles_ingress } = awaited;
        match (verdict, purpose) {
            (Verdict::Refused { reason }, Purpose::Resubmission) => {
                self.settle_ingress(settles_ingress);
                actions.push(Action::Note(Note::RefusedAgain { offset, reason }));
                Ok(())
            }
            (Verdict::Refused { reason }, Purpose::Commit) => {
                skip(offset, Skipped::Refused(reason), actions);
                Ok(())
            }
            (Verdict::Admitted { .. }, Purpose::Commit) => {
                // What goes into the block is what stands in the log, not what the rules would make of it here.
                let watermark = self.now.last_original_processed;
                self.commit(class, &envelope, offset, watermark, actions)
            }
            (Verdict::Admitted { envelope }, Purpose::Resubmission) => {
                let config_sequence = self.sequence();
                actions.push(Action::Resubmit { envelope, class, config_sequence, original_offset: offset });
                if class == Class::Config {
                    self.now.last_resubmitted_config = offset;
                    self.config_in_flight = Some(offset);
                }
                Ok(())
            }
        }
    }

    fn commit(
        &mut self,
        class: Class,
        envelope: &Envelope,
        offset: Offset,
        watermark: Offset,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        match class {
            Class::Normal => self.commit_normal(envelope, offset, watermark, actions),
            Class::Config => self.commit_config(envelope, offset, watermark, actions),
        }
    }

    /// Differs: where a resubmitted config turns out invalid, a Go orderer holds ingress for ever.
    fn settle_ingress(&mut self, is_awaited_record: bool) {
        if is_awaited_record {
            self.config_in_flight = None;
        }
    }
}

fn skip(offset: Offset, why: Skipped, actions: &mut Vec<Action>) {
    actions.push(Action::Note(Note::Skipped { offset, why }));
}
