//! The modules of all channels: each compiled once for the process, kept in the cache, and shared by its digest.

mod error;
mod event;
mod profile;
mod registry;
#[cfg(test)]
mod tests;

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Instant;

use raddle_core::batch_policy::{Fault, LocalFault};
use raddle_core::bundle::Bundle;
use raddle_core::modules::{Kind, Spec};
use wasmtime::Engine;
use wasmtime::component::Component;

pub use self::error::{InstallError, PrepareError};
pub use self::event::StoreEvent;
pub use self::profile::Profile1;
use self::registry::{Busy, Registry};
use crate::admission::CustomFilter;
use crate::artifact::{Artifact, ArtifactCache, ArtifactKey, CompileLimits, Compiler, EngineKey};
use crate::check::Checked;
use crate::engine::{BatchEngine, FilterEngine};
use crate::log::NoLog;
use crate::module::{BatchCode, BatchModule, FilterCode, FilterModule, LoadError, checked};
use crate::profile::ModuleLimits;
use crate::settings::Settings;
use crate::slots::Slots;
use crate::stack::{GuestStack, on_guest_stack};

/// What a module's compilation may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// What a module may take that is to be installed.
    Strict,
    /// What a module may take that the log has.
    Loose,
}

/// Where a [`ModuleStore`] gets machine code from, and what that may take.
pub struct StoreSettings {
    /// What compiles.
    pub compiler: Box<dyn Compiler>,
    /// Where artifacts are kept. Without it, a restart compiles everything.
    pub cache: Option<ArtifactCache>,
    /// What [`Effort::Strict`] means; [`CompileLimits::STRICT`].
    pub strict: CompileLimits,
    /// What [`Effort::Loose`] means; [`CompileLimits::LOOSE`].
    pub loose: CompileLimits,
    /// Most strict compilations that run at once, of all channels.
    pub strict_at_once: NonZeroU16,
    /// Is told what happens, from the thread on which it does. All of it is of the kind that one logs at debug.
    pub observer: Box<dyn Fn(&StoreEvent) + Send + Sync>,
}

/// A batch policy that the channel's admins have chosen.
pub struct CustomBatchPolicy {
    /// The module.
    pub module: BatchModule,
    /// Its settings.
    pub settings: Settings,
    /// What its instances may use.
    pub limits: ModuleLimits,
}

/// A module that can be run.
pub enum Prepared {
    /// A filter.
    Filter(CustomFilter),
    /// A batch policy.
    BatchPolicy(CustomBatchPolicy),
}

/// Machine code for the modules that channel configs carry. One for each process.
///
/// Channels with the same component share one copy, which lasts as long as anybody holds it. A module that several ask
/// for at once is compiled once, and who asks while that fails gets the same failure.
pub struct ModuleStore {
    filter_engine: Arc<FilterEngine>,
    batch_engine: Arc<BatchEngine>,
    filters: Registry<FilterCode>,
    batch_policies: Registry<BatchCode>,
    settings: StoreSettings,
    /// Of strict compilations. What the log has never waits behind what somebody would like to install.
    places: Slots,
    channels: Busy,
}

impl ModuleStore {
    /// A store of modules for these engines.
    #[must_use]
    pub fn new(
        filter_engine: Arc<FilterEngine>,
        batch_engine: Arc<BatchEngine>,
        settings: StoreSettings,
    ) -> Self {
        Self {
            filter_engine,
            batch_engine,
            filters: Registry::default(),
            batch_policies: Registry::default(),
            places: Slots::new(u32::from(settings.strict_at_once.get())),
            settings,
            channels: Busy::default(),
        }
    }

    /// Makes a module of `channel` ready to run. Blocks while it is compiled: at [`Effort::Strict`] one at a time for
    /// each channel.
    ///
    /// # Errors
    ///
    /// See [`PrepareError`], which tells verdicts on the module from failures of this orderer.
    pub fn prepare(&self, channel: &str, spec: &Spec, effort: Effort) -> Result<Prepared, PrepareError> {
        Ok(match spec.kind {
            Kind::Filter => Prepared::Filter(self.prepare_filter(channel, spec, effort)?),
            Kind::BatchPolicy => Prepared::BatchPolicy(self.prepare_batch_policy(channel, spec, effort)?),
        })
    }

    /// The same for a filter.
    ///
    /// # Errors
    ///
    /// See [`PrepareError`]; a batch policy is refused.
    pub fn prepare_filter(
        &self,
        channel: &str,
        spec: &Spec,
        effort: Effort,
    ) -> Result<CustomFilter, PrepareError> {
        let (limits, settings) = self.fit(spec, Kind::Filter)?;
        let engine = &self.filter_engine;
        let link = |checked, component: &_| engine.link(checked, spec.digest, component);
        let code = self.code(channel, spec, effort, &self.filters, &engine.engine, link)?;
        let module = FilterModule::new(&spec.name, code);
        Ok(CustomFilter { name: spec.name.clone(), order: spec.order, module, settings, limits })
    }

    /// The same for a batch policy.
    ///
    /// # Errors
    ///
    /// See [`PrepareError`]; a filter is refused.
    pub fn prepare_batch_policy(
        &self,
        channel: &str,
        spec: &Spec,
        effort: Effort,
    ) -> Result<CustomBatchPolicy, PrepareError> {
        let (limits, settings) = self.fit(spec, Kind::BatchPolicy)?;
        let engine = &self.batch_engine;
        let link = |checked, component: &_| engine.link(checked, spec.digest, component);
        let code = self.code(channel, spec, effort, &self.batch_policies, &engine.engine, link)?;
        let module = BatchModule::new(&spec.name, code);
        Ok(CustomBatchPolicy { module, settings, limits })
    }

    /// All that an update has to pass which installs or changes a module, once its signatures hold and
    /// [`raddle_core::modules::check_update`] has let it pass: compiles it with [`Effort::Strict`], and asks it whether
    /// its settings make sense. `bundle` is the config under the update's own result.
    ///
    /// Whoever keeps the result until the update is in the log need not compile the module again then.
    ///
    /// # Errors
    ///
    /// See [`InstallError`].
    pub fn install(
        &self,
        channel: &str,
        spec: &Spec,
        bundle: &Arc<Bundle>,
    ) -> Result<Prepared, InstallError> {
        let prepared = self.prepare(channel, spec, Effort::Strict)?;
        let ask = |stack| match ask_settings(stack, &prepared, bundle) {
            Err(InstallError::Local(_)) => ask_settings(stack, &prepared, bundle),
            answer => answer,
        };
        on_guest_stack("rules-install", ask)
            .unwrap_or_else(|error| Err(InstallError::Local(LocalFault { cause: error.to_string() })))?;
        Ok(prepared)
    }

    fn fit(&self, spec: &Spec, wanted: Kind) -> Result<(ModuleLimits, Settings), PrepareError> {
        let known = match wanted {
            Kind::Filter => self.filters.get(spec.digest).map(|code| code.about.checked),
            Kind::BatchPolicy => self.batch_policies.get(spec.digest).map(|code| code.about.checked),
        };
        profile::fit(spec, wanted, known)
    }

    /// The machine code of a module that fits: what is in use, or what is made now.
    fn code<T>(
        &self,
        channel: &str,
        spec: &Spec,
        effort: Effort,
        registry: &Registry<T>,
        engine: &Engine,
        link: impl Fn(Checked, &Component) -> Result<T, LoadError>,
    ) -> Result<Arc<T>, PrepareError> {
        let ask = registry.ask(spec.digest);
        if let Some(in_use) = registry.get(spec.digest) {
            return Ok(in_use);
        }
        let make = || {
            let checked = checked(spec.kind.into(), &spec.component)?;
            self.make(engine, spec, effort, |component| link(checked, component))
        };
        self.in_turn(channel, effort, || ask.get_or_make(effort, make))
    }

    /// Lets what is to be installed wait for its turn, before it holds anything that others may wait for.
    fn in_turn<T>(&self, channel: &str, effort: Effort, work: impl FnOnce() -> T) -> T {
        match effort {
            Effort::Loose => work(),
            Effort::Strict => self.channels.one_at_a_time(channel, || {
                let _place = self.places.take();
                work()
            }),
        }
    }

    fn make<T>(
        &self,
        engine: &Engine,
        spec: &Spec,
        effort: Effort,
        link: impl Fn(&Component) -> Result<T, LoadError>,
    ) -> Result<T, PrepareError> {
        let key = ArtifactKey { digest: spec.digest, engine: EngineKey::of(engine) };
        if let Some(component) = self.cached(engine, &key) {
            return Ok(link(&component)?);
        }
        let limits = match effort {
            Effort::Loose => &self.settings.loose,
            Effort::Strict => &self.settings.strict,
        };
        let artifact = self.compile(spec, &key, limits)?;
        let code = link(&artifact.load(engine)?)?;
        self.keep(&key, &artifact);
        Ok(code)
    }

    fn compile(
        &self,
        spec: &Spec,
        key: &ArtifactKey,
        limits: &CompileLimits,
    ) -> Result<Artifact, PrepareError> {
        let started = Instant::now();
        let artifact = self.settings.compiler.compile(&spec.component, &key.engine, limits)?;
        let (digest, took) = (key.digest, started.elapsed());
        self.tell(&StoreEvent::Compiled { digest, took, artifact_bytes: artifact.bytes().len() });
        Ok(artifact)
    }

    fn cached(&self, engine: &Engine, key: &ArtifactKey) -> Option<Component> {
        let digest = key.digest;
        let artifact = match self.settings.cache.as_ref()?.get(key) {
            Ok(artifact) => artifact,
            Err(miss) => {
                self.tell(&StoreEvent::Missed { digest, miss });
                return None;
            }
        };
        match artifact.load(engine) {
            Ok(component) => {
                self.tell(&StoreEvent::FromCache { digest, artifact_bytes: artifact.bytes().len() });
                Some(component)
            }
            Err(fault) => {
                self.tell(&StoreEvent::NotLoaded { digest, fault });
                None
            }
        }
    }

    fn keep(&self, key: &ArtifactKey, artifact: &Artifact) {
        let Some(cache) = &self.settings.cache else { return };
        if let Err(error) = cache.put(key, artifact) {
            self.tell(&StoreEvent::NotKept { digest: key.digest, cause: error.to_string() });
            return;
        }
        // The one that was just put there is being made, so it is in use.
        let is_in_use = |digest| self.filters.uses(digest) || self.batch_policies.uses(digest);
        if let Err(error) = cache.trim(is_in_use) {
            self.tell(&StoreEvent::NotTrimmed { cause: error.to_string() });
        }
    }

    fn tell(&self, event: &StoreEvent) {
        (self.settings.observer)(event);
    }
}

fn ask_settings(stack: GuestStack, prepared: &Prepared, bundle: &Arc<Bundle>) -> Result<(), InstallError> {
    let bundle = Arc::clone(bundle);
    let answer = match prepared {
        Prepared::Filter(CustomFilter { module, settings, limits, .. }) => module
            .bind(bundle, settings.clone(), *limits, Arc::new(NoLog))
            .map_err(PrepareError::from)?
            .check_settings(stack),
        Prepared::BatchPolicy(CustomBatchPolicy { module, settings, limits }) => module
            .bind(stack, bundle, settings.clone(), *limits, Arc::new(NoLog))
            .map_err(PrepareError::from)?
            .check_settings(),
    };
    match answer {
        Ok(Ok(())) => Ok(()),
        Ok(Err(sentence)) => Err(InstallError::Settings { sentence }),
        Err(Fault::Guest(fault)) => Err(InstallError::Fault(fault)),
        Err(Fault::Local(fault)) => Err(InstallError::Local(fault)),
    }
}
