//! Signatures over certificates and revocation lists.

use std::fmt;

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::der::{Reader, tag};
use super::key::{Curve, PublicKey};

/// A signature algorithm that Go knows, or [`SignatureAlgorithm::Unknown`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs)]
pub enum SignatureAlgorithm {
    Unknown,
    Rsa(Digest),
    RsaPss(Digest),
    Dsa(Digest),
    Ecdsa(Digest),
    Ed25519,
}

/// The hash of a signature algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs)]
pub enum Digest {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// Why a signature by a certificate's key does not hold. The texts are Go's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The algorithm, or the signer's key, is none that Go verifies with.
    #[error("x509: cannot verify signature: algorithm unimplemented")]
    Unsupported,
    /// MD5, or SHA-1 over a certificate.
    #[error("x509: cannot verify signature: insecure algorithm {0}")]
    Insecure(SignatureAlgorithm),
    /// The signer's key is of another kind than the algorithm wants.
    #[error(
        "x509: signature algorithm specifies an {wanted} public key, but have public key of type {found}"
    )]
    KeyMismatch {
        /// The kind of key that the algorithm wants.
        wanted: &'static str,
        /// The Go type of the key.
        found: &'static str,
    },
    /// The signer is no certificate authority or may not sign certificates.
    #[error("x509: invalid signature: parent certificate cannot sign this kind of certificate")]
    SignerMayNotSign,
    /// The mathematics fail under an ECDSA key.
    #[error("x509: ECDSA verification failure")]
    Ecdsa,
    /// The mathematics fail under an RSA key.
    #[error("crypto/rsa: verification error")]
    Rsa,
    /// An RSA key of fewer than 1024 bits.
    #[error("crypto/rsa: {0}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)")]
    RsaKeySize(usize),
    /// The mathematics fail under an Ed25519 key.
    #[error("x509: Ed25519 verification failure")]
    Ed25519,
}

/// What a signature is over, which decides whether SHA-1 will do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signed {
    Certificate,
    RevocationList,
}

// === impl SignatureAlgorithm ===

impl SignatureAlgorithm {
    /// From an algorithm identifier's object identifier and its parameters' whole element, empty if absent.
    ///
    /// Source: Go 1.26 `crypto/x509/x509.go` `getSignatureAlgorithmFromAI`.
    pub(crate) fn new(oid: &[u8], parameters: &[u8]) -> Self {
        match oid {
            // 1.2.840.113549.1.1.*
            [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last] => match last {
                4 => Self::Rsa(Digest::Md5),
                5 => Self::Rsa(Digest::Sha1),
                10 => pss(parameters).map_or(Self::Unknown, Self::RsaPss),
                11 => Self::Rsa(Digest::Sha256),
                12 => Self::Rsa(Digest::Sha384),
                13 => Self::Rsa(Digest::Sha512),
                _ => Self::Unknown,
            },
            // 1.3.14.3.2.29
            [0x2b, 0x0e, 3, 2, 0x1d] => Self::Rsa(Digest::Sha1),
            // 1.2.840.10040.4.3
            [0x2a, 0x86, 0x48, 0xce, 0x38, 4, 3] => Self::Dsa(Digest::Sha1),
            // 2.16.840.1.101.3.4.3.2
            [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2] => Self::Dsa(Digest::Sha256),
            // 1.2.840.10045.4.1
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1] => Self::Ecdsa(Digest::Sha1),
            // 1.2.840.10045.4.3.*
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2] => Self::Ecdsa(Digest::Sha256),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => Self::Ecdsa(Digest::Sha384),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => Self::Ecdsa(Digest::Sha512),
            // 1.3.101.112
            [0x2b, 0x65, 0x70] if parameters.is_empty() => Self::Ed25519,
            _ => Self::Unknown,
        }
    }

    /// Reads the content of an algorithm identifier. `None` is malformed, and says at which part.
    pub(crate) fn read(mut content: Reader<'_>) -> Result<Self, &'static str> {
        let oid = content.oid().ok_or("OID")?;
        let parameters = if content.is_empty() { &[] } else { content.any().ok_or("parameters")?.whole };
        Ok(Self::new(oid.as_bytes(), parameters))
    }

    pub(crate) const fn is_ecdsa(self) -> bool {
        matches!(self, Self::Ecdsa(_))
    }

    const fn digest(self) -> Option<Digest> {
        match self {
            Self::Rsa(digest) | Self::RsaPss(digest) | Self::Dsa(digest) | Self::Ecdsa(digest) => {
                Some(digest)
            }
            Self::Unknown | Self::Ed25519 => None,
        }
    }

    const fn key_kind(self) -> &'static str {
        match self {
            Self::Rsa(_) | Self::RsaPss(_) => "RSA",
            Self::Dsa(_) => "DSA",
            Self::Ecdsa(_) => "ECDSA",
            Self::Ed25519 => "Ed25519",
            Self::Unknown => "0",
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("0"),
            Self::Rsa(digest) => write!(formatter, "{digest}-RSA"),
            Self::RsaPss(digest) => write!(formatter, "{digest}-RSAPSS"),
            Self::Dsa(digest) => write!(formatter, "DSA-{digest}"),
            Self::Ecdsa(digest) => write!(formatter, "ECDSA-{digest}"),
            Self::Ed25519 => formatter.write_str("Ed25519"),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        })
    }
}

/// The hash of RSA-PSS parameters that fit one of Go's three: the same hash for the mask, a salt of its length, and
/// the usual trailer.
fn pss(parameters: &[u8]) -> Option<Digest> {
    let mut fields = Reader::new(parameters).enter(tag::SEQUENCE)?;
    let mut hash = fields.enter(tag::context_constructed(0))?.enter(tag::SEQUENCE)?;
    let hash_oid = hash.oid()?;
    let mut mask = fields.enter(tag::context_constructed(1))?.enter(tag::SEQUENCE)?;
    // 1.2.840.113549.1.1.8
    let is_mgf1 = mask.oid()?.as_bytes() == [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8];
    let mut mask_hash = mask.enter(tag::SEQUENCE)?;
    let is_same_hash = mask_hash.oid()? == hash_oid;
    let salt_bytes = fields.enter(tag::context_constructed(2))?.integer_i64(tag::INTEGER)?;
    let trailer = match fields.enter_optional(tag::context_constructed(3))? {
        Some(mut trailer) => trailer.integer_i64(tag::INTEGER)?,
        None => 1,
    };
    let is_bare = |mut rest: Reader<'_>| rest.is_empty() || rest.any().is_some_and(|any| any.whole == [5, 0]);
    if !is_mgf1 || !is_same_hash || trailer != 1 || !is_bare(hash) || !is_bare(mask_hash) {
        return None;
    }
    // 2.16.840.1.101.3.4.2.*
    match (hash_oid.as_bytes(), salt_bytes) {
        ([0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], 32) => Some(Digest::Sha256),
        ([0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], 48) => Some(Digest::Sha384),
        ([0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], 64) => Some(Digest::Sha512),
        _ => None,
    }
}

/// Checks a signature by a certificate's key.
///
/// Source: Go 1.26 `crypto/x509/x509.go` `checkSignature`.
/// Differs: an RSA key of 1024 to 2047 bits verifies neither PSS nor SHA-384, which aws-lc-rs keeps for longer keys.
pub(crate) fn check(
    algorithm: SignatureAlgorithm,
    signed: Signed,
    message: &[u8],
    signature: &[u8],
    key: &PublicKey,
) -> Result<(), SignatureError> {
    match algorithm.digest() {
        None if algorithm != SignatureAlgorithm::Ed25519 => return Err(SignatureError::Unsupported),
        Some(Digest::Md5) => return Err(SignatureError::Insecure(algorithm)),
        Some(Digest::Sha1) if signed == Signed::Certificate => {
            return Err(SignatureError::Insecure(algorithm));
        }
        _ => {}
    }
    let mismatch = SignatureError::KeyMismatch { wanted: algorithm.key_kind(), found: key.go_type() };
    let (scheme, key, failure): (Option<&'static dyn VerificationAlgorithm>, &[u8], _) =
        match (key, algorithm) {
            (PublicKey::Ecdsa(key), SignatureAlgorithm::Ecdsa(digest)) => {
                (ecdsa_scheme(key.curve, digest), &key.point, SignatureError::Ecdsa)
            }
            (PublicKey::Rsa { bits, .. }, SignatureAlgorithm::Rsa(_) | SignatureAlgorithm::RsaPss(_))
                if *bits < 1024 =>
            {
                return Err(SignatureError::RsaKeySize(*bits));
            }
            (PublicKey::Rsa { pkcs1, bits }, SignatureAlgorithm::Rsa(digest)) => {
                (rsa_scheme(*bits, digest), pkcs1, SignatureError::Rsa)
            }
            (PublicKey::Rsa { pkcs1, .. }, SignatureAlgorithm::RsaPss(digest)) => {
                (pss_scheme(digest), pkcs1, SignatureError::Rsa)
            }
            (PublicKey::Ed25519(key), SignatureAlgorithm::Ed25519) => {
                (Some(&signature::ED25519), key, SignatureError::Ed25519)
            }
            (PublicKey::Ecdsa(_) | PublicKey::Rsa { .. } | PublicKey::Ed25519(_), _) => return Err(mismatch),
            (PublicKey::Dsa | PublicKey::Unknown, _) => {
                return Err(SignatureError::Unsupported);
            }
        };
    let scheme = scheme.ok_or_else(|| failure.clone())?;
    UnparsedPublicKey::new(scheme, key).verify(message, signature).map_err(|_| failure)
}

fn ecdsa_scheme(curve: Curve, digest: Digest) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (curve, digest) {
        (Curve::P256, Digest::Sha1) => &signature::ECDSA_P256_SHA1_ASN1,
        (Curve::P256, Digest::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
        (Curve::P256, Digest::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
        (Curve::P256, Digest::Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
        (Curve::P384, Digest::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
        (Curve::P384, Digest::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
        (Curve::P384, Digest::Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
        (Curve::P521, Digest::Sha1) => &signature::ECDSA_P521_SHA1_ASN1,
        (Curve::P521, Digest::Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
        (Curve::P521, Digest::Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
        (Curve::P521, Digest::Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}

fn rsa_scheme(bits: usize, digest: Digest) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match digest {
        Digest::Sha1 => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 if bits < 2048 => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Digest::Sha512 if bits < 2048 => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Digest::Sha384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Digest::Sha512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Digest::Md5 => return None,
    })
}

fn pss_scheme(digest: Digest) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match digest {
        Digest::Sha256 => &signature::RSA_PSS_2048_8192_SHA256,
        Digest::Sha384 => &signature::RSA_PSS_2048_8192_SHA384,
        Digest::Sha512 => &signature::RSA_PSS_2048_8192_SHA512,
        Digest::Md5 | Digest::Sha1 => return None,
    })
}
