//! What a Kafka-mode orderer answered to 33 updates in order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

#[test]
fn every_recorded_update_gets_the_recorded_answer() {
    let genesis = std::fs::read(golden("mychannel.block")).unwrap();
    let mut current = read_genesis(genesis.into()).unwrap().config;
    let cases: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(golden("config-update-cases.json")).unwrap()).unwrap();
    assert_eq!(cases.len(), 33);
    let mut wrong = Vec::new();
    for case in cases {
        let of = |field: &str| case[field].as_str().unwrap();
        let envelope = Envelope::unmarshal(STANDARD.decode(of("envelope")).unwrap().into()).unwrap();
        let (status, info) = match answer(&current, &envelope) {
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
