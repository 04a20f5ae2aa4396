//! Times of certificates, to the second.

use std::fmt;

use super::der::{Reader, tag};

/// A time as a certificate states it. Two are compared by the instant, not by the zone.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    unix_seconds: i64,
    /// East of Greenwich is positive. Only the printed form depends on it.
    zone_seconds: i64,
}

/// Why a time cannot be read. The texts are those of Go.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TimeError {
    /// A UTCTime that is not `YYMMDDhhmm[ss]` with `Z` or an offset.
    #[error("x509: malformed UTCTime")]
    Utc,
    /// A GeneralizedTime that is not `YYYYMMDDhhmmss` with `Z` or an offset.
    #[error("x509: malformed GeneralizedTime")]
    Generalized,
    /// Neither of the two.
    #[error("x509: unsupported time format")]
    Unsupported,
}

impl Time {
    /// Reads the next element, a UTCTime or a GeneralizedTime.
    ///
    /// Source: Go 1.26 `crypto/x509/parser.go` `parseTime`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, TimeError> {
        if reader.is_next(tag::UTC_TIME) {
            reader.content(tag::UTC_TIME).and_then(utc).ok_or(TimeError::Utc)
        } else if reader.is_next(tag::GENERALIZED_TIME) {
            reader.content(tag::GENERALIZED_TIME).and_then(generalized).ok_or(TimeError::Generalized)
        } else {
            Err(TimeError::Unsupported)
        }
    }

    /// Seconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.unix_seconds
    }

    /// One second later.
    pub(crate) const fn next_second(self) -> Self {
        Self { unix_seconds: self.unix_seconds + 1, zone_seconds: self.zone_seconds }
    }

    pub(crate) const fn is_before(self, other: Self) -> bool {
        self.unix_seconds < other.unix_seconds
    }
}

/// As RFC 3339 writes it, in the zone in which it was stated.
impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.unix_seconds + self.zone_seconds;
        let (year, month, day) = date_of(local.div_euclid(86_400));
        let second = local.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.zone_seconds == 0 {
            return formatter.write_str("Z");
        }
        let sign = if self.zone_seconds < 0 { '-' } else { '+' };
        let minutes = self.zone_seconds.abs() / 60;
        write!(formatter, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// `YYMMDDhhmmss` or `YYMMDDhhmm`, then the zone. Years 50 to 99 are of the last century.
fn utc(content: &[u8]) -> Option<Time> {
    let (year, rest) = number(content, 2)?;
    let year = if year >= 50 { 1900 + year } else { 2000 + year };
    time(year, rest, true)
}

/// `YYYYMMDDhhmmss`, then the zone.
fn generalized(content: &[u8]) -> Option<Time> {
    let (year, rest) = number(content, 4)?;
    time(year, rest, false)
}

fn time(year: i64, rest: &[u8], may_lack_seconds: bool) -> Option<Time> {
    let (month, rest) = number(rest, 2)?;
    let (day, rest) = number(rest, 2)?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest, 2)?;
    let (second, rest) = match number(rest, 2) {
        Some(read) => read,
        None if may_lack_seconds => (0, rest),
        None => return None,
    };
    let is_date = (1..=12).contains(&month) && day >= 1 && day <= days_of_month(year, month);
    if !is_date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let zone_seconds = zone(rest)?;
    let local = days_until(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Time { unix_seconds: local - zone_seconds, zone_seconds })
}

/// `Z`, or an offset that is not zero.
fn zone(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text.split_first()? {
        (b'Z', []) => return Some(0),
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = number(rest, 2)?;
    let (minutes, rest) = number(rest, 2)?;
    let seconds = hours * 3_600 + minutes * 60;
    (rest.is_empty() && hours <= 24 && minutes <= 59 && seconds != 0).then_some(sign * seconds)
}

/// So many decimal digits, and what follows.
fn number(text: &[u8], digits: usize) -> Option<(i64, &[u8])> {
    let (number, rest) = text.split_at_checked(digits)?;
    let value = number.iter().try_fold(0, |value: i64, digit| {
        digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
    })?;
    Some((value, rest))
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the date, in the Gregorian calendar. Counted in years that begin in March, so that the
/// leap day is a year's last.
fn days_until(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// The date so many days after 1970-01-01: the inverse of [`days_until`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

    use super::{Time, TimeError};
    use crate::x509::der::{Reader, encode, tag};

    fn read(tag: u8, text: &str) -> Result<Time, TimeError> {
        Time::read(&mut Reader::new(&encode(tag, text.as_bytes())))
    }

    #[test]
    fn times_are_read_and_printed() {
        let cases = [
            (tag::UTC_TIME, "700101000000Z", 0, "1970-01-01T00:00:00Z"),
            (tag::UTC_TIME, "000229235959Z", 951_868_799, "2000-02-29T23:59:59Z"),
            (tag::UTC_TIME, "491231235959Z", 2_524_607_999, "2049-12-31T23:59:59Z"),
            (tag::UTC_TIME, "5001010000Z", -631_152_000, "1950-01-01T00:00:00Z"),
            (tag::UTC_TIME, "700101013000+0130", 0, "1970-01-01T01:30:00+01:30"),
            (tag::GENERALIZED_TIME, "99991231235959Z", 253_402_300_799, "9999-12-31T23:59:59Z"),
            (tag::GENERALIZED_TIME, "00000101000000Z", -62_167_219_200, "0000-01-01T00:00:00Z"),
        ];
        for (tag, text, unix_seconds, printed) in cases {
            let time = read(tag, text).unwrap();
            assert_eq!((time.unix_seconds(), time.to_string().as_str()), (unix_seconds, printed), "{text}");
        }
    }

    #[test]
    fn a_malformed_time_is_refused() {
        for text in ["", "7001010000", "701301000000Z", "700230000000Z", "700101240000Z", "700101000060Z"] {
            assert_eq!(read(tag::UTC_TIME, text).unwrap_err(), TimeError::Utc, "{text}");
        }
        for text in ["700101000000+0000", "700101000000-0060", "700101000000.5Z", "700101000000Zx"] {
            assert_eq!(read(tag::UTC_TIME, text).unwrap_err(), TimeError::Utc, "{text}");
        }
        assert_eq!(read(tag::GENERALIZED_TIME, "202601010000Z").unwrap_err(), TimeError::Generalized);
        assert_eq!(read(tag::INTEGER, "1").unwrap_err(), TimeError::Unsupported);
    }
}
