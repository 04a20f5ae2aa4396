//! Calls are found in whatever bytes a client may send.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::testing::{self, Host};
use crate::{Channel, Filter, Refusal, Settings};

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push((length % 0x80) as u8 | 0x80);
        length /= 0x80;
    }
    out.push(length as u8);
    [out, content.to_vec()].concat()
}

fn around(numbers: &[u8], content: Vec<u8>) -> Vec<u8> {
    numbers.iter().fold(content, |content, number| field(*number, &content))
}

/// Spec, action, transaction and payload as a client writes them, each with what else stands there.
fn payload(spec: &[u8]) -> Vec<u8> {
    let proposal = around(&[1, 1, 1], spec.to_vec());
    let endorsed = field(2, &field(2, &[9; 700]));
    let action = [field(1, &[8; 900]), field(2, &[proposal, endorsed].concat())].concat();
    [field(1, &[7; 1_000]), field(2, &field(1, &action))].concat()
}

fn spec(name: &[u8], arguments: &[&[u8]]) -> Vec<u8> {
    let arguments: Vec<_> = arguments.iter().map(|argument| field(1, argument)).collect();
    [vec![8, 1], field(2, &field(2, name)), field(3, &arguments.concat())].concat()
}

type Found = Result<(String, Vec<Vec<u8>>), String>;

fn found(payload: &[u8]) -> Found {
    let (chaincode, arguments) = call(payload, Part { start: 0, end: payload.len() as u64 })?;
    let read = |part: &Part| payload[part.start as usize..part.end as usize].to_vec();
    Ok((chaincode, arguments.iter().map(read).collect()))
}

#[test]
fn a_call_is_found_with_its_arguments() {
    let long = vec![b'x'; 5_000];
    let cases: [&[&[u8]]; 4] = [&[], &[b"Create"], &[b"Create", b"", b"\xff"], &[b"Create", &long, b"end"]];
    for arguments in cases {
        let expected = arguments.iter().map(|argument| argument.to_vec()).collect();
        assert_eq!(found(&payload(&spec(b"assets", arguments))), Ok(("assets".to_owned(), expected)));
    }
}

#[test]
fn what_peers_find_invalid_or_nobody_writes_is_refused() {
    let one = spec(b"assets", &[b"Create"]);
    let two_specs = around(&[1, 2, 1, 2], [field(1, &field(1, &one)), field(1, &field(1, &one))].concat());
    let action = field(1, &field(2, &around(&[1, 1, 1], one.clone())));
    for (payload, sentence) in [
        (Vec::new(), "the transaction has no action"),
        (field(2, b""), "the transaction has no action"),
        (field(2, b"hello"), "the message with the transaction's action is broken"),
        (field(2, &[action.clone(), action].concat()), "there is more than 1 of the transaction's action"),
        (two_specs, "there is more than 1 of the proposal's input"),
        (payload(&[one.clone(), field(2, b"")].concat()), "there is more than 1 of the chaincode's id"),
        (
            payload(&field(2, &[field(2, b"a"), field(2, b"b")].concat())),
            "there is more than 1 of the chaincode's name",
        ),
        (payload(&spec(b"", &[])), "the transaction names no chaincode"),
        (payload(b""), "the transaction names no chaincode"),
        (payload(&spec(b"\xff", &[])), "the chaincode's name is none: too long, or not UTF-8"),
        (payload(&spec(&[b'a'; 1_025], &[])), "the chaincode's name is none: too long, or not UTF-8"),
        (payload(&spec(b"a", &[&b""[..]; 1_025])), "there is more than 1024 of the arguments"),
    ] {
        assert_eq!(found(&payload).unwrap_err(), sentence);
    }
}

#[test]
fn any_bytes_and_any_change_are_answered() {
    let whole = payload(&spec(b"assets", &[b"Create", b"asset1"]));
    for length in 0..whole.len() {
        assert!(found(&whole[..length]).is_err(), "{length} bytes");
    }
    // A generator of its own: the same cases on every machine.
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random(4) {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        let _ = found(&bytes);
        let noise: Vec<_> = (0..random(60)).map(|_| random(256) as u8).collect();
        let _ = found(&noise);
        let _ = Header { extension: noise, ..Header::default() }.chaincode();
    }
}

/// Says what it has found.
struct Tells;

impl Filter for Tells {
    fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
        Ok(Self)
    }

    fn check(&self, facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
        let call = envelope.invocation(facts).map_err(Refusal::bad_request)?;
        let header = envelope.header().and_then(|header| header.chaincode()).map_err(Refusal::bad_request)?;
        let arguments: Vec<_> = (0..call.argument_count())
            .map(|index| String::from_utf8(call.argument(index).unwrap()).unwrap())
            .collect();
        assert_eq!((call.argument(9), call.argument_size_bytes(0)), (None, Some(6)));
        let (chaincode, function) = (call.chaincode(), call.function());
        Err(Refusal::forbidden(format!("{header} {chaincode} {function:?} {arguments:?}")))
    }
}

#[test]
fn the_test_kits_envelopes_carry_calls() {
    let envelope = testing::Envelope::invoking("assets", &["Create", "asset1"]);
    let verdict = Host::new().check::<Tells>(&envelope).unwrap();
    assert_eq!(verdict.sentence(), Some(r#"assets assets Some("Create") ["Create", "asset1"]"#));
    // Three windows, two names, two arguments, the header.
    assert!(verdict.imports <= 10, "{}", verdict.imports);
    let message = Host::new().check::<Tells>(&envelope.of_type(Some(0))).unwrap();
    assert_eq!(message.sentence(), Some("an envelope of type 0 calls no chaincode"));
}
