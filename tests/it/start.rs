//! `raddle start` and `raddle channel join`, as operators call them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::ports::free_port;
use crate::harness::process::{Node, raddle};
use crate::harness::{golden, repository};

/// A node's folder: settings, and the tests' identity to sign with.
pub fn folder(general: &str, raddle: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let msp = repository().join("tests/golden/identity");
    let orderer = format!(
        "General:\n  ListenPort: {}\n  LocalMSPDir: {}\n  LocalMSPID: OrdererMSP\n{general}\
         FileLedger:\n  Location: state\n",
        free_port(),
        msp.display()
    );
    fs::write(folder.path().join("orderer.yaml"), orderer).unwrap();
    fs::write(folder.path().join("raddle.yaml"), raddle).unwrap();
    folder
}

fn join(folder: &Path, block: &Path) -> Output {
    raddle(folder, &["channel", "join", block.to_str().unwrap()])
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The command ends so, and says this first.
pub fn refuses(output: &Output, exit: i32, start: &str) {
    assert!(said(output).starts_with(start), "{}\nwanted: {start}", said(output));
    assert_eq!(output.status.code(), Some(exit), "{}", said(output));
}

/// Starts the node; the channels that have a ledger afterwards.
fn ledgers_after_start(folder: &Path) -> Vec<String> {
    let node = Node::start_by_settings(folder);
    let ended = node.stop();
    assert!(ended.status.success(), "{}", ended.said);
    let mut names: Vec<_> = fs::read_dir(folder.join("state/ledgers"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_node_starts_with_the_genesis_block_of_a_system_channel_and_again_without_it() {
    let block = golden("kafka-genesis.block");
    let folder = folder(&format!("  BootstrapFile: {}\n", block.display()), "Ordering: {kafka: local}\n");
    assert_eq!(ledgers_after_start(folder.path()), ["syschannel"]);
    // As in Fabric the file does not count when there is a ledger.
    let orderer = folder.path().join("orderer.yaml");
    let text = fs::read_to_string(&orderer).unwrap().replace(block.to_str().unwrap(), "gone.block");
    fs::write(&orderer, text).unwrap();
    assert_eq!(ledgers_after_start(folder.path()), ["syschannel"]);
}

#[test]
fn channels_without_a_system_channel_are_joined_and_all_of_them_ordered() {
    let folder = folder("  BootstrapMethod: none\n", "Ordering: {kafka: local, etcdraft: local}\n");
    for (block, channel) in [("appkafka.block", "appkafka"), ("raftchannel.block", "raftchannel")] {
        let output = join(folder.path(), &golden(block));
        assert!(output.status.success(), "{}", said(&output));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.starts_with(&format!("joined {channel}, type ")), "{printed}");
    }
    assert_eq!(ledgers_after_start(folder.path()), ["appkafka", "raftchannel"]);
    let twice = join(folder.path(), &golden("appkafka.block"));
    refuses(&twice, 1, "failed RDL-4014  ");
    assert!(
        said(&twice).contains("state/ledgers/appkafka exists already: the channel is joined"),
        "{}",
        said(&twice)
    );
}

#[test]
fn what_cannot_be_joined_is_refused_and_leaves_nothing() {
    let folder = folder("  BootstrapMethod: none\n", "Ordering: {kafka: local}\n");
    let path = folder.path();
    fs::write(path.join("no.block"), b"no block").unwrap();
    let blocks = crate::harness::Recorded::mychannel().blocks;
    fs::write(path.join("one.block"), prost::Message::encode_to_vec(&blocks[1])).unwrap();
    refuses(
        &join(path, &golden("raftchannel.block")),
        2,
        "failed RDL-4013  channel raftchannel is of type etcdraft, and no log orders that (default)\n  \
         hint   to order it on this node alone, write `Ordering: {etcdraft: local}` in raddle.yaml\n",
    );
    refuses(
        &join(path, &golden("kafka-genesis.block")),
        1,
        "failed RDL-4014  syschannel is a system channel, which a node starts with and does not join\n",
    );
    refuses(&join(path, Path::new("gone.block")), 2, "failed RDL-4006  gone.block cannot be read: ");
    refuses(&join(path, Path::new("no.block")), 2, "failed RDL-4001  no.block: not a block: ");
    refuses(
        &join(path, Path::new("one.block")),
        2,
        "failed RDL-4001  one.block: not a config block: its envelope is of type 0, and a config is of type 1\n",
    );
    assert!(!path.join("state").exists(), "nothing was made");
}

#[test]
fn wrong_settings_are_all_told_and_a_check_shows_right_ones_with_their_origin() {
    let folder =
        folder("  BootstrapMethod: nine\n  Authentication: {TimeWindow: 5}\n", "Ordering: {kafak: local}\n");
    let output = raddle(folder.path(), &["start", "--check"]);
    refuses(&output, 2, "failed RDL-4012  2 problems in the settings\n");
    assert!(said(&output).contains("General.BootstrapMethod: \"nine\" is no method; write file or none\n"));
    assert!(said(&output).contains("Ordering.kafak: no such key; did you mean Ordering.kafka?\n"));
    fs::write(folder.path().join("raddle.yaml"), "").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_raddle"))
        .args(["start", "--check"])
        .current_dir(folder.path())
        .env("ORDERER_GENERAL_BOOTSTRAPMETHOD", "none")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    for line in [
        "General.BootstrapMethod: none  # $ORDERER_GENERAL_BOOTSTRAPMETHOD",
        "General.LocalMSPID: OrdererMSP  # ./orderer.yaml:4:3",
        "General.MaxRecvMsgSize: 104857600  # default",
        "Ordering.etcdraft: none  # default",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    assert!(!folder.path().join("state").exists(), "a check starts nothing");
}

#[test]
fn a_bootstrap_file_that_is_missing_says_who_names_it() {
    let folder = folder("  BootstrapFile: gone.block\n", "");
    let output = raddle(folder.path(), &["start"]);
    refuses(&output, 2, "failed RDL-4006  ./gone.block cannot be read: ");
    assert!(
        said(&output).contains("General.BootstrapFile (./orderer.yaml:5:3) names it"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_channel_is_removed_from_a_node_that_is_stopped_and_can_be_joined_again() {
    let folder = folder("  BootstrapMethod: none\n", "Ordering: {kafka: local}\n");
    let path = folder.path();
    let remove = |channel: &str| raddle(path, &["channel", "remove", channel]);
    refuses(&remove("appkafka"), 1, "failed RDL-4014  there is no ledger at ");
    refuses(&remove("app/kafka"), 1, "failed RDL-4014  'app/kafka' contains illegal characters");
    for _ in 0..2 {
        assert!(join(path, &golden("appkafka.block")).status.success());
        let node = Node::start_by_settings(path);
        refuses(&remove("appkafka"), 1, "failed RDL-4009  the ledger ");
        assert!(node.stop().status.success());
        let removed = remove("appkafka");
        assert_eq!(String::from_utf8(removed.stdout).unwrap(), "removed appkafka\n");
        assert_eq!(ledgers_after_start(path), [".removed"]);
    }
    // One that was begun.
    assert!(join(path, &golden("appkafka.block")).status.success());
    let ledgers = path.join("state/ledgers");
    fs::rename(ledgers.join("appkafka"), ledgers.join(".removing.appkafka")).unwrap();
    let refused = join(path, &golden("appkafka.block"));
    refuses(&refused, 1, "failed RDL-4014  appkafka is being removed, and that is not finished");
    assert!(remove("appkafka").status.success());
    assert!(join(path, &golden("appkafka.block")).status.success());
    // One whose blocks were still being pulled.
    fs::rename(ledgers.join("appkafka"), ledgers.join(".joining-appkafka")).unwrap();
    fs::copy(golden("appkafka.block"), ledgers.join(".join-block.appkafka")).unwrap();
    assert!(remove("appkafka").status.success());
    assert_eq!(ledgers_after_start(path), [".removed"]);
}
