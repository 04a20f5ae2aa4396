//! The config tree of a new channel.
//!
//! Source: fabric v2.5.16 `internal/configtxgen/encoder/encoder.go`, with the policies of the profiles that come with
//! it.

use bytes::Bytes;
use prost::Message;
use raddle_core::duration;
use raddle_core::policy::ORDERER_ADMINS;
use raddle_proto::common::implicit_meta_policy::Rule;
use raddle_proto::common::msp_role::MspRoleType;
use raddle_proto::common::{
    BlockDataHashingStructure, ConfigGroup, ConfigPolicy, ConfigValue, HashingAlgorithm, OrdererAddresses,
};
use raddle_proto::orderer::{BatchSize, BatchTimeout, ChannelRestrictions, ConsensusType, KafkaBrokers};

use super::policy::{ADMINS, any_of, implicit};
use super::{ChannelDraft, OrdererOrganisation, Organisation};

/// The group `/Channel`.
pub(super) fn channel_group(draft: &ChannelDraft<'_>) -> ConfigGroup {
    let mut group = group(usual_policies());
    put(&mut group, "HashingAlgorithm", &HashingAlgorithm { name: "SHA256".into() });
    put(&mut group, "BlockDataHashingStructure", &BlockDataHashingStructure { width: u32::MAX });
    if !draft.orderer_addresses.is_empty() {
        put(&mut group, "OrdererAddresses", &addresses(&draft.orderer_addresses));
        // Where the orderers are is the orderers' to say.
        if let Some(value) = group.values.get_mut("OrdererAddresses") {
            value.mod_policy = ORDERER_ADMINS.into();
        }
    }
    put_capability(&mut group, "V2_0");
    group.groups.insert("Orderer".into(), orderer_group(draft));
    group.groups.insert("Application".into(), application_group(draft));
    group
}

fn orderer_group(draft: &ChannelDraft<'_>) -> ConfigGroup {
    let mut group = group(usual_policies());
    group.policies.insert("BlockValidation".into(), implicit(Rule::Any, "Writers"));
    let size = draft.batch_size;
    let size = BatchSize {
        max_message_count: size.max_message_count,
        absolute_max_bytes: size.absolute_max_bytes,
        preferred_max_bytes: size.preferred_max_bytes,
    };
    put(&mut group, "BatchSize", &size);
    put(&mut group, "BatchTimeout", &BatchTimeout { timeout: duration::text(draft.batch_timeout) });
    // No limit: a count of 0.
    put(&mut group, "ChannelRestrictions", &ChannelRestrictions::default());
    let consensus = &draft.consensus;
    if !consensus.kafka_brokers.is_empty() {
        put(&mut group, "KafkaBrokers", &KafkaBrokers { brokers: consensus.kafka_brokers.clone() });
    }
    let kind =
        ConsensusType { r#type: consensus.kind.clone(), metadata: consensus.metadata.clone(), state: 0 };
    put(&mut group, "ConsensusType", &kind);
    put_capability(&mut group, "V2_0");
    for orderer in &draft.orderers {
        let name = orderer.organisation.names().name.clone();
        group.groups.insert(name, orderer_organisation_group(orderer));
    }
    group
}

fn application_group(draft: &ChannelDraft<'_>) -> ConfigGroup {
    let mut group = group(usual_policies());
    for name in ["Endorsement", "LifecycleEndorsement"] {
        group.policies.insert(name.into(), implicit(Rule::Majority, "Endorsement"));
    }
    put_capability(&mut group, "V2_5");
    for member in &draft.members {
        group.groups.insert(member.names().name.clone(), member_group(member));
    }
    group
}

fn orderer_organisation_group(orderer: &OrdererOrganisation<'_>) -> ConfigGroup {
    let msp_id = &orderer.organisation.names().msp_id;
    let mut group = group([
        ("Readers", any_of(msp_id, &[MspRoleType::Member])),
        ("Writers", any_of(msp_id, &[MspRoleType::Member])),
        ("Admins", any_of(msp_id, &[MspRoleType::Admin])),
    ]);
    put(&mut group, "MSP", &orderer.organisation.msp_config());
    if !orderer.endpoints.is_empty() {
        put(&mut group, "Endpoints", &addresses(&orderer.endpoints));
    }
    group
}

fn member_group(member: &Organisation) -> ConfigGroup {
    let msp_id = &member.names().msp_id;
    let mut group = group([
        ("Readers", any_of(msp_id, &[MspRoleType::Admin, MspRoleType::Peer, MspRoleType::Client])),
        ("Writers", any_of(msp_id, &[MspRoleType::Admin, MspRoleType::Client])),
        ("Admins", any_of(msp_id, &[MspRoleType::Admin])),
        ("Endorsement", any_of(msp_id, &[MspRoleType::Peer])),
    ]);
    put(&mut group, "MSP", &member.msp_config());
    group
}

/// Those of the channel and of both its sections.
fn usual_policies() -> [(&'static str, ConfigPolicy); 3] {
    [
        ("Readers", implicit(Rule::Any, "Readers")),
        ("Writers", implicit(Rule::Any, "Writers")),
        ("Admins", implicit(Rule::Majority, "Admins")),
    ]
}

fn group<const N: usize>(policies: [(&str, ConfigPolicy); N]) -> ConfigGroup {
    ConfigGroup {
        policies: policies.into_iter().map(|(name, policy)| (name.into(), policy)).collect(),
        mod_policy: ADMINS.into(),
        ..ConfigGroup::default()
    }
}

fn put(group: &mut ConfigGroup, key: &str, value: &impl Message) {
    put_bytes(group, key, value.encode_to_vec());
}

fn put_bytes(group: &mut ConfigGroup, key: &str, value: Vec<u8>) {
    let value = ConfigValue { version: 0, value: Bytes::from(value), mod_policy: ADMINS.into() };
    group.values.insert(key.into(), value);
}

/// Marshalled `Capabilities` with one name, as Go writes them: with the empty message behind the name, which prost
/// leaves out. Tools that find out what a config update changes compare bytes.
fn put_capability(group: &mut ConfigGroup, name: &str) {
    let length = u8::try_from(name.len()).unwrap_or_default();
    let entry = [&[0x0a, length], name.as_bytes(), &[0x12, 0]].concat();
    let head = [0x0a, u8::try_from(entry.len()).unwrap_or_default()];
    put_bytes(group, "Capabilities", [&head, entry.as_slice()].concat());
}

fn addresses(addresses: &[String]) -> OrdererAddresses {
    OrdererAddresses { addresses: addresses.to_vec() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use raddle_proto::common::Capabilities;
    use raddle_proto::wire::go_decode;

    use super::*;

    #[test]
    fn a_capability_is_written_as_go_writes_it() {
        let mut group = ConfigGroup::default();
        put_capability(&mut group, "V2_0");
        let value = group.values.remove("Capabilities").unwrap().value;
        assert_eq!(value.as_ref(), b"\x0a\x08\x0a\x04V2_0\x12\x00");
        let read: Capabilities = go_decode(value).unwrap();
        assert_eq!(read.capabilities.into_keys().collect::<Vec<_>>(), ["V2_0"]);
    }
}
