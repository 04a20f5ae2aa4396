//! What a module would change: a channel's present rules are asked again, and those that it would have with the module.

use std::rc::Rc;
use std::sync::Arc;

use raddle_core::batch_policy::{BatchPolicies as _, LocalFault};
use raddle_core::bundle::CurrentConfig;
use raddle_core::modules::active_modules;
use raddle_proto::wire::Envelope;
use raddle_rules::admission::{
    CustomFilter, ExpirationChecks, Filters, RuleSet, RuleSetError, StandardFilters,
};
use raddle_rules::store::Effort;
use raddle_rules::{GuestStack, LoadError, NoLog};

use super::Workbench;
use super::replay::{Cuts, RealBlock, ReplayFault, cut, received};
use crate::{ConfigBatchPolicies, load_shipped};

/// The rules of a channel, and the same with another filter among them.
pub struct Comparison<'a> {
    bench: &'a Workbench,
    stack: GuestStack,
    config: &'a CurrentConfig,
    present: RuleSet,
    changed: RuleSet,
    /// Filters of the channel's that cannot be run, and why: they are asked in neither.
    pub left_out: Vec<(String, String)>,
}

/// What becomes of an envelope that stands in a block, under the rules and with the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It passes both.
    Passes,
    /// It passes the rules, and would be refused.
    Refused(String),
    /// The rules refuse it now, and it would pass.
    Passed,
    /// It passes neither.
    NeverPasses,
}

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub enum NotCompared {
    /// The shipped filters cannot be compiled here.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The filters cannot be bound.
    #[error(transparent)]
    Rules(#[from] RuleSetError),
}

impl<'a> Comparison<'a> {
    /// Prepares to compare the rules of a config with those that it would have with `filter`, which takes the place of
    /// one of its name. Blocks while the channel's own filters are compiled.
    ///
    /// # Errors
    ///
    /// See [`NotCompared`].
    pub fn new(
        bench: &'a Workbench,
        stack: GuestStack,
        config: &'a CurrentConfig,
        filter: &CustomFilter,
    ) -> Result<Self, NotCompared> {
        let (mut present, mut left_out) = (Vec::new(), Vec::new());
        for active in active_modules(&config.config, &config.bundle, &*bench.store).filters {
            let spec = active.spec.map_err(|refusal| refusal.to_string());
            let prepared = spec.and_then(|spec| {
                let prepared = bench.store.prepare_filter(&config.channel().0, &spec, Effort::Loose);
                prepared.map_err(|error| error.to_string())
            });
            match prepared {
                Ok(filter) => present.push(filter),
                Err(cause) => left_out.push((active.name, cause)),
            }
        }
        let mut filter = copy(filter);
        if let Some(replaced) = present.iter().find(|present| present.name == filter.name) {
            filter.order = replaced.order;
        }
        let mut changed: Vec<_> =
            present.iter().filter(|present| present.name != filter.name).map(copy).collect();
        changed.push(filter);
        let standard = StandardFilters::load(&bench.filters)?;
        let rules = |filters| {
            let log = |_: &str| Arc::new(NoLog) as _;
            RuleSet::new(&config.bundle, &standard, ExpirationChecks::On, filters, log)
        };
        Ok(Self { bench, stack, config, present: rules(present)?, changed: rules(changed)?, left_out })
    }

    /// What becomes of an envelope.
    ///
    /// # Errors
    ///
    /// This machine fails.
    pub fn of(&self, envelope: &Envelope) -> Result<Change, LocalFault> {
        let case = self.bench.case(&self.config.access, envelope, received(envelope));
        let ask = |rules: &RuleSet| {
            rules.readmit(self.stack, Filters::All, &case).map_err(|no_verdict| no_verdict.fault)
        };
        Ok(match (ask(&self.present)?, ask(&self.changed)?) {
            (Ok(()), Ok(())) => Change::Passes,
            (Ok(()), Err(refusal)) => Change::Refused(refusal.to_string()),
            (Err(_), Ok(())) => Change::Passed,
            (Err(_), Err(_)) => Change::NeverPasses,
        })
    }
}

fn copy(filter: &CustomFilter) -> CustomFilter {
    let CustomFilter { name, order, module, settings, limits } = filter;
    CustomFilter {
        name: name.clone(),
        order: *order,
        module: module.clone(),
        settings: settings.clone(),
        limits: *limits,
    }
}

/// The cuts of a channel's present batch policy, its own or the shipped one.
///
/// # Errors
///
/// It cannot be run here.
pub fn present_cuts(
    bench: &Workbench,
    stack: GuestStack,
    config: &Arc<CurrentConfig>,
    blocks: &[RealBlock],
) -> Result<Cuts, ReplayFault> {
    let shipped =
        load_shipped(&bench.batch_policies).map_err(|error| LocalFault { cause: error.to_string() })?;
    let policies = ConfigBatchPolicies::new(shipped, Arc::clone(&bench.store), stack);
    let policy = policies.batch_policy(config)?;
    Ok(cut(config.bundle.batch_size, Rc::clone(&policy), blocks)?)
}
