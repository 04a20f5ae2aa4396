//! The command that an orderer starts for each module it compiles, as the orderer starts it.

use std::io::Write;
use std::num::NonZeroU16;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use raddle_core::modules::{Digest, Kind, Mode, Spec};
use raddle_rules::artifact::{
    ArtifactCache, CompileFailure, CompileLimits, CompileWorker, Compiler, InProcess,
};
use raddle_rules::shipped::{BATCH_COUNT_AND_BYTES, FILTERS, Shipped};
use raddle_rules::store::{Effort, ModuleStore, StoreEvent, StoreSettings};
use raddle_rules::{BatchEngine, FilterEngine};

use crate::harness::filters::bomb;

fn worker() -> CompileWorker {
    CompileWorker::new(env!("CARGO_BIN_EXE_raddle"), ["compile-worker"])
}

fn compile(component: &[u8], limits: &CompileLimits) -> Result<Vec<u8>, CompileFailure> {
    let key = InProcess::new().unwrap().key();
    worker().compile(component, &key, limits).map(|artifact| artifact.bytes().to_vec())
}

#[test]
fn the_child_compiles_what_this_process_would() {
    let own = InProcess::new().unwrap();
    for Shipped { name, bytes } in FILTERS.iter().chain([&BATCH_COUNT_AND_BYTES]) {
        let here = own.compile(bytes, &own.key(), &CompileLimits::STRICT).unwrap();
        assert!(compile(bytes, &CompileLimits::STRICT).unwrap() == here.bytes(), "{name}");
    }
}

#[test]
fn what_takes_more_than_it_may_is_stopped_and_named() {
    let heavy = bomb(6, 0);
    assert!(heavy.len() < 1 << 20, "{}", heavy.len());
    let failure = |limits: CompileLimits| compile(&heavy, &limits).err();
    let cpu = CompileLimits { cpu_seconds: 1, ..CompileLimits::STRICT };
    assert_eq!(failure(cpu), Some(CompileFailure::Cpu { limit: 1 }));
    let time = CompileLimits { time: Duration::from_millis(300), ..CompileLimits::STRICT };
    assert_eq!(failure(time), Some(CompileFailure::Time { limit: time.time }));
    let memory = CompileLimits { memory_bytes: 200 << 20, ..CompileLimits::STRICT };
    assert_eq!(failure(memory), Some(CompileFailure::Memory { limit: memory.memory_bytes }));
    assert_eq!(failure(CompileLimits::LOOSE), None);
}

#[test]
fn what_is_no_component_or_too_long_is_a_failure() {
    let garbage = compile(b"garbage", &CompileLimits::STRICT);
    assert!(matches!(garbage, Err(CompileFailure::Engine { .. })), "{garbage:?}");
    let long = compile(&[0; (1 << 20) + 1], &CompileLimits::STRICT);
    assert!(
        matches!(&long, Err(CompileFailure::Ended { how }) if how.contains("exit status: 1")),
        "{long:?}"
    );
}

fn store(folder: &std::path::Path, events: &Arc<Mutex<Vec<StoreEvent>>>) -> ModuleStore {
    let (one, events) = (NonZeroU16::new(1).unwrap(), Arc::clone(events));
    let settings = StoreSettings {
        compiler: Box::new(worker()),
        cache: Some(ArtifactCache::open(folder).unwrap()),
        strict: CompileLimits::STRICT,
        loose: CompileLimits::LOOSE,
        strict_at_once: one,
        observer: Box::new(move |event| events.lock().unwrap().push(event.clone())),
    };
    ModuleStore::new(
        Arc::new(FilterEngine::new(one).unwrap()),
        Arc::new(BatchEngine::new().unwrap()),
        settings,
    )
}

#[test]
fn modules_of_both_kinds_are_compiled_by_the_child_and_come_from_the_cache_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let spec = |kind, component: &'static [u8]| Spec {
        name: "expiration".to_owned(),
        version: String::new(),
        kind,
        mode: Mode::Enforce,
        order: 0,
        settings: Vec::new(),
        fuel: 500_000,
        memory_bytes: 16 << 20,
        digest: Digest::of(component),
        component: Bytes::from_static(component),
    };
    let specs = FILTERS
        .iter()
        .map(|it| spec(Kind::Filter, it.bytes))
        .chain([spec(Kind::BatchPolicy, BATCH_COUNT_AND_BYTES.bytes)]);
    let specs: Vec<_> = specs.collect();
    for (effort, is_compiled) in [(Effort::Strict, true), (Effort::Loose, false)] {
        let store = store(folder.path(), &events);
        for spec in &specs {
            assert!(store.prepare("trade", spec, effort).is_ok());
        }
        let events = std::mem::take(&mut *events.lock().unwrap());
        let compiled = events.iter().filter(|event| matches!(event, StoreEvent::Compiled { .. })).count();
        assert_eq!(compiled, if is_compiled { specs.len() } else { 0 }, "{events:?}");
    }
}

#[test]
fn the_child_takes_what_others_leave_if_it_is_told_to() {
    for (option, policy) in [(None, "0"), (Some("--stand-back"), "5")] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_raddle"))
            .args(["compile-worker", "--cpu-seconds=10", "--memory-bytes=1073741824"])
            .args(option)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // More than a pipe holds: it is read by one that has limited itself.
        child.stdin.as_mut().unwrap().write_all(&[0; 1 << 20]).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        // Behind the name, which may have blanks, the state is the third field, and the policy the 41st.
        let fields = stat.rsplit_once(") ").unwrap().1;
        assert_eq!(fields.split(' ').nth(38), Some(policy), "{stat}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn a_child_that_stood_back_for_too_long_is_followed_by_one_that_takes_its_share() {
    let busy = r#"case "$*" in *--stand-back*) exec sleep 600;; *) exec "$0" compile-worker "$@";; esac"#;
    let worker = CompileWorker::new("/bin/sh", ["-c", busy, env!("CARGO_BIN_EXE_raddle")]);
    let key = InProcess::new().unwrap().key();
    let component = BATCH_COUNT_AND_BYTES.bytes;
    let limits = CompileLimits { stands_back: Duration::from_millis(200), ..CompileLimits::STRICT };
    assert!(worker.compile(component, &key, &limits).is_ok());
    let all = CompileLimits { time: limits.stands_back, ..limits };
    let failure = worker.compile(component, &key, &all).err();
    assert_eq!(failure, Some(CompileFailure::Time { limit: all.time }));
}

#[test]
fn nobody_is_told_of_the_command() {
    let help = Command::new(env!("CARGO_BIN_EXE_raddle")).arg("--help").output().unwrap();
    assert!(help.status.success());
    assert!(!String::from_utf8(help.stdout).unwrap().contains("compile-worker"));
}
