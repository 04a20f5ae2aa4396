//! The child's side of compiling.

use std::io::{self, Read, Write};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use wasmtime::OutOfMemory;

use super::reply::{Content, Header};
use super::{CompileLimits, InProcess};
use crate::engine::EngineError;
use crate::profile::Limit;

/// Stack of the thread that compiles. The compiler recurses along what the static check has bounded; the stack that a
/// process gets depends on who started it.
const STACK_BYTES: usize = 64 << 20;

/// Why a worker has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The system does not take a limit.
    #[error("the system does not limit this process: {0}")]
    Limits(io::Error),
    /// There is no engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Input or output ended early.
    #[error("the parent is gone: {0}")]
    Pipe(io::Error),
    /// More bytes than a component has.
    #[error("a component of more than {} bytes", Limit::ComponentBytes.allowed())]
    TooLarge,
    /// No thread, or one that panicked.
    #[error("the compiler stopped: {0}")]
    Stopped(String),
}

/// Compiles the component that stands in `input`, and writes its artifact to `output`: all that the hidden command does
/// that [`super::CompileWorker`] starts.
///
/// Limits this process for good, before it reads the first byte. Call it first thing, and end the process after it.
///
/// # Errors
///
/// See [`WorkerError`].
pub fn serve_compile(
    limits: &CompileLimits,
    input: impl Read,
    mut output: impl Write,
) -> Result<(), WorkerError> {
    restrict(limits)?;
    let most = Limit::ComponentBytes.allowed();
    let mut component = Vec::new();
    input.take(most.saturating_add(1)).read_to_end(&mut component).map_err(WorkerError::Pipe)?;
    if component.len() as u64 > most {
        return Err(WorkerError::TooLarge);
    }
    let compiler = InProcess::new()?;
    let (content, bytes) = std::thread::Builder::new()
        .name("compiler".to_owned())
        .stack_size(STACK_BYTES)
        .spawn_scoped_result(|| compile(&compiler, &component))?;
    let header = Header { engine: compiler.key(), content, length: bytes.len() };
    output.write_all(&header.to_bytes()).map_err(WorkerError::Pipe)?;
    output.write_all(&bytes).map_err(WorkerError::Pipe)?;
    output.flush().map_err(WorkerError::Pipe)
}

fn compile(compiler: &InProcess, component: &[u8]) -> (Content, Vec<u8>) {
    match compiler.engine().precompile_component(component) {
        Ok(bytes) => (Content::Artifact, bytes),
        Err(error) if error.is::<OutOfMemory>() => (Content::OutOfMemory, Vec::new()),
        Err(error) => {
            let sentence = crate::text::printable(&format!("{error:#}"), 1 << 10);
            (Content::Sentence, sentence.into_bytes())
        }
    }
}

/// A thread that may borrow, and whose panic is an error.
trait SpawnScopedResult {
    fn spawn_scoped_result<T: Send>(self, work: impl FnOnce() -> T + Send) -> Result<T, WorkerError>;
}

impl SpawnScopedResult for std::thread::Builder {
    fn spawn_scoped_result<T: Send>(self, work: impl FnOnce() -> T + Send) -> Result<T, WorkerError> {
        std::thread::scope(|scope| {
            self.spawn_scoped(scope, work)
                .map_err(|error| WorkerError::Stopped(error.to_string()))?
                .join()
                .map_err(|_| WorkerError::Stopped("it panicked".to_owned()))
        })
    }
}

/// Takes from this process what compiling does not need.
fn restrict(limits: &CompileLimits) -> Result<(), WorkerError> {
    let cpu = u64::from(limits.cpu_seconds);
    for (resource, soft, hard) in [
        // The first ends the process with a signal that says why; who has a handler for it is ended by the second.
        (Resource::Cpu, cpu, cpu.saturating_add(1)),
        (Resource::As, limits.memory_bytes, limits.memory_bytes),
        (Resource::Core, 0, 0),
        (Resource::Fsize, 0, 0),
        // What is open stays open: the two pipes.
        (Resource::Nofile, 0, 0),
    ] {
        setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) })
            .map_err(|error| WorkerError::Limits(error.into()))?;
    }
    nix::sys::prctl::set_no_new_privs().map_err(|error| WorkerError::Limits(error.into()))?;
    if limits.stands_back > Duration::ZERO {
        // The threads of envelopes wait for a nice process, up to its slice, and never for an idle one. The thread that
        // compiles inherits it. A system that refuses compiles all the same.
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    }
    Ok(())
}
