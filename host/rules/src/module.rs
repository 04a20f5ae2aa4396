//! Modules that are loaded: checked, compiled, and ready to be bound to a channel's config.

use std::sync::Arc;

use raddle_core::batch_policy::LocalFault;
use raddle_core::bundle::Bundle;
use raddle_core::modules::Digest;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, OutOfMemory};

use crate::batch::ModulePolicy;
use crate::bindings::batch_policy::BatchPolicyPre;
use crate::bindings::filter::FilterPre;
use crate::check::{Checked, ModuleKind, Refusal, check};
use crate::engine::{BatchEngine, FilterEngine};
use crate::filter::Filter;
use crate::host::{Creators, Judgement, Shared, State, World};
use crate::log::LogSink;
use crate::profile::{FUEL_TO_START, ModuleLimits};
use crate::settings::Settings;
use crate::slots::Slots;
use crate::stack::GuestStack;

/// Why a module was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The module breaks profile 1. The same on every orderer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// This orderer could not compile it.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

/// Why a module was not bound. The same on every orderer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    /// The module starts with more memory than its limit.
    #[error("the module starts with {initial} bytes of memory, its limit is {limit}")]
    Memory {
        /// Bytes that it starts with.
        initial: u64,
        /// Bytes that it may have.
        limit: u64,
    },
    /// Its calls get more fuel than its largest function allows.
    #[error(
        "a call gets {fuel} fuel; with a function that may take {frame} bytes of stack at most {allowed} are \
         allowed; ask for less, or split the function"
    )]
    Fuel {
        /// Fuel of a call.
        fuel: u64,
        /// Stack that a call of its largest function may take.
        frame: u64,
        /// Most fuel that such a module may have.
        allowed: u64,
    },
}

impl Checked {
    /// Checks that the module can live within `limits`, and says how much fuel it may start with.
    pub(crate) fn fit(&self, limits: &ModuleLimits) -> Result<u64, BindError> {
        let (initial, limit) = (self.initial_memory_bytes(), limits.memory_bytes());
        if initial > limit {
            return Err(BindError::Memory { initial, limit });
        }
        let (fuel, allowed) = (limits.fuel_per_call(), self.fuel_per_call_max());
        if fuel > allowed {
            return Err(BindError::Fuel { fuel, frame: self.frame_bytes(), allowed });
        }
        Ok(FUEL_TO_START.min(allowed))
    }
}

/// What is known of a module beside its code.
pub(crate) struct About {
    digest: Digest,
    pub(crate) checked: Checked,
}

/// A batch policy's machine code, which all channels that use it share.
pub(crate) struct BatchCode {
    pub(crate) pre: BatchPolicyPre<State<Creators>>,
    pub(crate) about: About,
}

/// A filter's machine code, which all channels that use it share.
pub(crate) struct FilterCode {
    pub(crate) pre: FilterPre<State<Judgement>>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) about: About,
}

/// A batch policy, compiled. Bound to a channel's config it cuts batches. Clones are cheap.
#[derive(Clone)]
pub struct BatchModule {
    name: String,
    code: Arc<BatchCode>,
}

/// A filter, compiled. Bound to a channel's config it judges envelopes. Clones are cheap.
#[derive(Clone)]
pub struct FilterModule {
    name: String,
    code: Arc<FilterCode>,
}

impl BatchEngine {
    /// Checks and compiles a batch policy, in this process. `name` is for people.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load(&self, name: &str, bytes: &[u8]) -> Result<BatchModule, LoadError> {
        let checked = checked(ModuleKind::BatchPolicy, bytes)?;
        let code = self.link(checked, Digest::of(bytes), &compile(&self.engine, name, bytes)?)?;
        Ok(BatchModule::new(name, Arc::new(code)))
    }

    pub(crate) fn link(
        &self,
        checked: Checked,
        digest: Digest,
        component: &Component,
    ) -> Result<BatchCode, LoadError> {
        let pre = link(&self.linker, component, BatchPolicyPre::new)?;
        Ok(BatchCode { pre, about: About { digest, checked } })
    }
}

impl FilterEngine {
    /// Checks and compiles a filter, in this process. `name` is for people.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load(&self, name: &str, bytes: &[u8]) -> Result<FilterModule, LoadError> {
        let checked = checked(ModuleKind::Filter, bytes)?;
        let code = self.link(checked, Digest::of(bytes), &compile(&self.engine, name, bytes)?)?;
        Ok(FilterModule::new(name, Arc::new(code)))
    }

    pub(crate) fn link(
        &self,
        checked: Checked,
        digest: Digest,
        component: &Component,
    ) -> Result<FilterCode, LoadError> {
        let pre = link(&self.linker, component, FilterPre::new)?;
        Ok(FilterCode { pre, slots: Arc::clone(&self.slots), about: About { digest, checked } })
    }
}

/// Checks a module that must be of this kind.
pub(crate) fn checked(wanted: ModuleKind, bytes: &[u8]) -> Result<Checked, Refusal> {
    let checked = check(bytes)?;
    match checked.kind() {
        found if found == wanted => Ok(checked),
        found => Err(Refusal::Kind { found, wanted }),
    }
}

/// What the check has passed must compile; if it does not, a part of the engine is missing or broken.
fn compile(engine: &Engine, name: &str, bytes: &[u8]) -> Result<Component, LocalFault> {
    Component::from_binary(engine, bytes)
        .map_err(|error| LocalFault { cause: format!("`{name}` does not compile: {error:#}") })
}

fn link<W: World, P>(
    linker: &Linker<State<W>>,
    component: &Component,
    exports: impl FnOnce(InstancePre<State<W>>) -> wasmtime::Result<P>,
) -> Result<P, LoadError> {
    linker.instantiate_pre(component).and_then(exports).map_err(|error| mismatch(&error))
}

/// The engine compares the types of imports and exports with the world's, which depends on the module alone.
fn mismatch(error: &wasmtime::Error) -> LoadError {
    if error.is::<OutOfMemory>() {
        return LocalFault { cause: format!("the module was not linked: {error:#}") }.into();
    }
    Refusal::WorldMismatch { what: format!("{error:#}") }.into()
}

macro_rules! about {
    ($($module:ty: $code:ty),*) => {$(
        impl $module {
            pub(crate) fn new(name: &str, code: Arc<$code>) -> Self {
                Self { name: name.to_owned(), code }
            }

            /// The name it was loaded under.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.name
            }

            /// SHA-256 of its bytes.
            #[must_use]
            pub fn digest(&self) -> Digest {
                self.code.about.digest
            }

            /// What the static check found.
            #[must_use]
            pub fn checked(&self) -> &Checked {
                &self.code.about.checked
            }
        }
    )*};
}

about!(BatchModule: BatchCode, FilterModule: FilterCode);

impl BatchModule {
    /// Binds the module to a channel's config, for this thread.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(
        &self,
        stack: GuestStack,
        bundle: Arc<Bundle>,
        settings: Settings,
        limits: ModuleLimits,
        log: Arc<dyn LogSink>,
    ) -> Result<ModulePolicy, BindError> {
        let fuel_to_start = self.code.about.checked.fit(&limits)?;
        let shared = Arc::new(Shared { bundle, settings, log });
        Ok(ModulePolicy { code: Arc::clone(&self.code), shared, limits, fuel_to_start, stack, meter: None })
    }
}

impl FilterModule {
    /// Whether both run the same copy of the machine code.
    #[cfg(test)]
    pub(crate) fn shares_code_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.code, &other.code)
    }

    /// Binds the module to a channel's config, for all guest threads.
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(
        &self,
        bundle: Arc<Bundle>,
        settings: Settings,
        limits: ModuleLimits,
        log: Arc<dyn LogSink>,
    ) -> Result<Filter, BindError> {
        let fuel_to_start = self.code.about.checked.fit(&limits)?;
        let shared = Arc::new(Shared { bundle, settings, log });
        Ok(Filter { code: Arc::clone(&self.code), shared, limits, fuel_to_start })
    }
}
