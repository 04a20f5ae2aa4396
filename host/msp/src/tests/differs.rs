//! What Fabric takes and this does not, on purpose.

use std::path::PathBuf;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::msp::{FabricMspConfig, MspConfig, SerializedIdentity};

use crate::{Msp, MspManager, MspVersion};

fn golden(name: &str) -> Bytes {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/msp/p224").join(name);
    std::fs::read(path).unwrap().into()
}

fn config(r#type: i32) -> MspConfig {
    let config = FabricMspConfig {
        name: "Org1MSP".to_owned(),
        admins: vec![golden("leaf.pem")],
        root_certs: vec![golden("ca.pem")],
        ..FabricMspConfig::default()
    };
    MspConfig { r#type, config: config.encode_to_vec().into() }
}

#[test]
fn an_msp_of_type_idemix_is_refused_by_its_type() {
    let version = MspVersion::V1_4_3;
    assert!(Msp::setup(&config(0), version).is_ok());
    let refused = Msp::setup(&config(1), version).map(|_| ()).unwrap_err();
    assert_eq!(refused.to_string(), "Setup error: unsupported msp type 1");
}

#[test]
fn a_good_signature_under_p_224_does_not_hold_though_its_identity_is_valid() {
    let manager = MspManager::new([Msp::setup(&config(0), MspVersion::V1_4_3).unwrap()]);
    let creator = SerializedIdentity { mspid: "Org1MSP".to_owned(), id_bytes: golden("leaf.pem") };
    let identity = manager.deserialize(&creator.encode_to_vec()).unwrap();
    identity.validate().unwrap();
    let refused = identity.verify(b"a message", &golden("signature.der")).unwrap_err();
    assert_eq!(refused.to_string(), "The signature is invalid");
}
