//! Real envelopes: what a module would have said of those that stand in a channel's blocks.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raddle_core::access::Access;
use raddle_core::batch_policy::{BatchPolicy, Fault, LocalFault};
use raddle_core::bundle::{BatchSize, Bundle};
use raddle_core::cutter::{CutBatch, CutReason, Cutter};
use raddle_core::policy::CHANNEL_WRITERS;
use raddle_proto::common::HeaderType;
use raddle_proto::wire::{self, Envelope};
use raddle_rules::admission::CustomFilter;
use raddle_rules::store::CustomBatchPolicy;
use raddle_rules::{BatchMeter, BindError, Case, Filter, GuestStack, NoLog, Timestamp};

use super::Workbench;
use super::spent::{Adding, Spent};

/// How long each of the two that are measured is run.
const BENCH_TIME: Duration = Duration::from_secs(1);

/// A block's number and its marshalled envelopes.
pub struct RealBlock {
    /// The number.
    pub number: u64,
    /// Its envelopes.
    pub envelopes: Vec<Bytes>,
}

/// What a filter made of one envelope.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The block.
    pub block: u64,
    /// The place in it.
    pub place: usize,
    /// `accepted`, or the answer's status and sentence, or how the filter broke.
    pub verdict: Result<(), String>,
    /// Fuel of the call.
    pub fuel_used: u64,
    /// Memory of the instance in the end.
    pub memory_bytes: u64,
    /// Time of the call.
    pub took: Duration,
}

/// What a filter costs, beside a signature check.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Time of a call.
    pub filter: Duration,
    /// Time of evaluating `/Channel/Writers`, whose greatest part is checking a signature.
    pub signature: Duration,
}

/// Why nothing was judged.
#[derive(Debug, thiserror::Error)]
pub enum ReplayFault {
    /// The module does not fit its limits.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// This machine fails.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

/// A filter at work on a channel's config.
pub struct Judging<'a> {
    bench: &'a Workbench,
    stack: GuestStack,
    access: &'a Arc<Access>,
    filter: Filter,
}

impl<'a> Judging<'a> {
    /// Binds a filter to a config.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn new(
        bench: &'a Workbench,
        stack: GuestStack,
        (access, bundle): (&'a Arc<Access>, &Arc<Bundle>),
        filter: &CustomFilter,
    ) -> Result<Self, BindError> {
        let CustomFilter { module, settings, limits, .. } = filter;
        let filter = module.bind(Arc::clone(bundle), settings.clone(), *limits, Arc::new(NoLog))?;
        Ok(Self { bench, stack, access, filter })
    }

    /// Asks the filter about each normal envelope of a block.
    ///
    /// # Errors
    ///
    /// This machine fails.
    pub fn block(&self, block: &RealBlock) -> Result<Vec<Judged>, LocalFault> {
        let mut all = Vec::new();
        for (place, envelope) in normal(block) {
            let case = self.case(&envelope);
            let began = Instant::now();
            let run = self.filter.run(self.stack, &case);
            let took = began.elapsed();
            let verdict = match run.answer {
                Ok(Ok(())) => Ok(()),
                Ok(Err(refusal)) => Err(refusal.sentence),
                Err(Fault::Guest(fault)) => Err(format!("it fails: {fault}")),
                Err(Fault::Local(fault)) => return Err(fault),
            };
            let (block, fuel_used, memory_bytes) = (block.number, run.fuel_used, run.memory_bytes);
            all.push(Judged { block, place, verdict, fuel_used, memory_bytes, took });
        }
        Ok(all)
    }

    /// Measures on a block's envelopes, again and again; none if there is no normal one.
    #[must_use]
    pub fn measure(&self, blocks: &[RealBlock]) -> Option<Bench> {
        let envelopes: Vec<_> = blocks.iter().flat_map(normal).map(|(_, envelope)| envelope).collect();
        let filter = mean(&envelopes, |envelope| drop(self.filter.run(self.stack, &self.case(envelope))))?;
        // What a case costs that nobody asks anything is no part of the filter.
        let case = mean(&envelopes, |envelope| drop(self.case(envelope)))?;
        let signature = mean(&envelopes, |envelope| drop(self.access.evaluate(CHANNEL_WRITERS, envelope)))?;
        Some(Bench { filter: filter.saturating_sub(case), signature })
    }

    /// Received when it was sent: blocks do not tell more.
    fn case(&self, envelope: &Envelope) -> Rc<Case> {
        self.bench.case(self.access, envelope, received(envelope))
    }
}

/// An envelope is taken for received when it was sent.
pub(super) fn received(envelope: &Envelope) -> Timestamp {
    let sent = wire::channel_header(envelope).ok().and_then(|header| header.timestamp).unwrap_or_default();
    Timestamp { seconds: sent.seconds, nanoseconds: sent.nanos }
}

/// The mean time of one call.
fn mean(envelopes: &[Envelope], call: impl Fn(&Envelope)) -> Option<Duration> {
    let (began, mut calls) = (Instant::now(), 0_u32);
    loop {
        for envelope in envelopes {
            call(envelope);
            calls = calls.saturating_add(1);
        }
        let elapsed = began.elapsed();
        if envelopes.is_empty() || elapsed >= BENCH_TIME {
            return elapsed.checked_div(calls);
        }
    }
}

/// Envelopes that filters and batch policies are asked about, with their places.
pub fn normal(block: &RealBlock) -> impl Iterator<Item = (usize, Envelope)> {
    let read = |bytes: &Bytes| Envelope::unmarshal(bytes.clone()).ok();
    let envelopes = block.envelopes.iter().enumerate();
    envelopes.filter_map(move |(place, bytes)| Some((place, read(bytes)?))).filter(|(_, envelope)| {
        let header_type = wire::channel_header(envelope).map(|header| header.r#type);
        let is_config = |it| it == HeaderType::Config as i32 || it == HeaderType::OrdererTransaction as i32;
        !header_type.is_ok_and(is_config)
    })
}

/// Where a batch policy cuts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// The batches, and what it leaves pending last.
    pub batches: Vec<Batch>,
    /// How often the module broke, so that the standard rule cut a batch.
    pub faults: u64,
}

/// A batch that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many envelopes are in it.
    pub envelopes: usize,
    /// Bytes of their payloads and signatures.
    pub size_bytes: u64,
    /// Why it was cut; what was pending last is cut as by a time-to-cut.
    pub reason: CutReason,
}

impl Cuts {
    /// The places of the cuts: how many envelopes are before each.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        self.batches.iter().scan(0, |before: &mut usize, batch| {
            *before = before.saturating_add(batch.envelopes);
            Some(*before)
        })
    }

    fn add(&mut self, cut: Option<CutBatch>) {
        let batch = |cut: CutBatch| Batch {
            envelopes: cut.envelopes.len(),
            size_bytes: cut.size_bytes,
            reason: cut.reason,
        };
        self.batches.extend(cut.map(batch));
    }
}

/// How a batch policy would have cut what is in the blocks, and what that took.
///
/// # Errors
///
/// See [`ReplayFault`].
pub fn cuts(
    stack: GuestStack,
    bundle: &Arc<Bundle>,
    policy: &CustomBatchPolicy,
    blocks: &[RealBlock],
) -> Result<(Cuts, Spent), ReplayFault> {
    let CustomBatchPolicy { module, settings, limits } = policy;
    let bound = module.bind(stack, Arc::clone(bundle), settings.clone(), *limits, Arc::new(NoLog))?;
    let spent = Arc::new(Adding::default());
    let counted = bound.counted(Arc::clone(&spent) as Arc<dyn BatchMeter>);
    let cuts = cut(bundle.batch_size, Rc::new(counted), blocks)?;
    Ok((cuts, spent.sum()))
}

/// Cuts what is in the blocks; a config block ends a batch.
pub(super) fn cut(
    batch_size: BatchSize,
    policy: Rc<dyn BatchPolicy>,
    blocks: &[RealBlock],
) -> Result<Cuts, LocalFault> {
    let mut cutter = Cutter::new(batch_size, policy);
    let mut cuts = Cuts::default();
    for block in blocks {
        let mut is_config = true;
        for (_, envelope) in normal(block) {
            is_config = false;
            let taken = cutter.take(&envelope)?;
            cuts.faults = taken.faults.iter().fold(cuts.faults, |count, _| count.saturating_add(1));
            cuts.add(taken.before);
            cuts.add(taken.after);
        }
        if is_config {
            cuts.add(cutter.cut(CutReason::ConfigFollows));
        }
    }
    cuts.add(cutter.cut(CutReason::TimeToCut));
    Ok(cuts)
}
