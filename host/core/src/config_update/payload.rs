//! What an orderer signs when it orders a config.

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common;

use crate::ids::ChannelId;

/// The payload of a CONFIG envelope, to be signed by the orderer: a marshalled `Payload`.
///
/// `made_at_seconds` is in seconds since 1970; Fabric gives no finer time. `creator` is the orderer's marshalled
/// `SerializedIdentity`, `nonce` 24 random bytes. There is no transaction id.
///
/// Source: fabric v2.5.16 `protoutil/txutils.go` `CreateSignedEnvelope`.
#[must_use]
pub fn config_payload(
    channel: &ChannelId,
    envelope: &common::ConfigEnvelope,
    made_at_seconds: i64,
    creator: Bytes,
    nonce: Bytes,
) -> Bytes {
    let mut channel_header = common::ChannelHeader {
        r#type: common::HeaderType::Config as i32,
        channel_id: channel.0.clone(),
        ..common::ChannelHeader::default()
    };
    channel_header.timestamp.get_or_insert_default().seconds = made_at_seconds;
    let signature_header = common::SignatureHeader { creator, nonce };
    let header = common::Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    let payload = common::Payload { header: Some(header), data: envelope.encode_to_vec().into() };
    payload.encode_to_vec().into()
}
