//! Refuses an envelope that is larger than any block may be.
//!
//! Source: fabric v2.5.16 `orderer/common/msgprocessor/sizefilter.go`. It takes no settings: the limit is the channel's
//! `AbsoluteMaxBytes`. The status is that of a bad request, as Fabric's is.
//!
//! Differs: the sizes are added in 64 bits. Fabric's 32 would take 4 GiB for nothing; neither can be sent.

use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};

/// The limit of payload and signature together.
struct MaxBytes {
    absolute_max_bytes: u32,
}

impl Filter for MaxBytes {
    fn new(_settings: &Settings, channel: &Channel) -> Result<Self, String> {
        Ok(Self { absolute_max_bytes: channel.absolute_max_bytes() })
    }

    fn check(&self, facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
        let (size, max) = (facts.size_bytes(), self.absolute_max_bytes);
        if size > u64::from(max) {
            return Err(Refusal::bad_request(format!(
                "message payload is {size} bytes and exceeds maximum allowed {max} bytes"
            )));
        }
        Ok(())
    }
}

export_filter!(MaxBytes);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};
    use raddle_guest::{BatchSize, RefusalStatus};

    use super::*;

    /// Sizes of payload and signature, and the size in the refusal if it is refused.
    type Case = (u64, u64, Option<u64>);

    #[test]
    fn payload_and_signature_together_may_have_the_limit_and_no_more() {
        let cases: &[Case] = &[
            (0, 0, None),
            (100, 0, None),
            (30, 70, None),
            (101, 0, Some(101)),
            (31, 70, Some(101)),
            (0, 101, Some(101)),
            (1 << 32, 50, Some(4_294_967_346)),
            (u64::MAX, 1, Some(u64::MAX)),
        ];
        let host = Host::new().with_batch_size(BatchSize {
            max_message_count: 10,
            absolute_max_bytes: 100,
            preferred_max_bytes: 50,
        });
        for (payload, signature, refused) in cases {
            let envelope = Envelope::of_size(*payload).with_signature_of(*signature);
            let verdict = host.check::<MaxBytes>(&envelope).unwrap();
            let expected = refused.map(|size| {
                let sentence =
                    format!("message payload is {size} bytes and exceeds maximum allowed 100 bytes");
                (RefusalStatus::BadRequest, sentence)
            });
            assert_eq!((verdict.refusal, verdict.imports), (expected, 1), "{payload} and {signature}");
        }
    }
}
