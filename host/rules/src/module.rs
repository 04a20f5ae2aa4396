//! Modules that are loaded: checked, compiled, and ready to be bound to a channel's config.

use std::fmt;
use std::sync::Arc;

use raddle_core::batch_policy::LocalFault;
use raddle_core::bundle::Bundle;
use sha2::{Digest as _, Sha256};
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

/// SHA-256 of a module's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

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

/// What is known of a module beside its code.
#[derive(Clone)]
struct About {
    name: String,
    digest: Digest,
    checked: Checked,
}

impl About {
    /// Checks that the module can live within `limits`, and says how much fuel it may start with.
    fn fit(&self, limits: &ModuleLimits) -> Result<u64, BindError> {
        let (initial, limit) = (self.checked.initial_memory_bytes(), limits.memory_bytes());
        if initial > limit {
            return Err(BindError::Memory { initial, limit });
        }
        let (fuel, allowed) = (limits.fuel_per_call(), self.checked.fuel_per_call_max());
        if fuel > allowed {
            return Err(BindError::Fuel { fuel, frame: self.checked.frame_bytes(), allowed });
        }
        Ok(FUEL_TO_START.min(allowed))
    }
}

/// A batch policy, compiled. Bound to a channel's config it cuts batches.
#[derive(Clone)]
pub struct BatchModule {
    pre: BatchPolicyPre<State<Creators>>,
    about: About,
}

/// A filter, compiled. Bound to a channel's config it judges envelopes.
#[derive(Clone)]
pub struct FilterModule {
    pre: FilterPre<State<Judgement>>,
    slots: Arc<Slots>,
    about: About,
}

impl BatchEngine {
    /// Checks and compiles a batch policy. `name` is for people.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load(&self, name: &str, bytes: &[u8]) -> Result<BatchModule, LoadError> {
        let (pre, about) =
            load(&self.engine, &self.linker, ModuleKind::BatchPolicy, name, bytes, BatchPolicyPre::new)?;
        Ok(BatchModule { pre, about })
    }
}

impl FilterEngine {
    /// Checks and compiles a filter. `name` is for people.
    ///
    /// # Errors
    ///
    /// See [`LoadError`].
    pub fn load(&self, name: &str, bytes: &[u8]) -> Result<FilterModule, LoadError> {
        let (pre, about) = load(&self.engine, &self.linker, ModuleKind::Filter, name, bytes, FilterPre::new)?;
        Ok(FilterModule { pre, slots: Arc::clone(&self.slots), about })
    }
}

fn load<W: World, P>(
    engine: &Engine,
    linker: &Linker<State<W>>,
    wanted: ModuleKind,
    name: &str,
    bytes: &[u8],
    exports: impl FnOnce(InstancePre<State<W>>) -> wasmtime::Result<P>,
) -> Result<(P, About), LoadError> {
    let checked = check(bytes)?;
    if checked.kind() != wanted {
        return Err(Refusal::Kind { found: checked.kind(), wanted }.into());
    }
    // What the check has passed must compile; if it does not, a part of the engine is missing or broken.
    let component = Component::from_binary(engine, bytes)
        .map_err(|error| LocalFault { cause: format!("`{name}` does not compile: {error:#}") })?;
    let pre = linker.instantiate_pre(&component).and_then(exports).map_err(|error| mismatch(name, &error))?;
    Ok((pre, About { name: name.to_owned(), digest: Digest::of(bytes), checked }))
}

/// The engine compares the types of imports and exports with the world's, which depends on the module alone.
fn mismatch(name: &str, error: &wasmtime::Error) -> LoadError {
    if error.is::<OutOfMemory>() {
        return LocalFault { cause: format!("`{name}` was not linked: {error:#}") }.into();
    }
    Refusal::WorldMismatch { what: format!("{error:#}") }.into()
}

macro_rules! about {
    ($($module:ty),*) => {$(
        impl $module {
            /// The name it was loaded under.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.about.name
            }

            /// SHA-256 of its bytes.
            #[must_use]
            pub const fn digest(&self) -> Digest {
                self.about.digest
            }

            /// What the static check found.
            #[must_use]
            pub const fn checked(&self) -> &Checked {
                &self.about.checked
            }
        }
    )*};
}

about!(BatchModule, FilterModule);

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
        let fuel_to_start = self.about.fit(&limits)?;
        let shared = Arc::new(Shared { bundle, settings, log });
        Ok(ModulePolicy { pre: self.pre.clone(), shared, limits, fuel_to_start, stack })
    }
}

impl FilterModule {
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
        let fuel_to_start = self.about.fit(&limits)?;
        let shared = Arc::new(Shared { bundle, settings, log });
        Ok(Filter { pre: self.pre.clone(), slots: Arc::clone(&self.slots), shared, limits, fuel_to_start })
    }
}
