//! `raddle dev` as a stranger uses it: in an empty folder, twice, wrongly, and on what is damaged.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::harness::process::{Node, raddle, succeeds};
use crate::harness::{golden, repository};

/// `dev` does not start: this exit, code and sentence.
fn refuses(folder: &Path, arguments: &[&str], exit: i32, code: &str, parts: &[&str]) {
    let output = raddle(folder, &[&["dev", "--listen", "127.0.0.1:0"], arguments].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), String::from_utf8(output.stdout).unwrap().as_str()),
        (Some(exit), ""),
        "{said}"
    );
    assert!(said.starts_with(&format!("failed {code}  ")), "{said}");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// All files below a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

#[test]
fn an_empty_folder_becomes_a_node_that_goes_on_where_it_stopped() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    assert!(succeeds(folder, &["send", "hello", "--wait"]).contains("block 1, place 0"));
    let shown = succeeds(folder, &["block", "show", "newest"]);
    assert!(shown.starts_with("block 1 of demo\n"), "{shown}");
    assert!(
        shown.contains("signatures by /Channel/Orderer/BlockValidation of the config in block 0"),
        "{shown}"
    );
    let ended = node.stop();
    assert_eq!((ended.status.code(), ended.said.as_str()), (Some(0), ""));

    let output = raddle(folder, &["block", "show"]);
    assert_eq!(output.status.code(), Some(3), "nobody answers now");
    let node = Node::start_in(folder, &[]);
    assert_eq!(succeeds(folder, &["block", "show", "1"]), shown);
    assert!(succeeds(folder, &["send", "again", "--wait"]).contains("block 2, place 0"));
    let exported =
        succeeds(folder, &["block", "export", "--from", "0", "--to", "newest", "--out", "all.blocks"]);
    assert!(exported.starts_with("3 blocks of demo, 0 to 2"), "{exported}");
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn a_channel_of_ones_own_is_ordered_as_its_own_orderer() {
    let folder = TempDir::new().unwrap();
    let (genesis, identity) = (golden("mychannel.block"), repository().join("tests/golden/identity"));
    let (genesis, identity) = (genesis.to_str().unwrap(), identity.to_str().unwrap());
    let arguments = ["--genesis", genesis, "--msp-id", "OrdererMSP", "--msp-dir", identity];
    let node = Node::start_in(folder.path(), &arguments);
    // Nobody's key was given to read or write with, and the commands say which flags are missing.
    let output = raddle(folder.path(), &["send", "hello"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("leave out --msp-id ID --msp-dir DIR"), "{said}");
    assert_eq!(node.stop().status.code(), Some(0));
    let generated = folder.path().join(".raddle/network");
    assert!(!generated.exists(), "no organisations are made for it");
}

#[test]
fn what_cannot_be_started_is_told_in_one_sentence() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    fs::write(folder.join("nonsense.block"), "nonsense").unwrap();
    let identity = repository().join("tests/golden/identity");
    let with = |genesis: &'static str| ["--genesis", genesis, "--msp-id", "OrdererMSP", "--msp-dir"];
    let with_identity = |genesis: &'static str| [&with(genesis)[..], &[identity.to_str().unwrap()]].concat();
    refuses(folder, &with_identity("missing.block"), 2, "RDL-4006", &["missing.block cannot be read"]);
    refuses(folder, &with_identity("nonsense.block"), 2, "RDL-4001", &["not a block"]);
    let no_identity = [&with("nonsense.block")[..], &["nowhere"]].concat();
    refuses(folder, &no_identity, 2, "RDL-4007", &["nowhere/signcerts cannot be read"]);
    let output = raddle(folder, &["dev", "--genesis", "nonsense.block"]);
    assert_eq!(output.status.code(), Some(2), "clap asks for the identity");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = raddle(folder, &["dev", "--listen", &address]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with(&format!("failed RDL-4010  cannot listen on {address}: ")), "{said}");
    assert!(said.contains("hint   another node may be running"), "{said}");
}

#[test]
fn a_hosts_name_is_looked_up_and_what_is_no_address_is_answered_with_examples() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
    command.current_dir(folder.path()).args(["dev", "--listen", "localhost:0"]);
    let node = Node::run(command.args(["--operations", "localhost:0"]));
    let address: SocketAddr = node.address.parse().unwrap();
    assert!(address.ip().is_loopback(), "{address}");
    assert!(succeeds(folder.path(), &["send", "hello", "--wait"]).contains("block 1, place 0"));
    assert_eq!(node.stop().status.code(), Some(0));
    for option in ["--listen", "--operations"] {
        for text in ["", "7050", "localhost", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70500", "localhost:web"] {
            let output = raddle(folder.path(), &["dev", option, text]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{text}: {said}");
            let examples = "such as 127.0.0.1:7050, localhost:7050 or [::1]:7050";
            assert!(said.contains("it is no address: ") && said.contains(examples), "{text}: {said}");
        }
    }
}

#[test]
fn a_store_that_is_in_use_is_left_to_who_uses_it() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    refuses(folder, &[], 1, "RDL-4009", &[".raddle/log.redb"]);
    assert!(succeeds(folder, &["send", "hello", "--wait"]).contains("block 1, place 0"));
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn a_store_that_is_damaged_foreign_or_newer_is_told_with_its_path_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let node = Node::start_in(folder, &[]);
    succeeds(folder, &["send", "hello", "--wait"]);
    assert_eq!(node.stop().status.code(), Some(0));
    let state = folder.join(".raddle");
    let (log, ledger) = (state.join("log.redb"), state.join("ledgers/demo"));
    let last_block = |bytes: &mut Vec<u8>| {
        let place = bytes.len() - 200;
        bytes[place] ^= 1;
    };
    let overwritten = |bytes: &mut Vec<u8>| *bytes = b"this is no store at all, but some text".repeat(100);
    // The number of the format stands behind twelve letters.
    let newer = |bytes: &mut Vec<u8>| bytes[12] = 2;
    let cut_short = |bytes: &mut Vec<u8>| bytes.truncate(40);
    type Change<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cases: [(&Path, Change<'_>); 6] = [
        (&log, &overwritten),
        (&ledger.join("blocks"), &last_block),
        (&ledger.join("blocks"), &overwritten),
        (&ledger.join("blocks"), &newer),
        (&ledger.join("blocks"), &cut_short),
        (&ledger.join("index.redb"), &overwritten),
    ];
    for (path, change) in cases {
        let whole = fs::read(path).unwrap();
        let mut changed = whole.clone();
        change(&mut changed);
        fs::write(path, &changed).unwrap();
        let before = files(&ledger);
        let named = if path == log { ".raddle/log.redb" } else { ".raddle/ledgers/demo" };
        refuses(folder, &[], 1, "RDL-4009", &[named]);
        assert_eq!(fs::read(path).unwrap(), changed, "{} is as it was", path.display());
        assert_eq!(files(&ledger), before, "{}", path.display());
        fs::write(path, &whole).unwrap();
    }
    let node = Node::start_in(folder, &[]);
    assert!(succeeds(folder, &["block", "show", "newest"]).starts_with("block 1 of demo"));
    assert_eq!(node.stop().status.code(), Some(0));
}

#[test]
fn a_network_that_lost_a_part_is_not_made_anew_over_it() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    assert_eq!(Node::start_in(folder, &[]).stop().status.code(), Some(0));
    fs::remove_file(folder.join(".raddle/network/demo.block")).unwrap();
    refuses(folder, &[], 1, "RDL-4011", &[".raddle/network/demo.block cannot be read"]);
}

#[test]
fn what_the_demo_suggests_can_be_typed() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let said = succeeds(folder, &["demo"]);
    let (_, next) = said.split_once("\nNext\n").unwrap();
    let program = env!("CARGO_BIN_EXE_raddle");
    let mut commands = Vec::new();
    for line in next.lines() {
        let command = line.trim().strip_prefix(program).unwrap().split("   ").next().unwrap().trim();
        commands.push(command.to_owned());
    }
    assert_eq!(commands, ["dev", "help cut", "help"]);
    succeeds(folder, &["help", "cut"]);
    succeeds(folder, &["help"]);
    // `dev` runs until it is stopped, so it is started as all other tests do; what it suggests is tested above.
    assert_eq!(Node::start_in(folder, &[]).stop().status.code(), Some(0));
}
