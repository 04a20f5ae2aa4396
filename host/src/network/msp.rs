//! An organisation's MSP: its value in a channel's config, and its folders as Fabric's cryptogen lays them out.

use std::path::Path;

use prost::Message as _;
use raddle_proto::msp::{FabricCryptoConfig, FabricMspConfig, FabricNodeOUs, FabricOuIdentifier, MspConfig};

use super::folder::{Access, create_folder, write_file};
use super::{IssuedIdentity, NetworkError, Organisation, Role};

impl Organisation {
    /// The MSP as a channel's config carries it: the authority, and the units that tell roles.
    ///
    /// Source: fabric v2.5.16 `msp/configbuilder.go` `getMspConfig`.
    #[must_use]
    pub fn msp_config(&self) -> MspConfig {
        let unit = |role: Role| {
            Some(FabricOuIdentifier {
                certificate: self.authority_pem().to_owned().into(),
                organizational_unit_identifier: role.unit().into(),
            })
        };
        let config = FabricMspConfig {
            name: self.names().msp_id.clone(),
            root_certs: vec![self.authority_pem().to_owned().into()],
            tls_root_certs: self.tls_authority_pem.iter().map(|pem| pem.clone().into()).collect(),
            crypto_config: Some(FabricCryptoConfig {
                signature_hash_family: "SHA2".into(),
                identity_identifier_hash_function: "SHA256".into(),
            }),
            fabric_node_ous: Some(FabricNodeOUs {
                enable: true,
                client_ou_identifier: unit(Role::Client),
                peer_ou_identifier: unit(Role::Peer),
                admin_ou_identifier: unit(Role::Admin),
                orderer_ou_identifier: unit(Role::Orderer),
            }),
            ..FabricMspConfig::default()
        };
        // Type 0 is FABRIC.
        MspConfig { r#type: 0, config: config.encode_to_vec().into() }
    }

    /// Writes the MSP that others verify by, without keys: `cacerts` and `config.yaml`.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Write`].
    ///
    /// Source: fabric v2.5.16 `internal/cryptogen/msp/msp.go` `GenerateVerifyingMSP`.
    pub fn write_msp(&self, folder: &Path) -> Result<(), NetworkError> {
        let authority_file = format!("ca.{}-cert.pem", self.names().domain);
        create_folder(&folder.join("cacerts"))?;
        let pem = self.authority_pem().as_bytes();
        write_file(&folder.join("cacerts").join(&authority_file), pem, Access::Public)?;
        if let Some(pem) = &self.tls_authority_pem {
            let tls_file = format!("tlsca.{}-cert.pem", self.names().domain);
            create_folder(&folder.join("tlscacerts"))?;
            write_file(&folder.join("tlscacerts").join(tls_file), pem.as_bytes(), Access::Public)?;
        }
        let config = node_units(&format!("cacerts/{authority_file}"));
        write_file(&folder.join("config.yaml"), config.as_bytes(), Access::Public)
    }

    /// Writes the MSP of one identity: what [`Organisation::write_msp`] writes, `signcerts` and `keystore`.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Write`].
    ///
    /// Source: fabric v2.5.16 `internal/cryptogen/msp/msp.go` `GenerateLocalMSP`.
    pub fn write_identity(&self, identity: &IssuedIdentity, folder: &Path) -> Result<(), NetworkError> {
        self.write_msp(folder)?;
        let (certificates, keys) = (folder.join("signcerts"), folder.join("keystore"));
        create_folder(&certificates)?;
        create_folder(&keys)?;
        let certificate_file = certificates.join(format!("{}-cert.pem", identity.common_name()));
        write_file(&certificate_file, identity.certificate_pem().as_bytes(), Access::Public)?;
        write_file(&keys.join("priv_sk"), identity.key_pem().as_bytes(), Access::Private)
    }

    /// Writes the authority's certificate and key, so that it can issue more.
    ///
    /// # Errors
    ///
    /// [`NetworkError::Write`], or the library fails.
    pub fn write_authority(&self, folder: &Path) -> Result<(), NetworkError> {
        create_folder(folder)?;
        let certificate_file = folder.join(format!("ca.{}-cert.pem", self.names().domain));
        write_file(&certificate_file, self.authority_pem().as_bytes(), Access::Public)?;
        write_file(&folder.join("priv_sk"), self.authority_key_pem()?.as_bytes(), Access::Private)
    }
}

/// `config.yaml`: which organisational unit tells which role.
fn node_units(authority_file: &str) -> String {
    let mut yaml = String::from("NodeOUs:\n  Enable: true\n");
    for (key, role) in [
        ("ClientOUIdentifier", Role::Client),
        ("PeerOUIdentifier", Role::Peer),
        ("AdminOUIdentifier", Role::Admin),
        ("OrdererOUIdentifier", Role::Orderer),
    ] {
        let unit = role.unit();
        yaml.push_str(&format!(
            "  {key}:\n    Certificate: {authority_file}\n    OrganizationalUnitIdentifier: {unit}\n"
        ));
    }
    yaml
}
