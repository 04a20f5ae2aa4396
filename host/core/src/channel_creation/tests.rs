//! A recorded creation, and updates that differ from it in one thing each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common::HeaderType;
use raddle_proto::{common, orderer};

use super::*;
use crate::bundle::{CurrentConfig, RADDLE_1_0, read_config_envelope, read_genesis};

fn golden(file: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5").join(file);
    fs::read(path).unwrap().into()
}

/// The recorded system channel's config.
fn system_root() -> common::ConfigGroup {
    read_genesis(golden("kafka-genesis.block")).unwrap().config.config.channel_group.clone().unwrap()
}

fn system_of(root: &common::ConfigGroup) -> SystemChannel {
    let config = common::Config { sequence: 0, channel_group: Some(root.clone()) };
    let config = CurrentConfig::read(ChannelId("syschannel".into()), config).unwrap();
    SystemChannel::new(&config).unwrap()
}

fn system() -> SystemChannel {
    system_of(&system_root())
}

/// What a client sent and an orderer made of it: the CONFIG envelope, and the config in it.
fn recorded() -> (Envelope, common::ConfigEnvelope) {
    let block = read_genesis(golden("mychannel.block")).unwrap().block;
    let envelope = Envelope::unmarshal(block.data.unwrap().data[0].clone()).unwrap();
    let config = read_config_envelope(&envelope).unwrap();
    (envelope, config)
}

fn recorded_update() -> Envelope {
    let update = recorded().1.last_update.unwrap();
    Envelope::new(&update.payload, &update.signature)
}

fn envelope_of(header_type: HeaderType, channel: &str, data: Bytes) -> Envelope {
    let header = common::ChannelHeader {
        r#type: header_type.into(),
        channel_id: channel.into(),
        ..common::ChannelHeader::default()
    };
    let header = common::Header { channel_header: header.encode_to_vec().into(), ..Default::default() };
    Envelope::new(&common::Payload { header: Some(header), data }.encode_to_vec(), b"signature")
}

/// The ORDERER_TRANSACTION that carries a CONFIG envelope.
fn wrap(inner: &Envelope) -> Envelope {
    envelope_of(HeaderType::OrdererTransaction, "syschannel", inner.marshal())
}

/// The recorded update with one change, unsigned.
fn changed(change: impl FnOnce(&mut common::ConfigUpdate)) -> Envelope {
    let payload: common::Payload = go_decode(recorded_update().payload().clone()).unwrap();
    let signed: common::ConfigUpdateEnvelope = go_decode(payload.data).unwrap();
    let mut update: common::ConfigUpdate = go_decode(signed.config_update).unwrap();
    let channel = update.channel_id.clone();
    change(&mut update);
    let signed =
        common::ConfigUpdateEnvelope { config_update: update.encode_to_vec().into(), signatures: Vec::new() };
    envelope_of(HeaderType::ConfigUpdate, &channel, signed.encode_to_vec().into())
}

fn write_set(update: &mut common::ConfigUpdate) -> &mut common::ConfigGroup {
    update.write_set.as_mut().unwrap()
}

fn application(update: &mut common::ConfigUpdate) -> &mut common::ConfigGroup {
    write_set(update).groups.get_mut("Application").unwrap()
}

fn orderer_value(root: &mut common::ConfigGroup, key: &str, message: &impl prost::Message) {
    let ordering = root.groups.get_mut("Orderer").unwrap();
    let value = common::ConfigValue { value: message.encode_to_vec().into(), ..Default::default() };
    ordering.values.insert(key.into(), value);
}

fn orderer_capabilities(root: &mut common::ConfigGroup, names: &[&str]) {
    let capabilities = names.iter().map(|name| ((*name).to_owned(), common::Capability {})).collect();
    orderer_value(root, "Capabilities", &common::Capabilities { capabilities });
}

// === the recorded creation ===

#[test]
fn the_first_block_of_a_created_channel_is_the_recorded_one() {
    let created = NewChannel::read(&wrap(&recorded().0)).unwrap().unwrap();
    assert_eq!(created.channel.0, "mychannel");
    assert_eq!(created.genesis, golden("mychannel.block"));
}

#[test]
fn the_template_is_the_recorded_config_without_what_the_update_writes() {
    let template = system().template(&recorded_update()).unwrap();
    let found = template.channel_group().unwrap().clone();
    let expected = recorded().1.config.unwrap().channel_group.unwrap();
    assert_eq!((template.channel().0.as_str(), template.config.sequence), ("mychannel", 0));
    assert_eq!(found.values, expected.values);
    assert_eq!(found.policies, expected.policies);
    assert_eq!(found.groups["Orderer"], expected.groups["Orderer"]);
    assert_eq!((found.version, &found.mod_policy), (expected.version, &expected.mod_policy));
    let (found, expected) = (&found.groups["Application"], &expected.groups["Application"]);
    assert_eq!(found.groups, expected.groups);
    // The update writes all that differs: version, mod policy and policies of the group.
    // It was made by a tool that writes `Admins` as new.
    assert_eq!((found.version, found.mod_policy.as_str()), (0, "ChannelCreationPolicy"));
    let consortium = &system_root().groups["Consortiums"].groups["SampleConsortium"];
    let governing =
        go_decode::<common::Policy>(consortium.values["ChannelCreationPolicy"].value.clone()).unwrap();
    assert_eq!(found.policies.len(), 1);
    assert_eq!(found.policies["ChannelCreationPolicy"].policy, Some(governing));
    assert_eq!(found.policies["ChannelCreationPolicy"].mod_policy, "ChannelCreationPolicy");
}

#[test]
fn a_creation_is_what_comes_of_applying_the_update_to_the_template() {
    let system = system();
    let creation = system.create(&recorded_update()).unwrap();
    assert_eq!(creation.channel.0, "mychannel");
    // What the orderer signs is what stands in the recorded envelope.
    let payload: common::Payload = go_decode(recorded().0.payload().clone()).unwrap();
    assert_eq!(go_decode::<common::ConfigEnvelope>(creation.config_data()), go_decode(payload.data));
    let refused = system.create(&changed(|_| ())).unwrap_err().to_string();
    let expected = "error validating channel creation transaction for new channel 'mychannel', could not successfully \
                    apply update to template configuration: error authorizing update: error validating DeltaSet: \
                    policy for [Group]  /Channel/Application not satisfied: ";
    assert!(refused.starts_with(expected), "{refused}");
}

#[test]
fn a_stale_record_gives_the_update_back() {
    assert_eq!(update_in(&wrap(&recorded().0)).unwrap(), recorded_update());
    let orphan = common::ConfigEnvelope { last_update: None, ..recorded().1 };
    let orphan = envelope_of(HeaderType::Config, "mychannel", orphan.encode_to_vec().into());
    for (inner, expected) in [
        (envelope_of(HeaderType::Message, "mychannel", Bytes::new()), "not a config transaction"),
        (orphan, "does not include a config update"),
        (Envelope::new(b"\xff", b""), "cannot parse invalid wire-format data"),
    ] {
        let text = update_in(&wrap(&inner)).unwrap_err().to_string();
        assert!(text.starts_with("Abort processing config msg because"), "{text}");
        assert!(text.ends_with(expected), "{text}");
    }
}

// === the template's variants ===

#[test]
fn the_policy_that_governs_the_new_group_depends_on_capability_and_update() {
    type Change = fn(&mut common::ConfigUpdate);
    let old_tool: Change = |update| {
        application(update).policies.get_mut("Admins").unwrap().version = 0;
    };
    let without_admins: Change = |update| {
        application(update).policies.remove("Admins");
    };
    let cases: [(&[&str], Change, &str); 6] = [
        (&["V2_0"], |_| {}, "Admins"),
        (&["V2_0"], old_tool, "ChannelCreationPolicy"),
        (&["V2_0"], without_admins, "Admins"),
        (&["V2_0"], |update| application(update).policies.clear(), "ChannelCreationPolicy"),
        (&["V1_4_2"], |_| {}, "ChannelCreationPolicy"),
        (&["V2_0", RADDLE_1_0], |_| {}, "Admins"),
    ];
    for (index, (capabilities, change, expected)) in cases.into_iter().enumerate() {
        let mut root = system_root();
        orderer_capabilities(&mut root, capabilities);
        let update = changed(|update| {
            // Whatever the tool, the recorded update is a new tool's.
            application(update).policies.get_mut("Admins").unwrap().version = 1;
            change(update);
        });
        let template = system_of(&root).template(&update).unwrap();
        let application = &template.channel_group().unwrap().clone().groups["Application"];
        assert_eq!(application.mod_policy, expected, "{index}");
        assert!(application.policies.keys().eq([expected]), "{index}");
    }
}

#[test]
fn versions_begin_at_zero_unless_the_orderers_are_of_before_v1_1() {
    let mut root = system_root();
    root.version = 7;
    root.values.get_mut("HashingAlgorithm").unwrap().version = 3;
    root.policies.get_mut("Admins").unwrap().version = 4;
    let consortiums = root.groups.get_mut("Consortiums").unwrap();
    consortiums
        .groups
        .get_mut("SampleConsortium")
        .unwrap()
        .groups
        .values_mut()
        .for_each(|org| org.version = 5);
    let versions = |root: &common::ConfigGroup| {
        let template = system_of(root).template(&recorded_update()).unwrap();
        let root = template.channel_group().unwrap();
        let org = root.groups["Application"].groups.values().next().unwrap().version;
        let mod_policy = root.mod_policy.clone();
        (
            root.version,
            root.values["HashingAlgorithm"].version,
            root.policies["Admins"].version,
            org,
            mod_policy,
        )
    };
    for capability in ["V1_1", "V1_4_2", "V2_0"] {
        orderer_capabilities(&mut root, &[capability]);
        assert_eq!(versions(&root), (0, 0, 0, 0, "Admins".into()), "{capability}");
    }
    // Capabilities of the channel need those of the orderers.
    root.values.remove("Capabilities");
    orderer_capabilities(&mut root, &[]);
    // And so do an organisation's own endpoints.
    for organisation in root.groups.get_mut("Orderer").unwrap().groups.values_mut() {
        organisation.values.remove("Endpoints");
    }
    assert_eq!(versions(&root), (0, 3, 4, 5, String::new()));
}

#[test]
fn a_consortium_without_members_takes_anybody() {
    let mut root = system_root();
    root.groups.get_mut("Consortiums").unwrap().groups.get_mut("SampleConsortium").unwrap().groups.clear();
    let update = changed(|update| {
        let org = application(update).groups.values().next().unwrap().clone();
        application(update).groups.insert("Stranger".into(), org);
    });
    let template = system_of(&root).template(&update).unwrap();
    assert!(template.channel_group().unwrap().clone().groups["Application"].groups.is_empty());
}

#[test]
fn an_update_that_cannot_be_read_says_which_part() {
    let bad = Bytes::from_static(b"\xff");
    let bad_wire = "proto: cannot parse invalid wire-format data";
    let headless = common::Payload { header: None, data: Bytes::new() }.encode_to_vec();
    let bad_header = common::Header { channel_header: bad.clone(), ..Default::default() };
    let bad_header = common::Payload { header: Some(bad_header), data: Bytes::new() }.encode_to_vec();
    let bad_update = common::ConfigUpdateEnvelope { config_update: bad.clone(), signatures: Vec::new() };
    let cases = [
        (
            Envelope::new(&bad, b""),
            format!(
                "Failing initial channel config creation because of payload unmarshalling error: \
                 error unmarshalling Payload: {bad_wire}"
            ),
        ),
        (
            envelope_of(HeaderType::ConfigUpdate, "new", bad.clone()),
            format!(
                "Failing initial channel config creation because of config update envelope unmarshalling error: \
                 {bad_wire}"
            ),
        ),
        (
            Envelope::new(&headless, b""),
            "Failed initial channel config creation because config update header was missing".into(),
        ),
        (
            Envelope::new(&bad_header, b""),
            format!(
                "Failed initial channel config creation because channel header was malformed: \
                 error unmarshalling ChannelHeader: {bad_wire}"
            ),
        ),
        (
            envelope_of(HeaderType::ConfigUpdate, "new", bad_update.encode_to_vec().into()),
            format!(
                "Failing initial channel config creation because of config update unmarshalling error: {bad_wire}"
            ),
        ),
    ];
    let system = system();
    for (update, expected) in cases {
        assert_eq!(system.template(&update).unwrap_err().to_string(), expected);
    }
}

#[test]
fn each_refusal_of_an_update_has_its_text() {
    let bad = Bytes::from_static(b"\xff");
    let consortium = |name: &str| common::Consortium { name: name.into() }.encode_to_vec().into();
    let cases: [(Envelope, String); 10] = [
        (
            changed(|update| update.channel_id = "other".into()),
            "Failing initial channel config creation: mismatched channel IDs: 'other' != 'mychannel'".into(),
        ),
        (changed(|update| update.write_set = None), "Config update has an empty writeset".into()),
        (
            changed(|update| write_set(update).groups.clear()),
            "Config update has missing application group".into(),
        ),
        (
            changed(|update| application(update).version = 0),
            "Config update for channel creation does not set application group version to 1, was 0".into(),
        ),
        (
            changed(|update| application(update).version = 2),
            "Config update for channel creation does not set application group version to 1, was 2".into(),
        ),
        (changed(|update| write_set(update).values.clear()), "Consortium config value missing".into()),
        (
            changed(|update| write_set(update).values.get_mut("Consortium").unwrap().value = bad.clone()),
            "Error reading unmarshalling consortium name: proto: cannot parse invalid wire-format data"
                .into(),
        ),
        (
            changed(|update| {
                write_set(update).values.get_mut("Consortium").unwrap().value = consortium("Nobody");
            }),
            "Unknown consortium name: Nobody".into(),
        ),
        (
            changed(|update| application(update).groups.clear()),
            "Proposed configuration has no application group members, but consortium contains members".into(),
        ),
        (
            changed(|update| {
                application(update).groups.insert("Stranger".into(), common::ConfigGroup::default());
            }),
            "Attempted to include member Stranger which is not in the consortium".into(),
        ),
    ];
    let system = system();
    for (update, expected) in cases {
        assert_eq!(system.create(&update).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_new_channel_needs_an_id_that_topics_can_have() {
    let long = "a".repeat(250);
    let cases = [
        ("", "channel ID illegal, cannot be empty".to_owned()),
        (&long, "channel ID illegal, cannot be longer than 249".to_owned()),
        ("Trade", "'Trade' contains illegal characters".to_owned()),
        ("1trade", "'1trade' contains illegal characters".to_owned()),
        ("trade_1", "'trade_1' contains illegal characters".to_owned()),
    ];
    let update_for = |id: &str| {
        let update = changed(|update| update.channel_id = id.into());
        let payload: common::Payload = go_decode(update.payload().clone()).unwrap();
        envelope_of(HeaderType::ConfigUpdate, id, payload.data)
    };
    for (id, reason) in cases {
        let refused = system().template(&update_for(id)).unwrap_err().to_string();
        assert_eq!(refused, format!("initializing configtx manager failed: bad channel ID: {reason}"));
    }
    for id in ["t", "trade-1.a", &"a".repeat(249)] {
        assert_eq!(system().template(&update_for(id)).unwrap().channel().0, id);
    }
}

// === the filter ===

/// What the filter says of `envelope`, with `channels` served.
fn inspect(system: &SystemChannel, envelope: &Envelope, channels: u64) -> Result<(), String> {
    system.inspect(envelope, channels).map_err(|refusal| refusal.to_string())
}

#[test]
fn the_recorded_creation_passes_and_other_types_are_let_through() {
    let system = system();
    assert_eq!(inspect(&system, &wrap(&recorded().0), 1), Ok(()));
    for header_type in [HeaderType::Config, HeaderType::Message, HeaderType::ConfigUpdate] {
        assert_eq!(inspect(&system, &envelope_of(header_type, "syschannel", Bytes::new()), 1), Ok(()));
    }
}

#[test]
fn the_limit_of_channels_leaves_out_the_system_channel() {
    let mut root = system_root();
    let envelope = wrap(&recorded().0);
    for (limit, channels, is_refused) in [(0, 1_000_000, false), (2, 1, false), (2, 2, false), (2, 3, true)] {
        orderer_value(&mut root, "ChannelRestrictions", &orderer::ChannelRestrictions { max_count: limit });
        let found = inspect(&system_of(&root), &envelope, channels);
        let text = "channel creation would exceed maximimum number of channels: 2".to_owned();
        let expected = match (is_refused, limit) {
            (true, _) => Err(text),
            (false, 0) => Ok(()),
            // The recorded creation is of a system channel without a limit.
            (false, _) => Err(InspectionRefusal::OtherConfig.to_string()),
        };
        assert_eq!(found, expected, "{channels} of {limit}");
    }
}

#[test]
fn no_channel_is_created_in_maintenance() {
    let mut root = system_root();
    let consensus = orderer::ConsensusType { r#type: "kafka".into(), metadata: Bytes::new(), state: 1 };
    orderer_value(&mut root, "ConsensusType", &consensus);
    let refused = system_of(&root).inspect(&wrap(&recorded().0), 1).unwrap_err();
    assert_eq!(refused.to_string(), "channel creation is not permitted: maintenance mode");
    assert!(refused.is_transient());
}

#[test]
fn a_config_other_than_the_one_that_the_update_makes_is_refused() {
    let mut forged = recorded().1;
    forged.config.as_mut().unwrap().sequence = 2;
    let forged = envelope_of(HeaderType::Config, "mychannel", forged.encode_to_vec().into());
    let refused = system().inspect(&wrap(&forged), 1).unwrap_err();
    assert_eq!(refused, InspectionRefusal::OtherConfig);
    assert!(!refused.is_transient());
}

#[test]
fn a_config_that_no_channel_can_have_is_refused_though_everybody_agreed() {
    let mut root = system_root();
    let nobody = common::signature_policy::NOutOf { n: 0, rules: Vec::new() };
    let rule = common::SignaturePolicy { r#type: Some(common::signature_policy::Type::NOutOf(nobody)) };
    let anybody = common::SignaturePolicyEnvelope { rule: Some(rule), ..Default::default() };
    let policy = common::Policy { r#type: 1, value: anybody.encode_to_vec().into() };
    let consortiums = root.groups.get_mut("Consortiums").unwrap();
    let consortium = consortiums.groups.get_mut("SampleConsortium").unwrap();
    consortium.values.get_mut("ChannelCreationPolicy").unwrap().value = policy.encode_to_vec().into();
    let system = system_of(&root);
    let inspected = |update: &Envelope| {
        let data = system.create(update).unwrap().config_data();
        inspect(&system, &wrap(&envelope_of(HeaderType::Config, "mychannel", data)), 1)
    };
    assert_eq!(inspected(&changed(|_| ())), Ok(()));
    let surprise = common::ConfigValue { mod_policy: "Admins".into(), ..Default::default() };
    let update = changed(|update| drop(application(update).values.insert("Surprise".into(), surprise)));
    let refused = inspected(&update).unwrap_err();
    assert!(refused.ends_with("failed to deserialize values: Unexpected key Surprise"), "{refused}");
}

#[test]
fn each_refusal_of_a_wrapped_envelope_has_its_text() {
    let bad = Bytes::from_static(b"\xff");
    let wire = "proto: cannot parse invalid wire-format data";
    let config = |config: common::ConfigEnvelope| {
        wrap(&envelope_of(HeaderType::Config, "mychannel", config.encode_to_vec().into()))
    };
    let update = changed(|update| write_set(update).groups.clear());
    let update =
        common::Envelope { payload: update.payload().clone(), signature: update.signature().clone() };
    let bad_header = common::Header { channel_header: bad.clone(), ..Default::default() };
    let bad_header = common::Payload { header: Some(bad_header), data: Bytes::new() }.encode_to_vec();
    let cases = [
        (Envelope::new(&bad, b""), format!("bad payload: {wire}")),
        (Envelope::new(b"", b""), "missing payload header".into()),
        (
            Envelope::new(&bad_header, b""),
            format!("bad channel header: error unmarshalling ChannelHeader: {wire}"),
        ),
        (
            envelope_of(HeaderType::OrdererTransaction, "syschannel", bad.clone()),
            format!("payload data error unmarshalling to envelope: {wire}"),
        ),
        (
            wrap(&Envelope::new(&bad, b"")),
            format!("error unmarshalling wrapped configtx envelope payload: {wire}"),
        ),
        (wrap(&Envelope::new(b"", b"")), "wrapped configtx envelope missing header".into()),
        (
            wrap(&Envelope::new(&bad_header, b"")),
            format!(
                "error unmarshalling wrapped configtx envelope channel header: \
                 error unmarshalling ChannelHeader: {wire}"
            ),
        ),
        (
            wrap(&envelope_of(HeaderType::Message, "mychannel", Bytes::new())),
            "wrapped configtx envelope not a config transaction".into(),
        ),
        (
            wrap(&envelope_of(HeaderType::Config, "mychannel", bad.clone())),
            format!("error unmarshalling wrapped configtx config envelope from payload: {wire}"),
        ),
        (
            config(common::ConfigEnvelope { last_update: None, ..recorded().1 }),
            "updated config does not include a config update".into(),
        ),
        (
            config(common::ConfigEnvelope { last_update: Some(update), ..recorded().1 }),
            "error constructing new channel config from update: Config update has missing application group"
                .into(),
        ),
    ];
    let system = system();
    for (envelope, expected) in cases {
        assert_eq!(inspect(&system, &envelope, 1), Err(expected));
    }
    let update = changed(|_| ());
    let update =
        common::Envelope { payload: update.payload().clone(), signature: update.signature().clone() };
    let unsigned = config(common::ConfigEnvelope { last_update: Some(update), ..recorded().1 });
    let refused = inspect(&system, &unsigned, 1).unwrap_err();
    let expected = "error proposing channel update to new channel config: error authorizing update: error validating \
                    DeltaSet: policy for [Group]  /Channel/Application not satisfied: ";
    assert!(refused.starts_with(expected), "{refused}");
}

// === the record ===

#[test]
fn a_record_that_names_no_channel_creates_none_and_is_a_block() {
    for payload in [&b"\xff"[..], b""] {
        assert_eq!(NewChannel::read(&wrap(&Envelope::new(payload, b""))), Ok(None));
    }
}

#[test]
fn a_record_whose_config_cannot_be_used_is_no_block() {
    let inner = |change: fn(&mut common::ConfigGroup)| {
        let mut config = recorded().1;
        change(config.config.as_mut().unwrap().channel_group.as_mut().unwrap());
        wrap(&envelope_of(HeaderType::Config, "mychannel", config.encode_to_vec().into()))
    };
    let cases = [
        (envelope_of(HeaderType::OrdererTransaction, "syschannel", Bytes::from_static(b"\xff")), false),
        (wrap(&envelope_of(HeaderType::Message, "mychannel", Bytes::new())), false),
        (inner(|root| root.groups.clear()), false),
        (inner(|root| root.policies.get_mut("Admins").unwrap().policy = None), false),
        (inner(|root| orderer_capabilities(root, &["V9_9"])), true),
    ];
    for (index, (record, is_unsupported)) in cases.into_iter().enumerate() {
        let error = NewChannel::read(&record).unwrap_err();
        assert_eq!(error.unsupported().is_some(), is_unsupported, "{index}: {error}");
    }
}

#[test]
fn an_ordinary_channel_creates_none() {
    let genesis = read_genesis(golden("mychannel.block")).unwrap();
    assert!(SystemChannel::new(&genesis.config).is_none());
}
