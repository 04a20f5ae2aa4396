//! The command `raddle`.

use std::process::ExitCode;

fn main() -> ExitCode {
    raddle::cli::run()
}
