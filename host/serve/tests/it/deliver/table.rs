//! Every check that Fabric makes, in its order: what a request gets, and what becomes of its stream.

use std::time::Duration;

use raddle_proto::common::Envelope;
use raddle_serve::{channels::Condition, deliver::SEEK_BYTES_MAX, server::ServerSettings};
use serde_json::{Value, json};

use super::reader::{Parts, Reader, request};
use crate::{
    blocks::{Readers, TestBlocks, TestClock, now, serve_blocks},
    client::connect,
    doubles::failure,
};

/// The time window in nanoseconds.
const WINDOW: i64 = 15 * 60 * 1_000_000_000;

/// What is the matter with a channel of ten blocks and with its reader.
type Arrange = fn(&TestBlocks);

fn fine(_: &TestBlocks) {}

fn failed(channel: &TestBlocks) {
    channel.set(Condition::Failed(failure()));
}

fn closed(channel: &TestBlocks) {
    channel.set(Condition::Closed);
}

fn expired(channel: &TestBlocks) {
    *channel.ends.lock().unwrap() = Some(now() - Duration::from_nanos(1));
}

fn denied(channel: &TestBlocks) {
    *channel.readers.lock().unwrap() = Readers::NoneFrom(0);
}

fn expired_and_denied(channel: &TestBlocks) {
    expired(channel);
    denied(channel);
}

fn failed_and_denied(channel: &TestBlocks) {
    failed(channel);
    denied(channel);
}

/// Blocks, status, and the code of the last.
type Expected = (&'static [u64], i32, u16);

async fn check(rows: Vec<(&str, Arrange, Envelope, Expected)>) {
    for (name, arrange, envelope, (blocks, status, code)) in rows {
        let channel = TestBlocks::new(10, 10);
        arrange(&channel);
        let server = serve_blocks(&channel, &TestClock::new(), ServerSettings::default()).await;
        let mut reader = Reader::open(&connect(server.address).await).await;
        reader.ask(envelope);
        let seen = reader.until_status().await;
        assert_eq!((&seen.0[..], seen.1), (blocks, status), "{name}");
        if status == 200 {
            // The stream goes on, and ends when its client has no more to ask.
            reader.ask(request("newest..newest best"));
            assert_eq!(reader.until_status().await, (vec![9], 200), "{name}");
            reader.requests = None;
            assert_eq!(reader.end().await.0, None, "{name}");
        } else {
            let (seen, reason) = reader.end().await;
            assert_eq!(seen, Some(format!("RDL-{code}")), "{name}");
            assert!(reason["text"].as_str().is_some_and(|text| text.len() > 10), "{name}: {reason}");
        }
    }
}

fn with(change: impl FnOnce(&mut Parts)) -> Envelope {
    let mut parts = Parts::of("oldest..newest");
    change(&mut parts);
    parts.envelope()
}

fn payload(bytes: &'static [u8]) -> Envelope {
    Envelope { payload: bytes.into(), signature: b"s".as_slice().into() }
}

const GOOD: Expected = (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 200, 0);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_request_itself() {
    let mut whole = with(|_| {});
    whole.signature = vec![0; SEEK_BYTES_MAX].into();
    // Payload and signature with tags, and the length of the longer one takes three bytes.
    let overhead = with(|_| {}).payload.len() + 3 + 4;
    let mut fits = with(|_| {});
    fits.signature = vec![0; SEEK_BYTES_MAX - overhead].into();
    check(vec![
        ("nothing", fine, Envelope::default(), (&[], 400, 1101)),
        ("payload garbage", fine, payload(b"garbage"), (&[], 400, 1101)),
        ("no header", fine, payload(&[18, 1, 7]), (&[], 400, 1101)),
        ("no channel header", fine, payload(&[10, 0]), (&[], 400, 1101)),
        ("channel header garbage", fine, payload(&[10, 3, 10, 1, 10]), (&[], 400, 1101)),
        ("signature header garbage", fine, with(|parts| parts.signature_header = vec![10]), (&[], 400, 1101)),
        ("no signature header", fine, with(|parts| parts.signature_header.clear()), GOOD),
        ("too long", fine, whole, (&[], 400, 1203)),
        ("as long as may be", fine, fits, GOOD),
        ("no timestamp", fine, with(|parts| parts.time = None), (&[], 400, 1201)),
        ("at the window's beginning", fine, with(|parts| parts.time = Some(-WINDOW)), GOOD),
        ("at the window's end", fine, with(|parts| parts.time = Some(WINDOW)), GOOD),
        ("before the window", fine, with(|parts| parts.time = Some(-WINDOW - 1)), (&[], 400, 1202)),
        ("behind the window", fine, with(|parts| parts.time = Some(WINDOW + 1)), (&[], 400, 1202)),
        ("another channel", fine, with(|parts| parts.channel_id = "other"), (&[], 404, 1102)),
        ("a channel without id", fine, with(|parts| parts.channel_id = ""), (&[], 404, 1102)),
        ("no seek", fine, with(|parts| parts.data = b"garbage".to_vec()), (&[], 400, 1204)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_channel_or_the_reader() {
    let all = || request("oldest..newest");
    let best = || request("oldest..newest best");
    check(vec![
        ("nothing is", fine, all(), GOOD),
        ("failed", failed, all(), (&[], 503, 4321)),
        ("failed, best effort", failed, best(), GOOD),
        ("closed", closed, all(), (&[], 503, 4201)),
        ("closed, best effort", closed, best(), (&[], 503, 4201)),
        ("expired", expired, all(), (&[], 403, 1210)),
        ("expires this moment", |channel| *channel.ends.lock().unwrap() = Some(now()), all(), GOOD),
        ("an outsider", denied, all(), (&[], 403, 1211)),
        ("an outsider, best effort", denied, best(), (&[], 403, 1211)),
        (
            "nobody knows",
            |channel| *channel.readers.lock().unwrap() = Readers::Unknown,
            all(),
            (&[], 503, 4321),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_seek() {
    let row = |text: &'static str, expected: Expected| (text, fine as Arrange, request(text), expected);
    check(vec![
        row("-..newest", (&[], 400, 1205)),
        row("newest..-", (&[], 400, 1205)),
        row("-..-", (&[], 400, 1205)),
        row("nothing..newest", (&[], 404, 1208)),
        row("nothing..nothing fail", (&[], 404, 1208)),
        row("5..4", (&[], 400, 1206)),
        row("newest..8 fail", (&[], 400, 1206)),
        row("next..9", (&[], 400, 1206)),
        row("11..11", (&[], 404, 1207)),
        row("11..0", (&[], 404, 1207)),
        row("max..max", (&[], 404, 1207)),
        row("11..11 fail", (&[], 404, 1207)),
        row("10..10 fail", (&[], 404, 1209)),
        row("next..max fail", (&[], 404, 1209)),
        row("8..12 fail", (&[8, 9], 404, 1209)),
        row("8..max fail best", (&[8, 9], 404, 1209)),
        // Stops that lie before the start are never met.
        row("8..nothing fail", (&[8, 9], 404, 1209)),
        row("8..next fail", (&[8, 9], 404, 1209)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_seek_stops() {
    let row = |text: &'static str, blocks: &'static [u64]| {
        let expected: Expected = (blocks, 200, 0);
        (text, fine as Arrange, request(text), expected)
    };
    check(vec![
        row("oldest..oldest", &[0]),
        row("oldest..nothing", &[0]),
        row("oldest..next", &[0]),
        row("newest..newest", &[9]),
        row("newest..oldest", &[9]),
        row("newest..newest fail", &[9]),
        row("3..oldest", &[3]),
        row("3..3", &[3]),
        row("3..5 fail best", &[3, 4, 5]),
        row("7..newest", &[7, 8, 9]),
        row("0..0", &[0]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_fault_decides() {
    let reversed = || request("5..4");
    let with_garbage = |change: fn(&mut Parts)| {
        with(|parts| {
            parts.data = b"garbage".to_vec();
            change(parts);
        })
    };
    check(vec![
        (
            "time, then channel",
            fine,
            with_garbage(|parts| (parts.time, parts.channel_id) = (Some(WINDOW + 1), "other")),
            (&[], 400, 1202),
        ),
        ("channel, then seek", denied, with_garbage(|parts| parts.channel_id = "other"), (&[], 404, 1102)),
        ("seek, then condition", failed, with_garbage(|_| {}), (&[], 400, 1204)),
        ("condition, then reader", failed_and_denied, reversed(), (&[], 503, 4321)),
        ("expiration, then policy", expired_and_denied, reversed(), (&[], 403, 1210)),
        ("policy, then range", denied, request("-..-"), (&[], 403, 1211)),
        ("policy, then place", denied, reversed(), (&[], 403, 1211)),
        ("missing, then beyond", fine, request("11..-"), (&[], 400, 1205)),
        ("beyond, then reversed", fine, request("11..3"), (&[], 404, 1207)),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_names_amounts_and_limits() {
    let late = with(|parts| parts.time = Some(-WINDOW * 2));
    let cases: Vec<(&str, Arrange, Envelope, Value)> = vec![
        (
            "the seek starts at block 12, and the next block is 10",
            fine,
            request("12..13"),
            json!({ "start": 12, "height": 10 }),
        ),
        (
            "the seek stops at block 4, before block 5 where it starts",
            fine,
            request("5..4"),
            json!({ "start": 5, "stop": 4 }),
        ),
        (
            "block 10 is not there yet, and the seek is not to wait; the next block is 10",
            fine,
            request("next..max fail"),
            json!({ "block": 10, "height": 10 }),
        ),
        (
            "the request's timestamp is 1800 s behind this orderer's time, and at most 900 s are allowed",
            fine,
            late,
            json!({ "ahead_seconds": -1800.0, "window_seconds": 900.0 }),
        ),
        (
            "signature set did not satisfy policy: permission denied",
            denied,
            request("0..0"),
            json!({ "proof": { "needed": 1 } }),
        ),
        ("cannot enqueue", failed, request("0..0"), json!({})),
        ("the seek has no start and no stop", fine, request("-..-"), json!({ "missing": ["start", "stop"] })),
    ];
    for (text, arrange, envelope, mut expected) in cases {
        let channel = TestBlocks::new(10, 10);
        arrange(&channel);
        let server = serve_blocks(&channel, &TestClock::new(), ServerSettings::default()).await;
        let mut reader = Reader::open(&connect(server.address).await).await;
        reader.ask(envelope);
        reader.until_status().await;
        expected["text"] = text.into();
        assert_eq!(reader.end().await.1, expected);
    }
}
