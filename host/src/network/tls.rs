//! An organisation's authority for TLS, and the certificates that it issues.

use super::organisation::{COMMON_NAME_MARKS, CONFIG_MARKS, check_name};
use super::{NetworkError, Organisation, Validity, certificate};
use crate::identity::{PrivateKey, pem};

/// An authority whose certificates make connections, and sign no envelopes: Fabric keeps the two apart.
#[derive(Debug)]
pub struct TlsAuthority {
    domain: String,
    key: PrivateKey,
    certificate_pem: String,
}

/// A TLS certificate and its key.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The key, PKCS #8 in PEM.
    pub key_pem: String,
}

impl TlsAuthority {
    /// Makes the authority of `tls.DOMAIN`.
    ///
    /// # Errors
    ///
    /// A domain that is none, a validity that is none, or the cryptographic library fails.
    pub fn generate(domain: &str, validity: Validity) -> Result<Self, NetworkError> {
        check_name("domain", domain, CONFIG_MARKS)?;
        let domain = format!("tls.{domain}");
        let key = PrivateKey::generate()?;
        let der = certificate::of_authority(&key, &domain, validity)?;
        Ok(Self { domain, key, certificate_pem: pem::encode(pem::CERTIFICATE, &der) })
    }

    /// Issues a certificate for servers and clients alike. `hosts` are the names and IP addresses that a server with it
    /// may be asked for by.
    ///
    /// # Errors
    ///
    /// As [`TlsAuthority::generate`]; also for a host that is none.
    pub fn issue(
        &self,
        common_name: &str,
        hosts: &[&str],
        validity: Validity,
    ) -> Result<TlsIdentity, NetworkError> {
        check_name("common name", common_name, COMMON_NAME_MARKS)?;
        let key = PrivateKey::generate()?;
        let issuer = (&self.key, self.domain.as_str());
        let der = certificate::of_tls(&key, (common_name, hosts), validity, issuer)?;
        Ok(TlsIdentity { certificate_pem: pem::encode(pem::CERTIFICATE, &der), key_pem: key.to_pem()? })
    }

    /// The authority's certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

impl Organisation {
    /// The same organisation, whose MSP names this authority for TLS.
    #[must_use]
    pub fn with_tls(mut self, authority: &TlsAuthority) -> Self {
        self.tls_authority_pem = Some(authority.certificate_pem.clone());
        self
    }
}
