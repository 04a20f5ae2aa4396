//! From a channel's config to what the channel judges by.

use std::sync::Arc;

use raddle_core::access::Access;
use raddle_core::bundle::{Bundle, CurrentConfig};
use raddle_core::modules::{ActiveFilter, ModuleSet, Spec, active_modules};
use raddle_rules::admission::{
    CustomFilter, ExpirationChecks, Meter, RuleSet, RuleSetError, StandardFilters,
};
use raddle_rules::store::{Effort, ModuleStore};

use super::guest_log::GuestLog;
use super::meters::Meters;

/// What a channel judges by: config, config sequence and rules are one value, so that no envelope is judged by one
/// config and stamped with another.
pub struct Rules {
    /// The config, and who may do what under it.
    pub config: Arc<CurrentConfig>,
    /// The filters; they know the config's bundle.
    pub set: RuleSet,
    /// Filters of the channel's own that cannot be run here. While there is one, normal envelopes are not taken.
    pub broken: Vec<BrokenFilter>,
}

/// A filter that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter {name} cannot be run: {cause}")]
pub struct BrokenFilter {
    /// Its name.
    pub name: String,
    /// Why.
    pub cause: String,
    /// Whether no orderer can run it. Otherwise this one tries again.
    pub is_verdict: bool,
}

impl Rules {
    /// What ordering needs of the config.
    #[must_use]
    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.config.bundle
    }

    /// Who may do what.
    #[must_use]
    pub fn access(&self) -> &Arc<Access> {
        &self.config.access
    }

    /// Whether this orderer has something to try again.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.broken.iter().any(|filter| !filter.is_verdict)
    }
}

/// Makes rules of configs. Clones share the compiled filters.
#[derive(Clone)]
pub(super) struct RulesMaker {
    pub(super) standard: Arc<StandardFilters>,
    pub(super) store: Arc<ModuleStore>,
    pub(super) expiration: ExpirationChecks,
    pub(super) meters: Arc<Meters>,
}

impl RulesMaker {
    /// Binds the standard filters, and those that the config carries. Blocks while a module is compiled.
    ///
    /// # Errors
    ///
    /// The standard filters cannot be bound. What is wrong with the channel's own is in [`Rules::broken`].
    pub(super) fn make(&self, config: Arc<CurrentConfig>) -> Result<Rules, RuleSetError> {
        let (mut filters, mut broken) = (Vec::new(), Vec::new());
        let modules = active_modules(&config.config, &config.bundle, &*self.store);
        for filter in &modules.filters {
            match self.prepare(&config, filter.clone()) {
                Ok(filter) => filters.push(filter),
                Err(filter) => {
                    tracing::error!(channel = %config.channel(), %filter, "normal envelopes are not taken");
                    broken.push(filter);
                }
            }
        }
        let log = |name: &str| Arc::new(GuestLog::new(config.channel().clone(), name));
        let mut set =
            RuleSet::new(&config.bundle, &self.standard, self.expiration, filters, |name| log(name) as _)?;
        for spec in &modules.shadows {
            if let Err(filter) = self.add_shadow(&config, spec, &mut set, log(&spec.name)) {
                tracing::warn!(channel = %config.channel(), %filter, "a filter in mode shadow is not asked");
            }
        }
        self.count(&config, &modules, &mut set, log);
        Ok(Rules { config, set, broken })
    }

    /// A filter whose word does not count keeps nobody from anything when it cannot be run.
    fn add_shadow(
        &self,
        config: &CurrentConfig,
        spec: &Spec,
        set: &mut RuleSet,
        log: Arc<GuestLog>,
    ) -> Result<(), BrokenFilter> {
        let filter = ActiveFilter { name: spec.name.clone(), spec: Ok(spec.clone()) };
        set.add_shadow(self.prepare(config, filter)?, log).map_err(|error| BrokenFilter {
            name: spec.name.clone(),
            cause: error.to_string(),
            is_verdict: true,
        })
    }

    /// Has the channel's own filters counted.
    fn count(
        &self,
        config: &CurrentConfig,
        modules: &ModuleSet,
        set: &mut RuleSet,
        log: impl Fn(&str) -> Arc<GuestLog>,
    ) {
        let enforced = modules.filters.iter().filter_map(|filter| filter.spec.as_ref().ok());
        let meters = self.meters.of_config(config.channel(), enforced.chain(&modules.shadows), log);
        set.count(|name, is_enforced| {
            let meter = meters.iter().find(|meter| meter.is_of(name, is_enforced))?;
            Some(Arc::clone(meter) as Arc<dyn Meter>)
        });
    }

    /// The shipped filters alone, under limits that need not be a config's.
    pub(super) fn shipped(&self, bundle: &Arc<Bundle>) -> Result<RuleSet, RuleSetError> {
        RuleSet::new(bundle, &self.standard, self.expiration, Vec::new(), |_| Arc::new(raddle_rules::NoLog))
    }

    fn prepare(&self, config: &CurrentConfig, filter: ActiveFilter) -> Result<CustomFilter, BrokenFilter> {
        let ActiveFilter { name, spec } = filter;
        let spec = match spec {
            Ok(spec) => spec,
            Err(refusal) => return Err(BrokenFilter { name, cause: refusal.to_string(), is_verdict: true }),
        };
        self.store.prepare_filter(&config.channel().0, &spec, Effort::Loose).map_err(|error| BrokenFilter {
            name,
            cause: error.to_string(),
            is_verdict: error.is_verdict(),
        })
    }
}
