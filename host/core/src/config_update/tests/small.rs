//! A small channel, and what its admins may not do. Elements of the Orderer group can be changed without a signature.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use raddle_proto::common::{self, ConfigGroup, ConfigPolicy, ConfigValue};
use raddle_proto::orderer;
use raddle_proto::wire::Envelope;

use super::{CHANNEL, envelope_of, envelope_with};
use crate::bundle::CurrentConfig;
use crate::config_update::{inspect_maintenance, propose, validate};
use crate::ids::ChannelId;

pub(super) fn value(message: &impl Message) -> ConfigValue {
    let value = message.encode_to_vec().into();
    ConfigValue { value, mod_policy: "Anybody".into(), ..ConfigValue::default() }
}

fn implicit(sub_policy: &str) -> ConfigPolicy {
    let any = common::ImplicitMetaPolicy { sub_policy: sub_policy.into(), rule: 0 };
    let policy = Some(common::Policy { r#type: 3, value: any.encode_to_vec().into() });
    ConfigPolicy { policy, mod_policy: "Anybody".into(), ..ConfigPolicy::default() }
}

pub(super) fn capabilities(names: &[&str]) -> common::Capabilities {
    let capabilities = names.iter().map(|&name| (name.to_owned(), common::Capability {})).collect();
    common::Capabilities { capabilities }
}

fn consensus(kind: &str, state: i32, metadata: &'static [u8]) -> ConfigValue {
    value(&orderer::ConsensusType { r#type: kind.into(), metadata: Bytes::from_static(metadata), state })
}

/// A channel's config at sequence 5, all its elements at version 0.
pub(super) fn config() -> common::Config {
    let size = orderer::BatchSize { max_message_count: 9, absolute_max_bytes: 9, preferred_max_bytes: 9 };
    let mut group = ConfigGroup { mod_policy: "Anybody".into(), ..ConfigGroup::default() };
    group.policies.insert("Anybody".into(), implicit("Anybody"));
    let mut root = group.clone();
    root.policies.insert("Nobody".into(), implicit("Ghosts"));
    group.values = [
        ("BatchSize".into(), value(&size)),
        ("BatchTimeout".into(), value(&orderer::BatchTimeout { timeout: "2s".into() })),
        ("Capabilities".into(), value(&capabilities(&["V2_0"]))),
        ("ConsensusType".into(), consensus("kafka", 0, b"")),
    ]
    .into();
    root.values = [
        ("BlockDataHashingStructure".into(), value(&common::BlockDataHashingStructure { width: u32::MAX })),
        ("Capabilities".into(), value(&capabilities(&["V2_0"]))),
        ("HashingAlgorithm".into(), value(&common::HashingAlgorithm { name: "SHA256".into() })),
    ]
    .into();
    root.groups.insert("Orderer".into(), group);
    common::Config { sequence: 5, channel_group: Some(root) }
}

pub(super) fn read(config: common::Config) -> CurrentConfig {
    CurrentConfig::read(ChannelId(CHANNEL.into()), config).unwrap()
}

pub(super) fn orderer(root: &mut ConfigGroup) -> &mut ConfigGroup {
    root.groups.get_mut("Orderer").unwrap()
}

/// An update that has read the groups, and writes one value of the Orderer group anew.
pub(super) fn update() -> common::ConfigUpdate {
    let present = config().channel_group.unwrap();
    let mut set = ConfigGroup::default();
    set.groups.insert("Orderer".into(), ConfigGroup::default());
    let read_set = Some(set.clone());
    let timeout = present.groups["Orderer"].values["BatchTimeout"].clone();
    orderer(&mut set).values.insert("BatchTimeout".into(), ConfigValue { version: 1, ..timeout });
    common::ConfigUpdate { channel_id: CHANNEL.into(), read_set, write_set: Some(set), ..Default::default() }
}

pub(super) fn refused(present: common::Config, envelope: &Envelope) -> String {
    let error = propose(&read(present), envelope).unwrap_err();
    let text = error.to_string();
    text.strip_prefix("error applying config update to existing channel 'trade': ").unwrap().to_owned()
}

#[test]
fn a_small_update_is_the_next_config() {
    let current = read(config());
    let proposal = propose(&current, &envelope_of(&update())).unwrap();
    let next = &proposal.next.config;
    assert_eq!(next.sequence, 6);
    let mut expected = config().channel_group.unwrap();
    orderer(&mut expected).values.get_mut("BatchTimeout").unwrap().version = 1;
    assert_eq!(next.channel_group.as_ref(), Some(&expected));
    assert_eq!(validate(&current, &proposal.envelope).unwrap().config, *next);
    assert_eq!(inspect_maintenance(&current, &proposal), Ok(()));
}

/// What is said of an update, and what is done to it.
type Misfit = (&'static str, fn(&mut common::ConfigUpdate));
const MISFITS: [Misfit; 17] = [
    ("ConfigUpdate for channel 'other' but envelope for channel 'trade'", |update| {
        update.channel_id = "other".into();
    }),
    (
        "error mapping ReadSet: illegal characters in key: [Group]  : config ID 'a_b' contains illegal characters",
        |update| {
            update.read_set.as_mut().unwrap().groups.insert("a_b".into(), ConfigGroup::default());
        },
    ),
    (
        "error validating ReadSet: existing config does not contain element for [Group]  /Channel/Orderer/More \
             but was in the read set",
        |update| {
            let group = orderer(update.read_set.as_mut().unwrap());
            group.groups.insert("More".into(), ConfigGroup::default());
        },
    ),
    (
        "error validating ReadSet: existing config does not contain element for [Policy] /Channel/Orderer/More \
             but was in the read set",
        |update| {
            let group = orderer(update.read_set.as_mut().unwrap());
            group.policies.insert("More".into(), ConfigPolicy::default());
        },
    ),
    (
        "error validating ReadSet: proposed update requires that key [Value]  /Channel/Orderer/BatchSize be at \
             version 3, but it is currently at version 0",
        |update| {
            let group = orderer(update.read_set.as_mut().unwrap());
            group.values.insert("BatchSize".into(), ConfigValue { version: 3, ..ConfigValue::default() });
        },
    ),
    (
        "error mapping WriteSet: illegal characters in key: [Value]  : config ID illegal, cannot be empty",
        |update| {
            let group = orderer(update.write_set.as_mut().unwrap());
            group.values.insert(String::new(), ConfigValue::default());
        },
    ),
    ("error validating DeltaSet: delta set was empty -- update would have no effect", |update| {
        update.write_set = update.read_set.clone()
    }),
    ("error validating DeltaSet: delta set was empty -- update would have no effect", |update| {
        update.write_set = None
    }),
    (
        "error validating DeltaSet: invalid mod_policy for element [Value]  /Channel/Orderer/BatchTimeout: \
             mod_policy not set",
        |update| set_mod_policy(update, ""),
    ),
    (
        "error validating DeltaSet: invalid mod_policy for element [Value]  /Channel/Orderer/BatchTimeout: path \
             element at 1 is invalid: config ID 'a_b' contains illegal characters",
        |update| set_mod_policy(update, "/Channel/a_b"),
    ),
    (
        "error validating DeltaSet: invalid mod_policy for element [Value]  /Channel/Orderer/BatchTimeout: path \
             element at 0 is invalid: config ID illegal, cannot be empty",
        |update| set_mod_policy(update, "/"),
    ),
    (
        "error validating DeltaSet: invalid mod_policy for element [Value]  /Channel/Orderer/BatchTimeout: path \
             element at 1 is invalid: config ID illegal, cannot be longer than 249",
        |update| set_mod_policy(update, &format!("a/{}", "b".repeat(250))),
    ),
    (
        "error validating DeltaSet: invalid mod_policy for element [Value]  /Channel/Orderer/BatchTimeout: path \
             element at 0 is invalid: name '.' for config ID is not allowed",
        |update| set_mod_policy(update, "."),
    ),
    (
        "error validating DeltaSet: attempted to set key [Value]  /Channel/Orderer/KafkaBrokers to version 2, but \
             key does not exist",
        |update| {
            let brokers = ConfigValue { version: 2, ..value(&orderer::KafkaBrokers::default()) };
            let group = orderer(update.write_set.as_mut().unwrap());
            group.values = [("KafkaBrokers".into(), brokers)].into();
        },
    ),
    (
        "error validating DeltaSet: attempt to set key [Value]  /Channel/Orderer/BatchTimeout to version 2, but key \
             is at version 0",
        |update| set_version(update, 2),
    ),
    (
        "error validating DeltaSet: attempt to set key [Value]  /Channel/Orderer/BatchTimeout to version 0, but key \
             is at version 0",
        |update| set_version(update, 0),
    ),
    (
        "error validating DeltaSet: policy for [Group]  /Channel not satisfied: implicit policy evaluation failed \
             - 0 sub-policies were satisfied, but this policy requires 1 of the 'Ghosts' sub-policies to be satisfied",
        |update| {
            let root = update.write_set.as_mut().unwrap();
            (root.version, root.mod_policy) = (1, "Anybody".into());
        },
    ),
];

#[test]
fn an_update_that_does_not_fit_is_refused_in_fabrics_words() {
    for (expected, edit) in MISFITS {
        let mut update = update();
        edit(&mut update);
        let mut present = config();
        present.channel_group.as_mut().unwrap().mod_policy = "Nobody".into();
        let found = refused(present, &envelope_of(&update));
        assert_eq!(found, format!("error authorizing update: {expected}"));
    }
}

fn timeout(update: &mut common::ConfigUpdate) -> &mut ConfigValue {
    orderer(update.write_set.as_mut().unwrap()).values.get_mut("BatchTimeout").unwrap()
}

fn set_mod_policy(update: &mut common::ConfigUpdate, mod_policy: &str) {
    timeout(update).mod_policy = mod_policy.into();
}

fn set_version(update: &mut common::ConfigUpdate, version: u64) {
    timeout(update).version = version;
}

#[test]
fn the_present_mod_policy_is_asked_where_the_element_stands() {
    for (mod_policy, expected) in [
        ("Anybody", None),
        ("/Channel/Orderer/Anybody", None),
        // Seen from the Orderer group there is none.
        ("Orderer/Anybody", Some("unexpected missing policy Orderer/Anybody for item")),
        ("Nobody", Some("unexpected missing policy Nobody for item")),
        ("", Some("unexpected missing policy  for item")),
        ("/Channel", Some("unexpected missing policy /Channel for item")),
        ("/Elsewhere/Anybody", Some("unexpected missing policy /Elsewhere/Anybody for item")),
    ] {
        let mut present = config();
        let group = orderer(present.channel_group.as_mut().unwrap());
        group.values.get_mut("BatchTimeout").unwrap().mod_policy = mod_policy.into();
        let result = propose(&read(present), &envelope_of(&update())).map_err(|error| error.to_string());
        match expected {
            None => assert!(result.is_ok(), "{mod_policy}"),
            Some(text) => {
                let text = format!(
                    "error applying config update to existing channel 'trade': error authorizing update: error \
                     validating DeltaSet: {text} [Value]  /Channel/Orderer/BatchTimeout"
                );
                assert_eq!(result.unwrap_err(), text);
            }
        }
    }
}

#[test]
fn a_changed_group_drops_what_it_leaves_out_and_an_unchanged_one_takes_nothing_in() {
    let brokers = value(&orderer::KafkaBrokers::default());
    let mut update = update();
    let group = orderer(update.write_set.as_mut().unwrap());
    group.values = [("KafkaBrokers".into(), brokers.clone())].into();
    // Below a group of the same version the new value is taken, and is nowhere.
    let current = read(config());
    let proposal = propose(&current, &envelope_of(&update)).unwrap();
    assert_eq!(proposal.next.config.channel_group, config().channel_group);
    assert!(validate(&current, &proposal.envelope).is_ok());
    // The group at its next version: the new value is in, the policy that it does not name is out.
    let mut values = config().channel_group.unwrap().groups["Orderer"].values.clone();
    let read_values = values.clone();
    values.insert("KafkaBrokers".into(), brokers);
    let group = orderer(update.write_set.as_mut().unwrap());
    (group.version, group.mod_policy, group.values) = (1, "Anybody".into(), values);
    orderer(update.read_set.as_mut().unwrap()).values = read_values;
    let next = propose(&current, &envelope_of(&update)).unwrap().next.config.channel_group.clone().unwrap();
    assert!(next.groups["Orderer"].values.contains_key("KafkaBrokers"));
    assert_eq!((next.groups["Orderer"].version, next.groups["Orderer"].policies.len()), (1, 0));
}

#[test]
fn empty_mod_policies_become_admins_where_orderers_have_capabilities() {
    for has_capabilities in [true, false] {
        let mut present = config();
        let root = present.channel_group.as_mut().unwrap();
        root.values.get_mut("HashingAlgorithm").unwrap().mod_policy = String::new();
        root.policies.get_mut("Nobody").unwrap().mod_policy = String::new();
        root.mod_policy = String::new();
        orderer(root).values.get_mut("BatchSize").unwrap().mod_policy = String::new();
        if !has_capabilities {
            let addresses = common::OrdererAddresses { addresses: vec!["o:7050".into()] };
            root.values.insert("OrdererAddresses".into(), value(&addresses));
            root.values.remove("Capabilities");
            orderer(root).values.remove("Capabilities");
        }
        let proposal = propose(&read(present), &envelope_of(&update())).unwrap();
        let root = proposal.next.channel_group().unwrap();
        let expected = if has_capabilities { "Admins" } else { "" };
        assert_eq!(root.mod_policy, expected);
        assert_eq!(root.values["HashingAlgorithm"].mod_policy, expected);
        assert_eq!(root.policies["Nobody"].mod_policy, expected);
        assert_eq!(root.groups["Orderer"].values["BatchSize"].mod_policy, expected);
        assert_eq!(root.groups["Orderer"].mod_policy, "Anybody");
    }
}

#[test]
fn an_envelope_without_an_update_is_refused_in_fabrics_words() {
    let conversion = "error converting envelope to config update: ";
    let payload = |header_type: i32, data: &'static [u8]| {
        let channel_header = common::ChannelHeader { r#type: header_type, ..Default::default() };
        let header =
            common::Header { channel_header: channel_header.encode_to_vec().into(), ..Default::default() };
        common::Payload { header: Some(header), data: Bytes::from_static(data) }.encode_to_vec()
    };
    for (payload, expected) in [
        (
            b"\x0a".to_vec(),
            format!("{conversion}error unmarshalling Payload: proto: cannot parse invalid wire-format data"),
        ),
        (Vec::new(), format!("{conversion}envelope must have a Header")),
        (
            b"\x0a\x03\x0a\x01\x0a".to_vec(),
            format!(
                "{conversion}error unmarshalling ChannelHeader: proto: cannot parse invalid wire-format data"
            ),
        ),
        (payload(1, b""), format!("{conversion}invalid type CONFIG, expected CONFIG_UPDATE")),
        (payload(0, b""), format!("{conversion}invalid type MESSAGE, expected CONFIG_UPDATE")),
        (payload(99, b""), format!("{conversion}invalid type 99, expected CONFIG_UPDATE")),
        (
            payload(2, b"\x0a"),
            format!(
                "{conversion}error unmarshalling message for type CONFIG_UPDATE: proto: cannot parse invalid \
                 wire-format data"
            ),
        ),
        (
            payload(2, b"\x0a\x01\x0a"),
            "error authorizing update: proto: cannot parse invalid wire-format data".into(),
        ),
    ] {
        assert_eq!(refused(config(), &Envelope::new(&payload, b"")), expected);
    }
}

#[test]
fn an_update_with_fields_that_would_get_lost_is_refused() {
    let mut bytes = update().encode_to_vec();
    bytes.extend_from_slice(&[0x78, 1]);
    assert_eq!(
        refused(config(), &envelope_with(bytes.into())),
        "the config update has fields that this orderer does not know and could not keep"
    );
}

#[test]
fn a_record_that_is_not_the_next_config_does_not_validate() {
    type Edit = fn(&mut common::ConfigEnvelope);
    let cases: [(&str, Edit); 6] = [
        ("config envelope has nil config", |envelope| envelope.config = None),
        ("config currently at sequence 5, cannot validate config at sequence 7", |envelope| {
            envelope.config.as_mut().unwrap().sequence = 7;
        }),
        ("envelope must have a Header", |envelope| envelope.last_update = None),
        ("ConfigEnvelope LastUpdate did not produce the supplied config result", |envelope| {
            let root = envelope.config.as_mut().unwrap().channel_group.as_mut().unwrap();
            root.values.get_mut("HashingAlgorithm").unwrap().version = 1;
        }),
        ("ConfigEnvelope LastUpdate did not produce the supplied config result", |envelope| {
            envelope.config.as_mut().unwrap().channel_group = None;
        }),
        ("error validating DeltaSet: delta set was empty -- update would have no effect", |envelope| {
            let none = common::ConfigUpdate { channel_id: CHANNEL.into(), ..Default::default() };
            envelope.last_update.as_mut().unwrap().payload = envelope_of(&none).payload().clone();
        }),
    ];
    let current = read(config());
    for (expected, edit) in cases {
        let mut envelope = propose(&current, &envelope_of(&update())).unwrap().envelope;
        edit(&mut envelope);
        assert_eq!(validate(&current, &envelope).unwrap_err().to_string(), expected);
    }
}

/// Type, state and metadata of a consensus.
type Consensus = (&'static str, i32, &'static [u8]);

fn alone(_: &mut ConfigGroup) {}

fn more_than_one(root: &mut ConfigGroup) {
    let group = orderer(root);
    let size = config().channel_group.unwrap().groups["Orderer"].values["BatchSize"].clone();
    group.values.insert("BatchSize".into(), ConfigValue { version: 1, ..size });
}

/// Moves from one consensus to another: capability, before, after, what else is written, and what is said.
type Move = (&'static str, Consensus, Consensus, fn(&mut ConfigGroup), Option<&'static str>);

const MOVES: [Move; 17] = [
    ("V2_0", ("kafka", 0, b""), ("kafka", 1, b""), alone, None),
    ("V2_0", ("kafka", 1, b""), ("kafka", 0, b""), alone, None),
    ("V2_0", ("kafka", 1, b""), ("etcdraft", 1, b""), alone, None),
    ("V2_0", ("kafka", 1, b""), ("solo", 1, b""), more_than_one, None),
    ("V2_0", ("kafka", 0, b"a"), ("kafka", 0, b"b"), alone, None),
    ("V1_1", ("kafka", 0, b""), ("kafka", 0, b"b"), alone, None),
    (
        "V1_1",
        ("kafka", 0, b""),
        ("kafka", 1, b""),
        alone,
        Some(
            "next config attempted to change ConsensusType.State to STATE_MAINTENANCE, but capability is disabled",
        ),
    ),
    (
        "V1_1",
        ("kafka", 0, b""),
        ("solo", 0, b""),
        alone,
        Some(
            "next config attempted to change ConsensusType.Type from kafka to solo, but capability is disabled",
        ),
    ),
    (
        "V2_0",
        ("kafka", 0, b""),
        ("solo", 0, b""),
        alone,
        Some(
            "attempted to change consensus type from kafka to solo, but current config ConsensusType.State is not \
                 in maintenance mode",
        ),
    ),
    (
        "V2_0",
        ("kafka", 0, b""),
        ("solo", 1, b""),
        alone,
        Some(
            "attempted to change ConsensusType.Type from kafka to solo, but ConsensusType.State is changing from \
                 STATE_NORMAL to STATE_MAINTENANCE",
        ),
    ),
    (
        "V2_0",
        ("kafka", 1, b""),
        ("kafka", 7, b"x"),
        alone,
        Some(
            "attempted to change ConsensusType.Metadata, but ConsensusType.State is changing from \
                 STATE_MAINTENANCE to 7",
        ),
    ),
    (
        "V2_0",
        ("kafka", 1, b""),
        ("BFT", 1, b""),
        alone,
        Some("attempted to change consensus type from kafka to BFT, transition not supported"),
    ),
    (
        "V2_0",
        ("kafka", 1, b""),
        ("etcdraft", 1, b"\x0a"),
        alone,
        Some(
            "failed to unmarshal etcdraft metadata configuration: proto: cannot parse invalid wire-format data",
        ),
    ),
    (
        "V2_0",
        ("kafka", 0, b""),
        ("kafka", 1, b""),
        more_than_one,
        Some("config update contain more then just the ConsensusType value in the Orderer group"),
    ),
    (
        "V2_0",
        ("kafka", 0, b""),
        ("kafka", 1, b""),
        |root| drop(root.groups.insert("Application".into(), new_group())),
        Some("config update contains changes to more than one group"),
    ),
    (
        "V2_0",
        ("kafka", 0, b""),
        ("kafka", 1, b""),
        |root| drop(orderer(root).groups.insert("More".into(), new_group())),
        Some("config update contains changes to groups within the Orderer group"),
    ),
    (
        "V2_0",
        ("kafka", 0, b""),
        ("kafka", 1, b""),
        |root| drop(root.values.insert("Consortium".into(), value(&common::Consortium::default()))),
        Some("config update contains changes to values in group Channel"),
    ),
];

#[test]
fn moves_of_the_consensus_are_judged_as_in_fabric() {
    for (capability, before, after, edit, expected) in MOVES {
        let mut present = config();
        let group = orderer(present.channel_group.as_mut().unwrap());
        group.values.insert("Capabilities".into(), value(&capabilities(&[capability])));
        group.values.insert("ConsensusType".into(), consensus(before.0, before.1, before.2));
        let mut update = update();
        let root = update.write_set.as_mut().unwrap();
        let next = ConfigValue { version: 1, ..consensus(after.0, after.1, after.2) };
        orderer(root).values = [("ConsensusType".into(), next)].into();
        edit(root);
        let current = read(present);
        let proposal = propose(&current, &envelope_of(&update)).unwrap();
        let found = inspect_maintenance(&current, &proposal).map_err(|error| error.info());
        let expected = expected.map(|expected| {
            format!(
                "config update for existing channel did not pass maintenance checks: config transaction inspection \
                 failed: {expected}"
            )
        });
        assert_eq!(found.err(), expected);
    }
}

fn new_group() -> ConfigGroup {
    ConfigGroup { mod_policy: "Anybody".into(), ..ConfigGroup::default() }
}

/// Versions of the elements that an update has read and writes; some fit.
fn sets() -> impl Strategy<Value = common::ConfigUpdate> {
    let version = || prop_oneof![4 => Just(1u64), 2 => Just(0u64), 1 => any::<u64>()];
    let names = ["BatchTimeout", "BatchSize", "Capabilities", "KafkaBrokers", "ConsensusType"];
    let written = proptest::collection::vec((prop::sample::select(names.to_vec()), version(), 0..2u64), 0..4);
    (written, version(), any::<bool>()).prop_map(|(written, group_version, writes_group)| {
        let mut update = update();
        let present = config().channel_group.unwrap().groups["Orderer"].values.clone();
        let group = orderer(update.write_set.as_mut().unwrap());
        if writes_group {
            (group.version, group.mod_policy) = (group_version, "Anybody".into());
            group.values = present.clone();
        } else {
            group.values.clear();
        }
        let brokers = value(&orderer::KafkaBrokers { brokers: vec!["kafka:9092".into()] });
        for (name, version, read) in written {
            let value = present.get(name).cloned().unwrap_or_else(|| brokers.clone());
            group.values.insert(name.into(), ConfigValue { version, ..value });
            if read == 0 && present.contains_key(name) {
                let group = orderer(update.read_set.as_mut().unwrap());
                group.values.insert(name.into(), ConfigValue::default());
            }
        }
        update
    })
}

proptest! {
    #[test]
    fn what_is_proposed_validates(update in sets()) {
        let current = read(config());
        if let Ok(proposal) = propose(&current, &envelope_of(&update)) {
            let next = validate(&current, &proposal.envelope);
            prop_assert_eq!(&next.unwrap().config, &proposal.next.config);
            // And is no next config of the next.
            prop_assert!(validate(&proposal.next, &proposal.envelope).is_err());
        }
    }

    #[test]
    fn no_update_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80), changes in changes()) {
        let current = Arc::new(read(config()));
        prop_assert!(propose(&current, &Envelope::new(&bytes, b"")).is_err());
        prop_assert!(propose(&current, &envelope_with(bytes.into())).is_err());
        let mut bytes = update().encode_to_vec();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        if let Ok(proposal) = propose(&current, &envelope_with(bytes.into())) {
            prop_assert!(validate(&current, &proposal.envelope).is_ok());
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
}
