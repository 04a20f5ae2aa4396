//! A filter that is a module: bound to a channel config, and run in a fresh instance for each envelope.

use std::rc::Rc;
use std::sync::Arc;

use raddle_core::batch_policy::{Fault, GuestFault};
use wasmtime::Store;

use crate::bindings::filter as bindings;
use crate::bindings::filter::exports::raddle::rules::filter_guest::{self, RefusalReason};
use crate::call;
use crate::case::Case;
use crate::host::{Judgement, Shared, State};
use crate::module::FilterCode;
use crate::profile::{ModuleLimits, REASON_BYTES_MAX};
use crate::stack::GuestStack;
use crate::text::printable;

/// What kind of refusal a filter gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalStatus {
    /// The envelope is wrong.
    BadRequest,
    /// Its creator may not do this.
    Forbidden,
    /// It is larger than this filter takes.
    TooLarge,
}

/// A filter refuses an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterRefusal {
    /// What kind of refusal it is.
    pub status: RefusalStatus,
    /// What the client is told: a sentence of the module's, at most 1 KiB with control characters escaped, or the
    /// policy text, which is Fabric's to the byte.
    pub sentence: String,
}

/// What a filter made of an envelope, and what that took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The filter's answer, or why it gave none.
    pub answer: Result<Result<(), FilterRefusal>, Fault>,
    /// Fuel that the call used; 0 if there was none, because no instance was made.
    pub fuel_used: u64,
    /// Bytes of memory that the instance had in the end; 0 if there was none.
    pub memory_bytes: u64,
}

/// A filter bound to a channel's config at one config sequence. Shared by all guest threads; clones are cheap.
#[derive(Clone)]
pub struct Filter {
    pub(crate) code: Arc<FilterCode>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: ModuleLimits,
    pub(crate) fuel_to_start: u64,
}

impl Filter {
    /// Asks the module whether its settings make sense. The sentence is the module's own, for the channel's admin.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn check_settings(&self, _stack: GuestStack) -> Result<Result<(), String>, Fault> {
        let _slot = self.code.slots.take();
        let (mut store, guest) = self.instance()?;
        let answer = call::call(&mut store, self.limits.fuel_per_call(), |store| {
            guest.raddle_rules_filter_guest().call_check_settings(store)
        })?;
        Ok(answer.map_err(|sentence| printable(&sentence, REASON_BYTES_MAX)))
    }

    /// Judges an envelope in a fresh instance, for which it waits if as many are running as the engine has slots.
    ///
    /// # Errors
    ///
    /// See [`Fault`].
    pub fn check(&self, stack: GuestStack, case: &Rc<Case>) -> Result<Result<(), FilterRefusal>, Fault> {
        self.run(stack, case).answer
    }

    /// The same, for those who want to know what it took.
    #[must_use]
    pub fn run(&self, _stack: GuestStack, case: &Rc<Case>) -> Run {
        let _slot = self.code.slots.take();
        let (mut store, guest) = match self.instance() {
            Ok(made) => made,
            Err(fault) => return Run { answer: Err(fault), fuel_used: 0, memory_bytes: 0 },
        };
        store.data_mut().own.open(case);
        let fuel = self.limits.fuel_per_call();
        let answer = call::call(&mut store, fuel, |store| {
            guest.raddle_rules_filter_guest().call_check(store, case.facts())
        });
        let fuel_used = fuel.saturating_sub(store.get_fuel().unwrap_or_default());
        let answer = answer.and_then(|answer| match answer {
            Ok(()) => Ok(Ok(())),
            Err(refusal) => Ok(Err(read(refusal, store.data().own.policy_text())?)),
        });
        let memory_bytes = u64::try_from(store.data().limiter.granted()).unwrap_or(u64::MAX);
        Run { answer, fuel_used, memory_bytes }
    }

    fn instance(&self) -> Result<(Store<State<Judgement>>, bindings::Filter), Fault> {
        call::start(
            self.code.pre.engine(),
            &self.shared,
            &self.limits,
            self.fuel_to_start,
            Judgement::default(),
            |store| self.code.pre.instantiate(store),
        )
    }
}

/// Makes a refusal fit for clients.
fn read(refusal: filter_guest::Refusal, policy_text: Option<&str>) -> Result<FilterRefusal, Fault> {
    let status = match refusal.status {
        filter_guest::RefusalStatus::BadRequest => RefusalStatus::BadRequest,
        filter_guest::RefusalStatus::Forbidden => RefusalStatus::Forbidden,
        filter_guest::RefusalStatus::TooLarge => RefusalStatus::TooLarge,
    };
    let sentence = match (refusal.reason, policy_text) {
        (RefusalReason::Text(sentence), _) => printable(&sentence, REASON_BYTES_MAX),
        (RefusalReason::PolicyText, Some(text)) => text.to_owned(),
        (RefusalReason::PolicyText, None) => {
            let what = "refers to a policy text, and no policy that it asked for failed".to_owned();
            return Err(GuestFault::BadAnswer { what }.into());
        }
    };
    Ok(FilterRefusal { status, sentence })
}
