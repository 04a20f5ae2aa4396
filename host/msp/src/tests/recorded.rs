//! The MSPs, identities and signatures of a recorded channel.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common::{self, MspPrincipal};
use raddle_proto::msp::MspConfig;
use raddle_proto::wire::{Class, Envelope, KafkaMessage, go_decode, signature_header};

use crate::{CacheSizes, CachedManager, Msp, MspManager, MspVersion};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/fabric-2.5").join(name)
}

/// Every MSP of a config block, from whichever group.
pub(super) fn msps_of(block: &str) -> Vec<MspConfig> {
    let block: common::Block = go_decode(std::fs::read(golden(block)).unwrap().into()).unwrap();
    let envelope = Envelope::unmarshal(block.data.unwrap().data[0].clone()).unwrap();
    let payload: common::Payload = go_decode(envelope.payload().clone()).unwrap();
    let config: common::ConfigEnvelope = go_decode(payload.data).unwrap();
    let mut msps = Vec::new();
    let mut groups = vec![config.config.unwrap().channel_group.unwrap()];
    while let Some(group) = groups.pop() {
        msps.extend(
            group.values.get("MSP").map(|value| go_decode::<MspConfig>(value.value.clone()).unwrap()),
        );
        groups.extend(group.groups.into_values());
    }
    msps
}

pub(super) fn manager(version: MspVersion) -> MspManager {
    MspManager::new(msps_of("mychannel.block").iter().map(|config| Msp::setup(config, version).unwrap()))
}

/// All envelopes of normal and config records of the recorded topic.
pub(super) fn recorded_envelopes() -> Vec<Envelope> {
    let mut lines = String::new();
    let file = std::fs::File::open(golden("mychannel.topic.jsonl.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut lines).unwrap();
    let records = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let values =
        records.map(|record| Bytes::from(STANDARD.decode(record["value"].as_str().unwrap()).unwrap()));
    let regular = values.filter_map(|value| match KafkaMessage::unmarshal(value).unwrap() {
        KafkaMessage::Regular(regular) if regular.class != Class::Unknown => Some(regular.payload),
        _ => None,
    });
    regular.map(|bytes| Envelope::unmarshal(bytes).unwrap()).collect()
}

fn role(msp_id: &str, role: common::msp_role::MspRoleType) -> MspPrincipal {
    let role = common::MspRole { msp_identifier: msp_id.to_owned(), role: role as i32 };
    MspPrincipal { principal_classification: 0, principal: role.encode_to_vec().into() }
}

#[test]
fn the_msps_of_recorded_channels_are_set_up() {
    for block in ["mychannel.block", "appkafka.block", "raftchannel.block", "kafka-genesis.block"] {
        let configs = msps_of(block);
        assert!(!configs.is_empty());
        for config in configs {
            let msp = Msp::setup(&config, MspVersion::V1_4_3).unwrap();
            assert!(msp.id().ends_with("MSP"));
            assert!(!msp.tls_roots().is_empty());
        }
    }
}

#[test]
fn every_recorded_signature_holds_and_no_other() {
    use common::msp_role::MspRoleType::{Admin, Client, Member, Peer};
    let cached = CachedManager::new(manager(MspVersion::V1_4_3), CacheSizes::default());
    let mut seen = BTreeSet::new();
    let envelopes = recorded_envelopes();
    assert!(envelopes.len() > 1_000, "{}", envelopes.len());
    for envelope in envelopes {
        let creator = signature_header(&envelope).unwrap().creator;
        let identity = cached.deserialize(&creator).unwrap();
        identity.validate().unwrap();
        identity.verify(envelope.payload(), envelope.signature()).unwrap();
        let other = [envelope.payload().as_ref(), b"x"].concat();
        assert_eq!(
            identity.verify(&other, envelope.signature()).unwrap_err().to_string(),
            "The signature is invalid"
        );
        assert_eq!(cached.manager().deserialize(&identity.serialize()).unwrap().id(), identity.id());
        let has_high_s = identity.serialize() != creator;
        let of_role = |kind| cached.satisfies(&identity, &role(identity.msp_id(), kind)).is_ok();
        assert!(of_role(Member) && !of_role(Peer));
        seen.insert((identity.msp_id().to_owned(), of_role(Admin), of_role(Client), has_high_s, creator));
    }
    assert_eq!(cached.identities_remembered(), seen.len());
    // MSP, admin, client, high S in the certificate
    let expected = [
        ("OrdererMSP", false, false, false),
        ("OrdererMSP", true, false, false),
        ("Org1MSP", false, true, false),
        ("Org1MSP", false, true, false),
        ("Org1MSP", false, true, true),
        ("Org1MSP", true, false, false),
    ];
    let seen: Vec<_> = seen.iter().map(|seen| (seen.0.as_str(), seen.1, seen.2, seen.3)).collect();
    assert_eq!(seen, expected);
}
