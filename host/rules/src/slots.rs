//! Places for instances. Who finds none free waits.

use std::sync::{Condvar, Mutex, PoisonError};

/// As many places as the pool has room for.
///
/// An instance that the pool has no room for would fail, and look like a fault. Those who wait here hold no place, and
/// fuel ends every call, so a place comes free.
pub(crate) struct Slots {
    free: Mutex<u32>,
    freed: Condvar,
}

/// A place that is taken, until it is dropped: after the instance, so declare it before.
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(crate) const fn new(count: u32) -> Self {
        Self { free: Mutex::new(count), freed: Condvar::new() }
    }

    /// Takes a place, once there is one.
    pub(crate) fn take(&self) -> Slot<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(left) = free.checked_sub(1) {
                *free = left;
                return Slot(self);
            }
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_add(1);
        self.0.freed.notify_one();
    }
}
