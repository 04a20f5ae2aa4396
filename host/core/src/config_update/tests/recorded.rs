//! What a Kafka-mode orderer answered to 33 updates in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use raddle_proto::common;
use raddle_proto::wire::Envelope;

use crate::access::PolicyVerdict;
use crate::bundle::{CurrentConfig, read_genesis};
use crate::config_update::{INITIAL_CHECKS, MaintenanceError, inspect_maintenance, propose, validate};
use crate::policy::CHANNEL_WRITERS;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5").join(name)
}

/// The answer, and the next config if it is SUCCESS. What comes after an orderer's signature is not asked.
fn answer(
    current: &CurrentConfig,
    envelope: &Envelope,
) -> Result<Arc<CurrentConfig>, (&'static str, String)> {
    assert!(envelope.size_bytes() <= u64::from(current.bundle.batch_size.absolute_max_bytes));
    match current.access.evaluate(CHANNEL_WRITERS, envelope) {
        PolicyVerdict::Satisfied => {}
        PolicyVerdict::Denied(text) => {
            return Err(("FORBIDDEN", format!("{INITIAL_CHECKS}{text}: permission denied")));
        }
        other => panic!("{other:?}"),
    }
    let proposal =
        propose(current, envelope).map_err(|error| (error.status().as_str_name(), error.to_string()))?;
    inspect_maintenance(current, &proposal)
        .map_err(|error: MaintenanceError| ("BAD_REQUEST", error.info()))?;
    let validated = validate(current, &proposal.envelope).unwrap();
    assert_eq!(validated.config, proposal.next.config);
    Ok(proposal.next)
}

/// The channel's first config, and the updates.
fn recorded() -> (Arc<CurrentConfig>, Vec<serde_json::Value>) {
    let genesis = std::fs::read(golden("mychannel.block")).unwrap();
    let cases: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(golden("config-update-cases.json")).unwrap()).unwrap();
    assert_eq!(cases.len(), 33);
    (read_genesis(genesis.into()).unwrap().config, cases)
}

fn envelope_of(case: &serde_json::Value) -> Envelope {
    let bytes = STANDARD.decode(case["envelope"].as_str().unwrap()).unwrap();
    Envelope::unmarshal(bytes.into()).unwrap()
}

#[test]
fn every_recorded_update_gets_the_recorded_answer() {
    let (mut current, cases) = recorded();
    let mut wrong = Vec::new();
    for case in cases {
        let of = |field: &str| case[field].as_str().unwrap();
        let (status, info) = match answer(&current, &envelope_of(&case)) {
            Ok(next) => {
                current = next;
                ("SUCCESS", String::new())
            }
            Err(refused) => refused,
        };
        if (status, info.as_str()) != (of("status"), of("info")) {
            wrong.push(format!(
                "{}: {status} {info}\n  recorded: {} {}",
                of("name"),
                of("status"),
                of("info")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Block 0 is at sequence 1, and 17 of the answers are SUCCESS.
    assert_eq!(current.bundle.sequence.0, 18);
}

/// Whoever may write to the log puts records there that no orderer made: the signatures under an update count there
/// too.
#[test]
fn a_record_whose_update_lacks_signatures_does_not_validate() {
    let (mut current, cases) = recorded();
    let mut taken = 0;
    for case in cases {
        let Ok(next) = answer(&current, &envelope_of(&case)) else { continue };
        let mut record = propose(&current, &envelope_of(&case)).unwrap().envelope;
        let last_update = record.last_update.as_mut().unwrap();
        let mut payload = common::Payload::decode(last_update.payload.clone()).unwrap();
        let mut update = common::ConfigUpdateEnvelope::decode(payload.data).unwrap();
        update.signatures.clear();
        payload.data = update.encode_to_vec().into();
        last_update.payload = payload.encode_to_vec().into();
        let error = validate(&current, &record).unwrap_err().to_string();
        assert!(error.contains("error validating DeltaSet: policy for"), "{}: {error}", case["name"]);
        current = next;
        taken += 1;
    }
    assert_eq!(taken, 17);
}
