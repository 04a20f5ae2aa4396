//! How long certificates are valid still.

use std::time::SystemTime;

use raddle_msp::Certificate;

use super::{Part, finding, fine, unix_seconds};
use crate::certificates::WARN_DAYS;
use crate::doctor::{Finding, Verdict};

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// With fewer days than the first of [`WARN_DAYS`] somebody should be at it, with fewer than the last it must be done.
const WANTED: &str = "60 days or more";

/// Looks at one certificate, which is called `what`.
pub(super) fn left(
    part: Part,
    what: &str,
    certificate: &Certificate,
    now: SystemTime,
    why: &str,
    remedy: &[String],
) -> Finding {
    let (now, end) = (unix_seconds(now), certificate.not_after());
    let days = end.unix_seconds().saturating_sub(now).div_euclid(DAY_SECONDS);
    let passed = WARN_DAYS.iter().filter(|mark| days < **mark).min();
    let (verdict, found) = if now < certificate.not_before().unix_seconds() {
        (Verdict::Wrong, format!("it begins only on {}", certificate.not_before()))
    } else if days < 0 {
        (Verdict::Wrong, format!("it ended on {end}"))
    } else {
        match passed {
            None => return fine(part, what, format!("{days} days, until {end}"), WANTED),
            Some(mark) => {
                let verdict = if WARN_DAYS.last() == Some(mark) { Verdict::Wrong } else { Verdict::Warning };
                (verdict, format!("{days} days, until {end}: less than {mark}"))
            }
        }
    };
    finding(part, verdict, [what.to_owned(), found, WANTED.to_owned()], why, remedy)
}

/// The one that ends first.
pub(super) fn soonest(certificates: impl Iterator<Item = Certificate>) -> Option<Certificate> {
    certificates.min_by_key(|it| it.not_after().unix_seconds())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::doctor::node::msp;

    #[test]
    fn the_marks_are_60_30_and_7_days() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/identity");
        let certificate = msp::certificate(std::path::Path::new(folder)).unwrap();
        let (begin, end) = (certificate.not_before().unix_seconds(), certificate.not_after().unix_seconds());
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
        let seen = |now: SystemTime| {
            let it = left(Part::Tls, "it", &certificate, now, "why", &["do".to_owned()]);
            (it.verdict, it.found)
        };
        let until = |days: i64| end - days * DAY_SECONDS;
        for (now, verdict, found) in [
            (until(60), Verdict::Ok, format!("60 days, until {}", certificate.not_after())),
            (
                until(60) + 1,
                Verdict::Warning,
                format!("59 days, until {}: less than 60", certificate.not_after()),
            ),
            (
                until(30),
                Verdict::Warning,
                format!("30 days, until {}: less than 60", certificate.not_after()),
            ),
            (
                until(29),
                Verdict::Warning,
                format!("29 days, until {}: less than 30", certificate.not_after()),
            ),
            (until(7), Verdict::Warning, format!("7 days, until {}: less than 30", certificate.not_after())),
            (until(6), Verdict::Wrong, format!("6 days, until {}: less than 7", certificate.not_after())),
            (end + 1, Verdict::Wrong, format!("it ended on {}", certificate.not_after())),
            (begin - 1, Verdict::Wrong, format!("it begins only on {}", certificate.not_before())),
        ] {
            assert_eq!(seen(at(now)), (verdict, found), "{now}");
        }
    }
}
