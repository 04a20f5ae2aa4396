//! Why nothing can be signed.

use std::io;
use std::path::PathBuf;

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
    /// The certificate is none to sign with.
    #[error("{path} is {error}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        error: CertificateError,
    },
    /// No key belongs to the certificate.
    #[error(
        "none of the {tried} files in {folder} is the P-256 key (PKCS #8 or SEC 1 in PEM, without a password) of the \
         certificate in signcerts"
    )]
    NoKey {
        /// The folder `keystore`.
        folder: PathBuf,
        /// Files tried.
        tried: usize,
    },
    /// A certificate and a key that were given as text are no identity.
    #[error(transparent)]
    Pem(#[from] PemError),
    /// The operating system or the library gives no random numbers or no signature.
    #[error("the cryptographic library failed")]
    Library,
}

/// Why a certificate and a key in PEM are no identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// The certificate is none to sign with.
    #[error("the certificate is {0}")]
    Certificate(#[from] CertificateError),
    /// The key is none to sign with.
    #[error("the key is {0}")]
    Key(#[from] KeyError),
    /// Both are good, and do not belong together.
    #[error("the key is not the certificate's")]
    OtherKey,
}

/// Why a certificate is none to sign with. The texts go on from "is".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// There is no block `CERTIFICATE`, or what stands in it is none.
    #[error("no certificate in PEM: {0}")]
    Unreadable(String),
    /// Its key is RSA, or on another curve.
    #[error("a certificate whose key is not on P-256, the one curve to sign on")]
    NotP256,
}

/// Why a private key is none to sign with. The texts go on from "is".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no block with a key. One under a password has another label and is not seen.
    #[error("no private key in PEM: a block PRIVATE KEY (PKCS #8) or EC PRIVATE KEY (SEC 1) is wanted")]
    Unreadable,
    /// A key of another kind or on another curve, or a block that holds no key.
    #[error("no private key on P-256: {0}")]
    NotP256(String),
}
