//! Durations on the command line.

use std::time::Duration;

use raddle_core::duration::{DurationError, parse_positive};

/// Reads a duration as the settings have it, `500ms`, `1m30s`; a number without a unit is of seconds. Zero is one.
///
/// # Errors
///
/// Neither of both, negative, or too long.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<f64>()
        && let Ok(duration) = Duration::try_from_secs_f64(seconds)
    {
        return Ok(duration);
    }
    match parse_positive(text) {
        Ok(duration) => Ok(duration),
        Err(DurationError::NotPositive { nanos: 0 }) => Ok(Duration::ZERO),
        Err(_) => Err("write a number and a unit, such as 500ms, 30s or 1m30s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn units_count_and_without_one_a_number_is_of_seconds() {
        for (text, millis) in [("3s", 3000), ("1m30s", 90_000), ("250ms", 250), ("3", 3000), ("0.5", 500)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["0", "0s", "0h0m"] {
            assert_eq!(parse_duration(text), Ok(Duration::ZERO), "{text}");
        }
        for text in ["", "-1", "-1s", "3 s", "s", "inf", "NaN", "1e300"] {
            assert!(parse_duration(text).unwrap_err().starts_with("write a number and a unit"), "{text}");
        }
    }
}
