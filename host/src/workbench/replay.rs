//! Real envelopes: what a module would have said of those that stand in a channel's blocks.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use raddle_core::access::Access;
use raddle_core::batch_policy::{Fault, LocalFault};
use raddle_core::bundle::Bundle;
use raddle_core::cutter::Cutter;
use raddle_core::policy::CHANNEL_WRITERS;
use raddle_proto::common::HeaderType;
use raddle_proto::wire::{self, Envelope};
use raddle_rules::admission::CustomFilter;
use raddle_rules::store::CustomBatchPolicy;
use raddle_rules::{BindError, Case, Filter, GuestStack, NoLog, Timestamp};

use super::Workbench;

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
        let sent =
            wire::channel_header(envelope).ok().and_then(|header| header.timestamp).unwrap_or_default();
        let received = Timestamp { seconds: sent.seconds, nanoseconds: sent.nanos };
        self.bench.case(self.access, envelope, received)
    }
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
fn normal(block: &RealBlock) -> impl Iterator<Item = (usize, Envelope)> {
    let read = |bytes: &Bytes| Envelope::unmarshal(bytes.clone()).ok();
    let envelopes = block.envelopes.iter().enumerate();
    envelopes.filter_map(move |(place, bytes)| Some((place, read(bytes)?))).filter(|(_, envelope)| {
        let header_type = wire::channel_header(envelope).map(|header| header.r#type);
        let is_config = |it| it == HeaderType::Config as i32 || it == HeaderType::OrdererTransaction as i32;
        !header_type.is_ok_and(is_config)
    })
}

/// How many envelopes a batch policy would have put into each block, with what it leaves pending last; a config block
/// ends a batch.
///
/// # Errors
///
/// See [`ReplayFault`].
pub fn cuts(
    stack: GuestStack,
    bundle: &Arc<Bundle>,
    policy: &CustomBatchPolicy,
    blocks: &[RealBlock],
) -> Result<(Vec<usize>, u64), ReplayFault> {
    let CustomBatchPolicy { module, settings, limits } = policy;
    let bound = module.bind(stack, Arc::clone(bundle), settings.clone(), *limits, Arc::new(NoLog))?;
    let mut cutter = Cutter::new(bundle.batch_size, Rc::new(bound));
    let (mut counts, mut faults) = (Vec::new(), 0);
    for block in blocks {
        let mut is_config = true;
        for (_, envelope) in normal(block) {
            is_config = false;
            let taken = cutter.take(&envelope)?;
            faults = taken.faults.iter().fold(faults, |count: u64, _| count.saturating_add(1));
            counts.extend([taken.before, taken.after].into_iter().flatten().map(|cut| cut.envelopes.len()));
        }
        if is_config {
            let cut = cutter.cut(raddle_core::cutter::CutReason::ConfigFollows);
            counts.extend(cut.map(|cut| cut.envelopes.len()));
        }
    }
    let cut = cutter.cut(raddle_core::cutter::CutReason::TimeToCut);
    counts.extend(cut.map(|cut| cut.envelopes.len()));
    Ok((counts, faults))
}
