//! Private keys on P-256.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

use super::{KeyError, SignerError, pem};

/// The order of P-256, big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// What stands before the point in a P-256 key's `SubjectPublicKeyInfo`: ids of ECDSA and of the curve, and lengths.
const KEY_INFO_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A private key on P-256.
pub struct PrivateKey(EcdsaKeyPair);

// === impl PrivateKey ===

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    pub fn generate() -> Result<Self, SignerError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        pair.map(Self).map_err(|_| SignerError::Library)
    }

    /// Reads the first key in `pem`: a block `PRIVATE KEY` with PKCS #8, or a block `EC PRIVATE KEY` with SEC 1.
    /// `openssl ecparam` writes a block `EC PARAMETERS` before the second; it is passed over, where Fabric is not
    /// so kind.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| KeyError::Unreadable)?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(key) => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_pkcs8_der())
            }
            PrivateKeyDer::Sec1(key) => {
                EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_sec1_der())
            }
            _ => return Err(KeyError::NotP256("an RSA key".into())),
        };
        pair.map(Self).map_err(|error| KeyError::NotP256(error.to_string()))
    }

    /// The key in PKCS #8 and PEM, as Fabric's tools write it.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    pub fn to_pem(&self) -> Result<String, SignerError> {
        let der = self.0.to_pkcs8v1().map_err(|_| SignerError::Library)?;
        Ok(pem::encode(pem::PRIVATE_KEY, der.as_ref()))
    }

    /// The public key: an uncompressed point, 65 bytes.
    #[must_use]
    pub fn public_point(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// ECDSA over SHA-256, DER, with the smaller of the two valid `s`: Fabric refuses the other.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    ///
    /// Source: fabric v2.5.16 `bccsp/utils/ecdsa.go` `ToLowS`, `bccsp/sw/ecdsa.go` `verifyECDSA`.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature = self.0.sign(&SystemRandom::new(), bytes).map_err(|_| SignerError::Library)?;
        let (r, s) = signature.as_ref().split_at_checked(32).ok_or(SignerError::Library)?;
        let body = [integer(r), integer(&lower_s(s))].concat();
        // SEQUENCE; two integers of at most 33 bytes keep the length in one byte.
        let length = u8::try_from(body.len()).map_err(|_| SignerError::Library)?;
        Ok([&[0x30, length], body.as_slice()].concat())
    }

    /// Whether the key belongs to a certificate with this `SubjectPublicKeyInfo`.
    pub(super) fn belongs_to(&self, key_info: &[u8]) -> bool {
        point_of(key_info).is_some_and(|point| point == self.public_point())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(P-256)")
    }
}

/// The point in a `SubjectPublicKeyInfo`, if that is of a key on P-256.
pub(super) fn point_of(key_info: &[u8]) -> Option<&[u8]> {
    key_info.strip_prefix(KEY_INFO_HEAD.as_slice())
}

/// A DER INTEGER of at most 32 big-endian bytes, not negative.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    // A first bit that is set would make it negative, and zero needs a digit.
    let sign: &[u8] = if digits.first().is_none_or(|&first| first >= 0x80) { &[0] } else { &[] };
    let length = u8::try_from(sign.len() + digits.len()).unwrap_or(u8::MAX);
    [&[0x02, length], sign, digits].concat()
}

/// The smaller of `s` and order − `s`, big-endian.
fn lower_s(s: &[u8]) -> Vec<u8> {
    let mut other = vec![0; P256_ORDER.len()];
    let mut borrow = false;
    for (place, (order, digit)) in other.iter_mut().rev().zip(P256_ORDER.iter().rev().zip(s.iter().rev())) {
        let (difference, under) = order.overflowing_sub(*digit);
        let (difference, under_borrow) = difference.overflowing_sub(u8::from(borrow));
        *place = difference;
        borrow = under || under_borrow;
    }
    if other.as_slice() < s { other } else { s.to_vec() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]

    use super::*;

    #[test]
    fn integers_are_minimal_and_never_negative() {
        for (bytes, expected) in [
            (&[0, 0, 5][..], &[2, 1, 5][..]),
            (&[0x7f, 1], &[2, 2, 0x7f, 1]),
            (&[0, 0x80], &[2, 2, 0, 0x80]),
            (&[0, 0], &[2, 1, 0]),
        ] {
            assert_eq!(integer(bytes), expected);
        }
    }

    #[test]
    fn the_smaller_s_is_taken() {
        let mut one = [0; 32];
        one[31] = 1;
        let order_minus_one = order_minus(&one);
        assert_eq!(lower_s(&one), one);
        assert_eq!(lower_s(&order_minus_one), one);
    }

    /// The order less `small`, which is below its last byte.
    fn order_minus(small: &[u8; 32]) -> [u8; 32] {
        let mut s = P256_ORDER;
        s[31] -= small[31];
        s
    }

    #[test]
    fn a_key_that_was_written_is_the_key_that_is_read() {
        let key = PrivateKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(PrivateKey::from_pem(pem.as_bytes()).unwrap().public_point(), key.public_point());
        assert_ne!(PrivateKey::generate().unwrap().public_point(), key.public_point());
        assert_eq!(format!("{key:?}"), "PrivateKey(P-256)");
    }
}
