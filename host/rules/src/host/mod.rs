//! What a module may ask of its host: the imports of its world, and nothing else.
//!
//! Each import takes fuel before it works: [`IMPORT_BASE`](crate::profile::IMPORT_BASE), and 1 for each byte that it
//! reads or hands over. A call that cannot pay ends there, out of fuel.

mod creators;
mod envelopes;

use std::sync::Arc;

use raddle_core::bundle::{self, Bundle};
use wasmtime::component::{Linker, LinkerInstance};
use wasmtime::{Engine, StoreContextMut, Trap};

pub(crate) use self::creators::Creators;
pub(crate) use self::envelopes::Judgement;
use crate::bindings::batch_policy::raddle::rules::channel::{BatchLimits, ConsensusMode};
use crate::bindings::batch_policy::raddle::rules::logging::Level;
use crate::limiter::Limiter;
use crate::log::{LogBudget, LogLevel, LogSink};
use crate::profile::{LIST_ELEMENT_BYTES, import_price};
use crate::settings::Settings;

/// What every instance of a bound module shares.
pub(crate) struct Shared {
    pub(crate) bundle: Arc<Bundle>,
    pub(crate) settings: Settings,
    pub(crate) log: Arc<dyn LogSink>,
}

/// The host's side of one instance; `own` is what only its world has.
pub(crate) struct State<W> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limiter: Limiter,
    pub(crate) log: LogBudget,
    pub(crate) own: W,
}

type Store<'a, W> = StoreContextMut<'a, State<W>>;

impl<W> State<W> {
    pub(crate) const fn new(shared: Arc<Shared>, limiter: Limiter, own: W) -> Self {
        Self { shared, limiter, log: LogBudget::new(), own }
    }
}

/// A world's own part of an instance's state, and its own imports.
pub(crate) trait World: Sized + 'static {
    /// The interface that only this world imports.
    const INTERFACE: &'static str;

    /// Adds its functions.
    ///
    /// # Errors
    ///
    /// The engine takes no further names: it is out of memory.
    fn imports(import: &mut LinkerInstance<'_, State<Self>>) -> wasmtime::Result<()>;
}

/// The imports of a world, bound to [`State`].
///
/// # Errors
///
/// The engine takes no further names: it is out of memory.
pub(crate) fn linker<W: World>(engine: &Engine) -> wasmtime::Result<Linker<State<W>>> {
    let mut linker = Linker::new(engine);
    channel(&mut linker.instance("raddle:rules/channel@1.0.0")?)?;
    settings(&mut linker.instance("raddle:rules/settings@1.0.0")?)?;
    logging(&mut linker.instance("raddle:rules/logging@1.0.0")?)?;
    W::imports(&mut linker.instance(W::INTERFACE)?)?;
    Ok(linker)
}

/// Takes the price of moving `bytes`. A call whose fuel is just used up has none left to go on with.
fn pay<W>(store: &mut Store<'_, W>, bytes: u64) -> wasmtime::Result<()> {
    match store.get_fuel()?.checked_sub(import_price(bytes)) {
        Some(left) if left > 0 => store.set_fuel(left),
        _ => {
            store.set_fuel(0)?;
            Err(Trap::OutOfFuel.into())
        }
    }
}

/// What handing over `text` counts. (A slice is no longer than an address space.)
const fn size(text: &[u8]) -> u64 {
    text.len() as u64
}

fn channel<W: World>(import: &mut LinkerInstance<'_, State<W>>) -> wasmtime::Result<()> {
    import.func_wrap("name", |mut store: Store<'_, W>, (): ()| {
        let shared = Arc::clone(&store.data().shared);
        pay(&mut store, size(shared.bundle.channel.0.as_bytes()))?;
        Ok((shared.bundle.channel.0.clone(),))
    })?;
    import.func_wrap("config-sequence", |mut store: Store<'_, W>, (): ()| {
        pay(&mut store, 0)?;
        Ok((store.data().shared.bundle.sequence.0,))
    })?;
    import.func_wrap("batch-size", |mut store: Store<'_, W>, (): ()| {
        pay(&mut store, 0)?;
        let size = store.data().shared.bundle.batch_size;
        Ok((BatchLimits {
            max_message_count: size.max_message_count,
            absolute_max_bytes: size.absolute_max_bytes,
            preferred_max_bytes: size.preferred_max_bytes,
        },))
    })?;
    import.func_wrap("absolute-max-bytes", |mut store: Store<'_, W>, (): ()| {
        pay(&mut store, 0)?;
        Ok((store.data().shared.bundle.batch_size.absolute_max_bytes,))
    })?;
    import.func_wrap("has-expiration-check", |mut store: Store<'_, W>, (): ()| {
        pay(&mut store, 0)?;
        Ok((has_expiration_check(&store.data().shared.bundle),))
    })?;
    import.func_wrap("consensus-state", |mut store: Store<'_, W>, (): ()| {
        pay(&mut store, 0)?;
        Ok((match store.data().shared.bundle.consensus.state {
            bundle::ConsensusState::Normal => ConsensusMode::Normal,
            bundle::ConsensusState::Maintenance => ConsensusMode::Maintenance,
        },))
    })?;
    import.func_wrap("has-orderer-capability", |mut store: Store<'_, W>, (name,): (String,)| {
        pay(&mut store, size(name.as_bytes()))?;
        Ok((store.data().shared.bundle.has_orderer_capability(&name),))
    })
}

/// Whether expired creators are refused.
///
/// Source: fabric v2.5.16 `common/capabilities/orderer.go` `ExpirationCheck`.
fn has_expiration_check(bundle: &Bundle) -> bool {
    ["V1_1", "V1_4_2", "V2_0"].iter().any(|name| bundle.has_orderer_capability(name))
}

fn settings<W: World>(import: &mut LinkerInstance<'_, State<W>>) -> wasmtime::Result<()> {
    import.func_wrap("keys", |mut store: Store<'_, W>, (): ()| {
        let shared = Arc::clone(&store.data().shared);
        let moved = shared.settings.keys().map(|key| size(key.as_bytes()).saturating_add(LIST_ELEMENT_BYTES));
        pay(&mut store, moved.fold(0, u64::saturating_add))?;
        Ok((shared.settings.keys().map(str::to_owned).collect::<Vec<_>>(),))
    })?;
    import.func_wrap("get", |mut store: Store<'_, W>, (key,): (String,)| {
        let shared = Arc::clone(&store.data().shared);
        let value = shared.settings.get(&key);
        let moved = size(key.as_bytes()).saturating_add(size(value.unwrap_or_default().as_bytes()));
        pay(&mut store, moved)?;
        Ok((value.map(str::to_owned),))
    })
}

fn logging<W: World>(import: &mut LinkerInstance<'_, State<W>>) -> wasmtime::Result<()> {
    import.func_wrap("log", |mut store: Store<'_, W>, (level, message): (Level, String)| {
        pay(&mut store, size(message.as_bytes()))?;
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let state = store.data_mut();
        state.log.log(&*state.shared.log, level, &message);
        Ok(())
    })
}
