//! What is counted while a node works.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use prometheus::proto::MetricFamily;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use raddle_core::chain::Note;
use raddle_core::cutter::CutReason;
use raddle_core::ids::ChannelId;
use raddle_serve::metrics::{Metrics, registered};

use crate::node::{Committed, Observer};

/// Buckets for a disk's times, in seconds.
///
/// Source: fabric v2.5.16 `common/ledger/blkstorage/metrics.go`.
const COMMIT_BUCKETS: [f64; 7] = [0.005, 0.01, 0.015, 0.05, 0.1, 1.0, 10.0];

/// All that is counted, for one node.
pub struct Counted {
    registry: Registry,
    pub(crate) served: Arc<Metrics>,
    fill: HistogramVec,
    commit: HistogramVec,
    cuts: IntCounterVec,
    envelopes: IntCounterVec,
    bytes: IntCounterVec,
    notes: IntCounterVec,
    channels: RwLock<HashMap<ChannelId, Arc<OfChannel>>>,
}

/// The counters of one channel that change with each block.
struct OfChannel {
    pace: Pace,
    fill: Histogram,
    commit: Histogram,
    envelopes: IntCounter,
    bytes: IntCounter,
}

/// A channel's sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) envelopes: u64,
    pub(super) bytes: u64,
}

/// How many envelopes a second came into blocks lately.
struct Pace {
    began: Instant,
    /// Of each of the last seconds: which it is, and how many envelopes. The later one last.
    seconds: Mutex<VecDeque<(u64, u64)>>,
}

/// Seconds over which a pace is told.
const PACE_SECONDS: u64 = 10;

impl Pace {
    fn new() -> Self {
        Self { began: Instant::now(), seconds: Mutex::default() }
    }

    fn add(&self, envelopes: u64) {
        self.add_at(self.began.elapsed().as_secs(), envelopes);
    }

    fn add_at(&self, now: u64, envelopes: u64) {
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        match seconds.back_mut() {
            Some((second, count)) if *second == now => *count += envelopes,
            _ => seconds.push_back((now, envelopes)),
        }
        while seconds.front().is_some_and(|(second, _)| second + PACE_SECONDS < now) {
            seconds.pop_front();
        }
    }

    fn per_second(&self) -> f64 {
        self.per_second_at(self.began.elapsed().as_secs())
    }

    /// Of the last whole seconds.
    fn per_second_at(&self, now: u64) -> f64 {
        let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = seconds.iter().filter(|(second, _)| *second < now && second + PACE_SECONDS >= now);
        counted.map(|(_, count)| *count).sum::<u64>() as f64 / PACE_SECONDS as f64
    }
}

impl Counted {
    /// Counts from now on.
    ///
    /// # Errors
    ///
    /// A name or a label is none: our bug.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            registered(&registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let seconds = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            registered(&registry, HistogramVec::new(options, &["channel"])?)
        };
        Ok(Self {
            served: Arc::new(Metrics::new()?),
            fill: seconds(
                "blockcutter_block_fill_duration",
                "The time from first transaction enqueing to the block being cut in seconds.",
                prometheus::DEFAULT_BUCKETS,
            )?,
            commit: seconds(
                "ledger_blockstorage_commit_time",
                "Time taken in seconds for committing the block to storage.",
                &COMMIT_BUCKETS,
            )?,
            cuts: counters("raddle_blocks_cut", "Blocks, by why they were cut.", &["channel", "reason"])?,
            envelopes: counters("raddle_block_envelopes", "Envelopes in blocks.", &["channel"])?,
            bytes: counters(
                "raddle_block_bytes",
                "Bytes of payloads and signatures in blocks.",
                &["channel"],
            )?,
            notes: counters(
                "raddle_records_noted",
                "Records of the log that were not taken as they stand, by what they are.",
                &["channel", "note"],
            )?,
            channels: RwLock::default(),
            registry,
        })
    }

    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        let mut all = self.registry.gather();
        all.extend(self.served.gather());
        all
    }

    fn of(&self, channel: &ChannelId) -> Arc<OfChannel> {
        if let Some(of) = self.channels.read().unwrap_or_else(PoisonError::into_inner).get(channel) {
            return Arc::clone(of);
        }
        let labels = [channel.0.as_str()];
        let made = OfChannel {
            pace: Pace::new(),
            fill: self.fill.with_label_values(&labels),
            commit: self.commit.with_label_values(&labels),
            envelopes: self.envelopes.with_label_values(&labels),
            bytes: self.bytes.with_label_values(&labels),
        };
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(channels.entry(channel.clone()).or_insert_with(|| Arc::new(made)))
    }

    /// What a channel's blocks held so far.
    pub(super) fn sums(&self, channel: &ChannelId) -> Sums {
        let of = self.of(channel);
        Sums { envelopes: of.envelopes.get(), bytes: of.bytes.get() }
    }

    /// How many envelopes a second came into a channel's blocks, over the last ten seconds.
    pub(super) fn per_second(&self, channel: &ChannelId) -> f64 {
        self.of(channel).pace.per_second()
    }

    /// How many of a channel's blocks were cut for each reason.
    pub(super) fn cuts(&self, channel: &ChannelId) -> Vec<(&'static str, u64)> {
        REASONS
            .iter()
            .map(|reason| (name(*reason), self.cut(channel, *reason).get()))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    fn cut(&self, channel: &ChannelId, reason: CutReason) -> IntCounter {
        self.cuts.with_label_values(&[channel.0.as_str(), name(reason)])
    }
}

const REASONS: [CutReason; 7] = [
    CutReason::DoesNotFit,
    CutReason::AbsoluteMaxBytes,
    CutReason::Full,
    CutReason::MaxMessageCount,
    CutReason::TimeToCut,
    CutReason::ConfigFollows,
    CutReason::Config,
];

const fn name(reason: CutReason) -> &'static str {
    match reason {
        CutReason::DoesNotFit => "does_not_fit",
        CutReason::AbsoluteMaxBytes => "absolute_max_bytes",
        CutReason::Full => "full",
        CutReason::MaxMessageCount => "max_message_count",
        CutReason::TimeToCut => "time",
        CutReason::ConfigFollows => "config_follows",
        CutReason::Config => "config",
    }
}

const fn note_name(note: &Note) -> &'static str {
    match note {
        Note::Skipped { .. } => "skipped",
        Note::DuplicateResubmission { .. } => "copy",
        Note::RefusedAgain { .. } => "refused_again",
        Note::LateTimeToCut { .. } => "late_time_to_cut",
        Note::ForkSuspected { .. } => "fork_suspected",
        Note::BatchPolicyFault { .. } => "batch_policy_fault",
        _ => "other",
    }
}

/// An observer that has everything counted, and tells another one.
pub struct Counting {
    /// Where.
    pub counted: Arc<Counted>,
    /// The other one.
    pub then: Arc<dyn Observer>,
}

impl Observer for Counting {
    fn committed(&self, channel: &ChannelId, block: &Committed) {
        let of = self.counted.of(channel);
        of.envelopes.inc_by(block.envelopes as u64);
        of.pace.add(block.envelopes as u64);
        of.bytes.inc_by(block.size_bytes);
        self.counted.cut(channel, block.reason).inc();
        self.then.committed(channel, block);
    }

    fn noted(&self, channel: &ChannelId, note: &Note) {
        self.counted.notes.with_label_values(&[channel.0.as_str(), note_name(note)]).inc();
        self.then.noted(channel, note);
    }

    fn filled(&self, channel: &ChannelId, took: Duration) {
        self.counted.of(channel).fill.observe(took.as_secs_f64());
        self.then.filled(channel, took);
    }

    fn stored(&self, channel: &ChannelId, took: Duration) {
        self.counted.of(channel).commit.observe(took.as_secs_f64());
        self.then.stored(channel, took);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_pace_is_that_of_the_last_ten_whole_seconds() {
        let pace = Pace::new();
        pace.add_at(0, 100);
        pace.add_at(0, 100);
        assert!(pace.per_second_at(0) == 0.0 && pace.per_second_at(1) == 20.0);
        pace.add_at(5, 50);
        assert!(pace.per_second_at(10) == 25.0 && pace.per_second_at(11) == 5.0);
        pace.add_at(16, 1);
        assert!(pace.per_second_at(17) == 0.1 && pace.per_second_at(100) == 0.0);
        assert_eq!(pace.seconds.lock().map(|seconds| seconds.len()).unwrap_or_default(), 1);
    }

    #[test]
    fn every_reason_has_a_name_of_its_own() {
        let names: BTreeSet<_> = REASONS.into_iter().map(name).collect();
        assert_eq!(names.len(), REASONS.len());
    }
}
