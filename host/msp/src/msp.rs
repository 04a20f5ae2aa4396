//! One MSP: an organisation's authorities and what they say of certificates.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::crl::RevocationList;
use crate::error::{
    IdentityError, IdentityPathError, KeyTypeError, RevocationError, UniquePathError, ValidateError,
};
use crate::hash::{IdentityHash, SignatureHash};
use crate::role::MspVersion;
use crate::signature::EcdsaSignature;
use crate::units::{OrganizationalUnit, UnitRules};
use crate::x509::{Certificate, Path, PathError, Pools, PublicKey, is_hostname};

/// An X.509 MSP, set up. It never changes: a new config makes a new one.
#[derive(Clone)]
pub struct Msp {
    pub(crate) name: String,
    pub(crate) version: MspVersion,
    pub(crate) pools: Pools,
    pub(crate) roots: Vec<Arc<Certificate>>,
    pub(crate) intermediates: Vec<Arc<Certificate>>,
    /// Authorities above others, by their DER: they issue no identities.
    pub(crate) internal_nodes: HashSet<Bytes>,
    pub(crate) revocation_lists: Vec<RevocationList>,
    /// Listed admins, by their DER.
    pub(crate) admins: HashSet<Bytes>,
    pub(crate) units: UnitRules,
    /// `Err` is a name that Fabric does not know.
    pub(crate) identity_hash: Result<IdentityHash, String>,
    pub(crate) signature_hash: Result<SignatureHash, String>,
    pub(crate) tls_roots: Vec<Bytes>,
    pub(crate) tls_intermediates: Vec<Bytes>,
}

/// A certificate with S made low, and its path if it was found on the way.
pub(crate) struct Sanitized {
    pub(crate) certificate: Arc<Certificate>,
    pub(crate) path: Option<Path>,
}

impl Msp {
    /// The MSP id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.name
    }

    /// Whose behaviour it has.
    #[must_use]
    pub const fn version(&self) -> MspVersion {
        self.version
    }

    /// The roots of TLS certificates, PEM, as the config has them.
    #[must_use]
    pub fn tls_roots(&self) -> &[Bytes] {
        &self.tls_roots
    }

    /// The intermediate authorities of TLS certificates, PEM, as the config has them.
    #[must_use]
    pub fn tls_intermediates(&self) -> &[Bytes] {
        &self.tls_intermediates
    }

    /// The one path from a certificate to a root.
    ///
    /// Source: fabric v2.5.16 `msp/mspimpl.go` `getUniqueValidationChain`, `verifyLegacyNameConstraints`.
    pub(crate) fn unique_path(
        pools: &Pools,
        certificate: &Arc<Certificate>,
    ) -> Result<Path, UniquePathError> {
        let mut paths = pools.verify(certificate)?;
        let count = paths.len();
        let path = paths.pop().filter(|_| count == 1).ok_or(UniquePathError::Several(count))?;
        let has_alt_names = certificate.extensions.alt_names.is_some();
        let has_constraints =
            |path: &Path| path.certificates().skip(1).any(Certificate::has_name_constraints);
        if !has_alt_names && is_hostname(certificate.subject().common_name()) && has_constraints(&path) {
            return Err(PathError::NameConstraintsWithoutAltNames.into());
        }
        Ok(path)
    }

    /// Brings the certificate's ECDSA signature into its low form, so that a certificate and its twin with a high S are
    /// one identity. For that the signer must be known: a certificate that is signed with ECDSA is verified here.
    ///
    /// Source: fabric v2.5.16 `msp/mspimpl.go` `sanitizeCert`, `msp/cert.go`.
    pub(crate) fn sanitize(&self, certificate: Arc<Certificate>) -> Result<Sanitized, IdentityError> {
        if !certificate.algorithm().is_ecdsa() {
            return Ok(Sanitized { certificate, path: None });
        }
        if certificate.is_ca() && certificate.check_signature_from(&certificate).is_ok() {
            let sanitized = with_low_s(&certificate, &certificate)?;
            // A stranger's root passes, too: it is its own only root here. Validation refuses it.
            let mut pools = self.pools.clone();
            pools.roots = [Arc::clone(&sanitized)].into_iter().collect();
            Self::unique_path(&pools, &sanitized)?;
            return Ok(Sanitized { certificate: sanitized, path: None });
        }
        let path = Self::unique_path(&self.pools, &certificate)?;
        let Some(parent) = path.issuer() else {
            return Err(IdentityError::NoParent(certificate.subject().to_string()));
        };
        let sanitized = with_low_s(&certificate, parent)?;
        let path = Arc::ptr_eq(&sanitized, &certificate).then_some(path);
        Ok(Sanitized { certificate: sanitized, path })
    }

    /// The path of a certificate that is to be an identity.
    pub(crate) fn identity_path(
        &self,
        certificate: &Arc<Certificate>,
        known: Option<&Path>,
    ) -> Result<Path, IdentityPathError> {
        if certificate.is_ca() {
            return Err(IdentityPathError::Authority);
        }
        let path = match known {
            Some(path) => path.clone(),
            None => Self::unique_path(&self.pools, certificate)?,
        };
        self.check_issuer(certificate, &path, 1)?;
        Ok(path)
    }

    /// Checks that the certificate at `position` of the path, counted from the leaf, may issue identities.
    ///
    /// Source: fabric v2.5.16 `msp/mspimpl.go` `getValidationChain`.
    pub(crate) fn check_issuer(
        &self,
        certificate: &Certificate,
        path: &Path,
        position: usize,
    ) -> Result<(), IdentityPathError> {
        if path.len() < 2 {
            return Err(IdentityPathError::TooShort(path.len()));
        }
        let issuer = path.certificates().nth(position);
        if issuer.is_some_and(|issuer| self.internal_nodes.contains(issuer.der())) {
            return Err(IdentityPathError::IssuerIsInternal(certificate.der().clone()));
        }
        Ok(())
    }

    /// Checks a certificate, its path and its units: everything that makes a valid identity.
    ///
    /// Source: fabric v2.5.16 `msp/mspimplvalidate.go` `validateIdentity`.
    pub(crate) fn validate(
        &self,
        certificate: &Certificate,
        path: Result<&Path, &IdentityPathError>,
        units: &[OrganizationalUnit],
    ) -> Result<(), ValidateError> {
        let path = path.map_err(Clone::clone)?;
        self.check_revocation(certificate, path)?;
        self.units.check(self.version, units, &self.name)?;
        Ok(())
    }

    /// Asks the revocation lists of a certificate's issuer. Paths of length 1 have none.
    ///
    /// Source: fabric v2.5.16 `msp/mspimplvalidate.go` `validateCertAgainstChain`.
    pub(crate) fn check_revocation(
        &self,
        certificate: &Certificate,
        path: &Path,
    ) -> Result<(), RevocationError> {
        let Some(issuer) = path.issuer() else { return Ok(()) };
        let key_id = issuer.extensions.subject_key_id.as_deref().ok_or(RevocationError::IssuerKeyId)?;
        for list in &self.revocation_lists {
            if list.authority_key_id()? == key_id
                && list.contains(certificate.serial())
                && list.check_signature_from(issuer).is_ok()
            {
                return Err(RevocationError::Revoked);
            }
        }
        Ok(())
    }

    /// The certificate's units, each with the authorities of the path. None if there is no path.
    ///
    /// Source: fabric v2.5.16 `msp/identities.go` `GetOrganizationalUnits`.
    pub(crate) fn units_of(&self, certificate: &Certificate, path: Option<&Path>) -> Vec<OrganizationalUnit> {
        let Some(path) = path else { return Vec::new() };
        let certifiers_identifier = self.certifiers_identifier(path.certificates().skip(1));
        let names = certificate.subject().organizational_units();
        names
            .map(|name| OrganizationalUnit {
                name: name.to_owned(),
                certifiers_identifier: certifiers_identifier.clone(),
            })
            .collect()
    }

    /// The hash over authorities from the issuer up to the root.
    pub(crate) fn certifiers_identifier<'a>(
        &self,
        authorities: impl Iterator<Item = &'a Certificate>,
    ) -> Vec<u8> {
        // Setup made identities of the roots, so the hash is known.
        let hash = self.identity_hash.clone().unwrap_or(IdentityHash::Sha256);
        hash.of(authorities.map(|authority| authority.der().as_ref()))
    }

    /// The hash that names an identity, lower-case hexadecimal.
    pub(crate) fn digest_of(&self, certificate: &Certificate) -> Result<String, IdentityError> {
        let hash = self.identity_hash.clone().map_err(IdentityError::Hash)?;
        Ok(raddle_proto::hash::hex(&hash.of([certificate.der().as_ref()])))
    }

    /// Checks that the certificate's key is of a kind that Fabric imports.
    pub(crate) fn check_key(certificate: &Certificate) -> Result<(), KeyTypeError> {
        match certificate.key() {
            PublicKey::Ecdsa(_) | PublicKey::Rsa { .. } => Ok(()),
            PublicKey::Ed25519(_) | PublicKey::Dsa | PublicKey::Unknown => Err(KeyTypeError),
        }
    }
}

impl fmt::Debug for Msp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Msp")
            .field("id", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The certificate with a low S under its signer's key; the same object if nothing changes.
fn with_low_s(
    certificate: &Arc<Certificate>,
    signer: &Certificate,
) -> Result<Arc<Certificate>, IdentityError> {
    // What an ECDSA signature was verified under is an ECDSA key.
    let PublicKey::Ecdsa(key) = signer.key() else { return Ok(Arc::clone(certificate)) };
    let low = EcdsaSignature::read(certificate.signature())?.into_low_s(key.curve).to_der();
    if low == certificate.signature() {
        return Ok(Arc::clone(certificate));
    }
    Ok(Arc::new(certificate.with_signature(&low)?))
}
