//! `cargo xtask test`: everything that says whether the repository is good, in an order that fails fast.

mod counts;
mod report;
mod shell;
mod steps;
/// READMEs, as the tests of the whole read them too.
#[path = "../../../tests/harness/walkthrough.rs"]
mod walkthrough;

use std::path::Path;
use std::time::{Duration, Instant};

use clap::ValueEnum;

pub use counts::Tally;
pub use shell::Shell;
use steps::{STEPS, Step};

/// What the tests of a tier need from the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tier {
    /// Rust and a C compiler
    Core,
    /// A Rust toolchain that builds for WebAssembly
    Guests,
    /// A Go toolchain, and the Go module proxy
    Go,
    /// Chromium
    Browser,
    /// Java and Maven, and Maven Central for an Apache Kafka; a step of it needs what `go` needs too
    Kafka,
}

/// How the tests are run.
#[derive(clap::Args)]
pub struct Options {
    /// Run this tier alone; may be given more than once
    #[arg(long = "tier", value_name = "TIER")]
    tiers: Vec<Tier>,
    /// Fail where a step must be skipped because this machine lacks something
    #[arg(long)]
    strict: bool,
    /// Go on after a step that failed
    #[arg(long)]
    keep_going: bool,
}

/// How a step went.
#[derive(Debug)]
enum Outcome {
    Passed(Tally),
    Failed {
        tally: Tally,
        why: String,
    },
    Skipped {
        needs: String,
    },
    /// A step before it failed.
    NotRun,
}

/// A step that was looked at.
struct Done {
    step: &'static Step,
    outcome: Outcome,
    took: Duration,
}

/// Runs the steps and prints a table of them; the last line counts tests. Whether all is well.
pub fn run(root: &Path, options: &Options) -> bool {
    let is_wanted = |step: &&Step| options.tiers.is_empty() || options.tiers.contains(&step.tier);
    let mut done: Vec<Done> = Vec::new();
    let mut is_stopped = false;
    for step in STEPS.iter().filter(is_wanted) {
        let start = Instant::now();
        let outcome = if is_stopped { Outcome::NotRun } else { strictly(options.strict, step.run(root)) };
        if let Outcome::Failed { why, .. } = &outcome {
            eprintln!("error: {}: {why}", step.name);
            is_stopped = !options.keep_going;
        }
        done.push(Done { step, outcome, took: start.elapsed() });
    }
    print!("{}", report::table(&done));
    let has_failed = done.iter().any(|it| matches!(it.outcome, Outcome::Failed { .. }));
    !has_failed
}

/// With `--strict` nothing may be left out.
fn strictly(strict: bool, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Skipped { needs } if strict => {
            Outcome::Failed { tally: Tally::default(), why: format!("needs {needs}") }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_fails_where_nothing_may_be_left_out() {
        let skipped = || Outcome::Skipped { needs: "a Go toolchain".into() };
        assert!(matches!(strictly(false, skipped()), Outcome::Skipped { .. }));
        let Outcome::Failed { why, .. } = strictly(true, skipped()) else { unreachable!() };
        assert_eq!(why, "needs a Go toolchain");
        assert!(matches!(strictly(true, Outcome::Passed(Tally::default())), Outcome::Passed(_)));
    }
}
