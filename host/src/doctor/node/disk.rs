//! The folder of log and ledgers, and what it lies on.

use std::path::Path;

use rustix::fs::{Access, access, statfs, statvfs};

use super::{Part, finding, fine};
use crate::config::Settings;
use crate::doctor::{Finding, Verdict};

const GIB: u64 = 1 << 30;

/// With less, a node is soon at its end.
const FREE_MIN: u64 = GIB;

/// With less, somebody should look.
const FREE_WARNED: u64 = 10 * GIB;

/// File systems on which blocks are not kept as a node relies on: Linux's number, and what comes of it.
const UNFIT: [(i64, &str, &str); 3] = [
    (0x0102_1994, "tmpfs, in memory", "all blocks are gone when the machine ends"),
    (
        0x6969,
        "NFS",
        "locks and syncs over a network may not hold what a block that was acknowledged rests on",
    ),
    (
        0x5346_414f,
        "AFS",
        "locks and syncs over a network may not hold what a block that was acknowledged rests on",
    ),
];

pub(super) fn look(settings: &Settings) -> Vec<Finding> {
    let folder = &settings.folder.value;
    let there = folder.ancestors().find(|above| !above.as_os_str().is_empty() && above.exists());
    // A relative folder of which nothing is there is made in the folder of the settings.
    let there = there.unwrap_or(Path::new("."));
    let origin = format!("FileLedger.Location ({})", settings.folder.origin);
    let mut findings = vec![writable(folder, there, &origin)];
    if let Ok(system) = statvfs(there) {
        findings.push(free(there, system.f_bavail.saturating_mul(system.f_frsize), &origin));
        if system.f_files > 0 && system.f_favail < 1000 {
            findings.push(finding(
                Part::Disk,
                Verdict::Wrong,
                ["free inodes".into(), system.f_favail.to_string(), "1000 or more".into()],
                "no file can be made where there is none",
                &[format!("delete files on the file system of {}", there.display())],
            ));
        }
    }
    if let Ok(system) = statfs(there) {
        #[allow(clippy::unnecessary_cast, reason = "its type differs by architecture")]
        let kind = system.f_type as i64;
        let unfit = UNFIT.iter().filter(|(number, ..)| *number == kind);
        findings.extend(unfit.map(|(_, name, why)| {
            finding(
                Part::Disk,
                Verdict::Warning,
                ["file system".into(), (*name).into(), "one on a disk of this machine".into()],
                why,
                &[format!("name a folder on a disk in {origin}")],
            )
        }));
    }
    findings
}

fn writable(folder: &Path, there: &Path, origin: &str) -> Finding {
    let wanted = "a folder that this user may write to";
    let found = match there == folder {
        true => folder.display().to_string(),
        false => format!("{}, which is made in {}", folder.display(), there.display()),
    };
    let rights = access(there, Access::WRITE_OK | Access::EXEC_OK);
    match (there.is_dir(), rights) {
        (true, Ok(())) => fine(Part::Disk, "folder", found, wanted),
        (true, Err(error)) => finding(
            Part::Disk,
            Verdict::Wrong,
            ["folder".into(), format!("{}: {error}", there.display()), wanted.into()],
            "the node does not start",
            &[format!("chown the folder to the user of the node, or name another one in {origin}")],
        ),
        (false, _) => finding(
            Part::Disk,
            Verdict::Wrong,
            ["folder".into(), format!("{} is no folder", there.display()), wanted.into()],
            "the node does not start",
            &[format!("name a folder in {origin}; it is made if it is not there")],
        ),
    }
}

fn free(there: &Path, bytes: u64, origin: &str) -> Finding {
    let found = format!("{}.{} GiB on {}", bytes / GIB, bytes % GIB * 10 / GIB, there.display());
    let verdict = match bytes {
        ..FREE_MIN => Verdict::Wrong,
        FREE_MIN..FREE_WARNED => Verdict::Warning,
        _ => return fine(Part::Disk, "free", found, "10 GiB or more"),
    };
    finding(
        Part::Disk,
        verdict,
        ["free".into(), found, "10 GiB or more".into()],
        "where nothing can be written a channel halts; nothing that was acknowledged is lost",
        &[format!("make place, or move the folder and name the new one in {origin}")],
    )
}
