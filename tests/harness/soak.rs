//! How long tests go on that may: a little while in an ordinary run, `SOAK_SECONDS` with `RADDLE_SOAK=1`.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::time::Duration;

/// Whether tests are to go on for long.
pub fn is_soak() -> bool {
    std::env::var_os("RADDLE_SOAK").is_some()
}

/// `SOAK_SECONDS`, or what it is where nobody says; none in an ordinary run.
pub fn soak_time(default_seconds: u64) -> Option<Duration> {
    let seconds =
        std::env::var("SOAK_SECONDS").ok().map(|text| text.parse().expect("SOAK_SECONDS is a number"));
    is_soak().then(|| Duration::from_secs(seconds.unwrap_or(default_seconds)))
}

/// A line of a process's status that is an amount of memory, such as `VmRSS` and `VmHWM`, in bytes. (Linux.)
pub fn memory_bytes(process: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.strip_prefix(what).is_some_and(|rest| rest.starts_with(':')));
    line.unwrap().split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
