//! What a node rests on, on its own machine: identity, disk, ports, ledgers and clock. Nothing is changed.

mod clock;
mod disk;
mod msp;
mod ports;
mod store;

use std::time::SystemTime;

use super::{Finding, Verdict};
use crate::config::Settings;

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The identity that signs blocks.
    Msp,
    /// The folder of log and ledgers.
    Disk,
    /// The addresses to listen on.
    Ports,
    /// The ledgers.
    Store,
    /// The machine's clock.
    Clock,
}

impl Part {
    /// All, in the order in which they are looked at.
    pub const ALL: [Self; 5] = [Self::Msp, Self::Disk, Self::Ports, Self::Store, Self::Clock];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Msp => "msp",
            Self::Disk => "disk",
            Self::Ports => "ports",
            Self::Store => "store",
            Self::Clock => "clock",
        }
    }

    /// Looks at it.
    #[must_use]
    pub fn look(self, settings: &Settings, now: SystemTime) -> Vec<Finding> {
        match self {
            Self::Msp => msp::look(settings, now),
            Self::Disk => disk::look(settings),
            Self::Ports => ports::look(settings),
            Self::Store => store::look(settings),
            Self::Clock => clock::look(settings, now),
        }
    }
}

/// A thing that is as it should be.
fn fine(part: Part, what: &str, found: impl Into<String>, wanted: &str) -> Finding {
    finding(part, Verdict::Ok, [what.to_owned(), found.into(), wanted.to_owned()], "", &[])
}

/// A thing, and what comes of it, and what to do.
fn finding(
    part: Part,
    verdict: Verdict,
    [what, found, wanted]: [String; 3],
    why: &str,
    remedy: &[String],
) -> Finding {
    let (subject, why, remedy) = (part.name().to_owned(), why.to_owned(), remedy.to_vec());
    Finding { verdict, subject, what, found, wanted, why, remedy }
}

/// Seconds since 1970, before it negative.
fn unix_seconds(now: SystemTime) -> i64 {
    let seconds = |time: std::time::Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration()),
    }
}
