//! What a batch policy takes while it is tried.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use raddle_rules::{BatchMeter, BatchRun};

/// Fuel, memory and time of all that a batch policy was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// How often it was asked.
    pub calls: u64,
    /// Fuel of all calls.
    pub fuel: u64,
    /// The most fuel of one call.
    pub fuel_max: u64,
    /// The most memory of an instance, in bytes.
    pub memory_max: u64,
    /// Time of all calls.
    pub took: Duration,
}

/// Adds it up.
#[derive(Debug, Default)]
pub(super) struct Adding(Mutex<Spent>);

impl Adding {
    pub(super) fn sum(&self) -> Spent {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BatchMeter for Adding {
    fn ran(&self, run: &BatchRun, took: Duration) {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spent.calls = spent.calls.saturating_add(1);
        spent.fuel = spent.fuel.saturating_add(run.fuel_used);
        spent.fuel_max = spent.fuel_max.max(run.fuel_used);
        spent.memory_max = spent.memory_max.max(run.memory_bytes);
        spent.took = spent.took.saturating_add(took);
    }
}
