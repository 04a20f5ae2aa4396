//! Refuses.
//!
//! Settings: `status`, one of `bad-request` (the default), `forbidden`, `too-large`; `sentence` (`no` by default) and
//! `times`, how often it is said (once by default); `policy-text` = `true` refers to the host's sentence about a policy
//! that it has never asked for.

use hostile_filters::{Fault, Faulty};
use raddle_guest::{Channel, Envelope, FromSetting, PolicyFailure, Refusal, Settings, export_filter};

struct Refuse {
    status: Status,
    sentence: String,
    policy_text: bool,
}

#[derive(Clone, Copy)]
enum Status {
    BadRequest,
    Forbidden,
    TooLarge,
}

impl FromSetting for Status {
    fn expected() -> String {
        "`bad-request`, `forbidden` or `too-large`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        match value {
            "bad-request" => Some(Self::BadRequest),
            "forbidden" => Some(Self::Forbidden),
            "too-large" => Some(Self::TooLarge),
            _ => None,
        }
    }
}

impl Fault for Refuse {
    const SETTINGS: &'static [&'static str] = &["status", "sentence", "times", "policy-text"];

    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        let sentence: String = settings.with_default("sentence", "no".to_owned())?;
        let times = settings.with_default("times", 1_u16)?;
        Ok(Self {
            status: settings.with_default("status", Status::BadRequest)?,
            sentence: sentence.repeat(times.into()),
            policy_text: settings.with_default("policy-text", false)?,
        })
    }

    fn strike(&self, _envelope: Option<&Envelope>) -> Result<(), Refusal> {
        if self.policy_text {
            return Err(PolicyFailure::Denied.into());
        }
        let sentence = self.sentence.clone();
        Err(match self.status {
            Status::BadRequest => Refusal::bad_request(sentence),
            Status::Forbidden => Refusal::forbidden(sentence),
            Status::TooLarge => Refusal::too_large(sentence),
        })
    }
}

export_filter!(Faulty<Refuse>);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::RefusalStatus;
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    const ENVELOPE: Envelope = Envelope::of_size(1);

    #[test]
    fn it_says_what_it_is_told_to_say() {
        for (status, expected) in [
            ("bad-request", RefusalStatus::BadRequest),
            ("forbidden", RefusalStatus::Forbidden),
            ("too-large", RefusalStatus::TooLarge),
        ] {
            let host = Host::new().with_setting("status", status).with_setting("times", "2");
            let verdict = host.check::<Faulty<Refuse>>(&ENVELOPE).unwrap();
            assert_eq!(verdict.refusal, Some((expected, "nono".to_owned())));
        }
    }

    #[test]
    fn referring_to_a_policy_that_nobody_asked_for_is_a_fault() {
        let host = Host::new().with_setting("policy-text", "true");
        assert!(host.check::<Faulty<Refuse>>(&ENVELOPE).is_err());
    }
}
