//! From what stands in a file or variable to what is meant, with Fabric's readings.
//!
//! Fabric's decoder is lenient: a number may be written as a text and the other way round. So is this one.

use std::path::Path;
use std::time::Duration;

use raddle_core::duration::{self, DurationError};

use super::keys::Kind;
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
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
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
    match digits(&text) {
        Some(number) if number <= max => Ok(number),
        Some(number) => Err(wrong(format!("{number} is too much"), format!("write at most {max}"))),
        None => Err(wrong(format!("{text:?} is no whole number"), format!("write a number from 0 to {max}"))),
    }
}

/// A whole number of 64 bits, in Go's notations.
pub(super) fn integer(found: &Found) -> Read<i64> {
    let text = text(found)?;
    let (is_negative, amount) = match text.strip_prefix(['-', '+']) {
        Some(amount) => (text.starts_with('-'), amount),
        None => (false, text.as_str()),
    };
    let number = digits(amount).and_then(|amount| i64::try_from(amount).ok());
    let number = number.map(|amount| if is_negative { -amount } else { amount });
    number.ok_or_else(|| wrong(format!("{text:?} is no whole number"), "write a number without a unit"))
}

/// A number with a fraction.
pub(super) fn fraction(found: &Found) -> Read<f64> {
    let text = text(found)?;
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| wrong(format!("{text:?} is no number"), "write a number such as 1.6"))
}

/// Bytes, with a unit or without: `1 MB`, `10m`, `4096`. Units are of 1,024.
///
/// Source: fabric v2.5.16 `common/viperutil/config_util.go` `byteSizeDecodeHook`.
pub(super) fn size(found: &Found) -> Read<u32> {
    let text = text(found)?;
    let lower = text.to_ascii_lowercase();
    let unit = lower.strip_suffix('b').unwrap_or(&lower);
    let (amount, shift) = match unit.as_bytes() {
        [.., b'k'] => (unit.strip_suffix('k'), 10),
        [.., b'm'] => (unit.strip_suffix('m'), 20),
        [.., b'g'] => (unit.strip_suffix('g'), 30),
        _ => (Some(lower.as_str()), 0),
    };
    let amount = amount.map(|amount| if shift > 0 { amount.trim_end() } else { amount });
    match amount.and_then(digits).map(|amount| u32::try_from(u128::from(amount) << shift)) {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(_)) => {
            Err(wrong(format!("{text:?} is too much"), format!("write at most {} bytes", u32::MAX)))
        }
        None => Err(wrong(format!("{text:?} is no amount of bytes"), "write one such as 1 MB, 10m or 4096")),
    }
}

/// Kafka's protocol: a version from 0.8.2 on.
///
/// Source: fabric v2.5.16 `common/viperutil/config_util.go` `kafkaVersionDecodeHook`.
fn kafka_version(found: &Found) -> Read<String> {
    let text = text(found)?;
    let numbers = text.strip_prefix('v').unwrap_or(&text);
    // What stands behind a sign, such as a candidate's number, does not order versions that we tell apart.
    let numbers = numbers.split(['-', '+', '~']).next().unwrap_or_default();
    let parts: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
    match parts {
        Some(parts) if parts >= vec![0, 8, 2] => Ok(text),
        Some(_) => Err(wrong(format!("{text:?} is too old"), "write a version from 0.8.2 on")),
        None => Err(wrong(format!("{text:?} is no version"), "write one such as 0.10.2.0 or 2.8.1")),
    }
}

/// A number without a sign in Go's notations; nothing is zero.
///
/// Source: Go 1.26 `strconv.ParseInt` with base 0; mapstructure `decodeInt`.
fn digits(text: &str) -> Option<u64> {
    let digits = text.replace('_', "");
    let (radix, digits) = match digits.as_bytes() {
        [] => return Some(0),
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)),
        [b'0', _, ..] => (8, digits.get(1..)),
        _ => (10, Some(digits.as_str())),
    };
    let digits = digits.filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))?;
    u64::from_str_radix(digits, radix).ok()
}

/// What a value of this kind means, as it would be written; none for one that counts as not set.
///
/// Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `completeInitialization`.
pub(super) fn shown(kind: Kind, found: &Found, beside: &Path) -> Read<Option<String>> {
    let unless_zero = |text: String| Some(text).filter(|text| text != "0" && !text.is_empty());
    let path = |path: &String| beside.join(path).display().to_string();
    Ok(match kind {
        Kind::Text => unless_empty(text(found)?),
        Kind::Secret => unless_empty(text(found)?).map(|_| "(not shown)".to_owned()),
        Kind::Path => unless_empty(text(found)?).map(|it| path(&it)),
        Kind::Boolean => Some(boolean(found)?.to_string()),
        Kind::Number(max) => unless_zero(number(found, max)?.to_string()),
        Kind::Integer => unless_zero(integer(found)?.to_string()),
        Kind::Fraction => unless_zero(fraction(found)?.to_string()),
        Kind::Size => unless_zero(size(found)?.to_string()),
        Kind::Duration => duration(found)?.map(|duration| match text(found) {
            Ok(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("{duration:?}"),
            text => text.unwrap_or_default(),
        }),
        Kind::List => list_shown(&list(found)?),
        Kind::Paths => list_shown(&list(found)?.iter().map(path).collect::<Vec<_>>()),
        Kind::KafkaVersion => unless_empty(kafka_version(found)?),
        Kind::Own => text(found).ok().or_else(|| list_shown(&list(found).unwrap_or_default())),
        Kind::OwnMap => None,
    })
}

/// Certificates are texts of several lines: the first one says what they are.
fn unless_empty(text: String) -> Option<String> {
    text.lines().next().filter(|line| !line.is_empty()).map(str::to_owned)
}

fn list_shown(items: &[String]) -> Option<String> {
    let items: Vec<&str> = items.iter().map(|item| item.lines().next().unwrap_or_default()).collect();
    (!items.is_empty()).then(|| format!("[{}]", items.join(", ")))
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

/// What stands there, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Scalar { .. } => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}
