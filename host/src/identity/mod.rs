//! Identities that sign: an orderer that signs blocks, a client that signs envelopes.
//!
//! - [`Signer`]: a certificate and its key, from an MSP folder or from PEM; signs blocks, envelopes and seeks
//! - [`PrivateKey`]: the key alone
//!
//! Keys are ECDSA on P-256, as Fabric's tools make them. Not taken: keys on other curves (Fabric takes P-384 too), RSA
//! and Ed25519 keys, keys under a password, keys in a hardware module.

mod envelope;
mod error;
mod key;
mod msp_dir;
pub(crate) mod pem;
mod signer;

pub(crate) use envelope::tx_id;
pub use error::{CertificateError, KeyError, PemError, SignerError};
pub use key::PrivateKey;
pub(crate) use signer::fresh_nonce;
pub use signer::{NONCE_BYTES, Signer};
