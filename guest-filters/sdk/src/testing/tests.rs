//! The kit follows the rules of an orderer.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::{Facts, PolicyFailure, Refusal, log};

/// Takes everything, and logs each call with what it was shown.
struct Recorder {
    calls: u32,
}

impl Recorder {
    fn log(&mut self, call: &str, envelope: &EnvelopeInfo, pending: Pending) {
        self.calls += 1;
        let (number, creator) = (self.calls, envelope.creator.number());
        log::debug(&format!(
            "{number} {call} {} by {creator} to {}/{}",
            envelope.size_bytes, pending.count, pending.size_bytes
        ));
    }
}

impl BatchPolicy for Recorder {
    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self { calls: 0 })
    }

    fn fits(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        self.log("fits", envelope, pending);
        true
    }

    fn add(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        self.log("add", envelope, pending);
        false
    }
}

fn host(max_message_count: u32, absolute_max_bytes: u32) -> Host {
    let preferred_max_bytes = absolute_max_bytes;
    Host::new().with_batch_size(BatchSize { max_message_count, absolute_max_bytes, preferred_max_bytes })
}

#[test]
fn a_policy_is_called_in_the_orderers_order_and_made_anew_for_each_batch() {
    let (alice, bob) = (Envelope::of_size(40), Envelope::of_size(50).by("Org2MSP", "bob"));
    let cuts = host(3, 100).cut::<Recorder>(&[alice, bob, bob, alice]).unwrap();
    let lines: Vec<_> = cuts.log.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "1 add 40 by 0 to 0/0",
            "2 fits 50 by 1 to 1/40",
            "3 add 50 by 1 to 1/40",
            // 90 and 50 are beyond 100: a new batch, without being asked.
            "1 add 50 by 0 to 0/0",
            "2 fits 40 by 1 to 1/50",
            "3 add 40 by 1 to 1/50",
        ]
    );
    assert_eq!(cuts.batches, [Batch { count: 2, size_bytes: 90, cut_by: CutBy::AbsoluteMaxBytes }]);
    assert_eq!(cuts.pending, Pending { count: 2, size_bytes: 90 });
}

#[test]
fn a_lone_envelope_is_taken_whatever_its_size() {
    let cuts = host(1, 100).cut::<Recorder>([Envelope::of_size(u64::MAX)]).unwrap();
    assert_eq!(cuts.batches, [Batch { count: 1, size_bytes: u64::MAX, cut_by: CutBy::MaxMessageCount }]);
}

#[test]
fn a_cut_from_outside_with_nothing_pending_makes_no_batch() {
    let cuts = host(9, 100).cut::<Recorder>([Step::Cut, Step::Cut]).unwrap();
    assert_eq!(cuts, Cuts::default());
}

#[test]
fn a_creators_identity_is_a_marshalled_serialized_identity() {
    let long = "x".repeat(200).leak();
    let identity = Envelope::of_size(1).by("Org1MSP", long).creator().identity;
    let expected = [b"\x0a\x07Org1MSP\x12\xc8\x01", long.as_bytes()].concat();
    assert_eq!(identity, expected);
    assert_eq!(Envelope::of_size(1).by_nobody().creator().identity, b"");
}

/// Asks for as many policies as a setting says, and refuses with a policy's text.
struct Asker {
    policies: u32,
}

impl Filter for Asker {
    fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self { policies: settings.required("policies")? })
    }

    fn check(&self, facts: &Facts, envelope: &crate::Envelope) -> Result<(), Refusal> {
        for policy in 0..self.policies {
            let _ = envelope.satisfies(&policy.to_string());
            let _ = envelope.satisfies(&policy.to_string());
        }
        if facts.payload_size_bytes == 0 { Ok(()) } else { Err(PolicyFailure::Missing.into()) }
    }
}

#[test]
fn what_an_orderer_takes_for_a_fault_is_an_error() {
    let ask = |policies: &str, size_bytes| {
        Host::new().with_setting("policies", policies).check::<Asker>(&Envelope::of_size(size_bytes))
    };
    assert!(ask("8", 0).unwrap().is_accepted());
    assert_eq!(ask("8", 1).unwrap().sentence(), Some("could not find policy 7"));
    assert_eq!(ask("9", 0).unwrap_err(), "9 policies were asked for, 8 an envelope are allowed");
    assert_eq!(ask("0", 1).unwrap_err(), "the refusal rests on a policy, and none was asked that failed");
    assert_eq!(Host::new().check::<Asker>(&Envelope::of_size(0)).unwrap_err(), {
        "setting `policies` is missing: expected a whole number from 0 to 4294967295"
    });
}

/// Logs what it reads of the payload, piece by piece.
struct Reader;

impl Filter for Reader {
    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self)
    }

    fn check(&self, facts: &Facts, envelope: &crate::Envelope) -> Result<(), Refusal> {
        for offset in (0..=facts.payload_size_bytes).step_by(3) {
            log::debug(&format!("{:?}", envelope.read_payload(offset, 3)));
        }
        Ok(())
    }
}

#[test]
fn a_payload_is_read_to_its_end_and_no_further() {
    for (envelope, expected) in [
        (Envelope::of_size(0), &["[]"][..]),
        (Envelope::of_size(3), &["[0, 0, 0]", "[]"]),
        (Envelope::of_size(9).with_payload(b"\x01\x02\x03\x04"), &["[1, 2, 3]", "[4]"]),
    ] {
        let verdict = Host::new().check::<Reader>(&envelope).unwrap();
        let lines: Vec<_> = verdict.log.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(lines, expected);
        assert_eq!(verdict.imports, 2 * expected.len() as u64);
    }
    let beyond = Envelope::of_size(4).view(BTreeMap::new()).read_payload(u64::MAX, u32::MAX);
    assert_eq!(beyond, []);
}
