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

// === the node's own machine ===

fn part(folder: &Path, arguments: &[&str]) -> (Output, String) {
    let output = raddle(folder, &[&["doctor"], arguments].concat());
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    (output, printed)
}

#[test]
fn an_identity_is_looked_at_with_the_time_that_it_has_left() {
    let there = folder("  BootstrapMethod: none\n", "");
    let (output, printed) = part(there.path(), &["msp", "--output", "json"]);
    assert!(output.status.success(), "{printed}");
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (&json["findings"][0]["verdict"], &json["findings"][0]["what"]),
        (&"ok".into(), &"identity".into())
    );
    assert_eq!(json["wrong"], 0);
    // One that has ended, and one whose folder is not there.
    let yaml = fs::read_to_string(there.path().join("orderer.yaml")).unwrap();
    fs::write(there.path().join("orderer.yaml"), yaml.replace("golden/identity", "golden/identity/expired"))
        .unwrap();
    let (output, printed) = part(there.path(), &["msp"]);
    refuses(&output, 1, "failed RDL-4401  the node is not set up as it should be: 1 thing is wrong\n");
    assert!(printed.contains("msp, certificate's time: it ended on 2021-01-01"), "{printed}");
    fs::write(there.path().join("orderer.yaml"), yaml.replace("golden/identity", "golden/gone")).unwrap();
    let (output, printed) = part(there.path(), &["msp"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed.contains("which General.LocalMSPDir (./orderer.yaml:3:3) names"), "{printed}");
    assert!(!there.path().join("state").exists(), "nothing is made");
}

#[test]
fn the_folder_of_the_ledgers_is_looked_at_before_it_is_there() {
    let there = folder("  BootstrapMethod: none\n", "");
    let (_, printed) = part(there.path(), &["disk"]);
    assert!(printed.contains("./state, which is made in ."), "{printed}");
    assert!(printed.contains(" GiB on ."), "{printed}");
    fs::write(there.path().join("state"), "a file").unwrap();
    let (output, printed) = part(there.path(), &["disk"]);
    refuses(&output, 1, "failed RDL-4401  ");
    assert!(printed.contains("disk, folder: ./state is no folder; wanted: "), "{printed}");
}

#[test]
fn a_port_that_is_taken_is_told_and_left_alone() {
    let there = folder("  BootstrapMethod: none\n", "");
    let (output, printed) = part(there.path(), &["ports"]);
    assert!(output.status.success() && printed.contains(" is free "), "{printed}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_raddle"))
        .args(["doctor", "ports"])
        .current_dir(there.path())
        .env("ORDERER_GENERAL_LISTENPORT", &port)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(
        printed.contains(&format!("warning  ports, General.ListenAddress: 127.0.0.1:{port} is taken")),
        "{printed}"
    );
    assert!(
        printed.contains(&format!("  do     find out who listens: ss -ltnp 'sport = :{port}'")),
        "{printed}"
    );
}

#[test]
fn ledgers_are_opened_one_by_one_unless_a_node_has_them() {
    let there = folder(&with_system_channel(), "Ordering: {kafka: local}\n");
    let (output, printed) = part(there.path(), &["store"]);
    assert!(output.status.success() && printed.contains("none in ./state/ledgers"), "{printed}");
    let node = Node::start_by_settings(there.path());
    let (output, printed) = part(there.path(), &["store"]);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("unseen  store, ledger of syschannel: the ledger "), "{printed}");
    let ended = node.stop();
    assert!(ended.status.success(), "{}", ended.said);
    let (output, printed) = part(there.path(), &["store"]);
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains("1 block, ordered by the log on this disk"), "{printed}");
    // Not mapped any more, and then not a ledger any more.
    fs::write(there.path().join("raddle.yaml"), "Ordering: {channels: {syschannel: none}}\n").unwrap();
    let (output, printed) = part(there.path(), &["store"]);
    refuses(&output, 1, "failed RDL-4401  ");
    assert!(printed.contains("  do     map it under Ordering in raddle.yaml\n"), "{printed}");
    for file in fs::read_dir(there.path().join("state/ledgers/syschannel")).unwrap() {
        fs::write(file.unwrap().path(), "no ledger").unwrap();
    }
    let (output, printed) = part(there.path(), &["store"]);
    refuses(&output, 1, "failed RDL-4401  ");
    assert!(printed.contains("and join the channel again"), "{printed}");
}

#[test]
fn without_a_part_it_looks_at_all_of_them() {
    let there = folder("  BootstrapMethod: none\n", "");
    let (_, printed) = part(there.path(), &["--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let parts: std::collections::BTreeSet<_> =
        json["findings"].as_array().unwrap().iter().map(|it| it["subject"].as_str().unwrap()).collect();
    assert_eq!(parts.into_iter().collect::<Vec<_>>(), ["clock", "disk", "msp", "ports", "store"]);
    refuses(&part(there.path(), &["--config", "gone"]).0, 2, "failed RDL-4012  ");
}

#[test]
fn in_the_folder_of_a_node_of_dev_it_looks_at_that_one_running_or_not() {
    let there = tempfile::TempDir::new().unwrap();
    let node = Node::start_in(there.path(), &[]);
    let (output, running) = part(there.path(), &[]);
    assert!(node.stop().status.success());
    assert!(output.status.success(), "{running}");
    let (output, stopped) = part(there.path(), &["store"]);
    assert!(output.status.success(), "{stopped}");
    for (printed, told) in
        [(running, "unseen  store, ledger of demo: "), (stopped, "ordered by the log on this disk")]
    {
        assert!(printed.contains(told), "{printed}");
    }
}
