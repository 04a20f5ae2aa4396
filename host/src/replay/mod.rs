//! Rebuilds a channel's blocks from a dump of its topic: audit and recovery.
//!
//! The same chain and the same sandbox as in a running orderer; only the log is a file, nothing is appended, and the
//! verdict on a stale record is read from what the fleet did with it.

mod blocks;
mod error;
mod topic;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use raddle_core::batch_policy::BatchPolicies;
use raddle_core::block::BlockHash;
use raddle_core::bundle::{CurrentConfig, Genesis, read_genesis};
use raddle_core::chain::{Action, Chain, ChainState, Class, CutBlock, Event, Note, Purpose, Verdict};
use raddle_core::cutter::CutReason;
use raddle_core::ids::{ChannelId, Offset};
use raddle_proto::wire::{self, Envelope, KafkaMessage};
use raddle_proto::{common, hash};

use crate::identity::Signer;

pub use blocks::{BlockFile, BlockSink, NoBlocks};
pub use error::ReplayError;
pub use topic::{LINE_BYTES_MAX, LineError, RECORD_KEY, Records, Topic, TopicRecord};

/// So many envelopes of another channel at the start of a topic, and none of the channel's own, are no accident.
const OTHER_CHANNEL_STREAK: u64 = 10;

/// What a replay did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Records read.
    pub records: u64,
    /// Envelopes in blocks, the genesis block's not counted.
    pub envelopes: u64,
    /// Blocks, by why they were cut; the genesis block is not counted.
    pub blocks: BTreeMap<CutReason, BlockCount>,
    /// Copies of resubmitted envelopes that were dropped, because another copy came first.
    pub copies: u64,
    /// Records that are in no block, for a reason worth telling.
    pub left_out: u64,
    /// Records that Fabric's compatibility mode would have judged by the rules, and that were taken as good.
    pub unjudged: u64,
    /// Batches that the batch policy's module broke in.
    pub policy_faults: u64,
    /// Envelopes that wait for a cut at the end of the topic.
    pub pending: u32,
}

/// Blocks of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockCount {
    /// How many.
    pub blocks: u64,
    /// Envelopes in them.
    pub envelopes: u64,
    /// Bytes of payload and signature in them.
    pub size_bytes: u64,
}

impl BlockCount {
    /// One block more.
    pub fn add(&mut self, envelopes: u64, size_bytes: u64) {
        self.blocks += 1;
        self.envelopes += envelopes;
        self.size_bytes += size_bytes;
    }
}

/// Something that a replay tells while it runs.
#[derive(Debug)]
pub enum Told<'a> {
    /// A block was cut.
    Block(&'a CutBlock),
    /// The chain noted something about a record.
    Note {
        /// The record's line.
        line: u64,
        /// What.
        note: &'a Note,
    },
    /// The record's key is not the one that orderers write. Fabric does not look at keys.
    Key {
        /// The record's line.
        line: u64,
        /// Its key.
        key: &'a str,
    },
    /// Another record was read.
    Record,
}

/// A channel and the dump of its topic.
pub struct Replay<'a> {
    topic: &'a Topic,
    genesis: common::Block,
    config: Arc<CurrentConfig>,
    chain: Chain,
    signer: Option<&'a Signer>,
    channels: Channels,
    /// Offsets of config records that somebody appended again; read when first asked for.
    resubmitted_configs: Option<BTreeSet<Offset>>,
    summary: Summary,
    line: u64,
}

/// Whose envelopes the topic holds, as far as it was read.
#[derive(Default)]
struct Channels {
    own: u64,
    others: u64,
    other_name: String,
}

// === impl Replay ===

impl<'a> Replay<'a> {
    /// Prepares the replay of `topic` on top of the genesis block in `genesis`.
    ///
    /// # Errors
    ///
    /// The genesis block cannot be used, or the batch policy cannot run here.
    pub fn new(
        genesis: Bytes,
        topic: &'a Topic,
        policies: Rc<dyn BatchPolicies>,
        signer: Option<&'a Signer>,
    ) -> Result<Self, ReplayError> {
        let Genesis { block: genesis, config } = read_genesis(genesis)?;
        let header = genesis.header.clone().unwrap_or_default();
        let genesis_hash = hash::block_header_hash(header.number, &header.previous_hash, &header.data_hash);
        let chain = Chain::new(ChainState::genesis(BlockHash(genesis_hash)), Arc::clone(&config), policies)
            .map_err(|error| ReplayError::Chain { name: topic.name(), line: 0, error })?;
        Ok(Self {
            topic,
            genesis,
            config,
            chain,
            signer,
            channels: Channels::default(),
            resubmitted_configs: None,
            summary: Summary::default(),
            line: 0,
        })
    }

    /// The channel, as the genesis block names it.
    #[must_use]
    pub fn channel(&self) -> &ChannelId {
        self.config.channel()
    }

    /// Reads the topic to its end. Blocks go to `sink`, the genesis block first; `position_bytes` follows how much of
    /// the dump has been read.
    ///
    /// # Errors
    ///
    /// See [`ReplayError`].
    pub fn run(
        mut self,
        sink: &mut dyn BlockSink,
        position_bytes: Arc<AtomicU64>,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<Summary, ReplayError> {
        let genesis = std::mem::take(&mut self.genesis);
        sink.put(genesis).map_err(|error| ReplayError::Write { number: 0, error })?;
        let mut records = self.open(position_bytes)?;
        let mut expected = Offset(0);
        while let Some(record) = self.next_record(&mut records)? {
            self.line = record.line;
            self.check_offset(&record, expected)?;
            expected = Offset(record.offset.0.saturating_add(1));
            self.summary.records += 1;
            tell(Told::Record);
            if let Some(key) = record.key.as_deref().filter(|&key| key != RECORD_KEY) {
                tell(Told::Key { line: record.line, key });
            }
            self.check_channel(&record.value)?;
            self.step(Event::Record { offset: record.offset, value: record.value }, sink, tell)?;
        }
        if self.channels.own == 0 && self.channels.others > 0 {
            return Err(self.other_channel());
        }
        self.summary.pending = self.chain.pending_envelopes();
        Ok(self.summary)
    }

    fn open(&self, position_bytes: Arc<AtomicU64>) -> Result<Records, ReplayError> {
        self.topic.open(position_bytes).map_err(|error| ReplayError::Open { name: self.topic.name(), error })
    }

    fn next_record(&self, records: &mut Records) -> Result<Option<TopicRecord>, ReplayError> {
        records.next_record().map_err(|error| ReplayError::Line {
            name: self.topic.name(),
            line: records.line(),
            error,
        })
    }

    /// Kafka may legally leave offsets out, but no orderer writes so that it does: in a dump a gap is a loss.
    fn check_offset(&self, record: &TopicRecord, expected: Offset) -> Result<(), ReplayError> {
        let (name, line, found) = (self.topic.name(), record.line, record.offset);
        match found.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => Err(ReplayError::Backwards { name, line, expected, found }),
            std::cmp::Ordering::Greater => Err(ReplayError::Gap { name, line, expected, found }),
        }
    }

    /// Orderers do not compare, but a person may have taken the wrong file.
    fn check_channel(&mut self, value: &Bytes) -> Result<(), ReplayError> {
        if self.channels.own > 0 {
            return Ok(());
        }
        let Some(channel) = channel_of(value.clone()) else { return Ok(()) };
        if channel == self.config.channel().0 {
            self.channels.own += 1;
            return Ok(());
        }
        self.channels.others += 1;
        self.channels.other_name = channel;
        if self.channels.others == OTHER_CHANNEL_STREAK { Err(self.other_channel()) } else { Ok(()) }
    }

    fn other_channel(&self) -> ReplayError {
        ReplayError::OtherChannel {
            name: self.topic.name(),
            found: self.channels.other_name.clone(),
            expected: self.config.channel().0.clone(),
        }
    }

    fn step(
        &mut self,
        event: Event,
        sink: &mut dyn BlockSink,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<(), ReplayError> {
        let actions = self.chain.step(event).map_err(|error| ReplayError::Chain {
            name: self.topic.name(),
            line: self.line,
            error,
        })?;
        for action in actions {
            match action {
                Action::WriteBlock(cut) => self.write(*cut, sink, tell)?,
                Action::Judge { offset, envelope, class, purpose } => {
                    let verdict = self.verdict(offset, envelope, class, purpose)?;
                    self.step(Event::Judged(verdict), sink, tell)?;
                }
                Action::Note(note) => self.note(&note, tell),
                // The topic is history: its time-to-cuts and resubmissions stand in it.
                Action::StartTimer(_)
                | Action::StopTimer
                | Action::PostTimeToCut(_)
                | Action::Resubmit { .. } => {}
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        cut: CutBlock,
        sink: &mut dyn BlockSink,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> Result<(), ReplayError> {
        let number = cut.block.number.0;
        let envelopes = cut.block.data.len() as u64;
        self.summary.envelopes += envelopes;
        self.summary.blocks.entry(cut.reason).or_default().add(envelopes, cut.size_bytes);
        tell(Told::Block(&cut));
        let signatures = match self.signer {
            Some(signer) => {
                vec![signer.sign_block(&cut.block).map_err(|error| ReplayError::Sign { number, error })?]
            }
            None => Vec::new(),
        };
        sink.put(cut.block.into_block(signatures)).map_err(|error| ReplayError::Write { number, error })
    }

    fn note(&mut self, note: &Note, tell: &mut dyn FnMut(Told<'_>)) {
        match note {
            Note::BatchPolicyFault { .. } => self.summary.policy_faults += 1,
            Note::DuplicateResubmission { .. } => self.summary.copies += 1,
            Note::Skipped { .. } | Note::RefusedAgain { .. } | Note::ForkSuspected { .. } => {
                self.summary.left_out += 1;
            }
            _ => {}
        }
        tell(Told::Note { line: self.line, note });
    }

    /// What the fleet made of the envelope.
    ///
    /// A stale config record that was found good is followed by its resubmission. The verdict on a stale normal
    /// envelope moves no block. Only in compatibility mode is the verdict not to be seen in the topic.
    fn verdict(
        &mut self,
        offset: Offset,
        envelope: Envelope,
        class: Class,
        purpose: Purpose,
    ) -> Result<Verdict, ReplayError> {
        match (purpose, class) {
            (Purpose::Commit, _) => self.summary.unjudged += 1,
            (Purpose::Resubmission, Class::Normal) => {}
            (Purpose::Resubmission, Class::Config) => {
                if !self.resubmitted_configs()?.contains(&offset) {
                    return Ok(Verdict::Refused { reason: "no orderer appended it again".into() });
                }
            }
        }
        Ok(Verdict::Admitted { envelope })
    }

    fn resubmitted_configs(&mut self) -> Result<&BTreeSet<Offset>, ReplayError> {
        if self.resubmitted_configs.is_none() {
            let mut found = BTreeSet::new();
            let mut records = self.open(Arc::default())?;
            while let Some(record) = self.next_record(&mut records)? {
                if let Ok(KafkaMessage::Regular(regular)) = KafkaMessage::unmarshal(record.value)
                    && regular.class == wire::Class::Config
                    && regular.original_offset != 0
                {
                    found.insert(Offset(regular.original_offset));
                }
            }
            self.resubmitted_configs = Some(found);
        }
        Ok(self.resubmitted_configs.get_or_insert_default())
    }
}

fn channel_of(value: Bytes) -> Option<String> {
    let Ok(KafkaMessage::Regular(regular)) = KafkaMessage::unmarshal(value) else { return None };
    let envelope = Envelope::unmarshal(regular.payload).ok()?;
    wire::channel_header(&envelope).ok().map(|header| header.channel_id)
}
