//! A process that goes on by small steps, between which it is looked at.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// How long a process goes on in a step, at least: a longer while before the first write, then enough for a few system
/// calls.
const FIRST_STEPS: Duration = Duration::from_micros(300);
const STEP: Duration = Duration::from_micros(20);

/// Steps without a further write after which the ledger is not waited for any more. It is at work without a pause.
const STEPS_AT_REST: usize = 500;

/// More steps than are ever needed.
const STEPS_MAX: usize = 100_000;

/// How long a process goes on in a step of [`step_until`].
const SHORT_STEP: Duration = Duration::from_micros(30);

/// Lets a process go on at least `least` steps, and until `place` says that it is at `target` or behind it; stops it
/// there, and answers where it is.
pub fn step_until<P: PartialOrd>(id: u32, target: P, least: usize, place: impl Fn() -> P) -> P {
    let pid = Pid::from_raw(id.try_into().unwrap()).unwrap();
    stop(pid);
    for step in 0.. {
        if step >= least && place() >= target {
            break;
        }
        kill_process(pid, Signal::CONT).unwrap();
        std::thread::sleep(SHORT_STEP);
        stop(pid);
    }
    place()
}

/// Stops all threads, each behind the system call that it is in.
fn stop(pid: Pid) {
    kill_process(pid, Signal::STOP).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped());
}

/// What a node has written to its files since it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Writes {
    /// Writes to the log.
    pub log: u64,
    /// Writes to the ledger: the blocks' file and the index.
    pub ledger: u64,
}

impl Writes {
    pub const fn all(self) -> u64 {
        self.log + self.ledger
    }
}

/// A node, and the two of its threads that write.
pub struct Steps {
    pid: Pid,
    log: PathBuf,
    ledger: PathBuf,
    before: Writes,
}

impl Steps {
    /// A node at rest.
    pub fn of(id: u32) -> Self {
        let pid = Pid::from_raw(id.try_into().unwrap()).unwrap();
        let (log, ledger) = (thread(id, "ordered-log"), thread(id, "ledger-demo"));
        let mut steps = Self { pid, log, ledger, before: Writes::default() };
        steps.before = steps.writes();
        steps
    }

    /// What was written since the node was at rest. The system counts it, thread by thread.
    pub fn writes(&self) -> Writes {
        let count = |path: &PathBuf| {
            let counters = fs::read_to_string(path).unwrap();
            let line = counters.lines().find_map(|line| line.strip_prefix("syscw: ")).unwrap();
            line.parse::<u64>().unwrap()
        };
        let (log, ledger) = (count(&self.log), count(&self.ledger));
        Writes { log: log - self.before.log, ledger: ledger - self.before.ledger }
    }

    /// Lets the node go on until it has written `count` times, or has come to rest behind the block; stops it there.
    pub fn until(&self, count: u64) -> Writes {
        let (mut seen, mut at_rest) = (self.stop(), 0);
        for _ in 0..STEPS_MAX {
            if seen.all() >= count || (seen.ledger > 0 && at_rest == STEPS_AT_REST) {
                break;
            }
            kill_process(self.pid, Signal::CONT).unwrap();
            std::thread::sleep(if seen.all() == 0 { FIRST_STEPS } else { STEP });
            let now = self.stop();
            at_rest = if now == seen { at_rest + 1 } else { 0 };
            seen = now;
        }
        seen
    }

    fn stop(&self) -> Writes {
        stop(self.pid);
        self.writes()
    }
}

/// Counters of the thread of this name.
fn thread(id: u32, name: &str) -> PathBuf {
    let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let mut folders = threads.map(|thread| thread.unwrap().path());
    let is_it = |folder: &PathBuf| fs::read_to_string(folder.join("comm")).unwrap().trim_end() == name;
    folders.find(is_it).unwrap().join("io")
}
