//! Timestamps as JSON has them: `2026-10-02T12:00:00.123Z`.

use prost::Message as _;
use raddle_proto::common::ChannelHeader;
use raddle_proto::wire::go_decode;
use serde_json::Value;

/// Field 3 of a channel header: a timestamp.
const TAG: u8 = 3 << 3 | 2;

/// A marshalled timestamp as text. None if it is none, or is out of the years that JSON has.
pub(super) fn show(bytes: &[u8]) -> Option<Value> {
    let length = u8::try_from(bytes.len()).ok().filter(|length| *length < 0x80)?;
    let header = [&[TAG, length], bytes].concat();
    let header: ChannelHeader = go_decode(header.into()).ok()?;
    let timestamp = header.timestamp.filter(|it| (0..1_000_000_000).contains(&it.nanos))?;
    Some(timestamp.to_string().into())
}

/// The marshalled timestamp that a text says.
pub(super) fn read(text: &str) -> Option<Vec<u8>> {
    let header = ChannelHeader { timestamp: Some(text.parse().ok()?), ..ChannelHeader::default() };
    header.timestamp.map(|timestamp| timestamp.encode_to_vec())
}
