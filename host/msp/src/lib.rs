//! Fabric's membership service: who an identity is, and what it may say of itself.
//!
//! An [`Msp`] is set up from its config and tells, of a certificate, whether the organisation vouches for it, which
//! roles and units it has, and whether a signature is its own. It does so exactly as Fabric v2.5.16 does, because peers
//! evaluate the same policies over the same identities. Fabric in turn leaves certificates to Go's standard library, so
//! the rules of Go 1.26 are here too.
//!
//! Nothing here reads a clock, does I/O or holds a private key. An expired certificate is as valid as ever: expiry is a
//! filter's business, which [`Identity::expires_at`] serves.
//!
//! - [`Msp::setup`]: a config becomes an MSP, or says what is wrong
//! - [`MspManager`]: all MSPs of a channel; bytes become an [`Identity`]
//! - [`Identity`]: valid or not, which principals it satisfies, what it signed
//! - [`CachedManager`]: the same, remembered

#![forbid(unsafe_code)]

mod asn1;
mod cache;
mod creator;
mod crl;
mod error;
mod hash;
mod identity;
mod manager;
mod msp;
mod pem;
mod principal;
mod role;
mod setup;
mod signature;
mod units;
mod x509;

pub use asn1::Asn1Error;
pub use cache::{CacheSizes, CachedManager};
pub use creator::ClaimedIdentity;
pub use crl::{AuthorityKeyIdError, RevocationListError};
pub use error::{
    AdminError, AuthorityError, CertifiersError, ConfiguredCertificateError, DeserializeError, IdentityError,
    IdentityPathError, KeyTypeError, PrincipalError, RevocationError, RoleError, SetupError, UniquePathError,
    UnitError, ValidateError, VerifyError,
};
pub use identity::{Identity, IdentityId};
pub use manager::MspManager;
pub use msp::Msp;
pub use role::{MspVersion, Role};
pub use signature::EcdsaSignatureError;
pub use units::OrganizationalUnit;
pub use x509::{
    Certificate, Curve, Digest, Hint, Name, ParseError, PathError, Serial, SignatureAlgorithm,
    SignatureError, Time, TimeError,
};

#[cfg(test)]
mod tests;
