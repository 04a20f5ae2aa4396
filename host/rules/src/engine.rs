//! The engine of batch policies, and the clock of its alarm.

use std::time::Duration;

use raddle_core::batch_policy::LocalFault;
use wasmtime::component::Linker;
use wasmtime::{Engine, EngineWeak, InstanceAllocationStrategy};

use crate::host::{self, State};
use crate::profile::{TARGET, engine_config};

/// How often the engine's epoch advances.
const TICK: Duration = Duration::from_millis(100);

/// Ticks after which a call is interrupted: 10 s, some hundred times what the most fuel takes.
///
/// It never decides anything: fuel ends every call long before, and a call that gets here is this orderer's fault.
pub(crate) const ALARM_TICKS: u64 = 100;

/// Compiles and runs batch policies under profile 1. One for each process.
///
/// Instances are allocated on demand, as one lives for a whole batch.
pub struct BatchEngine {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Modules are compiled for Linux with glibc, on x86-64 or AArch64.
    #[error(
        "modules run on Linux with glibc on x86-64 or AArch64, not on {}-{}",
        std::env::consts::ARCH,
        std::env::consts::OS
    )]
    Platform,
    /// The engine does not take the profile's settings.
    #[error("the engine does not take profile 1: {0}")]
    Settings(String),
    /// The alarm's clock has no thread.
    #[error("no thread for the alarm's clock: {0}")]
    Ticker(#[from] std::io::Error),
}

impl From<EngineError> for LocalFault {
    fn from(error: EngineError) -> Self {
        Self { cause: error.to_string() }
    }
}

impl BatchEngine {
    /// Makes the engine and starts the clock of its alarm, which ends with the engine.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn new() -> Result<Self, EngineError> {
        let target = TARGET.ok_or(EngineError::Platform)?;
        let settings = |error: wasmtime::Error| EngineError::Settings(format!("{error:#}"));
        let mut config = engine_config(target).map_err(settings)?;
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        let engine = Engine::new(&config).map_err(settings)?;
        let linker = host::linker(&engine).map_err(settings)?;
        let clock = engine.weak();
        std::thread::Builder::new().name("rules-alarm".to_owned()).spawn(move || tick(&clock))?;
        Ok(Self { engine, linker })
    }
}

fn tick(clock: &EngineWeak) {
    while let Some(engine) = clock.upgrade() {
        engine.increment_epoch();
        drop(engine);
        std::thread::sleep(TICK);
    }
}
