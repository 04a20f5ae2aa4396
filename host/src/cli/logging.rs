//! What a running node tells of itself, on stderr.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Starts the log: warnings and errors, with `is_verbose` also what goes as it should. Only our own crates speak: what
/// libraries find worth a warning is for their authors.
pub fn start(is_verbose: bool) {
    let level = if is_verbose { LevelFilter::DEBUG } else { LevelFilter::WARN };
    let ours = Targets::new().with_target("raddle", level);
    let has_colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(has_colours)
        .with_target(false);
    // Fails only where a log was started before: a test that runs two commands in one process.
    let _ = tracing_subscriber::registry().with(lines.with_filter(ours)).try_init();
}
