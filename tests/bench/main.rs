//! What things cost, each beside a peer or a limit measured in the same run: one table.
//!
//! Figures are medians over several rounds; the ratio is the median of the rounds' ratios, so that it holds when the
//! machine's speed drifts. `cargo xtask bench` runs this. What it came to is kept in `recorded.yaml` beside this file;
//! `--record DAY` writes it there. What differs from it by more than its noise is pointed out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../harness/admin.rs"]
mod admin;
mod broadcast;
#[path = "../harness/kafka/mod.rs"]
mod broker;
mod compile;
mod deliver;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../harness/eventually.rs"]
mod eventually;
#[path = "../harness/filters/mod.rs"]
mod filters;
#[allow(dead_code, reason = "filters need a part of it")]
#[path = "../../host/rules/src/tests/guest.rs"]
mod guest;
mod kafka;
mod ledger;
mod load;
mod null;
mod orderer;
#[path = "../harness/process.rs"]
mod process;
mod reload;
mod restart;
mod standard;
mod subjects;
mod table;

use std::time::{Duration, Instant};

use table::{Row, Table};

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

/// A group of benchmarks: its name, and what it does with the table; the number scales what is large.
type Group = (&'static str, fn(&mut Table, u64));

/// All groups, those that take longest last.
const GROUPS: &[Group] = &[
    ("chain", |table, _| subjects::all(&mut |line| table.push(measure(line)))),
    ("filters", |table, _| {
        standard::all(&mut |line| table.push(measure(line)));
        standard::added(table);
    }),
    ("compile", |table, _| compile::all(table)),
    ("deliver", |table, _| deliver::all(&mut |line| table.push(measure(line)))),
    ("broadcast", |table, _| {
        orderer::all(table);
        share(table);
    }),
    ("memory", orderer::memory),
    ("fairness", |table, _| orderer::fairness(table)),
    ("identities", |table, _| orderer::identities(table)),
    ("reload", |table, _| reload::all(table)),
    ("ledger", |table, scale| {
        ledger::writes(&mut |line| table.push(measure(line)));
        ledger::heights(table, usize::try_from(scale).unwrap());
        ledger::opens(table, scale * 1_000_000_000);
    }),
    ("channels", |table, _| restart::channels(table)),
    ("restart", |table, _| restart::all(table)),
    (NEEDS_JAVA, |table, _| kafka::all(table)),
];

/// Needs Java and Maven, so only who asks for it gets it.
const NEEDS_JAVA: &str = "kafka";

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench` and `cargo test --benches` pass flags of the standard harness.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    match arguments.first().map(String::as_str) {
        Some(ledger::FILL) => return ledger::fill(arguments.into_iter().skip(1)),
        Some(compile::ONE) => return compile::one(arguments.into_iter().skip(1)),
        Some(null::SERVE) => return null::serve(),
        _ => {}
    }
    let day = arguments.iter().position(|argument| argument == "--record").map(|place| {
        arguments.remove(place);
        arguments.remove(place)
    });
    // `cargo xtask bench ledger 20` measures the ledger alone, and opens one of 20 GB instead of 1.
    let scale = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(1_u64);
    arguments.retain(|it| !it.starts_with("--") && it.parse::<u64>().is_err());
    let unknown: Vec<_> =
        arguments.iter().filter(|name| !GROUPS.iter().any(|(group, _)| group == name)).collect();
    let groups: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
    assert!(unknown.is_empty(), "there is no benchmark {unknown:?}; there are {}", groups.join(", "));
    let mut table = Table::new();
    for (name, work) in GROUPS {
        let is_wanted = arguments.iter().any(|argument| argument == name);
        if is_wanted || (arguments.is_empty() && *name != NEEDS_JAVA) {
            work(&mut table, scale);
        }
    }
    table.finish();
    if let Some(day) = day {
        table.record(&day);
    }
}

/// A row for what the sandbox has of an envelope's cost, where both were measured.
fn share(table: &mut Table) {
    let four = table.find("four filters, a judge that always says yes");
    let all = table.find("orderer's CPU, 8 × 64, 2 KB");
    if let (Some(four), Some(all)) = (four, all) {
        let row = Row::new("four filters, of an envelope's CPU", four, "µs");
        table.push(row.beside("orderer's CPU, 8 × 64, 2 KB", all));
    }
}

/// Times a subject and what it is held against in turn: the median microseconds a unit.
fn measure(mut line: Line<'_>) -> Row {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let our = time(&mut line.subject);
        let their = time(&mut line.beside);
        if round > 0 {
            ours.push(our);
            theirs.push(their);
        }
    }
    Row::beside_rounds(line.subject.name, ours, "µs", &line.beside.name, theirs)
}

/// Microseconds a unit.
fn time(subject: &mut Subject<'_>) -> f64 {
    let start = Instant::now();
    (subject.work)();
    let elapsed: Duration = start.elapsed();
    elapsed.as_secs_f64() * 1e6 / subject.units as f64
}
