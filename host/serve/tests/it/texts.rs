//! What the envelopes get that are answered before any filter sees them, and who gets the others.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use raddle_proto::{
    common::{ChannelHeader, Header, Payload, Status},
    wire::Envelope,
};
use raddle_serve::server::ServerSettings;
use serde_json::Value;

use crate::{
    client::{connect, send_one},
    doubles::{CHANNEL, TestChannel, envelope_of, serve},
};

const CASES: &str = include_str!("../../../../tests/golden/fabric-2.5/broadcast-cases.json");
const NO_SYSTEM_CHANNEL: &str =
    "channel creation request not allowed because the orderer system channel is not defined";

/// Recorded cases that are for other channels than `mychannel`.
const OTHER_CHANNELS: [&str; 4] = [
    "channel-id-empty",
    "channel-unknown",
    "system-channel-type-config-update",
    "system-channel-type-config",
];

/// What is decided from headers alone; all other cases are for filters.
const FROM_HEADERS: [&str; 6] = [
    "envelope-empty",
    "payload-garbage",
    "channel-header-garbage",
    "channel-header-empty",
    "type-config",
    "type-orderer-transaction",
];

/// A text up to the words of Go's protobuf library.
fn comparable(info: &str) -> &str {
    info.split_once("proto:").map_or(info, |(before, _)| before)
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_cases_are_answered_from_headers_or_reach_their_channel_whole() {
    let channel = TestChannel::open();
    let server = serve(&channel, ServerSettings::default()).await;
    let client = connect(server.address).await;
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    assert_eq!(cases.len(), 37);
    let mut from_headers = 0;
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let bytes = STANDARD.decode(case["envelope"].as_str().unwrap()).unwrap();
        let reached_before = channel.received_count();
        let seen = send_one(&client, bytes.clone()).await;
        if FROM_HEADERS.contains(&name) || OTHER_CHANNELS.contains(&name) {
            let (successes, status, info, trailers) = seen.last();
            assert_eq!(successes, 0, "{name}");
            assert_eq!(channel.received_count(), reached_before, "{name}");
            assert!(trailers.contains_key("raddle-code"), "{name}");
            if FROM_HEADERS.contains(&name) {
                from_headers += 1;
                assert_eq!(
                    Status::try_from(status).unwrap().as_str_name(),
                    case["status"].as_str().unwrap(),
                    "{name}"
                );
                assert_eq!(comparable(&info), comparable(case["info"].as_str().unwrap()), "{name}");
            } else {
                assert_eq!((status, info.as_str()), (400, NO_SYSTEM_CHANNEL), "{name}");
            }
        } else {
            assert_eq!(seen.successes(), 1, "{name}");
            let received = channel.received.lock().unwrap();
            assert_eq!(received.len(), reached_before + 1, "{name}");
            let (received, is_config_update) = received.last().unwrap();
            assert_eq!(received.envelope.marshal(), bytes, "{name}");
            assert!(!is_config_update, "{name}");
        }
    }
    assert_eq!(from_headers, FROM_HEADERS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_decides_who_judges() {
    let channel = TestChannel::open();
    let server = serve(&channel, ServerSettings::default()).await;
    let client = connect(server.address).await;
    for header_type in [i32::MIN, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 99, i32::MAX] {
        let seen = send_one(&client, envelope_of(CHANNEL, header_type, 0, 0)).await;
        if header_type == 1 || header_type == 4 {
            let (_, status, info, trailers) = seen.last();
            assert_eq!(
                (status, info.as_str()),
                (400, "message is of type that cannot be processed directly")
            );
            assert_eq!(trailers.get("raddle-code").unwrap(), "RDL-1103");
        } else {
            assert_eq!(seen.successes(), 1);
            let (received, is_config_update) = channel.received.lock().unwrap().pop().unwrap();
            assert_eq!(received.channel_header.r#type, header_type);
            assert_eq!(is_config_update, header_type == 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_channel_gets_fabrics_text() {
    let server = serve(&TestChannel::open(), ServerSettings::default()).await;
    let client = connect(server.address).await;
    let with_payload = |payload: &[u8]| Envelope::new(payload, b"s").marshal().to_vec();
    let with_header = |header: Header| {
        with_payload(&Payload { header: Some(header), data: b"d".as_slice().into() }.encode_to_vec())
    };
    let with_channel_header =
        |bytes: &'static [u8]| with_header(Header { channel_header: bytes.into(), ..Default::default() });
    let not_set = "could not determine channel ID: header not set";
    let channel_header_not_set = "could not determine channel ID: channel header not set";
    let bad_payload = "could not determine channel ID: error unmarshalling Payload: ";
    let bad_channel_header = "could not determine channel ID: error unmarshalling channel header: \
         error unmarshalling ChannelHeader: ";
    let config_elsewhere = ChannelHeader { r#type: 1, ..Default::default() }.encode_to_vec();
    let cases = [
        (vec![], not_set),
        (with_payload(b""), not_set),
        // Data alone; and a header of a wrong wire type, which Go takes for an empty one.
        (with_payload(&[18, 1, 7]), not_set),
        (with_payload(&[8, 1]), channel_header_not_set),
        (with_payload(&[10, 0]), channel_header_not_set),
        (with_header(Header::default()), channel_header_not_set),
        (with_payload(&[10]), bad_payload),
        (with_payload(b"garbage"), bad_payload),
        (with_channel_header(&[10]), bad_channel_header),
        (with_channel_header(&[34, 1, 0xff]), bad_channel_header),
        // No id; and the channel is looked for before the type is looked at.
        (with_channel_header(&[8, 3]), NO_SYSTEM_CHANNEL),
        (
            with_header(Header { channel_header: config_elsewhere.into(), ..Default::default() }),
            NO_SYSTEM_CHANNEL,
        ),
        (envelope_of("MYCHANNEL", 3, 0, 0), NO_SYSTEM_CHANNEL),
        (envelope_of("mychannel ", 2, 0, 0), NO_SYSTEM_CHANNEL),
        (envelope_of(&"x".repeat(1 << 20), 3, 0, 0), NO_SYSTEM_CHANNEL),
    ];
    for (envelope, text) in cases {
        let (successes, status, info, trailers) = send_one(&client, envelope).await.last();
        assert_eq!((successes, status), (0, 400), "{text}");
        assert_eq!(comparable(&info), text);
        let code = if text == NO_SYSTEM_CHANNEL { "RDL-1102" } else { "RDL-1101" };
        assert_eq!(trailers.get("raddle-code").unwrap(), code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_and_odd_forms_reach_the_channel_as_go_reads_them() {
    let channel = TestChannel::open();
    let server = serve(&channel, ServerSettings::default()).await;
    let client = connect(server.address).await;
    let plain = envelope_of(CHANNEL, 3, 7, 0);
    // Field 3 in front, and payload again as a number: both are unknown fields and go to the end.
    let odd = [&[0x98, 0, 5][..], &plain, &[8, 1]].concat();
    assert_eq!(send_one(&client, odd).await.successes(), 1);
    let (received, _) = channel.received.lock().unwrap().pop().unwrap();
    assert_eq!(received.envelope.marshal(), [&plain[..], &[24, 5, 8, 1]].concat());
    assert_eq!(received.envelope.unknown(), &[24, 5, 8, 1][..]);
    assert_eq!(Arc::strong_count(&channel), 2);
}
