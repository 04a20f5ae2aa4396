//! Identities that sign: what they make, and which folders make none.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use raddle::identity::{CertificateError, KeyError, PemError, Signer};
use raddle::network::{IssuedIdentity, Role, Validity};
use raddle_core::access::PolicyVerdict;
use raddle_core::bundle::read_genesis;
use raddle_core::policy::{CHANNEL_READERS, CHANNEL_WRITERS};
use raddle_proto::common::{self, HeaderType};
use raddle_proto::hash::hex;
use raddle_proto::orderer::seek_position::Type;
use raddle_proto::orderer::{SeekInfo, SeekNewest, SeekPosition};
use raddle_proto::wire::{self, Envelope};
use raddle_serve::client::AtomicBroadcastClient;
use rcgen::{CertificateParams, KeyIdMethod, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tonic::transport::Endpoint;

use crate::harness::orderer::start;
use crate::network::{Team, channel, draft, message};

// === envelopes ===

#[test]
fn an_envelope_says_what_it_was_given_and_its_tx_id_is_of_nonce_and_creator() {
    let signer = Team::new("Org1").signer(Role::Client);
    let at = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5);
    let envelope =
        signer.envelope(&channel(), HeaderType::EndorserTransaction, b"data".as_slice(), at).unwrap();
    let header = wire::channel_header(&envelope).unwrap();
    let timestamp = header.timestamp.as_ref().unwrap();
    assert_eq!((header.r#type, header.version, header.epoch), (3, 0, 0));
    assert_eq!((header.channel_id.as_str(), timestamp.seconds, timestamp.nanos), ("demo", 1_700_000_000, 5));
    let signature_header = wire::signature_header(&envelope).unwrap();
    assert_eq!(
        (signature_header.creator.as_ref(), signature_header.nonce.len()),
        (signer.creator().as_ref(), 24)
    );
    let hash =
        digest(&SHA256, &[signature_header.nonce.as_ref(), signature_header.creator.as_ref()].concat());
    assert_eq!(header.tx_id, hex(hash.as_ref()));
    let payload = common::Payload::decode(envelope.payload().clone()).unwrap();
    assert_eq!(payload.data.as_ref(), b"data");
    let again = signer.envelope(&channel(), HeaderType::EndorserTransaction, b"data".as_slice(), at).unwrap();
    assert_ne!(wire::channel_header(&again).unwrap().tx_id, header.tx_id);
}

#[test]
fn many_signatures_are_all_of_the_form_that_fabric_takes() {
    let (orderer, members) = (Team::new("Orderer"), [Team::new("Org1")]);
    let block = draft(&orderer, &members).genesis(SystemTime::now()).unwrap();
    let access = Arc::clone(&read_genesis(block.encode_to_vec().into()).unwrap().config.access);
    let signer = members[0].signer(Role::Client);
    // Without the lower s every other one would be refused.
    for _ in 0..64 {
        assert_eq!(access.evaluate(CHANNEL_WRITERS, &message(&signer)), PolicyVerdict::Satisfied);
    }
}

#[test]
fn a_seek_is_signed_by_a_reader_and_says_what_is_sought() {
    let (orderer, members) = (Team::new("Orderer"), [Team::new("Org1")]);
    let block = draft(&orderer, &members).genesis(SystemTime::now()).unwrap();
    let access = Arc::clone(&read_genesis(block.encode_to_vec().into()).unwrap().config.access);
    let newest = Some(SeekPosition { r#type: Some(Type::Newest(SeekNewest {})) });
    let sought = SeekInfo { start: newest, stop: newest, ..SeekInfo::default() };
    let seek = members[0].signer(Role::Peer).seek(&channel(), &sought, SystemTime::now()).unwrap();
    assert_eq!(wire::channel_header(&seek).unwrap().r#type, common::HeaderType::DeliverSeekInfo as i32);
    let payload = common::Payload::decode(seek.payload().clone()).unwrap();
    assert_eq!(SeekInfo::decode(payload.data).unwrap(), sought);
    assert_eq!(access.evaluate(CHANNEL_READERS, &seek), PolicyVerdict::Satisfied);
}

// === clients whose certificates have ended ===

async fn send(endpoint: &str, envelope: &Envelope) -> (i32, String) {
    let connected = Endpoint::from_shared(endpoint.to_owned()).unwrap().connect().await.unwrap();
    let mut client = AtomicBroadcastClient::new(connected);
    let envelope = common::Envelope::decode(envelope.marshal()).unwrap();
    let mut answers = client.broadcast(tokio_stream::iter([envelope])).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    (answer.status, answer.info)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_takes_a_valid_client_and_refuses_one_whose_certificate_has_ended() {
    let (orderers, members) = (Team::new("Orderer"), [Team::new("Org1")]);
    let genesis = draft(&orderers, &members).genesis(SystemTime::now()).unwrap();
    let folder = TempDir::new().unwrap();
    let orderer = start(folder.path(), genesis.encode_to_vec().into()).await;
    let endpoint = format!("http://{}", orderer.address());

    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    let client =
        |validity| members[0].organisation.issue(Role::Client, "client", validity).unwrap().signer().unwrap();
    let valid = client(Validity { from: now - hour, to: now + hour });
    let ended = client(Validity { from: now - 2 * hour, to: now - hour });
    assert_eq!(send(&endpoint, &message(&valid)).await, (200, String::new()));
    let expired = (400, "broadcast client identity expired".to_owned());
    assert_eq!(send(&endpoint, &message(&ended)).await, expired);
}

// === folders ===

/// An MSP folder with what is in `signcerts` and `keystore`.
fn msp_folder(parent: &Path, certificates: &[&str], keys: &[&str]) -> std::path::PathBuf {
    let folder = parent.join("msp");
    let _ = fs::remove_dir_all(&folder);
    for (name, texts) in [("signcerts", certificates), ("keystore", keys)] {
        fs::create_dir_all(folder.join(name)).unwrap();
        for (number, text) in texts.iter().enumerate() {
            fs::write(folder.join(name).join(format!("{number}.pem")), text).unwrap();
        }
    }
    folder
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn issue(team: &Team) -> IssuedIdentity {
    team.organisation.issue(Role::Client, "client", Validity::ten_years(SystemTime::now())).unwrap()
}

/// The key as openssl writes it: SEC 1, the curve's name before it.
fn as_sec1(identity: &IssuedIdentity) -> String {
    let der = PrivatePkcs8KeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der.secret_pkcs8_der()).unwrap();
    let sec1: EcPrivateKeyRfc5915Der<'static> = pair.private_key().as_der().unwrap();
    pem("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") + &pem("EC PRIVATE KEY", sec1.as_ref())
}

/// A key on P-384.
struct OtherCurve(EcdsaKeyPair);

impl PublicKeyData for OtherCurve {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P384_SHA384
    }
}

impl SigningKey for OtherCurve {
    fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.0.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec())
    }
}

impl OtherCurve {
    fn generate() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap())
    }

    fn certificate_pem(&self) -> String {
        let mut parameters = CertificateParams::default();
        parameters.serial_number = Some(SerialNumber::from_slice(&[1]));
        parameters.key_identifier_method = KeyIdMethod::PreSpecified(vec![1]);
        pem("CERTIFICATE", parameters.self_signed(self).unwrap().der())
    }

    fn key_pem(&self) -> String {
        pem("PRIVATE KEY", self.0.to_pkcs8v1().unwrap().as_ref())
    }
}

#[test]
fn a_folder_gives_the_identity_whose_certificate_is_in_it() {
    let parent = TempDir::new().unwrap();
    let team = Team::new("Org1");
    let (mine, other) = (issue(&team), issue(&team));
    let sec1 = as_sec1(&mine);
    let with_text = format!("subject=CN = client\n{}", mine.certificate_pem());
    for (certificate, keys) in [
        (mine.certificate_pem(), vec![mine.key_pem()]),
        (mine.certificate_pem(), vec![sec1.as_str()]),
        (with_text.as_str(), vec![other.key_pem(), "nonsense", mine.key_pem()]),
    ] {
        let folder = msp_folder(parent.path(), &[certificate], &keys);
        fs::write(folder.join("keystore/.hidden"), "not looked at").unwrap();
        let signer = Signer::from_msp_dir("Org1MSP", &folder).unwrap();
        // Text around the certificate does not become a part of who signs.
        assert_eq!(signer.creator(), mine.signer().unwrap().creator());
        assert_ne!(signer.creator(), other.signer().unwrap().creator());
    }
}

#[test]
fn a_folder_that_makes_no_identity_is_refused_with_what_is_wrong() {
    let parent = TempDir::new().unwrap();
    let team = Team::new("Org1");
    let (mine, other, p384) = (issue(&team), issue(&team), OtherCurve::generate());
    let (certificate, key) = (mine.certificate_pem(), mine.key_pem());
    let locked = pem("ENCRYPTED PRIVATE KEY", b"whatever");
    let cases: [(&[&str], &[&str], &str); 10] = [
        (&[], &[key], "signcerts holds 0 files, and one certificate is wanted"),
        (&[certificate, certificate], &[key], "signcerts holds 2 files, and one certificate is wanted"),
        (&["nonsense"], &[key], "0.pem is no certificate in PEM: "),
        (&[key], &[key], "0.pem is no certificate in PEM: "),
        (&[&pem("CERTIFICATE", b"\x30\x00")], &[key], "0.pem is no certificate in PEM: "),
        (&[&p384.certificate_pem()], &[&p384.key_pem()], "0.pem is a certificate whose key is not on P-256"),
        (&[certificate], &[], "none of the 0 files in "),
        (&[certificate], &[other.key_pem()], "none of the 1 files in "),
        (&[certificate], &[&p384.key_pem(), "nonsense"], "none of the 2 files in "),
        (&[certificate], &[&locked], "none of the 1 files in "),
    ];
    for (certificates, keys, expected) in cases {
        let folder = msp_folder(parent.path(), certificates, keys);
        let said = Signer::from_msp_dir("Org1MSP", &folder).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let folder = msp_folder(parent.path(), &[certificate], &[key]);
    for gone in ["keystore", "signcerts"] {
        fs::remove_dir_all(folder.join(gone)).unwrap();
        let said = Signer::from_msp_dir("Org1MSP", &folder).unwrap_err().to_string();
        assert!(said.contains(&format!("msp/{gone} cannot be read: No such file")), "{said}");
    }
}

#[test]
fn what_cannot_be_opened_is_named() {
    let parent = TempDir::new().unwrap();
    let mine = issue(&Team::new("Org1"));
    let folder = msp_folder(parent.path(), &[mine.certificate_pem()], &[]);
    // A file is no folder, whoever asks; permissions would not stop root.
    fs::remove_dir(folder.join("keystore")).unwrap();
    fs::write(folder.join("keystore"), mine.key_pem()).unwrap();
    let said = Signer::from_msp_dir("Org1MSP", &folder).unwrap_err().to_string();
    assert!(said.contains("keystore cannot be read: Not a directory"), "{said}");
}

#[test]
fn two_texts_that_make_no_identity_are_refused_with_what_is_wrong() {
    let team = Team::new("Org1");
    let (mine, other, p384) = (issue(&team), issue(&team), OtherCurve::generate());
    let (certificate, key) = (mine.certificate_pem(), mine.key_pem());
    let refused = |certificate: &str, key: &str| {
        Signer::from_pem(certificate.as_bytes(), key.as_bytes(), "Org1MSP").unwrap_err()
    };
    assert_eq!(refused(certificate, other.key_pem()), PemError::OtherKey);
    assert_eq!(refused(certificate, ""), PemError::Key(KeyError::Unreadable));
    assert_eq!(refused(certificate, certificate), PemError::Key(KeyError::Unreadable));
    assert!(matches!(refused(certificate, &p384.key_pem()), PemError::Key(KeyError::NotP256(_))));
    let rsa = refused(certificate, &pem("RSA PRIVATE KEY", b"x"));
    assert_eq!(rsa.to_string(), "the key is no private key on P-256: an RSA key");
    assert_eq!(refused(&p384.certificate_pem(), key), PemError::Certificate(CertificateError::NotP256));
    let said = refused("", key).to_string();
    assert!(said.starts_with("the certificate is no certificate in PEM: "), "{said}");
}
