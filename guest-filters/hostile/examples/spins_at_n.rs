//! Never comes back.

use hostile::{Fault, Faulty};
use raddle_guest::{Channel, Creator, Settings, export_batch_policy};

/// Loops without doing anything.
struct Spin;

impl Fault for Spin {
    const SETTINGS: &'static [&'static str] = &[];

    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self)
    }

    fn strike(&mut self, _creator: Option<Creator>) -> bool {
        loop {
            std::hint::spin_loop();
        }
    }
}

export_batch_policy!(Faulty<Spin>);
