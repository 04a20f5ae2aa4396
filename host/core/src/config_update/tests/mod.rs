//! Updates in, configs or refusals out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod recorded;
mod small;
mod versions;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common;
use raddle_proto::wire::Envelope;

const CHANNEL: &str = "trade";

/// An unsigned CONFIG_UPDATE envelope.
fn envelope_of(update: &common::ConfigUpdate) -> Envelope {
    envelope_with(update.encode_to_vec().into())
}

fn envelope_with(config_update: Bytes) -> Envelope {
    let update = common::ConfigUpdateEnvelope { config_update, signatures: Vec::new() };
    let channel_header =
        common::ChannelHeader { r#type: 2, channel_id: CHANNEL.into(), ..common::ChannelHeader::default() };
    let header = common::Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: Bytes::new(),
    };
    let payload = common::Payload { header: Some(header), data: update.encode_to_vec().into() };
    Envelope::new(&payload.encode_to_vec(), b"")
}
