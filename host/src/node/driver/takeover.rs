//! A ledger whose blocks were pulled from another orderer, and the log that is to order its next ones.
//!
//! Whether it is the log that those blocks were cut from, the log itself must show: its records make the ledger's last
//! blocks once more, and the channel goes on only if they are the same. That also gives what block metadata leave out,
//! so that the channel stands where an orderer stands that never stopped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use prost::Message as _;
use raddle_core::block::{BlockHash, Offsets};
use raddle_core::bundle::{CurrentConfig, GenesisError, read_config_of};
use raddle_core::chain::{ChainState, Class, CutBlock, Purpose, Verdict};
use raddle_core::ids::{BlockNumber, ChannelId, Offset};
use raddle_ledger::Ledger;
use raddle_ordering::{OrderedLog, ReadError, Record};
use raddle_proto::common;
use raddle_proto::hash::hex;
use raddle_proto::wire::{Envelope, KafkaMessage};
use tokio::time::{Instant, sleep};

use super::place::ASK_AGAIN;
use super::{Driver, Ended, Halt};
use crate::client::{BlockFault, block_hash, envelopes, last_config, offsets};

/// How many blocks before the last one are looked at first for one whose metadata leave nothing out.
const BLOCKS_BACK: u64 = 16;

/// How much further back the next one is looked for.
const FURTHER: u64 = 16;

/// Why a channel does not go on from the blocks that were pulled for it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotTakenOver {
    /// The channel was not ordered by a log, or not there.
    #[error(
        "block {number} was pulled from another orderer and names no offset in an ordered log: a channel is taken over \
         only from orderers that cut its blocks from Kafka"
    )]
    NoOffsets {
        /// The block.
        number: BlockNumber,
    },
    /// The log does not reach to where the last block was cut, or not back to there.
    #[error(
        "block {tip} was pulled from another orderer and was cut at offset {offset} of its log: {cause}; or map the \
         channel to the cluster that its orderers use (Ordering in raddle.yaml)"
    )]
    NoRecord {
        /// The ledger's last block.
        tip: BlockNumber,
        /// The place that the log lacks.
        offset: Offset,
        /// What it says instead.
        cause: ReadError,
    },
    /// The log is another one, or the blocks are of a fork.
    #[error(
        "block {number} was pulled from another orderer and has hash {pulled}, the ordered log makes a block {number} \
         with hash {made} of its records up to offset {offset}: it is not the log that the blocks were cut from; map \
         the channel to the cluster that its orderers use (Ordering in raddle.yaml)"
    )]
    OtherBlock {
        /// The first block that differs.
        number: BlockNumber,
        /// The hash of its header in the ledger, in hexadecimal digits.
        pulled: String,
        /// That of the block that the log makes.
        made: String,
        /// How far the log was read for it.
        offset: Offset,
    },
    /// The same block at another place: offsets of the one log mean nothing in the other.
    #[error(
        "block {number} was pulled from another orderer and was cut at offset {pulled}, the ordered log makes the same \
         block at offset {made}: it is not the log that the blocks were cut from; map the channel to the cluster that \
         its orderers use (Ordering in raddle.yaml)"
    )]
    OtherPlace {
        /// The first block that differs.
        number: BlockNumber,
        /// Where the block says that it was cut.
        pulled: Offset,
        /// Where the log has it cut.
        made: Offset,
    },
    /// The log is another one: it holds fewer envelopes.
    #[error(
        "block {number} was pulled from another orderer and was cut at offset {offset} of its log, the ordered log \
         makes no block {number} of its records up to there: it is not the log that the blocks were cut from; map the \
         channel to the cluster that its orderers use (Ordering in raddle.yaml)"
    )]
    NoBlock {
        /// The first block that is missing.
        number: BlockNumber,
        /// Where the ledger's last block was cut.
        offset: Offset,
    },
    /// A block in the ledger cannot be read.
    #[error("block {number}, which was pulled from another orderer, cannot be read: {what}")]
    Unreadable {
        /// The block.
        number: BlockNumber,
        /// Why.
        what: String,
    },
    /// The config by which the last blocks were cut cannot be used.
    #[error("the config in block {number}, which was pulled from another orderer, cannot be used: {cause}")]
    Config {
        /// The block.
        number: BlockNumber,
        /// Why.
        cause: GenesisError,
    },
}

/// Where a chain begins.
pub(super) struct Start {
    pub(super) state: ChainState,
    pub(super) config: Arc<CurrentConfig>,
    /// What the log must make before the channel goes on.
    pub(super) takeover: Option<Takeover>,
}

/// The blocks that the log must make once more.
pub(super) struct Takeover {
    /// The ledger's last block.
    tip: BlockNumber,
    /// How far the log was read for it.
    end: Offset,
    /// The batch timer, which starts when the last block is made.
    timer: Option<Duration>,
}

impl From<NotTakenOver> for Ended {
    fn from(cause: NotTakenOver) -> Self {
        Halt::NotTakenOver(cause).into()
    }
}

// === where to begin ===

/// The chain of a ledger, at `config` behind its last block: from there if the ledger was built here, otherwise from a
/// few blocks before.
pub(super) async fn start(
    ledger: &Ledger,
    log: &dyn OrderedLog,
    config: Arc<CurrentConfig>,
) -> Result<Start, Ended> {
    let stored = ledger.state();
    if stored.anchor.is_some() || stored.chain.tip == BlockNumber(0) {
        return Ok(Start { state: stored.chain, config, takeover: None });
    }
    let tip = stored.chain.tip;
    let end = offsets_of(&block(ledger, tip)?)?.last_persisted;
    let channel = ledger.channel();
    let missing = |offset| move |cause| NotTakenOver::NoRecord { tip, offset, cause };
    record(log, channel, end).await?.map_err(missing(end))?;
    // One block at least is made, and all but a config block at the end by one config.
    let config_number = BlockNumber(last_config_of(&block(ledger, BlockNumber(tip.0.saturating_sub(1)))?)?);
    let config = match config_number == stored.chain.last_config {
        true => config,
        false => config_in(&block(ledger, config_number)?)?,
    };
    let mut back = BLOCKS_BACK;
    loop {
        let number = config_number.max(BlockNumber(tip.0.saturating_sub(back)));
        let found = block(ledger, number)?;
        let offsets = offsets_of(&found)?;
        if number > config_number {
            let cut_by = record(log, channel, offsets.last_persisted).await?;
            let cut_by = cut_by.map_err(missing(offsets.last_persisted))?;
            // Such a block leaves out which config was resubmitted last.
            if is_time_to_cut(cut_by, number) {
                back = back.saturating_mul(FURTHER);
                continue;
            }
        }
        let state = ChainState {
            tip: number,
            tip_hash: BlockHash(block_hash(&found.header.clone().unwrap_or_default())),
            last_config: config_number,
            offsets,
            is_cut_by_next_record: number > config_number && is_cut_by_next_record(&found, &config),
        };
        tracing::info!(
            %channel, first = %number.next(), last = %tip, from = %offsets.last_persisted, to = %end,
            "the blocks were pulled: looking whether the ordered log makes the last ones once more"
        );
        return Ok(Start { state, config, takeover: Some(Takeover { tip, end, timer: None }) });
    }
}

/// Whether the standard rule cut a block, which no time-to-cut cut, because the next envelope did not fit. Where
/// another batch policy cuts nothing depends on it.
fn is_cut_by_next_record(block: &common::Block, config: &CurrentConfig) -> bool {
    let envelopes = envelopes(block);
    let limits = config.bundle.batch_size;
    let is_full = u32::try_from(envelopes.len()).is_ok_and(|count| count >= limits.max_message_count);
    let is_alone = match envelopes {
        [envelope] => Envelope::unmarshal(envelope.clone())
            .is_ok_and(|envelope| envelope.size_bytes() > u64::from(limits.preferred_max_bytes)),
        _ => false,
    };
    !is_full && !is_alone
}

fn is_time_to_cut(record: Record, number: BlockNumber) -> bool {
    matches!(KafkaMessage::unmarshal(record.value), Ok(KafkaMessage::TimeToCut(cut)) if cut.block_number == number.0)
}

/// A record that must be there, however long its brokers are away.
async fn record(
    log: &dyn OrderedLog,
    channel: &ChannelId,
    offset: Offset,
) -> Result<Result<Record, ReadError>, Ended> {
    loop {
        // Reading waits at the log's end; asking for a hash does not.
        let read = match log.record_hash(channel, offset).await {
            Ok(_) => log.read(channel, offset).next().await.unwrap_or(Err(ReadError::Closed)),
            Err(error) => Err(error),
        };
        match read {
            Err(ReadError::Unavailable { cause }) => {
                tracing::warn!(%channel, %cause, "the ordered log went away");
                sleep(ASK_AGAIN).await;
            }
            Err(ReadError::Closed) => return Err(Ended::Stopped),
            read => return Ok(read),
        }
    }
}

// === the ledger's blocks ===

fn block(ledger: &Ledger, number: BlockNumber) -> Result<common::Block, NotTakenOver> {
    let unreadable = |what: String| NotTakenOver::Unreadable { number, what };
    let bytes = ledger.block(number).map_err(|error| unreadable(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| unreadable("it is not there".to_owned()))?;
    common::Block::decode(bytes).map_err(|error| unreadable(error.to_string()))
}

fn number_of(block: &common::Block) -> BlockNumber {
    BlockNumber(block.header.as_ref().map(|header| header.number).unwrap_or_default())
}

fn offsets_of(block: &common::Block) -> Result<Offsets, NotTakenOver> {
    let number = number_of(block);
    if number == BlockNumber(0) {
        return Ok(Offsets::START);
    }
    let read = offsets(block).ok_or(NotTakenOver::NoOffsets { number })?;
    Ok(Offsets {
        last_persisted: Offset(read.last_offset_persisted),
        last_original_processed: Offset(read.last_original_offset_processed),
        last_resubmitted_config: Offset(read.last_resubmitted_config_offset),
    })
}

fn last_config_of(block: &common::Block) -> Result<u64, NotTakenOver> {
    let number = number_of(block);
    last_config(block)
        .map_err(|error: BlockFault| NotTakenOver::Unreadable { number, what: error.to_string() })
}

fn config_in(block: &common::Block) -> Result<Arc<CurrentConfig>, NotTakenOver> {
    let envelope = envelopes(block).first().cloned().unwrap_or_default();
    let config = read_config_of(envelope);
    config.map(Arc::new).map_err(|cause| NotTakenOver::Config { number: number_of(block), cause })
}

// === impl Driver ===

impl Driver {
    /// Compares a block that the log makes with the one in the ledger; behind the last one the channel orders.
    pub(super) fn compare(&mut self, cut: &CutBlock) -> Result<(), Ended> {
        let Some(Takeover { tip, .. }) = self.takeover else { return Ok(()) };
        let number = cut.block.number;
        let pulled = block(&self.parts.ledger, number)?;
        let pulled_hash = block_hash(&pulled.header.clone().unwrap_or_default());
        let made = cut.state.offsets;
        if pulled_hash != cut.block.hash().0 {
            let (pulled, made_hash) = (hex(&pulled_hash), hex(&cut.block.hash().0));
            let offset = made.last_persisted;
            return Err(NotTakenOver::OtherBlock { number, pulled, made: made_hash, offset }.into());
        }
        let pulled = offsets_of(&pulled);
        // A config that moves the channel elsewhere names no offset.
        if let Ok(pulled) = &pulled
            && pulled.last_persisted != made.last_persisted
        {
            let (pulled, made) = (pulled.last_persisted, made.last_persisted);
            return Err(NotTakenOver::OtherPlace { number, pulled, made }.into());
        }
        if pulled.is_ok_and(|pulled| pulled.last_original_processed != made.last_original_processed) {
            let channel = &self.id;
            tracing::warn!(%channel, %number, "a pulled block names another original offset than the log gives it");
        }
        if number == tip {
            self.taken_over();
        }
        Ok(())
    }

    fn taken_over(&mut self) {
        let Some(Takeover { tip, timer, .. }) = self.takeover.take() else { return };
        self.timer = timer.map(|timeout| Instant::now() + timeout);
        tracing::info!(
            channel = %self.id, %tip, log = %self.log,
            "the ordered log makes the pulled blocks: the channel goes on behind them"
        );
        self.parts.board.hold(self.chain.holds_ingress());
        self.parts.board.ordering();
    }

    /// Once the log was read to where the last block was cut, that block must be there, or the next record makes it.
    pub(super) async fn must_be_taken_over(&self) -> Result<(), Ended> {
        let Some(Takeover { end, .. }) = self.takeover else { return Ok(()) };
        let read = self.last_read();
        let is_missing = read > end
            || read == end && {
                let next = Offset(end.0.saturating_add(1));
                record(&*self.parts.log, &self.id, next).await?.is_err()
            };
        if !is_missing {
            return Ok(());
        }
        Err(NotTakenOver::NoBlock { number: self.chain.state().tip.next(), offset: end }.into())
    }

    /// The batch timer starts, or will when the channel orders: what was cut has been cut.
    pub(super) fn start_timer(&mut self, timeout: Duration) {
        match &mut self.takeover {
            Some(takeover) => takeover.timer = Some(timeout),
            None => self.timer = Some(Instant::now() + timeout),
        }
    }

    pub(super) fn stop_timer(&mut self) {
        self.timer = None;
        if let Some(takeover) = &mut self.takeover {
            takeover.timer = None;
        }
    }

    /// What the orderers made of a stale envelope, as far as the pulled blocks tell; none if they do not.
    pub(super) fn pulled_verdict(
        &self,
        offset: Offset,
        envelope: &Envelope,
        class: Class,
        purpose: Purpose,
    ) -> Result<Option<Verdict>, Ended> {
        let Some(Takeover { tip, end, .. }) = self.takeover else { return Ok(None) };
        let is_good = match (purpose, class) {
            // It moves no block: the envelope was appended again, or was not.
            (Purpose::Resubmission, Class::Normal) => Some(true),
            (Purpose::Resubmission, Class::Config) => self.was_resubmitted(offset, tip)?,
            (Purpose::Commit, _) if offset <= end => Some(self.was_committed(envelope, tip)?),
            (Purpose::Commit, _) => None,
        };
        Ok(is_good.map(|is_good| match is_good {
            true => Verdict::Admitted { envelope: envelope.clone() },
            false => Verdict::Refused { reason: "no orderer took it".into() },
        }))
    }

    /// Whether a later block names the record, or a later one, as the config that was resubmitted last.
    fn was_resubmitted(&self, offset: Offset, tip: BlockNumber) -> Result<Option<bool>, Ended> {
        let mut number = self.chain.state().tip.next();
        while number <= tip {
            let found = block(&self.parts.ledger, number)?;
            let offsets = offsets_of(&found)?;
            // A block that names none is of a channel that has none yet, or was cut by a time-to-cut.
            if offsets.last_resubmitted_config != Offset(0) || last_config_of(&found)? == number.0 {
                return Ok(Some(offsets.last_resubmitted_config >= offset));
            }
            number = number.next();
        }
        Ok(None)
    }

    /// Whether the envelope is in one of the next two blocks: what was pending, and what did not fit.
    fn was_committed(&self, envelope: &Envelope, tip: BlockNumber) -> Result<bool, Ended> {
        let (wanted, next) = (envelope.marshal(), self.chain.state().tip.next());
        for number in [next, next.next()].into_iter().filter(|number| *number <= tip) {
            if envelopes(&block(&self.parts.ledger, number)?).contains(&wanted) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
