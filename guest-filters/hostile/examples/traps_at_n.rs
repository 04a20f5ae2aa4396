//! Traps.

use hostile::{Fault, Faulty};
use raddle_guest::{Channel, Creator, Settings, export_batch_policy};

/// Ends the instance with `unreachable`.
struct Trap;

impl Fault for Trap {
    const SETTINGS: &'static [&'static str] = &[];

    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self)
    }

    fn strike(&mut self, _creator: Option<Creator>) -> bool {
        std::process::abort()
    }
}

export_batch_policy!(Faulty<Trap>);
