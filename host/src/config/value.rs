//! From what stands in a file or variable to what is meant, with Fabric's readings.
//!
//! Fabric's decoder is lenient: a number may be written as a text and the other way round. So is this one.

use std::time::Duration;

use raddle_core::duration::{self, DurationError};

use super::layer::Found;
use super::yaml::{Node, Value};

/// Why a value does not do, and what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub what: String,
    pub remedy: String,
}

type Read<T> = Result<T, Wrong>;

fn wrong(what: impl Into<String>, remedy: impl Into<String>) -> Wrong {
    Wrong { what: what.into(), remedy: remedy.into() }
}

pub(super) fn text(found: &Found) -> Read<String> {
    match &found.value {
        Value::Scalar { text, .. } => Ok(text.clone()),
        other => Err(wrong(format!("here stands {}", kind(other)), "write one word or text")),
    }
}

/// Source: Go 1.26 `strconv.ParseBool`, and YAML 1.1 for what stands in a file without quotes.
pub(super) fn boolean(found: &Found) -> Read<bool> {
    let text = text(found)?;
    match text.as_str() {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" if is_plain(found) => Ok(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" if is_plain(found) => Ok(false),
        _ => Err(wrong(format!("{text:?} is neither true nor false"), "write true or false")),
    }
}

/// A whole number from 0 to `max`, in Go's notations.
///
/// Source: Go 1.26 `strconv.ParseInt` with base 0.
pub(super) fn number(found: &Found, max: u64) -> Read<u64> {
    let text = text(found)?;
    let digits = text.replace('_', "");
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)),
        [b'0', _, ..] => (8, digits.get(1..)),
        _ => (10, Some(digits.as_str())),
    };
    let digits = digits.filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)));
    match digits.map(|digits| u64::from_str_radix(digits, radix)) {
        Some(Ok(number)) if number <= max => Ok(number),
        Some(Ok(number)) => Err(wrong(format!("{number} is too much"), format!("write at most {max}"))),
        _ => Err(wrong(format!("{text:?} is no whole number"), format!("write a number from 0 to {max}"))),
    }
}

/// A Go duration; none for zero, which means Fabric's default. A number without unit in a file is of nanoseconds.
///
/// Differs: Fabric takes a negative one, and then no request is ever in time.
///
/// Source: mapstructure `StringToTimeDurationHookFunc`.
pub(super) fn duration(found: &Found) -> Read<Option<Duration>> {
    let text = text(found)?;
    let is_number = is_plain(found) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && let Ok(nanos) = text.parse() {
        return Ok(Some(Duration::from_nanos(nanos)).filter(|duration| !duration.is_zero()));
    }
    match duration::parse_positive(&text) {
        Ok(duration) => Ok(Some(duration)),
        Err(DurationError::NotPositive { .. }) if !text.starts_with('-') => Ok(None),
        Err(_) => {
            Err(wrong(format!("{text:?} is no duration"), "write a number and a unit, such as 15m or 500ms"))
        }
    }
}

/// Texts as they stand, one or several: nothing in them is looked at.
pub(super) fn texts(found: &Found) -> Read<Vec<String>> {
    match &found.value {
        Value::Scalar { text, .. } => Ok(vec![text.clone()]),
        other => list_of(other),
    }
}

/// A list; from a variable in the form `[a, b]`, and a single text is a list of one.
///
/// Source: fabric v2.5.16 `common/viperutil/config_util.go` `customDecodeHook`.
pub(super) fn list(found: &Found) -> Read<Vec<String>> {
    list_of(&found.value)
}

pub(super) fn list_of(value: &Value) -> Read<Vec<String>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Scalar { text, .. } => {
            let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            let items =
                inner.map_or_else(|| vec![text.as_str()], |inner| inner.split(',').map(str::trim).collect());
            Ok(items.into_iter().filter(|item| !item.is_empty()).map(str::to_owned).collect())
        }
        Value::List(items) => items.iter().map(item).collect(),
        Value::Map(_) => Err(wrong("here stands a map", "write a list, such as [a, b]")),
    }
}

fn item(node: &Node) -> Read<String> {
    match &node.value {
        Value::Scalar { text, .. } => Ok(text.clone()),
        other => Err(wrong(format!("the list holds {}", kind(other)), "write one text for each item")),
    }
}

fn is_plain(found: &Found) -> bool {
    matches!(found.value, Value::Scalar { is_plain: true, .. })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Scalar { .. } => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}
