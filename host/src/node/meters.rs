//! What each module of a channel's does: runs, verdicts, faults, fuel and time, from when the module was last changed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use raddle_core::batch_policy::{Fault, GuestFault};
use raddle_core::ids::ChannelId;
use raddle_core::modules::{Digest, Mode, Setting, Spec};
use raddle_rules::Run;
use raddle_rules::admission::Meter;

use super::guest_log::GuestLog;

/// A copy of a module's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleUsage {
    /// The module's name.
    pub name: String,
    /// Whether its word counts; if not, it is asked about what the channel's rules let pass.
    pub is_enforced: bool,
    /// How often it was asked about an envelope.
    pub calls: u64,
    /// How often it let one pass.
    pub accepted: u64,
    /// How often it refused one, or would have.
    pub refused: u64,
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
    /// Of a filter whose word does not count: envelopes that the channel's rules refused meanwhile, so that it was not
    /// asked about them.
    pub refused_by_rules: u64,
}

/// The counters of all modules of all channels.
#[derive(Default)]
pub(super) struct Meters {
    channels: Mutex<HashMap<ChannelId, Vec<Arc<ModuleMeter>>>>,
}

/// What a module is told. One that is changed is counted anew.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    name: String,
    digest: Digest,
    mode: Mode,
    settings: Vec<Setting>,
}

/// The counters of one module.
pub(super) struct ModuleMeter {
    stamp: Stamp,
    log: Arc<GuestLog>,
    accepted: AtomicU64,
    refused: AtomicU64,
    faults: [AtomicU64; 5],
    fuel: AtomicU64,
    nanoseconds: AtomicU64,
    refused_by_rules: AtomicU64,
}

impl Meters {
    /// The counters of a channel's modules at a config, in their order. Those that it had before stay, if the module
    /// is the same; others are gone.
    pub(super) fn of_config<'a>(
        &self,
        channel: &ChannelId,
        specs: impl Iterator<Item = &'a Spec>,
        log: impl Fn(&str) -> Arc<GuestLog>,
    ) -> Vec<Arc<ModuleMeter>> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let before = channels.remove(channel).unwrap_or_default();
        let meters: Vec<_> = specs
            .map(|spec| {
                let stamp = Stamp::of(spec);
                let known = before.iter().find(|meter| meter.stamp == stamp);
                known.map_or_else(|| Arc::new(ModuleMeter::new(stamp, log(&spec.name))), Arc::clone)
            })
            .collect();
        channels.insert(channel.clone(), meters.clone());
        meters
    }

    /// What the modules of a channel have done.
    pub(super) fn usage(&self, channel: &ChannelId) -> Vec<ModuleUsage> {
        let channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.get(channel).into_iter().flatten().map(|meter| meter.usage()).collect()
    }
}

impl Stamp {
    fn of(spec: &Spec) -> Self {
        let Spec { name, digest, mode, settings, .. } = spec;
        Self { name: name.clone(), digest: *digest, mode: *mode, settings: settings.clone() }
    }
}

impl ModuleMeter {
    fn new(stamp: Stamp, log: Arc<GuestLog>) -> Self {
        Self {
            stamp,
            log,
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            faults: Default::default(),
            fuel: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            refused_by_rules: AtomicU64::new(0),
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
        ModuleUsage {
            name: self.stamp.name.clone(),
            is_enforced: self.is_enforced(),
            calls: faults.into_iter().chain([accepted, refused]).fold(0, u64::saturating_add),
            accepted,
            refused,
            out_of_fuel,
            trapped,
            over_limit,
            bad_answer,
            local_faults,
            fuel: get(&self.fuel),
            time: Duration::from_nanos(get(&self.nanoseconds)),
            refused_by_rules: get(&self.refused_by_rules),
        }
    }
}

impl Meter for ModuleMeter {
    fn ran(&self, run: &Run, took: Duration) {
        let add = |counter: &AtomicU64, more| counter.fetch_add(more, Ordering::Relaxed);
        add(&self.fuel, run.fuel_used);
        add(&self.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
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
                if let Some(counter) = self.faults.get(class(fault)) {
                    add(counter, 1);
                }
                fault.to_string()
            }
        };
        if !self.is_enforced() {
            self.log.would_refuse(&would_refuse);
        }
    }

    fn passed_over(&self) {
        self.refused_by_rules.fetch_add(1, Ordering::Relaxed);
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
        Run { answer, fuel_used: 10, memory_bytes: 0 }
    }

    #[test]
    fn each_run_is_counted_by_what_came_of_it() {
        let spec = spec("a", Kind::Filter, Default::default(), (1, 1), Vec::new());
        let all = Meters::default();
        let meter = meters(&all, &[spec]).remove(0);
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
            meter.ran(&run(answer), Duration::from_micros(2));
        }
        meter.passed_over();
        let expected = ModuleUsage {
            name: "a".into(),
            is_enforced: true,
            calls: 7,
            accepted: 1,
            refused: 1,
            out_of_fuel: 1,
            trapped: 1,
            over_limit: 1,
            bad_answer: 1,
            local_faults: 1,
            fuel: 70,
            time: Duration::from_micros(14),
            refused_by_rules: 1,
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
            meter.ran(&run(Ok(Ok(()))), Duration::ZERO);
        }
        let calls = || all.usage(&ChannelId("demo".into())).iter().map(|it| it.calls).collect::<Vec<_>>();
        meters(&all, &specs);
        assert_eq!(calls(), [1, 1]);
        meters(&all, &[one("a", Mode::Enforce), one("b", Mode::Enforce)]);
        assert_eq!(calls(), [0, 1]);
        meters(&all, &[]);
        assert_eq!(calls(), [0; 0]);
    }
}
