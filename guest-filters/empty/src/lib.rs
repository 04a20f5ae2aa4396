//! Refuses an envelope without a payload.
//!
//! Source: fabric v2.5.16 `orderer/common/msgprocessor/filter.go` `EmptyRejectRule`.
//!
//! Differs: a payload that is there and has no bytes is refused here. Fabric leaves that one to its signature rule,
//! which refuses it too.
//!
//! Like the other filters that ship with every orderer it takes no settings, and does not ask for them: none can be
//! given to it, and an import that returns strings would cost more than all the rest.

use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};

struct Empty;

impl Filter for Empty {
    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self)
    }

    fn check(&self, facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
        if facts.payload_size_bytes == 0 {
            return Err(Refusal::bad_request("Message was empty"));
        }
        Ok(())
    }
}

export_filter!(Empty);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_guest::RefusalStatus;
    use raddle_guest::testing::{Envelope, Host};

    use super::*;

    #[test]
    fn an_envelope_without_a_payload_is_refused_as_fabric_refuses_it() {
        for envelope in [Envelope::of_size(0), Envelope::of_size(0).with_signature_of(72)] {
            let verdict = Host::new().check::<Empty>(&envelope).unwrap();
            let expected = (RefusalStatus::BadRequest, "Message was empty".to_owned());
            assert_eq!((verdict.refusal, verdict.imports), (Some(expected), 0));
        }
    }

    #[test]
    fn one_byte_is_enough() {
        let verdict = Host::new().check::<Empty>(&Envelope::of_size(1)).unwrap();
        assert!(verdict.is_accepted());
    }
}
