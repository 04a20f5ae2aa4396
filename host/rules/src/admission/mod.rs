//! The admission of one envelope: the channel's filters in their order, then what no module may change.

mod refusal;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raddle_core::batch_policy::Fault;
use raddle_core::bundle::Bundle;

pub use self::refusal::{Invariant, NoVerdict, Reason, Refusal};
use crate::case::Case;
use crate::engine::FilterEngine;
use crate::filter::{Filter, FilterRefusal, Run};
use crate::log::LogSink;
use crate::module::{BindError, FilterModule, LoadError};
use crate::profile::ModuleLimits;
use crate::settings::Settings;
use crate::shipped;
use crate::stack::GuestStack;

/// The four shipped filters, compiled. One for each process; every channel binds them.
pub struct StandardFilters {
    filters: Vec<FilterModule>,
}

impl StandardFilters {
    /// Compiles them.
    ///
    /// # Errors
    ///
    /// See [`LoadError`]; this binary is broken, or this orderer is.
    pub fn load(engine: &FilterEngine) -> Result<Self, LoadError> {
        let filters = shipped::FILTERS.iter().map(|shipped| engine.load(shipped.name, shipped.bytes));
        Ok(Self { filters: filters.collect::<Result<_, _>>()? })
    }
}

/// A filter that the channel's admins have added.
pub struct CustomFilter {
    /// Its name in the channel config. Under the name of the shipped `expiration` it takes that one's place.
    pub name: String,
    /// Filters run in ascending order, those of equal order by the bytes of their names.
    pub order: u32,
    /// The module.
    pub module: FilterModule,
    /// Its settings.
    pub settings: Settings,
    /// What its instances may use.
    pub limits: ModuleLimits,
}

/// Whether this orderer refuses clients whose certificates have ended.
///
/// Source: fabric v2.5.16 `orderer/common/localconfig/config.go` `Authentication.NoExpirationChecks`, which leaves the
/// rule out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExpirationChecks {
    /// Where the channel's capabilities ask for it.
    #[default]
    On,
    /// Never by the shipped filter. A filter that the channel has put in its place is asked all the same.
    Off,
}

/// Which of a channel's filters an envelope has to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filters {
    /// All of them.
    All,
    /// The shipped four and no others: what config updates pass, so that no module can lock the admins out.
    Shipped,
}

/// Why there is no rule set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleSetError {
    /// A filter cannot live within its limits.
    #[error("filter `{name}`: {cause}")]
    Bind {
        /// Its name.
        name: String,
        /// Why.
        cause: BindError,
    },
    /// A filter of the channel's own has the name of a shipped one that cannot be replaced.
    #[error("filter `{name}` has the name of a shipped one; of these only `expiration` can be replaced")]
    Reserved {
        /// The name.
        name: String,
    },
}

/// Counts what a filter does. Called on the guest thread, once for each run.
pub trait Meter: Send + Sync {
    /// The filter was asked about an envelope.
    fn ran(&self, run: &Run, took: Duration);

    /// An envelope was refused before it came to this filter, whose own word does not count.
    fn passed_over(&self);

    /// An envelope passed, and there was no time to ask this filter about it, whose own word does not count.
    fn left_out(&self);
}

#[derive(Clone)]
struct Rule {
    name: String,
    filter: Filter,
    meter: Option<Arc<dyn Meter>>,
}

impl Rule {
    fn check(&self, stack: GuestStack, case: &Rc<Case>) -> Result<Result<(), FilterRefusal>, Fault> {
        let Some(meter) = &self.meter else { return self.filter.check(stack, case) };
        let began = Instant::now();
        let run = self.filter.run(stack, case);
        meter.ran(&run, began.elapsed());
        run.answer
    }
}

/// All that decides whether a channel takes an envelope, at one config sequence. Immutable; all guest threads share it.
pub struct RuleSet {
    bundle: Arc<Bundle>,
    shipped: Vec<Rule>,
    /// The shipped ones with the channel's own.
    all: Vec<Rule>,
    /// Asked about what the others let pass; their word does not count.
    shadows: Vec<Rule>,
}

impl RuleSet {
    /// Binds the filters to `bundle`. `log` gives each filter, by its name, the log for its lines.
    ///
    /// # Errors
    ///
    /// See [`RuleSetError`].
    pub fn new(
        bundle: &Arc<Bundle>,
        standard: &StandardFilters,
        expiration: ExpirationChecks,
        mut custom: Vec<CustomFilter>,
        log: impl Fn(&str) -> Arc<dyn LogSink>,
    ) -> Result<Self, RuleSetError> {
        let bind = |name: &str, module: &FilterModule, settings, limits| {
            let log = log(name);
            match module.bind(Arc::clone(bundle), settings, limits, log) {
                Ok(filter) => Ok(Rule { name: name.to_owned(), filter, meter: None }),
                Err(cause) => Err(RuleSetError::Bind { name: name.to_owned(), cause }),
            }
        };
        let (mut shipped, mut all, mut replacement) = (Vec::new(), Vec::new(), None);
        for module in &standard.filters {
            if module.name() != shipped::EXPIRATION.name || expiration == ExpirationChecks::On {
                shipped.push(bind(module.name(), module, Settings::default(), ModuleLimits::of_filter())?);
            }
        }
        custom.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
        for CustomFilter { name, module, settings, limits, .. } in custom {
            let rule = bind(&name, &module, settings, limits)?;
            if name == shipped::EXPIRATION.name {
                replacement = Some(rule);
            } else if shipped::FILTERS.iter().any(|shipped| shipped.name == name) {
                return Err(RuleSetError::Reserved { name });
            } else {
                all.push(rule);
            }
        }
        all.splice(0..0, with_expiration(&shipped, replacement));
        Ok(Self { bundle: Arc::clone(bundle), shipped, all, shadows: Vec::new() })
    }

    /// Adds a filter whose word does not count. It runs behind those that were added before.
    ///
    /// # Errors
    ///
    /// It cannot live within its limits; the rules are as they were.
    pub fn add_shadow(&mut self, filter: CustomFilter, log: Arc<dyn LogSink>) -> Result<(), RuleSetError> {
        let CustomFilter { name, module, settings, limits, .. } = filter;
        match module.bind(Arc::clone(&self.bundle), settings, limits, log) {
            Ok(filter) => self.shadows.push(Rule { name, filter, meter: None }),
            Err(cause) => return Err(RuleSetError::Bind { name, cause }),
        }
        Ok(())
    }

    /// From now on each filter's runs are counted. `meter` gives each its own, by its name and by whether its word
    /// counts.
    pub fn count(&mut self, meter: impl Fn(&str, bool) -> Option<Arc<dyn Meter>>) {
        for rule in self.shipped.iter_mut().chain(&mut self.all) {
            rule.meter = meter(&rule.name, true);
        }
        for rule in &mut self.shadows {
            rule.meter = meter(&rule.name, false);
        }
    }

    /// Whether there are filters whose word does not count.
    #[must_use]
    pub const fn has_shadows(&self) -> bool {
        !self.shadows.is_empty()
    }

    /// Asks the filters whose word does not count, about an envelope that the others let pass. Nothing comes of it but
    /// what their meters count.
    pub fn shadow(&self, stack: GuestStack, case: &Rc<Case>) {
        self.shadows.iter().for_each(|rule| drop(rule.check(stack, case)));
    }

    /// Counts an envelope that is refused: it is not worth the time of those whose word does not count.
    pub fn pass_over_shadows(&self) {
        self.shadows.iter().filter_map(|rule| rule.meter.as_ref()).for_each(|meter| meter.passed_over());
    }

    /// Counts an envelope that passed, for which those whose word does not count had no time.
    pub fn leave_out_shadows(&self) {
        self.shadows.iter().filter_map(|rule| rule.meter.as_ref()).for_each(|meter| meter.left_out());
    }

    /// The channel config that the rules belong to: its sequence is the one to stamp on what they let pass.
    #[must_use]
    pub const fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// Judges an envelope at Broadcast. A filter that this orderer fails to run is tried once more.
    ///
    /// # Errors
    ///
    /// The first refusal.
    pub fn admit(&self, stack: GuestStack, filters: Filters, case: &Rc<Case>) -> Result<(), Refusal> {
        let twice = |rule: &Rule| match rule.check(stack, case) {
            Err(Fault::Local(_)) => rule.check(stack, case),
            answer => answer,
        };
        self.judge(filters, case, twice).unwrap_or_else(|unknown| Err(unknown.into()))
    }

    /// Judges an envelope again that the log has under an older config sequence.
    ///
    /// # Errors
    ///
    /// A filter that this orderer fails to run has no verdict: the envelope must neither be refused nor let pass, so
    /// the channel waits and asks again. The inner error is the first refusal.
    pub fn readmit(
        &self,
        stack: GuestStack,
        filters: Filters,
        case: &Rc<Case>,
    ) -> Result<Result<(), Refusal>, NoVerdict> {
        self.judge(filters, case, |rule| rule.check(stack, case))
    }

    fn judge(
        &self,
        filters: Filters,
        case: &Case,
        ask: impl Fn(&Rule) -> Result<Result<(), FilterRefusal>, Fault>,
    ) -> Result<Result<(), Refusal>, NoVerdict> {
        let rules = match filters {
            Filters::All => &self.all,
            Filters::Shipped => &self.shipped,
        };
        for rule in rules {
            let name = &rule.name;
            match ask(rule) {
                Ok(Ok(())) => {}
                Ok(Err(refusal)) => return Ok(Err(Refusal::of_filter(name, refusal))),
                Err(Fault::Guest(fault)) => return Ok(Err(Refusal::of_fault(name, fault))),
                Err(Fault::Local(fault)) => return Err(NoVerdict { module: name.clone(), fault }),
            }
        }
        Ok(refusal::invariants(case.envelope(), self.bundle.batch_size).map_err(Refusal::from))
    }
}

/// The shipped filters, with the channel's own `expiration`, if it has one, in the place of theirs.
fn with_expiration(shipped: &[Rule], own: Option<Rule>) -> Vec<Rule> {
    let mut rules = shipped.to_vec();
    if let Some(own) = own {
        rules.retain(|rule| rule.name != own.name);
        // Behind `empty` and `max-bytes`, which are always there.
        rules.insert(rules.len().min(2), own);
    }
    rules
}
