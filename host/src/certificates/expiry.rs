//! How long certificates are valid still.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use raddle_msp::Certificate;

const HOUR_SECONDS: i64 = 60 * 60;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// Days before the end at which it is warned of.
///
/// Differs: Fabric warns a week before.
pub const WARN_DAYS: [i64; 3] = [60, 30, 7];

/// A certificate, and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// What it is for: `enrollment`, `server TLS`, or `server TLS CA`. The first two words are Fabric's.
    pub role: &'static str,
    /// Whom it is about.
    pub subject: String,
    /// The last second at which it is valid, in seconds after 1970.
    pub ends: i64,
    /// The same, as people write it.
    pub ends_text: String,
}

/// How near an end is. Whenever it grows, somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    Far,
    /// So many of [`WARN_DAYS`] have been passed.
    Near(usize),
    /// Since so many days.
    Past(i64),
}

/// All certificates of a node. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Expiries(Arc<Mutex<Vec<Expiry>>>);

// === impl Expiry ===

impl Expiry {
    /// A certificate's.
    #[must_use]
    pub fn of(role: &'static str, certificate: &Certificate) -> Self {
        let (subject, ends) = (certificate.subject().to_string(), certificate.not_after());
        Self { role, subject, ends: ends.unix_seconds(), ends_text: ends.to_string() }
    }

    /// Seconds until the end; negative after it.
    #[must_use]
    pub fn seconds_left(&self, now: SystemTime) -> i64 {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.ends.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX))
    }

    /// Days until the end, for people and metrics; negative after it.
    #[must_use]
    pub fn days_left(&self, now: SystemTime) -> f64 {
        self.seconds_left(now) as f64 / DAY_SECONDS as f64
    }

    pub(super) fn nearness(&self, now: SystemTime) -> Nearness {
        let left = self.seconds_left(now);
        if left < 0 {
            return Nearness::Past(-left / DAY_SECONDS);
        }
        match WARN_DAYS.iter().filter(|days| left < *days * DAY_SECONDS).count() {
            0 => Nearness::Far,
            passed => Nearness::Near(passed),
        }
    }

    /// What is told, in Fabric's words.
    ///
    /// Source: fabric v2.5.16 `common/crypto/expiration.go` `trackCertExpiration`.
    pub(super) fn sentence(&self, now: SystemTime) -> String {
        let (role, left) = (self.role, self.seconds_left(now));
        if left < 0 {
            return format!("The {role} certificate has expired");
        }
        let (days, hours) = (left / DAY_SECONDS, left % DAY_SECONDS / HOUR_SECONDS);
        format!("The {role} certificate expires within {days} days and {hours} hours")
    }
}

// === impl Expiries ===

impl Expiries {
    /// Those of now.
    #[must_use]
    pub fn all(&self) -> Vec<Expiry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, all: Vec<Expiry>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ENDS: i64 = 1_800_000_000;

    fn seen(seconds_before: i64) -> (Nearness, String, f64) {
        let expiry = Expiry {
            role: "server TLS",
            subject: "CN=orderer".to_owned(),
            ends: ENDS,
            ends_text: String::new(),
        };
        let now = UNIX_EPOCH + Duration::from_secs((ENDS - seconds_before).unsigned_abs());
        (expiry.nearness(now), expiry.sentence(now), expiry.days_left(now))
    }

    #[test]
    fn an_end_comes_nearer_at_60_30_and_7_days_and_then_every_day() {
        let (day, hour) = (DAY_SECONDS, HOUR_SECONDS);
        let within =
            |days, hours| format!("The server TLS certificate expires within {days} days and {hours} hours");
        let past = || "The server TLS certificate has expired".to_owned();
        for (before, nearness, sentence) in [
            (400 * day, Nearness::Far, within(400, 0)),
            (60 * day, Nearness::Far, within(60, 0)),
            (60 * day - 1, Nearness::Near(1), within(59, 23)),
            (30 * day, Nearness::Near(1), within(30, 0)),
            (30 * day - 1, Nearness::Near(2), within(29, 23)),
            (7 * day - 1, Nearness::Near(3), within(6, 23)),
            (5 * hour, Nearness::Near(3), within(0, 5)),
            (0, Nearness::Near(3), within(0, 0)),
            (-1, Nearness::Past(0), past()),
            (-day, Nearness::Past(1), past()),
        ] {
            let (found, said, days) = seen(before);
            assert_eq!((found, said), (nearness, sentence), "{before}");
            assert!((days - before as f64 / day as f64).abs() < 1e-9, "{before}: {days}");
        }
        let order =
            [Nearness::Far, Nearness::Near(1), Nearness::Near(3), Nearness::Past(0), Nearness::Past(1)];
        assert!(order.is_sorted());
    }
}
