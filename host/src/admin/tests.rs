//! Places of a config set and taken away, and the updates that real orderers took and refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes};
use flate2::read::GzDecoder;
use prost::Message as _;
use raddle_core::access::Access;
use raddle_core::bundle::read_config_envelope;
use raddle_proto::common::{self, Config};
use raddle_proto::wire::{Envelope, go_decode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::edit::{EditError, edited, set, show, unset};
use super::update::{Approval, Draft, DraftError, approvals, stale};

/// What configtxlator was given and made of it, a line of packed JSON each.
pub(super) fn rows_of<T: DeserializeOwned>(packed: &[u8]) -> Vec<T> {
    let mut lines = String::new();
    GzDecoder::new(packed).read_to_string(&mut lines).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The config blocks of the recorded channel: each config, and the update that led to it.
fn configs() -> Vec<(Config, Bytes)> {
    let packed = include_bytes!("../../../tests/golden/fabric-2.5/mychannel.blocks.gz");
    let mut bytes = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    let mut bytes = Bytes::from(bytes);
    let mut configs = Vec::new();
    while bytes.has_remaining() {
        let block = common::Block::decode_length_delimited(&mut bytes).unwrap();
        let envelope = Envelope::unmarshal(block.data.unwrap().data[0].clone()).unwrap();
        let header = raddle_proto::wire::channel_header(&envelope).unwrap();
        if header.r#type == i32::from(common::HeaderType::Config) {
            let read = read_config_envelope(&envelope).unwrap();
            let update = read.last_update.map(|update| update.payload).unwrap_or_default();
            configs.push((read.config.unwrap(), update));
        }
    }
    configs
}

#[derive(Deserialize)]
struct Case {
    name: String,
    status: String,
    info: String,
    envelope: String,
}

#[test]
fn signatures_are_missing_and_versions_stale_where_real_orderers_said_so() {
    let configs = configs();
    let cases = include_bytes!("../../../tests/golden/fabric-2.5/config-update-cases.json");
    let cases: Vec<Case> = serde_json::from_slice(cases).unwrap();
    let envelope = |case: &Case| -> common::Envelope {
        go_decode(STANDARD.decode(&case.envelope).unwrap().into()).unwrap()
    };
    // The config that the first update met; each that was taken led to the next.
    let first = cases.iter().find(|case| case.status == "SUCCESS").unwrap();
    let place = configs.iter().position(|(_, update)| *update == envelope(first).payload).unwrap();
    let mut current = place - 1;
    let (mut unsigned, mut late) = (0, 0);
    for case in &cases {
        let config = &configs[current].0;
        let draft = match Draft::unmarshal(envelope(case).encode_to_vec().into()) {
            Ok(draft) => draft,
            Err(error) => {
                assert!(matches!(error, DraftError::Channel { .. }), "{}: {error}", case.name);
                continue;
            }
        };
        let access = Access::read(config.channel_group.as_ref().unwrap()).unwrap();
        let asked = approvals(config, &access, &draft);
        let is_denied =
            case.info.contains("not satisfied") || case.info.contains("unexpected missing policy");
        if case.status == "SUCCESS" {
            assert!(asked.iter().all(Approval::holds), "{}", case.name);
            assert_eq!(stale(config, draft.update()), Vec::<String>::new(), "{}", case.name);
            current += 1;
        } else if is_denied {
            let missing: Vec<String> = asked.iter().filter_map(Approval::missing).collect();
            assert!(!missing.is_empty(), "{}: {}", case.name, case.info);
            unsigned += 1;
        } else if case.info.contains("at version") {
            assert!(!stale(config, draft.update()).is_empty(), "{}: {}", case.name, case.info);
            late += 1;
        }
    }
    assert!(unsigned >= 3 && late >= 1, "{unsigned} {late}");
}

#[test]
fn what_is_set_and_taken_away_is_what_changes() {
    let (config, _) = configs().swap_remove(0);
    let original = show(&config).unwrap();
    let at = |json: &Value, path: &str| json.pointer(path).cloned().unwrap_or(Value::Null);
    let orderer = "/channel_group/groups/Orderer";
    for (path, text, pointer, expected) in [
        ("BatchSize/max_message_count", "7", "/values/BatchSize/value/max_message_count", json!(7)),
        ("BatchTimeout/timeout", "7", "/values/BatchTimeout/value/timeout", json!("7")),
        (
            "BatchTimeout/mod_policy",
            "/Channel/Admins",
            "/values/BatchTimeout/mod_policy",
            json!("/Channel/Admins"),
        ),
        ("mod_policy", "Writers", "/mod_policy", json!("Writers")),
        ("KafkaBrokers/brokers/1", "b:1", "/values/KafkaBrokers/value/brokers/1", json!("b:1")),
        (
            "Capabilities/capabilities/RADDLE_1_0",
            "{}",
            "/values/Capabilities/value/capabilities/RADDLE_1_0",
            json!({}),
        ),
        ("Admins/rule", "ALL", "/policies/Admins/policy/value/rule", json!("ALL")),
    ] {
        let mut json = original.clone();
        set(&mut json, &format!("/Channel/Orderer/{path}"), text).unwrap();
        assert_eq!(at(&json, &format!("{orderer}{pointer}")), expected, "{path}");
        let changed = edited(&config, &json).unwrap();
        assert_eq!(show(&changed).unwrap(), json, "{path}");
    }
    for path in ["/Channel/Application/Org1MSP", "/Channel/Orderer/BatchSize", "/Channel/Orderer/Writers"] {
        let mut json = original.clone();
        let found = unset(&mut json, path);
        if path.contains("Org1MSP") && found.is_err() {
            continue;
        }
        found.unwrap();
        assert!(unset(&mut json, path).is_err(), "{path}");
        assert_eq!(show(&edited(&config, &json).unwrap()).unwrap(), json, "{path}");
    }
}

#[test]
fn a_change_of_what_json_does_not_show_is_refused_and_left_alone_it_keeps_its_bytes() {
    let (mut config, _) = configs().swap_remove(0);
    let orderer = config.channel_group.as_mut().unwrap().groups.get_mut("Orderer").unwrap();
    let timeout = orderer.values.get_mut("BatchTimeout").unwrap();
    // Field 9 is of no message that JSON knows.
    timeout.value = [timeout.value.as_ref(), &[9 << 3 | 2, 1, b'x']].concat().into();
    let kept = timeout.value.clone();
    let mut json = show(&config).unwrap();
    set(&mut json, "/Channel/Orderer/BatchSize/max_message_count", "7").unwrap();
    let changed = edited(&config, &json).unwrap();
    assert_eq!(changed.channel_group.unwrap().groups["Orderer"].values["BatchTimeout"].value, kept);
    set(&mut json, "/Channel/Orderer/BatchTimeout/timeout", "7s").unwrap();
    let path = "/Channel/Orderer/BatchTimeout".to_owned();
    assert_eq!(edited(&config, &json), Err(EditError::Lossy { path }));
}

#[test]
fn any_bytes_are_a_draft_or_are_refused() {
    let cases = include_bytes!("../../../tests/golden/fabric-2.5/config-update-cases.json");
    let cases: Vec<Case> = serde_json::from_slice(cases).unwrap();
    let bytes = STANDARD.decode(&cases[0].envelope).unwrap();
    let draft = Draft::unmarshal(bytes.clone().into()).unwrap();
    let again = Draft::unmarshal(draft.marshal()).unwrap();
    assert_eq!(again, draft);
    for length in 0..bytes.len() {
        // Without the signature around it a draft is the same.
        let cut = Draft::unmarshal(Bytes::copy_from_slice(&bytes[..length]));
        assert!(cut.is_err() || cut == Ok(draft.clone()), "{length}");
        let mut spoiled = bytes.clone();
        spoiled[length] ^= 0x15;
        let _ = Draft::unmarshal(spoiled.into());
    }
}
