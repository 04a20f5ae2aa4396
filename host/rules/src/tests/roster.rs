//! The components of world 1.0.0 that are kept for ever, each with settings that give it something to do.
//!
//! They lie in `tests/modules/1.0.0` as they were built once. A change of the guests' sources does not touch them: an
//! orderer must run for ever what a channel has installed once.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;

use raddle_core::batch_policy::{Batch, BatchPolicy, EnvelopeInfo, Fault, Pending};
use raddle_core::cutter::{CutBatch, Cutter};

use super::made::Made;
use super::run::bundle;
use crate::profile::ModuleLimits;
use crate::{BatchEngine, Filter, FilterEngine, GuestStack, ModuleBatch, ModulePolicy, NoLog, Run, Settings};

/// A kept component: its file, and its settings.
pub type Kept = (&'static str, &'static [(&'static str, &'static str)]);

/// Filters.
pub const FILTERS: &[Kept] = &[
    ("empty", &[]),
    ("max-bytes", &[]),
    ("expiration", &[]),
    ("signature", &[]),
    ("allow-organisations", &[("msp-ids", "Org1MSP,Org2MSP")]),
    ("size-budget", &[("budgets", "Org1MSP:2 KiB,Org2MSP:1 KiB"), ("others", "500")]),
    ("clock-skew", &[("max", "1 min")]),
    ("expiration-grace", &[("grace", "2 h")]),
    ("deny-functions", &[("deny", "assets:DeleteAsset,audit"), ("unless", "/Channel/Application/Admins")]),
    ("custom-filter", &[("deny-types", "MESSAGE"), ("deny-msps", "Org3MSP")]),
];

/// Batch policies.
pub const POLICIES: &[Kept] = &[
    ("batch-count-and-bytes", &[]),
    ("isolate-large", &[("over", "2 KiB")]),
    ("fair-share", &[("percent", "30")]),
];

pub fn component(name: &str) -> Vec<u8> {
    let path = super::expected::root().join("tests/modules/1.0.0").join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn settings(kept: Kept) -> Settings {
    Settings::new(kept.1.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).unwrap()
}

pub fn filter(engine: &FilterEngine, kept: Kept) -> Filter {
    let module = engine.load(kept.0, &component(kept.0)).unwrap();
    module.bind(bundle(), settings(kept), ModuleLimits::of_filter(), Arc::new(NoLog)).unwrap()
}

/// What a filter makes of an envelope, in one line.
pub fn judged(filter: &Filter, stack: GuestStack, made: &Made) -> String {
    let Run { answer, fuel_used, .. } = filter.run(stack, &made.case());
    match answer {
        Ok(Ok(())) => format!("{fuel_used} accepts"),
        Ok(Err(refusal)) => format!("{fuel_used} refuses {:?}: {}", refusal.status, refusal.sentence),
        Err(fault) => format!("{fuel_used} {fault:?}"),
    }
}

/// What a batch policy makes of envelopes: a line for each batch, with the fuel of each call, and one for the rest.
pub fn cut(
    engine: &BatchEngine,
    kept: Kept,
    stack: GuestStack,
    envelopes: impl Iterator<Item = Made>,
) -> String {
    let module = engine.load(kept.0, &component(kept.0)).unwrap();
    let policy =
        module.bind(stack, bundle(), settings(kept), ModuleLimits::default(), Arc::new(NoLog)).unwrap();
    let used = Rc::new(RefCell::new(Vec::new()));
    let mut cutter = Cutter::new(bundle().batch_size, Rc::new(Metered { policy, used: Rc::clone(&used) }));
    let mut out = String::new();
    let mut line = |batch: Option<CutBatch>| {
        if let Some(batch) = batch {
            let (count, bytes, reason) = (batch.envelopes.len(), batch.size_bytes, batch.reason);
            writeln!(out, "{count} envelopes, {bytes} bytes, {reason:?}").unwrap();
        }
    };
    for made in envelopes {
        let taken = cutter.take(&made.envelope).unwrap();
        assert!(taken.faults.is_empty(), "{}: {:?}", kept.0, taken.faults);
        line(taken.before);
        line(taken.after);
    }
    let fuel: u64 = used.borrow().iter().sum();
    writeln!(out, "{} pending, {} calls, {fuel} fuel", cutter.pending().count, used.borrow().len()).unwrap();
    out
}

/// A batch policy that notes what its calls cost.
struct Metered {
    policy: ModulePolicy,
    used: Rc<RefCell<Vec<u64>>>,
}

struct MeteredBatch {
    batch: ModuleBatch,
    used: Rc<RefCell<Vec<u64>>>,
}

impl BatchPolicy for Metered {
    fn begin(&self) -> Result<Box<dyn Batch>, Fault> {
        Ok(Box::new(MeteredBatch { batch: self.policy.instance()?, used: Rc::clone(&self.used) }))
    }
}

impl MeteredBatch {
    fn note(&self) {
        self.used.borrow_mut().push(ModuleLimits::default().fuel_per_call() - self.batch.fuel_left());
    }
}

impl Batch for MeteredBatch {
    fn fits(&mut self, envelope: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault> {
        let answer = self.batch.fits(envelope, pending);
        self.note();
        answer
    }

    fn add(&mut self, envelope: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault> {
        let answer = self.batch.add(envelope, pending);
        self.note();
        answer
    }
}
