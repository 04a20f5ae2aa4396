//! The identity that a client signs as.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use bytes::Bytes;
use prost::Message as _;
use raddle_core::ids::ChannelId;
use raddle_proto::common::{self, HeaderType};
use raddle_proto::wire::Envelope;
use raddle_proto::{msp, orderer};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;

use crate::replay::SignerError;

/// Half of P-256's order, big-endian: Fabric refuses a greater `s`.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde,
    0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Signs envelopes as one identity.
pub struct Signer {
    key: EcdsaKeyPair,
    creator: Bytes,
}

impl Signer {
    /// Reads `signcerts` and `keystore` of an MSP folder.
    ///
    /// # Errors
    ///
    /// See [`SignerError`].
    pub fn from_msp_dir(msp_id: &str, folder: &Path) -> Result<Self, SignerError> {
        crate::replay::Signer::from_msp_dir(msp_id, folder)?;
        let first = |folder: std::path::PathBuf| -> Result<Vec<u8>, SignerError> {
            let failed = |error| SignerError::Read { path: folder.clone(), error };
            let entry = fs::read_dir(&folder).map_err(failed)?.next();
            let path = entry.ok_or(SignerError::Library)?.map_err(failed)?.path();
            fs::read(&path).map_err(|error| SignerError::Read { path, error })
        };
        let certificate = first(folder.join("signcerts"))?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(&first(folder.join("keystore"))?)
            .map_err(|_| SignerError::Library)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_pkcs8_der())
            .map_err(|_| SignerError::Library)?;
        let identity = msp::SerializedIdentity { mspid: msp_id.to_owned(), id_bytes: certificate.into() };
        Ok(Self { key, creator: identity.encode_to_vec().into() })
    }

    /// A signed envelope of a channel.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    pub fn envelope(
        &self,
        channel: &ChannelId,
        header_type: HeaderType,
        data: impl Into<Bytes>,
        at: SystemTime,
    ) -> Result<Envelope, SignerError> {
        let mut nonce = vec![0; 24];
        rand::fill(&mut nonce).map_err(|_| SignerError::Library)?;
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &[&nonce, self.creator.as_ref()].concat());
        let tx_id = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut channel_header = common::ChannelHeader {
            r#type: header_type.into(),
            channel_id: channel.0.clone(),
            tx_id,
            ..common::ChannelHeader::default()
        };
        let timestamp = channel_header.timestamp.get_or_insert_default();
        timestamp.seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        timestamp.nanos = since.subsec_nanos().cast_signed();
        let signature_header = common::SignatureHeader { creator: self.creator.clone(), nonce: nonce.into() };
        let payload = common::Payload {
            header: Some(common::Header {
                channel_header: channel_header.encode_to_vec().into(),
                signature_header: signature_header.encode_to_vec().into(),
            }),
            data: data.into(),
        };
        let payload = payload.encode_to_vec();
        Ok(Envelope::new(&payload, &self.sign(&payload)?))
    }

    /// A signed request for blocks.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    pub fn seek(
        &self,
        channel: &ChannelId,
        seek: &orderer::SeekInfo,
        at: SystemTime,
    ) -> Result<Envelope, SignerError> {
        self.envelope(channel, HeaderType::DeliverSeekInfo, seek.encode_to_vec(), at)
    }

    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignerError> {
        for _ in 0..128 {
            let signature = self.key.sign(&SystemRandom::new(), bytes).map_err(|_| SignerError::Library)?;
            let der = signature.as_ref();
            let length = usize::from(der.get(3).copied().unwrap_or_default());
            let s = der.get(6 + length..).unwrap_or_default();
            let s = s.strip_prefix(&[0]).unwrap_or(s);
            if s.len() < 32 || s <= HALF_ORDER.as_slice() {
                return Ok(der.to_vec());
            }
        }
        Err(SignerError::Library)
    }
}
