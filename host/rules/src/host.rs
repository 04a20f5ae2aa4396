//! What a batch policy may ask of its host: the imports of its world, and nothing else.
//!
//! Each import takes fuel before it works: [`IMPORT_BASE`](crate::profile::IMPORT_BASE), and 1 for each byte that it
//! reads or hands over. A call that cannot pay ends there, out of fuel.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::batch_policy::EnvelopeInfo;
use raddle_core::bundle::{self, Bundle};
use raddle_proto::msp::SerializedIdentity;
use raddle_proto::wire::go_decode;
use wasmtime::component::{Linker, LinkerInstance};
use wasmtime::{Engine, StoreContextMut, Trap};

use crate::bindings::raddle::rules::channel::{BatchLimits, ConsensusMode};
use crate::bindings::raddle::rules::logging::Level;
use crate::limiter::Limiter;
use crate::log::{LogBudget, LogLevel, LogSink};
use crate::profile::{LIST_ELEMENT_BYTES, import_price};
use crate::settings::Settings;

/// What every instance of a bound module shares.
pub(crate) struct Shared {
    pub(crate) bundle: Arc<Bundle>,
    pub(crate) settings: Settings,
    pub(crate) log: Rc<dyn LogSink>,
}

/// The host's side of one instance.
pub(crate) struct State {
    pub(crate) shared: Rc<Shared>,
    pub(crate) limiter: Limiter,
    pub(crate) log: LogBudget,
    /// Who created the batch's envelopes, by number.
    creators: BTreeMap<u32, Bytes>,
}

type Store<'a> = StoreContextMut<'a, State>;

impl State {
    pub(crate) const fn new(shared: Rc<Shared>, limiter: Limiter) -> Self {
        Self { shared, limiter, log: LogBudget::new(), creators: BTreeMap::new() }
    }

    /// Remembers who created an envelope that the instance is about to be shown.
    pub(crate) fn meet(&mut self, envelope: &EnvelopeInfo<'_>) {
        self.creators
            .entry(envelope.creator.0)
            .or_insert_with(|| Bytes::copy_from_slice(envelope.creator_bytes));
    }
}

/// The imports of world `batch-policy`, bound to [`State`].
///
/// # Errors
///
/// The engine takes no further names: it is out of memory.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    channel(&mut linker.instance("raddle:rules/channel@1.0.0")?)?;
    settings(&mut linker.instance("raddle:rules/settings@1.0.0")?)?;
    logging(&mut linker.instance("raddle:rules/logging@1.0.0")?)?;
    creators(&mut linker.instance("raddle:rules/creators@1.0.0")?)?;
    Ok(linker)
}

/// Takes the price of moving `bytes`. A call whose fuel is just used up has none left to go on with.
fn pay(store: &mut Store<'_>, bytes: u64) -> wasmtime::Result<()> {
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

fn channel(import: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    import.func_wrap("name", |mut store: Store<'_>, (): ()| {
        let shared = Rc::clone(&store.data().shared);
        pay(&mut store, size(shared.bundle.channel.0.as_bytes()))?;
        Ok((shared.bundle.channel.0.clone(),))
    })?;
    import.func_wrap("config-sequence", |mut store: Store<'_>, (): ()| {
        pay(&mut store, 0)?;
        Ok((store.data().shared.bundle.sequence.0,))
    })?;
    import.func_wrap("batch-size", |mut store: Store<'_>, (): ()| {
        pay(&mut store, 0)?;
        let size = store.data().shared.bundle.batch_size;
        Ok((BatchLimits {
            max_message_count: size.max_message_count,
            absolute_max_bytes: size.absolute_max_bytes,
            preferred_max_bytes: size.preferred_max_bytes,
        },))
    })?;
    import.func_wrap("absolute-max-bytes", |mut store: Store<'_>, (): ()| {
        pay(&mut store, 0)?;
        Ok((store.data().shared.bundle.batch_size.absolute_max_bytes,))
    })?;
    import.func_wrap("has-expiration-check", |mut store: Store<'_>, (): ()| {
        pay(&mut store, 0)?;
        Ok((has_expiration_check(&store.data().shared.bundle),))
    })?;
    import.func_wrap("consensus-state", |mut store: Store<'_>, (): ()| {
        pay(&mut store, 0)?;
        Ok((match store.data().shared.bundle.consensus.state {
            bundle::ConsensusState::Normal => ConsensusMode::Normal,
            bundle::ConsensusState::Maintenance => ConsensusMode::Maintenance,
        },))
    })?;
    import.func_wrap("has-orderer-capability", |mut store: Store<'_>, (name,): (String,)| {
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

fn settings(import: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    import.func_wrap("keys", |mut store: Store<'_>, (): ()| {
        let shared = Rc::clone(&store.data().shared);
        let moved = shared.settings.keys().map(|key| size(key.as_bytes()).saturating_add(LIST_ELEMENT_BYTES));
        pay(&mut store, moved.fold(0, u64::saturating_add))?;
        Ok((shared.settings.keys().map(str::to_owned).collect::<Vec<_>>(),))
    })?;
    import.func_wrap("get", |mut store: Store<'_>, (key,): (String,)| {
        let shared = Rc::clone(&store.data().shared);
        let value = shared.settings.get(&key);
        let moved = size(key.as_bytes()).saturating_add(size(value.unwrap_or_default().as_bytes()));
        pay(&mut store, moved)?;
        Ok((value.map(str::to_owned),))
    })
}

fn logging(import: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    import.func_wrap("log", |mut store: Store<'_>, (level, message): (Level, String)| {
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

fn creators(import: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    // Reads the whole identity, so it costs as much as handing it over.
    import.func_wrap("msp-id", |mut store: Store<'_>, (creator,): (u32,)| {
        let moved = identity(&store, creator).map_or(0, |identity| size(identity));
        pay(&mut store, moved)?;
        Ok((identity(&store, creator).and_then(msp_id),))
    })?;
    import.func_wrap("identity", |mut store: Store<'_>, (creator,): (u32,)| {
        let moved = identity(&store, creator).map_or(0, |identity| size(identity));
        pay(&mut store, moved)?;
        Ok((identity(&store, creator).map(|identity| identity.to_vec()).unwrap_or_default(),))
    })
}

fn identity<'a>(store: &'a Store<'_>, creator: u32) -> Option<&'a Bytes> {
    store.data().creators.get(&creator)
}

/// The MSP id of a creator, if it is an identity that Go's library can read and that names one.
fn msp_id(creator: &Bytes) -> Option<String> {
    let identity: SerializedIdentity = go_decode(creator.clone()).ok()?;
    (!identity.mspid.is_empty()).then_some(identity.mspid)
}
