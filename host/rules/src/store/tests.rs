//! Modules from configs to machine code: what is refused, shared, kept, and made again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use raddle_core::modules::{Cause, Digest, Mode, ModuleRefusal, Setting, Side, Update, check_update, encode};
use raddle_proto::common::{Config, ConfigGroup};

use super::*;
use crate::artifact::{CompileFailure, InProcess, Miss};
use crate::check::Refusal;
use crate::profile::{FUEL_PER_CALL_MAX, MEMORY_BYTES_MAX};
use crate::shipped::{BATCH_COUNT_AND_BYTES, EXPIRATION, SIGNATURE};
use crate::tests::guest::Guest;
use crate::tests::run::bundle;

fn spec(name: &str, kind: Kind, component: impl Into<Bytes>) -> Spec {
    let component = component.into();
    Spec {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        kind,
        mode: Mode::Enforce,
        order: 0,
        settings: Vec::new(),
        fuel: 500_000,
        memory_bytes: 16 << 20,
        digest: Digest::of(&component),
        component,
    }
}

fn filter(name: &str, component: &'static [u8]) -> Spec {
    spec(name, Kind::Filter, component)
}

fn policy(guest: &Guest<'_>) -> Spec {
    spec("cuts", Kind::BatchPolicy, guest.build())
}

/// Batch policies that differ.
fn many(count: usize) -> Vec<Spec> {
    (0..count)
        .map(|add| policy(&Guest { add: &format!("i32.const {}", add * 2), ..Guest::default() }))
        .collect()
}

/// A store, and what has happened in it.
struct Seen {
    store: ModuleStore,
    events: Arc<Mutex<Vec<StoreEvent>>>,
}

impl Seen {
    fn new(folder: &Path) -> Self {
        Self::with(Box::new(InProcess::new().unwrap()), Some(ArtifactCache::open(folder).unwrap()))
    }

    fn with(compiler: Box<dyn Compiler>, cache: Option<ArtifactCache>) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let slots = NonZeroU16::new(2).unwrap();
        let settings = StoreSettings {
            compiler,
            cache,
            strict: CompileLimits::STRICT,
            loose: CompileLimits::LOOSE,
            strict_at_once: slots,
            observer: Box::new(move |event| sink.lock().unwrap().push(event.clone())),
        };
        let engines = (FilterEngine::new(slots).unwrap(), BatchEngine::new().unwrap());
        Self { store: ModuleStore::new(Arc::new(engines.0), Arc::new(engines.1), settings), events }
    }

    fn loose(&self, spec: &Spec) -> Prepared {
        self.store.prepare("trade", spec, Effort::Loose).unwrap()
    }

    /// What has happened since the last call.
    fn events(&self) -> Vec<StoreEvent> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    fn compiled(&self) -> usize {
        self.events().iter().filter(|event| matches!(event, StoreEvent::Compiled { .. })).count()
    }
}

#[test]
fn twenty_modules_come_from_the_cache_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let modules = many(20);
    let first = Seen::new(folder.path());
    let in_use: Vec<_> = modules.iter().map(|spec| first.loose(spec)).collect();
    assert_eq!((in_use.len(), first.compiled()), (20, 20));
    let restarted = Seen::new(folder.path());
    let in_use: Vec<_> = modules.iter().map(|spec| restarted.loose(spec)).collect();
    let events = restarted.events();
    assert_eq!((in_use.len(), events.len()), (20, 20));
    assert!(events.iter().all(|event| matches!(event, StoreEvent::FromCache { .. })), "{events:?}");
}

#[test]
fn what_the_cache_has_not_is_compiled_again_and_said() {
    let spec = policy(&Guest::default());
    type Spoil = fn(&Path, &Path);
    type Expected = fn(&Miss) -> bool;
    let spoils: [(&str, Spoil, Expected); 5] = [
        ("deleted", |_, file| fs::remove_file(file).unwrap(), |miss| *miss == Miss::Absent),
        ("the whole folder", |folder, _| fs::remove_dir_all(folder).unwrap(), |miss| *miss == Miss::Absent),
        (
            "truncated",
            |_, file| fs::write(file, &fs::read(file).unwrap()[..999]).unwrap(),
            |miss| *miss == Miss::Damaged { bytes: 999 },
        ),
        (
            "bit-flipped",
            |_, file| {
                let mut bytes = fs::read(file).unwrap();
                bytes[999] ^= 1;
                fs::write(file, bytes).unwrap();
            },
            |miss| *miss == Miss::WrongMark,
        ),
        (
            "another key",
            |folder, _| fs::write(folder.join("key"), [0; 32]).unwrap(),
            |miss| *miss == Miss::WrongMark,
        ),
    ];
    for (what, spoil, expected) in spoils {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("modules");
        let first = Seen::new(&folder);
        drop(first.loose(&spec));
        let key = ArtifactKey { digest: spec.digest, engine: InProcess::new().unwrap().key() };
        spoil(&folder, &ArtifactCache::open(&folder).unwrap().path(&key));
        let restarted = Seen::new(&folder);
        restarted.loose(&spec);
        let events = restarted.events();
        let [StoreEvent::Missed { miss, .. }, StoreEvent::Compiled { .. }] = events.as_slice() else {
            panic!("{what}: {events:?}")
        };
        assert!(expected(miss), "{what}: {miss}");
        assert!(events[0].to_string().starts_with(&format!("compile module {}: ", spec.digest)));
        let again = Seen::new(&folder);
        again.loose(&spec);
        assert_eq!(again.compiled(), 0, "{what}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_keeps_nobody_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("modules");
    let seen = Seen::new(&folder);
    fs::remove_dir_all(&folder).unwrap();
    seen.loose(&policy(&Guest::default()));
    let events = seen.events();
    assert!(matches!(events.last(), Some(StoreEvent::NotKept { .. })), "{events:?}");
}

#[test]
fn a_full_cache_keeps_what_is_in_use_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(folder.path()).unwrap().for_bytes(0);
    let seen = Seen::with(Box::new(InProcess::new().unwrap()), Some(cache));
    let modules = many(3);
    let in_use = seen.loose(&modules[0]);
    drop(seen.loose(&modules[1]));
    let also_in_use = seen.loose(&modules[2]);
    let engine = InProcess::new().unwrap().key();
    let cache = ArtifactCache::open(folder.path()).unwrap();
    let is_there = |spec: &Spec| cache.path(&ArtifactKey { digest: spec.digest, engine }).exists();
    assert_eq!(modules.iter().map(is_there).collect::<Vec<_>>(), [true, false, true]);
    drop((in_use, also_in_use));
}

#[test]
fn channels_with_the_same_component_share_its_code() {
    let seen = Seen::with(Box::new(InProcess::new().unwrap()), None);
    let prepare = |channel: &str, name: &str| {
        let mut spec = filter(name, EXPIRATION.bytes);
        spec.settings.push(Setting { key: "for".to_owned(), value: channel.to_owned() });
        seen.store.prepare_filter(channel, &spec, Effort::Loose).unwrap()
    };
    let (one, two) = (prepare("trade", "expiration"), prepare("audit", "grace"));
    assert!(one.module.shares_code_with(&two.module));
    assert_eq!((two.module.name(), two.settings.get("for")), ("grace", Some("audit")));
    assert_eq!(seen.compiled(), 1);
    // Bound, it is in use; and when nobody uses it any more it is gone.
    let bound = one.module.bind(bundle(), one.settings, one.limits, Arc::new(NoLog)).unwrap();
    drop((one.module, two));
    prepare("trade", "expiration");
    assert_eq!(seen.compiled(), 0);
    drop(bound);
    prepare("trade", "expiration");
    assert_eq!(seen.compiled(), 1);
}

#[test]
fn a_hundred_who_ask_at_once_compile_once() {
    let seen = Seen::with(Box::new(InProcess::new().unwrap()), None);
    let spec = filter("signature-too", SIGNATURE.bytes);
    let made: Vec<_> = std::thread::scope(|scope| {
        let ask = |index: usize| {
            let (seen, spec) = (&seen, &spec);
            scope.spawn(move || {
                seen.store.prepare_filter(&format!("channel{}", index % 7), spec, Effort::Strict).unwrap()
            })
        };
        let threads: Vec<_> = (0..100).map(ask).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.iter().all(|it| it.module.shares_code_with(&made[0].module)));
    assert_eq!(seen.compiled(), 1);
}

/// A compiler that fails when it is given no more than the strict limits.
struct Slow(InProcess);

impl Compiler for Slow {
    fn compile(
        &self,
        component: &[u8],
        key: &EngineKey,
        limits: &CompileLimits,
    ) -> Result<Artifact, CompileFailure> {
        if *limits == CompileLimits::STRICT {
            return Err(CompileFailure::Cpu { limit: limits.cpu_seconds });
        }
        self.0.compile(component, key, limits)
    }
}

#[test]
fn what_takes_too_long_is_refused_at_install_and_compiled_from_the_log() {
    let seen = Seen::with(Box::new(Slow(InProcess::new().unwrap())), None);
    let spec = policy(&Guest::default());
    let error = seen.store.install("trade", &spec, &bundle()).err().unwrap();
    assert!(error.is_refusal());
    assert_eq!(
        error.to_string(),
        "compiling took more than 10 s of CPU; make the module smaller or its functions simpler"
    );
    let error = seen.store.prepare("trade", &spec, Effort::Strict).err().unwrap();
    assert!(!error.is_verdict());
    seen.loose(&spec);
    let broken = CompileFailure::Ended { how: "died".to_owned() };
    assert!(!InstallError::from(PrepareError::from(broken)).is_refusal());
}

/// A guest whose answer about its settings this is, in core code.
fn asked(memory: &str, check: &str) -> Option<InstallError> {
    let seen = Seen::with(Box::new(InProcess::new().unwrap()), None);
    seen.store.install("trade", &policy(&Guest { memory, check, ..Guest::default() }), &bundle()).err()
}

#[test]
fn a_module_is_asked_about_its_settings_with_fuel_and_memory_of_its_own() {
    let memory = r#"(memory (export "memory") 1) (data (i32.const 16) "\01\00\00\00\20\00\00\00\0e\00\00\00")
        (data (i32.const 32) "set `org` only")"#;
    let sentence = "set `org` only".to_owned();
    assert_eq!(asked(memory, "i32.const 0"), None);
    assert_eq!(asked(memory, "i32.const 16"), Some(InstallError::Settings { sentence }));
    let looping = asked(memory, "(loop (br 0)) i32.const 0").unwrap();
    assert_eq!(looping.to_string(), "it fails when it is asked about its settings: out of fuel after 500000");
    let trapping = asked(memory, "unreachable").unwrap();
    assert!(matches!(trapping, InstallError::Fault(_)) && trapping.is_refusal(), "{trapping}");

    let seen = Seen::with(Box::new(InProcess::new().unwrap()), None);
    assert!(seen.store.install("trade", &filter("expiration", EXPIRATION.bytes), &bundle()).is_ok());
}

/// Why an update that installs this module is refused.
fn installed(spec: &Spec) -> Result<Vec<Spec>, Cause> {
    let bundle = bundle();
    let (key, policy) = (spec.key(), encode(spec, "Admins").unwrap());
    let config = |policies| {
        let groups = [("Orderer".to_owned(), ConfigGroup { policies, ..ConfigGroup::default() })].into();
        Config { sequence: 1, channel_group: Some(ConfigGroup { groups, ..ConfigGroup::default() }) }
    };
    let (old, new) = (config([].into()), config([(key, policy)].into()));
    let mut bundle = (*bundle).clone();
    bundle.batch_size.absolute_max_bytes = 10 << 20;
    let update = Update {
        old: Side { bundle: &bundle, config: &old },
        new: Side { bundle: &bundle, config: &new },
        update_bytes: 1_000,
        log_bytes_max: None,
        is_signed_by_group: true,
        allows_batch_policies: false,
    };
    check_update(&update, &Profile1).map_err(|refusal| match refusal {
        ModuleRefusal::Module { cause, .. } => cause,
        other => panic!("{other}"),
    })
}

#[test]
fn a_hostile_module_is_refused_with_what_to_do() {
    let good = Guest::default();
    let with = |from: &str, to: &str| {
        let text = good.text();
        assert!(text.contains(from));
        wat::parse_str(text.replacen(from, to, 1)).unwrap()
    };
    let import = r#"(import "raddle:rules/settings@1.0.0""#;
    let export = r#"(export "raddle:rules/batch-guest@1.0.0""#;
    let precompiled =
        crate::tests::run::engine().engine.precompile_component(BATCH_COUNT_AND_BYTES.bytes).unwrap();
    let custom = format!(r#"(@custom "x" "{}")"#, "x".repeat(300_000));
    for (component, words) in [
        (b"".to_vec(), "no bytes at all, not a component; was the file built?"),
        (b"garbage".to_vec(), "not a WebAssembly component; give the `.wasm` file that the build wrote"),
        (
            b"\0asm\x01\0\0\0".to_vec(),
            "a core module, not a component; turn it into one with `wasm-tools component new`",
        ),
        (precompiled, "compiled machine code, not a component; give the `.wasm` file it was made from"),
        (
            with(export, r#"(export "other:rules/batch-guest@1.0.0""#),
            "exports `other:rules/batch-guest@1.0.0`",
        ),
        (with(export, r#"(export "raddle:rules/batch-guest@2.0.0""#), "is known; build against that version"),
        (
            with(import, r#"(import "wasi:cli/environment@0.2.3""#),
            "build for `wasm32-unknown-unknown` without a WASI",
        ),
        (
            Guest { component: &custom, ..Guest::default() }.build(),
            "strip debug information (`strip = true`)",
        ),
        (SIGNATURE.bytes.to_vec(), "is a filter, a batch policy is needed here"),
    ] {
        let Err(Cause::Profile(refusal)) = installed(&spec("cuts", Kind::BatchPolicy, component)) else {
            panic!("{words}")
        };
        assert!(refusal.sentence.contains(words), "{refusal}");
    }
    let asks = |change: fn(&mut Spec)| {
        let mut spec = policy(&Guest::default());
        change(&mut spec);
        installed(&spec).map_err(|cause| cause.to_string())
    };
    assert_eq!(asks(|_| ()).map(|changed| changed.len()), Ok(1));
    for (change, words) in [
        (
            (|it| it.fuel = 0) as fn(&mut Spec),
            "0 fuel a call was asked for, between 1 and 5000000 is allowed",
        ),
        (
            |it| it.fuel = FUEL_PER_CALL_MAX + 1,
            "5000001 fuel a call was asked for, between 1 and 5000000 is allowed",
        ),
        (
            |it| it.memory_bytes = MEMORY_BYTES_MAX + 1,
            "67108865 bytes of memory were asked for, between 1 and 67108864 is allowed",
        ),
        (|it| it.memory_bytes = 65_535, "the module starts with 65536 bytes of memory, its limit is 65535"),
    ] {
        assert_eq!(asks(change), Err(words.to_owned()));
    }
}

#[test]
fn a_world_of_other_types_is_a_verdict_and_leaves_nothing_in_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Seen::new(folder.path());
    let from = r#"(export "config-sequence" (func (result u64)))"#;
    let text = Guest::default().text();
    assert!(text.contains(from));
    let component = wat::parse_str(text.replacen(from, &from.replace("u64", "s64"), 1)).unwrap();
    let spec = spec("cuts", Kind::BatchPolicy, component);
    let error = seen.store.prepare("trade", &spec, Effort::Loose).err().unwrap();
    assert!(matches!(error, PrepareError::Refused(Refusal::WorldMismatch { .. })) && error.is_verdict());
    let kept = fs::read_dir(folder.path()).unwrap().filter(|it| {
        let path = it.as_ref().unwrap().path();
        path.extension().is_some()
    });
    assert_eq!(kept.count(), 0);
}
