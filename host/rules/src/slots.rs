//! Places for instances. Who finds none free waits.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// As many places as the pool has room for.
///
/// An instance that the pool has no room for would fail, and look like a fault. Those who wait here hold no place, and
/// fuel ends every call, so a place comes free.
pub(crate) struct Slots {
    places: Mutex<Places>,
    freed: Condvar,
}

struct Places {
    free: u32,
    /// Waking is a system call, even where nobody waits.
    waiting: u32,
}

/// A place that is taken, until it is dropped: after the instance, so declare it before.
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(crate) const fn new(count: u32) -> Self {
        Self { places: Mutex::new(Places { free: count, waiting: 0 }), freed: Condvar::new() }
    }

    /// Takes a place, once there is one.
    pub(crate) fn take(&self) -> Slot<'_> {
        let mut places = self.places();
        loop {
            if let Some(free) = places.free.checked_sub(1) {
                places.free = free;
                return Slot(self);
            }
            places.waiting = places.waiting.saturating_add(1);
            places = self.freed.wait(places).unwrap_or_else(PoisonError::into_inner);
            places.waiting = places.waiting.saturating_sub(1);
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut places = self.0.places();
        places.free = places.free.saturating_add(1);
        let is_awaited = places.waiting > 0;
        drop(places);
        if is_awaited {
            self.0.freed.notify_one();
        }
    }
}
