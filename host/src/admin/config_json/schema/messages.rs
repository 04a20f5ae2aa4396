//! Messages whose fields do not depend on where they stand.

use raddle_proto::common;
use raddle_proto::wire::go_decode;

use super::groups::CHANNEL;
use super::{First, Kind, Message, map, one_of, repeated, single};

macro_rules! messages {
    ($($name:ident $type:literal: $($field:expr),* $(,)?;)*) => {
        $(pub(in super::super) static $name: Message = Message { name: $type, fields: &[$($field),*] };)*
    };
}

// The config, its updates, and what carries them.
messages! {
    BLOCK "Block":
        single(1, "header", Kind::Message(&BLOCK_HEADER)),
        single(2, "data", Kind::Message(&BLOCK_DATA)),
        single(3, "metadata", Kind::Message(&BLOCK_METADATA));
    BLOCK_HEADER "BlockHeader":
        single(1, "number", Kind::Uint64),
        single(2, "previous_hash", Kind::Bytes),
        single(3, "data_hash", Kind::Bytes);
    BLOCK_DATA "BlockData": repeated(1, "data", Kind::Opaque(&ENVELOPE));
    BLOCK_METADATA "BlockMetadata": repeated(1, "metadata", Kind::Bytes);
    ENVELOPE "Envelope": single(1, "payload", Kind::Opaque(&PAYLOAD)), single(2, "signature", Kind::Bytes);
    PAYLOAD "Payload": single(1, "header", Kind::Message(&HEADER)), single(2, "data", Kind::Chosen(payload_data));
    HEADER "Header":
        single(1, "channel_header", Kind::Opaque(&CHANNEL_HEADER)),
        single(2, "signature_header", Kind::Opaque(&SIGNATURE_HEADER));
    CHANNEL_HEADER "ChannelHeader":
        single(1, "type", Kind::Int32),
        single(2, "version", Kind::Int32),
        single(3, "timestamp", Kind::Timestamp),
        single(4, "channel_id", Kind::Text),
        single(5, "tx_id", Kind::Text),
        single(6, "epoch", Kind::Uint64),
        single(7, "extension", Kind::Chosen(|_| None)),
        single(8, "tls_cert_hash", Kind::Bytes);
    SIGNATURE_HEADER "SignatureHeader":
        single(1, "creator", Kind::Opaque(&SERIALIZED_IDENTITY)),
        single(2, "nonce", Kind::Bytes);
    SERIALIZED_IDENTITY "SerializedIdentity": single(1, "mspid", Kind::Text), single(2, "id_bytes", Kind::Bytes);
    CONFIG_ENVELOPE "ConfigEnvelope":
        single(1, "config", Kind::Message(&CONFIG)),
        single(2, "last_update", Kind::Message(&ENVELOPE));
    CONFIG "Config": single(1, "sequence", Kind::Uint64), single(2, "channel_group", Kind::Message(&CHANNEL));
    CONFIG_UPDATE_ENVELOPE "ConfigUpdateEnvelope":
        single(1, "config_update", Kind::Opaque(&CONFIG_UPDATE)),
        repeated(2, "signatures", Kind::Message(&CONFIG_SIGNATURE));
    CONFIG_UPDATE "ConfigUpdate":
        single(1, "channel_id", Kind::Text),
        single(2, "read_set", Kind::Message(&CHANNEL)),
        single(3, "write_set", Kind::Message(&CHANNEL)),
        map(5, "isolated_data", Kind::Bytes);
    CONFIG_SIGNATURE "ConfigSignature":
        single(1, "signature_header", Kind::Opaque(&SIGNATURE_HEADER)),
        single(2, "signature", Kind::Bytes);
}

// Policies.
messages! {
    CONFIG_POLICY "ConfigPolicy":
        single(1, "version", Kind::Uint64),
        single(2, "policy", Kind::Message(&POLICY)),
        single(3, "mod_policy", Kind::Text);
    POLICY "Policy": single(1, "type", Kind::Int32), single(2, "value", Kind::Chosen(policy_value));
    SIGNATURE_POLICY_ENVELOPE "SignaturePolicyEnvelope":
        single(1, "version", Kind::Int32),
        single(2, "rule", Kind::Message(&SIGNATURE_POLICY)),
        repeated(3, "identities", Kind::Message(&MSP_PRINCIPAL));
    SIGNATURE_POLICY "SignaturePolicy":
        one_of(1, "signed_by", Kind::Int32),
        one_of(2, "n_out_of", Kind::Message(&N_OUT_OF));
    N_OUT_OF "NOutOf": single(1, "n", Kind::Int32), repeated(2, "rules", Kind::Message(&SIGNATURE_POLICY));
    IMPLICIT_META_POLICY "ImplicitMetaPolicy":
        single(1, "sub_policy", Kind::Text),
        single(2, "rule", Kind::Enum(&[(0, "ANY"), (1, "ALL"), (2, "MAJORITY")]));
    MSP_PRINCIPAL "MSPPrincipal":
        single(1, "principal_classification", Kind::Enum(&[
            (0, "ROLE"), (1, "ORGANIZATION_UNIT"), (2, "IDENTITY"), (3, "ANONYMITY"), (4, "COMBINED"),
        ])),
        single(2, "principal", Kind::Chosen(principal));
    MSP_ROLE "MSPRole":
        single(1, "msp_identifier", Kind::Text),
        single(2, "role", Kind::Enum(&[
            (0, "MEMBER"), (1, "ADMIN"), (2, "CLIENT"), (3, "PEER"), (4, "ORDERER"),
        ]));
    ORGANIZATION_UNIT "OrganizationUnit":
        single(1, "msp_identifier", Kind::Text),
        single(2, "organizational_unit_identifier", Kind::Text),
        single(3, "certifiers_identifier", Kind::Bytes);
}

// Values of the channel, of Application and of Orderer.
messages! {
    HASHING_ALGORITHM "HashingAlgorithm": single(1, "name", Kind::Text);
    BLOCK_DATA_HASHING_STRUCTURE "BlockDataHashingStructure": single(1, "width", Kind::Uint32);
    ORDERER_ADDRESSES "OrdererAddresses": repeated(1, "addresses", Kind::Text);
    CONSORTIUM "Consortium": single(1, "name", Kind::Text);
    CAPABILITIES "Capabilities": map(1, "capabilities", Kind::Message(&CAPABILITY));
    CAPABILITY "Capability": ;
    ACLS "ACLs": map(1, "acls", Kind::Message(&API_RESOURCE));
    API_RESOURCE "APIResource": single(1, "policy_ref", Kind::Text);
    ANCHOR_PEERS "AnchorPeers": repeated(1, "anchor_peers", Kind::Message(&ANCHOR_PEER));
    ANCHOR_PEER "AnchorPeer": single(1, "host", Kind::Text), single(2, "port", Kind::Int32);
    CONSENSUS_TYPE "ConsensusType":
        single(1, "type", Kind::Text),
        single(2, "metadata", Kind::Chosen(consensus_metadata)),
        single(3, "state", Kind::Enum(&[(0, "STATE_NORMAL"), (1, "STATE_MAINTENANCE")]));
    BATCH_SIZE "BatchSize":
        single(1, "max_message_count", Kind::Uint32),
        single(2, "absolute_max_bytes", Kind::Uint32),
        single(3, "preferred_max_bytes", Kind::Uint32);
    BATCH_TIMEOUT "BatchTimeout": single(1, "timeout", Kind::Text);
    KAFKA_BROKERS "KafkaBrokers": repeated(1, "brokers", Kind::Text);
    CHANNEL_RESTRICTIONS "ChannelRestrictions": single(1, "max_count", Kind::Uint64);
    RAFT_METADATA "ConfigMetadata":
        repeated(1, "consenters", Kind::Message(&RAFT_CONSENTER)),
        single(2, "options", Kind::Message(&RAFT_OPTIONS));
    RAFT_CONSENTER "Consenter":
        single(1, "host", Kind::Text),
        single(2, "port", Kind::Uint32),
        single(3, "client_tls_cert", Kind::Bytes),
        single(4, "server_tls_cert", Kind::Bytes);
    RAFT_OPTIONS "Options":
        single(1, "tick_interval", Kind::Text),
        single(2, "election_tick", Kind::Uint32),
        single(3, "heartbeat_tick", Kind::Uint32),
        single(4, "max_inflight_blocks", Kind::Uint32),
        single(5, "snapshot_interval_size", Kind::Uint32);
}

// MSPs.
messages! {
    MSP_CONFIG "MSPConfig": single(1, "type", Kind::Int32), single(2, "config", Kind::Chosen(msp_config));
    FABRIC_MSP_CONFIG "FabricMSPConfig":
        single(1, "name", Kind::Text),
        repeated(2, "root_certs", Kind::Bytes),
        repeated(3, "intermediate_certs", Kind::Bytes),
        repeated(4, "admins", Kind::Bytes),
        repeated(5, "revocation_list", Kind::Bytes),
        single(6, "signing_identity", Kind::Message(&SIGNING_IDENTITY_INFO)),
        repeated(7, "organizational_unit_identifiers", Kind::Message(&FABRIC_OU_IDENTIFIER)),
        single(8, "crypto_config", Kind::Message(&FABRIC_CRYPTO_CONFIG)),
        repeated(9, "tls_root_certs", Kind::Bytes),
        repeated(10, "tls_intermediate_certs", Kind::Bytes),
        single(11, "fabric_node_ous", Kind::Message(&FABRIC_NODE_OUS));
    SIGNING_IDENTITY_INFO "SigningIdentityInfo":
        single(1, "public_signer", Kind::Bytes),
        single(2, "private_signer", Kind::Message(&KEY_INFO));
    KEY_INFO "KeyInfo": single(1, "key_identifier", Kind::Text), single(2, "key_material", Kind::Bytes);
    FABRIC_OU_IDENTIFIER "FabricOUIdentifier":
        single(1, "certificate", Kind::Bytes),
        single(2, "organizational_unit_identifier", Kind::Text);
    FABRIC_CRYPTO_CONFIG "FabricCryptoConfig":
        single(1, "signature_hash_family", Kind::Text),
        single(2, "identity_identifier_hash_function", Kind::Text);
    FABRIC_NODE_OUS "FabricNodeOUs":
        single(1, "enable", Kind::Bool),
        single(2, "client_ou_identifier", Kind::Message(&FABRIC_OU_IDENTIFIER)),
        single(3, "peer_ou_identifier", Kind::Message(&FABRIC_OU_IDENTIFIER)),
        single(4, "admin_ou_identifier", Kind::Message(&FABRIC_OU_IDENTIFIER)),
        single(5, "orderer_ou_identifier", Kind::Message(&FABRIC_OU_IDENTIFIER));
    IDEMIX_MSP_CONFIG "IdemixMSPConfig":
        single(1, "name", Kind::Text),
        single(2, "ipk", Kind::Bytes),
        single(3, "signer", Kind::Message(&IDEMIX_SIGNER)),
        single(4, "revocation_pk", Kind::Bytes),
        single(5, "epoch", Kind::Int64);
    IDEMIX_SIGNER "IdemixMSPSignerConfig":
        single(1, "cred", Kind::Bytes),
        single(2, "sk", Kind::Bytes),
        single(3, "organizational_unit_identifier", Kind::Text),
        single(4, "role", Kind::Int32),
        single(5, "enrollment_id", Kind::Text),
        single(6, "credential_revocation_information", Kind::Bytes);
}

fn policy_value(kind: First<'_>) -> Option<&'static Message> {
    match kind.number() {
        1 => Some(&SIGNATURE_POLICY_ENVELOPE),
        3 => Some(&IMPLICIT_META_POLICY),
        _ => None,
    }
}

fn principal(class: First<'_>) -> Option<&'static Message> {
    match class.number() {
        0 => Some(&MSP_ROLE),
        1 => Some(&ORGANIZATION_UNIT),
        2 => Some(&SERIALIZED_IDENTITY),
        _ => None,
    }
}

fn msp_config(kind: First<'_>) -> Option<&'static Message> {
    match kind.number() {
        0 => Some(&FABRIC_MSP_CONFIG),
        1 => Some(&IDEMIX_MSP_CONFIG),
        _ => None,
    }
}

fn consensus_metadata(kind: First<'_>) -> Option<&'static Message> {
    matches!(kind, First::Bytes(b"etcdraft")).then_some(&RAFT_METADATA)
}

/// Differs: configtxlator also reads what `ENDORSER_TRANSACTION` and `MESSAGE` carry.
fn payload_data(header: First<'_>) -> Option<&'static Message> {
    let First::Bytes(header) = header else { return None };
    let header: common::Header = go_decode(header.to_vec().into()).ok()?;
    let header: common::ChannelHeader = go_decode(header.channel_header).ok()?;
    match common::HeaderType::try_from(header.r#type).ok()? {
        common::HeaderType::Config => Some(&CONFIG_ENVELOPE),
        common::HeaderType::ConfigUpdate => Some(&CONFIG_UPDATE_ENVELOPE),
        common::HeaderType::OrdererTransaction => Some(&ENVELOPE),
        _ => None,
    }
}
