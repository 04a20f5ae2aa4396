//! Leaves a secret in all of its memory, and accepts the envelope.
//!
//! Setting: `pages`, by how many pages of 64 KiB it grows its memory before (none by default).

use hostile_filters::memory::{self, Place};
use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};

struct HidesSecret {
    pages: u16,
}

impl Filter for HidesSecret {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&["pages"])?;
        Ok(Self { pages: settings.with_default("pages", 0)? })
    }

    fn check(&self, _facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
        if !memory::grow(self.pages.into()) {
            return Err(Refusal::bad_request("the memory does not grow"));
        }
        Place::ALL.into_iter().for_each(memory::fill);
        Ok(())
    }
}

export_filter!(HidesSecret);
