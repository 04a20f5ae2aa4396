//! The machine's clock. Requests for blocks are judged by it, and so are certificates.

use std::path::Path;
use std::time::SystemTime;

use super::{Part, finding, fine, msp, unix_seconds};
use crate::config::Settings;
use crate::doctor::{Finding, Verdict};

/// What systemd's time service touches when it has set the clock.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

/// Folders that other time services keep while they run.
const SERVICES: [&str; 3] = ["/run/chrony", "/run/chrony.pid", "/run/ntpd.pid"];

pub(super) fn look(settings: &Settings, now: SystemTime) -> Vec<Finding> {
    let window = settings.time_window.value;
    let mut findings = vec![service()];
    if let Some(certificate) = msp::certificate(&settings.msp_dir.value) {
        let begin = certificate.not_before();
        let wanted = "a time at which the node's certificate has begun";
        findings.push(match unix_seconds(now) < begin.unix_seconds() {
            false => fine(Part::Clock, "time", "after the certificate's begin", wanted),
            true => finding(
                Part::Clock,
                Verdict::Wrong,
                ["time".into(), format!("the certificate begins only on {begin}"), wanted.into()],
                &format!("who asks for blocks with a clock that differs by more than {window:?} is refused"),
                &["set the clock: timedatectl set-ntp true".into()],
            ),
        });
    }
    findings
}

fn service() -> Finding {
    let wanted = "one that keeps the clock right";
    let what = "time service";
    if Path::new(SYNCHRONIZED).exists() {
        return fine(Part::Clock, what, "systemd-timesyncd has set the clock", wanted);
    }
    match SERVICES.iter().find(|path| Path::new(path).exists()) {
        Some(path) => fine(Part::Clock, what, format!("{path} is there"), wanted),
        // In a container it is the host that has one.
        None => finding(
            Part::Clock,
            Verdict::Warning,
            [what.into(), "none was seen".into(), wanted.into()],
            "who asks for blocks is refused if clocks differ by more than General.Authentication.TimeWindow",
            &["look at the host's: timedatectl status, or chronyc tracking".into()],
        ),
    }
}
