//! Takes a hostile module as far as it comes: check, compile, settings, call.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use raddle_core::batch_policy::{Batch, Fault, GuestFault, Pending};

use super::super::filters::run::{Says, case, creator, new_engine, on_guest};
use super::super::run::{self, ENVELOPE, bundle};
use super::{Hostile, all};
use crate::check::ModuleKind;
use crate::profile::ModuleLimits;
use crate::{
    BatchModule, Filter, FilterEngine, GuestStack, LoadError, LogLevel, LogSink, NoLog, PolicyVerdict,
    Settings,
};

/// A module as far as it was loaded.
pub enum Loaded {
    Refused(String),
    Filter(Filter),
    Policy(BatchModule),
}

/// Counts what a batch policy logs.
#[derive(Default)]
pub struct Counts {
    lines: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
}

impl LogSink for Counts {
    fn line(&self, _level: LogLevel, line: &str) {
        self.lines.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(line.len() as u64, Ordering::Relaxed);
    }

    fn dropped(&self, lines: u64) {
        self.dropped.fetch_add(lines, Ordering::Relaxed);
    }
}

impl Counts {
    fn tell(&self) -> String {
        let [lines, bytes, dropped] =
            [&self.lines, &self.bytes, &self.dropped].map(|it| it.load(Ordering::Relaxed));
        if lines + dropped == 0 {
            return String::new();
        }
        format!("; logged {lines} lines of {bytes} bytes, {dropped} more were dropped")
    }
}

impl Loaded {
    pub fn new(engine: &FilterEngine, hostile: &Hostile) -> Self {
        let loaded = match hostile.kind {
            ModuleKind::Filter => engine.load(&hostile.name, &hostile.bytes).map(|module| {
                let (log, limits) = (Arc::new(NoLog), ModuleLimits::of_filter());
                let filter = module.bind(bundle(), Settings::default(), limits, log);
                filter.map_or_else(|error| Self::Refused(format!("refused: {error}")), Self::Filter)
            }),
            ModuleKind::BatchPolicy => run::engine().load(&hostile.name, &hostile.bytes).map(Self::Policy),
        };
        loaded.unwrap_or_else(|error| {
            Self::Refused(match error {
                LoadError::Refused(refusal) => format!("refused: {refusal}"),
                LoadError::Local(fault) => format!("local fault: {fault}"),
            })
        })
    }

    /// What comes of it, in a line.
    pub fn end(&self, stack: GuestStack) -> String {
        match self {
            Self::Refused(sentence) => sentence.clone(),
            Self::Filter(filter) => filter_end(filter, stack),
            Self::Policy(module) => policy_end(module, stack),
        }
    }
}

fn filter_end(filter: &Filter, stack: GuestStack) -> String {
    match filter.check_settings(stack) {
        Ok(Ok(())) => {}
        Ok(Err(sentence)) => return format!("install: its settings: {} bytes", sentence.len()),
        Err(fault) => return format!("install: {}", class(&fault)),
    }
    let denied = PolicyVerdict::Denied("no".to_owned());
    let says = Says { creator: Some(creator()), ..Says::of("/Channel/Denied", denied) };
    match filter.check(stack, &case(&says)) {
        Ok(Ok(())) => "accepts".to_owned(),
        Ok(Err(refusal)) => {
            let (status, bytes) = (refusal.status, refusal.sentence.len());
            format!("refuses the envelope: {status:?}, in {bytes} bytes")
        }
        Err(fault) => class(&fault),
    }
}

fn policy_end(module: &BatchModule, stack: GuestStack) -> String {
    let counts = Arc::new(Counts::default());
    let log: Arc<dyn LogSink> = Arc::<Counts>::clone(&counts);
    let policy = match module.bind(stack, bundle(), Settings::default(), ModuleLimits::default(), log) {
        Ok(policy) => policy,
        Err(error) => return format!("refused: {error}"),
    };
    match policy.check_settings() {
        Ok(Ok(())) => {}
        Ok(Err(sentence)) => return format!("install: its settings: {} bytes", sentence.len()),
        Err(fault) => return format!("install: {}{}", class(&fault), counts.tell()),
    }
    let answers = policy.instance().and_then(|mut batch| {
        let added = batch.add(&ENVELOPE, Pending::default())?;
        let pending = Pending { count: 1, size_bytes: ENVELOPE.size_bytes };
        Ok((added, batch.fits(&ENVELOPE, pending)?))
    });
    let end = match answers {
        Ok((full, fits)) => format!("answers full {full}, fits {fits}"),
        Err(fault) => class(&fault),
    };
    end + &counts.tell()
}

/// The class of a fault. What the engine says of bad answers may change with the engine.
fn class(fault: &Fault) -> String {
    match fault {
        Fault::Guest(GuestFault::BadAnswer { .. }) => "broke the contract".to_owned(),
        Fault::Guest(fault) => fault.to_string(),
        Fault::Local(fault) => format!("local fault: {fault}"),
    }
}

/// Names the test to the child that it starts.
const CHILD: &str = "RADDLE_TEST_HOSTILE_MEMORY";
const THIS_TEST: &str = "tests::corpus::runs::memory_comes_back_after_many_calls";

/// Rounds of calls behind those that warm up; a million calls with `RADDLE_SOAK=1`.
fn rounds(calls_in_a_round: usize) -> usize {
    if std::env::var_os("RADDLE_SOAK").is_some() { 1_000_000 / calls_in_a_round.max(1) } else { 20 }
}

/// In a process of its own, since other tests use memory as well.
#[test]
fn memory_comes_back_after_many_calls() {
    if std::env::var_os(CHILD).is_some() {
        return call_many_times();
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads=1", THIS_TEST])
        .env(CHILD, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn call_many_times() {
    static ENGINE: OnceLock<FilterEngine> = OnceLock::new();
    let engine = ENGINE.get_or_init(|| new_engine(2));
    let loaded: Vec<_> = all().iter().map(|hostile| Loaded::new(engine, hostile)).collect();
    let called: Vec<_> = loaded.iter().filter(|it| !matches!(it, Loaded::Refused(_))).collect();
    assert!(called.len() >= 50, "{}", called.len());
    let (before, after) = on_guest(|stack| {
        let round = || called.iter().for_each(|it| drop(it.end(stack)));
        (0..5).for_each(|_| round());
        let before = resident_kib();
        (0..rounds(called.len())).for_each(|_| round());
        (before, resident_kib())
    });
    println!("{before} KiB resident, {after} KiB after the calls");
    assert!(after <= before + before / 20, "{before} KiB became {after} KiB");
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
