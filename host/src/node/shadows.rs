//! Filters whose word does not count are asked behind the answers, on a thread of their own: neither the client waits
//! for them nor anybody's next envelope.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use raddle_rules::GuestStack;

use super::workers::Workers;

/// Bytes of envelopes of one channel that wait; one that is larger waits alone.
const WAITING_MAX: usize = 8 << 20;

/// What an envelope takes beside its own bytes, about.
const OVERHEAD: usize = 1 << 10;

/// What a channel has to ask its filters whose word does not count.
pub(super) struct Shadows {
    workers: Workers,
    waiting: Arc<AtomicUsize>,
}

/// A place among what waits, until it is dropped.
struct Place {
    waiting: Arc<AtomicUsize>,
    bytes: usize,
}

impl Shadows {
    /// They are asked on these threads.
    pub(super) fn new(workers: Workers) -> Self {
        Self { workers, waiting: Arc::default() }
    }

    /// Does `work` about an envelope of so many bytes when there is time. Answers whether there will be: where too much
    /// waits already, it is not done.
    pub(super) fn ask(&self, bytes: u64, work: impl FnOnce(GuestStack) + Send + 'static) -> bool {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).saturating_add(OVERHEAD);
        let Some(place) = Place::take(&self.waiting, bytes) else { return false };
        self.workers.put(move |stack| {
            let _place = place;
            work(stack);
        })
    }
}

impl Place {
    fn take(waiting: &Arc<AtomicUsize>, bytes: usize) -> Option<Self> {
        let more = |now: usize| {
            let then = now.saturating_add(bytes);
            (now == 0 || then <= WAITING_MAX).then_some(then)
        };
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { waiting: Arc::clone(waiting), bytes })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::num::NonZeroUsize;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn what_waits_is_bounded_and_nobody_waits_for_it() {
        let shadows = Shadows::new(Workers::start("test", NonZeroUsize::MIN).unwrap());
        let (go, wait) = channel::<()>();
        let (done, order) = channel();
        let ask = |bytes: u64, number: u32| {
            let done = done.clone();
            shadows.ask(bytes, move |_| done.send(number).unwrap())
        };
        // The thread is held, and yet all come back at once.
        assert!(shadows.ask(1 << 20, move |_| wait.recv().unwrap()));
        let half = (WAITING_MAX as u64 - (1 << 20)) / 2;
        assert_eq!([1, 2, 3].map(|number| ask(half - 4096, number)), [true, true, false]);
        assert!(ask(10, 4), "what is small still finds a place");
        go.send(()).unwrap();
        assert_eq!(order.iter().take(3).collect::<Vec<_>>(), [1, 2, 4]);
        // One that is larger than all that may wait is asked about while nothing else waits.
        while shadows.waiting.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        assert!(ask(100 << 20, 5));
        assert_eq!(order.recv(), Ok(5));
    }

    #[test]
    fn a_place_is_given_back_when_the_work_panics() {
        let shadows = Shadows::new(Workers::start("test", NonZeroUsize::MIN).unwrap());
        assert!(shadows.ask(100 << 20, |_| panic!("our bug")));
        while shadows.waiting.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        assert!(shadows.ask(100 << 20, |_| {}));
    }
}
