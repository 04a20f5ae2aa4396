//! What is kept of answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Tracker;
use super::stream::Recorder;

/// Digits of a latency that are kept.
const DIGITS: u8 = 3;

/// Longest latency, in microseconds: what takes longer than an hour took an hour.
const LONGEST_US: u64 = 3_600_000_000;

/// How long things took, in a bounded room whatever their number: exact to a thousandth.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

/// Counts a stream's answers, and how long they took.
pub struct Meter {
    from: Instant,
    until: Option<Instant>,
    tracker: Option<Arc<Tracker>>,
    pub(super) latencies: Latencies,
    /// Taken from `from` to `until`.
    pub(super) taken: u64,
    pub(super) last: Option<Instant>,
}

// === impl Latencies ===

impl Latencies {
    /// Nothing took any time yet.
    ///
    /// # Errors
    ///
    /// None is known: the bounds are constants.
    pub fn new() -> Result<Self, hdrhistogram::CreationError> {
        Histogram::new_with_bounds(1, LONGEST_US, DIGITS).map(Self)
    }

    /// Something took so long.
    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// All that these and those took.
    pub fn add(&mut self, other: &Self) {
        // It fails where the other has wider bounds, and all have the same.
        let _ = self.0.add(&other.0);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// What this share of all, from 0 to 1, took at most.
    #[must_use]
    pub fn at(&self, share: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(share))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }
}

// === impl Meter ===

impl Meter {
    /// Envelopes count that are sent at `from` or later, and answers that come before `until`.
    ///
    /// # Errors
    ///
    /// As [`Latencies::new`].
    pub fn new(
        from: Instant,
        until: Option<Instant>,
        tracker: Option<Arc<Tracker>>,
    ) -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self { from, until, tracker, latencies: Latencies::new()?, taken: 0, last: None })
    }
}

impl Recorder for Meter {
    fn sent(&mut self, place: usize, at: Instant) {
        if let Some(tracker) = &self.tracker {
            tracker.sent(place, at);
        }
    }

    fn not_taken(&mut self, place: usize) {
        if let Some(tracker) = &self.tracker {
            tracker.not_taken(place);
        }
    }

    fn answered(&mut self, sent: Instant, at: Instant) {
        let is_within = at >= self.from && self.until.is_none_or(|until| at < until);
        // A count is exact: what the warm-up has sent is none of it.
        if is_within && (self.until.is_some() || sent >= self.from) {
            self.taken += 1;
            self.last = Some(at);
        }
        if sent >= self.from && self.until.is_none_or(|until| sent < until) {
            self.latencies.record(at.saturating_duration_since(sent));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_was_sent_in_time_has_a_latency_however_late_its_answer() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut meter = Meter::new(at(100), Some(at(200)), None).unwrap();
        for (sent, answered) in [(50, 90), (90, 110), (120, 150), (190, 900), (200, 210)] {
            meter.answered(at(sent), at(answered));
        }
        assert_eq!((meter.taken, meter.latencies.count()), (2, 2));
        assert_eq!(meter.latencies.at(0.5).as_millis(), 30);
        assert_eq!(meter.latencies.max().as_millis(), 710);
        let mut counting = Meter::new(at(100), None, None).unwrap();
        counting.answered(at(90), at(110));
        counting.answered(at(100), at(9_999));
        assert_eq!((counting.taken, counting.latencies.count()), (1, 1));
    }
}
