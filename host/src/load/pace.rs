//! Sending by the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Envelopes that are due within so short a time are sent together.
const TOGETHER: Duration = Duration::from_micros(100);

/// When a stream's envelopes are due.
pub(super) struct Pace {
    pub(super) begun: Instant,
    /// Between two envelopes of all streams.
    pub(super) interval: Duration,
    /// Tells the stream that some are due.
    pub(super) due: Arc<Notify>,
}

/// A thread that wakes streams when an envelope of theirs is due. tokio's own timer counts in milliseconds.
pub(super) struct Pacer {
    dues: Arc<[Arc<Notify>]>,
    is_over: Arc<AtomicBool>,
}

// === impl Pace ===

impl Pace {
    /// When the envelope of this number, counted over all streams, is to be sent.
    pub(super) fn at(&self, number: u64) -> Instant {
        let after = self.interval.as_secs_f64() * number as f64;
        self.begun + Duration::try_from_secs_f64(after).unwrap_or(Duration::MAX / 4)
    }
}

// === impl Pacer ===

impl Pacer {
    /// Envelopes are due one behind the other, of each stream in turn.
    pub(super) fn start(begun: Instant, interval: Duration, dues: Vec<Arc<Notify>>) -> std::io::Result<Self> {
        let (dues, is_over): (Arc<[_]>, _) = (dues.into(), Arc::new(AtomicBool::new(false)));
        let (waking, ends) = (Arc::clone(&dues), Arc::clone(&is_over));
        thread::Builder::new().name("pace".into()).spawn(move || {
            let mut woken = 0_u64;
            let streams = waking.len().max(1) as u64;
            while !ends.load(Ordering::Relaxed) {
                let elapsed = begun.elapsed();
                let due = (elapsed.as_secs_f64() / interval.as_secs_f64()) as u64 + 1;
                let fresh = due.saturating_sub(woken).min(streams);
                for number in due - fresh..due {
                    if let Some(stream) = waking.get((number % streams) as usize) {
                        stream.notify_one();
                    }
                }
                woken = due;
                let next = Duration::from_secs_f64(interval.as_secs_f64() * due as f64);
                // Not for long, so that the thread ends soon after its load.
                let rest = next.saturating_sub(begun.elapsed());
                thread::sleep(rest.clamp(TOGETHER, Duration::from_millis(50)));
            }
        })?;
        Ok(Self { dues, is_over })
    }

    /// Whoever waits for an envelope to be due looks whether it is over.
    pub(super) fn wake_all(&self) {
        self.dues.iter().for_each(|due| due.notify_one());
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
