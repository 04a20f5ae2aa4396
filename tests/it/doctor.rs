//! `raddle doctor kafka` where there is no Kafka. What it finds at a real one, `tests/kafka` shows.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::harness::golden;
use crate::harness::process::Node;
use crate::start::{folder, free_port, raddle, refuses};

fn doctor(folder: &Path, more: &[&str]) -> Output {
    raddle(folder, &[&["doctor", "kafka"], more].concat())
}

/// Nobody waits for long in these tests.
const IMPATIENT: &str = "Kafka:\n  Retry: {NetworkTimeouts: {DialTimeout: 1s}}\n";

fn with_system_channel() -> String {
    format!("  BootstrapFile: {}\n{IMPATIENT}", golden("kafka-genesis.block").display())
}

#[test]
fn a_node_without_kafka_is_told_what_orders_its_channels() {
    let folder = folder(&with_system_channel(), "Ordering: {kafka: local}\n");
    let output = doctor(folder.path(), &[]);
    refuses(&output, 2, "failed RDL-4303  no brokers are named that order a channel of this node");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("\n  channel syschannel is ordered by the log on this node's disk\n"), "{said}");
}

#[test]
fn settings_that_cannot_be_used_end_it_with_2() {
    let folder = folder("  ListenPrt: 1\n", "Ordering: {kafka: [nowhere]}\n");
    refuses(&doctor(folder.path(), &[]), 2, "failed RDL-4012  ");
    assert_eq!(doctor(folder.path(), &["--no-such-flag"]).status.code(), Some(2));
}

#[test]
fn brokers_that_do_not_answer_end_it_with_3() {
    let address = format!("127.0.0.1:{}", free_port());
    let folder = folder(&with_system_channel(), &format!("Ordering: {{kafka: ['{address}']}}\n"));
    let output = doctor(folder.path(), &["--output", "json"]);
    refuses(&output, 3, "failed RDL-4301  no Kafka broker can be asked\n");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cluster = &report["clusters"][0];
    assert_eq!(cluster["brokers"][0], address);
    assert_eq!(cluster["channels"][0], "syschannel");
    let failure = cluster["failure"].as_str().unwrap();
    assert!(failure.starts_with(&format!("no Kafka broker of {address} answers: ")), "{failure}");
    assert!(!folder.path().join("state").exists(), "nothing is made");
}

#[test]
fn a_block_names_the_brokers_of_its_channel() {
    let folder = folder(&format!("  BootstrapMethod: none\n{IMPATIENT}"), "Ordering: {kafka: channel}\n");
    refuses(&doctor(folder.path(), &[]), 2, "failed RDL-4303  ");
    let block = golden("kafka-genesis.block");
    let output = doctor(folder.path(), &["--block", block.to_str().unwrap(), "--channel", "syschannel"]);
    refuses(&output, 3, "failed RDL-4301  ");
    fs::write(folder.path().join("no.block"), "no block").unwrap();
    refuses(&doctor(folder.path(), &["--block", "no.block"]), 2, "failed RDL-4001  no.block: ");
}

#[test]
fn the_ledgers_of_a_running_node_are_left_alone() {
    let nowhere = format!("127.0.0.1:{}", free_port());
    let ordering = format!("Ordering: {{kafka: local, channels: {{trade: ['{nowhere}']}}}}\n");
    let folder = folder(&with_system_channel(), &ordering);
    let node = Node::start_by_settings(folder.path());
    let output = doctor(folder.path(), &[]);
    let ended = node.stop();
    assert!(ended.status.success(), "{}", ended.said);
    refuses(&output, 3, "failed RDL-4301  ");
    let said = String::from_utf8(output.stdout).unwrap();
    for told in [
        &format!("Kafka cluster at {nowhere}, which orders trade\n"),
        "note   the config of channel syschannel was not read: the ledger ",
        "is open already, in another process or here: close it first\n",
        "trust  whoever may write to a channel's topic can order what it likes",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
}
