//! Large envelopes get blocks of their own, so that a peer which fetches the small ones need not wait for them.

use raddle_guest::{BatchPolicy, ByteSize, Channel, EnvelopeInfo, Pending, Settings, export_batch_policy};

struct IsolateLarge {
    large_bytes: u64,
    preferred_max_bytes: u64,
}

impl BatchPolicy for IsolateLarge {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        settings.only(&["over"])?;
        let large: ByteSize = settings.required("over")?;
        let preferred_max_bytes = u64::from(channel.batch_size().preferred_max_bytes);
        Ok(Self { large_bytes: large.bytes(), preferred_max_bytes })
    }

    fn fits(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        let size_bytes = pending.size_bytes.saturating_add(envelope.size_bytes);
        !self.is_large(envelope) && size_bytes <= self.preferred_max_bytes
    }

    fn add(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
        // It has come alone, and goes alone.
        self.is_large(envelope)
    }
}

impl IsolateLarge {
    const fn is_large(&self, envelope: &EnvelopeInfo) -> bool {
        envelope.size_bytes > self.large_bytes
    }
}

export_batch_policy!(IsolateLarge);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::BatchSize;
    use raddle_guest::testing::CutBy::{Add, Fits, MaxMessageCount};
    use raddle_guest::testing::{CutBy, Envelope, Host};

    use super::*;

    fn cuts(sizes: &[u64]) -> (Vec<(u32, CutBy)>, u32) {
        let limits = BatchSize { max_message_count: 4, absolute_max_bytes: 10_000, preferred_max_bytes: 300 };
        let host = Host::new().with_batch_size(limits).with_setting("over", "100");
        let cuts = host.cut::<IsolateLarge>(sizes.iter().map(|size| Envelope::of_size(*size))).unwrap();
        (cuts.batches.iter().map(|batch| (batch.count, batch.cut_by)).collect(), cuts.pending.count)
    }

    #[test]
    fn a_large_envelope_goes_alone() {
        assert_eq!(cuts(&[10, 101, 10]), (vec![(1, Fits), (1, Add)], 1));
        assert_eq!(cuts(&[101, 5_000]), (vec![(1, Add), (1, Add)], 0));
        assert_eq!(cuts(&[100, 100, 100, 1]), (vec![(3, Fits)], 1));
        assert_eq!(cuts(&[1, 1, 1, 1, 1]), (vec![(4, MaxMessageCount)], 1));
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let expected = "expected a size in bytes, such as `4096`, `64 KiB` or `2 MiB`";
        let missing = Host::new().check_settings::<IsolateLarge>().unwrap_err();
        assert_eq!(missing, format!("setting `over` is missing: {expected}"));
        let wrong = Host::new().with_setting("over", "1 GB").check_settings::<IsolateLarge>().unwrap_err();
        assert_eq!(wrong, format!("setting `over` is `1 GB`: {expected}"));
    }
}
