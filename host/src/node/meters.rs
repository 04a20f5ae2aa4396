//! What each module of a channel's does: runs, verdicts, cuts, faults, fuel, time and memory, from when the module was
//! last changed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raddle_core::batch_policy::{Fault, GuestFault};
use raddle_core::ids::ChannelId;
use raddle_core::modules::{Digest, Kind, Mode, Setting, Spec};
use raddle_rules::admission::Meter;
use raddle_rules::{BatchMeter, BatchRun, Question, Run};

use super::guest_log::GuestLog;

/// A copy of a module's counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleUsage {
    /// The module's name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its author's word for this version of it; it may be empty.
    pub version: String,
    /// The digest of its component.
    pub digest: Digest,
    /// Whether its word counts; if not, it is asked about what the channel's rules let pass.
    pub is_enforced: bool,
    /// How often it was asked about an envelope, and how often a batch policy failed to begin a batch.
    pub calls: u64,
    /// How often a filter let one pass.
    pub accepted: u64,
    /// How often a filter refused one, or would have.
    pub refused: u64,
    /// How many batches a batch policy has begun. Blocks of one that broke, or that others cut, are among them.
    pub batches: u64,
    /// How often a batch policy had a batch cut because an envelope did not fit.
    pub did_not_fit: u64,
    /// How often a batch policy had a batch cut because it was full.
    pub full: u64,
    /// How often it ran out of fuel.
    pub out_of_fuel: u64,
    /// How often it trapped.
    pub trapped: u64,
    /// How often it asked for more memory, tables or bytes than it may have.
    pub over_limit: u64,
    /// How often it broke the contract in another way.
    pub bad_answer: u64,
    /// How often this orderer could not run it.
    pub local_faults: u64,
    /// Fuel of all calls.
    pub fuel: u64,
    /// Time of all calls, waiting for a slot included.
    pub time: Duration,
    /// The most memory that one of its instances had, in bytes.
    pub memory_bytes: u64,
    /// Of a filter whose word does not count: envelopes that the channel's rules refused meanwhile, so that it was not
    /// asked about them.
    pub refused_by_rules: u64,
    /// Of a filter whose word does not count: envelopes that it was not asked about, since more came than there was
    /// time for.
    pub left_out: u64,
}

/// The counters of all modules of all channels.
#[derive(Default)]
pub(crate) struct Meters {
    channels: Mutex<HashMap<ChannelId, OfChannel>>,
}

#[derive(Default)]
struct OfChannel {
    filters: Vec<Arc<ModuleMeter>>,
    batch_policy: Option<Arc<ModuleMeter>>,
}

/// What a module is told. One that is changed is counted anew.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    name: String,
    kind: Kind,
    version: String,
    digest: Digest,
    mode: Mode,
    settings: Vec<Setting>,
}

/// The counters of one module.
pub(crate) struct ModuleMeter {
    stamp: Stamp,
    log: Arc<GuestLog>,
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Questions to a batch policy about envelopes, and the ways in which its answers cut.
    answered: AtomicU64,
    batches: AtomicU64,
    did_not_fit: AtomicU64,
    full: AtomicU64,
    faults: [AtomicU64; 5],
    fuel: AtomicU64,
    nanoseconds: AtomicU64,
    memory_bytes: AtomicU64,
    refused_by_rules: AtomicU64,
    left_out: AtomicU64,
}

impl Meters {
    /// The counters of a channel's filters at a config, in their order. Those that it had before stay, if the module
    /// is the same; others are gone.
    pub(super) fn of_config<'a>(
        &self,
        channel: &ChannelId,
        specs: impl Iterator<Item = &'a Spec>,
        log: impl Fn(&str) -> Arc<GuestLog>,
    ) -> Vec<Arc<ModuleMeter>> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry(channel.clone()).or_default();
        let meters: Vec<_> = specs.map(|spec| known_or_new(&channel.filters, spec, &log)).collect();
        channel.filters.clone_from(&meters);
        meters
    }

    /// The same for a channel's own batch policy, if it has one.
    pub(crate) fn of_batch_policy(
        &self,
        channel: &ChannelId,
        spec: Option<&Spec>,
        log: impl Fn(&str) -> Arc<GuestLog>,
    ) -> Option<Arc<ModuleMeter>> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry(channel.clone()).or_default();
        channel.batch_policy = spec.map(|spec| known_or_new(&channel.batch_policy, spec, log));
        channel.batch_policy.clone()
    }

    /// What the modules of a channel have done.
    pub(super) fn usage(&self, channel: &ChannelId) -> Vec<ModuleUsage> {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(channel) = channels.get(channel) else { return Vec::new() };
        channel.filters.iter().chain(&channel.batch_policy).map(|meter| meter.usage()).collect()
    }
}

fn known_or_new<'a>(
    known: impl IntoIterator<Item = &'a Arc<ModuleMeter>>,
    spec: &Spec,
    log: impl Fn(&str) -> Arc<GuestLog>,
) -> Arc<ModuleMeter> {
    let stamp = Stamp::of(spec);
    let known = known.into_iter().find(|meter| meter.stamp == stamp);
    known.map_or_else(|| Arc::new(ModuleMeter::new(stamp, log(&spec.name))), Arc::clone)
}

impl Stamp {
    fn of(spec: &Spec) -> Self {
        let Spec { name, kind, version, digest, mode, settings, .. } = spec.clone();
        Self { name, kind, version, digest, mode, settings }
    }
}

impl ModuleMeter {
    fn new(stamp: Stamp, log: Arc<GuestLog>) -> Self {
        Self {
            stamp,
            log,
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            did_not_fit: AtomicU64::new(0),
            full: AtomicU64::new(0),
            faults: Default::default(),
            fuel: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            memory_bytes: AtomicU64::new(0),
            refused_by_rules: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether it counts what this filter does.
    pub(super) fn is_of(&self, name: &str, is_enforced: bool) -> bool {
        self.stamp.name == name && self.is_enforced() == is_enforced
    }

    fn is_enforced(&self) -> bool {
        self.stamp.mode == Mode::Enforce
    }

    fn usage(&self) -> ModuleUsage {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [out_of_fuel, trapped, over_limit, bad_answer, local_faults] =
            std::array::from_fn(|class| self.faults.get(class).map_or(0, get));
        let (accepted, refused) = (get(&self.accepted), get(&self.refused));
        let faults = [out_of_fuel, trapped, over_limit, bad_answer, local_faults];
        let answers = [accepted, refused, get(&self.answered)];
        let Stamp { name, kind, version, digest, .. } = self.stamp.clone();
        ModuleUsage {
            name,
            kind,
            version,
            digest,
            is_enforced: self.is_enforced(),
            calls: faults.into_iter().chain(answers).fold(0, u64::saturating_add),
            accepted,
            refused,
            batches: get(&self.batches),
            did_not_fit: get(&self.did_not_fit),
            full: get(&self.full),
            out_of_fuel,
            trapped,
            over_limit,
            bad_answer,
            local_faults,
            fuel: get(&self.fuel),
            time: Duration::from_nanos(get(&self.nanoseconds)),
            memory_bytes: get(&self.memory_bytes),
            refused_by_rules: get(&self.refused_by_rules),
            left_out: get(&self.left_out),
        }
    }

    fn spent(&self, fuel: u64, memory_bytes: u64, took: Duration) {
        add(&self.fuel, fuel);
        add(&self.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        // Seldom more than before, and looking costs less than writing.
        if self.memory_bytes.load(Ordering::Relaxed) < memory_bytes {
            self.memory_bytes.fetch_max(memory_bytes, Ordering::Relaxed);
        }
    }

    fn failed(&self, fault: &Fault) {
        if let Some(counter) = self.faults.get(class(fault)) {
            add(counter, 1);
        }
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Meter for ModuleMeter {
    fn ran(&self, run: &Run, took: Duration) {
        self.spent(run.fuel_used, run.memory_bytes, took);
        let would_refuse = match &run.answer {
            Ok(Ok(())) => {
                add(&self.accepted, 1);
                return;
            }
            Ok(Err(refusal)) => {
                add(&self.refused, 1);
                refusal.sentence.clone()
            }
            Err(fault) => {
                self.failed(fault);
                fault.to_string()
            }
        };
        if !self.is_enforced() {
            self.log.would_refuse(&would_refuse);
        }
    }

    fn passed_over(&self) {
        add(&self.refused_by_rules, 1);
    }

    fn left_out(&self) {
        add(&self.left_out, 1);
    }
}

impl BatchMeter for ModuleMeter {
    fn ran(&self, run: &BatchRun, took: Duration) {
        self.spent(run.fuel_used, run.memory_bytes, took);
        match (&run.answer, run.question) {
            (Err(fault), _) => return self.failed(fault),
            (Ok(_), Question::Begin) => return add(&self.batches, 1),
            (Ok(false), Question::Fits) => add(&self.did_not_fit, 1),
            (Ok(true), Question::Add) => add(&self.full, 1),
            (Ok(_), _) => {}
        }
        add(&self.answered, 1);
    }
}

/// The place of a fault's counter.
fn class(fault: &Fault) -> usize {
    match fault {
        Fault::Guest(GuestFault::OutOfFuel { .. }) => 0,
        Fault::Guest(GuestFault::Trapped { .. }) => 1,
        Fault::Guest(GuestFault::LimitExceeded { .. }) => 2,
        Fault::Guest(_) => 3,
        Fault::Local(_) => 4,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_core::batch_policy::LocalFault;
    use raddle_core::modules::Kind;
    use raddle_rules::{FilterRefusal, RefusalStatus};

    use super::*;
    use crate::workbench::spec;

    fn meters(meters: &Meters, specs: &[Spec]) -> Vec<Arc<ModuleMeter>> {
        let channel = ChannelId("demo".into());
        let log = |name: &str| Arc::new(GuestLog::new(channel.clone(), name));
        meters.of_config(&channel, specs.iter(), log)
    }

    fn run(answer: Result<Result<(), FilterRefusal>, Fault>) -> Run {
        Run { answer, fuel_used: 10, memory_bytes: 3 }
    }

    #[test]
    fn each_run_is_counted_by_what_came_of_it() {
        let spec = spec("a", Kind::Filter, Default::default(), (1, 1), Vec::new());
        let all = Meters::default();
        let meter = meters(&all, std::slice::from_ref(&spec)).remove(0);
        let refusal = FilterRefusal { status: RefusalStatus::Forbidden, sentence: "no".into() };
        let answers = [
            Ok(Ok(())),
            Ok(Err(refusal)),
            Err(GuestFault::OutOfFuel { fuel: 1 }.into()),
            Err(GuestFault::Trapped { trap: String::new() }.into()),
            Err(GuestFault::LimitExceeded { resource: "memory", limit: 1 }.into()),
            Err(GuestFault::BadAnswer { what: String::new() }.into()),
            Err(LocalFault { cause: String::new() }.into()),
        ];
        for answer in answers {
            Meter::ran(&*meter, &run(answer), Duration::from_micros(2));
        }
        meter.passed_over();
        meter.left_out();
        let expected = ModuleUsage {
            name: "a".into(),
            kind: Kind::Filter,
            version: String::new(),
            digest: spec.digest,
            is_enforced: true,
            calls: 7,
            accepted: 1,
            refused: 1,
            batches: 0,
            did_not_fit: 0,
            full: 0,
            out_of_fuel: 1,
            trapped: 1,
            over_limit: 1,
            bad_answer: 1,
            local_faults: 1,
            fuel: 70,
            time: Duration::from_micros(14),
            memory_bytes: 3,
            refused_by_rules: 1,
            left_out: 1,
        };
        assert_eq!(all.usage(&ChannelId("demo".into())), [expected]);
        assert_eq!(all.usage(&ChannelId("other".into())), []);
    }

    #[test]
    fn a_module_that_is_changed_is_counted_anew_and_one_that_is_not_goes_on() {
        let one = |name: &str, mode| Spec {
            mode,
            ..spec(name, Kind::Filter, Default::default(), (1, 1), Vec::new())
        };
        let all = Meters::default();
        let specs = [one("a", Mode::Shadow), one("b", Mode::Enforce)];
        for meter in meters(&all, &specs) {
            Meter::ran(&*meter, &run(Ok(Ok(()))), Duration::ZERO);
        }
        let calls = || all.usage(&ChannelId("demo".into())).iter().map(|it| it.calls).collect::<Vec<_>>();
        meters(&all, &specs);
        assert_eq!(calls(), [1, 1]);
        meters(&all, &[one("a", Mode::Enforce), one("b", Mode::Enforce)]);
        assert_eq!(calls(), [0, 1]);
        meters(&all, &[]);
        assert_eq!(calls(), [0; 0]);
    }

    #[test]
    fn of_a_batch_policy_the_batches_and_its_own_cuts_are_counted() {
        let spec = spec("cuts", Kind::BatchPolicy, Default::default(), (1, 1), Vec::new());
        let (all, channel) = (Meters::default(), ChannelId("demo".into()));
        let of =
            |spec| all.of_batch_policy(&channel, spec, |name| Arc::new(GuestLog::new(channel.clone(), name)));
        let meter = of(Some(&spec)).unwrap();
        let trapped = Fault::from(GuestFault::Trapped { trap: String::new() });
        for (question, answer, memory_bytes) in [
            (Question::Begin, Ok(true), 9),
            (Question::Add, Ok(false), 9),
            (Question::Fits, Ok(true), 8),
            (Question::Add, Ok(true), 8),
            (Question::Begin, Ok(true), 8),
            (Question::Add, Ok(false), 8),
            (Question::Fits, Ok(false), 8),
            (Question::Begin, Err(trapped.clone()), 0),
        ] {
            let run = BatchRun { question, answer, fuel_used: 5, memory_bytes };
            BatchMeter::ran(&*meter, &run, Duration::from_micros(1));
        }
        // A config that leaves the batch policy as it was goes on counting, and so do the filters of that config.
        meters(&all, &[]);
        assert!(Arc::ptr_eq(&of(Some(&spec)).unwrap(), &meter));
        let usage = all.usage(&channel).remove(0);
        assert_eq!((usage.kind, usage.calls, usage.batches), (Kind::BatchPolicy, 6, 2));
        assert_eq!((usage.did_not_fit, usage.full, usage.trapped), (1, 1, 1));
        assert_eq!((usage.fuel, usage.memory_bytes, usage.time), (40, 9, Duration::from_micros(8)));
        assert!(of(None).is_none());
        assert_eq!(all.usage(&channel), []);
    }
}
