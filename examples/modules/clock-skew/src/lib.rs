//! Refuses envelopes of clients whose clock is wrong.

use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, TimeSpan, Timestamp, export_filter};

struct ClockSkew {
    max: TimeSpan,
}

impl Filter for ClockSkew {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&["max"])?;
        Ok(Self { max: settings.required("max")? })
    }

    fn check(&self, facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
        let Some(sent) = facts.timestamp else {
            return Err(Refusal::bad_request("the channel header has no timestamp"));
        };
        let max = self.max.seconds();
        let refusal = |how| Refusal::bad_request(format!("the client's clock is {how} by more than {max} s"));
        // A client may write more nanoseconds than a second has.
        let sent = sent.plus(TimeSpan::of_seconds(0));
        if sent > facts.received.plus(self.max) {
            return Err(refusal("fast"));
        }
        if is_before(sent, self.max, facts.received) {
            return Err(refusal("slow"));
        }
        Ok(())
    }
}

/// Whether `sent` lies more than `max` before `received`.
fn is_before(sent: Timestamp, max: TimeSpan, received: Timestamp) -> bool {
    sent.plus(max) < received
}

export_filter!(ClockSkew);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    fn sentence(sent: Option<Timestamp>) -> Option<String> {
        let received = Timestamp { seconds: 1_000, nanoseconds: 500 };
        let envelope = Envelope::of_size(9).with_timestamp(sent).received_at(received);
        let verdict = Host::new().with_setting("max", "1 min").check::<ClockSkew>(&envelope).unwrap();
        verdict.refusal.map(|(_, sentence)| sentence)
    }

    #[test]
    fn a_clock_may_differ_by_the_setting_and_no_more() {
        let slow = Some("the client's clock is slow by more than 60 s".to_owned());
        let fast = Some("the client's clock is fast by more than 60 s".to_owned());
        for (seconds, nanoseconds, expected) in [
            (1_000, 500, &None),
            (940, 500, &None),
            (940, 499, &slow),
            (1_060, 500, &None),
            (1_060, 501, &fast),
            (1_061, -999_999_500, &None),
            (1_059, 1_000_000_501, &fast),
            (i64::MIN, i32::MIN, &slow),
            (i64::MAX, i32::MAX, &fast),
        ] {
            let sent = Timestamp { seconds, nanoseconds };
            assert_eq!(sentence(Some(sent)), *expected, "{sent:?}");
        }
        assert_eq!(sentence(None).unwrap(), "the channel header has no timestamp");
    }

    #[test]
    fn settings_that_make_no_sense_are_refused_by_name() {
        let expected = "expected a length of time, such as `90 s`, `5 min`, `2 h` or `7 d`";
        for (key, value, sentence) in [
            ("max", "5", format!("setting `max` is `5`: {expected}")),
            ("min", "5 s", "unknown setting `min`: this module knows `max`".to_owned()),
        ] {
            let refused = Host::new().with_setting(key, value).check_filter_settings::<ClockSkew>();
            assert_eq!(refused.unwrap_err(), sentence);
        }
        let missing = Host::new().check_filter_settings::<ClockSkew>().unwrap_err();
        assert_eq!(missing, format!("setting `max` is missing: {expected}"));
    }
}
