//! What compiling a module takes, in the process that an orderer starts for it, beside wasmtime in the same process.
//!
//! Each is compiled in processes of its own, one for each figure of memory: the system tells the most that a process
//! and those it waited for have had.

use std::fs;
use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use raddle_rules::artifact::{CompileLimits, CompileWorker, Compiler, InProcess};
use raddle_rules::shipped::{BATCH_COUNT_AND_BYTES, FILTERS};

use crate::filters;
use crate::table::{Row, Table};

/// The argument with which this program compiles one module and says what it took.
pub const ONE: &str = "compile-one";

/// Compilations of each module.
const ROUNDS: usize = 5;

/// A row for each module.
pub fn all(table: &mut Table) {
    let shipped = FILTERS.iter().chain([&BATCH_COUNT_AND_BYTES]);
    for (name, bytes) in shipped
        .map(|module| (module.name, module.bytes.to_vec()))
        .chain([("the largest, of plain code", filters::large()), ("a bomb", filters::bomb(3, 0))])
    {
        rows(table, name, &bytes);
    }
}

/// What one compilation took.
struct Took {
    ms: f64,
    mib: f64,
}

fn rows(table: &mut Table, name: &str, component: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(component).unwrap();
    let run = |how: &str| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([ONE, how])
            .arg(file.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let figures: Vec<f64> = text.split_whitespace().map(|figure| figure.parse().unwrap()).collect();
        Took { ms: figures[0], mib: figures[2] }
    };
    let (mut worker, mut here) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        worker.push(run("worker"));
        here.push(run("here"));
    }
    let of = |took: &[Took], figure: fn(&Took) -> f64| took.iter().map(figure).collect::<Vec<_>>();
    let name = format!("compile {name}");
    let (theirs, ours) = (of(&here, |took| took.ms), of(&worker, |took| took.ms));
    table.push(Row::beside_rounds(&name, ours, "ms", "wasmtime in the same process", theirs));
    let (theirs, ours) = (of(&here, |took| took.mib), of(&worker, |took| took.mib));
    table.push(Row::beside_rounds(format!("{name}: memory"), ours, "MiB", "the same", theirs));
}

/// Compiles the component in a file; prints milliseconds, those of processors, MiB, and bytes of machine code.
pub fn one(mut arguments: impl Iterator<Item = String>) {
    let (how, path) = (arguments.next().unwrap(), arguments.next().unwrap());
    let component = fs::read(path).unwrap();
    let in_process = InProcess::new().unwrap();
    let worker = CompileWorker::new(env!("CARGO_BIN_EXE_raddle"), ["compile-worker"]);
    let (compiler, who): (&dyn Compiler, _) = match how.as_str() {
        "worker" => (&worker, UsageWho::RUSAGE_CHILDREN),
        _ => (&in_process, UsageWho::RUSAGE_SELF),
    };
    let (before, start) = (cpu(who), Instant::now());
    let artifact = compiler.compile(&component, &in_process.key(), &CompileLimits::LOOSE).unwrap();
    let (took, used) = (start.elapsed(), cpu(who) - before);
    let kib = match who {
        // What this process has had before it became this program does not count.
        UsageWho::RUSAGE_SELF => own_kib(),
        _ => getrusage(who).unwrap().max_rss() as f64,
    };
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{} {} {} {}", ms(took), ms(used), kib / 1024.0, artifact.bytes().len());
}

fn cpu(who: UsageWho) -> Duration {
    let usage = getrusage(who).unwrap();
    let time = |time: nix::sys::time::TimeVal| {
        Duration::from_secs(time.tv_sec() as u64) + Duration::from_micros(time.tv_usec() as u64)
    };
    time(usage.user_time()) + time(usage.system_time())
}

/// The most memory that this process has had. (Linux.)
fn own_kib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
