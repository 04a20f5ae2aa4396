//! The command `raddle`.

use std::process::ExitCode;

/// Envelopes are many small parts, made on one thread and freed on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    raddle::cli::run()
}
