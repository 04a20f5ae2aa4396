//! `raddle load`: against a node, against orderers that refuse or break off, and called wrongly.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::double::{Double, Manner};
use super::{Folder, Said, raddle, said};
use crate::harness::Recorded;
use crate::harness::eventually::eventually_blocking;
use crate::harness::process::Node;

/// What a load prints as JSON.
fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}", said.stdout))
}

/// A load of few envelopes, with more flags.
fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["load", "--streams", "2", "--in-flight", "4", "--output", "json"], more].concat()
}

/// A node of its own folder, whose client commands need no flags.
fn node() -> (TempDir, Node) {
    let folder = TempDir::new().unwrap();
    let node = Node::start_in(folder.path(), &[]);
    (folder, node)
}

#[test]
fn a_count_is_taken_exactly_once_each_and_found_in_blocks() {
    let (folder, node) = node();
    let said = raddle(folder.path(), &small(&["--count", "101", "--size", "3000", "--deliver"]));
    let report = json(&said);
    said.well();
    for (name, amount) in [
        ("taken", 101),
        ("sent", 101),
        ("signed", 101),
        ("behind_a_refusal", 0),
        ("unanswered", 0),
        ("streams", 2),
        ("connections", 2),
    ] {
        assert_eq!(report[name], amount, "{name}: {report}");
    }
    assert_eq!((&report["latency"]["count"], &report["to_block"]["count"]), (&101.into(), &101.into()));
    let bytes = report["envelope_bytes"].as_u64().unwrap();
    assert!(bytes.abs_diff(3000) < 8, "{bytes}");
    // Whoever is in a block was answered before, or at about the same time.
    let ms = |of: &str, which: &str| report[of][which].as_f64().unwrap();
    assert!(ms("latency", "p50_ms") <= ms("latency", "p99_ms"), "{report}");
    assert!(ms("latency", "p99_ms") <= ms("latency", "max_ms"), "{report}");
    let height = raddle(folder.path(), &["block", "show", "newest", "--output", "json"]).well();
    let blocks: Value = serde_json::from_str(&height).unwrap();
    assert!(blocks.to_string().contains("number"), "{blocks}");
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn a_duration_a_rate_and_a_warm_up_are_kept_to_and_copies_are_told() {
    let (folder, node) = node();
    let text = raddle(
        folder.path(),
        &[
            "load",
            "--streams",
            "3",
            "--connections",
            "1",
            "--duration",
            "0.5",
            "--warm-up",
            "0.1",
            "--signed",
            "7",
        ],
    )
    .well();
    assert!(text.starts_with("load       demo   3 streams × 64 in flight, "), "{text}");
    assert!(
        text.contains("\nnote       7 envelopes were signed beforehand, and each was sent up to "),
        "{text}"
    );
    assert!(text.contains("\nanswer     p50 ") && text.contains("\nitself     "), "{text}");
    let said = raddle(folder.path(), &small(&["--duration", "1s", "--warm-up", "200ms", "--rate", "50"]));
    let report = json(&said);
    said.well();
    // 50 a second for a second, and 10 of the warm-up; one more or less at the edges.
    let latencies = report["latency"]["count"].as_u64().unwrap();
    assert!((48..=52).contains(&latencies), "{report}");
    let sent = report["sent"].as_u64().unwrap();
    assert!((59..=63).contains(&sent), "{report}");
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn several_identities_sign_in_turn() {
    let (folder, node) = node();
    let network = raddle::network::DevNetwork::read(&folder.path().join(".raddle/network")).unwrap();
    let name = |(msp_id, msp_dir): (&str, std::path::PathBuf)| format!("{msp_id}:{}", msp_dir.display());
    let (one, other) = (name(network.client()), name(network.admins().next().unwrap()));
    let said = raddle(folder.path(), &small(&["--count", "10", "--sign-as", &one, "--sign-as", &other]));
    assert_eq!((&json(&said)["taken"], said.exit), (&10.into(), Some(0)), "{}", said.stderr);
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn an_orderer_that_refuses_everything_is_left_and_its_first_words_are_told() {
    let (folder, node) = node();
    let said = raddle(folder.path(), &small(&["--channel", "nowhere", "--duration", "60"]));
    let report = json(&said);
    assert_eq!((&report["taken"], &report["first_refusal"]["code"]), (&0.into(), &"RDL-1102".into()));
    assert!(report["refused"]["400"].as_u64().unwrap() >= 100, "{report}");
    let text = said.ill(1, "refused RDL-1102  ");
    assert!(
        text.contains("\n  number all that were answered, ") && text.contains("nothing was taken"),
        "{text}"
    );
    // Longer than the channel takes.
    let said = raddle(folder.path(), &small(&["--size", "11000000", "--count", "2"]));
    assert_eq!(json(&said)["refused"]["400"], 2);
    said.ill(1, "refused RDL-1104  ");
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn after_a_refusal_the_load_goes_on_and_what_breaks_off_ends_it() {
    let blocks = Recorded::mychannel().blocks;
    let double = Double::start(blocks.clone(), Manner::RefusesAfter(3));
    let said = Folder::of(&double.address).raddle(&[
        "load",
        "--streams",
        "1",
        "--in-flight",
        "1",
        "--count",
        "10",
        "--output",
        "json",
    ]);
    let report = json(&said);
    // Each stream takes three and refuses the fourth.
    assert_eq!((&report["taken"], &report["refused"]), (&8.into(), &serde_json::json!({ "403": 2 })));
    let text = said.ill(1, "refused RDL-1008  no more of these\n  status 403 FORBIDDEN\n");
    assert!(text.contains("\n  number 2 envelopes, of which this is the first\n"), "{text}");
    let double = Double::start(blocks, Manner::EndsAfter(5));
    let said = Folder::of(&double.address).raddle(&small(&["--duration", "60"]));
    let report = json(&said);
    assert!((5..=10).contains(&report["sent"].as_u64().unwrap().min(10)), "{report}");
    let text = said.ill(3, "failed RDL-1007  the orderer at ");
    assert!(text.contains(" may be ordered, or not; the load ended there\n"), "{text}");
}

/// A load that goes on until it is interrupted.
fn endless(folder: &Path, more: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
    command.args(small(&["--duration", "1h", "--warm-up", "0"])).args(more).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn interrupt(load: &Child) {
    kill_process(Pid::from_child(load), Signal::INT).unwrap();
}

#[test]
fn what_was_measured_until_an_interrupt_is_told_and_nothing_of_it_is_lost() {
    let (folder, node) = node();
    for deliver in [&["--deliver"][..], &[]] {
        let newest = || -> Value {
            let text = raddle(folder.path(), &["block", "show", "newest", "--output", "json"]).well();
            serde_json::from_str::<Value>(&text).unwrap()["number"].clone()
        };
        let before = newest();
        let load = endless(folder.path(), deliver);
        eventually_blocking("the load is under way", || newest() != before);
        interrupt(&load);
        let said = said(load.wait_with_output().unwrap());
        let report = json(&said);
        assert!(report["taken"].as_u64().unwrap() > 0, "{report}");
        // What was on its way was waited for.
        assert_eq!((&report["sent"], &report["unanswered"]), (&report["taken"], &0.into()));
        assert_eq!(report["latency"]["count"], report["taken"]);
        let after = report["interrupted_after_s"].as_f64().unwrap();
        assert!(after <= report["elapsed_s"].as_f64().unwrap(), "{report}");
        if !deliver.is_empty() {
            assert_eq!(report["to_block"]["count"], report["taken"], "{report}");
        }
        let text = said.ill(130, "ended RDL-1012  interrupted after ");
        assert!(!text.contains("also"), "{text}");
    }
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn whoever_interrupts_twice_is_not_kept_waiting_for_answers() {
    let double = Double::start(Recorded::mychannel().blocks, Manner::Mute);
    let (folder, before) = (Folder::of(&double.address), double.height());
    let mut load = endless(folder.path(), &[]);
    eventually_blocking("the load is under way", || double.height() > before);
    eventually_blocking("the load has ended", || {
        let is_over = load.try_wait().unwrap().is_some();
        if !is_over {
            interrupt(&load);
        }
        is_over
    });
    let said = said(load.wait_with_output().unwrap());
    assert_eq!(said.stdout, "");
    said.ill(130, "ended RDL-1012  interrupted twice: ");
}

#[test]
fn what_is_taken_and_in_no_block_is_told_by_number() {
    let (folder, node) = node();
    // A client who may write and not read does not exist there, so a stranger's request for blocks is refused.
    let golden = crate::harness::repository().join("tests/golden/identity");
    let stranger = ["--msp-id", "OrdererMSP", "--msp-dir", golden.to_str().unwrap()];
    let said = raddle(folder.path(), &small(&[&["--count", "4", "--deliver"], &stranger[..]].concat()));
    assert_eq!(said.stdout, "");
    said.ill(1, "refused RDL-1211  ");
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn what_cannot_be_done_is_told_before_anything_is_sent() {
    let nobody = Folder::of("127.0.0.1:1");
    for (flags, sentence) in [
        (&["--streams", "0"][..], "--streams 0 sends nothing; it takes at least 1"),
        (&["--in-flight", "0"], "--in-flight 0 sends nothing; it takes at least 1"),
        (&["--connections", "0"], "--connections 0 reaches nobody; it takes at least 1"),
        (&["--count", "0"], "--count 0 sends nothing; it takes at least 1"),
        (
            &["--count", "5"],
            "5 envelopes cannot be shared among 8 streams; give --streams 5, or a larger --count",
        ),
        (&["--rate", "0"], "--rate 0 is not above 0 and at most 1000000 envelopes a second"),
        (&["--rate", "-3"], "--rate -3 is not above 0 and at most 1000000 envelopes a second"),
        (&["--rate", "NaN"], "--rate NaN is not above 0 and at most 1000000 envelopes a second"),
        (&["--duration", "0"], "--duration 0s is not between 10ms and 168h0m0s"),
        (&["--warm-up", "200h"], "--warm-up 200h0m0s is not between 0s and 168h0m0s"),
    ] {
        let said = nobody.raddle(&[&["load"], flags].concat());
        assert_eq!(said.stdout, "");
        said.ill(2, &format!("failed RDL-1011  {sentence}\n"));
    }
    nobody.raddle(&["load"]).ill(3, "failed RDL-1006  no orderer answers at 127.0.0.1:1: ");
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    let said = folder.raddle(&["load", "--size", "100"]);
    let text =
        said.ill(2, "failed RDL-1011  100 bytes are too few for an envelope of this identity: without ");
    assert!(text.contains("\n  hint   give --size "), "{text}");
    folder.raddle(&["load", "--size", "200000000"]).ill(
        2,
        "failed RDL-1004  200000000 bytes are more than the 104857600 that an orderer reads in one piece",
    );
    for arguments in [
        &["load", "--count", "9", "--duration", "1"][..],
        &["load", "--signed", "0"],
        &["load", "--duration", "-1"],
        &["load", "--warm-up", "soon"],
        &["load", "--sign-as", "nobody"],
        &["load", "--output", "yaml"],
    ] {
        assert_eq!(folder.raddle(arguments).exit, Some(2), "{arguments:?}");
    }
}

#[test]
fn the_manual_names_every_member_of_the_json_and_the_help_every_flag() {
    let double = Double::of_mychannel(|_| {});
    let folder = Folder::of(&double.address);
    let report = json(&folder.raddle(&small(&["--count", "8", "--deliver"])));
    let manual = folder.raddle(&["help", "load"]).well();
    let members = report.as_object().unwrap().keys().chain(report["latency"].as_object().unwrap().keys());
    for name in members {
        assert!(manual.contains(&format!("`{name}`")), "{name}");
    }
    let help = folder.raddle(&["load", "--help"]).well();
    let flags: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim_start().split(' ').next())
        .filter(|it| it.starts_with("--"))
        .collect();
    let expected = [
        "--streams",
        "--in-flight",
        "--connections",
        "--size",
        "--rate",
        "--warm-up",
        "--duration",
        "--count",
        "--signed",
        "--sign-as",
        "--deliver",
        "--output",
        "--orderer",
        "--channel",
        "--msp-id",
        "--msp-dir",
        "--tls-ca",
        "--tls-cert",
        "--tls-key",
    ];
    assert_eq!(flags, expected, "{help}");
}
