//! An orderer's identity, to sign blocks with: an MSP folder as Fabric's tools lay it out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use bytes::Bytes;
use prost::Message as _;
use raddle_core::block::UnsignedBlock;
use raddle_msp::Certificate;
use raddle_proto::{common, msp};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Bytes of a signature header's nonce.
///
/// Source: fabric v2.5.16 `protoutil/commonutils.go` `CreateNonce`.
const NONCE_BYTES: usize = 24;

/// The order of P-256, big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Signs as one identity.
pub struct Signer {
    key: EcdsaKeyPair,
    /// Marshalled `msp.SerializedIdentity`.
    creator: Bytes,
}

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// A file or folder of the MSP cannot be read.
    #[error("{path} cannot be read: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no certificate, or there are several.
    #[error("{folder} holds {found} files, and one certificate is wanted")]
    Certificates {
        /// The folder `signcerts`.
        folder: PathBuf,
        /// Files in it.
        found: usize,
    },
    /// The certificate cannot be read.
    #[error("{path} is no certificate in PEM: {what}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// No key belongs to the certificate.
    #[error(
        "none of the {tried} files in {folder} is the P-256 key (PKCS #8 in PEM) of the certificate in signcerts"
    )]
    NoKey {
        /// The folder `keystore`.
        folder: PathBuf,
        /// Files tried.
        tried: usize,
    },
    /// The operating system or the library gives no random numbers or no signature.
    #[error("the cryptographic library failed")]
    Library,
}

// === impl Signer ===

impl Signer {
    /// Reads `signcerts` and `keystore` of an MSP folder.
    ///
    /// # Errors
    ///
    /// See [`SignerError`].
    pub fn from_msp_dir(msp_id: &str, folder: &Path) -> Result<Self, SignerError> {
        let certificates = folder.join("signcerts");
        let files = files_in(&certificates)?;
        let [path] = files.as_slice() else {
            return Err(SignerError::Certificates { folder: certificates, found: files.len() });
        };
        let pem = read(path)?;
        let bad = |what: String| SignerError::Certificate { path: path.clone(), what };
        let der = CertificateDer::from_pem_slice(&pem).map_err(|error| bad(error.to_string()))?;
        let certificate =
            Certificate::parse(Bytes::copy_from_slice(&der)).map_err(|error| bad(error.to_string()))?;
        let key = find_key(&folder.join("keystore"), certificate.raw_key_info())?;
        let identity = msp::SerializedIdentity { mspid: msp_id.to_owned(), id_bytes: pem.into() };
        Ok(Self { key, creator: identity.encode_to_vec().into() })
    }

    /// Signs a block as Fabric's orderers do.
    ///
    /// # Errors
    ///
    /// [`SignerError::Library`].
    ///
    /// Source: fabric v2.5.16 `orderer/common/multichannel/blockwriter.go` `addBlockSignature`.
    pub fn sign_block(&self, block: &UnsignedBlock) -> Result<common::MetadataSignature, SignerError> {
        let mut nonce = vec![0; NONCE_BYTES];
        rand::fill(&mut nonce).map_err(|_| SignerError::Library)?;
        let header = common::SignatureHeader { creator: self.creator.clone(), nonce: nonce.into() };
        let signature_header: Bytes = header.encode_to_vec().into();
        let signature = self.sign(&block.signed_bytes(&signature_header))?;
        Ok(common::MetadataSignature { signature_header, signature: signature.into() })
    }

    /// ECDSA over SHA-256, DER, with the smaller of the two valid `s`: Fabric refuses the other.
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature = self.key.sign(&SystemRandom::new(), bytes).map_err(|_| SignerError::Library)?;
        let (r, s) = signature.as_ref().split_at_checked(32).ok_or(SignerError::Library)?;
        let body = [integer(r), integer(&lower_s(s))].concat();
        // SEQUENCE; two integers of at most 33 bytes keep the length in one byte.
        let length = u8::try_from(body.len()).map_err(|_| SignerError::Library)?;
        Ok([&[0x30, length], body.as_slice()].concat())
    }
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

/// The key whose public half ends `key_info`, a `SubjectPublicKeyInfo` with an uncompressed point.
fn find_key(folder: &Path, key_info: &[u8]) -> Result<EcdsaKeyPair, SignerError> {
    let files = files_in(folder)?;
    for path in &files {
        let Ok(der) = PrivatePkcs8KeyDer::from_pem_slice(&read(path)?) else { continue };
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der());
        if let Ok(key) = key
            && key_info.ends_with(key.public_key().as_ref())
        {
            return Ok(key);
        }
    }
    Err(SignerError::NoKey { folder: folder.to_owned(), tried: files.len() })
}

fn read(path: &Path) -> Result<Vec<u8>, SignerError> {
    fs::read(path).map_err(|error| SignerError::Read { path: path.to_owned(), error })
}

/// The files in a folder, in order of name, without those that begin with a dot.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, SignerError> {
    let failed = |error| SignerError::Read { path: folder.to_owned(), error };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_file() && !is_hidden {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

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
}
