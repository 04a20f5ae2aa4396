//! Never comes back.

use hostile_filters::{Fault, Faulty};
use raddle_guest::{Channel, Envelope, Refusal, Settings, export_filter};

/// Loops without doing anything.
struct Spin;

impl Fault for Spin {
    const SETTINGS: &'static [&'static str] = &[];

    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self)
    }

    fn strike(&self, _envelope: Option<&Envelope>) -> Result<(), Refusal> {
        loop {
            std::hint::spin_loop();
        }
    }
}

export_filter!(Faulty<Spin>);
