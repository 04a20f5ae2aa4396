//! Setting up an MSP from its config. The first thing that is wrong is the one that is said, so the order is Fabric's.
//!
//! Source: fabric v2.5.16 `msp/mspimplsetup.go`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use raddle_proto::msp::{FabricMspConfig, FabricNodeOUs, FabricOuIdentifier, MspConfig, SigningIdentityInfo};
use raddle_proto::wire::go_decode;

use crate::crl::RevocationList;
use crate::error::{
    AdminError, AuthorityError, CertifiersError, ConfiguredCertificateError, PrincipalError, SetupError,
};
use crate::hash::{IdentityHash, SignatureHash};
use crate::msp::{Msp, Sanitized};
use crate::pem;
use crate::role::{MspVersion, Role};
use crate::units::{OrganizationalUnit, RoleUnit, UnitRules};
use crate::x509::{Certificate, Path, Pool, Pools};

impl Msp {
    /// Sets up an MSP. It takes no clock: certificates are verified one second after they begin to be valid.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with the config, in Fabric's order and words.
    pub fn setup(config: &MspConfig, version: MspVersion) -> Result<Self, SetupError> {
        if config.r#type != 0 {
            return Err(SetupError::UnsupportedType(config.r#type));
        }
        let config: FabricMspConfig = go_decode(config.config.clone()).map_err(SetupError::Encoding)?;
        let mut msp = Self::empty(&config, version);
        msp.setup_authorities(&config)?;
        let mut admins = Vec::new();
        if version < MspVersion::V1_4_3 {
            admins = msp.setup_admins(&config)?;
        }
        let lists = config.revocation_list.iter().map(|list| RevocationList::read(list));
        msp.revocation_lists = lists.collect::<Result<_, _>>()?;
        msp.finalize_authorities()?;
        if let Some(identity) = &config.signing_identity {
            msp.check_signing_identity(identity)?;
        }
        msp.setup_tls_authorities(&config)?;
        msp.setup_listed_units(&config)?;
        msp.setup_role_units(config.fabric_node_ous.as_ref())?;
        if version >= MspVersion::V1_4_3 {
            admins = msp.setup_admins(&config)?;
            let has_admin_unit = msp.units.is_enforced && msp.units.admin.is_some();
            if admins.is_empty() && !has_admin_unit {
                return Err(SetupError::NoAdmins);
            }
        }
        msp.check_admins(&admins)?;
        Ok(msp)
    }

    fn empty(config: &FabricMspConfig, version: MspVersion) -> Self {
        let crypto = config.crypto_config.clone().unwrap_or_default();
        let or = |name: String, default: &str| if name.is_empty() { default.to_owned() } else { name };
        let identity_hash = or(crypto.identity_identifier_hash_function, "SHA256");
        let signature_hash = or(crypto.signature_hash_family, "SHA2");
        Self {
            name: config.name.clone(),
            version,
            pools: Pools::default(),
            roots: Vec::new(),
            intermediates: Vec::new(),
            internal_nodes: HashSet::new(),
            revocation_lists: Vec::new(),
            admins: HashSet::new(),
            units: UnitRules::default(),
            identity_hash: IdentityHash::by_name(&identity_hash).ok_or(identity_hash),
            signature_hash: SignatureHash::by_family(&signature_hash).ok_or(signature_hash),
            tls_roots: config.tls_root_certs.clone(),
            tls_intermediates: config.tls_intermediate_certs.clone(),
        }
    }

    /// Roots and intermediates: first as they stand, since sanitising them needs them all, then sanitised.
    fn setup_authorities(&mut self, config: &FabricMspConfig) -> Result<(), SetupError> {
        if config.root_certs.is_empty() {
            return Err(SetupError::NoAuthority);
        }
        let roots = configured_certificates(&config.root_certs)?;
        let intermediates = configured_certificates(&config.intermediate_certs)?;
        self.pools = pools(&roots, &intermediates);
        let sanitize = |certificates: Vec<Arc<Certificate>>| {
            let sanitized = certificates.into_iter().map(|certificate| self.configured_identity(certificate));
            sanitized
                .map(|identity| identity.map(|sanitized| sanitized.certificate))
                .collect::<Result<Vec<_>, _>>()
        };
        let (roots, intermediates) = (sanitize(roots)?, sanitize(intermediates)?);
        self.pools = pools(&roots, &intermediates);
        (self.roots, self.intermediates) = (roots, intermediates);
        Ok(())
    }

    /// What `getIdentityFromConf` checks of a configured certificate, once it is read.
    fn configured_identity(&self, certificate: Arc<Certificate>) -> Result<Sanitized, SetupError> {
        Self::check_key(&certificate)?;
        let sanitized = self.sanitize(certificate)?;
        self.digest_of(&sanitized.certificate)?;
        Ok(sanitized)
    }

    fn setup_admins(&mut self, config: &FabricMspConfig) -> Result<Vec<Sanitized>, SetupError> {
        let identities =
            config.admins.iter().map(|pem| self.configured_identity(configured_certificate(pem)?));
        let admins: Vec<Sanitized> = identities.collect::<Result<_, _>>()?;
        self.admins = admins.iter().map(|admin| admin.certificate.der().clone()).collect();
        Ok(admins)
    }

    /// Checks every authority, and finds those that stand above others.
    fn finalize_authorities(&mut self) -> Result<(), SetupError> {
        for authority in self.roots.iter().chain(&self.intermediates) {
            self.check_authority(authority, &self.pools)?;
        }
        let mut internal_nodes = HashSet::new();
        for intermediate in &self.intermediates {
            let path = Self::unique_path(&self.pools, intermediate);
            let path = path
                .map_err(|error| AuthorityError::Path { serial: intermediate.serial().to_string(), error })?;
            internal_nodes.extend(path.certificates().skip(1).map(|above| above.der().clone()));
        }
        self.internal_nodes = internal_nodes;
        Ok(())
    }

    fn check_authority(&self, authority: &Arc<Certificate>, pools: &Pools) -> Result<(), AuthorityError> {
        let serial = authority.serial();
        if !authority.is_ca() {
            return Err(AuthorityError::NoAttribute { serial: format!("{serial:x}") });
        }
        if authority.extensions.subject_key_id.is_none() {
            return Err(AuthorityError::NoKeyId { serial: format!("{serial:x}") });
        }
        let path = Self::unique_path(pools, authority);
        let path = path.map_err(|error| AuthorityError::Path { serial: serial.to_string(), error })?;
        let revocation = self.check_revocation(authority, &path);
        revocation.map_err(|error| AuthorityError::Revocation { serial: serial.to_string(), error })
    }

    /// A channel's config should not carry a signing identity. If it does, its certificate is checked.
    ///
    /// Differs: Fabric also imports the private key and, by the clock, asks whether the certificate has expired. There
    /// are no private keys and no clock here.
    fn check_signing_identity(&self, identity: &SigningIdentityInfo) -> Result<(), SetupError> {
        self.configured_identity(configured_certificate(&identity.public_signer)?)?;
        let key = identity.private_signer.as_ref().filter(|key| !key.key_material.is_empty());
        let key = key.ok_or(SetupError::NoKeyMaterial)?;
        match pem::first_block(&key.key_material) {
            Some(_) => Ok(()),
            None => Err(SetupError::KeyMaterialEncoding(key.key_identifier.clone())),
        }
    }

    /// Authorities of TLS certificates are checked by themselves, and not sanitised.
    fn setup_tls_authorities(&self, config: &FabricMspConfig) -> Result<(), SetupError> {
        let roots = configured_certificates(&config.tls_root_certs)?;
        let intermediates = configured_certificates(&config.tls_intermediate_certs)?;
        let pools = pools(&roots, &intermediates);
        for authority in roots.iter().chain(&intermediates) {
            self.check_authority(authority, &pools)?;
        }
        Ok(())
    }

    fn setup_listed_units(&mut self, config: &FabricMspConfig) -> Result<(), SetupError> {
        let mut listed: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for identifier in &config.organizational_unit_identifiers {
            let FabricOuIdentifier { certificate: pem, organizational_unit_identifier: unit } = identifier;
            let certifiers = self.configured_certifiers(pem).map_err(|error| SetupError::UnitIdentifier {
                pem: pem.clone(),
                unit: unit.clone(),
                error: Box::new(error),
            })?;
            listed.entry(unit.clone()).or_default().push(certifiers);
        }
        self.units.listed = listed;
        Ok(())
    }

    /// Which units tell roles. Authorities are resolved even where roles are not enforced.
    fn setup_role_units(&mut self, config: Option<&FabricNodeOUs>) -> Result<(), SetupError> {
        let Some(config) = config.filter(|_| self.version >= MspVersion::V1_1) else { return Ok(()) };
        let named = |unit: &Option<FabricOuIdentifier>| {
            unit.as_ref().is_some_and(|unit| !unit.organizational_unit_identifier.is_empty())
        };
        let has_four_roles = self.version >= MspVersion::V1_4_3;
        if !has_four_roles && !named(&config.client_ou_identifier) {
            return Err(SetupError::NoClientUnit);
        }
        if !has_four_roles && !named(&config.peer_ou_identifier) {
            return Err(SetupError::NoPeerUnit);
        }
        let unit =
            |unit: &Option<FabricOuIdentifier>| unit.as_ref().map(|unit| self.role_unit(unit)).transpose();
        let client = unit(&config.client_ou_identifier)?;
        let peer = unit(&config.peer_ou_identifier)?;
        let (mut admin, mut orderer) = (None, None);
        if has_four_roles {
            admin = unit(&config.admin_ou_identifier)?;
            orderer = unit(&config.orderer_ou_identifier)?;
        }
        let has_any = [&client, &peer, &admin, &orderer].iter().any(|unit| unit.is_some());
        let listed = std::mem::take(&mut self.units.listed);
        self.units =
            UnitRules { is_enforced: config.enable && has_any, client, peer, admin, orderer, listed };
        Ok(())
    }

    fn role_unit(&self, unit: &FabricOuIdentifier) -> Result<RoleUnit, CertifiersError> {
        let pem = &unit.certificate;
        let certifiers_identifier =
            if pem.is_empty() { Vec::new() } else { self.configured_certifiers(pem)? };
        Ok(RoleUnit { name: unit.organizational_unit_identifier.clone(), certifiers_identifier })
    }

    /// The hash over a configured authority and everything above it.
    fn configured_certifiers(&self, pem: &Bytes) -> Result<Vec<u8>, CertifiersError> {
        let certificate = if pem.is_empty() {
            Err(ConfiguredCertificateError::Missing)
        } else {
            configured_certificate(pem)
        };
        let certificate =
            certificate.map_err(|error| CertifiersError::Certificate { pem: pem.clone(), error })?;
        let certificate = self.sanitize(certificate)?.certificate;
        if self.roots.contains(&certificate) {
            return Ok(self.certifiers_identifier(std::iter::once(certificate.as_ref())));
        }
        if !self.intermediates.contains(&certificate) {
            return Err(CertifiersError::NotAnAuthority(certificate.subject().to_string()));
        }
        let path = Self::unique_path(&self.pools, &certificate).map_err(Into::into);
        let path = path.and_then(|path| self.check_issuer(&certificate, &path, 0).map(|()| path));
        let path = path
            .map_err(|error| CertifiersError::Path { subject: certificate.subject().to_string(), error })?;
        Ok(self.certifiers_identifier(path.certificates()))
    }

    /// Checks listed admins once everything else is set up.
    ///
    /// Source: fabric v2.5.16 `msp/mspimplsetup.go` `postSetupV1`, `V11`, `V142`.
    fn check_admins(&self, admins: &[Sanitized]) -> Result<(), SetupError> {
        for (index, admin) in admins.iter().enumerate() {
            let path = self.identity_path(&admin.certificate, admin.path.as_ref());
            let units = self.units_of(&admin.certificate, path.as_ref().ok());
            if self.units.is_enforced && self.version >= MspVersion::V1_4_3 {
                self.check_admin_roles(index, &units)?;
                continue;
            }
            let result = self.check_admin(&admin.certificate, path.as_ref(), &units);
            result.map_err(|error| SetupError::Admin { index, error })?;
        }
        Ok(())
    }

    fn check_admin(
        &self,
        admin: &Certificate,
        path: Result<&Path, &crate::error::IdentityPathError>,
        units: &[OrganizationalUnit],
    ) -> Result<(), AdminError> {
        let validity = self.validate(admin, path, units);
        if !self.units.is_enforced {
            return Ok(validity?);
        }
        let msp_id = || self.name.clone();
        let role = Role::Client;
        let client = match validity {
            Err(error) => Err(PrincipalError::InvalidForRole { msp_id: msp_id(), error }),
            Ok(()) => self
                .units
                .check_role(role, units, &self.name)
                .map_err(|error| PrincipalError::NotOfRole { role, msp_id: msp_id(), error }),
        };
        client.map_err(|error| AdminError::NotClient(Box::new(error)))
    }

    /// Listed admins need a unit of a client or an admin; whether they are valid is not asked.
    fn check_admin_roles(&self, index: usize, units: &[OrganizationalUnit]) -> Result<(), SetupError> {
        let check = |role| self.units.check_role(role, units, &self.name);
        match (check(Role::Client), check(Role::Admin)) {
            (Err(client), Err(admin)) => {
                let (client, admin) = (Box::new(client), Box::new(admin));
                Err(SetupError::AdminRole { index, client, admin })
            }
            _ => Ok(()),
        }
    }
}

fn pools(roots: &[Arc<Certificate>], intermediates: &[Arc<Certificate>]) -> Pools {
    let pool = |certificates: &[Arc<Certificate>]| certificates.iter().cloned().collect::<Pool>();
    Pools { roots: pool(roots), intermediates: pool(intermediates) }
}

fn configured_certificates(all: &[Bytes]) -> Result<Vec<Arc<Certificate>>, ConfiguredCertificateError> {
    all.iter().map(configured_certificate).collect()
}

/// The certificate of the first PEM block, whatever its label.
fn configured_certificate(pem: &Bytes) -> Result<Arc<Certificate>, ConfiguredCertificateError> {
    let block = pem::first_block(pem).ok_or_else(|| ConfiguredCertificateError::Pem(pem.clone()))?;
    Ok(Arc::new(Certificate::parse(block.bytes.into())?))
}
