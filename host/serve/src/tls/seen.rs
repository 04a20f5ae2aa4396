//! What a listener presents, as a client sees it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::{
    CertificateError, Error, RootCertStore, SupportedProtocolVersion,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::aws_lc_rs::default_provider,
    server::ParsedCertificate,
};
use rustls_pki_types::{ServerName, UnixTime};

use super::{Authorities, KeyPair, in_words, plain_names};

/// Why a client does not take a listener's certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTaken {
    /// None of the client's authorities has issued it, nor anything on the way to it.
    #[error("none of the authorities has issued it")]
    UnknownIssuer,
    /// It has expired, or one above it has.
    #[error("it has expired, or an authority above it has")]
    Expired,
    /// It is not made for the name that was asked for.
    #[error("it is made for {}, not for {asked}", in_words(.has))]
    OtherName {
        /// What was asked for.
        asked: String,
        /// The names that it has.
        has: Vec<String>,
    },
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// The versions of TLS that listeners and clients speak, the oldest first, as people name them.
#[must_use]
pub fn protocol_versions() -> Vec<String> {
    let name = |it: &&SupportedProtocolVersion| format!("{:?}", it.version).replace("TLSv1_", "TLS 1.");
    let mut names: Vec<String> = rustls::DEFAULT_VERSIONS.iter().map(name).collect();
    names.sort();
    names
}

impl KeyPair {
    /// Whether a client that trusts `authorities`, and nobody else, takes what is presented at the time `now`. Names
    /// are not looked at.
    ///
    /// # Errors
    ///
    /// See [`NotTaken`]; not [`NotTaken::OtherName`].
    pub fn check_issuer(&self, authorities: &Authorities, now: SystemTime) -> Result<(), NotTaken> {
        let presented = &self.key().cert;
        let (certificate, above) = presented.split_first().ok_or(NotTaken::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.ders().cloned());
        let algorithms = default_provider().signature_verification_algorithms;
        let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO));
        let certificate = ParsedCertificate::try_from(certificate).map_err(NotTaken::of)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, &roots, above, now, algorithms.all)
            .map_err(NotTaken::of)
    }

    /// Whether a client that asks for `host`, a name or an IP address, takes what is presented.
    ///
    /// # Errors
    ///
    /// [`NotTaken::OtherName`], or [`NotTaken::Other`] where `host` is no name.
    pub fn check_host(&self, host: &str) -> Result<(), NotTaken> {
        let presented = &self.key().cert;
        let certificate = presented.first().ok_or(NotTaken::UnknownIssuer)?;
        let asked = ServerName::try_from(host).map_err(|error| NotTaken::Other(error.to_string()))?;
        let certificate = ParsedCertificate::try_from(certificate).map_err(NotTaken::of)?;
        verify_server_name(&certificate, &asked).map_err(|error| match error {
            Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
                NotTaken::OtherName { asked: host.to_owned(), has: plain_names(&presented) }
            }
            other => NotTaken::of(other),
        })
    }

    /// The names and addresses that clients may ask for it by. The subject's CN is none: no client looks at it.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        // Reserved by RFC 2606, so that no certificate has it.
        match self.check_host("none.invalid") {
            Err(NotTaken::OtherName { has, .. }) => has,
            _ => Vec::new(),
        }
    }
}

impl NotTaken {
    fn of(error: Error) -> Self {
        match error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => Self::UnknownIssuer,
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => Self::Expired,
            other => Self::Other(other.to_string()),
        }
    }
}
