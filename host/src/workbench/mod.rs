//! Modules outside of a node, in the sandbox of one: the same engine, profile and limits.
//!
//! Authors try their modules here: [`Workbench::install`] is what a node does at install, [`cases`] are envelopes that
//! an author describes, on a [`stage`] that is made for them.

pub mod cases;
pub mod changes;
mod form;
pub mod replay;
mod spent;
pub mod stage;
mod transaction;

use std::num::NonZeroU16;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::access::Access;
use raddle_core::bundle::Bundle;
use raddle_core::modules::{Digest, Kind, Mode, Profile as _, ProfileRefusal, Setting, Spec};
use raddle_proto::wire::{self, Envelope};
use raddle_rules::artifact::CompileWorker;
use raddle_rules::store::{Effort, InstallError, ModuleStore, PrepareError, Prepared, Profile1};
use raddle_rules::{BatchEngine, Case, EngineError, FilterEngine, Timestamp};

use crate::node::{EnvelopeJudge, Modules, Usage};

pub use spent::Spent;

pub use form::{CaseFile, FormError, SettingsForm, read, read_folder};

/// Where a filter stands that asks for no place.
pub const ORDER: u32 = 100;

/// What runs modules without a node.
pub struct Workbench {
    filters: Arc<FilterEngine>,
    batch_policies: Arc<BatchEngine>,
    store: Arc<ModuleStore>,
    usage: Arc<Usage>,
}

impl Workbench {
    /// Makes the engines. `worker` compiles, as for a node.
    ///
    /// # Errors
    ///
    /// See [`EngineError`].
    pub fn new(worker: CompileWorker) -> Result<Self, EngineError> {
        let filters = Arc::new(FilterEngine::new(NonZeroU16::MIN)?);
        let batch_policies = Arc::new(BatchEngine::new()?);
        let settings = Modules { worker, cache: None }.settings();
        let store = ModuleStore::new(Arc::clone(&filters), Arc::clone(&batch_policies), settings);
        let usage = Arc::new(Usage::new(false));
        Ok(Self { filters, batch_policies, store: Arc::new(store), usage })
    }

    /// Does what a node does with a module that is to be installed: compiles it within the strict limits, and asks it
    /// whether its settings make sense.
    ///
    /// # Errors
    ///
    /// See [`InstallError`]; the sentence is the one that a node answers.
    pub fn install(&self, spec: &Spec, bundle: &Arc<Bundle>) -> Result<Prepared, InstallError> {
        self.store.install(&bundle.channel.0, spec, bundle)
    }

    /// Compiles a module and asks it nothing.
    ///
    /// # Errors
    ///
    /// See [`PrepareError`].
    pub fn prepare(&self, spec: &Spec) -> Result<Prepared, PrepareError> {
        self.store.prepare("", spec, Effort::Strict)
    }

    /// An envelope as a filter of a channel meets it.
    #[must_use]
    pub fn case(&self, access: &Arc<Access>, envelope: &Envelope, received: Timestamp) -> Rc<Case> {
        let headers = wire::headers(envelope);
        let usage = Arc::clone(&self.usage);
        let judge = EnvelopeJudge::new(Arc::clone(access), envelope.clone(), &headers.signature, usage);
        Case::new(envelope.clone(), headers.channel, received, Box::new(judge))
    }
}

/// A component as a channel's config would carry it: enforced, without a version, with the limits of its kind.
#[must_use]
pub fn spec(name: &str, kind: Kind, component: Bytes, limits: (u64, u64), settings: Vec<Setting>) -> Spec {
    Spec {
        name: name.to_owned(),
        version: String::new(),
        kind,
        mode: Mode::Enforce,
        order: ORDER,
        settings,
        fuel: limits.0,
        memory_bytes: limits.1,
        digest: Digest::of(&component),
        component,
    }
}

/// Checks all of a module that needs no compiler, as every orderer does.
///
/// # Errors
///
/// The sentence of an orderer.
pub fn check(spec: &Spec) -> Result<(), ProfileRefusal> {
    spec.check().map_err(|cause| ProfileRefusal { sentence: cause.to_string() })?;
    Profile1.check(spec)
}
