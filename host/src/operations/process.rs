//! What the process uses, under the names that all of Prometheus's libraries have.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};
use nix::time::{ClockId, clock_gettime};

/// A name, what it means, whether it only grows, and its value.
type Tell<'a> = dyn FnMut(&str, &str, bool, f64) + 'a;

/// Tells all that the system tells.
pub(super) fn add(tell: &mut Tell<'_>) {
    if let Ok(used) = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID) {
        let seconds = std::time::Duration::from(used).as_secs_f64();
        let help = "Total user and system CPU time spent in seconds.";
        tell("process_cpu_seconds_total", help, true, seconds);
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (field, name, help) in [
        ("VmRSS:", "process_resident_memory_bytes", "Resident memory size in bytes."),
        ("VmSize:", "process_virtual_memory_bytes", "Virtual memory size in bytes."),
    ] {
        if let Some(kibibytes) = field_of(&status, field) {
            tell(name, help, false, kibibytes * 1024.0);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        tell("process_open_fds", "Number of open file descriptors.", false, open.count() as f64);
    }
    if let Ok((most, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
        tell("process_max_fds", "Maximum number of open file descriptors.", false, most as f64);
    }
}

/// The number that stands behind a field's name.
fn field_of(status: &str, field: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_all_of_it() {
        let mut told = Vec::new();
        add(&mut |name, _, _, value| told.push((name.to_owned(), value)));
        assert_eq!(told.len(), 5, "{told:?}");
        assert!(told.iter().all(|(_, value)| *value > 0.0), "{told:?}");
    }
}
