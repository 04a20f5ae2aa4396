//! What Fabric's own MSPs said of thousands of configs and certificates.

use std::io::Read as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use raddle_proto::common::MspPrincipal;
use raddle_proto::common::msp_principal::Classification;
use raddle_proto::msp::MspConfig;
use raddle_proto::wire::go_decode;
use serde::{Deserialize, Deserializer};

use crate::{CacheSizes, CachedManager, Identity, Msp, MspManager, MspVersion};

#[derive(Deserialize)]
struct Case {
    name: String,
    version: String,
    config: Blob,
    #[serde(default)]
    setup: String,
    #[serde(default)]
    principals: Vec<Principal>,
    #[serde(default)]
    identities: Vec<IdentityCase>,
}

#[derive(Deserialize)]
struct Principal {
    class: i32,
    bytes: Blob,
}

#[derive(Deserialize)]
struct IdentityCase {
    name: String,
    bytes: Blob,
    #[serde(default)]
    deserialize: String,
    #[serde(default)]
    id: String,
    serialized: Option<Blob>,
    #[serde(default)]
    expires_at: i64,
    #[serde(default)]
    units: Vec<Unit>,
    #[serde(default)]
    validate: String,
    #[serde(default)]
    principals: Vec<String>,
    #[serde(default)]
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Unit {
    name: String,
    certifiers: String,
}

#[derive(Deserialize)]
struct Signature {
    message: Blob,
    bytes: Blob,
    verify: String,
}

/// Bytes by their place in the file's table.
type Blob = usize;

/// Cases, and the bytes that they mention, each once.
#[derive(Deserialize)]
struct Cases {
    blobs: Vec<Bytes>,
    cases: Vec<Case>,
}

/// Base64.
#[derive(Clone, Default)]
pub(super) struct Bytes(pub(super) bytes::Bytes);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(STANDARD.decode(text).map_err(serde::de::Error::custom)?.into()))
    }
}

impl Cases {
    fn blob(&self, place: Blob) -> bytes::Bytes {
        self.blobs[place].0.clone()
    }
}

pub(super) fn golden<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/msp").join(name);
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// An error's text, empty for none. What follows `proto:` Go's library words by chance.
fn said<E: ToString>(result: Result<(), E>) -> String {
    comparable(&result.err().map(|error| error.to_string()).unwrap_or_default())
}

fn comparable(text: &str) -> String {
    let wire = [
        "could not deserialize a SerializedIdentity: ",
        "failed unmarshalling fabric msp config: ",
        " from principal: ",
    ];
    for before in wire {
        if let Some((head, _)) = text.split_once(before) {
            return format!("{head}{before}...");
        }
    }
    // Where Go prints a whole struct, something shorter stands here.
    let marks = [
        ("Failed adding OU. Certificate [", "] not in root"),
        ("Failed computing validation chain for [", "]. ["),
        ("Unsupported 'VerifyKey' provided [", "]"),
        // Go writes a URI anew before it prints it.
        ("this name: URI with empty host (", ") cannot"),
        ("this name: URI with IP (", ") cannot"),
        ("this name: URI \"", "\" is"),
    ];
    for (before, after) in marks {
        let Some((head, tail)) = text.split_once(before) else { continue };
        let Some((_, tail)) = tail.split_once(after) else { continue };
        return format!("{head}{before}...{after}{tail}");
    }
    text.to_owned()
}

/// What differs between Fabric's answer and ours.
#[derive(Default)]
pub(super) struct Differences(Vec<String>);

impl Differences {
    pub(super) fn compare(&mut self, what: impl FnOnce() -> String, fabric: &str, ours: &str) {
        let fabric = comparable(fabric);
        if fabric != ours {
            let at =
                fabric.bytes().zip(ours.bytes()).position(|(left, right)| left != right).unwrap_or_default();
            let tail = |text: &str| {
                text.get(at.saturating_sub(80)..).unwrap_or(text).chars().take(400).collect::<String>()
            };
            self.0.push(format!("{}\n  fabric: {}\n  ours:   {}", what(), tail(&fabric), tail(ours)));
        }
    }

    pub(super) fn check(self) {
        let shown: Vec<&str> = self.0.iter().take(12).map(String::as_str).collect();
        assert!(self.0.is_empty(), "{} differences, the first of them:\n{}", self.0.len(), shown.join("\n"));
    }
}

fn version(name: &str) -> MspVersion {
    match name {
        "1.0" => MspVersion::V1_0,
        "1.1" => MspVersion::V1_1,
        "1.3" => MspVersion::V1_3,
        "1.4.3" => MspVersion::V1_4_3,
        _ => panic!("{name}"),
    }
}

fn compare(file: &str, count_min: usize) {
    let all: Cases = golden(file);
    assert!(all.cases.len() >= count_min, "{}", all.cases.len());
    let mut differences = Differences::default();
    for case in &all.cases {
        let what = format!("{} ({})", case.name, case.version);
        let config: MspConfig = go_decode(all.blob(case.config)).unwrap();
        let msp = Msp::setup(&config, version(&case.version));
        differences.compare(|| format!("{what}: setup"), &case.setup, &said(msp.as_ref().map(|_| ())));
        let Ok(msp) = msp else { continue };
        let cached = CachedManager::new(MspManager::new([msp]), CacheSizes { identities: 8, principals: 8 });
        let principals = case.principals.iter().map(|principal| MspPrincipal {
            principal_classification: principal.class,
            principal: all.blob(principal.bytes),
        });
        let principals: Vec<_> = principals.collect();
        for identity in &case.identities {
            compare_identity(&mut differences, &all, &what, &cached, &principals, identity);
        }
    }
    differences.check();
}

fn compare_identity(
    differences: &mut Differences,
    all: &Cases,
    what: &str,
    cached: &CachedManager,
    principals: &[MspPrincipal],
    case: &IdentityCase,
) {
    let what = |of: &str| format!("{what}: {}: {of}", case.name);
    let bytes = all.blob(case.bytes);
    let identity = cached.deserialize(&bytes);
    let ours = said(identity.as_ref().map(|_| ()));
    differences.compare(|| what("deserialize"), &case.deserialize, &ours);
    let Ok(identity) = identity else { return };
    let identity: &Identity = &identity;
    differences.compare(|| what("id"), &case.id, &identity.id().to_string());
    let serialized = case.serialized.map_or(bytes, |place| all.blob(place));
    assert_eq!(identity.serialize(), serialized, "{}", what("serialized"));
    assert_eq!(identity.expires_at(), case.expires_at, "{}", what("expires at"));
    let units = identity.organizational_units().iter();
    let ours: Vec<_> =
        units.map(|unit| (unit.name.clone(), raddle_proto::hash::hex(&unit.certifiers_identifier))).collect();
    let theirs: Vec<_> = case.units.iter().map(|unit| (unit.name.clone(), unit.certifiers.clone())).collect();
    assert_eq!(ours, theirs, "{}", what("units"));
    differences.compare(|| what("validate"), &case.validate, &said(identity.validate()));
    assert_eq!(principals.len(), case.principals.len());
    for (index, (principal, theirs)) in principals.iter().zip(&case.principals).enumerate() {
        // Once judged, once remembered.
        for _ in 0..2 {
            let ours = said(cached.satisfies(identity, principal));
            differences.compare(|| what(&format!("principal {index}")), theirs, &ours);
        }
    }
    // An identity is itself if it is valid.
    let (class, principal) = (Classification::Identity as i32, identity.serialize());
    let itself = MspPrincipal { principal_classification: class, principal };
    assert_eq!(identity.satisfies(&itself).is_ok(), identity.validate().is_ok(), "{}", what("itself"));
    for (index, signature) in case.signatures.iter().enumerate() {
        let ours = said(identity.verify(&all.blob(signature.message), &all.blob(signature.bytes)));
        differences.compare(|| what(&format!("signature {index}")), &signature.verify, &ours);
    }
}

#[test]
fn msps_answer_as_fabric_answers() {
    compare("cases.json.gz", 600);
}

#[test]
fn cert_paths_and_names_are_judged_as_fabric_judges_them() {
    compare("paths.json.gz", 300);
}
