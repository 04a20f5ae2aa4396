//! Changing a config as JSON: single places, or the whole in an editor.

use prost::Message as _;
use raddle_proto::common::Config;
use raddle_proto::wire::{WireError, go_decode};
use serde_json::{Map, Value};

use super::config_json::{FromJsonError, Shown, ToJsonError, from_json, to_json};
use super::update::{Conflict, rebase};

/// Why a config cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The config in force cannot be shown.
    #[error("the channel's config cannot be shown: {0}")]
    Show(#[from] ToJsonError),
    /// What came out is no config.
    #[error("the changed config is none: {0}")]
    Json(#[from] FromJsonError),
    /// What came out is no config, by its bytes.
    #[error("the changed config is none: {0}")]
    Wire(#[from] WireError),
    /// A path that leads nowhere.
    #[error("{path}: {what}")]
    Path {
        /// The path, as far as it was followed.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// An element holds what JSON does not show, so a change of it would lose that.
    #[error("{path} holds fields that JSON does not show; a change of it this way would lose them")]
    Lossy {
        /// The element.
        path: String,
    },
}

/// A config as JSON.
///
/// # Errors
///
/// [`EditError::Show`].
pub fn show(config: &Config) -> Result<Value, EditError> {
    Ok(to_json(Shown::Config, &config.encode_to_vec())?)
}

/// The config that its changed JSON stands for. Elements that were not changed keep the bytes that they have, also
/// where JSON does not show all of them.
///
/// # Errors
///
/// The JSON is no config, or changes an element that JSON does not show all of.
pub fn edited(original: &Config, json: &Value) -> Result<Config, EditError> {
    let mine: Config = go_decode(from_json(Shown::Config, json)?)?;
    let shown: Config = go_decode(from_json(Shown::Config, &show(original)?)?)?;
    rebase(&shown, &mine, original).map_err(|Conflict { path }| EditError::Lossy { path })
}

/// Puts `text` at `path`, such as `/Channel/Orderer/BatchSize/max_message_count`: groups, then a value or policy, then
/// its members; `mod_policy` may stand behind each. A text goes where a text is; elsewhere it is read as JSON.
///
/// # Errors
///
/// The path leads nowhere, or the text does not fit.
pub fn set(config: &mut Value, path: &str, text: &str) -> Result<(), EditError> {
    let (holder, name) = resolve(config, path)?;
    let read = || serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
    match holder {
        Value::Object(members) => {
            let value = match members.get(&name) {
                Some(Value::String(_)) => Value::from(text),
                _ => read(),
            };
            members.insert(name, value);
            Ok(())
        }
        Value::Array(items) => {
            let length = items.len();
            let index = name.parse::<usize>().ok().filter(|index| *index <= length);
            let Some(index) = index else {
                return Err(nowhere(path, format!("{name:?} is no place in a list of {length}")));
            };
            match items.get_mut(index) {
                Some(item @ Value::String(_)) => *item = Value::from(text),
                Some(item) => *item = read(),
                // One behind the last: the list grows.
                None => items.push(read()),
            }
            Ok(())
        }
        // A value of which nothing is set.
        Value::Null => {
            *holder = Value::Object(Map::from_iter([(name, read())]));
            Ok(())
        }
        _ => Err(nowhere(path, "it leads into a text or number")),
    }
}

/// Takes away what is at `path`: a group, a value, a policy, or something inside.
///
/// # Errors
///
/// There is nothing.
pub fn unset(config: &mut Value, path: &str) -> Result<(), EditError> {
    if let Some((parent, name)) = path.rsplit_once('/')
        && let Ok(group) = group_at(config, parent)
    {
        for section in ["values", "policies", "groups"] {
            let members = group.get_mut(section).and_then(Value::as_object_mut);
            if members.is_some_and(|members| members.remove(name).is_some()) {
                return Ok(());
            }
        }
    }
    let (holder, name) = resolve(config, path)?;
    let removed = match holder {
        Value::Object(members) => members.remove(&name).is_some(),
        Value::Array(items) => match name.parse::<usize>() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    };
    if removed { Ok(()) } else { Err(nowhere(path, "there is nothing there")) }
}

fn nowhere(path: &str, what: impl Into<String>) -> EditError {
    EditError::Path { path: path.to_owned(), what: what.into() }
}

/// The group at a path of group names.
fn group_at<'a>(config: &'a mut Value, path: &str) -> Result<&'a mut Value, EditError> {
    let mut names = path.split('/');
    if (names.next(), names.next()) != (Some(""), Some("Channel")) {
        return Err(nowhere(path, "a path begins with /Channel"));
    }
    let mut group = &mut config["channel_group"];
    for name in names {
        group = group
            .get_mut("groups")
            .and_then(|groups| groups.get_mut(name))
            .ok_or_else(|| nowhere(path, format!("there is no group {name:?}")))?;
    }
    Ok(group)
}

/// What holds the last name of a path, and that name.
fn resolve<'a>(config: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), EditError> {
    let names: Vec<&str> = path.split('/').skip(1).collect();
    // As many names as lead through groups; the next one is a value's, a policy's or a member's.
    let is_group = |count: &usize| {
        let parent = names.iter().take(*count).fold(String::new(), |path, name| path + "/" + name);
        group_at(&mut config.clone(), &parent).is_ok()
    };
    let groups = (1..names.len())
        .take_while(is_group)
        .last()
        .ok_or_else(|| nowhere(path, "it is no path such as /Channel/Orderer/BatchSize/max_message_count"))?;
    let group_path = names.iter().take(groups).fold(String::new(), |path, name| path + "/" + name);
    let mut rest = names.iter().skip(groups).copied();
    let name = rest.next().unwrap_or_default();
    let rest: Vec<&str> = rest.collect();
    let group = group_at(config, &group_path)?;
    if name == "mod_policy" && rest.is_empty() {
        return Ok((group, name.to_owned()));
    }
    let has = |section: &str| group.get(section).is_some_and(|section| section.get(name).is_some());
    let (section, holder) = if has("values") { ("values", "value") } else { ("policies", "policy") };
    let Some(element) = group.get_mut(section).and_then(|section| section.get_mut(name)) else {
        return Err(nowhere(path, format!("{group_path} has no value or policy {name:?}")));
    };
    match rest.as_slice() {
        [] => return Ok((element, holder.to_owned())),
        ["mod_policy"] => return Ok((element, "mod_policy".to_owned())),
        _ => {}
    }
    let inside = &mut element[holder];
    match rest.as_slice() {
        ["type"] if section == "policies" => Ok((inside, "type".to_owned())),
        inner if section == "policies" => below(&mut inside["value"], path, inner),
        inner => below(inside, path, inner),
    }
}

/// Follows names through objects and lists.
fn below<'a>(value: &'a mut Value, path: &str, names: &[&str]) -> Result<(&'a mut Value, String), EditError> {
    let Some((last, before)) = names.split_last() else {
        return Err(nowhere(path, "it ends too early"));
    };
    let mut value = value;
    for name in before {
        let next = match value {
            Value::Object(members) => members.get_mut(*name),
            Value::Array(items) => name.parse().ok().and_then(|index: usize| items.get_mut(index)),
            _ => None,
        };
        value = next.ok_or_else(|| nowhere(path, format!("there is no {name:?}")))?;
    }
    Ok((value, (*last).to_owned()))
}
