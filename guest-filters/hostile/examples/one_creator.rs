//! Never mixes two creators in a batch.

use raddle_guest::{BatchPolicy, Channel, Creator, EnvelopeInfo, Pending, Settings, export_batch_policy};

struct OneCreator {
    /// The batch's creator, from its first envelope on.
    creator: Option<Creator>,
}

impl BatchPolicy for OneCreator {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&[])?;
        Ok(Self { creator: None })
    }

    fn fits(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
        self.creator == Some(envelope.creator)
    }

    fn add(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
        self.creator = Some(envelope.creator);
        false
    }
}

export_batch_policy!(OneCreator);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    #[test]
    fn a_batch_is_cut_where_the_creator_changes() {
        let alice = Envelope::of_size(1).by("Org1MSP", "alice");
        let bob = Envelope::of_size(1).by("Org1MSP", "bob");
        let nobody = Envelope::of_size(1).by_nobody();
        let cuts =
            Host::new().cut::<OneCreator>(&[alice, alice, bob, alice, nobody, nobody, nobody, bob]).unwrap();
        assert_eq!(cuts.counts(), [2, 1, 1, 3]);
    }
}
