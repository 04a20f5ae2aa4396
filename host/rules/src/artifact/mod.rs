//! Machine code made from modules: by a child ([`CompileWorker`]), kept in files of our own ([`ArtifactCache`]).
//!
//! Compiling is where a hostile module gets the most work out of us, so it happens where it can be stopped. And machine
//! code is run as it is, so [`Artifact`] has private parts: only what our own compiler made in this process, what our
//! own child handed over, or what carries the mark of our own key becomes one.

mod cache;
mod engine_key;
mod in_process;
mod key_file;
mod limits;
mod load;
mod reply;
#[cfg(test)]
mod tests;
mod worker;
mod worker_side;

use raddle_core::modules::Digest;

pub use self::cache::{ArtifactCache, CACHE_BYTES_MAX, CacheError, Miss};
pub use self::engine_key::EngineKey;
pub use self::in_process::InProcess;
pub use self::limits::{CompileFailure, CompileLimits};
pub use self::worker::CompileWorker;
pub use self::worker_side::{WorkerError, serve_compile};

/// Most bytes of a module's machine code. A component of 1 MiB makes at most some 20.
pub const ARTIFACT_BYTES_MAX: usize = 64 << 20;

/// The profile that all artifacts are compiled under; a part of their keys.
const PROFILE: u32 = 1;

/// A module's machine code, which may be run.
pub struct Artifact {
    bytes: Vec<u8>,
}

impl Artifact {
    /// Its bytes, for those who compare or count them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Makes machine code of components that have passed the static check.
pub trait Compiler: Send + Sync {
    /// Compiles `component` for the engine that `engine` names.
    ///
    /// # Errors
    ///
    /// Never the module's fault: what passes the check can be compiled. But it may take too much.
    fn compile(
        &self,
        component: &[u8],
        engine: &EngineKey,
        limits: &CompileLimits,
    ) -> Result<Artifact, CompileFailure>;
}

/// What an artifact in the cache was made of and for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArtifactKey {
    /// The component.
    pub digest: Digest,
    /// The engine.
    pub engine: EngineKey,
}
