//! `raddle channel list`: all channels of a node, as its admin sees them and as a client does.

use std::fs;
use std::time::SystemTime;

use raddle::network::{DEV_CHANNEL, TlsAuthority, Validity};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::raddle;
use crate::harness::ports::free_port;
use crate::harness::process::Node;
use crate::harness::{golden, http};
use crate::start::folder;

/// A node by settings whose admins are served, with two channels.
fn node() -> (TempDir, Node, String) {
    let folder = folder("  BootstrapMethod: none\n", "Ordering: {kafka: local, etcdraft: local}\n");
    let admin = format!("127.0.0.1:{}", free_port());
    let path = folder.path().join("orderer.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let text =
        format!("{text}Admin: {{ListenAddress: '{admin}'}}\nChannelParticipation: {{Enabled: true}}\n");
    fs::write(&path, text).unwrap();
    let node = Node::start_by_settings(folder.path());
    (folder, node, admin)
}

#[test]
fn an_admin_is_told_of_all_channels() {
    let (folder, node, admin) = node();
    let list =
        |more: &[&str]| raddle(folder.path(), &[&["channel", "list", "--admin", &admin], more].concat());
    assert_eq!(list(&[]).well(), "the orderer has no channel\n");
    assert_eq!(list(&["--output", "json"]).well(), "[]\n");
    for name in ["raftchannel.block", "appkafka.block"] {
        assert_eq!(http::join(&admin, &fs::read(golden(name)).unwrap()).code(), 201, "{name}");
    }
    let expected = "appkafka      1 block   active   other\nraftchannel   1 block   active   consenter\n";
    assert_eq!(list(&[]).well(), expected);
    let printed: Value = serde_json::from_str(&list(&["--output", "json"]).well()).unwrap();
    let channel = |name: &str, relation: &str| {
        json!({
            "channel": name, "height": 1, "status": "active", "consensus_relation": relation, "system": false
        })
    };
    assert_eq!(printed, json!([channel("appkafka", "other"), channel("raftchannel", "consenter")]));
    node.stop();
    list(&[]).ill(3, "failed RDL-1006  no orderer answers at 127.0.0.1:");
}

#[test]
fn who_is_no_admins_listener_is_found_out() {
    let (folder, node, admin) = node();
    let list = |address: &str, more: &[&str]| {
        raddle(folder.path(), &[&["channel", "list", "--admin", address], more].concat())
    };
    // Orderers answer gRPC there.
    let said = list(&node.address, &[]);
    assert_eq!(said.exit, Some(3), "{}{}", said.stdout, said.stderr);
    list("nowhere", &[]).ill(2, "failed RDL-1003  \"nowhere\" is no address of the form host:port: ");
    let authority = TlsAuthority::generate("example.com", Validity::ten_years(SystemTime::now())).unwrap();
    fs::write(folder.path().join("ca.crt"), authority.certificate_pem()).unwrap();
    list(&admin, &["--tls-ca", "ca.crt"]).ill(3, "failed RDL-1010  no conversation with the orderer");
    node.stop();
}

/// What is in the folder, and may be read or not.
#[test]
fn a_client_sees_the_channels_that_the_nodes_folder_has() {
    let folder = TempDir::new().unwrap();
    let node = Node::start_in(folder.path(), &[]);
    let list = |more: &[&str]| raddle(folder.path(), &[&["channel", "list"], more].concat());
    let alone = list(&[]).well();
    assert!(alone.starts_with("demo   1 block   config sequence 0 (block 0)   solo   members Org1, Org2   "));
    assert_eq!(alone.lines().count(), 1);
    node.stop();
    // Another channel is there, of other organisations.
    let ledgers = raddle::node::Ledgers::at(folder.path().join(".raddle/ledgers"));
    let other = raddle_core::ids::ChannelId("mychannel".into());
    ledgers.make(&other, &fs::read(golden("mychannel.block")).unwrap().into()).unwrap().close();
    let node = Node::start_in(folder.path(), &[]);
    let printed = list(&[]).well();
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("demo        1 block   "), "{printed}");
    assert!(lines[1].starts_with("mychannel   not read: "), "{printed}");
    let json: Value = serde_json::from_str(&list(&["--output", "json"]).well()).unwrap();
    assert_eq!((&json[0]["channel"], &json[0]["height"]), (&json!("demo"), &json!(1)));
    assert_eq!(json[1]["channel"], "mychannel");
    assert!(json[1]["error"].as_str().unwrap().ends_with("permission denied"), "{json}");
    // One that is named is the only one.
    assert!(list(&["--channel", DEV_CHANNEL]).well().starts_with("demo   1 block   "));
    let other = list(&["--channel", "mychannel"]);
    assert_eq!(other.exit, Some(1), "{}", other.stdout);
    node.stop();
}
