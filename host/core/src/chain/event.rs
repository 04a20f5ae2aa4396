//! What can happen to a channel, and what must then be done.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raddle_proto::wire::{Envelope, HeaderError, WireError};

use super::ChainState;
use crate::batch_policy::{GuestFault, LocalFault};
use crate::block::UnsignedBlock;
use crate::bundle::{CurrentConfig, Incompatible};
use crate::channel_creation::{NewChannel, NewChannelError};
use crate::config_update::ValidateError;
use crate::cutter::CutReason;
use crate::ids::{BlockNumber, ConfigSequence, Offset};

/// Everything that can happen to a channel.
///
/// The list is closed: to learn why a channel did something, read the arms of [`super::Chain::step`].
#[derive(Clone, Debug)]
pub enum Event {
    /// The next record of the channel's log.
    Record {
        /// Its place.
        offset: Offset,
        /// A marshalled `orderer.KafkaMessage`, or whatever somebody wrote there.
        value: Bytes,
    },
    /// The batch timer ran out.
    TimerExpired,
    /// The answer to [`Action::Judge`].
    Judged(Verdict),
}

/// What the channel's rules say, at its present config, of an envelope that was met in the log.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is still good.
    Admitted {
        /// What to append again: the envelope itself, or for a config record the new one that its update makes now.
        envelope: Envelope,
    },
    /// It is not.
    Refused {
        /// Why, for the log and for counting.
        reason: String,
    },
}

/// What the caller must do, in the order given.
#[derive(Clone, Debug)]
#[must_use = "an action left undone loses the records behind it"]
pub enum Action {
    /// Sign the block and commit it together with the state.
    WriteBlock(Box<CutBlock>),
    /// Start the batch timer; none is running.
    StartTimer(Duration),
    /// Stop the batch timer.
    StopTimer,
    /// Ask every orderer, through the log, to cut this block where the record will stand. To be repeated until it is
    /// appended.
    PostTimeToCut(BlockNumber),
    /// Run the channel's rules on an envelope of the log. The chain takes no record before it hears
    /// [`Event::Judged`].
    Judge {
        /// Where the envelope stands.
        offset: Offset,
        /// The envelope.
        envelope: Envelope,
        /// Which rules.
        class: Class,
        /// What the verdict decides.
        purpose: Purpose,
    },
    /// Append an envelope again. In the order given, each durable before the next; and no block whose last offset is at
    /// or after `original_offset` may be committed before this is durable.
    Resubmit {
        /// What to append.
        envelope: Envelope,
        /// As what.
        class: Class,
        /// The config sequence to stamp on it.
        config_sequence: ConfigSequence,
        /// Where it stood.
        original_offset: Offset,
    },
    /// Count and log this; nothing else follows from it.
    Note(Note),
}

/// What kind of envelope a record says that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// An envelope that shares a block with others.
    Normal,
    /// A config envelope, alone in its block.
    Config,
}

/// What a verdict decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Whether the envelope is appended again.
    Resubmission,
    /// Whether it goes into a block here and now, on each orderer by its own verdict: Fabric's compatibility mode.
    Commit,
}

/// A block that was cut, and everything that moved with it.
#[derive(Clone, Debug)]
pub struct CutBlock {
    /// The block.
    pub block: UnsignedBlock,
    /// The chain behind the block.
    pub state: ChainState,
    /// Why it was cut.
    pub reason: CutReason,
    /// Bytes of payload and signature in it.
    pub size_bytes: u64,
    /// The channel's config from this block on, if it is a config block.
    pub config: Option<Arc<CurrentConfig>>,
    /// The channel that begins with this block of a system channel. It must exist before the block is committed; one
    /// that exists already is left alone.
    pub creates: Option<Box<NewChannel>>,
}

/// Something that people may want to know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Note {
    /// A record was left out of the chain, as every orderer leaves it out.
    #[error("offset {offset}: skipped: {why}")]
    Skipped {
        /// Its place.
        offset: Offset,
        /// Why.
        why: Skipped,
    },
    /// A copy of a resubmitted envelope that is settled.
    #[error("offset {offset}: a copy of offset {original}, which is settled up to {watermark}: dropped")]
    DuplicateResubmission {
        /// Its place.
        offset: Offset,
        /// Where the envelope stood first.
        original: Offset,
        /// The watermark.
        watermark: Offset,
    },
    /// A stale envelope is not admitted any more. Its client was told SUCCESS.
    #[error("offset {offset}: not admitted again: {reason}")]
    RefusedAgain {
        /// Its place.
        offset: Offset,
        /// The rules' reason.
        reason: String,
    },
    /// Another orderer cut first.
    #[error("offset {offset}: time-to-cut for block {named}, which is written: ignored")]
    LateTimeToCut {
        /// Its place.
        offset: Offset,
        /// The block it names.
        named: BlockNumber,
    },
    /// Another orderer believes in other blocks than this one.
    #[error(
        "offset {offset}: fork suspected: time-to-cut for block {named}, but the next is {next} with {pending} \
         envelopes pending"
    )]
    ForkSuspected {
        /// Its place.
        offset: Offset,
        /// The block it names.
        named: BlockNumber,
        /// The next block here.
        next: BlockNumber,
        /// Envelopes pending here.
        pending: u32,
    },
    /// The batch policy's module broke; the standard rule decides the rest of the batch.
    #[error(
        "offset {offset}: the batch policy broke ({fault}): the standard rule decides the rest of the batch"
    )]
    BatchPolicyFault {
        /// At which record.
        offset: Offset,
        /// How.
        fault: GuestFault,
    },
}

/// Why a record is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Skipped {
    /// The bytes are no `KafkaMessage`.
    #[error("not a KafkaMessage: {0}")]
    NotAKafkaMessage(WireError),
    /// The message holds none of the three kinds.
    #[error("a KafkaMessage of no kind")]
    NoKind,
    /// The payload is no envelope.
    #[error("its payload is no envelope: {0}")]
    NotAnEnvelope(WireError),
    /// Neither UNKNOWN, NORMAL nor CONFIG.
    #[error("of the unknown class {0}")]
    UnknownClass(i32),
    /// In compatibility mode: the channel header cannot be read, so the envelope has no class.
    #[error("its channel header cannot be read: {0}")]
    ChannelHeader(HeaderError),
    /// In compatibility mode: a bare config update, which no orderer appends.
    #[error("a config update, where only the config that it makes may stand")]
    ConfigUpdate,
    /// The config does not validate at its place.
    #[error("its config does not validate here: {0}")]
    InvalidConfig(ConfigRecordError),
    /// In compatibility mode: the channel's rules refuse it.
    #[error("refused where it stands: {0}")]
    Refused(String),
}

/// Why a config record does not validate at its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigRecordError {
    /// Its channel header cannot be read.
    #[error(transparent)]
    Header(HeaderError),
    /// Some other part of it cannot be read.
    #[error(transparent)]
    Wire(WireError),
    /// Neither a config nor the creation of a channel.
    #[error("header type {0} is neither CONFIG nor ORDERER_TRANSACTION")]
    HeaderType(i32),
    /// A config of another channel.
    #[error("config of channel {found:?} in the log of {expected:?}")]
    OtherChannel {
        /// Whose it is.
        found: String,
        /// Whose log it stands in.
        expected: String,
    },
    /// It is not the next config.
    #[error(transparent)]
    Invalid(ValidateError),
    /// The creation of a channel that cannot begin.
    #[error(transparent)]
    NewChannel(NewChannelError),
    /// The creation of a channel, outside the system channel.
    #[error("a channel can be created only in a system channel")]
    NotASystemChannel,
}

/// Why a chain cannot go on without risking a fork. The caller must halt this channel, and leave the others running.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The log went back. (Gaps are legal: Kafka spends offsets on records that it never shows.)
    #[error("offset {offset} comes after offset {last}")]
    OffsetNotAfter {
        /// The record's.
        offset: Offset,
        /// The one before.
        last: Offset,
    },
    /// A record or a timer came while a verdict is awaited, or a verdict that nobody asked for.
    #[error("the caller must answer each request to judge, once and before anything else")]
    OutOfTurn,
    /// The channel's config asks for what this version does not have. Others may have it, so the record is not skipped.
    #[error("offset {offset}: {error}")]
    UnsupportedConfig {
        /// Where the config stands.
        offset: Offset,
        /// What it asks for.
        error: Incompatible,
    },
    /// The batch policy cannot run on this orderer, at least not now.
    #[error("the batch policy cannot run on this orderer: {0}")]
    BatchPolicy(#[from] LocalFault),
    /// Block numbers are used up.
    #[error("no block number is left after {0}")]
    OutOfNumbers(BlockNumber),
}
