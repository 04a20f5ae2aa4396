//! Refuses an envelope whose creator's certificate has ended.
//!
//! Source: fabric v2.5.16 `orderer/common/msgprocessor/expirationreject.go`. A creator whose certificate cannot be read
//! never expires: whether it may write is for the signature policy to say. The rule holds where an orderer capability
//! asks for it. It takes no settings.

use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, Timestamp, export_filter};

/// The beginning of the year 1: in Go the time that is none, so that a certificate which ends there never does.
const GO_ZERO_TIME: Timestamp = Timestamp::at_second(-62_135_596_800);

struct Expiration {
    is_active: bool,
}

impl Filter for Expiration {
    fn new(_settings: &Settings, channel: &Channel) -> Result<Self, String> {
        Ok(Self { is_active: channel.has_expiration_check() })
    }

    fn check(&self, facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
        match facts.creator_expires {
            // The certificate's last moment is too late.
            Some(expires) if self.is_active && expires <= facts.received && expires != GO_ZERO_TIME => {
                Err(Refusal::bad_request("broadcast client identity expired"))
            }
            _ => Ok(()),
        }
    }
}

export_filter!(Expiration);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::RefusalStatus;
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    const END: Timestamp = Timestamp::at_second(1_000);

    fn refused(host: &Host, expires: Option<Timestamp>, received: Timestamp) -> bool {
        let envelope = Envelope::of_size(1).with_creator_expiring(expires).received_at(received);
        let verdict = host.check::<Expiration>(&envelope).unwrap();
        assert_eq!(verdict.imports, 1);
        let Some(refusal) = verdict.refusal else {
            return false;
        };
        assert_eq!(refusal, (RefusalStatus::BadRequest, "broadcast client identity expired".to_owned()));
        true
    }

    #[test]
    fn a_certificate_is_refused_from_its_last_moment_on() {
        let host = Host::new().with_orderer_capability("V2_0");
        for (received, expected) in [
            (Timestamp { seconds: 999, nanoseconds: 999_999_999 }, false),
            (END, true),
            (Timestamp { seconds: 1_000, nanoseconds: 1 }, true),
            (Timestamp::at_second(i64::MIN), false),
            (Timestamp::at_second(i64::MAX), true),
        ] {
            assert_eq!(refused(&host, Some(END), received), expected, "{received:?}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_read_never_expires() {
        let host = Host::new().with_orderer_capability("V2_0");
        assert!(!refused(&host, None, Timestamp::at_second(i64::MAX)));
    }

    #[test]
    fn a_certificate_that_ends_at_gos_zero_time_never_expires() {
        let host = Host::new().with_orderer_capability("V2_0");
        let ends_at = |seconds| refused(&host, Some(Timestamp::at_second(seconds)), Timestamp::at_second(0));
        assert_eq!([-62_135_596_801, -62_135_596_800, -62_135_596_799].map(ends_at), [true, false, true]);
    }

    #[test]
    fn the_rule_holds_where_a_capability_asks_for_it() {
        for (capability, expected) in
            [("V1_1", true), ("V1_4_2", true), ("V2_0", true), ("V1_0", false), ("RADDLE_1_0", false)]
        {
            let host = Host::new().with_orderer_capability(capability);
            assert_eq!(refused(&host, Some(END), END), expected, "{capability}");
        }
        assert!(!refused(&Host::new(), Some(END), END));
    }
}
