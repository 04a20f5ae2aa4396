//! Certificates and keys, from PEM.

use std::sync::Arc;

use bytes::Bytes;
use raddle_msp::{Certificate, ParseError};
use rustls::{InconsistentKeys, crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

/// A certificate, those between it and its authority, and its key.
#[derive(Clone, Debug)]
pub struct KeyPair {
    key: Arc<CertifiedKey>,
    chain: Vec<Certificate>,
}

/// Why two texts are no [`KeyPair`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyPairError {
    /// There is no certificate in the text that was to hold some.
    #[error("holds no certificate in PEM")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("certificate {number} of the file cannot be read: {error}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// Why.
        error: ParseError,
    },
    /// There is no key in the text that was to hold one.
    #[error("holds no private key in PEM that has no password")]
    NoKey,
    /// The key is of a kind that TLS cannot use.
    #[error("holds a key that cannot be used: {0}")]
    Key(String),
    /// The key belongs to another certificate.
    #[error("holds another key than that of the certificate")]
    OtherKey,
}

impl KeyPairError {
    /// Whether the fault is in the key's text, not the certificates'.
    #[must_use]
    pub const fn is_of_key(&self) -> bool {
        matches!(self, Self::NoKey | Self::Key(_) | Self::OtherKey)
    }
}

/// Certificates of authorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities(pub(super) Vec<CertificateDer<'static>>);

/// Why a text holds no [`Authorities`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityFault {
    /// There is none.
    #[error("holds no certificate in PEM")]
    None,
    /// One cannot be read.
    #[error("certificate {number} of the file cannot be read: {why}")]
    Unreadable {
        /// Which, from 1.
        number: usize,
        /// Why.
        why: String,
    },
    /// One is nobody's authority.
    #[error("holds no authority: certificate {number}, {subject}, may not sign others")]
    NotAuthority {
        /// Which, from 1.
        number: usize,
        /// Whom it is about.
        subject: String,
    },
}

// === impl KeyPair ===

impl KeyPair {
    /// All certificates of one text, the listener's own first, and the first key of another. A key in PKCS #8, SEC 1 or
    /// PKCS #1, of ECDSA, Ed25519 or RSA. When a certificate is valid is not looked at.
    ///
    /// # Errors
    ///
    /// See [`KeyPairError`].
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, KeyPairError> {
        let ders = ders(certificates).ok_or(KeyPairError::NoCertificate)?;
        let mut chain = Vec::new();
        for (number, der) in (1..).zip(&ders) {
            chain.push(parse(der).map_err(|error| KeyPairError::Certificate { number, error })?);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| KeyPairError::NoKey)?;
        let key = CertifiedKey::from_der(ders, key, &aws_lc_rs::default_provider());
        match key {
            Ok(key) => Ok(Self { key: Arc::new(key), chain }),
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(KeyPairError::OtherKey)
            }
            Err(error) => Err(KeyPairError::Key(error.to_string())),
        }
    }

    /// The certificates, the listener's own first; at least that one.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// What rustls presents.
    #[must_use]
    pub fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    /// Whether both present the same certificates.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }
}

// === impl Authorities ===

impl Authorities {
    /// All certificates of a text.
    ///
    /// # Errors
    ///
    /// The first fault; see [`AuthorityFault`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, AuthorityFault> {
        let ders = ders(pem).ok_or(AuthorityFault::None)?;
        for (number, der) in (1..).zip(&ders) {
            let parsed =
                parse(der).map_err(|error| AuthorityFault::Unreadable { number, why: error.to_string() })?;
            // What rustls cannot use as an authority must not be found out when a client comes.
            rustls::RootCertStore::empty()
                .add(der.clone())
                .map_err(|error| AuthorityFault::Unreadable { number, why: error.to_string() })?;
            if !parsed.is_ca() {
                return Err(AuthorityFault::NotAuthority { number, subject: parsed.subject().to_string() });
            }
        }
        Ok(Self(ders))
    }

    /// As many as can be read of a text, however few.
    #[must_use]
    pub fn readable(pem: &[u8]) -> Self {
        Self(CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect())
    }

    /// Those of the other behind these.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The certificates, read.
    pub fn certificates(&self) -> impl Iterator<Item = Certificate> {
        self.0.iter().filter_map(|der| parse(der).ok())
    }

    /// The certificates' bytes, DER.
    pub fn ders(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.0.iter()
    }
}

pub(super) fn parse(der: &CertificateDer<'_>) -> Result<Certificate, ParseError> {
    Certificate::parse(Bytes::copy_from_slice(der))
}

/// All blocks that hold certificates; none if there is none, or one that is broken.
fn ders(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let ders: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    (!ders.is_empty()).then_some(ders)
}
