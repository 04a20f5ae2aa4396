//! Against what configtxlator printed, and back.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common;
use raddle_proto::wire::go_decode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shown, from_json, text, to_json};
use crate::admin::tests::rows_of;

/// A message, and what configtxlator made of it.
#[derive(Deserialize)]
struct Row {
    name: String,
    r#type: String,
    /// Base64.
    bytes: String,
    json: Option<String>,
    error: Option<String>,
    /// What its JSON comes to, where that is not what was shown, but for the order of maps in a group.
    encoded: Option<String>,
}

fn rows() -> Vec<Row> {
    rows_of(include_bytes!("../../../../tests/golden/configtxlator/json.jsonl.gz"))
}

fn shown(name: &str) -> Shown {
    match name {
        "common.Config" => Shown::Config,
        "common.Envelope" => Shown::Envelope,
        other => panic!("{other}"),
    }
}

/// Equal to Go: nothing tells the order of a map's entries.
fn assert_same(name: &str, shown: Shown, left: &Bytes, right: &[u8]) {
    let right = Bytes::copy_from_slice(right);
    match shown {
        Shown::Config => {
            let read = |bytes: &Bytes| go_decode::<common::Config>(bytes.clone()).unwrap();
            assert_eq!(read(left), read(&right), "{name}");
        }
        _ => assert_eq!(to_json(shown, left).unwrap(), to_json(shown, &right).unwrap(), "{name}"),
    }
}

#[test]
fn json_is_configtxlators_byte_for_byte_and_comes_back_as_it_does() {
    let mut count = 0;
    for row in rows() {
        let shown = shown(&row.r#type);
        let bytes = STANDARD.decode(&row.bytes).unwrap();
        let Some(expected) = row.json else { continue };
        let json = to_json(shown, &bytes).unwrap();
        let shown_text = text(&json);
        for (line, (found, expected)) in shown_text.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "{}, line {line}", row.name);
        }
        assert_eq!(shown_text.len(), expected.len(), "{}", row.name);
        let back = from_json(shown, &json).unwrap();
        let expected = row.encoded.map_or(bytes, |encoded| STANDARD.decode(encoded).unwrap());
        assert_same(&row.name, shown, &back, &expected);
        count += 1;
    }
    assert!(count > 25, "{count}");
}

#[test]
fn where_configtxlator_fails_a_config_is_shown_all_the_same_and_nothing_is_lost() {
    let mut count = 0;
    for row in rows().iter().filter(|row| row.error.is_some()) {
        let bytes = STANDARD.decode(&row.bytes).unwrap();
        match to_json(Shown::Config, &bytes) {
            Ok(json) => assert_eq!(from_json(Shown::Config, &json).unwrap(), bytes, "{}", row.name),
            Err(error) => {
                assert_eq!(error.to_string(), "ConfigGroup.mod_policy is not UTF-8", "{}", row.name)
            }
        }
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn an_installed_module_comes_through_byte_for_byte() {
    let row = rows().into_iter().find(|row| row.name == "installed module").unwrap();
    assert!(row.json.unwrap().contains("\"sub_policy\": \"raddle.1:"));
    let bytes = STANDARD.decode(&row.bytes).unwrap();
    assert_eq!(from_json(Shown::Config, &to_json(Shown::Config, &bytes).unwrap()).unwrap(), bytes);
}

#[test]
fn json_that_is_no_config_is_refused_with_the_place() {
    let group = |group: Value| json!({ "channel_group": group });
    let timeout =
        |value: Value| group(json!({ "groups": { "Orderer": { "values": { "BatchTimeout": value } } } }));
    for (json, expected) in [
        (json!([]), "the whole: Config is an object here, not []"),
        (json!({ "sequence": "-1" }), "sequence: a whole number (u64) stands here, not \"-1\""),
        (json!({ "sequenc": "1" }), "the whole: Config has no member \"sequenc\""),
        (group(json!({ "groups": [] })), "channel_group/groups: an object stands here, not []"),
        (
            timeout(json!({ "value": { "timeout": 2 } })),
            "channel_group/groups/Orderer/values/BatchTimeout/value/timeout: a text stands here, not 2",
        ),
        (
            timeout(json!({ "value": "2s" })),
            "channel_group/groups/Orderer/values/BatchTimeout/value: \"2s\" is no base64: ",
        ),
        (
            group(json!({ "policies": { "P": { "policy": { "type": 3, "value": { "rule": "SOME" } } } } })),
            "channel_group/policies/P/policy/value/rule: one of ANY, ALL, MAJORITY stands here, not \"SOME\"",
        ),
        (
            group(json!({ "policies": { "P": { "policy": { "type": 2, "value": {} } } } })),
            "channel_group/policies/P/policy/value: what these bytes are is not known, so they stand here as base64",
        ),
        (
            group(json!({ "policies": { "P": { "policy": { "type": 1, "value": {
                "rule": { "signed_by": 0, "n_out_of": { "n": 1 } } } } } } })),
            "channel_group/policies/P/policy/value/rule: SignaturePolicy has two members of which it can have one",
        ),
    ] {
        let said = from_json(Shown::Config, &json).unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}\n{expected}");
    }
}

#[test]
fn deep_policies_and_any_bytes_are_answered() {
    let mut rule = common::SignaturePolicy::default();
    for _ in 0..500 {
        let deeper = common::signature_policy::NOutOf { n: 1, rules: vec![rule] };
        rule = common::SignaturePolicy { r#type: Some(common::signature_policy::Type::NOutOf(deeper)) };
    }
    let value = common::SignaturePolicyEnvelope { rule: Some(rule), ..Default::default() }.encode_to_vec();
    let policy = common::Policy { r#type: 1, value: value.into() };
    let mut group = common::ConfigGroup::default();
    group.policies.insert("P".into(), common::ConfigPolicy { policy: Some(policy), ..Default::default() });
    let bytes = common::Config { sequence: 1, channel_group: Some(group) }.encode_to_vec();
    let json: Value = serde_json::from_str(&text(&to_json(Shown::Config, &bytes).unwrap())).unwrap();
    assert_eq!(from_json(Shown::Config, &json).unwrap(), bytes);
    for length in 0..bytes.len().min(400) {
        let _ = to_json(Shown::Config, &bytes[..length]);
        let _ = to_json(Shown::Block, &bytes[length..]);
    }
}
