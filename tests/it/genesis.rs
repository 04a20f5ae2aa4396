//! A generated genesis block beside those that Fabric v2.5.16 made.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use prost::Message as _;
use raddle::network::{
    ChannelDraft, ConsensusDraft, OrdererOrganisation, Organisation, OrganisationNames, Validity,
};
use raddle_core::bundle::BatchSize;
use raddle_core::ids::ChannelId;
use raddle_proto::wire::{self, Envelope};
use raddle_proto::{common, hash, msp};

use crate::harness::golden;

/// The network of the recorded blocks, with names and settings of theirs, and keys of its own.
fn as_recorded(channel: &str) -> common::Block {
    let now = SystemTime::now();
    let organisation = |name: &str, msp_id: &str, domain: &str| {
        Organisation::generate(OrganisationNames::new(name, msp_id, domain), Validity::ten_years(now))
            .unwrap()
    };
    let orderer = organisation("OrdererOrg", "OrdererMSP", "example.com");
    let org1 = organisation("Org1MSP", "Org1MSP", "org1.example.com");
    let org2 = organisation("Org2MSP", "Org2MSP", "org2.example.com");
    let addresses = vec!["127.0.0.1:7050".to_owned()];
    let draft = ChannelDraft {
        channel: ChannelId(channel.into()),
        batch_size: BatchSize {
            max_message_count: 10,
            absolute_max_bytes: 1 << 20,
            preferred_max_bytes: 512 << 10,
        },
        batch_timeout: Duration::from_millis(500),
        consensus: ConsensusDraft {
            kind: "kafka".into(),
            metadata: Bytes::new(),
            kafka_brokers: vec!["127.0.0.1:9092".into()],
        },
        orderers: vec![OrdererOrganisation { organisation: &orderer, endpoints: addresses.clone() }],
        orderer_addresses: addresses,
        members: vec![&org1, &org2],
    };
    draft.genesis(now).unwrap()
}

fn recorded(name: &str) -> common::Block {
    common::Block::decode(std::fs::read(golden(name)).unwrap().as_slice()).unwrap()
}

fn config(block: &common::Block) -> common::Config {
    let envelope = Envelope::unmarshal(block.data.as_ref().unwrap().data[0].clone()).unwrap();
    let payload = common::Payload::decode(envelope.payload().clone()).unwrap();
    let config = common::ConfigEnvelope::decode(payload.data).unwrap();
    config.config.unwrap()
}

/// Every group, value and policy by its path, as text.
fn flatten(block: &common::Block) -> BTreeMap<String, String> {
    let config = config(block);
    let mut flat = BTreeMap::from([("sequence".to_owned(), config.sequence.to_string())]);
    walk("Channel", &config.channel_group.unwrap(), &mut flat);
    flat
}

fn walk(path: &str, group: &common::ConfigGroup, flat: &mut BTreeMap<String, String>) {
    flat.insert(path.into(), format!("version {}, changed by {}", group.version, group.mod_policy));
    for (name, value) in &group.values {
        let content = match name.as_str() {
            "MSP" => msp_shape(&value.value),
            _ => format!("{:?}", value.value),
        };
        let line = format!("version {}, changed by {}: {content}", value.version, value.mod_policy);
        flat.insert(format!("{path} value {name}"), line);
    }
    for (name, policy) in &group.policies {
        let line =
            format!("version {}, changed by {}: {:?}", policy.version, policy.mod_policy, policy.policy);
        flat.insert(format!("{path} policy {name}"), line);
    }
    for (name, group) in &group.groups {
        walk(&format!("{path}/{name}"), group, flat);
    }
}

/// An MSP with lengths in the place of certificates.
fn msp_shape(value: &Bytes) -> String {
    let config = msp::MspConfig::decode(value.clone()).unwrap();
    let mut fabric = msp::FabricMspConfig::decode(config.config).unwrap();
    let root = fabric.root_certs[0].clone();
    let text = |is_root: bool| Bytes::from_static(if is_root { b"the root" } else { b"another" });
    fabric.root_certs = fabric.root_certs.iter().map(|it| text(*it == root)).collect();
    let units = fabric.fabric_node_ous.as_mut().unwrap();
    for unit in [
        &mut units.client_ou_identifier,
        &mut units.peer_ou_identifier,
        &mut units.admin_ou_identifier,
        &mut units.orderer_ou_identifier,
    ] {
        let unit = unit.as_mut().unwrap();
        unit.certificate = text(unit.certificate == root);
    }
    // No TLS certificates are generated.
    fabric.tls_root_certs.clear();
    format!("type {}: {fabric:?}", config.r#type)
}

/// What stands in one of them and not in the other, or differently.
fn differences(ours: &common::Block, theirs: &common::Block) -> Vec<String> {
    let (ours, theirs) = (flatten(ours), flatten(theirs));
    let mut all: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
    all.sort();
    all.dedup();
    let differs = all.into_iter().filter(|key| ours.get(*key) != theirs.get(*key));
    let none = String::from("nothing");
    let line = |key: &String| {
        let (ours, theirs) = (ours.get(key).unwrap_or(&none), theirs.get(key).unwrap_or(&none));
        format!("{key}: {ours} | {theirs}")
    };
    differs.map(line).collect()
}

/// configtxgen's own block of such a channel: everything is the same but keys, and that there are no TLS authorities.
#[test]
fn the_config_is_the_one_that_configtxgen_makes() {
    let (ours, theirs) = (as_recorded("appkafka"), recorded("appkafka.block"));
    assert_eq!(differences(&ours, &theirs), Vec::<String>::new());
    assert!(flatten(&ours).len() > 40);
}

/// Where there is a system channel, an update of it makes the channel: the update is sequence 1, changed the
/// Application group, and named the consortium that allowed it.
#[test]
fn a_channel_that_was_made_in_a_system_channel_differs_by_how_it_was_made() {
    let (ours, theirs) = (as_recorded("mychannel"), recorded("mychannel.block"));
    let expected = [
        "Channel value Consortium: nothing | version 0, changed by Admins: b\"\\n\\x10SampleConsortium\"",
        "Channel/Application: version 0, changed by Admins | version 1, changed by Admins",
        "sequence: 0 | 1",
    ];
    assert_eq!(differences(&ours, &theirs), expected);
}

#[test]
fn header_and_metadata_are_those_of_configtxgen() {
    let (ours, theirs) = (as_recorded("appkafka"), recorded("appkafka.block"));
    assert_eq!(ours.metadata, theirs.metadata);
    let header = ours.header.as_ref().unwrap();
    assert_eq!(
        (header.number, header.previous_hash.len()),
        (0, theirs.header.as_ref().unwrap().previous_hash.len())
    );
    let data = &ours.data.as_ref().unwrap().data;
    assert_eq!(header.data_hash.as_ref(), hash::block_data_hash(data.iter().map(AsRef::as_ref)));

    let envelope =
        |block: &common::Block| Envelope::unmarshal(block.data.as_ref().unwrap().data[0].clone()).unwrap();
    let (ours, theirs) = (envelope(&ours), envelope(&theirs));
    assert_eq!((ours.signature(), theirs.signature()), (&Bytes::new(), &Bytes::new()));
    let (our_header, their_header) =
        (wire::channel_header(&ours).unwrap(), wire::channel_header(&theirs).unwrap());
    let shape = |header: &common::ChannelHeader| {
        let timestamp = header.timestamp.as_ref().unwrap();
        (
            header.r#type,
            header.version,
            header.channel_id.clone(),
            header.tx_id.len(),
            header.epoch,
            timestamp.nanos,
        )
    };
    assert_eq!(shape(&our_header), shape(&their_header));
    let (ours, theirs) = (wire::signature_header(&ours).unwrap(), wire::signature_header(&theirs).unwrap());
    assert_eq!((ours.creator.len(), ours.nonce.len()), (theirs.creator.len(), theirs.nonce.len()));
}
