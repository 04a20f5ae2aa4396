//! The two engines, one for each kind of module, and the clock of their alarm.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use raddle_core::batch_policy::LocalFault;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::host::{self, Creators, Judgement, State, World};
use crate::profile::{Limit, MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX, TARGET, engine_config};
use crate::slots::Slots;

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
    pub(crate) linker: Linker<State<Creators>>,
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
        Self::with_config(native_config()?)
    }

    pub(crate) fn with_config(config: Config) -> Result<Self, EngineError> {
        let (engine, linker) = engine_and_linker(config, InstanceAllocationStrategy::OnDemand)?;
        Ok(Self { engine, linker })
    }
}

/// Compiles and runs filters under profile 1. One for each process.
///
/// Each envelope gets an instance of its own, so instances come from a pool in which no system call is left: memory
/// stays mapped, and is zeroed by writing zeros.
pub struct FilterEngine {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State<Judgement>>,
    pub(crate) slots: Arc<Slots>,
}

impl FilterEngine {
    /// Makes the engine and starts the clock of its alarm, which ends with the engine. At most `slots` filters run at
    /// once, and more wait: one for each guest thread is enough. A slot reserves 16 GiB of addresses, and keeps up to
    /// [`KEPT_BYTES`] for each of its memories.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn new(slots: NonZeroU16) -> Result<Self, EngineError> {
        Self::with_config(native_config()?, slots)
    }

    pub(crate) fn with_config(config: Config, slots: NonZeroU16) -> Result<Self, EngineError> {
        let slots = u32::from(slots.get());
        let (engine, linker) = engine_and_linker(config, InstanceAllocationStrategy::Pooling(pool(slots)))?;
        Ok(Self { engine, linker, slots: Arc::new(Slots::new(slots)) })
    }
}

/// Bytes of a filter's memory that stay resident for the next one. What a filter grows beyond is given back to the
/// system, by a call that this filter pays with its time.
pub const KEPT_BYTES: usize = 1 << 20;

/// Memories in the pool for each slot. Modules that start with different sizes each find one that has theirs already;
/// to change it takes a system call.
const MEMORIES_PER_SLOT: u32 = 4;

/// A pool with room for `slots` instances as large as the profile allows.
fn pool(slots: u32) -> PoolingAllocationConfig {
    let (tables, instances) = (count(Limit::Tables), count(Limit::CoreInstances));
    let memories = slots.saturating_mul(MEMORIES_PER_SLOT);
    let table_elements = usize::try_from(TABLE_ELEMENTS_MAX).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(instances))
        .max_core_instances_per_component(instances)
        .total_memories(memories)
        .max_memories_per_component(count(Limit::Memories))
        .max_memories_per_module(count(Limit::Memories))
        .max_memory_size(usize::try_from(MEMORY_BYTES_MAX).unwrap_or(usize::MAX))
        .total_tables(slots.saturating_mul(tables))
        .max_tables_per_component(tables)
        .max_tables_per_module(tables)
        .table_elements(table_elements)
        .max_unused_warm_slots(memories)
        .linear_memory_keep_resident(KEPT_BYTES)
        .table_keep_resident(table_elements.saturating_mul(size_of::<usize>()))
        .pagemap_scan(Enabled::No);
    pool
}

fn count(limit: Limit) -> u32 {
    u32::try_from(limit.allowed()).unwrap_or(u32::MAX)
}

/// The engine's settings under profile 1, for machine code of this host.
fn native_config() -> Result<Config, EngineError> {
    engine_config(TARGET.ok_or(EngineError::Platform)?).map_err(settings)
}

/// An engine of profile 1 that allocates instances in this way, and the imports of its world.
fn engine_and_linker<W: World>(
    config: Config,
    allocation: InstanceAllocationStrategy,
) -> Result<(Engine, Linker<State<W>>), EngineError> {
    let engine = engine(config, allocation)?;
    let linker = host::linker(&engine).map_err(settings)?;
    let clock = engine.weak();
    std::thread::Builder::new().name("rules-alarm".to_owned()).spawn(move || tick(&clock))?;
    Ok((engine, linker))
}

/// An engine that compiles for both of the others and runs nothing, so that it needs no clock and no pool.
pub(crate) fn compile_engine() -> Result<Engine, EngineError> {
    engine(native_config()?, InstanceAllocationStrategy::OnDemand)
}

fn engine(mut config: Config, allocation: InstanceAllocationStrategy) -> Result<Engine, EngineError> {
    config.allocation_strategy(allocation);
    Engine::new(&config).map_err(settings)
}

fn settings(error: wasmtime::Error) -> EngineError {
    EngineError::Settings(format!("{error:#}"))
}

fn tick(clock: &EngineWeak) {
    while let Some(engine) = clock.upgrade() {
        engine.increment_epoch();
        drop(engine);
        std::thread::sleep(TICK);
    }
}
