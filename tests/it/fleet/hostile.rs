//! Modules that nobody should install: each is refused with a sentence that says what to change, and those of people
//! without the authority before anything is looked at.

use std::io::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use raddle::admin::modules::{BATCH_POLICY_KEY, FILTER_KEY_PREFIX};
use raddle::config::BatchPolicies;
use raddle_core::modules::{SPEC_BYTES_MAX, TEXT_BYTES_MAX, TEXT_PREFIX};
use raddle_proto::common::ConfigPolicy;
use raddle_proto::common::policy::PolicyType;
use raddle_proto::module::{ModuleSpec, Setting};
use raddle_rules::artifact::{CompileLimits, Compiler as _, InProcess};
use raddle_rules::profile::{Limit, PAGE_BYTES};

use super::*;
use crate::harness::dist;
use crate::harness::filters::heavy_functions;
use crate::harness::guest::Guest;
use crate::harness::oversized::{guest_with, limits};

/// What an update puts into the group of the orderers, and what its refusal has to say.
struct Case {
    what: String,
    policies: Vec<(String, ConfigPolicy)>,
    words: String,
}

impl Case {
    fn new(what: &str, key: &str, policy: ConfigPolicy, words: &str) -> Self {
        Self { what: what.into(), policies: vec![(key.into(), policy)], words: words.into() }
    }

    /// A text under the key of a filter.
    fn text(what: &str, text: &str, words: &str) -> Self {
        Self::new(what, "raddle.filter.bad", policy(PolicyType::ImplicitMeta, text), words)
    }

    /// Bytes that are deflated, under the same key.
    fn inflating(what: &str, bytes: &[u8], words: &str) -> Self {
        Self::text(what, &text_of(bytes), words)
    }

    /// A filter that differs from a good one.
    fn filter(what: &str, change: impl FnOnce(&mut ModuleSpec), words: &str) -> Self {
        let mut spec = module_spec(1, "bad", dist("empty.wasm"));
        change(&mut spec);
        Self::inflating(what, &spec.encode_to_vec(), words)
    }

    /// A batch policy of these bytes.
    fn component(what: &str, component: Vec<u8>, words: &str) -> Self {
        Self::batch_policy(what, &module_spec(2, "bad", component), words)
    }

    fn batch_policy(what: &str, spec: &ModuleSpec, words: &str) -> Self {
        let text = text_of(&spec.encode_to_vec());
        Self::new(what, BATCH_POLICY_KEY, policy(PolicyType::ImplicitMeta, &text), words)
    }

    /// A batch policy of the tests' own, with a piece of its text replaced.
    fn replaced(what: &str, from: &str, to: &str, words: &str) -> Self {
        let text = Guest::default().text();
        assert!(text.contains(from));
        Self::component(what, wat::parse_str(text.replacen(from, to, 1)).unwrap(), words)
    }
}

fn policy(kind: PolicyType, text: &str) -> ConfigPolicy {
    let value = common::ImplicitMetaPolicy { sub_policy: text.into(), rule: 0 }.encode_to_vec().into();
    let policy = Some(common::Policy { r#type: kind.into(), value });
    ConfigPolicy { version: 0, policy, mod_policy: "Admins".into() }
}

fn text_of(bytes: &[u8]) -> String {
    let mut deflating = DeflateEncoder::new(Vec::new(), Compression::best());
    deflating.write_all(bytes).unwrap();
    TEXT_PREFIX.to_owned() + &STANDARD.encode(deflating.finish().unwrap())
}

fn module_spec(kind: i32, name: &str, component: Vec<u8>) -> ModuleSpec {
    ModuleSpec {
        name: name.into(),
        kind,
        mode: 1,
        fuel_limit: 500_000,
        memory_limit_bytes: 16 << 20,
        sha256: Bytes::copy_from_slice(&Digest::of(&component).0),
        component: component.into(),
        ..ModuleSpec::default()
    }
}

/// An orderer whose compile worker writes down that it runs, and gets a second of CPU at most.
struct Scene {
    fleet: Fleet,
    one: Member,
    runs: PathBuf,
}

impl Scene {
    async fn start() -> Self {
        let fleet = Fleet::new();
        let runs = fleet.folder.path().join("runs");
        let worker = scripted(&format!(
            "echo run >> '{}'; exec $raddle compile-worker --cpu-seconds=1 --memory-bytes=1073741824",
            runs.display()
        ));
        let settings = NodeSettings { batch_policies: BatchPolicies::All, ..NodeSettings::default() };
        let one = fleet.start("one", settings, worker).await;
        one.change(&fleet, &[&fleet.admins[0]], with_capability).await.unwrap();
        Self { fleet, one, runs }
    }

    /// How often something was compiled.
    fn runs(&self) -> usize {
        std::fs::read_to_string(&self.runs).unwrap_or_default().lines().count()
    }

    /// Sends the update of a case, signed by these.
    async fn install(&self, case: &Case, admins: &[&Signer]) -> Refusal {
        let config = self.one.config();
        let mut changed = config.clone();
        let orderers = changed.channel_group.as_mut().unwrap().groups.get_mut("Orderer").unwrap();
        orderers.policies.extend(case.policies.iter().cloned());
        let sent = self.one.send(self.fleet.update(&config, &changed, admins)).await;
        sent.expect_err(&case.what)
    }

    /// All are refused: unsigned ones and those of somebody else's admins with Fabric's own sentence.
    async fn refuses(&self, cases: &[Case], compiled: usize) {
        let [orderer, org1, _] = &self.fleet.admins;
        let unauthorised = "error applying config update to existing channel 'demo': error authorizing update: error \
             validating DeltaSet: policy for [Group]  /Channel/Orderer not satisfied: implicit policy evaluation \
             failed - 0 sub-policies were satisfied, but this policy requires 1 of the 'Admins' sub-policies to be \
             satisfied";
        for case in cases {
            for admins in [&[][..], &[org1]] {
                let refusal = self.install(case, admins).await;
                assert_eq!((refusal.status, refusal.info.as_str()), (400, unauthorised), "{}", case.what);
            }
        }
        assert_eq!(self.runs(), 0);
        for case in cases {
            let refusal = self.install(case, &[orderer]).await;
            let (code, info) = (refusal.detail.code.as_deref(), &refusal.info);
            assert_eq!((refusal.status, code), (400, Some("RDL-3010")), "{}: {info}", case.what);
            assert!(info.contains(&case.words), "{}: {info}\nwanted: {}", case.what, case.words);
        }
        assert_eq!(self.runs(), compiled);
        assert_eq!(self.one.config().sequence, 1, "nothing was changed");
        self.one.send(self.fleet.envelope(0)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_carries_no_module_or_a_bomb_is_refused() {
    let scene = Scene::start().await;
    let good = module_spec(1, "bad", dist("empty.wasm"));
    let whole = text_of(&good.encode_to_vec());
    let written_by = "write it with `raddle module install`";
    let filter_key = format!("{FILTER_KEY_PREFIX}other");
    let longest = TEXT_PREFIX.to_owned() + &"A".repeat(TEXT_BYTES_MAX + 1 - TEXT_PREFIX.len());
    let full = policy(PolicyType::ImplicitMeta, &longest[..TEXT_BYTES_MAX]);
    let together = (0..3).map(|index| (format!("{filter_key}-{index}"), full.clone())).collect();
    let cases = [
        Case::new(
            "no such key",
            "raddle.other",
            policy(PolicyType::ImplicitMeta, &whole),
            "no module has such a key",
        ),
        Case::new(
            "another name",
            &filter_key,
            policy(PolicyType::ImplicitMeta, &whole),
            "key, name and kind must agree",
        ),
        Case::text("no form of ours", "raddle.2:", "does not begin with `raddle.1:`"),
        Case::text("no base64", "raddle.1:%", "is no base64"),
        Case::text("not deflated", "raddle.1:////", "cannot be inflated"),
        Case::text("cut off", &whole[..whole.len() - 8], "it is cut off"),
        Case::inflating("no message", b"\xff\xff\xff", written_by),
        Case::inflating(
            "more than a message",
            &[good.encode_to_vec().as_slice(), &[0x78, 1]].concat(),
            "canonically",
        ),
        Case::inflating("a byte too much", &vec![0; SPEC_BYTES_MAX + 1], "make the component smaller"),
        Case::inflating("a bomb", &vec![0; 64 << 20], "inflates to more than 1114112 bytes"),
        Case::text("too long a text", &longest, "make the component smaller"),
        Case { what: "too much together".into(), policies: together, words: "remove or shrink one".into() },
    ];
    scene.refuses(&cases, 0).await;
    scene.one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_says_of_itself_what_no_module_may_is_refused() {
    let scene = Scene::start().await;
    let cases = [
        Case::filter(
            "a component too large",
            |it| {
                it.component = vec![0; (1 << 20) + 1].into();
            },
            "a component of 1048577 bytes, at most 1048576 are allowed; build it with",
        ),
        Case::filter(
            "another digest",
            |it| it.sha256 = vec![0; 32].into(),
            "install the file that was meant",
        ),
        Case::filter("half a digest", |it| it.sha256 = vec![0; 16].into(), "SHA-256 has 32"),
        Case::filter("no kind", |it| it.kind = 3, "1 is a filter, 2 a batch policy"),
        Case::filter("no mode", |it| it.mode = 0, "1 is enforce, 2 is shadow, 3 is off"),
        Case::batch_policy(
            "only watching",
            &ModuleSpec { mode: 2, ..module_spec(2, "bad", dist("batch-count-and-bytes.wasm")) },
            "install a batch policy in mode `off` or `enforce`",
        ),
        Case::filter("no fuel", |it| it.fuel_limit = 0, "between 1 and 5000000 is allowed"),
        Case::filter("too much fuel", |it| it.fuel_limit = 5_000_001, "between 1 and 5000000 is allowed"),
        Case::filter(
            "too much memory",
            |it| it.memory_limit_bytes = u64::MAX,
            "between 1 and 67108864 is allowed",
        ),
        Case::filter(
            "a long version",
            |it| it.version = "1".repeat(65),
            "at most 64 printable ASCII characters",
        ),
        Case::filter(
            "many settings",
            |it| {
                it.settings =
                    (0..65).map(|key| Setting { key: format!("{key:02}"), value: String::new() }).collect();
            },
            "65 settings, at most 64 are allowed; take some out",
        ),
        Case::filter(
            "long settings",
            |it| {
                it.settings = vec![Setting { key: String::new(), value: "x".repeat((16 << 10) + 1) }];
            },
            "at most 16384 are allowed; shorten them",
        ),
    ];
    scene.refuses(&cases, 0).await;
    scene.one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_module_of_ours_is_refused() {
    let scene = Scene::start().await;
    let engine = InProcess::new().unwrap();
    let precompiled = engine.compile(&dist("empty.wasm"), &engine.key(), &CompileLimits::STRICT).unwrap();
    let import = r#"(import "raddle:rules/settings@1.0.0""#;
    let export = r#"(export "raddle:rules/batch-guest@1.0.0""#;
    let cases = [
        Case::component("nothing", Vec::new(), "was the file built?"),
        Case::component("garbage", b"garbage".to_vec(), "give the `.wasm` file that the build wrote"),
        Case::component("text", b"(component)".to_vec(), "translate it with `wasm-tools parse`"),
        Case::component("a core module", b"\0asm\x01\0\0\0".to_vec(), "`wasm-tools component new`"),
        Case::component(
            "machine code",
            precompiled.bytes().to_vec(),
            "give the `.wasm` file it was made from",
        ),
        Case::component(
            "half a module",
            dist("hostile/one-creator.wasm")[..5_000].to_vec(),
            "not valid at byte",
        ),
        Case::component("a filter", dist("empty.wasm"), "is a filter, a batch policy is needed here"),
        Case::replaced(
            "the next world",
            export,
            r#"(export "raddle:rules/batch-guest@2.0.0""#,
            "only `raddle:rules/batch-guest@1.0.0` is known; build against that version",
        ),
        Case::replaced(
            "another world",
            export,
            r#"(export "other:rules/batch-guest@1.0.0""#,
            "a batch policy `raddle:rules/batch-guest@1.0.0`, and nothing else",
        ),
        Case::replaced("WASI", import, r#"(import "wasi:cli/environment@0.2.3""#, "without a WASI"),
        Case::replaced("more", import, r#"(import "raddle:rules/clock@1.0.0""#, "a batch policy may import"),
    ];
    scene.refuses(&cases, 0).await;
    scene.one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_in_any_way_is_refused_before_it_is_compiled() {
    let scene = Scene::start().await;
    let case = |limit: Limit| {
        let more = if limit == Limit::InitialMemoryBytes { PAGE_BYTES } else { 1 };
        let component = guest_with(limit, usize::try_from(limit.allowed() + more).unwrap());
        let words = format!("{limit}, at most {} are allowed; {}", limit.allowed(), limit.hint());
        Case::component(&limit.to_string(), component, &words)
    };
    let cases: Vec<_> = limits().map(case).collect();
    scene.refuses(&cases, 0).await;
    scene.one.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_for_the_compiler_are_refused_by_the_check_or_stopped_with_the_worker() {
    let scene = Scene::start().await;
    let bomb = |fields: &str| Guest { fields, ..Guest::default() }.build();
    let functions = |count: usize, body: &str| format!("(func {body})").repeat(count);
    let cases = [
        Case::component(
            "tiny functions",
            bomb(&functions(200_000, "")),
            "functions, at most 10000 are allowed",
        ),
        Case::component(
            "one large function",
            bomb(&functions(1, &"nop ".repeat(900_000))),
            "bytes of a function body, at most 131072 are allowed; split the function",
        ),
        Case::component(
            "locals",
            bomb(&functions(300, &format!("(local {})", "i64 ".repeat(400)))),
            "locals of all functions, at most 100000 are allowed",
        ),
        Case::component(
            "parameters",
            bomb(&functions(1, &format!("(param {})", "i32 ".repeat(1_000)))),
            "parameters, at most 16 are allowed; pass a reference to a struct",
        ),
        Case::component("types", bomb(&"(type (func))".repeat(100_000)), "types, at most 1024 are allowed"),
        Case::component(
            "globals",
            bomb(&"(global i32 (i32.const 0))".repeat(100_000)),
            "globals, at most 1000 are allowed",
        ),
        Case::component(
            "blocks",
            bomb(&functions(100, &"(block)".repeat(3_000))),
            "blocks of all functions, at most 50000 are allowed",
        ),
        Case::component(
            "within all limits, and slow",
            bomb(&heavy_functions(6, 0)),
            "of CPU; make the module smaller or its functions simpler",
        ),
    ];
    scene.refuses(&cases, 1).await;
    scene.one.stop().await;
}
