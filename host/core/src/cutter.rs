//! The batch in the making: what is pending, whom to ask, and what happens when a module breaks.
//!
//! The order of questions is part of profile 1. If something is pending: the guard of the absolute size, then the
//! batch policy's `fits`. Then `add`, and the guard of the count.

use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use raddle_proto::wire::{self, Envelope};

use crate::batch_policy::{Batch, BatchPolicy, EnvelopeInfo, Fault, GuestFault, LocalFault, Pending};
use crate::bundle::BatchSize;
use crate::ids::CreatorNumber;
use crate::standard::Standard;

/// Why a batch was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CutReason {
    /// The batch policy said that the next envelope does not fit.
    DoesNotFit,
    /// The next envelope would have taken the batch beyond AbsoluteMaxBytes.
    AbsoluteMaxBytes,
    /// The batch policy said that the batch is full.
    Full,
    /// MaxMessageCount was reached.
    MaxMessageCount,
    /// A time-to-cut came.
    TimeToCut,
    /// A config record came.
    ConfigFollows,
    /// The block is a config record's own.
    Config,
}

/// A batch that was cut.
#[derive(Debug)]
pub struct CutBatch {
    /// Marshalled envelopes, in order.
    pub envelopes: Vec<Bytes>,
    /// Why.
    pub reason: CutReason,
    /// Bytes of payload and signature in it.
    pub size_bytes: u64,
}

/// What taking one envelope led to.
#[derive(Debug, Default)]
pub struct Taken {
    /// The batch that was pending, if it had to be cut before the envelope.
    pub before: Option<CutBatch>,
    /// The batch that ends with the envelope, if it is full.
    pub after: Option<CutBatch>,
    /// How the module broke at this envelope, if it did: the standard rule decides the rest of the batch. Two, if it
    /// broke at `fits` and its successor in the next batch at `add`.
    pub faults: Vec<GuestFault>,
}

/// One envelope of the pending batch, with what is needed to ask again.
struct Entry {
    marshalled: Bytes,
    size_bytes: u64,
    header_type: Option<i32>,
    creator: CreatorNumber,
    creator_bytes: Bytes,
}

/// Who decides the pending batch.
enum Decider {
    /// The module's instance.
    Module(Box<dyn Batch>),
    /// The standard rule, since the module broke in this batch.
    Standard,
}

/// Cuts a channel's envelopes into batches, at one channel config.
pub struct Cutter {
    batch_size: BatchSize,
    policy: Rc<dyn BatchPolicy>,
    standard: Standard,
    decider: Option<Decider>,
    entries: Vec<Entry>,
    pending: Pending,
    creators: Creators,
}

/// What is asked of a batch policy.
#[derive(Clone, Copy)]
enum Question {
    Fits,
    Add,
}

impl Cutter {
    /// A cutter with nothing pending.
    #[must_use]
    pub fn new(batch_size: BatchSize, policy: Rc<dyn BatchPolicy>) -> Self {
        Self {
            batch_size,
            policy,
            standard: Standard::new(batch_size),
            decider: None,
            entries: Vec::new(),
            pending: Pending::default(),
            creators: Creators::default(),
        }
    }

    /// What is pending.
    #[must_use]
    pub const fn pending(&self) -> Pending {
        self.pending
    }

    /// From now on the standard rule decides, in the pending batch and in all that follow.
    pub fn give_way(&mut self) {
        self.decider = Some(Decider::Standard);
        self.policy = Rc::new(self.standard);
    }

    /// Takes the next envelope.
    ///
    /// # Errors
    ///
    /// The module failed on this orderer only, twice. The pending batch is undefined then: the channel must halt and
    /// read again from its last block.
    pub fn take(&mut self, envelope: &Envelope) -> Result<Taken, LocalFault> {
        let mut taken = Taken::default();
        let mut entry = self.entry(envelope);
        if self.pending.count > 0
            && let Some(reason) = self.must_cut_before(&entry, &mut taken.faults)?
        {
            taken.before = self.cut(reason);
            entry.creator = self.creators.number(&entry.creator_bytes);
        }
        let is_full = self.ask(Question::Add, &entry, &mut taken.faults)?;
        self.pending.count = self.pending.count.saturating_add(1);
        self.pending.size_bytes = self.pending.size_bytes.saturating_add(entry.size_bytes);
        self.entries.push(entry);
        if self.pending.count >= self.batch_size.max_message_count {
            taken.after = self.cut(CutReason::MaxMessageCount);
        } else if is_full {
            taken.after = self.cut(CutReason::Full);
        }
        Ok(taken)
    }

    /// Cuts what is pending, if anything is.
    pub fn cut(&mut self, reason: CutReason) -> Option<CutBatch> {
        self.decider = None;
        self.creators = Creators::default();
        let Pending { size_bytes, .. } = std::mem::take(&mut self.pending);
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            return None;
        }
        Some(CutBatch {
            envelopes: entries.into_iter().map(|entry| entry.marshalled).collect(),
            reason,
            size_bytes,
        })
    }

    fn entry(&mut self, envelope: &Envelope) -> Entry {
        let headers = wire::headers(envelope);
        let creator = headers.signature.map(|header| header.creator).unwrap_or_default();
        Entry {
            marshalled: envelope.marshal(),
            size_bytes: envelope.size_bytes(),
            header_type: headers.channel.ok().map(|header| header.r#type),
            creator: self.creators.number(&creator),
            creator_bytes: creator,
        }
    }

    fn must_cut_before(
        &mut self,
        entry: &Entry,
        faults: &mut Vec<GuestFault>,
    ) -> Result<Option<CutReason>, LocalFault> {
        let together = self.pending.size_bytes.saturating_add(entry.size_bytes);
        if together > u64::from(self.batch_size.absolute_max_bytes) {
            return Ok(Some(CutReason::AbsoluteMaxBytes));
        }
        let fits = self.ask(Question::Fits, entry, faults)?;
        Ok((!fits).then_some(CutReason::DoesNotFit))
    }

    /// Asks the module, and the standard rule in its place once it has broken.
    fn ask(
        &mut self,
        question: Question,
        entry: &Entry,
        faults: &mut Vec<GuestFault>,
    ) -> Result<bool, LocalFault> {
        if let Some(Decider::Standard) = self.decider {
            return Ok(self.standard_answer(question, entry));
        }
        let mut answer = self.ask_module(question, entry);
        if let Err(Fault::Local(_)) = answer {
            self.replay()?;
            answer = self.ask_module(question, entry);
        }
        match answer {
            Ok(answer) => Ok(answer),
            Err(Fault::Guest(guest_fault)) => {
                faults.push(guest_fault);
                self.decider = Some(Decider::Standard);
                Ok(self.standard_answer(question, entry))
            }
            Err(Fault::Local(local_fault)) => Err(local_fault),
        }
    }

    fn standard_answer(&self, question: Question, entry: &Entry) -> bool {
        match question {
            Question::Fits => self.standard.fits(entry.size_bytes, self.pending),
            Question::Add => self.standard.is_full_with(entry.size_bytes, self.pending),
        }
    }

    fn ask_module(&mut self, question: Question, entry: &Entry) -> Result<bool, Fault> {
        let mut batch = match self.decider.take() {
            Some(Decider::Module(batch)) => batch,
            _ => self.policy.begin()?,
        };
        let answer = put(&mut *batch, question, entry, self.pending)?;
        self.decider = Some(Decider::Module(batch));
        Ok(answer)
    }

    /// Brings a fresh instance to where the lost one was, by asking it everything again.
    fn replay(&mut self) -> Result<(), LocalFault> {
        self.decider = None;
        if self.entries.is_empty() {
            return Ok(());
        }
        let replayed = self.replayed();
        match replayed {
            Ok(batch) => {
                self.decider = Some(Decider::Module(batch));
                Ok(())
            }
            Err(Fault::Local(fault)) => Err(fault),
            Err(Fault::Guest(fault)) => Err(LocalFault {
                cause: format!("the batch policy answers otherwise when asked again: {fault}"),
            }),
        }
    }

    fn replayed(&self) -> Result<Box<dyn Batch>, Fault> {
        let mut batch = self.policy.begin()?;
        let mut pending = Pending::default();
        for (index, entry) in self.entries.iter().enumerate() {
            let fits = index == 0 || put(&mut *batch, Question::Fits, entry, pending)?;
            let is_full = put(&mut *batch, Question::Add, entry, pending)?;
            // What is pending has joined and filled nothing: any other answer shows that the module is not determined
            // by what it is asked.
            if !fits || is_full {
                let cause =
                    format!("the batch policy answers otherwise when asked again about envelope {index}");
                return Err(LocalFault { cause }.into());
            }
            pending.count = pending.count.saturating_add(1);
            pending.size_bytes = pending.size_bytes.saturating_add(entry.size_bytes);
        }
        Ok(batch)
    }
}

fn put(batch: &mut dyn Batch, question: Question, entry: &Entry, pending: Pending) -> Result<bool, Fault> {
    let info = EnvelopeInfo {
        size_bytes: entry.size_bytes,
        header_type: entry.header_type,
        creator: entry.creator,
        creator_bytes: &entry.creator_bytes,
    };
    match question {
        Question::Fits => batch.fits(&info, pending),
        Question::Add => batch.add(&info, pending),
    }
}

/// The creators of one batch, numbered as they come.
///
/// Ordered rather than hashed: identities differ early, and comparing up to there is cheaper than hashing them whole.
#[derive(Default)]
struct Creators {
    numbers: BTreeMap<Bytes, CreatorNumber>,
}

impl Creators {
    fn number(&mut self, creator: &Bytes) -> CreatorNumber {
        if let Some(&number) = self.numbers.get(creator) {
            return number;
        }
        // A batch holds at most u32::MAX envelopes.
        let number = CreatorNumber(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
        self.numbers.insert(creator.clone(), number);
        number
    }
}
