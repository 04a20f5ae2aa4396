//! Modules in a channel's config: installed, changed and removed by config updates, while the channel works.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::harness::guest::Guest;
use crate::harness::process::{Node, raddle, succeeds};
use crate::harness::{filters, repository};

/// The command fails with exit 1; its words have all `parts`.
fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let output = raddle(folder, arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

fn copy(folder: &Path, component: &str) {
    fs::copy(repository().join("guest-filters/dist").join(component), folder.join("module.wasm")).unwrap();
}

#[test]
fn a_filter_comes_changes_and_goes_by_config_updates_and_over_a_restart() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    copy(folder, "hostile/filter-refuses.wasm");
    let install = ["module", "install", "module.wasm", "--name", "no-way", "--yes"];
    let with = |more: &[&'static str]| [&install[..], more].concat();
    assert!(succeeds(folder, &with(&["--set", "sentence=not today"])).contains("done     config block 1"));
    refused(folder, &["send", "hello"], &["refused RDL-1104  not today", "module no-way"]);
    succeeds(folder, &with(&["--set", "sentence=nor tomorrow", "--set", "status=forbidden"]));
    refused(folder, &["send", "hello"], &["refused RDL-1104  nor tomorrow", "status 403 FORBIDDEN"]);
    // What the module does not like is refused before it is ordered.
    refused(folder, &with(&["--set", "status=purple"]), &["does not take its settings", "purple"]);
    assert_eq!(node.stop().status.code(), Some(0));

    let node = Node::start_in(folder, &[]);
    refused(folder, &["send", "hello"], &["nor tomorrow"]);
    assert!(succeeds(folder, &["module", "list"]).contains("no-way   filter   enforce"));
    succeeds(folder, &with(&["--mode", "off"]));
    succeeds(folder, &["send", "hello", "--wait"]);
    succeeds(folder, &["module", "remove", "no-way", "--yes"]);
    succeeds(folder, &["send", "hello", "--wait"]);
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn no_filter_locks_the_admins_out() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    for (component, said) in [
        ("hostile/filter-traps.wasm", "RDL-2001"),
        ("hostile/filter-spins.wasm", "RDL-2001"),
        ("hostile/filter-hoards.wasm", "RDL-2001"),
        ("hostile/filter-refuses.wasm", "RDL-1104"),
    ] {
        copy(folder, component);
        succeeds(folder, &["module", "install", "module.wasm", "--name", "bad", "--yes"]);
        refused(folder, &["send", "hello"], &[said, "module bad"]);
        succeeds(folder, &["module", "remove", "bad", "--yes"]);
        succeeds(folder, &["send", "hello", "--wait"]);
    }
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn a_batch_policy_needs_the_capability() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    copy(folder, "hostile/one-creator.wasm");
    let install = ["module", "install", "module.wasm", "--name", "one-creator", "--yes"];
    refused(folder, &install, &["RADDLE_1_0"]);
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn what_modules_log_is_in_the_nodes_log_with_channel_and_name() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let mut node = Node::start_in(folder, &[]);
    fs::write(folder.join("module.wasm"), filters::says()).unwrap();
    succeeds(folder, &["module", "install", "module.wasm", "--name", "talks", "--yes"]);
    let memory = r#"(memory (export "memory") 1) (data (i32.const 16) "one\0amore")"#;
    let add = "(call $log (i32.const 3) (i32.const 16) (i32.const 8)) i32.const 1";
    fs::write(folder.join("module.wasm"), Guest { memory, add, ..Guest::default() }.build()).unwrap();
    let capability = "/Channel/Orderer/Capabilities/capabilities/RADDLE_1_0={}";
    succeeds(folder, &["channel", "config", "update", "--set", capability, "--yes"]);
    succeeds(folder, &["module", "install", "module.wasm", "--name", "cuts", "--yes"]);
    succeeds(folder, &["send", "hello", "--wait"]);
    // Level, sentence, channel, module, line; the last with its control character escaped.
    node.wait_for(r#" WARN a module says channel=demo module="talks" line="of the wrong length""#);
    node.wait_for(r#"ERROR a module says channel=demo module="cuts" line="one"#);
    let listed = succeeds(folder, &["module", "list"]);
    let cut = "1 batch, of which it cut 0 before an envelope that did not fit and 1 as full, 0 faults";
    assert!(
        listed.contains("asked 1 time here: ") && listed.contains(cut) && listed.contains("fuel and"),
        "{listed}"
    );
    assert_eq!(node.stop().status.code(), Some(0));
}
