//! The way of a module's author: from an empty folder to a filter on a channel, and what bad modules get.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raddle::admin::modules::{Kind, OWNER, with};
use raddle::client::{Answer, Client, message};
use raddle::workbench::spec;
use tempfile::TempDir;

use crate::harness::filters::guest::Guest;
use crate::harness::process::Node;
use crate::harness::scene::Scene;
use crate::harness::shell::shell;
use crate::harness::walkthrough::lines;
use crate::harness::{dist, repository};

/// Where authors' modules are built: always the same folders, so that std is built once. One author at a time.
fn workshop() -> (PathBuf, MutexGuard<'static, ()>) {
    static IN_USE: Mutex<()> = Mutex::new(());
    let in_use = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
    let work = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author/work");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).unwrap();
    (work, in_use)
}

fn raddle(folder: &Path, arguments: &[&str]) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_raddle")).args(arguments).current_dir(folder))
}

/// Runs a command as from an author's shell.
fn run(command: &mut Command) -> Output {
    // What cargo tells its own tests is not what such a shell tells.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG") || name == "CARGO") {
        command.env_remove(name);
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author/target");
    command.env("CARGO_TARGET_DIR", target).output().unwrap()
}

fn text(output: &Output) -> String {
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(said).unwrap()
}

fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = raddle(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output));
    text(&output)
}

fn fails(folder: &Path, arguments: &[&str], exit: i32) -> String {
    let output = raddle(folder, arguments);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", text(&output));
    text(&output)
}

/// Builds the module `my-rule` and plays its cases. Without a compiler for WebAssembly the author is told what to
/// install, and an example that was built elsewhere stands in for the module.
fn build(work: &Path) -> [&'static str; 2] {
    let output = raddle(work, &["module", "build", "my-rule"]);
    if output.status.success() {
        assert!(text(&output).contains("built    my-rule/my-rule.wasm   filter, "), "{}", text(&output));
        let played = succeeds(work, &["module", "test", "my-rule"]);
        assert!(played.contains("2 cases: 2 passed, 0 failed"), "{played}");
        return ["allow=Org1MSP", "alow=Org1MSP"];
    }
    let said = text(&output);
    assert!(said.contains("RDL-2003") && said.contains("rustup target add wasm32-unknown-unknown"), "{said}");
    fs::write(work.join("my-rule/my-rule.wasm"), dist("examples/custom-filter.wasm")).unwrap();
    ["deny-msps=Org2MSP", "deny-msp=Org2MSP"]
}

/// Waits until `module show my-rule` says so: a filter in mode shadow is asked behind the answers.
fn shows(work: &Path, part: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let shown = succeeds(work, &["module", "show", "my-rule"]);
        if shown.contains(part) {
            return;
        }
        assert!(Instant::now() < deadline, "{part}: {shown}");
    }
}

#[test]
fn from_an_empty_folder_to_a_filter_on_a_channel() {
    let (work, _in_use) = workshop();
    let work = work.as_path();
    assert!(succeeds(work, &["module", "new", "my-rule"]).contains("module build my-rule"));
    assert!(fails(work, &["module", "new", "my-rule"], 2).contains("RDL-2002"));
    let [setting, bad] = build(work);
    let file = "my-rule/my-rule.wasm";
    assert!(succeeds(work, &["module", "check", file, "--set", setting]).contains("the module takes them"));
    let all = succeeds(work, &["module", "check", file, "--set", setting, "--limits"]);
    let limits = all.lines().filter(|line| line.starts_with("limit       ")).count();
    assert_eq!(limits, raddle_rules::profile::Limit::ALL.len(), "{all}");
    assert!(
        all.contains("limit       1 of 1 memories") && all.contains("raddle:rules/settings@1.0.0"),
        "{all}"
    );
    let refused = fails(work, &["module", "check", file, "--set", bad], 1);
    let sentence = refused.lines().find(|line| line.starts_with("refused RDL-3010")).unwrap().to_owned();

    let node = Node::start_in(work, &[]);
    let install =
        |set: &'static str, mode| ["module", "install", file, "--set", set, "--yes", "--mode", mode];
    let not_sent = fails(work, &install(bad, "shadow"), 1);
    assert!(not_sent.contains(&sentence) && !not_sent.contains("signed"), "{not_sent}");
    succeeds(work, &install(setting, "shadow"));
    assert!(succeeds(work, &["module", "list"]).contains("my-rule   filter   shadow"));
    let org2 =
        ["--msp-id", "Org2MSP", "--msp-dir", ".raddle/network/organizations/Org2/identities/user1/msp"];
    let send = |more: &[&'static str]| [&["send", "hello"][..], more].concat();
    succeeds(work, &send(&[&["--wait"][..], &org2].concat()));
    shows(work, "would refuse 1 of the 1 envelopes that the rules let pass");
    let ran = succeeds(work, &["module", "run", file, "--set", setting, "--from", "2", "--bench"]);
    assert!(ran.contains("1 that the channel took") && ran.contains("a second on one core"), "{ran}");
    assert!(
        ran.contains("changes     1 that the channel's rules let pass now would be refused, 0 that"),
        "{ran}"
    );

    succeeds(work, &install(setting, "enforce"));
    let refused = fails(work, &send(&org2), 1);
    assert!(refused.contains("Org2MSP may not write to this channel"), "{refused}");
    succeeds(work, &send(&["--wait"]));
    let listed = succeeds(work, &["module", "list"]);
    assert!(listed.contains("my-rule   filter   enforce"), "{listed}");
    assert!(listed.contains("asked 2 times here: 1 accepted, 1 refused, 0 faults"), "{listed}");
    let again = succeeds(work, &["module", "run", file, "--set", setting, "--summary"]);
    assert!(again.contains("changes     0 that the channel's rules let pass now"), "{again}");
    assert!(again.contains("1 are refused either way"), "{again}");
    let cut = work.join("policy.wasm");
    fs::write(&cut, dist("batch-count-and-bytes.wasm")).unwrap();
    let cut = succeeds(work, &["module", "run", "policy.wasm"]);
    assert!(cut.contains("batch 1   ") && cut.contains("the channel has them in"), "{cut}");
    assert!(cut.contains("fuel a block") && cut.contains("of the cuts are at the same places"), "{cut}");
    succeeds(work, &["module", "remove", "my-rule", "--yes"]);
    succeeds(work, &send(&org2));
    assert_eq!(node.stop().status.code(), Some(0));
}

/// What each command of the README is about, and a word of what it says there.
const WALK_THROUGH: [(&str, &str); 10] = [
    ("raddle module install mine.wasm --set limit=10 ", "config sequence 1\n"),
    ("raddle module list", "mine   filter   enforce"),
    ("raddle module remove mine", "config sequence 2\n"),
    ("raddle channel config show", "BatchTimeout"),
    ("raddle channel config update --set ", "config sequence 3\n"),
    ("raddle module new my-rule ", "module build my-rule"),
    ("raddle module build my-rule", "built    my-rule/my-rule.wasm   filter, "),
    ("raddle module test my-rule", "2 cases: 2 passed, 0 failed"),
    ("raddle module install my-rule ", "config sequence 4\n"),
    ("raddle send hello ", "Org1MSP may not write to this channel"),
];

#[test]
fn the_walk_through_of_the_readme_goes_as_it_says() {
    let (work, _in_use) = workshop();
    // Takes any settings, and lets everything pass.
    fs::write(work.join("mine.wasm"), Guest::default().build()).unwrap();
    let node = Node::start_in(&work, &[]);
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let typed = lines(&readme, "## A filter on a channel", "```sh");
    assert_eq!(typed.len(), WALK_THROUGH.len(), "{typed:?}");
    for (line, (command, word)) in typed.into_iter().zip(WALK_THROUGH) {
        assert!(line.starts_with(command), "{line}");
        let output = run(&mut shell(&work, line));
        let said = text(&output);
        if said.contains("RDL-2003") {
            println!("`{line}` and what follows were not typed: nothing here makes WebAssembly");
            break;
        }
        let is_refused = line.contains(" # refused");
        assert_eq!(output.status.code(), Some(i32::from(is_refused)), "{line}: {said}");
        assert!(said.contains(word), "{line}: {said}");
    }
    assert_eq!(node.stop().status.code(), Some(0));
}

/// The same in C, for both kinds. Without a compiler the author is told what to install.
#[test]
fn a_module_in_c_is_made_built_and_keeps_its_cases() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    for (name, kind, cases) in [("rule-in-c", "filter", 2), ("cuts-in-c", "batch-policy", 2)] {
        let made = succeeds(folder, &["module", "new", name, "--language", "c", "--kind", kind]);
        assert!(made.contains("rule.c is the module"), "{made}");
        let output = raddle(folder, &["module", "build", name]);
        let said = text(&output);
        if output.status.code() == Some(1) && said.contains("RDL-2003") {
            assert!(said.contains("apt-get install --no-install-recommends clang lld"), "{said}");
            println!("no module was built of C: there is no clang for wasm32 here");
            continue;
        }
        assert!(
            output.status.success() && said.contains(&format!("{name}.wasm   {}, ", kind.replace('-', " "))),
            "{said}"
        );
        assert!(!said.contains("warning"), "{said}");
        let played = succeeds(folder, &["module", "test", name]);
        assert!(played.contains(&format!("{cases} cases: {cases} passed, 0 failed")), "{played}");
        fs::write(folder.join(name).join("rule.c"), "int nothing;\n").unwrap();
        let failed = fails(folder, &["module", "build", name], 1);
        assert!(failed.contains("RDL-2004"), "{failed}");
    }
}

/// What other languages' modules are held to, by modules in C that were built before.
#[test]
fn modules_in_c_keep_the_cases_of_the_conformance_kit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["conformance-filter", "conformance-policy"] {
        let module = root.join(format!("guest-filters/dist/c/{name}.wasm")).display().to_string();
        let cases = root.join(format!("examples/modules/{name}/cases")).display().to_string();
        let said = succeeds(root, &["module", "test", &module, "--cases", &cases]);
        assert!(said.contains(" passed, 0 failed"), "{name}: {said}");
    }
}

#[test]
fn cases_that_fail_say_what_was_wanted_and_what_was_found() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    fs::write(folder.join("refuses.wasm"), dist("hostile/filter-refuses.wasm")).unwrap();
    fs::create_dir(folder.join("cases")).unwrap();
    let cases = r#"
settings: { sentence: not today }
cases:
  - name: it refuses
    envelope: { type: MESSAGE, creator: Org3MSP, role: admin, bytes: 100, time: 2026-11-29T12:00:00Z }
    expect: bad-request
    sentence: not today
  - { name: it is wrong, envelope: {}, expect: accepted }
  - { name: settings, settings: { status: purple }, expect: settings-refused }
"#;
    fs::write(folder.join("cases/one.yaml"), cases).unwrap();
    let said = fails(folder, &["module", "test", "refuses.wasm"], 1);
    for part in [
        "passed   one.yaml: it refuses",
        "FAILED   one.yaml: it is wrong",
        "wanted accepted",
        "found  bad-request: not today",
        "passed   one.yaml: settings",
        "3 cases: 2 passed, 1 failed",
        "RDL-2006",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    for (bad, part) in [
        ("cases: [{ name: a, envelop: {} }]", "one.yaml:1:"),
        ("cases: [{ name: a, envelope: {} }]", "either `expect` or `cuts`"),
        ("cases: [{ name: a, envelope: { type: X }, expect: accepted }]", "`X` is no type of an envelope"),
        ("cases: [{ name: a, envelope: { text: a, bytes: 1 }, expect: accepted }]", "one of `text`"),
        ("cases: [{ name: a, envelope: { time: noon }, expect: accepted }]", "`noon` is no time"),
        ("cases: []", "has no case"),
    ] {
        fs::write(folder.join("cases/one.yaml"), bad).unwrap();
        let said = fails(folder, &["module", "test", "refuses.wasm"], 2);
        assert!(said.contains(part) && said.contains("RDL-2005"), "{bad}: {said}");
    }
}

#[test]
fn a_batch_policys_cases_are_cut_by_the_rules_of_an_orderer() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    fs::write(folder.join("policy.wasm"), dist("hostile/one-creator.wasm")).unwrap();
    let cases = "channel: { max-message-count: 3 }\ncases:\n  - name: cut\n    envelopes: [{ creator: Org1MSP, \
                 times: 4 }, { creator: Org2MSP }]\n    cuts: [3, 1]\n    pending: 1\n";
    fs::write(folder.join("cut.yaml"), cases).unwrap();
    let said = succeeds(folder, &["module", "test", "policy.wasm", "--cases", "cut.yaml"]);
    assert!(said.contains("1 case: 1 passed, 0 failed"), "{said}");
    assert!(
        said.contains("cut   cuts [3, 1], 1 pending   ") && said.contains("fuel at most a call"),
        "{said}"
    );
}

/// The modules that others learn from, and those that other languages' modules are held to.
#[test]
fn every_example_keeps_its_cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = fs::read_dir(root.join("examples/modules")).unwrap().map(|entry| entry.unwrap().path());
    let examples: Vec<_> = folders.filter(|folder| folder.join("cases").is_dir()).collect();
    assert!(examples.len() >= 9, "{examples:?}");
    for example in examples {
        let name = example.file_name().unwrap().to_str().unwrap();
        let module = root.join(format!("guest-filters/dist/examples/{name}.wasm")).display().to_string();
        let cases = example.join("cases").display().to_string();
        let said = succeeds(root, &["module", "test", &module, "--cases", &cases]);
        assert!(said.contains(" passed, 0 failed"), "{name}: {said}");
    }
}

// === bad modules ===

/// What `raddle module check` and `install` say of a file.
fn said_of(folder: &Path, bytes: &[u8]) -> [String; 2] {
    fs::write(folder.join("bad.wasm"), bytes).unwrap();
    ["check", "install"].map(|command| {
        let said = fails(folder, &["module", command, "bad.wasm"], 2);
        let first = said.lines().find(|line| line.starts_with("failed RDL-3006  bad.wasm is no module: "));
        first.unwrap_or_else(|| panic!("{command}: {said}")).to_owned()
    })
}

/// What a node says of an update that installs it all the same.
async fn said_by_a_node(scene: &Scene, client: &Client, bytes: &[u8]) -> String {
    let config = &scene.channel().rules().config.config.clone();
    let module = spec("bad", Kind::Filter, bytes.to_vec().into(), (1_000_000, 1 << 20), Vec::new());
    let update = message(&scene.admin.update(config, &with(config, &module, OWNER).unwrap()));
    match client.broadcast(tokio_stream::once(update)).next().await.unwrap() {
        Some(Answer::Refused(refusal)) => refusal.info,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_module_gets_the_same_sentence_at_check_at_install_and_from_a_node() {
    let scene = Scene::start().await;
    let client = scene.client().await;
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    let good = dist("examples/custom-filter.wasm");
    let named = |from: &str, to: &str| {
        let mut other = good.clone();
        // The last of such names is that of the component's export.
        let last = good.windows(from.len()).rposition(|window| window == from.as_bytes()).unwrap();
        other[last..last + to.len()].copy_from_slice(to.as_bytes());
        other
    };
    let memory = r#"(memory (export "memory") 1100)"#;
    let mut bad = vec![
        (
            named("filter-guest@1.0.0", "filter-guest@1.0.1"),
            "only `raddle:rules/filter-guest@1.0.0` is known",
        ),
        (b"\0asm\x01\0\0\0".to_vec(), "wasm-tools component new"),
        (b"\x7fELF\x02\x01\x01".to_vec(), "give the `.wasm` file it was made from"),
        (b"(component)".to_vec(), "wasm-tools parse"),
        (Vec::new(), "was the file built?"),
        (wat::parse_str(WASI).unwrap(), "there is no WASI here"),
        (Guest { memory, ..Guest::default() }.build(), "bytes of initial memory, at most"),
    ];
    for number in 0..100 {
        bad.push((good[..good.len() * number / 100].to_vec(), ""));
    }
    for (bytes, part) in bad {
        let [checked, installed] = said_of(folder, &bytes);
        assert!(checked.contains(part), "{part}: {checked}");
        assert_eq!(checked, installed);
        let (_, sentence) = checked.split_once("is no module: ").unwrap();
        let answered = said_by_a_node(&scene, &client, &bytes).await;
        assert!(answered.ends_with(sentence), "{answered}\n{sentence}");
    }
    assert_eq!(node.stop().status.code(), Some(0));
    scene.orderer.stop().await.unwrap();
}

const WASI: &str = r#"(component
    (import "wasi:cli/environment@0.2.3" (instance $host))
    (instance $guest)
    (export "raddle:rules/filter-guest@1.0.0" (instance $guest)))"#;
