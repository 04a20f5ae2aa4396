//! The life of one channel, as a state machine.
//!
//! Records come out of the channel's log in one order for every orderer. [`Chain::step`] turns each into the work it
//! causes. It reads no clock, does no I/O and draws no random number, so orderers that saw the same records hold the
//! same blocks, byte for byte. A block depends on the channel config and on the records after the previous block's
//! last offset, and on nothing else: a chain made anew from the [`ChainState`] of any block goes on as the one that
//! never stopped.
//!
//! Source: fabric v2.5.16 `orderer/consensus/kafka/chain.go` `processMessagesToBlocks`.

mod commit;
mod event;
mod regular;
mod state;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use raddle_proto::wire::KafkaMessage;

pub use event::{
    Action, ChainError, Class, ConfigRecordError, CutBlock, Event, Note, Purpose, Skipped, Verdict,
};
pub use state::ChainState;

use crate::batch_policy::BatchPolicies;
use crate::bundle::{Bundle, CurrentConfig};
use crate::cutter::{CutReason, Cutter};
use crate::ids::{BlockNumber, ConfigSequence, Offset};
use crate::standard::Standard;
use regular::Awaited;

/// One channel.
pub struct Chain {
    state: ChainState,
    /// The channel as it was when the last block was cut, advanced by the records taken since.
    now: Progress,
    config: Arc<CurrentConfig>,
    policies: Rc<dyn BatchPolicies>,
    cutter: Cutter,
    /// From this record on the standard rule cuts, whatever the config says.
    standard_from: Option<Offset>,
    is_timer_running: bool,
    awaited: Option<Awaited>,
    /// The resubmitted config record that ingress waits for.
    config_in_flight: Option<Offset>,
}

/// What records move without a block being cut.
#[derive(Clone, Copy, Debug)]
struct Progress {
    last_seen: Offset,
    last_original_processed: Offset,
    last_resubmitted_config: Offset,
}

impl Chain {
    /// A chain that goes on after the block of `state`, at `config`. The next record to give it is the
    /// first one after `state.offsets.last_persisted`.
    ///
    /// # Errors
    ///
    /// The batch policy that the config names cannot run here.
    pub fn new(
        state: ChainState,
        config: Arc<CurrentConfig>,
        policies: Rc<dyn BatchPolicies>,
    ) -> Result<Self, ChainError> {
        Self::overridden(state, config, policies, None)
    }

    /// The same, where operators put the standard rule in the place of a batch policy that no orderer gets beyond a
    /// record: from the record at `standard_from` on, to the next config block, the standard rule decides, and the
    /// batch policy is not asked for any more. The record may be that of the config which brings the batch policy; it
    /// must not stand before that of `config`.
    ///
    /// It is one more thing that a block depends on, so it must be the same on all orderers.
    ///
    /// # Errors
    ///
    /// As [`Chain::new`], unless the standard rule decides from the next record on.
    pub fn overridden(
        state: ChainState,
        config: Arc<CurrentConfig>,
        policies: Rc<dyn BatchPolicies>,
        standard_from: Option<Offset>,
    ) -> Result<Self, ChainError> {
        let offsets = state.offsets;
        let next = offsets.last_persisted.0.saturating_add(1).max(0);
        let cutter = match standard_from {
            Some(Offset(from)) if from <= next => standard_cutter(&config),
            _ => make_cutter(&config, &*policies)?,
        };
        // Ingress was held when the orderer stopped, unless the awaited record was settled in a block.
        let is_in_flight = offsets.last_resubmitted_config > offsets.last_original_processed;
        Ok(Self {
            state,
            now: Progress {
                last_seen: offsets.last_persisted,
                last_original_processed: offsets.last_original_processed,
                last_resubmitted_config: offsets.last_resubmitted_config,
            },
            config,
            policies,
            cutter,
            standard_from,
            is_timer_running: false,
            awaited: None,
            config_in_flight: is_in_flight.then_some(offsets.last_resubmitted_config),
        })
    }

    /// Applies one event.
    ///
    /// # Errors
    ///
    /// Any error means that carrying on could fork the channel; the chain must not be used again. See [`ChainError`].
    pub fn step(&mut self, event: Event) -> Result<Vec<Action>, ChainError> {
        let mut actions = Vec::new();
        match (event, self.awaited.take()) {
            (Event::Judged(verdict), Some(awaited)) => self.on_verdict(awaited, verdict, &mut actions)?,
            (Event::Record { offset, value }, None) => self.on_record(offset, value, &mut actions)?,
            (Event::TimerExpired, awaited) => {
                self.awaited = awaited;
                self.on_timer(&mut actions);
            }
            (Event::Judged(_), None) | (Event::Record { .. }, Some(_)) => return Err(ChainError::OutOfTurn),
        }
        Ok(actions)
    }

    /// The channel's config, and what follows from it.
    #[must_use]
    pub const fn config(&self) -> &Arc<CurrentConfig> {
        &self.config
    }

    /// What ordering needs of the channel's config.
    #[must_use]
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.config.bundle
    }

    /// The state behind the last block.
    #[must_use]
    pub const fn state(&self) -> &ChainState {
        &self.state
    }

    /// Envelopes that are taken and not yet in a block.
    #[must_use]
    pub const fn pending_envelopes(&self) -> u32 {
        self.cutter.pending().count
    }

    /// Whether new envelopes must wait, because a resubmitted config record is not yet settled: until then they would
    /// be admitted under a config that is about to change.
    #[must_use]
    pub const fn holds_ingress(&self) -> bool {
        self.config_in_flight.is_some()
    }

    const fn next_block(&self) -> BlockNumber {
        self.state.tip.next()
    }

    fn sequence(&self) -> ConfigSequence {
        self.config.bundle.sequence
    }

    fn on_record(
        &mut self,
        offset: Offset,
        value: Bytes,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        if offset <= self.now.last_seen {
            return Err(ChainError::OffsetNotAfter { offset, last: self.now.last_seen });
        }
        let is_overridden = |place| self.standard_from.is_some_and(|from| from <= place);
        if is_overridden(offset) && !is_overridden(self.now.last_seen) {
            self.cutter.give_way();
        }
        self.now.last_seen = offset;
        match KafkaMessage::unmarshal(value) {
            // Proves that the log takes writes. Carries nothing to order.
            Ok(KafkaMessage::Connect) => Ok(()),
            Ok(KafkaMessage::TimeToCut(cut)) => {
                self.on_time_to_cut(BlockNumber(cut.block_number), offset, actions)
            }
            Ok(KafkaMessage::Regular(regular)) => self.on_regular(regular, offset, actions),
            Ok(KafkaMessage::None) => {
                actions.push(Action::Note(Note::Skipped { offset, why: Skipped::NoKind }));
                Ok(())
            }
            Err(error) => {
                let why = Skipped::NotAKafkaMessage(error);
                actions.push(Action::Note(Note::Skipped { offset, why }));
                Ok(())
            }
        }
    }

    /// Fabric posts and forgets; whether the record was appended is the caller's business.
    fn on_timer(&mut self, actions: &mut Vec<Action>) {
        if std::mem::take(&mut self.is_timer_running) {
            actions.push(Action::PostTimeToCut(self.next_block()));
        }
    }

    /// Differs: a time-to-cut for a block beyond the next, or for the next with nothing pending, ends a Go orderer's
    /// loop for good. Here it cuts nothing and raises the suspicion of a fork.
    fn on_time_to_cut(
        &mut self,
        named: BlockNumber,
        offset: Offset,
        actions: &mut Vec<Action>,
    ) -> Result<(), ChainError> {
        let next = self.next_block();
        if named < next {
            actions.push(Action::Note(Note::LateTimeToCut { offset, named }));
            return Ok(());
        }
        let pending = self.cutter.pending().count;
        if named == next {
            self.stop_timer(actions);
            if let Some(batch) = self.cutter.cut(CutReason::TimeToCut) {
                return self.write(batch, offset, false, actions);
            }
        }
        actions.push(Action::Note(Note::ForkSuspected { offset, named, next, pending }));
        Ok(())
    }

    fn stop_timer(&mut self, actions: &mut Vec<Action>) {
        if std::mem::take(&mut self.is_timer_running) {
            actions.push(Action::StopTimer);
        }
    }
}

fn make_cutter(config: &Arc<CurrentConfig>, policies: &dyn BatchPolicies) -> Result<Cutter, ChainError> {
    Ok(Cutter::new(config.bundle.batch_size, policies.batch_policy(config)?))
}

fn standard_cutter(config: &CurrentConfig) -> Cutter {
    let batch_size = config.bundle.batch_size;
    Cutter::new(batch_size, Rc::new(Standard::new(batch_size)))
}
