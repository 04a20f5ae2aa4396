//! Refuses each envelope with the number of calls that its memory has seen: always `1`.

use std::sync::atomic::{AtomicU32, Ordering};

use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};

/// Every call makes a filter, so this counts them all.
static CALLS: AtomicU32 = AtomicU32::new(0);

struct CountsCalls {
    calls: u32,
}

impl Filter for CountsCalls {
    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self { calls: CALLS.fetch_add(1, Ordering::Relaxed) + 1 })
    }

    fn check(&self, _facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
        Err(Refusal::bad_request(self.calls.to_string()))
    }
}

export_filter!(CountsCalls);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    /// Here nobody gives it a fresh memory.
    #[test]
    fn calls_of_one_memory_are_counted() {
        for expected in ["1", "2", "3"] {
            let verdict = Host::new().check::<CountsCalls>(&Envelope::of_size(1)).unwrap();
            assert_eq!(verdict.sentence(), Some(expected));
        }
    }
}
