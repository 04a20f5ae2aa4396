//! Blocks signed by a replay carry signatures that Fabric's peers accept.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use prost::Message as _;
use raddle_msp::Certificate;
use raddle_proto::{common, hash, msp};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;

use crate::harness::{golden, read_blocks, repository};

fn replay(folder: &Path, msp_dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_raddle"))
        .args(["replay", "--msp-id", "OrdererMSP", "--out", "out.blocks", "--msp-dir"])
        .arg(msp_dir)
        .arg("--genesis")
        .arg(golden("mychannel.block"))
        .arg("--topic")
        .arg(golden("mychannel.topic.jsonl.gz"))
        .current_dir(folder)
        .output()
        .unwrap()
}

fn identity() -> std::path::PathBuf {
    repository().join("tests/golden/identity")
}

#[test]
fn each_block_is_signed_once_over_metadata_signature_header_and_header() {
    let folder = TempDir::new().unwrap();
    let output = replay(folder.path(), &identity());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let pem = fs::read(identity().join("signcerts/orderer-cert.pem")).unwrap();
    let der = CertificateDer::from_pem_slice(&pem).unwrap();
    let certificate = Certificate::parse(der.to_vec().into()).unwrap();
    let key_info = certificate.raw_key_info();
    // The uncompressed point is at the end.
    let public_key = &key_info[key_info.len() - 65..];
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, public_key);
    let blocks = read_blocks(fs::read(folder.path().join("out.blocks")).unwrap());
    assert_eq!(blocks.len(), 262);
    let mut nonces = std::collections::BTreeSet::new();
    for block in &blocks[1..] {
        let header = block.header.as_ref().unwrap();
        let entry = block.metadata.as_ref().unwrap().metadata[0].clone();
        let metadata = common::Metadata::decode(entry).unwrap();
        let [signature] = metadata.signatures.as_slice() else { panic!("one signature is wanted") };
        let signature_header = common::SignatureHeader::decode(signature.signature_header.clone()).unwrap();
        let creator = msp::SerializedIdentity::decode(signature_header.creator).unwrap();
        assert_eq!((creator.mspid.as_str(), creator.id_bytes.as_ref()), ("OrdererMSP", pem.as_slice()));
        assert_eq!(signature_header.nonce.len(), 24);
        assert!(nonces.insert(signature_header.nonce), "a nonce is used once");
        let header_bytes = hash::block_header_bytes(header.number, &header.previous_hash, &header.data_hash);
        let signed = [metadata.value.as_ref(), signature.signature_header.as_ref(), &header_bytes].concat();
        key.verify(&signed, &signature.signature).unwrap();
        assert!(has_low_s(&signature.signature));
    }
}

/// Half of P-256's order, from above.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde,
    0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// The second integer of the signature: SEQUENCE { r, s }, each with its length in one byte.
fn has_low_s(signature: &[u8]) -> bool {
    let s = &signature[4 + usize::from(signature[3])..];
    assert_eq!((s[0], usize::from(s[1])), (2, s.len() - 2));
    let digits = &s[2..];
    let digits = digits.strip_prefix(&[0]).unwrap_or(digits);
    let mut padded = [0; 32];
    padded[32 - digits.len()..].copy_from_slice(digits);
    padded <= HALF_ORDER
}

#[test]
fn a_folder_without_an_identity_is_refused_with_what_is_missing() {
    let folder = TempDir::new().unwrap();
    let msp = folder.path().join("msp");
    fs::create_dir_all(msp.join("keystore")).unwrap();
    let said = |expected: &str| {
        let output = replay(folder.path(), &msp);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("failed RDL-4007  ") && said.contains(expected), "{said}");
        assert_eq!(output.status.code(), Some(2));
    };
    said("signcerts cannot be read: No such file or directory");
    fs::create_dir(msp.join("signcerts")).unwrap();
    said("signcerts holds 0 files, and one certificate is wanted");
    fs::write(msp.join("signcerts/a.pem"), "nonsense").unwrap();
    said("a.pem is no certificate in PEM: ");
    fs::copy(identity().join("signcerts/orderer-cert.pem"), msp.join("signcerts/a.pem")).unwrap();
    fs::write(msp.join("keystore/key.pem"), "nonsense").unwrap();
    said("none of the 1 files in ");
}
