//! Traps.

use hostile_filters::{Fault, Faulty};
use raddle_guest::{Channel, Envelope, Refusal, Settings, export_filter};

/// Ends the instance with `unreachable`.
struct Trap;

impl Fault for Trap {
    const SETTINGS: &'static [&'static str] = &[];

    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self)
    }

    fn strike(&self, _envelope: Option<&Envelope>) -> Result<(), Refusal> {
        std::process::abort()
    }
}

export_filter!(Faulty<Trap>);
