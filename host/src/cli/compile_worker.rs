//! `raddle compile-worker`: the child that an orderer starts for each module that it compiles. Nobody else calls it.

use std::process::ExitCode;
use std::time::Duration;

use raddle_rules::artifact::{CompileLimits, CompileWorker, serve_compile};

/// Name of the command.
const NAME: &str = "compile-worker";

/// Options of `raddle compile-worker`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Seconds of CPU after which the system ends this process
    #[arg(long)]
    cpu_seconds: u32,

    /// Most bytes of address space of this process
    #[arg(long)]
    memory_bytes: u64,

    /// Takes only what others leave of the processors
    #[arg(long)]
    stand_back: bool,
}

/// Compiles the component on standard input, and writes its machine code to standard output.
///
/// Nobody reads what goes wrong: the parent judges by what comes, and by how the process ends.
pub fn run(arguments: &Arguments) -> ExitCode {
    let limits = CompileLimits {
        cpu_seconds: arguments.cpu_seconds,
        memory_bytes: arguments.memory_bytes,
        // These two are the parent's to watch.
        stands_back: if arguments.stand_back { Duration::MAX } else { Duration::ZERO },
        time: Duration::MAX,
    };
    match serve_compile(&limits, std::io::stdin().lock(), std::io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What compiles modules for this process: its own program, called as above.
#[must_use]
pub fn worker() -> CompileWorker {
    CompileWorker::of_this_program([NAME])
}
