//! The standard rule: cut at a number of envelopes, or before a number of bytes.
//!
//! Source: fabric v2.5.16 `orderer/common/blockcutter/blockcutter.go` `Ordered`. It takes no settings: both numbers are
//! the channel's `BatchSize`.

use raddle_guest::{BatchPolicy, Channel, EnvelopeInfo, Pending, Settings, export_batch_policy};

/// The two limits, asked of the channel once a batch.
struct CountAndBytes {
    max_message_count: u32,
    preferred_max_bytes: u64,
}

impl BatchPolicy for CountAndBytes {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        settings.only(&[])?;
        let limits = channel.batch_size();
        Ok(Self {
            max_message_count: limits.max_message_count,
            preferred_max_bytes: u64::from(limits.preferred_max_bytes),
        })
    }

    fn fits(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        pending.size_bytes.saturating_add(envelope.size_bytes) <= self.preferred_max_bytes
    }

    fn add(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        // An envelope beyond the preferred size has come alone, and goes alone.
        envelope.size_bytes > self.preferred_max_bytes
            || pending.count.saturating_add(1) >= self.max_message_count
    }
}

export_batch_policy!(CountAndBytes);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::BatchSize;
    use raddle_guest::testing::CutBy::{AbsoluteMaxBytes, Add, Fits, Outside};
    use raddle_guest::testing::{CutBy, Envelope, Host, Step};

    use super::*;

    /// What it shows, the sizes, the batches that are cut, and the count that is left.
    type Case = (&'static str, &'static [u64], &'static [(u32, CutBy)], u32);

    /// At most 4 envelopes, 100 bytes preferred, 150 at most.
    fn host() -> Host {
        Host::new().with_batch_size(BatchSize {
            max_message_count: 4,
            absolute_max_bytes: 150,
            preferred_max_bytes: 100,
        })
    }

    #[test]
    fn batches_are_cut_as_fabrics_block_cutter_cuts_them() {
        let cases: &[Case] = &[
            ("nothing is cut before a limit", &[10, 10, 10], &[], 3),
            ("the last message of a full count goes along", &[10, 10, 10, 10, 10], &[(4, Add)], 1),
            ("the preferred size itself fits", &[50, 50, 1], &[(2, Fits)], 1),
            ("a byte more is cut before", &[50, 51], &[(1, Fits)], 1),
            ("a lone message of the preferred size waits", &[100], &[], 1),
            ("a larger one goes alone, at once", &[101], &[(1, Add)], 0),
            ("and sends what was pending ahead", &[10, 101, 10], &[(1, Fits), (1, Add)], 1),
            ("beyond the absolute size the guard cuts first", &[60, 91], &[(1, AbsoluteMaxBytes)], 1),
            ("beyond it a lone one still goes", &[151, 1], &[(1, Add)], 1),
            ("empty messages count", &[0, 0, 0, 0], &[(4, Add)], 0),
        ];
        for (case, sizes, expected, pending) in cases {
            let envelopes = sizes.iter().map(|size| Envelope::of_size(*size));
            let cuts = host().cut::<CountAndBytes>(envelopes).unwrap();
            let found: Vec<_> = cuts.batches.iter().map(|batch| (batch.count, batch.cut_by)).collect();
            assert_eq!((found.as_slice(), cuts.pending.count), (*expected, *pending), "{case}");
        }
    }

    #[test]
    fn a_cut_from_outside_starts_the_count_anew() {
        let one = Step::Envelope(Envelope::of_size(1));
        let cuts = host().cut::<CountAndBytes>([one, one, one, Step::Cut, one, one, one]).unwrap();
        assert_eq!((cuts.counts(), cuts.reasons(), cuts.pending.count), (vec![3], vec![Outside], 3));
    }

    #[test]
    fn the_channel_and_the_settings_are_asked_once_a_batch() {
        let cuts = host().cut::<CountAndBytes>([Envelope::of_size(1); 12]).unwrap();
        assert_eq!((cuts.counts(), cuts.imports), (vec![4, 4, 4], 3 * 2));
    }

    #[test]
    fn settings_are_refused() {
        let refused = host().with_setting("max-count", "7").check_settings::<CountAndBytes>();
        assert_eq!(refused, Err("unknown setting `max-count`: this module has no settings".to_owned()));
    }
}
