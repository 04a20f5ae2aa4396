//! Refuses an envelope whose creator's certificate has ended, and not before a grace period has ended too.
//!
//! Installed under the name `expiration` it takes the place of the filter of that name. What it does not change is when
//! the rule holds, and for whom: see `guest-filters/expiration`.

use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, TimeSpan, Timestamp, export_filter};

/// The beginning of the year 1: in Go the time that is none, so that a certificate which ends there never does.
const GO_ZERO_TIME: Timestamp = Timestamp::at_second(-62_135_596_800);

struct ExpirationGrace {
    is_active: bool,
    grace: TimeSpan,
}

impl Filter for ExpirationGrace {
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
        settings.only(&["grace"])?;
        Ok(Self { is_active: channel.has_expiration_check(), grace: settings.required("grace")? })
    }

    fn check(&self, facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
        let Some(expires) = facts.creator_expires.filter(|expires| *expires != GO_ZERO_TIME) else {
            return Ok(());
        };
        if self.is_active && expires.plus(self.grace) <= facts.received {
            let grace = self.grace.seconds();
            return Err(Refusal::bad_request(format!(
                "broadcast client identity expired, more than {grace} s ago"
            )));
        }
        Ok(())
    }
}

export_filter!(ExpirationGrace);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    fn sentence(expires: Option<Timestamp>, received: i64, capability: &str) -> Option<String> {
        let host = Host::new().with_setting("grace", "2 min").with_orderer_capability(capability);
        let received = Timestamp::at_second(received);
        let envelope = Envelope::of_size(9).with_creator_expiring(expires).received_at(received);
        host.check::<ExpirationGrace>(&envelope).unwrap().refusal.map(|(_, sentence)| sentence)
    }

    #[test]
    fn a_certificate_is_good_until_its_grace_has_ended() {
        let expires = Some(Timestamp::at_second(1_000));
        for (received, is_refused) in
            [(999, false), (1_000, false), (1_119, false), (1_120, true), (9_999, true)]
        {
            assert_eq!(sentence(expires, received, "V2_0").is_some(), is_refused, "{received}");
            assert_eq!(sentence(expires, received, "V1_0"), None);
        }
        assert_eq!(sentence(None, i64::MAX, "V2_0"), None);
        assert_eq!(sentence(Some(GO_ZERO_TIME), i64::MAX, "V2_0"), None);
        let refused = sentence(expires, 1_120, "V2_0").unwrap();
        assert_eq!(refused, "broadcast client identity expired, more than 120 s ago");
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let expected = "expected a length of time, such as `90 s`, `5 min`, `2 h` or `7 d`";
        let missing = Host::new().check_filter_settings::<ExpirationGrace>().unwrap_err();
        assert_eq!(missing, format!("setting `grace` is missing: {expected}"));
        let wrong = Host::new().with_setting("grace", "a week").check_filter_settings::<ExpirationGrace>();
        assert_eq!(wrong.unwrap_err(), format!("setting `grace` is `a week`: {expected}"));
    }
}
