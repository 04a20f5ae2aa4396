//! A certificate and its key.

use std::fmt;

use aws_lc_rs::rand;
use bytes::Bytes;
use prost::Message as _;
use raddle_core::block::UnsignedBlock;
use raddle_msp::Certificate;
use raddle_proto::{common, msp};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::key::point_of;
use super::{CertificateError, PemError, PrivateKey, SignerError, pem};

/// Bytes of a signature header's nonce.
///
/// Source: fabric v2.5.16 `protoutil/commonutils.go` `CreateNonce`.
pub const NONCE_BYTES: usize = 24;

/// Signs as one identity.
pub struct Signer {
    key: PrivateKey,
    certificate: Certificate,
    /// Marshalled `msp.SerializedIdentity`.
    creator: Bytes,
}

// === impl Signer ===

impl Signer {
    /// An identity from the first certificate and the first key in two texts.
    ///
    /// # Errors
    ///
    /// [`PemError`].
    pub fn from_pem(certificate: &[u8], key: &[u8], msp_id: &str) -> Result<Self, PemError> {
        let certificate = read_certificate(certificate)?;
        let key = PrivateKey::from_pem(key)?;
        if !key.belongs_to(certificate.raw_key_info()) {
            return Err(PemError::OtherKey);
        }
        Ok(Self::new(&certificate, key, msp_id))
    }

    /// The creator has the certificate alone, as Fabric's signers write it: peers refuse an identity with bytes
    /// around its one block.
    ///
    /// Source: fabric v2.5.16 `msp/identities.go` `Serialize`, `msp/mspimpl.go` `IsWellFormed`.
    ///
    /// Differs: Fabric's signers bring a certificate's own signature into the form with the lower `s`; verifiers take
    /// either.
    pub(super) fn new(certificate: &Certificate, key: PrivateKey, msp_id: &str) -> Self {
        let id_bytes = pem::encode(pem::CERTIFICATE, certificate.der()).into();
        let identity = msp::SerializedIdentity { mspid: msp_id.to_owned(), id_bytes };
        Self { key, certificate: certificate.clone(), creator: identity.encode_to_vec().into() }
    }

    /// Who signs: a marshalled `msp.SerializedIdentity`, as headers carry it.
    #[must_use]
    pub fn creator(&self) -> &Bytes {
        &self.creator
    }

    /// The certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Signs bytes: ECDSA over SHA-256, DER, low `s`.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    pub fn sign(&self, bytes: &[u8]) -> Result<Bytes, SignerError> {
        self.key.sign(bytes).map(Into::into)
    }

    /// A header that names this identity, with a nonce that was never used.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    pub fn signature_header(&self) -> Result<common::SignatureHeader, SignerError> {
        Ok(common::SignatureHeader { creator: self.creator.clone(), nonce: fresh_nonce()? })
    }

    /// Signs a block as Fabric's orderers do.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/blockwriter.go` `addBlockSignature`.
    pub fn sign_block(&self, block: &UnsignedBlock) -> Result<common::MetadataSignature, SignerError> {
        let signature_header: Bytes = self.signature_header()?.encode_to_vec().into();
        let signature = self.sign(&block.signed_bytes(&signature_header))?;
        Ok(common::MetadataSignature { signature_header, signature })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("creator", &self.creator).finish_non_exhaustive()
    }
}

/// Random bytes for a signature header.
///
/// # Errors
///
/// [`SignerError::Library`].
pub(crate) fn fresh_nonce() -> Result<Bytes, SignerError> {
    let mut nonce = vec![0; NONCE_BYTES];
    rand::fill(&mut nonce).map_err(|_| SignerError::Library)?;
    Ok(nonce.into())
}

/// The first certificate in a text, if its key is one to sign with.
pub(super) fn read_certificate(pem: &[u8]) -> Result<Certificate, CertificateError> {
    let der = CertificateDer::from_pem_slice(pem)
        .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
    let certificate = Certificate::parse(Bytes::copy_from_slice(&der))
        .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
    match point_of(certificate.raw_key_info()) {
        Some(_) => Ok(certificate),
        None => Err(CertificateError::NotP256),
    }
}
