//! `cargo xtask`: the repository's own tasks.

mod digest;
mod guests;
mod links;
mod release;
mod repository;
mod soak;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use test::{Shell, Tally};

/// Raddle's own tasks.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check formatting, lints, tests and more, as far as this machine can
    Test(test::Options),
    /// Run for long what is short in an ordinary run: `$SOAK_SECONDS` for each scene (900) and each kind of input (300)
    Soak(soak::Options),
    /// Measure everything, or some groups, in one table, and point out what differs from tests/bench/recorded.yaml
    Bench {
        /// Names of groups, a number that scales what is large, `--record DAY`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the modules that Raddle ships into guest-filters/dist
    Guests {
        /// Compare dist with the sources and write nothing
        #[arg(long)]
        check: bool,
        /// Format, lint and test the guests natively instead
        #[arg(long, conflicts_with = "check")]
        test: bool,
    },
    /// Check the rules of the house that clippy does not know
    Tidy,
    /// Put a release into a folder: program, modules, SDKs, files for operators, licences, bill of materials, sums
    Release(release::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
fn run(task: Task) -> anyhow::Result<bool> {
    let root = repository::root()?;
    let shell = Shell { root: &root, dir: "" };
    match task {
        Task::Test(options) => Ok(test::run(&root, &options)),
        Task::Soak(options) => soak::run(&root, &options),
        Task::Bench { arguments } => {
            let mut command = shell.cargo(&["bench", "--locked", "--bench", "bench", "--"]);
            let (status, _) = shell.run(command.args(arguments))?;
            Ok(status.success())
        }
        Task::Guests { test: true, .. } => guests::native_tests().map(|()| true),
        Task::Guests { check, .. } => guests::run(check).map(|_| true),
        Task::Release(options) => release::run(&root, &options).map(|()| true),
        Task::Tidy => {
            let Tally { failed, .. } = tidy::run(&root)?;
            Ok(failed == 0)
        }
    }
}
