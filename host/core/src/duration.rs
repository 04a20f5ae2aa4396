//! Go's way of writing a duration: `"2s"`, `"1m30s"`, `"500ms"`.

use std::time::Duration;

/// Why a text is no duration above zero.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not in Go's form, or too long for Go's 64 bits of nanoseconds.
    #[error("time: invalid duration {0:?}")]
    Invalid(String),
    /// Zero or less.
    #[error("{0:?} is not above zero")]
    NotPositive(String),
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
    let nanos = if rest == "0" { 0 } else { sum_of_parts(rest).ok_or_else(invalid)? };
    if nanos > NANOS_MAX + u128::from(is_negative) {
        return Err(invalid());
    }
    if is_negative || nanos == 0 {
        return Err(DurationError::NotPositive(text.to_owned()));
    }
    u64::try_from(nanos).map(Duration::from_nanos).map_err(|_| invalid())
}

/// The sum of `number unit` parts in nanoseconds; none for a malformed or empty text.
fn sum_of_parts(text: &str) -> Option<u128> {
    let mut rest = text;
    let mut nanos: u128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (whole, after_whole) = split_digits(rest);
        let (fraction, after_number) = match after_whole.strip_prefix('.') {
            Some(after_dot) => split_digits(after_dot),
            None => ("", after_whole),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let unit_end =
            after_number.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after_number.len());
        let (unit, after_unit) = after_number.split_at_checked(unit_end)?;
        nanos = nanos.checked_add(part_nanos(whole, fraction, unit_nanos(unit)?)?)?;
        rest = after_unit;
    }
    Some(nanos)
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

fn part_nanos(whole: &str, fraction: &str, unit: u128) -> Option<u128> {
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok().filter(|&it| it <= 1 << 63)? };
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
            assert_eq!(parse_positive(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "2", "s", ".s", "2 s", "2S", "2s ", "1d", "--2s", "9223372036854775808ns", "3000000h", "2s-"]
        {
            assert_eq!(parse_positive(text), Err(DurationError::Invalid(text.into())), "{text}");
        }
        for text in ["0", "0s", "-2s", "+0", "-0", "0.0000000001s", "-9223372036854775808ns"] {
            assert_eq!(parse_positive(text), Err(DurationError::NotPositive(text.into())), "{text}");
        }
    }
}
