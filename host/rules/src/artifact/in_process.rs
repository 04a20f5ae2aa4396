//! A compiler without a process of its own.

use wasmtime::Engine;

use super::{Artifact, CompileFailure, CompileLimits, Compiler, EngineKey};
use crate::engine::{EngineError, compile_engine};

/// Compiles in this process and knows no limits: for modules that one trusts.
pub struct InProcess {
    engine: Engine,
}

impl InProcess {
    /// Makes the compiler.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn new() -> Result<Self, EngineError> {
        Ok(Self { engine: compile_engine()? })
    }

    /// The name of its engine, which is also the name of the engines that run modules.
    #[must_use]
    pub fn key(&self) -> EngineKey {
        EngineKey::of(&self.engine)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Compiler for InProcess {
    fn compile(
        &self,
        component: &[u8],
        engine: &EngineKey,
        _limits: &CompileLimits,
    ) -> Result<Artifact, CompileFailure> {
        let found = self.key();
        if found != *engine {
            return Err(CompileFailure::OtherEngine { found: found.to_string(), wanted: engine.to_string() });
        }
        match self.engine.precompile_component(component) {
            Ok(bytes) => Ok(Artifact { bytes }),
            Err(error) => Err(CompileFailure::Engine { what: format!("{error:#}") }),
        }
    }
}
