//! The parent's side of compiling: a child for each module, watched and bounded.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::reply::{Content, HEADER_BYTES, Header};
use super::{Artifact, CompileFailure, CompileLimits, Compiler, EngineKey};

/// Signals by their numbers on Linux.
const SIGABRT: i32 = 6;
const SIGXCPU: i32 = 24;

/// How often a child that has closed its output is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// Compiles each module in a process of its own, which has no environment, no files, and as much CPU and memory as the
/// limits say; and which is killed when its time is over.
#[derive(Clone, Debug)]
pub struct CompileWorker {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// mimalloc reserves 1 GiB of addresses at once unless it is told otherwise, in KiB: as many as a worker may have.
const ALLOCATOR_RESERVE: (&str, &str) = ("MIMALLOC_ARENA_RESERVE", "65536");

impl CompileWorker {
    /// Runs `program` with `arguments`, to which options with the limits are added. It must do no more than call
    /// [`super::serve_compile`] with them.
    #[must_use]
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// Runs this process's own program, also when its file has been replaced by another version since.
    #[must_use]
    pub fn of_this_program(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self::new("/proc/self/exe", arguments)
    }

    fn spawn(&self, limits: &CompileLimits) -> Result<Child, CompileFailure> {
        let CompileLimits { cpu_seconds, memory_bytes, stands_back, .. } = limits;
        let stands_back = *stands_back > Duration::ZERO;
        Command::new(&self.program)
            .args(&self.arguments)
            .arg(format!("--cpu-seconds={cpu_seconds}"))
            .arg(format!("--memory-bytes={memory_bytes}"))
            .args(stands_back.then_some("--stand-back"))
            .env_clear()
            .env(ALLOCATOR_RESERVE.0, ALLOCATOR_RESERVE.1)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| CompileFailure::Start {
                program: self.program.display().to_string(),
                cause: error.to_string(),
            })
    }
}

impl Compiler for CompileWorker {
    fn compile(
        &self,
        component: &[u8],
        engine: &EngineKey,
        limits: &CompileLimits,
    ) -> Result<Artifact, CompileFailure> {
        let CompileLimits { time, stands_back, .. } = *limits;
        let deadline = Instant::now().checked_add(time);
        if stands_back > Duration::ZERO {
            let patient = CompileLimits { time: time.min(stands_back), ..*limits };
            match self.attempt(component, engine, &patient, Instant::now().checked_add(patient.time)) {
                Err(CompileFailure::Time { .. }) if stands_back < time => {}
                compiled => return compiled,
            }
        }
        self.attempt(component, engine, &CompileLimits { stands_back: Duration::ZERO, ..*limits }, deadline)
    }
}

impl CompileWorker {
    /// Compiles by one child, which is killed at `deadline`.
    fn attempt(
        &self,
        component: &[u8],
        engine: &EngineKey,
        limits: &CompileLimits,
        deadline: Option<Instant>,
    ) -> Result<Artifact, CompileFailure> {
        let mut child = Reaped(self.spawn(limits)?);
        let (input, output) = (child.0.stdin.take(), child.0.stdout.take());
        let (send, receive) = sync_channel(1);
        let answer = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A child that reads no more has ended, which its reply or status tells.
                input.map(|mut input| input.write_all(component))
            });
            scope.spawn(move || send.send(output.map(read_reply)));
            let answer = match deadline {
                Some(deadline) => receive.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => receive.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let answer = match answer {
                Ok(Some(Reply::Nothing)) => Err(child.ended(deadline, limits)),
                Ok(Some(Reply::Whole(header, bytes))) => Ok((header, bytes)),
                Ok(Some(Reply::Bad(what))) => Err(CompileFailure::Reply { what }),
                Ok(None) | Err(RecvTimeoutError::Disconnected) => {
                    Err(CompileFailure::Ended { how: "has no output".to_owned() })
                }
                Err(RecvTimeoutError::Timeout) => Err(CompileFailure::Time { limit: limits.time }),
            };
            // Both threads end with the child, whose pipes they hold.
            child.kill();
            answer
        });
        answer.and_then(|(header, bytes)| artifact(header, bytes, engine, limits))
    }
}

fn artifact(
    header: Header,
    bytes: Vec<u8>,
    engine: &EngineKey,
    limits: &CompileLimits,
) -> Result<Artifact, CompileFailure> {
    if header.engine != *engine {
        let (found, wanted) = (header.engine.to_string(), engine.to_string());
        return Err(CompileFailure::OtherEngine { found, wanted });
    }
    match header.content {
        Content::Artifact => Ok(Artifact { bytes }),
        Content::Sentence => {
            let what = crate::text::printable(&String::from_utf8_lossy(&bytes), 1 << 10);
            Err(CompileFailure::Engine { what })
        }
        Content::OutOfMemory => Err(CompileFailure::Memory { limit: limits.memory_bytes }),
    }
}

/// What a child wrote.
enum Reply {
    /// All that it announced.
    Whole(Header, Vec<u8>),
    /// What no worker writes.
    Bad(String),
    /// Less than it announced: it has ended.
    Nothing,
}

fn read_reply(mut output: ChildStdout) -> Reply {
    let mut header = [0; HEADER_BYTES];
    if output.read_exact(&mut header).is_err() {
        return Reply::Nothing;
    }
    match Header::read(&header) {
        Err(what) => Reply::Bad(what),
        Ok(header) => {
            let mut bytes = Vec::new();
            match output.take(header.length as u64).read_to_end(&mut bytes) {
                Ok(read) if read == header.length => Reply::Whole(header, bytes),
                _ => Reply::Nothing,
            }
        }
    }
}

/// A child that does not outlive its use.
struct Reaped(Child);

impl Reaped {
    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
    }

    /// Why a child has ended that has not answered.
    fn ended(&mut self, deadline: Option<Instant>, limits: &CompileLimits) -> CompileFailure {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return how_it_ended(status, limits),
                Ok(None) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                    return CompileFailure::Time { limit: limits.time };
                }
                Ok(None) => std::thread::sleep(POLL),
                Err(error) => return CompileFailure::Ended { how: format!("cannot be waited for: {error}") },
            }
        }
    }
}

fn how_it_ended(status: ExitStatus, limits: &CompileLimits) -> CompileFailure {
    match status.signal() {
        Some(SIGXCPU) => CompileFailure::Cpu { limit: limits.cpu_seconds },
        // How Rust ends when the system gives no memory. (A panic ends a thread, which the worker tells.)
        Some(SIGABRT) => CompileFailure::Memory { limit: limits.memory_bytes },
        _ => CompileFailure::Ended { how: format!("ended without an answer: {status}") },
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        self.kill();
        let _ = self.0.wait();
    }
}
