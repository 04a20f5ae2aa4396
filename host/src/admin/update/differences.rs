//! A change for people: what was where, and what comes there.

use std::collections::BTreeSet;

use serde_json::Value;

/// Most characters of an old or new text.
const TEXT_CHARS_MAX: usize = 100;

/// One place that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The place, as `--set` takes it: `/Channel/Orderer/BatchSize/max_message_count`.
    pub path: String,
    /// What is there. None: nothing.
    pub old: Option<String>,
    /// What comes there. None: nothing.
    pub new: Option<String>,
}

/// Where two configs differ, both as [`config_json`](crate::admin::config_json) shows them. Versions are left out: they
/// follow from the rest. What is there as a whole or not at all is one difference.
#[must_use]
pub fn differences(old: &Value, new: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    group("/Channel", &old["channel_group"], &new["channel_group"], &mut found);
    found
}

fn group(path: &str, old: &Value, new: &Value, found: &mut Vec<Difference>) {
    for section in ["values", "policies", "groups"] {
        let (old, new) = (&old[section], &new[section]);
        for name in names(old, new) {
            let path = format!("{path}/{name}");
            match (old.get(name), new.get(name)) {
                (Some(old), Some(new)) if section == "groups" => group(&path, old, new, found),
                (Some(old), Some(new)) => element(&path, section, old, new, found),
                (old, new) => {
                    push(&path, old.map(|it| whole(section, it)), new.map(|it| whole(section, it)), found)
                }
            }
        }
    }
    inside(&format!("{path}/mod_policy"), &old["mod_policy"], &new["mod_policy"], found);
}

fn element(path: &str, section: &str, old: &Value, new: &Value, found: &mut Vec<Difference>) {
    match section {
        "values" => inside(path, &old["value"], &new["value"], found),
        _ => {
            let (old, new) = (&old["policy"], &new["policy"]);
            inside(&format!("{path}/type"), &old["type"], &new["type"], found);
            inside(path, &old["value"], &new["value"], found);
        }
    }
    inside(&format!("{path}/mod_policy"), &old["mod_policy"], &new["mod_policy"], found);
}

/// Differences inside a value or policy.
fn inside(path: &str, old: &Value, new: &Value, found: &mut Vec<Difference>) {
    match (old, new) {
        (old, new) if old == new => {}
        (Value::Object(_), Value::Object(_)) => {
            for name in names(old, new) {
                let path = format!("{path}/{name}");
                match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => inside(&path, old, new, found),
                    (old, new) => push(&path, old.map(words), new.map(words), found),
                }
            }
        }
        (Value::Array(olds), Value::Array(news)) if olds.len() == news.len() => {
            for (index, (old, new)) in olds.iter().zip(news).enumerate() {
                inside(&format!("{path}/{index}"), old, new, found);
            }
        }
        (old, new) => push(path, Some(words(old)), Some(words(new)), found),
    }
}

fn push(path: &str, old: Option<String>, new: Option<String>, found: &mut Vec<Difference>) {
    found.push(Difference { path: path.to_owned(), old, new });
}

fn names<'a>(old: &'a Value, new: &'a Value) -> BTreeSet<&'a str> {
    let of = |value: &'a Value| value.as_object().into_iter().flat_map(|it| it.keys().map(String::as_str));
    of(old).chain(of(new)).collect()
}

/// An element or group that is there on one side only.
fn whole(section: &str, element: &Value) -> String {
    match section {
        "groups" => "a group".to_owned(),
        "values" => words(&element["value"]),
        _ => words(element.pointer("/policy/value").unwrap_or(&Value::Null)),
    }
}

fn words(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((at, _)) => format!("{}… ({} bytes)", text.get(..at).unwrap_or_default(), text.len()),
        None => text,
    }
}

/// All places of a config, as `--set` takes them, and what is there.
#[must_use]
pub fn listing(config: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    list_group("/Channel", &config["channel_group"], &mut found);
    found
}

fn list_group(path: &str, group: &Value, found: &mut Vec<(String, String)>) {
    for (section, holder) in [("values", "value"), ("policies", "policy")] {
        for (name, element) in group[section].as_object().into_iter().flatten() {
            let path = format!("{path}/{name}");
            match holder {
                "value" => list(&path, &element["value"], found),
                _ => list(&path, element.pointer("/policy/value").unwrap_or(&Value::Null), found),
            }
            list(&format!("{path}/mod_policy"), &element["mod_policy"], found);
        }
    }
    list(&format!("{path}/mod_policy"), &group["mod_policy"], found);
    for (name, group) in group["groups"].as_object().into_iter().flatten() {
        list_group(&format!("{path}/{name}"), group, found);
    }
}

fn list(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                list(&format!("{path}/{name}"), value, found);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                list(&format!("{path}/{index}"), value, found);
            }
        }
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        value => found.push((path.to_owned(), words(value))),
    }
}
