//! What things cost, each beside a peer or a limit measured in the same run.
//!
//! Figures are medians over several rounds; the ratio is the median of the rounds' ratios, so that it holds when the
//! machine's speed drifts. `cargo xtask bench` runs this; results are kept in `RESULTS.md` beside this file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../harness/admin.rs"]
mod admin;
mod broadcast;
#[path = "../harness/kafka/mod.rs"]
mod broker;
mod compile;
mod deliver;
#[path = "../harness/filters/mod.rs"]
mod filters;
#[allow(dead_code, reason = "filters need a part of it")]
#[path = "../../host/rules/src/tests/guest.rs"]
mod guest;
mod kafka;
mod ledger;
mod load;
mod memory;
#[path = "../harness/process.rs"]
mod process;
mod reload;
mod restart;
mod standard;
mod subjects;

use std::time::{Duration, Instant};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds counted, after one that is not.
const ROUNDS: usize = 9;

/// One thing measured.
struct Subject<'a> {
    name: String,
    /// Units of work in a call of `work`.
    units: usize,
    work: Box<dyn FnMut() + 'a>,
}

/// A subject and what it is held against.
struct Line<'a> {
    subject: Subject<'a>,
    beside: Subject<'a>,
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` and `cargo test --benches` pass flags of the standard harness.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    match arguments.first().map(String::as_str) {
        Some(ledger::FILL) => return ledger::fill(arguments.into_iter().skip(1)),
        Some(compile::ONE) => return compile::one(arguments.into_iter().skip(1)),
        _ => {}
    }
    // `cargo xtask bench ledger 20` measures the ledger alone, and opens one of 20 GB instead of 1.
    let ledger_gb = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1_u64);
    arguments.retain(|it| !it.starts_with("--") && it.parse::<u64>().is_err());
    let is_wanted = |group: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == group);
    println!(
        "{:<46} {:>10} {:>10} | {:<34} {:>10} | {:>7}",
        "", "µs a unit", "units a s", "", "µs a unit", "ratio"
    );
    if is_wanted("chain") {
        subjects::all(&mut measure);
    }
    if is_wanted("filters") {
        standard::all(&mut measure);
    }
    if is_wanted("ledger") {
        ledger::writes(&mut measure);
        ledger::opens(ledger_gb * 1_000_000_000);
    }
    if is_wanted("deliver") {
        deliver::all(&mut measure);
    }
    if is_wanted("broadcast") {
        broadcast::all();
    }
    // Needs Java and Maven, so only who asks for it gets it.
    if arguments.iter().any(|argument| argument == "kafka") {
        kafka::all();
    }
    if is_wanted("node") {
        memory::all();
    }
    if is_wanted("reload") {
        reload::all();
    }
    if is_wanted("compile") {
        compile::all();
    }
    if is_wanted("restart") {
        restart::all();
    }
}

/// Times a subject and what it is held against in turn, and prints the medians.
fn measure(mut line: Line<'_>) {
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let our = time(&mut line.subject);
        let their = time(&mut line.beside);
        if round > 0 {
            ours.push(our);
            theirs.push(their);
            ratios.push(our / their);
        }
    }
    let (our, their, ratio) = (median(&mut ours), median(&mut theirs), median(&mut ratios));
    println!(
        "{:<46} {:>10.3} {:>10.0} | {:<34} {:>10.3} | {:>7.2}",
        line.subject.name,
        our,
        1e6 / our,
        line.beside.name,
        their,
        ratio
    );
}

/// Microseconds a unit.
fn time(subject: &mut Subject<'_>) -> f64 {
    let start = Instant::now();
    (subject.work)();
    let elapsed: Duration = start.elapsed();
    elapsed.as_secs_f64() * 1e6 / subject.units as f64
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
