//! A batch policy that is a module: bound to a channel config, and run for one batch after another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use raddle_core::batch_policy::{self, Batch, BatchPolicy, EnvelopeInfo, Fault, GuestFault, LocalFault};
use wasmtime::{Store, StoreContextMut};

use crate::bindings::exports::raddle::rules::batch_guest;
use crate::bindings::{self, BatchPolicyPre};
use crate::engine::ALARM_TICKS;
use crate::fault::{call_fault, start_fault};
use crate::host::{Shared, State};
use crate::limiter::Limiter;
use crate::log::LogBudget;
use crate::profile::{HOSTCALL_BYTES, ModuleLimits, REASON_BYTES_MAX};
use crate::stack::GuestStack;
use crate::text::printable;

/// A module bound to a channel's config at one config sequence. Stays on its guest thread.
pub struct ModulePolicy {
    pub(crate) pre: BatchPolicyPre<State>,
    pub(crate) shared: Rc<Shared>,
    pub(crate) limits: ModuleLimits,
    pub(crate) fuel_to_start: u64,
    pub(crate) stack: GuestStack,
}

impl ModulePolicy {
    /// Asks the module whether its settings make sense. The sentence is the module's own, for the channel's admin.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn check_settings(&self) -> Result<Result<(), String>, Fault> {
        let mut instance = self.instance()?;
        let answer = instance.call(|guest, store| guest.call_check_settings(store))?;
        Ok(answer.map_err(|sentence| printable(&sentence, REASON_BYTES_MAX)))
    }

    /// A fresh instance. Beside the trait's `begin` for those who want to know what a call cost.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn instance(&self) -> Result<ModuleBatch, Fault> {
        let state = State::new(Rc::clone(&self.shared), Limiter::new(self.limits.memory_bytes()));
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        let fuel = self.fuel_to_start;
        prepare(&mut store, fuel)?;
        let made = guarded(|| self.pre.instantiate(&mut store))?;
        close_log(&mut store);
        let left = store.get_fuel().unwrap_or_default();
        let guest = made.map_err(|error| match store.data().limiter.denied() {
            Some(denied) if left == fuel => denied.clone().into(),
            _ => start_fault(&error, fuel, left < fuel),
        })?;
        finish(&mut store, fuel)?;
        Ok(ModuleBatch {
            store,
            guest,
            fuel_per_call: self.limits.fuel_per_call(),
            broken: None,
            stack: self.stack,
        })
    }
}

impl BatchPolicy for ModulePolicy {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        Ok(Box::new(self.instance()?))
    }
}

/// One instance of a module, for one batch.
pub struct ModuleBatch {
    store: Store<State>,
    guest: bindings::BatchPolicy,
    fuel_per_call: u64,
    /// The fault after which the instance must not run again.
    broken: Option<Fault>,
    #[expect(dead_code, reason = "proof that the thread of this instance has a stack for it")]
    stack: GuestStack,
}

impl ModuleBatch {
    /// Fuel that the last call left, or that was left when the instance was made.
    #[must_use]
    pub fn fuel_left(&self) -> u64 {
        self.store.get_fuel().unwrap_or_default()
    }

    fn ask(
        &mut self,
        envelope: &EnvelopeInfo<'_>,
        pending: batch_policy::Pending,
        question: Question,
    ) -> Result<bool, Fault> {
        self.store.data_mut().meet(envelope);
        let envelope = batch_guest::EnvelopeInfo {
            size: envelope.size_bytes,
            header_type: envelope.header_type,
            creator: envelope.creator.0,
        };
        let pending = batch_guest::Pending { count: pending.count, bytes: pending.size_bytes };
        self.call(|guest, store| match question {
            Question::Fits => guest.call_fits(store, envelope, pending),
            Question::Add => guest.call_add(store, envelope, pending),
        })
    }

    /// Calls the guest, with fuel of its own. After a fault it is never called again.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&batch_guest::Guest, StoreContextMut<'_, State>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        let answer = self.call_once(call);
        if let Err(fault) = &answer {
            self.broken = Some(fault.clone());
        }
        answer
    }

    fn call_once<T>(
        &mut self,
        call: impl FnOnce(&batch_guest::Guest, StoreContextMut<'_, State>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let fuel = self.fuel_per_call;
        prepare(&mut self.store, fuel)?;
        let (guest, store) = (self.guest.raddle_rules_batch_guest(), &mut self.store);
        let answer = guarded(|| call(guest, store.into()));
        close_log(&mut self.store);
        let answer = answer?.map_err(|error| call_fault(&error, fuel))?;
        finish(&mut self.store, fuel)?;
        Ok(answer)
    }
}

#[derive(Clone, Copy)]
enum Question {
    Fits,
    Add,
}

impl Batch for ModuleBatch {
    fn fits(&mut self, envelope: &EnvelopeInfo<'_>, pending: batch_policy::Pending) -> Result<bool, Fault> {
        self.ask(envelope, pending, Question::Fits)
    }

    fn add(&mut self, envelope: &EnvelopeInfo<'_>, pending: batch_policy::Pending) -> Result<bool, Fault> {
        self.ask(envelope, pending, Question::Add)
    }
}

/// Gives the next call its fuel, its share of the log and its time until the alarm.
fn prepare(store: &mut Store<State>, fuel: u64) -> Result<(), Fault> {
    store.set_fuel(fuel).map_err(|error| local(format!("the engine takes no fuel: {error:#}")))?;
    store.set_epoch_deadline(ALARM_TICKS);
    store.data_mut().log = LogBudget::new();
    Ok(())
}

/// Tells the log how much of the call's share it did not get.
fn close_log(store: &mut Store<State>) {
    let state = store.data_mut();
    state.log.close(&*state.shared.log);
}

/// Whether the call ended within its fuel.
///
/// The engine looks at the fuel where functions and loops begin, so what a call runs after its last such place is only
/// counted here.
fn finish(store: &mut Store<State>, fuel: u64) -> Result<(), Fault> {
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
