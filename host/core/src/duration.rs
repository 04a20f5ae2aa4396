//! Go's way of writing a duration: `"2s"`, `"1m30s"`, `"500ms"`.

use std::fmt::Write as _;
use std::time::Duration;

/// Why a text is no duration above zero. The texts are Go's.
///
/// Source: Go 1.26 `time/format.go` `ParseDuration`, `parseDurationError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Not in Go's form, or too long for Go's 64 bits of nanoseconds.
    #[error("time: invalid duration {}", quoted(.0))]
    Invalid(String),
    /// A number without a unit.
    #[error("time: missing unit in duration {}", quoted(.0))]
    MissingUnit(String),
    /// A unit that there is not.
    #[error("time: unknown unit {} in duration {}", quoted(.unit), quoted(.text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// All of the text.
        text: String,
    },
    /// Zero or less.
    #[error("{}", go_text(*.nanos))]
    NotPositive {
        /// The duration.
        nanos: i64,
    },
}

/// Longest duration that Go can hold: 2⁶³ − 1 nanoseconds, about 292 years.
const NANOS_MAX: u128 = i64::MAX as u128;

/// Reads a duration above zero, as Go's `time.ParseDuration` does: one or more of number and unit, decimals allowed,
/// units `ns`, `us` (`µs`, `μs`), `ms`, `s`, `m`, `h`, an optional sign.
///
/// Bounds: above zero, at most 2⁶³ − 1 ns. Fractions of a nanosecond are cut off.
///
/// # Errors
///
/// See [`DurationError`].
///
/// Source: Go 1.26 `time/format.go` `ParseDuration`; fabric v2.5.16 `common/channelconfig/orderer.go`
/// `validateBatchTimeout`.
pub fn parse_positive(text: &str) -> Result<Duration, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let (is_negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let nanos = if rest == "0" { 0 } else { sum_of_parts(text, rest)? };
    if nanos > NANOS_MAX + u128::from(is_negative) {
        return Err(invalid());
    }
    if is_negative || nanos == 0 {
        let nanos = i128::try_from(nanos).ok().and_then(|nanos| i64::try_from(-nanos).ok());
        return Err(DurationError::NotPositive { nanos: nanos.ok_or_else(invalid)? });
    }
    u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| invalid())
}

/// A duration as Go prints it, and reads it: `1m30s`, `500ms`. One longer than Go's 292 years is that long.
#[must_use]
pub fn text(duration: Duration) -> String {
    go_text(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

/// The sum of `number unit` parts in nanoseconds. `text` is all, for errors; `rest` is without the sign.
fn sum_of_parts(text: &str, mut rest: &str) -> Result<u128, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let mut nanos: u128 = 0;
    if rest.is_empty() {
        return Err(invalid());
    }
    while !rest.is_empty() {
        let (whole, after_whole) = split_digits(rest);
        let (fraction, after_number) = match after_whole.strip_prefix('.') {
            Some(after_dot) => split_digits(after_dot),
            None => ("", after_whole),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().map_err(|_| invalid())? };
        let unit_end =
            after_number.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after_number.len());
        let (unit, after_unit) = after_number.split_at_checked(unit_end).ok_or_else(invalid)?;
        let Some(unit_nanos) = unit_nanos(unit) else {
            let (unit, text) = (unit.to_owned(), text.to_owned());
            let is_missing = unit.is_empty();
            return Err(if is_missing {
                DurationError::MissingUnit(text)
            } else {
                DurationError::UnknownUnit { unit, text }
            });
        };
        let part = part_nanos(whole, fraction, unit_nanos).ok_or_else(invalid)?;
        nanos = nanos.checked_add(part).filter(|&sum| sum <= 1 << 63).ok_or_else(invalid)?;
        rest = after_unit;
    }
    Ok(nanos)
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn unit_nanos(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn part_nanos(whole: u64, fraction: &str, unit: u128) -> Option<u128> {
    let mut nanos = u128::from(whole).checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.chars() {
        place /= 10;
        // Below one nanosecond nothing is left to add, however long the fraction is.
        if place == 0 {
            // A unit of 1 ns has no tenths; longer units reach zero only after all digits that count.
            break;
        }
        nanos = nanos.checked_add(u128::from(digit.to_digit(10)?).checked_mul(place)?)?;
    }
    (nanos <= 1 << 63).then_some(nanos)
}

/// Nanoseconds as Go prints them.
///
/// Source: Go 1.26 `time/time.go` `Duration.String`.
fn go_text(nanos: i64) -> String {
    let total = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, unit) = match total {
        0 => return "0s".to_owned(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "\u{b5}s"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let digits = usize::try_from(u64::ilog10(whole)).unwrap_or_default();
    let fraction = match total % whole {
        0 => String::new(),
        rest => format!(".{rest:0digits$}").trim_end_matches('0').to_owned(),
    };
    let (number, mut larger) = (total / whole, String::new());
    if number < 60 || unit != "s" {
        return format!("{sign}{number}{fraction}{unit}");
    }
    if number >= 3_600 {
        larger = format!("{}h", number / 3_600);
    }
    format!("{sign}{larger}{}m{}{fraction}s", number / 60 % 60, number % 60)
}

/// As Go's `time` package quotes a text: what is not printable ASCII byte by byte.
///
/// Source: Go 1.26 `time/format.go` `quote`.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            ' '..='\u{7f}' => quoted.push(letter),
            _ => {
                for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(quoted, "\\x{byte:02x}");
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gos_forms_are_read() {
        for (text, nanos) in [
            ("2s", 2_000_000_000),
            ("500ms", 500_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("+7us", 7_000),
            ("7\u{b5}s", 7_000),
            ("7\u{3bc}s", 7_000),
            ("1ns", 1),
            ("1.9ns", 1),
            ("3h2m1s", 10_921_000_000_000),
            ("0.1000000000000000000001s", 100_000_000),
            ("9223372036854775807ns", i64::MAX as u64),
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(parse_positive(text), Ok(duration), "{text}");
            assert_eq!(parse_positive(&super::text(duration)), Ok(duration), "{text}");
        }
    }

    #[test]
    fn a_duration_is_written_as_go_writes_it() {
        for (nanos, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_001_000, "1.001ms"),
            (500_000_000, "500ms"),
            (2_000_000_000, "2s"),
            (90_500_000_000, "1m30.5s"),
            (7 * 24 * 3_600_000_000_000, "168h0m0s"),
        ] {
            assert_eq!(text(Duration::from_nanos(nanos)), expected);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, expected) in [
            ("", "time: invalid duration \"\""),
            (".s", "time: invalid duration \".s\""),
            ("--2s", "time: invalid duration \"--2s\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
            ("99999999999999999999x", "time: invalid duration \"99999999999999999999x\""),
            ("3000000h", "time: invalid duration \"3000000h\""),
            ("2s-", "time: unknown unit \"s-\" in duration \"2s-\""),
            ("so\"on", "time: invalid duration \"so\\\"on\""),
            ("2", "time: missing unit in duration \"2\""),
            ("1m2", "time: missing unit in duration \"1m2\""),
            ("2S", "time: unknown unit \"S\" in duration \"2S\""),
            ("2\u{b5}", "time: unknown unit \"\\xc2\\xb5\" in duration \"2\\xc2\\xb5\""),
            ("2s ", "time: unknown unit \"s \" in duration \"2s \""),
            ("0", "0s"),
            ("-0", "0s"),
            ("0.0000000001s", "0s"),
            ("-1ns", "-1ns"),
            ("-1500ns", "-1.5\u{b5}s"),
            ("-2.25ms", "-2.25ms"),
            ("-1s", "-1s"),
            ("-61.5s", "-1m1.5s"),
            ("-1h", "-1h0m0s"),
            ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(
                parse_positive(text).map_err(|error| error.to_string()),
                Err(expected.into()),
                "{text}"
            );
        }
    }
}
