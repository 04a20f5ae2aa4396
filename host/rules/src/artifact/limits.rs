//! What compiling may take, and how it fails.

use std::time::Duration;

/// What the compilation of one module may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileLimits {
    /// Seconds of CPU.
    pub cpu_seconds: u32,
    /// Bytes of address space of the process, its program included.
    pub memory_bytes: u64,
    /// Time from start to end, for a machine that is busy with other things.
    pub time: Duration,
    /// How much of that time the process takes only what others leave of the processors. Is the module not compiled by
    /// then, it is begun anew by one that takes its share, so that an orderer that never rests can be changed too.
    pub stands_back: Duration,
}

impl CompileLimits {
    /// When a module is installed: what takes longer here is refused.
    pub const STRICT: Self = Self {
        cpu_seconds: 10,
        memory_bytes: 1 << 30,
        time: Duration::from_secs(60),
        stands_back: Duration::from_secs(15),
    };

    /// When the log has a module: six times as much, because a slow orderer must not fail what others have accepted.
    pub const LOOSE: Self = Self {
        cpu_seconds: 6 * Self::STRICT.cpu_seconds,
        memory_bytes: 6 * Self::STRICT.memory_bytes,
        time: Duration::from_secs(6 * Self::STRICT.time.as_secs()),
        stands_back: Duration::ZERO,
    };
}

/// Why a module was not compiled. None of these is a verdict on the module: another orderer may succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileFailure {
    /// Its CPU time was used up.
    #[error("compiling took more than {limit} s of CPU; make the module smaller or its functions simpler")]
    Cpu {
        /// Seconds.
        limit: u32,
    },
    /// Its memory was used up.
    #[error(
        "compiling took more than {limit} bytes of memory; make the module smaller or its functions simpler"
    )]
    Memory {
        /// Bytes.
        limit: u64,
    },
    /// Its time was used up.
    #[error(
        "compiling took longer than {limit:?}; make the module smaller, or try again when the orderer is less busy"
    )]
    Time {
        /// The limit.
        limit: Duration,
    },
    /// There is no worker.
    #[error("the compile worker `{program}` does not start: {cause}")]
    Start {
        /// What was to be run.
        program: String,
        /// What the system said.
        cause: String,
    },
    /// The worker ended without an answer.
    #[error("the compile worker {how}")]
    Ended {
        /// How.
        how: String,
    },
    /// The worker answered something else.
    #[error("the compile worker answered what no worker of this version answers: {what}")]
    Reply {
        /// What is wrong with it.
        what: String,
    },
    /// The worker's engine is not this process's.
    #[error(
        "the compile worker is of engine {found}, and {wanted} is needed: another version of the program"
    )]
    OtherEngine {
        /// The worker's.
        found: String,
        /// This process's.
        wanted: String,
    },
    /// The engine gave up.
    #[error("the engine does not compile what passes the check: {what}")]
    Engine {
        /// What it says.
        what: String,
    },
}

impl CompileFailure {
    /// Whether the module takes more than it may, which its author can change.
    #[must_use]
    pub const fn is_too_expensive(&self) -> bool {
        matches!(self, Self::Cpu { .. } | Self::Memory { .. } | Self::Time { .. })
    }
}
