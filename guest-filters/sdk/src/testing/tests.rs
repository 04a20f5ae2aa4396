//! The kit follows the rules of an orderer.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::log;

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
