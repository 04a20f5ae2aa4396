//! No organisation gets more than its share of a block, so that one which floods the channel fills no block alone.

use std::collections::BTreeMap;

use raddle_guest::{BatchPolicy, Channel, Creator, EnvelopeInfo, Pending, Settings, export_batch_policy};

struct FairShare {
    share: u32,
    preferred_max_bytes: u64,
    /// Whose a creator is, asked once for each creator of a batch. None for those who cannot be read: together they
    /// count as one organisation.
    members: BTreeMap<Creator, Option<String>>,
    /// Envelopes in the batch, by MSP id.
    counts: BTreeMap<Option<String>, u32>,
}

impl BatchPolicy for FairShare {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        settings.only(&["percent"])?;
        let percent: u32 = settings.with_default("percent", 50)?;
        if !(1..=100).contains(&percent) {
            return Err(settings.refuse("percent", "a whole number from 1 to 100").into());
        }
        let limits = channel.batch_size();
        let share = u64::from(limits.max_message_count).saturating_mul(u64::from(percent)) / 100;
        Ok(Self {
            share: u32::try_from(share).unwrap_or(u32::MAX).max(1),
            preferred_max_bytes: u64::from(limits.preferred_max_bytes),
            members: BTreeMap::new(),
            counts: BTreeMap::new(),
        })
    }

    fn fits(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        let size_bytes = pending.size_bytes.saturating_add(envelope.size_bytes);
        size_bytes <= self.preferred_max_bytes && *self.count_of(envelope.creator) < self.share
    }

    fn add(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
        let count = self.count_of(envelope.creator);
        *count = count.saturating_add(1);
        // Full is decided where the next envelope does not fit: it may be somebody else's.
        false
    }
}

impl FairShare {
    /// Envelopes in the batch by the creator's organisation.
    fn count_of(&mut self, creator: Creator) -> &mut u32 {
        let msp_id = self.members.entry(creator).or_insert_with(|| creator.msp_id());
        self.counts.entry(msp_id.clone()).or_default()
    }
}

export_batch_policy!(FairShare);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::BatchSize;
    use raddle_guest::testing::CutBy::{Fits, MaxMessageCount};
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    const ONE: Envelope = Envelope::of_size(10).by("Org1MSP", "alice");
    const ALSO_ONE: Envelope = ONE.by("Org1MSP", "bob");
    const TWO: Envelope = ONE.by("Org2MSP", "eve");

    /// Four envelopes in a block.
    fn host() -> Host {
        Host::new().with_batch_size(BatchSize {
            max_message_count: 4,
            absolute_max_bytes: 1_000,
            preferred_max_bytes: 100,
        })
    }

    #[test]
    fn nobody_fills_a_block_alone() {
        let cuts = host().cut::<FairShare>([ONE, ALSO_ONE, ONE, TWO, TWO, ONE, TWO]).unwrap();
        assert_eq!(
            (cuts.counts(), cuts.reasons(), cuts.pending.count),
            (vec![2, 4], vec![Fits, MaxMessageCount], 1)
        );
        let alone = host().with_setting("percent", "25").cut::<FairShare>([ONE, ONE, TWO, ONE]).unwrap();
        assert_eq!((alone.counts(), alone.pending.count), (vec![1, 2], 1));
        let all = host().with_setting("percent", "100").cut::<FairShare>([ONE; 9]).unwrap();
        assert_eq!(all.counts(), [4, 4]);
    }

    #[test]
    fn a_share_is_at_least_one_and_bytes_count_too() {
        let least = host().with_setting("percent", "1").cut::<FairShare>([ONE, TWO, ONE]).unwrap();
        assert_eq!(least.counts(), [2]);
        let large = host().cut::<FairShare>([Envelope::of_size(90), TWO, TWO]).unwrap();
        assert_eq!(large.counts(), [2]);
    }

    #[test]
    fn who_cannot_be_read_shares_with_those_like_him() {
        let nobody = ONE.by_nobody();
        let cuts = host().cut::<FairShare>([nobody, nobody, nobody, ONE]).unwrap();
        assert_eq!((cuts.counts(), cuts.pending.count), (vec![2], 2));
    }

    #[test]
    fn a_creator_is_asked_for_once_a_batch() {
        let imports = |envelopes: &[Envelope]| host().cut::<FairShare>(envelopes).unwrap().imports;
        assert_eq!(imports(&[ONE, ONE]), imports(&[ONE]));
        assert_eq!(imports(&[ONE, ALSO_ONE]), imports(&[ONE]) + 1);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        for value in ["0", "101"] {
            let refused = host().with_setting("percent", value).check_settings::<FairShare>().unwrap_err();
            assert_eq!(
                refused,
                format!("setting `percent` is `{value}`: expected a whole number from 1 to 100")
            );
        }
    }
}
