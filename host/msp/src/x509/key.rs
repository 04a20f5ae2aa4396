//! Public keys of certificates.

use std::cmp::Ordering;

use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, ParsedPublicKey};

use super::der::{BitString, Reader, tag};
use super::error::ParseError;

/// A curve that Go knows.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Curve {
    /// Differs: a signature under a P-224 key is never valid here, because aws-lc-rs does not have the curve.
    P224,
    /// The usual one.
    P256,
    /// 384 bits.
    P384,
    /// 521 bits.
    P521,
}

/// A key on a curve.
#[derive(Clone, Debug)]
pub(crate) struct EcdsaKey {
    pub(crate) curve: Curve,
    /// The uncompressed point.
    pub(crate) point: Vec<u8>,
    /// Ready to verify SHA-256 digests; `None` for P-224.
    prepared: Option<ParsedPublicKey>,
}

/// A certificate's public key, as far as Go reads it.
#[derive(Clone, Debug)]
pub(crate) enum PublicKey {
    Ecdsa(Box<EcdsaKey>),
    Rsa {
        /// The content of the bit string: modulus and exponent.
        pkcs1: Vec<u8>,
        bits: usize,
    },
    Ed25519(Vec<u8>),
    Dsa,
    /// An algorithm that Go does not know. The certificate can be read, and the key verifies nothing.
    Unknown,
}

/// `1.2.840.10045.2.1`
const OID_ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// `1.2.840.113549.1.1.1`
const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// `1.2.840.10040.4.1`
const OID_DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
/// `1.3.101.112`
const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const DER_NULL: &[u8] = &[5, 0];

// === impl Curve ===

impl Curve {
    /// By the content of its object identifier.
    fn by_oid(oid: &[u8]) -> Option<Self> {
        match oid {
            [0x2b, 0x81, 4, 0, 0x21] => Some(Self::P224),
            [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7] => Some(Self::P256),
            [0x2b, 0x81, 4, 0, 0x22] => Some(Self::P384),
            [0x2b, 0x81, 4, 0, 0x23] => Some(Self::P521),
            _ => None,
        }
    }

    const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P224 => 28,
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The number of points, highest octet first.
    pub(crate) const fn order(self) -> &'static [u8] {
        match self {
            Self::P224 => &P224_ORDER,
            Self::P256 => &P256_ORDER,
            Self::P384 => &P384_ORDER,
            Self::P521 => &P521_ORDER,
        }
    }

    /// Half of the order, rounded down: the largest low S.
    ///
    /// Source: fabric v2.5.16 `bccsp/utils/ecdsa.go` `curveHalfOrders`.
    pub(crate) fn half_order(self) -> Vec<u8> {
        let mut carry = 0;
        self.order()
            .iter()
            .map(|&octet| {
                let half = carry | (octet >> 1);
                carry = octet << 7;
                half
            })
            .collect()
    }

    /// Whether S, in shortest form, lies in the lower half.
    pub(crate) fn is_low(self, s: &[u8]) -> bool {
        compare(s, &self.half_order()) != Ordering::Greater
    }

    /// The order minus S, if S is below the order.
    pub(crate) fn minus(self, s: &[u8]) -> Option<Vec<u8>> {
        let order = self.order();
        if compare(s, order) != Ordering::Less {
            return None;
        }
        let s: Vec<u8> = s.iter().copied().skip_while(|&octet| octet == 0).collect();
        let mut borrow = false;
        let mut difference: Vec<u8> = order
            .iter()
            .rev()
            .zip(s.iter().rev().copied().chain(std::iter::repeat(0)))
            .map(|(&minuend, subtrahend)| {
                let (partial, first) = minuend.overflowing_sub(subtrahend);
                let (octet, second) = partial.overflowing_sub(u8::from(borrow));
                borrow = first || second;
                octet
            })
            .collect();
        difference.reverse();
        Some(difference)
    }

    const fn wrong_length(self) -> &'static str {
        match self {
            Self::P224 => "invalid P224 point encoding",
            Self::P256 => "invalid P256 point encoding",
            Self::P384 => "invalid P384 point encoding",
            Self::P521 => "invalid P521 point encoding",
        }
    }

    const fn off_curve(self) -> &'static str {
        match self {
            Self::P224 => "P224 point not on curve",
            Self::P256 => "P256 point not on curve",
            Self::P384 => "P384 point not on curve",
            Self::P521 => "P521 point not on curve",
        }
    }

    /// What verifies SHA-256 digests on this curve.
    const fn sha256(self) -> Option<&'static EcdsaVerificationAlgorithm> {
        match self {
            Self::P224 => None,
            Self::P256 => Some(&signature::ECDSA_P256_SHA256_ASN1),
            Self::P384 => Some(&signature::ECDSA_P384_SHA256_ASN1),
            Self::P521 => Some(&signature::ECDSA_P521_SHA256_ASN1),
        }
    }
}

/// Compares two numbers by their octets, highest first, in any length.
pub(crate) fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let trim = |octets: &[u8]| octets.iter().copied().skip_while(|&octet| octet == 0).collect::<Vec<u8>>();
    let (left, right) = (trim(left), trim(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(&right))
}

// === impl EcdsaKey ===

impl EcdsaKey {
    /// Checks that the point is uncompressed and lies on the curve.
    fn new(curve: Curve, point: &[u8]) -> Result<Self, ParseError> {
        if point.first() != Some(&4) {
            return Err(ParseError::Point("ecdsa: invalid uncompressed public key"));
        }
        if point.len() != 1 + 2 * curve.coordinate_bytes() {
            return Err(ParseError::Point(curve.wrong_length()));
        }
        let prepared = match curve.sha256() {
            Some(algorithm) => {
                let key = ParsedPublicKey::new(algorithm, point);
                Some(key.map_err(|_| ParseError::Point(curve.off_curve()))?)
            }
            None => None,
        };
        Ok(Self { curve, point: point.to_vec(), prepared })
    }

    /// Whether the signature, an ECDSA signature in DER, is valid over a digest of 256 bits.
    pub(crate) fn verifies(&self, digest: &[u8], signature: &[u8]) -> bool {
        // To aws-lc-rs the digest is one of SHA-256, whichever hash made it: ECDSA only sees a number.
        let digest = aws_lc_rs::digest::Digest::import_less_safe(digest, &aws_lc_rs::digest::SHA256);
        match (&self.prepared, digest) {
            (Some(key), Ok(digest)) => key.verify_digest_sig(&digest, signature).is_ok(),
            _ => false,
        }
    }
}

// === impl PublicKey ===

impl PublicKey {
    /// Reads the content of a SubjectPublicKeyInfo.
    ///
    /// Source: Go 1.26 `crypto/x509/parser.go` `parseCertificate`, `parsePublicKey`.
    pub(crate) fn read(mut info: Reader<'_>) -> Result<Self, ParseError> {
        let algorithm = info.enter(tag::SEQUENCE);
        let mut algorithm = algorithm.ok_or(ParseError::Malformed("public key algorithm identifier"))?;
        let oid = algorithm.oid().ok_or(ParseError::Malformed("OID"))?;
        let parameters = if algorithm.is_empty() {
            &[]
        } else {
            algorithm.any().ok_or(ParseError::Malformed("parameters"))?.whole
        };
        let bits = info.bit_string().ok_or(ParseError::Malformed("subjectPublicKey"))?;
        match oid.as_bytes() {
            OID_ECDSA => ecdsa(parameters, bits),
            OID_RSA => rsa(parameters, &bits.right_aligned()),
            OID_ED25519 if !parameters.is_empty() => Err(ParseError::Ed25519Parameters),
            OID_ED25519 if bits.bytes.len() != 32 => Err(ParseError::Ed25519Size),
            OID_ED25519 => Ok(Self::Ed25519(bits.right_aligned())),
            OID_DSA => dsa(parameters, &bits.right_aligned()),
            _ => Ok(Self::Unknown),
        }
    }

    /// The Go type of such a key, as it stands in errors.
    pub(crate) const fn go_type(&self) -> &'static str {
        match self {
            Self::Ecdsa(_) => "*ecdsa.PublicKey",
            Self::Rsa { .. } => "*rsa.PublicKey",
            Self::Ed25519(_) => "ed25519.PublicKey",
            Self::Dsa => "*dsa.PublicKey",
            Self::Unknown => "<nil>",
        }
    }
}

fn ecdsa(parameters: &[u8], bits: BitString<'_>) -> Result<PublicKey, ParseError> {
    let curve = Reader::new(parameters).oid().ok_or(ParseError::Invalid("ECDSA parameters"))?;
    let curve = Curve::by_oid(curve.as_bytes()).ok_or(ParseError::UnsupportedCurve)?;
    EcdsaKey::new(curve, &bits.right_aligned()).map(|key| PublicKey::Ecdsa(Box::new(key)))
}

fn rsa(parameters: &[u8], key: &[u8]) -> Result<PublicKey, ParseError> {
    if parameters != DER_NULL {
        return Err(ParseError::RsaParameters);
    }
    let mut numbers = Reader::new(key).enter(tag::SEQUENCE).ok_or(ParseError::Invalid("RSA public key"))?;
    let modulus = numbers.integer().ok_or(ParseError::Invalid("RSA modulus"))?;
    let exponent = numbers.integer_i64(tag::INTEGER).ok_or(ParseError::Invalid("RSA public exponent"))?;
    if !is_positive(modulus) {
        return Err(ParseError::RsaNotPositive("modulus"));
    }
    if exponent <= 0 {
        return Err(ParseError::RsaNotPositive("public exponent"));
    }
    let modulus: Vec<u8> = modulus.iter().copied().skip_while(|&octet| octet == 0).collect();
    let unused = modulus.first().map_or(0, |first| first.leading_zeros());
    let bits = modulus.len() * 8 - usize::try_from(unused).unwrap_or_default();
    Ok(PublicKey::Rsa { pkcs1: key.to_vec(), bits })
}

fn dsa(parameters: &[u8], key: &[u8]) -> Result<PublicKey, ParseError> {
    let public = Reader::new(key).integer().ok_or(ParseError::Invalid("DSA public key"))?;
    let invalid = ParseError::Invalid("DSA parameters");
    let mut numbers = Reader::new(parameters).enter(tag::SEQUENCE).ok_or(invalid.clone())?;
    let mut all = vec![public];
    for _ in 0..3 {
        all.push(numbers.integer().ok_or_else(|| invalid.clone())?);
    }
    if all.into_iter().all(is_positive) { Ok(PublicKey::Dsa) } else { Err(ParseError::DsaNotPositive) }
}

/// Whether an INTEGER's content means a number above zero.
fn is_positive(octets: &[u8]) -> bool {
    octets.first().is_some_and(|first| first & 0x80 == 0) && octets.iter().any(|&octet| octet != 0)
}

const P224_ORDER: [u8; 28] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x16, 0xa2, 0xe0,
    0xb8, 0xf0, 0x3e, 0x13, 0xdd, 0x29, 0x45, 0x5c, 0x5c, 0x2a, 0x3d,
];

const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a,
    0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

const P521_ORDER: [u8; 66] = [
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfa,
    0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b,
    0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09,
];
