//! What a node rests on, on its own machine: identity, TLS, disk, ports, ledgers, modules, clock. Nothing is changed.

mod clock;
mod configs;
mod disk;
mod modules;
mod msp;
mod ports;
mod store;
mod time;
pub mod tls;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use raddle_rules::artifact::CompileWorker;

use super::{Finding, Verdict};
use crate::config::{Problem, Settings};

/// Rights of anybody but the owner.
const OTHERS: u32 = 0o077;

/// What is looked at, and with what.
pub struct Given<'a> {
    /// The node's settings.
    pub settings: &'a Settings,
    /// What is wrong with them, as far as [`tls`] tells it.
    pub problems: &'a [Problem],
    /// What compiles modules.
    pub worker: CompileWorker,
    /// The time of now.
    pub now: SystemTime,
}

/// What can be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The identity that signs blocks.
    Msp,
    /// What listeners present, and whom they let in.
    Tls,
    /// The folder of log and ledgers.
    Disk,
    /// The addresses to listen on.
    Ports,
    /// The ledgers.
    Store,
    /// The modules of channels.
    Modules,
    /// The machine's clock.
    Clock,
}

impl Part {
    /// All, in the order in which they are looked at.
    pub const ALL: [Self; 7] =
        [Self::Msp, Self::Tls, Self::Disk, Self::Ports, Self::Store, Self::Modules, Self::Clock];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Msp => "msp",
            Self::Tls => "tls",
            Self::Disk => "disk",
            Self::Ports => "ports",
            Self::Store => "store",
            Self::Modules => "modules",
            Self::Clock => "clock",
        }
    }

    /// Looks at it.
    #[must_use]
    pub fn look(self, given: &Given<'_>) -> Vec<Finding> {
        let (settings, now) = (given.settings, given.now);
        match self {
            Self::Msp => msp::look(settings, now),
            Self::Tls => tls::look(given),
            Self::Disk => disk::look(settings),
            Self::Ports => ports::look(settings),
            Self::Store => store::look(settings),
            Self::Modules => modules::look(given),
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

/// Says so if others than its owner may read a key.
fn key_rights(part: Part, path: &Path, why: &str) -> Option<Finding> {
    let mode = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.permissions().mode();
    if mode & OTHERS == 0 {
        return None;
    }
    let told = ["key's rights".into(), format!("{:03o} on {}", mode & 0o777, path.display()), "600".into()];
    Some(finding(part, Verdict::Warning, told, why, &[format!("chmod 600 {}", path.display())]))
}
