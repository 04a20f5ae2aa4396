//! What an orderer signs when it orders a config, or the creation of a channel.

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common;

use crate::ids::ChannelId;

/// The payload of an envelope of the orderer's own, which it is to sign: a marshalled `Payload`.
///
/// `data` are a marshalled `ConfigEnvelope` for a CONFIG, a marshalled CONFIG envelope for an ORDERER_TRANSACTION.
/// `made_at_seconds` is in seconds since 1970; Fabric gives no finer time. `creator` is the orderer's marshalled
/// `SerializedIdentity`, `nonce` 24 random bytes. There is no transaction id.
///
/// Source: fabric v2.5.16 `protoutil/txutils.go` `CreateSignedEnvelope`.
#[must_use]
pub fn payload_to_sign(
    channel: &ChannelId,
    header_type: common::HeaderType,
    data: Bytes,
    made_at_seconds: i64,
    creator: Bytes,
    nonce: Bytes,
) -> Bytes {
    let mut channel_header = common::ChannelHeader {
        r#type: header_type.into(),
        channel_id: channel.0.clone(),
        ..common::ChannelHeader::default()
    };
    channel_header.timestamp.get_or_insert_default().seconds = made_at_seconds;
    let signature_header = common::SignatureHeader { creator, nonce };
    let header = common::Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    let payload = common::Payload { header: Some(header), data };
    payload.encode_to_vec().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_fabrics() {
        let (creator, nonce) = (Bytes::from_static(b"orderer"), Bytes::from_static(&[7; 24]));
        let (channel, data) = (ChannelId("trade".into()), Bytes::from_static(b"data"));
        let config = common::HeaderType::Config;
        let payload = payload_to_sign(&channel, config, data, 1_700_000_000, creator, nonce);
        let payload = common::Payload::decode(payload).unwrap();
        let header = payload.header.unwrap();
        let channel_header = common::ChannelHeader::decode(header.channel_header).unwrap();
        assert_eq!((channel_header.r#type, channel_header.version, channel_header.epoch), (1, 0, 0));
        assert_eq!((channel_header.channel_id.as_str(), channel_header.tx_id.as_str()), ("trade", ""));
        let timestamp = channel_header.timestamp.unwrap();
        assert_eq!((timestamp.seconds, timestamp.nanos), (1_700_000_000, 0));
        let signature_header = common::SignatureHeader::decode(header.signature_header).unwrap();
        assert_eq!((&signature_header.creator[..], signature_header.nonce.len()), (&b"orderer"[..], 24));
        assert_eq!(payload.data, "data");
    }
}
