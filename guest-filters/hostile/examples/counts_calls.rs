//! Cuts by the number of calls alone, and traps when they do not come as an orderer makes them.
//!
//! It shows an instance that outlives its batch, a call that is left out or made twice, and a `pending` that is not
//! what was added.
//!
//! Settings: `full-after`, the `add` that fills the batch (7 by default); `refuse-every`, each how-manieth `fits` says
//! no (none by default).

use std::num::NonZeroU32;

use raddle_guest::{BatchPolicy, Channel, EnvelopeInfo, Pending, Settings, export_batch_policy, log};

struct CountsCalls {
    full_after: NonZeroU32,
    refuse_every: Option<NonZeroU32>,
    fits_calls: u32,
    /// What this instance has added itself.
    added: Pending,
}

impl BatchPolicy for CountsCalls {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&["full-after", "refuse-every"])?;
        const SEVEN: NonZeroU32 = NonZeroU32::MIN.saturating_add(6);
        Ok(Self {
            full_after: settings.with_default("full-after", SEVEN)?,
            refuse_every: settings.optional("refuse-every")?,
            fits_calls: 0,
            added: Pending::default(),
        })
    }

    fn fits(&mut self, _envelope: &EnvelopeInfo, pending: Pending) -> bool {
        self.fits_calls += 1;
        self.expect(pending);
        self.refuse_every.is_none_or(|every| self.fits_calls % every != 0)
    }

    fn add(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        self.expect(pending);
        self.added.count += 1;
        self.added.size_bytes += envelope.size_bytes;
        self.added.count >= self.full_after.get()
    }
}

impl CountsCalls {
    /// Every envelope but the first is asked about once, then added once.
    fn expect(&self, pending: Pending) {
        if self.fits_calls != self.added.count || pending != self.added {
            log::error("the calls of this batch are not those of one batch");
            std::process::abort();
        }
    }
}

export_batch_policy!(CountsCalls);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host, Step};

    use super::*;

    #[test]
    fn a_batch_is_cut_by_the_number_of_its_calls() {
        let envelopes = [Envelope::of_size(10); 17];
        let host = Host::new();
        assert_eq!(host.cut::<CountsCalls>(&envelopes).unwrap().counts(), [7, 7]);
        let host = host.with_setting("refuse-every", "5");
        assert_eq!(host.cut::<CountsCalls>(&envelopes).unwrap().counts(), [5, 5, 5]);
    }

    #[test]
    fn a_cut_from_outside_starts_the_count_anew() {
        let mut steps = vec![Step::Envelope(Envelope::of_size(10)); 10];
        steps.insert(3, Step::Cut);
        assert_eq!(Host::new().cut::<CountsCalls>(steps).unwrap().counts(), [3, 7]);
    }
}
