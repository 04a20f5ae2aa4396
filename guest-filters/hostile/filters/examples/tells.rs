//! Refuses each envelope with what it is shown: no misbehaviour, but a mirror for tests.
//!
//! Settings: `what`, one of `facts` (the default), `header`, `creator`, `payload`, `policies`; for the payload `offset`
//! and `size` (all of it by default); for the policies `policies`, names that are asked one after the other.

use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};

struct Tells {
    what: String,
    offset: u64,
    size_bytes: u32,
    policies: Vec<String>,
}

impl Filter for Tells {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        settings.only(&["what", "offset", "size", "policies"])?;
        let what: String = settings.with_default("what", "facts".to_owned())?;
        if !["facts", "header", "creator", "payload", "policies"].contains(&what.as_str()) {
            let expected = "`facts`, `header`, `creator`, `payload` or `policies`";
            return Err(settings.refuse("what", expected).into());
        }
        Ok(Self {
            what,
            offset: settings.with_default("offset", 0)?,
            size_bytes: settings.with_default("size", u32::MAX)?,
            policies: settings.optional("policies")?.unwrap_or_default(),
        })
    }

    fn check(&self, facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        let told = match self.what.as_str() {
            "header" => format!("{:?}", envelope.header()),
            "creator" => format!("{:?}", envelope.creator()),
            "payload" => format!("{:?}", envelope.read_payload(self.offset, self.size_bytes)),
            "policies" => {
                let told = self.policies.iter().map(|policy| {
                    format!("{policy}: {:?} {:?}", envelope.satisfies(policy), envelope.policy_text())
                });
                told.collect::<Vec<_>>().join("; ")
            }
            _ => format!("{facts:?}"),
        };
        Err(Refusal::bad_request(told))
    }
}

export_filter!(Tells);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::Timestamp;
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    const ENVELOPE: Envelope = Envelope::of_size(0)
        .with_payload(b"\x00\x01\x02\x03")
        .with_signature_of(72)
        .with_tx_id("a")
        .with_header(7, b"x")
        .with_timestamp(None)
        .with_creator_expiring(Some(Timestamp::at_second(2)))
        .received_at(Timestamp { seconds: -1, nanoseconds: 5 });

    #[test]
    fn it_tells_what_it_is_shown() {
        for (what, expected) in [
            (
                "facts",
                "Facts { payload_size_bytes: 4, signature_size_bytes: 72, header_type: 3, timestamp: None, \
                 creator_expires: Some(Timestamp { seconds: 2, nanoseconds: 0 }), \
                 received: Timestamp { seconds: -1, nanoseconds: 5 } }",
            ),
            ("header", "Ok(Header { tx_id: \"a\", epoch: 7, extension: [120] })"),
            (
                "creator",
                "Ok(Identity { msp_id: \"Org1MSP\", certificate: [99, 108, 105, 101, 110, 116], \
                 organisational_units: [\"client\"] })",
            ),
            ("payload", "[1, 2]"),
            (
                "policies",
                "/Channel/Writers: Ok(()) None; \
                 /Channel/X: Err(Missing) Some(\"could not find policy /Channel/X\"); \
                 /Channel/Orderer/Writers: Err(Denied) \
                 Some(\"signature set did not satisfy policy: permission denied\"); \
                 /Channel/Writers: Ok(()) Some(\"signature set did not satisfy policy: permission denied\")",
            ),
        ] {
            let host = Host::new()
                .with_setting("what", what)
                .with_setting("offset", "1")
                .with_setting("size", "2")
                .with_setting(
                    "policies",
                    "/Channel/Writers, /Channel/X, /Channel/Orderer/Writers, /Channel/Writers",
                );
            let verdict = host.check::<Tells>(&ENVELOPE).unwrap();
            assert_eq!(verdict.sentence(), Some(expected));
        }
    }
}
