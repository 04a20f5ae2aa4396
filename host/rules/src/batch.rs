//! A batch policy that is a module: bound to a channel config, and run for one batch after another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use raddle_core::batch_policy::{self, Batch, BatchPolicy, EnvelopeInfo, Fault};
use wasmtime::Store;

use crate::bindings::batch_policy as bindings;
use crate::bindings::batch_policy::exports::raddle::rules::batch_guest;
use crate::call;
use crate::host::{Creators, Shared, State};
use crate::module::BatchCode;
use crate::profile::{ModuleLimits, REASON_BYTES_MAX};
use crate::stack::GuestStack;
use crate::text::printable;

/// A module bound to a channel's config at one config sequence. Stays on its guest thread.
pub struct ModulePolicy {
    pub(crate) code: Arc<BatchCode>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: ModuleLimits,
    pub(crate) fuel_to_start: u64,
    pub(crate) stack: GuestStack,
    pub(crate) meter: Option<Arc<dyn BatchMeter>>,
}

/// What a batch policy was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// To begin a batch.
    Begin,
    /// Whether an envelope fits into the batch.
    Fits,
    /// To take an envelope into the batch, and whether that is full now.
    Add,
}

/// What a batch policy made of a question, and what that took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRun {
    /// What was asked.
    pub question: Question,
    /// The answer, or why there is none. One that began a batch has answered `true`.
    pub answer: Result<bool, Fault>,
    /// Fuel that the call used; 0 if there was no instance to call.
    pub fuel_used: u64,
    /// Bytes of memory that the instance has now; 0 if there is none.
    pub memory_bytes: u64,
}

/// Counts what a batch policy does. Called on its guest thread, once for each question.
pub trait BatchMeter: Send + Sync {
    /// The batch policy was asked.
    fn ran(&self, run: &BatchRun, took: Duration);
}

impl ModulePolicy {
    /// From now on what the batches of this policy are asked is counted, but for what [`ModulePolicy::instance`]
    /// answers.
    #[must_use]
    pub fn counted(self, meter: Arc<dyn BatchMeter>) -> Self {
        Self { meter: Some(meter), ..self }
    }

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
        let (store, guest) = call::start(
            self.code.pre.engine(),
            &self.shared,
            &self.limits,
            self.fuel_to_start,
            Creators::default(),
            |store| self.code.pre.instantiate(store),
        )?;
        Ok(ModuleBatch {
            store,
            guest,
            fuel_given: self.fuel_to_start,
            fuel_per_call: self.limits.fuel_per_call(),
            broken: None,
            stack: self.stack,
            meter: None,
        })
    }
}

impl BatchPolicy for ModulePolicy {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        let Some(meter) = &self.meter else { return Ok(Box::new(self.instance()?)) };
        let began = Instant::now();
        let made = self.instance();
        let (fuel_used, memory_bytes) = made.as_ref().map_or((0, 0), ModuleBatch::used);
        let answer = made.as_ref().map(|_| true).map_err(Fault::clone);
        meter.ran(&BatchRun { question: Question::Begin, answer, fuel_used, memory_bytes }, began.elapsed());
        Ok(Box::new(ModuleBatch { meter: Some(Arc::clone(meter)), ..made? }))
    }
}

/// One instance of a module, for one batch.
pub struct ModuleBatch {
    store: Store<State<Creators>>,
    guest: bindings::BatchPolicy,
    /// What the last call was given.
    fuel_given: u64,
    fuel_per_call: u64,
    /// The fault after which the instance must not run again.
    broken: Option<Fault>,
    #[expect(dead_code, reason = "proof that the thread of this instance has a stack for it")]
    stack: GuestStack,
    meter: Option<Arc<dyn BatchMeter>>,
}

impl ModuleBatch {
    /// Fuel that the last call left, or that was left when the instance was made.
    #[must_use]
    pub fn fuel_left(&self) -> u64 {
        self.store.get_fuel().unwrap_or_default()
    }

    /// Fuel that the last call used, and the memory that there is.
    fn used(&self) -> (u64, u64) {
        let memory = u64::try_from(self.store.data().limiter.granted()).unwrap_or(u64::MAX);
        (self.fuel_given.saturating_sub(self.fuel_left()), memory)
    }

    fn ask(
        &mut self,
        envelope: &EnvelopeInfo<'_>,
        pending: batch_policy::Pending,
        question: Question,
    ) -> Result<bool, Fault> {
        let Some(meter) = self.meter.clone() else { return self.answer(envelope, pending, question) };
        let began = Instant::now();
        let answer = self.answer(envelope, pending, question);
        let (fuel_used, memory_bytes) = self.used();
        let run = BatchRun { question, answer, fuel_used, memory_bytes };
        meter.ran(&run, began.elapsed());
        run.answer
    }

    fn answer(
        &mut self,
        envelope: &EnvelopeInfo<'_>,
        pending: batch_policy::Pending,
        question: Question,
    ) -> Result<bool, Fault> {
        self.store.data_mut().own.meet(envelope);
        let envelope = batch_guest::EnvelopeInfo {
            size: envelope.size_bytes,
            header_type: envelope.header_type,
            creator: envelope.creator.0,
        };
        let pending = batch_guest::Pending { count: pending.count, bytes: pending.size_bytes };
        self.call(|guest, store| match question {
            Question::Fits => guest.call_fits(store, envelope, pending),
            Question::Add | Question::Begin => guest.call_add(store, envelope, pending),
        })
    }

    /// Calls the guest, with fuel of its own. After a fault it is never called again.
    fn call<T>(
        &mut self,
        call: impl FnOnce(&batch_guest::Guest, &mut Store<State<Creators>>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        let guest = self.guest.raddle_rules_batch_guest();
        self.fuel_given = self.fuel_per_call;
        let answer = call::call(&mut self.store, self.fuel_per_call, |store| call(guest, store));
        if let Err(fault) = &answer {
            self.broken = Some(fault.clone());
        }
        answer
    }
}

impl Batch for ModuleBatch {
    fn fits(&mut self, envelope: &EnvelopeInfo<'_>, pending: batch_policy::Pending) -> Result<bool, Fault> {
        self.ask(envelope, pending, Question::Fits)
    }

    fn add(&mut self, envelope: &EnvelopeInfo<'_>, pending: batch_policy::Pending) -> Result<bool, Fault> {
        self.ask(envelope, pending, Question::Add)
    }
}
