//! Groups and values of the config tree: which name means which message.

use super::messages::{
    ACLS, ANCHOR_PEERS, BATCH_SIZE, BATCH_TIMEOUT, BLOCK_DATA_HASHING_STRUCTURE, CAPABILITIES,
    CHANNEL_RESTRICTIONS, CONFIG_POLICY, CONSENSUS_TYPE, CONSORTIUM, HASHING_ALGORITHM, KAFKA_BROKERS,
    MSP_CONFIG, ORDERER_ADDRESSES, POLICY,
};
use super::{Kind, Message, map, single};

/// A group with its own rules for what is below it.
macro_rules! groups {
    ($($name:ident: $groups:expr, $values:expr;)*) => {
        $(pub(in super::super) static $name: Message = Message {
            name: "ConfigGroup",
            fields: &[
                single(1, "version", Kind::Uint64),
                map(2, "groups", Kind::Keyed($groups)),
                map(3, "values", Kind::Keyed($values)),
                map(4, "policies", Kind::Message(&CONFIG_POLICY)),
                single(5, "mod_policy", Kind::Text),
            ],
        };)*
    };
}

/// A value whose bytes are a message.
macro_rules! values {
    ($($name:ident: $message:expr;)*) => {
        $(static $name: Message = Message {
            name: "ConfigValue",
            fields: &[
                single(1, "version", Kind::Uint64),
                single(2, "value", Kind::Opaque(&$message)),
                single(3, "mod_policy", Kind::Text),
            ],
        };)*
    };
}

groups! {
    CHANNEL: |name| match name {
        "Application" => &APPLICATION,
        "Orderer" => &ORDERER,
        "Consortiums" => &CONSORTIUMS,
        _ => &UNKNOWN_GROUP,
    }, |name| match name {
        "HashingAlgorithm" => &HASHING_ALGORITHM_VALUE,
        "BlockDataHashingStructure" => &BLOCK_DATA_HASHING_STRUCTURE_VALUE,
        "OrdererAddresses" => &ORDERER_ADDRESSES_VALUE,
        "Consortium" => &CONSORTIUM_VALUE,
        "Capabilities" => &CAPABILITIES_VALUE,
        _ => &UNKNOWN_VALUE,
    };
    APPLICATION: |_| &APPLICATION_ORGANISATION, |name| match name {
        "Capabilities" => &CAPABILITIES_VALUE,
        "ACLs" => &ACLS_VALUE,
        _ => &UNKNOWN_VALUE,
    };
    APPLICATION_ORGANISATION: |_| &UNKNOWN_GROUP, |name| match name {
        "MSP" => &MSP_VALUE,
        "AnchorPeers" => &ANCHOR_PEERS_VALUE,
        _ => &UNKNOWN_VALUE,
    };
    ORDERER: |_| &ORDERER_ORGANISATION, |name| match name {
        "ConsensusType" => &CONSENSUS_TYPE_VALUE,
        "BatchSize" => &BATCH_SIZE_VALUE,
        "BatchTimeout" => &BATCH_TIMEOUT_VALUE,
        "KafkaBrokers" => &KAFKA_BROKERS_VALUE,
        "ChannelRestrictions" => &CHANNEL_RESTRICTIONS_VALUE,
        "Capabilities" => &CAPABILITIES_VALUE,
        _ => &UNKNOWN_VALUE,
    };
    ORDERER_ORGANISATION: |_| &UNKNOWN_GROUP, |name| match name {
        "MSP" => &MSP_VALUE,
        "Endpoints" => &ORDERER_ADDRESSES_VALUE,
        _ => &UNKNOWN_VALUE,
    };
    CONSORTIUMS: |_| &CONSORTIUM_GROUP, |_| &UNKNOWN_VALUE;
    CONSORTIUM_GROUP: |_| &CONSORTIUM_ORGANISATION, |name| match name {
        "ChannelCreationPolicy" => &CHANNEL_CREATION_POLICY_VALUE,
        _ => &UNKNOWN_VALUE,
    };
    CONSORTIUM_ORGANISATION: |_| &UNKNOWN_GROUP, |name| match name {
        "MSP" => &MSP_VALUE,
        _ => &UNKNOWN_VALUE,
    };
    // Differs: configtxlator fails where a group or value has a name that it does not know.
    UNKNOWN_GROUP: |_| &UNKNOWN_GROUP, |_| &UNKNOWN_VALUE;
}

values! {
    HASHING_ALGORITHM_VALUE: HASHING_ALGORITHM;
    BLOCK_DATA_HASHING_STRUCTURE_VALUE: BLOCK_DATA_HASHING_STRUCTURE;
    ORDERER_ADDRESSES_VALUE: ORDERER_ADDRESSES;
    CONSORTIUM_VALUE: CONSORTIUM;
    CAPABILITIES_VALUE: CAPABILITIES;
    ACLS_VALUE: ACLS;
    MSP_VALUE: MSP_CONFIG;
    ANCHOR_PEERS_VALUE: ANCHOR_PEERS;
    CONSENSUS_TYPE_VALUE: CONSENSUS_TYPE;
    BATCH_SIZE_VALUE: BATCH_SIZE;
    BATCH_TIMEOUT_VALUE: BATCH_TIMEOUT;
    KAFKA_BROKERS_VALUE: KAFKA_BROKERS;
    CHANNEL_RESTRICTIONS_VALUE: CHANNEL_RESTRICTIONS;
    CHANNEL_CREATION_POLICY_VALUE: POLICY;
}

static UNKNOWN_VALUE: Message = Message {
    name: "ConfigValue",
    fields: &[
        single(1, "version", Kind::Uint64),
        single(2, "value", Kind::Bytes),
        single(3, "mod_policy", Kind::Text),
    ],
};
