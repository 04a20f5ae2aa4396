//! What modules log, on its way to the node's log: with the channel and the module's name, and no more than people or
//! disks can take.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use raddle_core::ids::ChannelId;
use raddle_rules::{LogLevel, LogSink};

/// Lines of a module in a channel that are kept, a second. A call may log 16 of them.
const LINES_MAX: u32 = 1_000;

/// Bytes of lines of a module in a channel that are kept, a second. A call may log 4 KiB.
const BYTES_MAX: usize = 64 << 10;

const SECOND: Duration = Duration::from_secs(1);

/// The log of one module in one channel, at one config sequence.
pub struct GuestLog {
    channel: ChannelId,
    module: String,
    budget: Mutex<Budget>,
}

/// What is left of a second's share.
#[derive(Debug)]
struct Budget {
    since: Instant,
    lines_left: u32,
    bytes_left: usize,
    /// Lines dropped and not told of yet.
    dropped: u64,
}

impl GuestLog {
    /// The log of `module` in `channel`.
    #[must_use]
    pub fn new(channel: ChannelId, module: &str) -> Self {
        Self { channel, module: module.to_owned(), budget: Mutex::new(Budget::new(Instant::now())) }
    }

    /// What a filter whose word does not count would have told a client. Takes its place in the module's share.
    pub fn would_refuse(&self, sentence: &str) {
        let (is_kept, dropped) = self.budget(|budget| budget.take(Instant::now(), sentence.len()));
        self.tell_of(dropped);
        if is_kept {
            let (channel, module) = (&self.channel, &self.module);
            tracing::info!(%channel, module, sentence, "a filter in mode shadow would refuse an envelope");
        }
    }

    fn tell_of(&self, dropped: u64) {
        if dropped > 0 {
            tracing::warn!(channel = %self.channel, module = self.module, dropped, "a module logs too much");
        }
    }

    fn budget<T>(&self, ask: impl FnOnce(&mut Budget) -> T) -> T {
        ask(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LogSink for GuestLog {
    fn line(&self, level: LogLevel, line: &str) {
        let (is_kept, dropped) = self.budget(|budget| budget.take(Instant::now(), line.len()));
        self.tell_of(dropped);
        if !is_kept {
            return;
        }
        let (channel, module) = (&self.channel, &self.module);
        match level {
            LogLevel::Debug => tracing::debug!(%channel, module, line, "a module says"),
            LogLevel::Info => tracing::info!(%channel, module, line, "a module says"),
            LogLevel::Warn => tracing::warn!(%channel, module, line, "a module says"),
            LogLevel::Error => tracing::error!(%channel, module, line, "a module says"),
        }
    }

    fn dropped(&self, lines: u64) {
        self.budget(|budget| budget.dropped = budget.dropped.saturating_add(lines));
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        self.tell_of(self.budget(|budget| std::mem::take(&mut budget.dropped)));
    }
}

impl Budget {
    const fn new(now: Instant) -> Self {
        Self { since: now, lines_left: LINES_MAX, bytes_left: BYTES_MAX, dropped: 0 }
    }

    /// Whether a line is kept; and how many were dropped before it, once a second.
    fn take(&mut self, now: Instant, bytes: usize) -> (bool, u64) {
        let mut dropped = 0;
        if now.saturating_duration_since(self.since) >= SECOND {
            dropped = self.dropped;
            *self = Self::new(now);
        }
        match (self.lines_left.checked_sub(1), self.bytes_left.checked_sub(bytes)) {
            (Some(lines_left), Some(bytes_left)) => {
                (self.lines_left, self.bytes_left) = (lines_left, bytes_left);
                (true, dropped)
            }
            _ => {
                self.dropped = self.dropped.saturating_add(1);
                (false, dropped)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `count` lines of these bytes, how many are kept.
    fn kept(budget: &mut Budget, now: Instant, bytes: usize, count: usize) -> usize {
        (0..count).filter(|_| budget.take(now, bytes).0).count()
    }

    #[test]
    fn a_module_has_its_share_of_each_second_and_what_it_logs_beyond_is_counted() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        assert_eq!(kept(&mut budget, start, 10, 1_500), 1_000);
        assert_eq!(budget.take(start + SECOND - Duration::from_nanos(1), 0), (false, 0));
        assert_eq!(budget.take(start + SECOND, 4 << 10), (true, 501));
        assert_eq!(kept(&mut budget, start + SECOND, 4 << 10, 20), 15);
        assert_eq!(budget.take(start + 3 * SECOND, BYTES_MAX), (true, 5));
        assert_eq!(budget.take(start + 3 * SECOND, 1), (false, 0));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nobody_another_share() {
        let start = Instant::now() + SECOND;
        let mut budget = Budget::new(start);
        assert_eq!(kept(&mut budget, start - SECOND, 0, 1_500), 1_000);
    }
}
