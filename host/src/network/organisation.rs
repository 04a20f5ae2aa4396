//! An organisation: an authority of its own, and the identities that it issues.

use std::time::{Duration, SystemTime};

use super::{NetworkError, certificate};
use crate::identity::{PrivateKey, Signer, SignerError, pem};

/// Most characters of a name: what X.509 allows a common name.
pub(super) const NAME_CHARS_MAX: usize = 64;

/// What groups of a config and MSP ids in policies may have beside letters and digits.
///
/// Source: fabric v2.5.16 `common/configtx/validator.go` `validateConfigID`, `common/policydsl/policyparser.go`.
pub(super) const CONFIG_MARKS: &str = ".-";

/// What common names may have beside letters and digits.
pub(super) const COMMON_NAME_MARKS: &str = ".-_@";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an identity is to its organisation. Certificates carry it as their organisational unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Changes the channel's config.
    Admin,
    /// Sends envelopes.
    Client,
    /// Keeps a ledger and endorses.
    Peer,
    /// Makes blocks.
    Orderer,
}

/// When a certificate is valid; whole seconds, from 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub from: SystemTime,
    /// Until then.
    pub to: SystemTime,
}

/// How an organisation is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationNames {
    /// Its group in the channel's config, and its folder: `Org1`.
    pub name: String,
    /// What its identities and policies call it: `Org1MSP`.
    pub msp_id: String,
    /// What its certificates call it: `org1.example.com`.
    pub domain: String,
}

/// An organisation with the key of its authority.
#[derive(Debug)]
pub struct Organisation {
    names: OrganisationNames,
    validity: Validity,
    key: PrivateKey,
    authority_pem: String,
    pub(super) tls_authority_pem: Option<String>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct IssuedIdentity {
    msp_id: String,
    common_name: String,
    certificate_pem: String,
    key_pem: String,
}

// === impl Role ===

impl Role {
    /// The organisational unit that tells the role where an MSP's config enables node OUs.
    ///
    /// Source: fabric v2.5.16 `internal/cryptogen/msp/msp.go`.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Client => "client",
            Self::Peer => "peer",
            Self::Orderer => "orderer",
        }
    }
}

// === impl Validity ===

impl Validity {
    /// Ten years, the first day of them gone by: other clocks may be behind, and an authority must be valid before
    /// whatever it issues begins.
    #[must_use]
    pub fn ten_years(now: SystemTime) -> Self {
        Self { from: now.checked_sub(DAY).unwrap_or(now), to: now.checked_add(3650 * DAY).unwrap_or(now) }
    }
}

// === impl OrganisationNames ===

impl OrganisationNames {
    /// Three names, in the order of the fields.
    #[must_use]
    pub fn new(name: &str, msp_id: &str, domain: &str) -> Self {
        Self { name: name.into(), msp_id: msp_id.into(), domain: domain.into() }
    }
}

// === impl Organisation ===

impl Organisation {
    /// Makes the authority of an organisation.
    ///
    /// # Errors
    ///
    /// A name that is none, a validity that is none, or [`SignerError::Library`].
    pub fn generate(names: OrganisationNames, validity: Validity) -> Result<Self, NetworkError> {
        check_name("organisation's name", &names.name, CONFIG_MARKS)?;
        check_name("MSP id", &names.msp_id, CONFIG_MARKS)?;
        check_name("domain", &names.domain, CONFIG_MARKS)?;
        let key = PrivateKey::generate()?;
        let der = certificate::of_authority(&key, &names.domain, validity)?;
        let authority_pem = pem::encode(pem::CERTIFICATE, &der);
        Ok(Self { names, validity, key, authority_pem, tls_authority_pem: None })
    }

    /// Issues an identity.
    ///
    /// `validity` may have ended, but must not begin before the authority's: Fabric verifies a certificate as of the
    /// second after it begins to be valid, whatever the time.
    ///
    /// # Errors
    ///
    /// As [`Organisation::generate`].
    ///
    /// Source: fabric v2.5.16 `msp/mspimplvalidate.go` `getValidityOptsForCert`.
    pub fn issue(
        &self,
        role: Role,
        common_name: &str,
        validity: Validity,
    ) -> Result<IssuedIdentity, NetworkError> {
        check_name("common name", common_name, COMMON_NAME_MARKS)?;
        if validity.from < self.validity.from {
            return Err(NetworkError::Validity {
                from: seconds(validity.from),
                to: seconds(validity.to),
                why: "its authority's begins later",
            });
        }
        let key = PrivateKey::generate()?;
        let issuer = (&self.key, self.names.domain.as_str());
        let der = certificate::of_member(&key, (role, common_name), validity, issuer)?;
        Ok(IssuedIdentity {
            msp_id: self.names.msp_id.clone(),
            common_name: common_name.into(),
            certificate_pem: pem::encode(pem::CERTIFICATE, &der),
            key_pem: key.to_pem()?,
        })
    }

    /// How it is called.
    #[must_use]
    pub fn names(&self) -> &OrganisationNames {
        &self.names
    }

    /// The authority's certificate, PEM.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// The authority's key, PKCS #8 in PEM.
    pub(super) fn authority_key_pem(&self) -> Result<String, SignerError> {
        self.key.to_pem()
    }
}

// === impl IssuedIdentity ===

impl IssuedIdentity {
    /// The certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The key, PKCS #8 in PEM.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The certificate's common name.
    #[must_use]
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// Signs as this identity.
    ///
    /// # Errors
    ///
    /// None that is known: certificate and key belong together.
    pub fn signer(&self) -> Result<Signer, SignerError> {
        Ok(Signer::from_pem(self.certificate_pem.as_bytes(), self.key_pem.as_bytes(), &self.msp_id)?)
    }
}

/// Names stand in paths, in certificates, in YAML and in policies, so they are kept plain.
pub(super) fn check_name(what: &'static str, name: &str, marks: &'static str) -> Result<(), NetworkError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    let is_good = (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.chars().all(is_plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if is_good { Ok(()) } else { Err(NetworkError::Name { what, name: name.into(), marks }) }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
