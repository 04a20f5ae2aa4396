//! The program called `orderer`: what starts Fabric's orderer starts this one.
//!
//! Source: fabric v2.5.16 `orderer/common/server/main.go` `Main`, `orderer/common/metadata/metadata.go`.

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{Failure, compile_worker, help, start};

/// The name of Fabric's program.
const NAME: &str = "orderer";

/// Raddle, called by the name of Fabric's orderer: a node by orderer.yaml and $ORDERER_*
#[derive(Debug, Parser)]
#[command(name = NAME, disable_help_subcommand = true, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the node; what happens where no command is given
    Start(start::Arguments),
    /// Show version information
    Version,
    /// Explain a topic, or an error code such as RDL-4004
    Help(help::Arguments),
    /// Compile one module for the orderer that calls this
    #[command(hide = true)]
    CompileWorker(compile_worker::Arguments),
}

/// Whether the process was called by that name.
pub fn is_called() -> bool {
    std::env::args_os().next().is_some_and(|program| is_name(&program))
}

/// Runs the command that the process was called with.
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        None => return start::run(&start::Arguments::default()).unwrap_or_else(Failure::report),
        Some(Command::Start(arguments)) => return start::run(&arguments).unwrap_or_else(Failure::report),
        Some(Command::Version) => {
            anstream::print!("{}", version());
            Ok(())
        }
        Some(Command::Help(arguments)) => help::run(&arguments),
        Some(Command::CompileWorker(arguments)) => return compile_worker::run(&arguments),
    };
    outcome.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

/// In Fabric's form, for scripts that look for a line.
fn version() -> String {
    let (os, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    // As Go calls it.
    let architecture = match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!(
        "{NAME}:\n Version: {} (Raddle)\n OS/Arch: {os}/{architecture}\n",
        concat!("v", env!("CARGO_PKG_VERSION"))
    )
}

fn is_name(program: &OsStr) -> bool {
    Path::new(program).file_stem() == Some(OsStr::new(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_counts_without_folder_and_ending() {
        for (program, expected) in [
            ("orderer", true),
            ("/usr/local/bin/orderer", true),
            ("bin\\..\\orderer", cfg!(windows)),
            ("orderer.exe", true),
            ("raddle", false),
            ("/opt/orderer/raddle", false),
            ("orderer2", false),
            ("", false),
        ] {
            assert_eq!(is_name(OsStr::new(program)), expected, "{program}");
        }
    }
}
