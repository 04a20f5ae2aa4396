//! The one table of all benchmarks: ours, the peer or limit of the same run, their ratio, what it should be, and what
//! it was when it was recorded.
//!
//! `recorded.yaml` holds what was recorded, and nothing else does: the table in `RESULTS.md` is made from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The least noise that a figure is thought to have.
const NOISE_MIN: f64 = 0.1;

/// Noise of what was measured once.
const NOISE_ONCE: f64 = 0.25;

/// Where the table stands in `RESULTS.md`.
const MARKS: [&str; 2] = ["<!-- recorded.yaml, as a table -->\n", "<!-- end of recorded.yaml -->\n"];

/// What the ratio should be or, where nothing stands beside it, the figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

use Aim::{AtLeast, AtMost};

/// All aims, by what is measured.
const AIMS: &[(&str, Aim)] = &[
    ("orderer's CPU, 8 × 64, 2 KB", AtMost(1.5)),
    ("envelopes a second, 1 × 1, durable", AtLeast(0.8)),
    ("envelopes a second, 1 × 64, durable", AtLeast(3.5)),
    ("envelopes a second, 8 × 1, durable", AtLeast(1.5)),
    ("envelopes a second, 8 × 64, durable", AtLeast(2.5)),
    ("four filters, of an envelope's CPU", AtMost(0.2)),
    ("one more header filter, of its aim", AtMost(1.0)),
    ("Deliver from block 1, from disk, 1 MB", AtMost(1.25)),
    ("Deliver, blocks of 1 MB, 1 readers", AtMost(1.25)),
    ("Deliver, blocks of 1 MB, 16 readers", AtMost(1.25)),
    ("Deliver, blocks of 20 KB, 1 readers", AtMost(1.25)),
    ("Deliver, blocks of 20 KB, 16 readers", AtMost(1.25)),
    ("Deliver, blocks of 20 KB, 100 readers", AtMost(1.25)),
    ("ledger, a block of 20 KB a commit", AtMost(1.43)),
    ("ledger, a block of 100 KB a commit", AtMost(1.43)),
    ("ledger, a block of 1000 KB a commit", AtMost(1.43)),
    ("memory at rest", AtMost(64.0)),
    ("memory at 8 × 64, at most", AtMost(256.0)),
    ("memory, more for a million envelopes", AtMost(16.0)),
    ("start to first answer, 1000 channels", AtMost(10.0)),
    ("memory with 1000 channels", AtMost(1024.0)),
    ("p99 under 10 compile bombs, 8 × 64", AtMost(1.5)),
    ("Kafka, Broadcast 1 × 1, a second", AtLeast(2.5)),
    ("Kafka, Broadcast 1 × 64, a second", AtLeast(8.0)),
    ("Kafka, Broadcast 8 × 1, a second", AtLeast(2.5)),
    ("Kafka, Broadcast 8 × 64, a second", AtLeast(4.0)),
    ("Kafka, Broadcast 8 × 64, p99", AtMost(0.2)),
];

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Row {
    /// What was measured; by this it is found again.
    pub what: String,
    pub ours: f64,
    pub unit: String,
    /// The peer or limit.
    #[serde(default)]
    pub beside: Option<Beside>,
    /// Of ratio or figure, as a share of it.
    pub noise: f64,
    /// The day; none before it is recorded.
    #[serde(default)]
    pub on: Option<String>,
}

/// What a figure is held against.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Beside {
    pub what: String,
    pub value: f64,
    /// Ours by theirs: the median of the rounds' ratios.
    pub ratio: f64,
}

/// What was measured, beside what was recorded.
pub struct Table {
    recorded: BTreeMap<String, Row>,
    rows: Vec<Row>,
}

// === impl Row ===

impl Row {
    /// A figure that was measured once, or is a median already.
    pub fn new(what: impl Into<String>, ours: f64, unit: &str) -> Self {
        Self { what: what.into(), ours, unit: unit.into(), beside: None, noise: NOISE_ONCE, on: None }
    }

    /// The median of the figures of several rounds.
    pub fn of(what: impl Into<String>, mut rounds: Vec<f64>, unit: &str) -> Self {
        let noise = noise(&rounds);
        Self { noise, ..Self::new(what, median(&mut rounds), unit) }
    }

    /// The same beside a peer's or a limit's figures of the same rounds.
    pub fn beside_rounds(
        what: impl Into<String>,
        ours: Vec<f64>,
        unit: &str,
        than: &str,
        theirs: Vec<f64>,
    ) -> Self {
        let mut ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        let noise = noise(&ratios);
        let mut row = Self::of(what, ours, unit);
        let mut theirs = theirs;
        row.noise = noise;
        let value = median(&mut theirs);
        row.beside = Some(Beside { what: than.into(), value, ratio: median(&mut ratios) });
        row
    }

    /// The same beside a figure that is known.
    pub fn beside(mut self, than: &str, value: f64) -> Self {
        self.beside = Some(Beside { what: than.into(), value, ratio: self.ours / value });
        self
    }

    /// What is judged: the ratio or, without one, the figure.
    fn judged(&self) -> f64 {
        self.beside.as_ref().map_or(self.ours, |beside| beside.ratio)
    }

    fn aim(&self) -> Option<Aim> {
        AIMS.iter().find(|(what, _)| *what == self.what).map(|(_, aim)| *aim)
    }

    fn is_missed(&self) -> bool {
        match self.aim() {
            Some(AtMost(most)) => self.judged() > most,
            Some(AtLeast(least)) => self.judged() < least,
            None => false,
        }
    }

    /// The row as a line of at most 120 letters, without what was recorded.
    pub fn line(&self) -> String {
        let (than, value, ratio) = match &self.beside {
            Some(beside) => (beside.what.as_str(), figure(beside.value), format!("{:.2}", beside.ratio)),
            None => ("", String::new(), String::new()),
        };
        let aim = match self.aim() {
            Some(AtMost(most)) => format!("≤ {most}"),
            Some(AtLeast(least)) => format!("≥ {least}"),
            None => String::new(),
        };
        let ours = figure(self.ours);
        let line = format!(
            "{:<45} {ours:>9} {:<5}| {than:<32} {value:>8} |{ratio:>7} {aim:>6}",
            self.what, self.unit
        );
        line.trim_end().to_owned()
    }

    fn yaml(&self) -> String {
        let mut text = String::new();
        let Self { what, ours, unit, beside, noise, on } = self;
        let _ = writeln!(text, "- what: {what:?}\n  ours: {ours:.5}\n  unit: {unit:?}");
        if let Some(Beside { what, value, ratio }) = beside {
            let _ = writeln!(text, "  beside: {{what: {what:?}, value: {value:.5}, ratio: {ratio:.4}}}");
        }
        let _ = writeln!(text, "  noise: {noise:.3}");
        if let Some(on) = on {
            let _ = writeln!(text, "  on: {on:?}");
        }
        text
    }
}

/// Half the way from the least to the most, as a share of the median.
fn noise(rounds: &[f64]) -> f64 {
    let mut sorted = rounds.to_vec();
    let median = median(&mut sorted);
    match sorted.len() {
        1 => NOISE_ONCE,
        count => ((sorted[count - 1] - sorted[0]) / 2.0 / median).max(NOISE_MIN),
    }
}

/// The figure in the middle.
pub fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Four digits that matter.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0..0.1 => format!("{value:.4}"),
        0.1..10.0 => format!("{value:.3}"),
        10.0..100.0 => format!("{value:.2}"),
        100.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

// === impl Table ===

impl Table {
    /// An empty table, and what was recorded.
    pub fn new() -> Self {
        println!("{}", head());
        let recorded = recorded().into_iter().map(|row| (row.what.clone(), row)).collect();
        Self { recorded, rows: Vec::new() }
    }

    /// Prints a row and keeps it.
    pub fn push(&mut self, row: Row) {
        let recorded = match self.recorded.get(&row.what) {
            Some(old) => format!("   recorded {} ± {:.0} %", figure(old.judged()), old.noise * 100.0),
            None => "   new".to_owned(),
        };
        println!("{}{recorded}", row.line());
        self.rows.push(row);
    }

    /// What was measured by this name in this run or, if nothing was, recorded.
    pub fn find(&self, what: &str) -> Option<f64> {
        let measured = self.rows.iter().find(|row| row.what == what);
        measured.or_else(|| self.recorded.get(what)).map(|row| row.ours)
    }

    /// Points out what differs from what was recorded, and what does not reach its aim.
    pub fn finish(&self) {
        for row in &self.rows {
            if let Some(old) = self.recorded.get(&row.what) {
                let change = row.judged() / old.judged() - 1.0;
                if change.abs() > old.noise.max(row.noise) {
                    println!(
                        "differs: {}: {} where {} was recorded, {:+.0} % beyond a noise of {:.0} %",
                        row.what,
                        figure(row.judged()),
                        figure(old.judged()),
                        change * 100.0,
                        old.noise.max(row.noise) * 100.0
                    );
                }
            }
            if row.is_missed() {
                println!("misses its aim: {}", row.line());
            }
        }
    }

    /// Writes what was measured into `recorded.yaml`, and the table of all that is recorded into `RESULTS.md`.
    pub fn record(self, day: &str) {
        let mut all = self.recorded;
        for mut row in self.rows {
            row.on = Some(day.to_owned());
            all.insert(row.what.clone(), row);
        }
        let mut text =
            "# What the benchmarks came to: `cargo xtask bench --record DAY GROUP` writes it.\n".to_owned();
        all.values().for_each(|row| text.push_str(&row.yaml()));
        fs::write(place("recorded.yaml"), text).unwrap();
        let results = fs::read_to_string(place("RESULTS.md")).unwrap();
        let (before, after) = around(&results);
        fs::write(place("RESULTS.md"), format!("{before}{}{after}", rendered(all.values()))).unwrap();
    }
}

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench").join(name)
}

/// What was recorded.
pub fn recorded() -> Vec<Row> {
    let text = fs::read_to_string(place("recorded.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// `RESULTS.md` before and behind the table.
fn around(results: &str) -> (&str, &str) {
    let begin = results.find(MARKS[0]).unwrap() + MARKS[0].len();
    let end = results.find(MARKS[1]).unwrap();
    (&results[..begin], &results[end..])
}

/// The table as `RESULTS.md` has it.
fn rendered<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut text = format!("\n```text\n{}\n", head());
    for row in rows {
        let _ = writeln!(text, "{}", row.line());
    }
    text + "```\n\n"
}

/// Whether `RESULTS.md` shows what is recorded.
#[allow(dead_code, reason = "a test asks")]
pub fn is_shown() -> bool {
    let results = fs::read_to_string(place("RESULTS.md")).unwrap();
    let (before, after) = around(&results);
    results == format!("{before}{}{after}", rendered(recorded().iter()))
}

fn head() -> String {
    format!("{:<45} {:>9} {:<5}| {:<32} {:>8} |{:>7} {:>6}", "", "ours", "", "beside", "", "ratio", "aim")
}
