//! `cargo xtask`: the repository's own tasks.

mod guests;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Raddle's own tasks.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the modules that Raddle ships into guest-filters/dist
    Guests {
        /// Compare dist with the sources and write nothing
        #[arg(long)]
        check: bool,
        /// Format, lint and test the guests natively instead
        #[arg(long, conflicts_with = "check")]
        test: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Guests { test: true, .. } => guests::native_tests(),
        Task::Guests { check, .. } => guests::run(check).map(drop),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
