//! One copy of each module for the process, made once however many ask for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use raddle_core::modules::Digest;

use super::{Effort, PrepareError};

/// What is in use, by digest.
pub(super) struct Registry<T> {
    slots: Mutex<HashMap<Digest, Arc<Slot<T>>>>,
}

struct Slot<T> {
    /// Locked while the module is made, so that whoever else wants it waits.
    state: Mutex<State<T>>,
    /// How often making it has ended.
    attempts: AtomicU64,
}

struct State<T> {
    made: Weak<T>,
    failed: Option<(Effort, PrepareError)>,
}

impl<T> Default for Registry<T> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<T> Registry<T> {
    /// The module, if it is in use.
    pub(super) fn get(&self, digest: Digest) -> Option<Arc<T>> {
        let slot = Arc::clone(lock(&self.slots).get(&digest)?);
        // Locked: it is being made, or somebody asks.
        slot.state.try_lock().ok()?.made.upgrade()
    }

    /// Whether the module is in use, or being made.
    pub(super) fn uses(&self, digest: Digest) -> bool {
        lock(&self.slots).get(&digest).is_some_and(Slot::is_in_use)
    }

    /// Asks for the module. Whoever asks before another one's attempt has ended need not make one of its own.
    pub(super) fn ask(&self, digest: Digest) -> Ask<T> {
        let mut slots = lock(&self.slots);
        slots.retain(|it, slot| *it == digest || slot.is_in_use());
        let slot = Arc::clone(slots.entry(digest).or_insert_with(|| {
            Arc::new(Slot {
                state: Mutex::new(State { made: Weak::new(), failed: None }),
                attempts: AtomicU64::new(0),
            })
        }));
        let seen = slot.attempts.load(Ordering::Acquire);
        Ask { slot, seen }
    }
}

/// Somebody's wish for a module.
pub(super) struct Ask<T> {
    slot: Arc<Slot<T>>,
    /// How many attempts had ended when it was uttered.
    seen: u64,
}

impl<T> Ask<T> {
    /// The module, if it is in use or being made, or else from `make`. Who waits for another one's attempt gets what
    /// that one gets, unless that one tried less.
    pub(super) fn get_or_make(
        &self,
        effort: Effort,
        make: impl FnOnce() -> Result<T, PrepareError>,
    ) -> Result<Arc<T>, PrepareError> {
        let Self { slot, seen } = self;
        let mut state = lock(&slot.state);
        if let Some(made) = state.made.upgrade() {
            return Ok(made);
        }
        if slot.attempts.load(Ordering::Acquire) != *seen
            && let Some((tried, failure)) = &state.failed
            && *tried >= effort
        {
            return Err(failure.clone());
        }
        let result = make().map(Arc::new);
        match &result {
            Ok(made) => (state.made, state.failed) = (Arc::downgrade(made), None),
            Err(failure) => state.failed = Some((effort, failure.clone())),
        }
        slot.attempts.fetch_add(1, Ordering::AcqRel);
        result
    }
}

impl<T> Slot<T> {
    fn is_in_use(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1
            || self.state.try_lock().map_or(true, |state| state.made.strong_count() > 0)
    }
}

/// Lets one at a time do something for each channel.
#[derive(Default)]
pub(super) struct Busy {
    channels: Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

impl Busy {
    pub(super) fn one_at_a_time<T>(&self, channel: &str, work: impl FnOnce() -> T) -> T {
        let own = {
            let mut channels = lock(&self.channels);
            channels.retain(|it, turn| it == channel || Arc::strong_count(turn) > 1);
            Arc::clone(channels.entry(channel.to_owned()).or_default())
        };
        let _turn = lock(&own);
        work()
    }
}

/// What these locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::AtomicU32;

    use super::*;
    use crate::artifact::CompileFailure;

    const DIGEST: Digest = Digest([7; 32]);

    fn failure() -> PrepareError {
        CompileFailure::Cpu { limit: 10 }.into()
    }

    /// What a second one gets who asks with `second` while the first one, with `first`, makes something; and how often
    /// that was done.
    fn at_once(
        first: Effort,
        second: Effort,
        outcome: &(dyn Fn() -> Result<u8, PrepareError> + Sync),
    ) -> (Result<Arc<u8>, PrepareError>, u32) {
        let (registry, count) = (Registry::<u8>::default(), AtomicU32::new(0));
        let make = || {
            count.fetch_add(1, Ordering::Relaxed);
            outcome()
        };
        std::thread::scope(|scope| {
            let mut other = None;
            let own = registry.ask(DIGEST).get_or_make(first, || {
                other = Some(scope.spawn(|| registry.ask(DIGEST).get_or_make(second, make)));
                // The map and both who ask hold the slot.
                while registry.slots.lock().unwrap().get(&DIGEST).map(Arc::strong_count) != Some(3) {
                    std::thread::yield_now();
                }
                make()
            });
            let other = other.unwrap().join().unwrap();
            drop(own);
            (other, count.load(Ordering::Relaxed))
        })
    }

    #[test]
    fn who_asks_while_another_one_makes_it_gets_what_that_one_gets() {
        use Effort::{Loose, Strict};
        for (first, second, made) in
            [(Strict, Strict, 1), (Loose, Loose, 1), (Loose, Strict, 1), (Strict, Loose, 2)]
        {
            let (result, count) = at_once(first, second, &|| Err(failure()));
            assert_eq!((result, count), (Err(failure()), made), "{first:?} {second:?}");
            let (result, count) = at_once(first, second, &|| Ok(1));
            assert_eq!((result, count), (Ok(Arc::new(1)), 1), "{first:?} {second:?}");
        }
    }

    #[test]
    fn a_failure_is_not_kept_for_those_who_come_later_and_a_copy_not_beyond_its_use() {
        let registry = Registry::<u8>::default();
        assert_eq!(registry.ask(DIGEST).get_or_make(Effort::Strict, || Err(failure())), Err(failure()));
        let made = registry.ask(DIGEST).get_or_make(Effort::Strict, || Ok(1)).unwrap();
        let again = registry.ask(DIGEST).get_or_make(Effort::Strict, || Ok(2)).unwrap();
        assert!(Arc::ptr_eq(&made, &again) && registry.get(DIGEST).is_some());
        drop((made, again));
        assert!(registry.get(DIGEST).is_none());
        assert_eq!(registry.ask(DIGEST).get_or_make(Effort::Strict, || Ok(2)), Ok(Arc::new(2)));
        let other = registry.ask(Digest([8; 32])).get_or_make(Effort::Strict, || Ok(3)).unwrap();
        assert_eq!((*other, registry.slots.lock().unwrap().len()), (3, 1));
    }
}
