//! `raddle channel` and `raddle module`: a channel's admins at work, against an orderer that takes every update.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use prost::Message as _;
use raddle::client::{Admin, ClientConfig, FILE};
use raddle::identity::Signer;
use raddle::network::DevNetwork;
use raddle_core::block::{BlockHash, UnsignedBlock};
use raddle_core::bundle::read_config_envelope;
use raddle_core::ids::{BlockNumber, ChannelId};
use raddle_proto::common::{self, Config, ConfigGroup, HeaderType, Status};
use raddle_proto::hash::block_header_hash;
use raddle_proto::orderer::BatchTimeout;
use raddle_proto::wire::{Envelope, go_decode};
use serde_json::Value;
use tempfile::TempDir;

use super::double::{Double, Reaction};
use super::{Folder, said};
use crate::harness::dist;
use crate::harness::process::Node;

const TIMEOUT: &str = "/Channel/Orderer/BatchTimeout/timeout";

/// What somebody else does to the config before the first update comes.
type Faster = fn(&mut Config);

/// A generated network, an orderer of its channel, and a folder whose commands use both.
struct Channel {
    network: DevNetwork,
    folder: Folder,
    _double: Double,
}

impl Channel {
    fn new(admins: &[&str], faster: Option<Faster>) -> Self {
        let folder = TempDir::new().unwrap();
        let network =
            DevNetwork::generate(&folder.path().join(".raddle/network"), "127.0.0.1:1", SystemTime::now())
                .unwrap();
        let (msp_id, msp_dir) = network.orderer();
        let orderer = Signer::from_msp_dir(msp_id, &msp_dir).unwrap();
        let genesis = common::Block::decode(network.genesis().clone()).unwrap();
        let seen = AtomicUsize::new(0);
        let double = Double::reacting(
            "demo",
            vec![genesis],
            Arc::new(move |blocks, envelope| {
                let is_first = seen.fetch_add(1, Ordering::SeqCst) == 0;
                match faster.filter(|_| is_first) {
                    Some(change) => {
                        let mut config = config_of(blocks);
                        config.sequence += 1;
                        change(&mut config);
                        let info = "somebody was faster".to_owned();
                        let blocks = vec![block(&orderer, blocks, config, common::Envelope::default())];
                        Reaction { blocks, refusal: Some((Status::BadRequest, info)) }
                    }
                    None => {
                        let config = updated(config_of(blocks), envelope);
                        Reaction {
                            blocks: vec![block(&orderer, blocks, config, envelope.clone())],
                            refusal: None,
                        }
                    }
                }
            }),
        );
        let (msp_id, msp_dir) = network.client();
        let admin = |organisation: &&str| {
            let msp_id = network.admins().find(|(id, _)| id.starts_with(*organisation)).unwrap().0;
            let folder = if *organisation == "Orderer" { "OrdererOrg" } else { organisation };
            Admin { msp_id: msp_id.to_owned(), msp_dir: network.msp_dir(folder, "admin") }
        };
        let config = ClientConfig {
            orderer: Some(double.address.clone()),
            channel: Some("demo".into()),
            msp_id: Some(msp_id.to_owned()),
            msp_dir: Some(msp_dir),
            admins: admins.iter().map(admin).collect(),
            ..ClientConfig::default()
        };
        config.write(&folder.path().join(FILE)).unwrap();
        Self { network, folder: Folder(folder), _double: double }
    }

    fn well(&self, arguments: &[&str]) -> String {
        let said = self.folder.raddle(arguments);
        assert_eq!(said.exit, Some(0), "{arguments:?}: {}{}", said.stdout, said.stderr);
        said.stdout
    }

    fn sign_as(&self, organisation: &str) -> String {
        format!("{organisation}MSP:{}", self.network.msp_dir(organisation, "admin").display())
    }
}

fn config_of(blocks: &[common::Block]) -> Config {
    let envelope = blocks.last().unwrap().data.as_ref().unwrap().data[0].clone();
    read_config_envelope(&Envelope::unmarshal(envelope).unwrap()).unwrap().config.unwrap()
}

/// The config that an update leads to, as Fabric makes it: what the write set has at another version counts.
fn updated(config: Config, envelope: &common::Envelope) -> Config {
    let payload: common::Payload = go_decode(envelope.payload.clone()).unwrap();
    let update: common::ConfigUpdateEnvelope = go_decode(payload.data).unwrap();
    assert!(!update.signatures.is_empty());
    let update: common::ConfigUpdate = go_decode(update.config_update).unwrap();
    let group = overlay(config.channel_group.as_ref().unwrap(), &update.write_set.unwrap());
    Config { sequence: config.sequence + 1, channel_group: Some(group) }
}

fn overlay(old: &ConfigGroup, write: &ConfigGroup) -> ConfigGroup {
    let is_new = write.version != old.version || *old == ConfigGroup::default();
    let mut group = if is_new {
        let mut group =
            ConfigGroup { version: write.version, mod_policy: write.mod_policy.clone(), ..old.clone() };
        group.groups.retain(|name, _| write.groups.contains_key(name));
        group.values.retain(|name, _| write.values.contains_key(name));
        group.policies.retain(|name, _| write.policies.contains_key(name));
        group
    } else {
        old.clone()
    };
    for (name, value) in &write.values {
        if group.values.get(name).is_none_or(|old| old.version != value.version) {
            group.values.insert(name.clone(), value.clone());
        }
    }
    for (name, policy) in &write.policies {
        if group.policies.get(name).is_none_or(|old| old.version != policy.version) {
            group.policies.insert(name.clone(), policy.clone());
        }
    }
    for (name, below) in &write.groups {
        let old = group.groups.get(name).cloned().unwrap_or_default();
        group.groups.insert(name.clone(), overlay(&old, below));
    }
    group
}

/// The config block on top of others, signed as orderers sign.
fn block(
    orderer: &Signer,
    blocks: &[common::Block],
    config: Config,
    update: common::Envelope,
) -> common::Block {
    let data = common::ConfigEnvelope { config: Some(config), last_update: Some(update) }.encode_to_vec();
    let channel = ChannelId("demo".into());
    let envelope = orderer.envelope(&channel, HeaderType::Config, data, SystemTime::now()).unwrap();
    let header = blocks.last().unwrap().header.as_ref().unwrap();
    let number = BlockNumber(header.number + 1);
    let previous = BlockHash(block_header_hash(header.number, &header.previous_hash, &header.data_hash));
    let block = UnsignedBlock::new(number, previous, vec![envelope.marshal()], number, Bytes::new());
    let signature = orderer.sign_block(&block).unwrap();
    block.into_block(vec![signature])
}

fn set_timeout(config: &mut Config, text: &str) {
    let orderer = config.channel_group.as_mut().unwrap().groups.get_mut("Orderer").unwrap();
    let value = orderer.values.get_mut("BatchTimeout").unwrap();
    value.version += 1;
    value.value = BatchTimeout { timeout: text.into() }.encode_to_vec().into();
}

#[test]
fn a_setting_is_shown_changed_signed_by_who_is_needed_and_shown_again() {
    let channel = Channel::new(&["Org1", "Orderer", "Org2"], None);
    let shown = channel.well(&["channel", "config", "show"]);
    assert!(shown.starts_with("channel demo, config sequence 0 (block 0)\n"), "{shown}");
    assert!(shown.contains(&format!("\n{TIMEOUT}   2s\n")), "{shown}");
    let said = channel.well(&["channel", "config", "update", "--set", &format!("{TIMEOUT}=1s")]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[1], format!("  ~ {TIMEOUT}   2s → 1s"));
    assert!(lines[2].starts_with("signed   ") && lines[2].ends_with(" (OrdererMSP)"), "{said}");
    assert_eq!(lines[3], "agreed   /Channel/Orderer/Admins   for /Channel/Orderer/BatchTimeout");
    assert_eq!(lines[4..], ["done     config block 1, config sequence 1"]);
    let json: Value =
        serde_json::from_str(&channel.well(&["channel", "config", "show", "--output", "json"])).unwrap();
    let value = &json["channel_group"]["groups"]["Orderer"]["values"]["BatchTimeout"];
    assert_eq!((&value["value"]["timeout"], &value["version"]), (&"1s".into(), &"1".into()));
    let listed = channel.well(&["channel", "list"]);
    assert!(listed.starts_with("demo   2 blocks   config sequence 1 (block 1)   "), "{listed}");
    channel
        .folder
        .raddle(&["channel", "config", "update", "--set", &format!("{TIMEOUT}=1s")])
        .ill(1, "failed RDL-3001  there is no difference to the channel's config\n");
}

#[test]
fn an_update_that_several_must_sign_goes_from_file_to_file() {
    let channel = Channel::new(&["Org2"], None);
    let set = "/Channel/Application/Admins/rule=ALL";
    let update = ["channel", "config", "update", "--set", set];
    let org1 = channel.sign_as("Org1");
    let said = channel.folder.raddle(&[&update[..], &["--sign-as", &org1]].concat());
    let said =
        said.ill(1, "failed RDL-3003  the update was not sent: it needs the signature of Org2MSP.admin\n");
    assert!(said.contains("✗ Org2   needs Org2MSP.admin"), "{said}");
    let said = channel.well(&[&update[..], &["--sign-as", &org1, "--out", "it.update"]].concat());
    assert!(
        said.contains("missing  Org2MSP.admin   for /Channel/Application/Admins, which guards "),
        "{said}"
    );
    channel.folder.raddle(&["channel", "config", "submit", "it.update"]).ill(1, "failed RDL-3003  ");
    let said = channel.well(&["channel", "config", "sign", "it.update"]);
    assert_eq!(said.matches("signed   ").count(), 2, "{said}");
    // What stock tools write: the same, under a signature of its own.
    let bytes = Bytes::from(fs::read(channel.folder.path().join("it.update")).unwrap());
    let envelope = common::Envelope::decode(bytes).unwrap();
    let stock = common::Envelope { signature: Bytes::from_static(b"any"), ..envelope };
    fs::write(channel.folder.path().join("stock.update"), stock.encode_to_vec()).unwrap();
    let said = channel.well(&["channel", "config", "submit", "stock.update"]);
    assert!(said.ends_with("done     config block 1, config sequence 1\n"), "{said}");
    channel.folder.raddle(&["channel", "config", "submit", "it.update"]).ill(
        1,
        "failed RDL-3005  the channel's config has changed since the update was made: policy \
         /Channel/Application/Admins is at version 1, and the update expects it at version 0\n",
    );
}

#[test]
fn the_whole_config_can_be_changed_in_an_editor() {
    let channel = Channel::new(&["Orderer"], None);
    let edit = |editor: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
        command.args(["channel", "config", "update"]).current_dir(channel.folder.path());
        said(command.env_remove("VISUAL").env("EDITOR", editor).stdin(Stdio::null()).output().unwrap())
    };
    edit("").ill(
        2,
        "failed RDL-3002  neither --set nor --unset says what to change, and EDITOR names no editor\n",
    );
    edit("false").ill(2, "failed RDL-3002  false ended with exit status: 1; nothing was changed\n");
    edit("true").ill(1, "failed RDL-3001  ");
    let said = edit("sed -i 1d").ill(2, "failed RDL-3002  what was edited is no JSON: ");
    let kept = said.split("it is kept in ").nth(1).unwrap().lines().next().unwrap();
    fs::remove_file(kept).unwrap();
    let said = edit("sed -i /timeout/s/2s/3s/");
    assert!(said.stdout.contains(&format!("  ~ {TIMEOUT}   2s → 3s\n")), "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.ends_with("done     config block 1, config sequence 1\n"), "{}", said.stdout);
}

#[test]
fn who_is_slower_does_the_same_change_to_the_new_config_and_says_so() {
    let channel = Channel::new(&["Orderer"], Some(|config| set_timeout(config, "9s")));
    let path = "/Channel/Orderer/BatchSize/max_message_count";
    let said = channel.well(&["channel", "config", "update", "--set", &format!("{path}=77")]);
    let faster =
        "somebody was faster: the config went from sequence 0 to 1; the same change again, on that one";
    assert!(said.contains(faster), "{said}");
    assert!(said.ends_with("done     config block 2, config sequence 2\n"), "{said}");
    let shown = channel.well(&["channel", "config", "show"]);
    assert!(
        shown.contains(&format!("{path}   77\n")) && shown.contains(&format!("{TIMEOUT}   9s\n")),
        "{shown}"
    );
}

#[test]
fn who_is_slower_at_the_same_element_changes_nothing() {
    let channel = Channel::new(&["Orderer"], Some(|config| set_timeout(config, "9s")));
    channel.folder.raddle(&["channel", "config", "update", "--set", &format!("{TIMEOUT}=1s")]).ill(
        1,
        "failed RDL-3005  somebody was faster, and nothing was changed: /Channel/Orderer/BatchTimeout was changed \
         meanwhile, and this changes it too\n",
    );
    assert!(channel.well(&["channel", "list"]).contains("config sequence 1 "));
}

#[test]
fn what_cannot_be_changed_is_refused_with_the_place() {
    let channel = Channel::new(&["Orderer"], None);
    for (argument, sentence) in [
        ("Orderer=1", "Orderer: it is no path such as /Channel/Orderer/BatchSize/max_message_count\n"),
        (
            "/Channel/Orderer/Nothing=1",
            "/Channel/Orderer/Nothing: /Channel/Orderer has no value or policy \"Nothing\"\n",
        ),
        (
            "/Channel/Orderer/BatchSize/max_message_count=many",
            "the changed config is none: channel_group/groups/Orderer/values/BatchSize/value/max_message_count: a \
             whole number (u32) stands here, not \"many\"\n",
        ),
        ("/Channel/Orderer/BatchSize/size=1", "the changed config is none: "),
    ] {
        let said = channel.folder.raddle(&["channel", "config", "update", "--set", argument]);
        said.ill(2, &format!("failed RDL-3002  {sentence}"));
    }
    fs::write(channel.folder.path().join("x"), b"no update").unwrap();
    channel
        .folder
        .raddle(&["channel", "config", "sign", "x"])
        .ill(2, "failed RDL-3004  x is no config update: ");
}

#[test]
fn a_module_is_installed_listed_changed_and_removed() {
    let channel = Channel::new(&["Org1", "Orderer"], None);
    let path = channel.folder.path();
    fs::write(path.join("no-orders.wasm"), dist("signature.wasm")).unwrap();
    let said = channel.well(&[
        "module",
        "install",
        "no-orders.wasm",
        "--set",
        "b=2",
        "--set",
        "a=1",
        "--order",
        "7",
    ]);
    let added = "  + /Channel/Orderer/raddle.filter.no-orders   filter no-orders, mode enforce, order 7, ";
    assert!(said.contains(added) && said.contains(" bytes of memory, a=1, b=2\n"), "{said}");
    assert!(said.contains("agreed   /Channel/Orderer/Admins   for /Channel/Orderer\n"), "{said}");
    assert!(said.ends_with("done     config block 1, config sequence 1\n"), "{said}");
    let listed: Value = serde_json::from_str(&channel.well(&["module", "list", "--output", "json"])).unwrap();
    let module = &listed[0];
    assert_eq!(
        (&module["name"], &module["kind"], &module["mode"]),
        (&"no-orders".into(), &"filter".into(), &"enforce".into())
    );
    assert_eq!(
        (&module["order"], &module["settings"]["a"], &module["settings"]["b"]),
        (&7.into(), &"1".into(), &"2".into())
    );
    // The folder stands for the one component in it.
    let said = channel.well(&["module", "install", ".", "--mode", "off"]);
    let changed = "  ~ /Channel/Orderer/raddle.filter.no-orders   mode enforce → mode off\n";
    assert!(said.contains(changed), "{said}");
    assert!(
        said.contains("agreed   /Channel/Orderer/Admins   for /Channel/Orderer/raddle.filter.no-orders\n"),
        "{said}"
    );
    let shown = channel.well(&["module", "show", "no-orders"]);
    assert!(
        shown.contains("\nmode        off\norder       7\n") && shown.ends_with("setting     b=2\n"),
        "{shown}"
    );
    channel.well(&["module", "remove", "no-orders"]);
    assert_eq!(channel.well(&["module", "list"]), "no module is installed\n");
    channel
        .folder
        .raddle(&["module", "remove", "no-orders"])
        .ill(1, "failed RDL-3007  no module \"no-orders\" is installed\n");
}

#[test]
fn what_is_no_module_is_refused_before_anything_is_signed() {
    let channel = Channel::new(&["Orderer"], None);
    let path = channel.folder.path();
    fs::write(path.join("text.wasm"), b"(component)").unwrap();
    fs::write(path.join("good.wasm"), dist("signature.wasm")).unwrap();
    for (arguments, sentence) in [
        (&["text.wasm"][..], "text.wasm is no module: "),
        (&["good.wasm", "--kind", "batch-policy"], "good.wasm is a filter\n"),
        (&["good.wasm", "--name", "Good"], "\"Good\" is no name of a module: "),
        (&["good.wasm", "--fuel", "0"], "0 fuel a call was asked for, between 1 and "),
        (
            &["good.wasm", "--memory", "99999999999"],
            "99999999999 bytes of memory were asked for, between 1 and ",
        ),
        (&["good.wasm", "--set", "a"], "\"a\" is no setting of the form KEY=VALUE\n"),
        (&["good.wasm", "--set", "a=1", "--set", "a=2"], "setting \"a\" is given twice\n"),
    ] {
        let said = channel.folder.raddle(&[&["module", "install"], arguments].concat());
        assert_eq!(said.stdout, "");
        said.ill(2, &format!("failed RDL-3006  {sentence}"));
    }
    let install = |folder: &str| channel.folder.raddle(&["module", "install", folder]);
    install(".").ill(2, "failed RDL-4006  . has several components; name one of the files\n");
    fs::create_dir(path.join("empty")).unwrap();
    let text = install("empty").ill(2, "failed RDL-4006  empty has no component\n");
    assert!(text.contains(" module build empty` makes it\n"), "{text}");
    assert_eq!(channel.well(&["module", "list"]), "no module is installed\n");
}

#[test]
fn in_the_folder_of_a_dev_node_a_module_is_signed_for_without_flags() {
    let folder = TempDir::new().unwrap();
    let _node = Node::start_in(folder.path(), &[]);
    fs::write(folder.path().join("mine.wasm"), dist("signature.wasm")).unwrap();
    let said = super::raddle(folder.path(), &["module", "install", "mine.wasm", "--out", "mine.update"]);
    assert_eq!(said.exit, Some(0), "{}{}", said.stdout, said.stderr);
    assert_eq!(said.stdout.matches("signed   ").count(), 1, "{}", said.stdout);
    assert!(said.stdout.contains(" (OrdererMSP)\nagreed   /Channel/Orderer/Admins   for /Channel/Orderer\n"));
    assert!(said.stdout.contains(" channel config submit mine.update\n"), "{}", said.stdout);
}
