//! Making an instance and calling it: with fuel of its own, a share of the log, and every failure judged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use raddle_core::batch_policy::{Fault, GuestFault, LocalFault};
use wasmtime::{Engine, Store};

use crate::engine::ALARM_TICKS;
use crate::fault::{call_fault, start_fault};
use crate::host::{Shared, State, World};
use crate::limiter::Limiter;
use crate::log::LogBudget;
use crate::profile::{HOSTCALL_BYTES, ModuleLimits};

/// Makes an instance: `instantiate` runs the start functions of the module, which get `fuel`.
///
/// # Errors
///
/// See [`Fault`].
pub(crate) fn start<W: World, G>(
    engine: &Engine,
    shared: &Arc<Shared>,
    limits: &ModuleLimits,
    fuel: u64,
    own: W,
    instantiate: impl FnOnce(&mut Store<State<W>>) -> wasmtime::Result<G>,
) -> Result<(Store<State<W>>, G), Fault> {
    let state = State::new(Arc::clone(shared), Limiter::new(limits.memory_bytes()), own);
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    prepare(&mut store, fuel)?;
    let made = guarded(|| instantiate(&mut store))?;
    close_log(&mut store);
    let left = store.get_fuel().unwrap_or_default();
    let guest = made.map_err(|error| match store.data().limiter.denied() {
        Some(denied) if left == fuel => denied.clone().into(),
        _ => start_fault(&error, fuel, left < fuel),
    })?;
    finish(&store, fuel)?;
    Ok((store, guest))
}

/// Calls the guest. After a fault it must not be called again.
///
/// # Errors
///
/// See [`Fault`].
pub(crate) fn call<W: World, T>(
    store: &mut Store<State<W>>,
    fuel: u64,
    call: impl FnOnce(&mut Store<State<W>>) -> wasmtime::Result<T>,
) -> Result<T, Fault> {
    prepare(store, fuel)?;
    let answer = guarded(|| call(store));
    close_log(store);
    let answer = answer?.map_err(|error| call_fault(&error, fuel))?;
    finish(store, fuel)?;
    Ok(answer)
}

/// Gives the next call its fuel, its share of the log and its time until the alarm.
fn prepare<W: World>(store: &mut Store<State<W>>, fuel: u64) -> Result<(), Fault> {
    store.set_fuel(fuel).map_err(|error| local(format!("the engine takes no fuel: {error:#}")))?;
    store.set_epoch_deadline(ALARM_TICKS);
    store.data_mut().log = LogBudget::new();
    Ok(())
}

/// Tells the log how much of the call's share it did not get.
fn close_log<W: World>(store: &mut Store<State<W>>) {
    let state = store.data_mut();
    state.log.close(&*state.shared.log);
}

/// Whether the call ended within its fuel.
///
/// The engine looks at the fuel where functions and loops begin, so what a call runs after its last such place is only
/// counted here.
fn finish<W: World>(store: &Store<State<W>>, fuel: u64) -> Result<(), Fault> {
    let left = store.get_fuel().map_err(|error| local(format!("the engine counts no fuel: {error:#}")))?;
    if left == 0 { Err(GuestFault::OutOfFuel { fuel }.into()) } else { Ok(()) }
}

/// Runs the engine so that a panic of its or of a host function's is this orderer's fault and no more. The store may be
/// left half changed; a fault ends its use.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|_| local("the engine panicked".to_owned()))
}

fn local(cause: String) -> Fault {
    LocalFault { cause }.into()
}
