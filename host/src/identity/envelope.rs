//! Envelopes that are signed as Fabric's clients sign them.

use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use prost::Message as _;
use raddle_core::ids::ChannelId;
use raddle_proto::common::HeaderType;
use raddle_proto::hash::hex;
use raddle_proto::wire::Envelope;
use raddle_proto::{common, orderer};

use super::{Signer, SignerError};

impl Signer {
    /// A signed envelope: `data` under a channel header of this type, made `at` that time.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    ///
    /// Source: fabric v2.5.16 `protoutil/txutils.go` `CreateSignedEnvelope`.
    ///
    /// Differs: Fabric gives a tx id to what goes to endorsers. Here every envelope has one, so that it can be named.
    pub fn envelope(
        &self,
        channel: &ChannelId,
        header_type: HeaderType,
        data: impl Into<Bytes>,
        at: SystemTime,
    ) -> Result<Envelope, SignerError> {
        self.envelope_of(channel, header_type, (data.into(), Bytes::new()), at)
    }

    fn envelope_of(
        &self,
        channel: &ChannelId,
        header_type: HeaderType,
        (data, tls_cert_hash): (Bytes, Bytes),
        at: SystemTime,
    ) -> Result<Envelope, SignerError> {
        let signature_header = self.signature_header()?;
        let channel_header = common::ChannelHeader {
            r#type: header_type.into(),
            timestamp: Some(at.into()),
            channel_id: channel.0.clone(),
            tx_id: tx_id(&signature_header),
            tls_cert_hash,
            ..common::ChannelHeader::default()
        };
        let header = common::Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        let payload = common::Payload { header: Some(header), data }.encode_to_vec();
        let signature = self.sign(&payload)?;
        Ok(Envelope::new(&payload, &signature))
    }

    /// A signed request for blocks.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    ///
    /// Source: fabric v2.5.16 `internal/pkg/peer/blocksprovider/blocksprovider.go` `createSeekInfo`.
    pub fn seek(
        &self,
        channel: &ChannelId,
        seek: &orderer::SeekInfo,
        at: SystemTime,
    ) -> Result<Envelope, SignerError> {
        self.bound_seek(channel, seek, at, None)
    }

    /// The same, bound to the certificate that the connection is made with: SHA-256 of it. Orderers that require
    /// certificates refuse a request that is bound to another.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    pub fn bound_seek(
        &self,
        channel: &ChannelId,
        seek: &orderer::SeekInfo,
        at: SystemTime,
        certificate_hash: Option<[u8; 32]>,
    ) -> Result<Envelope, SignerError> {
        let hash = certificate_hash.map(|hash| Bytes::copy_from_slice(&hash)).unwrap_or_default();
        let data = (seek.encode_to_vec().into(), hash);
        self.envelope_of(channel, HeaderType::DeliverSeekInfo, data, at)
    }
}

/// What names an envelope: lower-case hex of SHA-256 over nonce and creator.
///
/// Source: fabric v2.5.16 `protoutil/proputils.go` `ComputeTxID`.
pub(crate) fn tx_id(header: &common::SignatureHeader) -> String {
    let hash = digest(&SHA256, &[header.nonce.as_ref(), header.creator.as_ref()].concat());
    hex(hash.as_ref())
}
