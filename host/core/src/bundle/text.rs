//! A group as Go prints it in an error.

use std::fmt::Write as _;

use raddle_proto::common::{ConfigGroup, ConfigPolicy, ConfigValue};
use raddle_proto::go_text::push_field;

/// A config group in the compact text form of Go's old protobuf library. Lists are in the order of their keys.
///
/// Source: golang/protobuf v1.5.4 `proto/text_encode.go` `CompactTextString`.
pub(super) fn group(group: &ConfigGroup) -> String {
    let mut text = String::new();
    push_group(group, &mut text);
    text
}

fn push_group(group: &ConfigGroup, text: &mut String) {
    push_number("version", group.version, text);
    for (key, below) in &group.groups {
        push_entry("groups", key, text, |text| push_group(below, text));
    }
    for (key, value) in &group.values {
        push_entry("values", key, text, |text| push_value(value, text));
    }
    for (key, policy) in &group.policies {
        push_entry("policies", key, text, |text| push_policy(policy, text));
    }
    push_bytes("mod_policy", group.mod_policy.as_bytes(), text);
}

fn push_value(value: &ConfigValue, text: &mut String) {
    push_number("version", value.version, text);
    push_bytes("value", &value.value, text);
    push_bytes("mod_policy", value.mod_policy.as_bytes(), text);
}

fn push_policy(policy: &ConfigPolicy, text: &mut String) {
    push_number("version", policy.version, text);
    if let Some(policy) = &policy.policy {
        text.push_str("policy:<");
        push_number("type", policy.r#type, text);
        push_bytes("value", &policy.value, text);
        text.push_str("> ");
    }
    push_bytes("mod_policy", policy.mod_policy.as_bytes(), text);
}

fn push_entry(name: &str, key: &str, text: &mut String, value: impl FnOnce(&mut String)) {
    let _ = write!(text, "{name}:<");
    push_field("key", key.as_bytes(), text);
    text.push_str("value:<");
    value(text);
    text.push_str("> > ");
}

fn push_number(name: &str, number: impl Into<i128>, text: &mut String) {
    let number: i128 = number.into();
    if number != 0 {
        let _ = write!(text, "{name}:{number} ");
    }
}

fn push_bytes(name: &str, bytes: &[u8], text: &mut String) {
    if !bytes.is_empty() {
        push_field(name, bytes, text);
    }
}
