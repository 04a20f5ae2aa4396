//! What is taken for machine code, and what is not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use raddle_core::modules::Digest;

use super::reply::{Content, HEADER_BYTES, Header};
use super::*;
use crate::shipped::BATCH_COUNT_AND_BYTES;
use crate::tests::{filters, run};

fn key() -> ArtifactKey {
    ArtifactKey { digest: Digest([1; 32]), engine: EngineKey([2; 32]) }
}

fn artifact(bytes: &[u8]) -> Artifact {
    Artifact { bytes: bytes.to_vec() }
}

fn bytes(found: Result<Artifact, Miss>) -> Result<Vec<u8>, Miss> {
    found.map(|artifact| artifact.bytes)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn one_artifact_serves_all_three_engines() {
    let compiler = InProcess::new().unwrap();
    let engines = [&run::engine().engine, &filters::run::engine().engine];
    for engine in engines {
        assert_eq!(EngineKey::of(engine), compiler.key());
        let limits = CompileLimits::STRICT;
        let artifact = compiler.compile(BATCH_COUNT_AND_BYTES.bytes, &compiler.key(), &limits).unwrap();
        assert!(artifact.load(engine).is_ok());
    }
    let other = EngineKey::of(&wasmtime::Engine::default());
    assert_ne!(other, compiler.key());
    let refused = compiler.compile(BATCH_COUNT_AND_BYTES.bytes, &other, &CompileLimits::STRICT).err();
    assert!(matches!(refused, Some(CompileFailure::OtherEngine { .. })));
}

#[test]
fn an_artifact_of_another_engine_is_not_loaded() {
    let other = wasmtime::Engine::default().precompile_component(BATCH_COUNT_AND_BYTES.bytes).unwrap();
    let fault = artifact(&other).load(&run::engine().engine).err().unwrap();
    assert!(fault.cause.starts_with("the artifact cannot be loaded: "), "{fault}");
}

#[test]
fn what_is_kept_is_found_by_who_opens_the_folder_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("a/b");
    let cache = ArtifactCache::open(&folder).unwrap();
    assert_eq!(bytes(cache.get(&key())), Err(Miss::Absent));
    for content in [b"".as_slice(), b"code", &[7; 100_000]] {
        cache.put(&key(), &artifact(content)).unwrap();
        assert_eq!(bytes(cache.get(&key())), Ok(content.to_vec()));
        let again = ArtifactCache::open(&folder).unwrap();
        assert_eq!(bytes(again.get(&key())), Ok(content.to_vec()));
    }
    assert_eq!([mode(&folder), mode(&folder.join("key")), mode(&cache.path(&key()))], [0o700, 0o600, 0o600]);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(cache.put(&key(), &artifact(b"code")).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn every_change_of_a_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ArtifactCache::open(folder.path()).unwrap();
    cache.put(&key(), &artifact(b"machine code")).unwrap();
    let path = cache.path(&key());
    let whole = fs::read(&path).unwrap();
    let with = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        cache.get(&key()).err()
    };
    assert_eq!(with(&whole), None);
    for length in 0..whole.len() {
        assert_eq!(with(&whole[..length]), Some(Miss::Damaged { bytes: length }));
    }
    assert_eq!(with(&[whole.as_slice(), b"x"].concat()), Some(Miss::Damaged { bytes: whole.len() + 1 }));
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let miss = with(&flipped);
        let expected = [Some(Miss::WrongMark), Some(Miss::Damaged { bytes: whole.len() })];
        assert!(expected.contains(&miss), "bit {bit}: {miss:?}");
    }
}

#[test]
fn a_file_under_another_name_or_of_another_key_is_not_ours() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (cache, other) = (ArtifactCache::open(one.path()).unwrap(), ArtifactCache::open(two.path()).unwrap());
    cache.put(&key(), &artifact(b"code")).unwrap();
    for (cache, wanted) in [
        (&cache, ArtifactKey { digest: Digest([3; 32]), ..key() }),
        // The name has eight bytes of it, the mark all.
        (&cache, ArtifactKey { engine: EngineKey([3; 32]), ..key() }),
        (&other, key()),
    ] {
        fs::copy(one.path().join(cache_name(&key())), cache.path(&wanted)).unwrap();
        assert_eq!(bytes(cache.get(&wanted)), Err(Miss::WrongMark));
    }
}

fn cache_name(key: &ArtifactKey) -> String {
    format!("{}-{}-p1.artifact", key.digest, key.engine)
}

#[test]
fn a_key_that_is_lost_damaged_or_known_to_others_is_replaced_and_all_that_had_its_mark_goes() {
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 5] = [
        ("deleted", |key| fs::remove_file(key).unwrap()),
        ("cut", |key| fs::write(key, [1; 31]).unwrap()),
        ("too long", |key| fs::write(key, [1; 33]).unwrap()),
        ("for all to read", |key| fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap()),
        ("a link", |key| {
            fs::rename(key, key.with_extension("elsewhere")).unwrap();
            std::os::unix::fs::symlink(key.with_extension("elsewhere"), key).unwrap();
        }),
    ];
    for (what, spoil) in spoils {
        let folder = tempfile::tempdir().unwrap();
        let cache = ArtifactCache::open(folder.path()).unwrap();
        cache.put(&key(), &artifact(b"code")).unwrap();
        fs::write(folder.path().join("9.part"), b"half").unwrap();
        spoil(&folder.path().join("key"));
        let cache = ArtifactCache::open(folder.path()).unwrap();
        assert_eq!(bytes(cache.get(&key())), Err(Miss::Absent), "{what}");
        assert!(!folder.path().join("9.part").exists());
        cache.put(&key(), &artifact(b"code")).unwrap();
        assert_eq!(mode(&folder.path().join("key")), 0o600, "{what}");
        assert!(ArtifactCache::open(folder.path()).unwrap().get(&key()).is_ok(), "{what}");
    }
}

#[test]
fn a_folder_that_is_none_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = ArtifactCache::open(&file).err().unwrap().to_string();
    assert!(error.starts_with(&format!("the module cache `{}` cannot be used: ", file.display())), "{error}");
}

/// What comes of a worker that is a shell with this script.
fn shell(script: &str, time: Duration) -> CompileFailure {
    let limits = CompileLimits { time, ..CompileLimits::STRICT };
    let worker = CompileWorker::new("/bin/sh", ["-c", script]);
    worker.compile(&[0; 1 << 20], &EngineKey([1; 32]), &limits).err().unwrap()
}

#[test]
fn whatever_a_worker_does_is_a_failure_of_this_orderer() {
    let long = Duration::from_secs(60);
    let limits = CompileLimits::STRICT;
    let ended = |how: &str| CompileFailure::Ended { how: format!("ended without an answer: {how}") };
    for (script, expected) in [
        ("exit 0", ended("exit status: 0")),
        ("exit 7", ended("exit status: 7")),
        ("cat > /dev/null; echo", ended("exit status: 0")),
        ("kill -11 $$", ended("signal: 11 (SIGSEGV)")),
        ("kill -24 $$", CompileFailure::Cpu { limit: limits.cpu_seconds }),
        ("kill -6 $$", CompileFailure::Memory { limit: limits.memory_bytes }),
        // Something other than a worker, which never ends.
        ("exec yes", CompileFailure::Reply { what: "it begins otherwise".to_owned() }),
    ] {
        let failure = shell(script, long);
        assert_eq!(without_core(failure), expected, "{script}");
    }
    let short = Duration::from_millis(50);
    for script in ["exec sleep 1000", "exec >&-; exec sleep 1000", "exec <&-; exec sleep 1000"] {
        assert_eq!(shell(script, short), CompileFailure::Time { limit: short }, "{script}");
    }
    let nobody = CompileWorker::new("/nonexistent/raddle", ["x"]);
    let failure = nobody.compile(b"", &EngineKey([1; 32]), &limits).err();
    assert!(
        matches!(failure, Some(CompileFailure::Start { program, .. }) if program == "/nonexistent/raddle")
    );
}

/// Whether a signal leaves a core file depends on the machine.
fn without_core(failure: CompileFailure) -> CompileFailure {
    match failure {
        CompileFailure::Ended { how } => CompileFailure::Ended { how: how.replace(" (core dumped)", "") },
        other => other,
    }
}

#[test]
fn a_worker_has_no_environment() {
    let script = r#"[ -z "$HOME$CARGO_MANIFEST_DIR$USER" ] && [ "$(pwd)" = / ] && kill -24 $$"#;
    assert!(matches!(shell(script, Duration::from_secs(60)), CompileFailure::Cpu { .. }));
}

#[test]
fn only_what_takes_too_much_can_be_changed_by_an_author() {
    for (failure, expected) in [
        (CompileFailure::Cpu { limit: 1 }, true),
        (CompileFailure::Memory { limit: 1 }, true),
        (CompileFailure::Time { limit: Duration::ZERO }, true),
        (CompileFailure::Ended { how: String::new() }, false),
        (CompileFailure::Reply { what: String::new() }, false),
        (CompileFailure::Engine { what: String::new() }, false),
    ] {
        assert_eq!(failure.is_too_expensive(), expected, "{failure}");
    }
}

#[test]
fn a_reply_announces_no_more_than_is_taken() {
    let header = |length| Header { engine: EngineKey([5; 32]), content: Content::Sentence, length };
    let read = |header: Header| Header::read(header.to_bytes().as_slice().try_into().unwrap());
    for length in [0, 1, ARTIFACT_BYTES_MAX] {
        assert_eq!(read(header(length)), Ok(header(length)));
    }
    assert!(read(header(ARTIFACT_BYTES_MAX + 1)).is_err());
    assert!(read(header(usize::MAX)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_header_is_answered(mut bytes: [u8; HEADER_BYTES], is_ours: bool) {
        if is_ours {
            bytes[..8].copy_from_slice(b"RDLCOMP1");
        }
        if let Ok(header) = Header::read(&bytes) {
            prop_assert_eq!(header.to_bytes(), bytes);
        }
    }
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first_and_what_is_in_use_stays() {
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<_> = (0..5).map(|it| ArtifactKey { digest: Digest([it; 32]), ..key() }).collect();
    let cache = ArtifactCache::open(folder.path()).unwrap();
    for (age, key) in keys.iter().enumerate() {
        cache.put(key, &artifact(&[0; 100])).unwrap();
        let file = fs::File::options().append(true).open(cache.path(key)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(age as u64)).unwrap();
    }
    let length = fs::metadata(cache.path(&keys[0])).unwrap().len();
    let left = |cache: &ArtifactCache| keys.iter().map(|key| cache.path(key).exists()).collect::<Vec<_>>();
    let cache = cache.for_bytes(5 * length);
    cache.trim(|_| false).unwrap();
    assert_eq!(left(&cache), [true; 5]);
    // The oldest is used, and the second oldest belongs to somebody.
    assert!(cache.get(&keys[0]).is_ok());
    let cache = cache.for_bytes(3 * length);
    cache.trim(|digest| digest == keys[1].digest).unwrap();
    assert_eq!(left(&cache), [true, true, false, false, true]);
    let cache = cache.for_bytes(0);
    cache.trim(|digest| digest == keys[1].digest).unwrap();
    assert_eq!(left(&cache), [false, true, false, false, false]);
    // A file of no module's name is nobody's.
    let path = folder.path().join("other.artifact");
    fs::write(&path, [0; 10]).unwrap();
    cache.trim(|_| true).unwrap();
    assert!(!path.exists() && folder.path().join("key").exists());
}
