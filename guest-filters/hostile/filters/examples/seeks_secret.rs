//! Looks for what others have left in its memory, and refuses the envelope if there is anything. In the end it leaves
//! a secret of its own, so that it also looks for what it has left itself.
//!
//! Settings: `pages`, by how many pages of 64 KiB it grows its memory to look there too (none by default; 5 M fuel is
//! enough for 15); `hide-first`, one of `data`, `stack`, `heap`: there it leaves its secret before it looks, which
//! shows that it would find it.

use hostile_filters::memory::{self, Found, Place};
use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};

struct SeeksSecret {
    found: Option<Found>,
    pages: u16,
    hide_first: Option<Place>,
}

impl Filter for SeeksSecret {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        // Before anything else: reading a setting uses stack and heap.
        let found = memory::find();
        settings.only(&["pages", "hide-first"])?;
        Ok(Self {
            found,
            pages: settings.with_default("pages", 0)?,
            hide_first: settings.optional("hide-first")?,
        })
    }

    fn check(&self, _facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
        if let Some(place) = self.hide_first {
            memory::fill(place);
            return tell(memory::find());
        }
        tell(self.found)?;
        if !memory::grow(self.pages.into()) {
            return Err(Refusal::bad_request("the memory does not grow"));
        }
        tell(memory::find_in_grown(self.pages.into()))?;
        Place::ALL.into_iter().for_each(memory::fill);
        Ok(())
    }
}

fn tell(found: Option<Found>) -> Result<(), Refusal> {
    match found {
        None => Ok(()),
        Some(Found { address, word }) => {
            Err(Refusal::forbidden(format!("found {word:016x} at address {address}")))
        }
    }
}

export_filter!(SeeksSecret);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_find_is_refused_with_its_place() {
        assert_eq!(tell(None), Ok(()));
        let refusal = Refusal::forbidden("found 000000000000005e at address 16384");
        assert_eq!(tell(Some(Found { address: 16_384, word: 0x5e })), Err(refusal));
    }
}
