//! Configs that make no sense, and Fabric's words for each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;

use proptest::prelude::*;
use prost::Message;
use raddle_proto::common::{self, ConfigGroup, ConfigPolicy, ConfigValue, HeaderType, Policy};
use raddle_proto::wire::go_decode;
use raddle_proto::{hash, msp, orderer, peer};

use super::{CurrentConfig, is_config_block, read_config_of, read_genesis, read_join_block};
use crate::ids::ChannelId;

fn recorded(file: &str) -> CurrentConfig {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5").join(file);
    let genesis = read_genesis(std::fs::read(golden).unwrap().into()).unwrap();
    std::sync::Arc::into_inner(genesis.config).unwrap()
}

fn edited(file: &str, edit: impl FnOnce(&mut ConfigGroup)) -> Result<CurrentConfig, String> {
    let mut config = recorded(file).config;
    edit(config.channel_group.as_mut().unwrap());
    CurrentConfig::read(ChannelId("trade".into()), config).map_err(|error| error.to_string())
}

fn set(group: &mut ConfigGroup, key: &str, message: &impl Message) {
    let value = ConfigValue { value: message.encode_to_vec().into(), ..ConfigValue::default() };
    group.values.insert(key.into(), value);
}

fn capabilities(names: &[&str]) -> common::Capabilities {
    let capabilities = names.iter().map(|&name| (name.to_owned(), common::Capability {})).collect();
    common::Capabilities { capabilities }
}

fn below<'a>(root: &'a mut ConfigGroup, path: &[&str]) -> &'a mut ConfigGroup {
    path.iter().fold(root, |group, name| group.groups.get_mut(*name).unwrap())
}

/// Changes the MSP of an organisation; its type and its config.
fn edit_msp(organisation: &mut ConfigGroup, edit: impl FnOnce(&mut i32, &mut msp::FabricMspConfig)) {
    let mut config: msp::MspConfig = go_decode(organisation.values["MSP"].value.clone()).unwrap();
    let mut fabric: msp::FabricMspConfig = go_decode(config.config.clone()).unwrap();
    edit(&mut config.r#type, &mut fabric);
    config.config = fabric.encode_to_vec().into();
    set(organisation, "MSP", &config);
}

fn signature_policy(envelope: &common::SignaturePolicyEnvelope) -> ConfigPolicy {
    let policy = Policy { r#type: 1, value: envelope.encode_to_vec().into() };
    ConfigPolicy { policy: Some(policy), ..ConfigPolicy::default() }
}

type Edit = fn(&mut ConfigGroup);

const CHANNEL: &str = "initializing channelconfig failed: ";
const ORDERER: &str =
    "initializing channelconfig failed: could not create channel Orderer sub-group config: ";
const APPLICATION: &str =
    "initializing channelconfig failed: could not create channel Application sub-group config: ";
const POLICIES: &str = "initializing policymanager failed: ";
const ELEMENTS: &str = "initializing configtx manager failed: ";

fn orderer(root: &mut ConfigGroup) -> &mut ConfigGroup {
    below(root, &["Orderer"])
}

fn application(root: &mut ConfigGroup) -> &mut ConfigGroup {
    below(root, &["Application"])
}

fn org1(root: &mut ConfigGroup) -> &mut ConfigGroup {
    let application = application(root);
    let name = application.groups.keys().next().unwrap().clone();
    application.groups.get_mut(&name).unwrap()
}

fn orderer_org(root: &mut ConfigGroup) -> &mut ConfigGroup {
    orderer(root).groups.values_mut().next().unwrap()
}

fn check(cases: &[(&str, &str, Edit)]) {
    for (prefix, text, edit) in cases {
        let found = edited("mychannel.block", edit).map(|_| ()).unwrap_err();
        assert_eq!(found, format!("{prefix}{text}"));
    }
}

#[test]
fn the_channel_groups_values_are_judged_as_in_fabric() {
    check(&[
        ("", "cannot enable channel capabilities without orderer support first", |root| {
            orderer(root).values.remove("Capabilities");
        }),
        ("", "cannot enable application capabilities without orderer support first", |root| {
            orderer(root).values.remove("Capabilities");
            root.values.remove("Capabilities");
        }),
        (CHANNEL, "failed to deserialize values: Unexpected key Surprise", |root| {
            set(root, "Surprise", &common::Consortium::default());
        }),
        (CHANNEL, "failed to deserialize values: proto: cannot parse invalid wire-format data", |root| {
            root.values.get_mut("Consortium").unwrap().value = b"\x0a\xff".as_slice().into();
        }),
        (CHANNEL, "failed to deserialize values: string field contains invalid UTF-8", |root| {
            root.values.get_mut("Consortium").unwrap().value = b"\x0a\x01\xff".as_slice().into();
        }),
        (CHANNEL, "Unknown hashing algorithm type: MD5", |root| {
            set(root, "HashingAlgorithm", &common::HashingAlgorithm { name: "MD5".into() });
        }),
        (CHANNEL, "Unknown hashing algorithm type: ", |root| {
            root.values.remove("HashingAlgorithm");
        }),
        (CHANNEL, "BlockDataHashStructure width only supported at MaxUint32 in this version", |root| {
            set(root, "BlockDataHashingStructure", &common::BlockDataHashingStructure { width: 2 });
        }),
        (CHANNEL, "Must set some OrdererAddresses", |root| {
            set(root, "Capabilities", &capabilities(&["V1_3"]));
            root.values.remove("OrdererAddresses");
        }),
        (
            CHANNEL,
            "Disallowed channel group: version:7 groups:<key:\"a\" value:<version:1 > > values:<key:\"v\" \
             value:<value:\"\\001\\\"\" > > policies:<key:\"p\" value:<policy:<type:1 > mod_policy:\"b\" > > \
             mod_policy:\"Admins\" ",
            |root| {
                let mut group =
                    ConfigGroup { version: 7, mod_policy: "Admins".into(), ..ConfigGroup::default() };
                group.groups.insert("a".into(), ConfigGroup { version: 1, ..ConfigGroup::default() });
                let value = ConfigValue { value: b"\x01\"".as_slice().into(), ..ConfigValue::default() };
                group.values.insert("v".into(), value);
                let policy = Some(Policy { r#type: 1, ..Policy::default() });
                let policy = ConfigPolicy { policy, mod_policy: "b".into(), ..ConfigPolicy::default() };
                group.policies.insert("p".into(), policy);
                root.groups.insert("Extra".into(), group);
            },
        ),
        (
            "",
            "config requires unsupported channel capabilities: Channel capability V3_0 is required but not \
             supported: Channel capability V3_0 is required but not supported",
            |root| set(root, "Capabilities", &capabilities(&["V2_0", "V3_0"])),
        ),
        ("", "config does not contain orderer config", |root| {
            root.groups.remove("Orderer");
        }),
    ]);
    assert!(edited("mychannel.block", |root| drop(root.values.remove("OrdererAddresses"))).is_ok());
    let sha3 = common::HashingAlgorithm { name: "SHA3_256".into() };
    assert!(edited("mychannel.block", |root| set(root, "HashingAlgorithm", &sha3)).is_ok());
}

fn batch_size(root: &mut ConfigGroup, max_message_count: u32, absolute: u32, preferred: u32) {
    let size = orderer::BatchSize {
        max_message_count,
        absolute_max_bytes: absolute,
        preferred_max_bytes: preferred,
    };
    set(orderer(root), "BatchSize", &size);
}

#[test]
fn the_orderer_groups_values_are_judged_as_in_fabric() {
    check(&[
        (ORDERER, "failed to deserialize values: Unexpected key Orderers", |root| {
            set(orderer(root), "Orderers", &common::Consortium::default());
        }),
        (ORDERER, "Attempted to set the batch size max message count to an invalid value: 0", |root| {
            batch_size(root, 0, 2, 1);
        }),
        (ORDERER, "Attempted to set the batch size absolute max bytes to an invalid value: 0", |root| {
            batch_size(root, 1, 0, 1);
        }),
        (ORDERER, "Attempted to set the batch size preferred max bytes to an invalid value: 0", |root| {
            batch_size(root, 1, 2, 0);
        }),
        (
            ORDERER,
            "Attempted to set the batch size preferred max bytes (3) greater than the absolute max bytes (2).",
            |root| batch_size(root, 1, 2, 3),
        ),
        (
            ORDERER,
            "Attempted to set the batch timeout to a invalid value: time: missing unit in duration \"5\"",
            |root| set(orderer(root), "BatchTimeout", &orderer::BatchTimeout { timeout: "5".into() }),
        ),
        (ORDERER, "Attempted to set the batch timeout to a non-positive value: 0s", |root| {
            set(orderer(root), "BatchTimeout", &orderer::BatchTimeout { timeout: "0s".into() });
        }),
        (ORDERER, "Invalid broker entry: kafka:65536", |root| {
            let brokers = vec!["kafka:9092".into(), "kafka:65536".into()];
            set(orderer(root), "KafkaBrokers", &orderer::KafkaBrokers { brokers });
        }),
        (ORDERER, "OrdererOrg config does not allow sub-groups", |root| {
            orderer_org(root).groups.insert("more".into(), ConfigGroup::default());
        }),
        (
            ORDERER,
            "Orderer Org OrdererOrg cannot contain endpoints value until V1_4_2+ capabilities have been enabled",
            |root| {
                set(root, "Capabilities", &capabilities(&["V1_3"]));
                let addresses = common::OrdererAddresses { addresses: vec!["o:7050".into()] };
                set(root, "OrdererAddresses", &addresses);
                set(orderer_org(root), "Endpoints", &addresses);
            },
        ),
        (ORDERER, "failed to deserialize values: Unexpected key AnchorPeers", |root| {
            set(orderer_org(root), "AnchorPeers", &peer::AnchorPeers::default());
        }),
        (
            "",
            "config requires unsupported orderer capabilities: Orderer capability V1_3 is required but not \
             supported: Orderer capability V1_3 is required but not supported",
            |root| set(orderer(root), "Capabilities", &capabilities(&["V1_3"])),
        ),
    ]);
}

#[test]
fn organisations_are_judged_as_in_fabric() {
    check(&[
        (APPLICATION, "failed to deserialize values: Unexpected key Surprise", |root| {
            set(application(root), "Surprise", &common::Consortium::default());
        }),
        (APPLICATION, "ACLs may not be specified without the required capability", |root| {
            set(application(root), "Capabilities", &capabilities(&["V1_1"]));
            set(application(root), "ACLs", &peer::AcLs::default());
        }),
        (APPLICATION, "failed to deserialize values: proto: cannot parse invalid wire-format data", |root| {
            set(application(root), "ACLs", &peer::AcLs::default());
            application(root).values.get_mut("ACLs").unwrap().value = b"\x0a".as_slice().into();
        }),
        (APPLICATION, "ApplicationOrg config does not allow sub-groups", |root| {
            org1(root).groups.insert("more".into(), ConfigGroup::default());
        }),
        (APPLICATION, "failed to deserialize values: Unexpected key Endpoints", |root| {
            set(org1(root), "Endpoints", &common::OrdererAddresses::default());
        }),
        (APPLICATION, "setting up the MSP manager failed: expected at least one CA certificate", |root| {
            org1(root).values.remove("MSP");
        }),
        (APPLICATION, "Setup error: unsupported msp type 2", |root| {
            edit_msp(org1(root), |kind, _| *kind = 2);
        }),
        (
            APPLICATION,
            "setting up the MSP manager failed: failed unmarshalling fabric msp config: proto: cannot parse invalid \
             wire-format data",
            |root| {
                let config = msp::MspConfig { config: b"\x0a".as_slice().into(), r#type: 0 };
                set(org1(root), "MSP", &config);
            },
        ),
        (APPLICATION, "MSP for org Org1MSP has empty MSP ID", |root| {
            edit_msp(org1(root), |_, config| config.name = String::new());
        }),
        (APPLICATION, "Attempted to define two different versions of MSP: Org1MSP", |root| {
            let mut copy = org1(root).clone();
            edit_msp(&mut copy, |_, config| config.organizational_unit_identifiers = Vec::new());
            edit_msp(&mut copy, |_, config| {
                let units = config.fabric_node_ous.as_mut().unwrap();
                units.orderer_ou_identifier = None;
            });
            application(root).groups.insert("Org9".into(), copy);
        }),
    ]);
}

#[test]
fn organisations_of_other_places_are_judged_as_in_fabric() {
    let shared = edited("mychannel.block", |root| {
        let copy = org1(root).clone();
        application(root).groups.insert("Org9".into(), copy);
    });
    assert!(shared.is_ok(), "organisations may share an MSP that is the same");
    for section in [&["Consortiums", "SampleConsortium"][..], &["Consortiums"]] {
        let found = edited("kafka-genesis.block", |root| {
            let group = below(root, section);
            set(group, "Surprise", &common::Consortium::default());
        });
        // The group Consortiums itself may hold anything.
        let text = "initializing channelconfig failed: could not create channel Consortiums sub-group config: failed \
                    to deserialize values: Unexpected key Surprise";
        let expected = if section.len() == 2 { Err(text.to_owned()) } else { Ok(()) };
        assert_eq!(found.map(|_| ()), expected);
    }
    let found = edited("kafka-genesis.block", |root| {
        let organisation = below(root, &["Consortiums", "SampleConsortium", "Org1MSP"]);
        organisation.groups.insert("more".into(), ConfigGroup::default());
    });
    assert_eq!(
        found.map(|_| ()).unwrap_err(),
        "initializing channelconfig failed: could not create channel Consortiums sub-group config: organizations do \
         not support sub-groups"
    );
}

#[test]
fn a_policy_that_is_none_is_refused() {
    check(&[(POLICIES, "policy P at path Channel/Application was nil", |root| {
        application(root).policies.insert("P".into(), ConfigPolicy::default());
    })]);
}

#[test]
fn policies_and_names_are_judged_as_in_fabric() {
    check(&[
        (POLICIES, "policy P at path Channel has unknown policy type: 9", |root| {
            let policy = Some(Policy { r#type: 9, ..Policy::default() });
            root.policies.insert("P".into(), ConfigPolicy { policy, ..ConfigPolicy::default() });
        }),
        (
            POLICIES,
            "policy P at path Channel did not compile: This evaluator only understands messages of version 0, but \
             version was 1",
            |root| {
                let envelope = common::SignaturePolicyEnvelope {
                    version: 1,
                    ..common::SignaturePolicyEnvelope::default()
                };
                root.policies.insert("P".into(), signature_policy(&envelope));
            },
        ),
        (
            ELEMENTS,
            "error converting config to map: illegal characters in key: [Policy] : config ID 'a_b' contains illegal \
             characters",
            |root| {
                let policy = root.policies["Admins"].clone();
                root.policies.insert("a_b".into(), policy);
            },
        ),
        (
            ELEMENTS,
            "error converting config to map: illegal characters in key: [Policy] : config ID illegal, cannot be \
             longer than 249",
            |root| {
                let policy = root.policies["Admins"].clone();
                root.policies.insert("a".repeat(250), policy);
            },
        ),
        (
            ELEMENTS,
            "error converting config to map: illegal characters in key: [Policy] : name '..' for config ID is not \
             allowed",
            |root| {
                let policy = root.policies["Admins"].clone();
                root.policies.insert("..".into(), policy);
            },
        ),
        (
            ELEMENTS,
            "error converting config to map: illegal characters in key: [Group]  : config ID illegal, cannot be empty",
            |root| {
                let organisation = org1(root).clone();
                application(root).groups.insert(String::new(), organisation);
            },
        ),
    ]);
}

#[test]
fn ids_of_channels_are_judged_as_in_fabric() {
    let long = "a".repeat(250);
    for (name, expected) in [
        ("", "channel ID illegal, cannot be empty"),
        (long.as_str(), "channel ID illegal, cannot be longer than 249"),
        ("9a", "'9a' contains illegal characters"),
        ("a_b", "'a_b' contains illegal characters"),
        ("aB", "'aB' contains illegal characters"),
    ] {
        let config = recorded("mychannel.block").config;
        let found = CurrentConfig::read(ChannelId(name.into()), config).map(|_| ()).unwrap_err();
        let expected = format!("initializing configtx manager failed: bad channel ID: {expected}");
        assert_eq!(found.to_string(), expected);
    }
    let (longest, mut config) = ("a".repeat(249), recorded("mychannel.block").config);
    let root = config.channel_group.as_mut().unwrap();
    root.policies.insert(longest.clone(), root.policies["Admins"].clone());
    assert!(CurrentConfig::read(ChannelId(longest), config).is_ok());
}

#[test]
fn what_a_config_may_not_change_is_told_as_in_fabric() {
    let rename: Edit = |root| edit_msp(org1(root), |_, config| config.name = "Org9MSP".into());
    let rename_orderer: Edit = |root| edit_msp(orderer_org(root), |_, config| config.name = "XMSP".into());
    let solo: Edit = |root| {
        set(
            orderer(root),
            "ConsensusType",
            &orderer::ConsensusType { r#type: "solo".into(), ..Default::default() },
        );
    };
    let is_old: Edit = |root| {
        set(root, "Capabilities", &capabilities(&["V1_3"]));
        orderer_org(root).values.remove("Endpoints");
    };
    let nothing: Edit = |_| {};
    let cases: [(&str, Edit, Edit, Option<&str>); 8] = [
        (
            "mychannel.block",
            nothing,
            rename,
            Some("application org Org1MSP attempted to change MSP ID from Org1MSP to Org9MSP"),
        ),
        (
            "mychannel.block",
            nothing,
            rename_orderer,
            Some("orderer org OrdererOrg attempted to change MSP ID from OrdererMSP to XMSP"),
        ),
        ("mychannel.block", is_old, solo, Some("attempted to change consensus type from kafka to solo")),
        ("mychannel.block", nothing, solo, None),
        (
            "mychannel.block",
            nothing,
            |root| drop(root.groups.remove("Application")),
            Some("current config has application section, but new config does not"),
        ),
        (
            "mychannel.block",
            nothing,
            |root| drop(root.groups.insert("Consortiums".into(), ConfigGroup::default())),
            Some("current config has no consortiums section, but new config does"),
        ),
        (
            "kafka-genesis.block",
            nothing,
            |root| drop(root.groups.remove("Consortiums")),
            Some("current config has consortiums section, but new config does not"),
        ),
        (
            "kafka-genesis.block",
            nothing,
            |root| {
                let organisation = below(root, &["Consortiums", "SampleConsortium", "Org1MSP"]);
                edit_msp(organisation, |_, config| config.name = "Org9MSP".into());
            },
            Some(
                "consortium SampleConsortium org Org1MSP attempted to change MSP ID from Org1MSP to Org9MSP",
            ),
        ),
    ];
    for (file, before, after, expected) in cases {
        let (present, next) = (edited(file, before).unwrap(), edited(file, after).unwrap());
        let found = present.check_successor(&next).map_err(|error| error.to_string());
        assert_eq!(found.err().as_deref(), expected);
    }
}

/// The recorded block, changed; its header names the data.
fn block(file: &str, edit: impl FnOnce(&mut common::Block)) -> common::Block {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5").join(file);
    let mut block: common::Block = go_decode(std::fs::read(golden).unwrap().into()).unwrap();
    edit(&mut block);
    let data = block.data.iter().flat_map(|data| &data.data).map(AsRef::as_ref);
    block.header.as_mut().unwrap().data_hash = hash::block_data_hash(data).to_vec().into();
    block
}

/// The same with its envelope's type or its config changed.
fn block_of(header_type: Option<HeaderType>, edit: Edit) -> common::Block {
    block("mychannel.block", |block| {
        let data = &mut block.data.as_mut().unwrap().data[0];
        let mut envelope: common::Envelope = go_decode(data.clone()).unwrap();
        let mut payload: common::Payload = go_decode(envelope.payload.clone()).unwrap();
        let header = payload.header.as_mut().unwrap();
        let mut channel: common::ChannelHeader = go_decode(header.channel_header.clone()).unwrap();
        channel.r#type = header_type.map_or(channel.r#type, Into::into);
        header.channel_header = channel.encode_to_vec().into();
        let mut config: common::ConfigEnvelope = go_decode(payload.data.clone()).unwrap();
        edit(config.config.as_mut().unwrap().channel_group.as_mut().unwrap());
        payload.data = config.encode_to_vec().into();
        envelope.payload = payload.encode_to_vec().into();
        *data = envelope.encode_to_vec().into();
    })
}

#[test]
fn a_channel_can_be_joined_by_a_config_block_of_it() {
    for (block, channel) in [
        (block("mychannel.block", |_| {}), "mychannel"),
        (block("kafka-genesis.block", |_| {}), "syschannel"),
        (block_of(Some(HeaderType::OrdererTransaction), |_| {}), "mychannel"),
    ] {
        let join = read_join_block(&block).unwrap();
        assert_eq!((join.number.0, join.channel().0.as_str()), (0, channel));
        assert!(is_config_block(&block));
    }
    let mut other_hash = block("mychannel.block", |_| {});
    other_hash.header.as_mut().unwrap().data_hash = "x".into();
    let metadata = common::BlockMetadata::default();
    for (block, is_config, expected) in [
        (block_of(Some(HeaderType::Message), |_| {}), false, "block is not a config block"),
        (block("mychannel.block", |it| it.data = None), false, "block is not a config block"),
        (
            block("mychannel.block", |it| {
                let data = &mut it.data.as_mut().unwrap().data;
                data.push(data[0].clone());
            }),
            false,
            "block is not a config block",
        ),
        (block("mychannel.block", |it| it.metadata = None), true, "invalid block: does not have metadata"),
        (
            block("mychannel.block", |it| it.metadata = Some(metadata)),
            true,
            "invalid block: does not have metadata",
        ),
        (other_hash, true, "invalid block: Header.DataHash is different from Hash(block.Data)"),
        (
            block_of(None, |root| drop(root.groups.remove("Application"))),
            true,
            "invalid config: must have at least one of application or consortiums",
        ),
    ] {
        assert_eq!(is_config_block(&block), is_config, "{expected}");
        assert_eq!(read_join_block(&block).unwrap_err().to_string(), expected);
    }
}

proptest! {
    /// From no bytes at all to a real config with some of its bytes changed.
    #[test]
    fn no_bytes_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = recorded("mychannel.block").config.encode_to_vec();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(config) = go_decode::<common::Config>(bytes.clone().into()) {
            let _ = CurrentConfig::read(ChannelId("trade".into()), config);
        }
        prop_assert!(read_config_of(bytes.into()).is_err());
    }
}
