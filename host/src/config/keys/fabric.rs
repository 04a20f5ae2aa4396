//! Fabric's own file: every key that an orderer of Fabric 1.4, 2.5 or 3.1 takes, and what becomes of it here.

use super::Kind::{
    Boolean, Duration, Fraction, Integer, KafkaVersion, List, Number, Path, Paths, Secret, Size, Text,
};
use super::{Fate, Key, Kind, Schema, Versions};

const PORT: Kind = Number(u16::MAX as u64);
/// Fabric keeps a message's size in 32 bits with a sign.
const MESSAGE: Kind = Number(i32::MAX as u64);
/// Kafka counts copies in 16 bits with a sign.
const COPIES: Kind = Number(i16::MAX as u64);

const ALL: Versions = Versions::ALL;
const V1: Versions = Versions::V1;
const V1_V2: Versions = Versions::V1_V2;
const V2_V3: Versions = Versions::V2_V3;
const V3: Versions = Versions::V3;

// === why a key has no effect: what stands behind its name and a semicolon ===

const CLUSTER: &str = "orderers ask one another for a joined channel's blocks only: the log is between them";
const RAFT: &str = "no channel is ordered by Raft here";
const LIBRARY: &str = "librdkafka does this by rules of its own";
const BROKERS: &str =
    "brokers tell which protocol they speak, as all do that have a cluster id, from 0.10.1 on";
const PINGS: &str = "clients may ping as often as they like";
const PROFILE: &str = "there is no profile of a Go program to be had";
const STATSD: &str = "metrics are pushed to nobody, and are at /metrics of Operations.ListenAddress";
const TRACES: &str = "requests are not written to files";
const LEDGER: &str = "blocks are always kept in files at FileLedger.Location";
const HASH: &str = "an orderer signs with ECDSA on P-256 and SHA-256";
const LOGGING: &str = "set $FABRIC_LOGGING_SPEC";
const THROTTLE: &str = "clients share the node fairly without a rate";
const HARDWARE: &str = "keys in a hardware module are not used";
const PREFIX: &str = "a folder is always named, by FileLedger.Location";

/// `orderer.yaml`. One file serves all versions: what only some take is known all the same.
///
/// Source: fabric v1.4.12, v2.5.16 and v3.1.5 `orderer/common/localconfig/config.go`, `sampleconfig/orderer.yaml`;
/// below `General.BCCSP` `bccsp/factory/opts.go` and `bccsp/pkcs11/conf.go`, below `Consensus`
/// `orderer/consensus/etcdraft/consenter.go`. Defaults are those of v2.5.16's `Defaults` and `completeInitialization`.
pub(in super::super) const ORDERER: Schema = Schema {
    name: "orderer",
    keys: &[
        works("General.ListenAddress", Text, "127.0.0.1", ALL),
        works("General.ListenPort", PORT, "7050", ALL),
        works("General.TLS.Enabled", Boolean, "false", ALL),
        works("General.TLS.PrivateKey", Path, "", ALL),
        works("General.TLS.Certificate", Path, "", ALL),
        works("General.TLS.RootCAs", Paths, "", ALL),
        works("General.TLS.ClientAuthRequired", Boolean, "false", ALL),
        works("General.TLS.ClientRootCAs", Paths, "", ALL),
        works("General.TLS.TLSHandshakeTimeShift", Duration, "0s", ALL),
        idle("General.Keepalive.ServerMinInterval", Duration, "60s", ALL, PINGS),
        works("General.Keepalive.ServerInterval", Duration, "2h", ALL),
        works("General.Keepalive.ServerTimeout", Duration, "20s", ALL),
        works("General.ConnectionTimeout", Duration, "5s", ALL),
        works("General.MaxRecvMsgSize", MESSAGE, "104857600", V2_V3),
        works("General.MaxSendMsgSize", MESSAGE, "104857600", V2_V3),
        works("General.BootstrapMethod", Text, "file", V2_V3),
        works("General.BootstrapFile", Path, "genesisblock", V2_V3),
        works("General.GenesisMethod", Text, "", ALL),
        works("General.GenesisFile", Path, "", ALL),
        with("General.GenesisProfile", Text, V1, "General.GenesisMethod"),
        with("General.SystemChannel", Text, V1, "General.GenesisMethod"),
        works("General.LocalMSPDir", Path, "msp", ALL),
        works("General.LocalMSPID", Text, "SampleOrg", ALL),
        works("General.Authentication.TimeWindow", Duration, "15m", ALL),
        works("General.Authentication.NoExpirationChecks", Boolean, "false", ALL),
        works("General.BCCSP.Default", Text, "SW", ALL),
        none("General.BCCSP.SW.Hash", Text, "SHA2", ALL, HASH, &["SHA2"]),
        none("General.BCCSP.SW.Security", Integer, "256", ALL, HASH, &["256"]),
        works("General.BCCSP.SW.FileKeyStore.KeyStore", Text, "", ALL),
        works("General.BCCSP.SW.FileKeyStore.KeyStorePath", Text, "", ALL),
        idle("General.BCCSP.PKCS11.Library", Text, "", ALL, HARDWARE),
        idle("General.BCCSP.PKCS11.Label", Text, "", ALL, HARDWARE),
        idle("General.BCCSP.PKCS11.Pin", Secret, "", ALL, HARDWARE),
        idle("General.BCCSP.PKCS11.Hash", Text, "", ALL, HARDWARE),
        idle("General.BCCSP.PKCS11.Security", Integer, "", ALL, HARDWARE),
        none("General.BCCSP.PKCS11.SoftwareVerify", Boolean, "", ALL, HARDWARE, &["false"]),
        none("General.BCCSP.PKCS11.Immutable", Boolean, "", ALL, HARDWARE, &["false"]),
        idle("General.BCCSP.PKCS11.AltID", Text, "", V2_V3, HARDWARE),
        idle("General.BCCSP.PKCS11.KeyIDs", Kind::Own, "", V2_V3, HARDWARE),
        idle("General.BCCSP.PKCS11.FileKeyStore.KeyStore", Text, "", ALL, HARDWARE),
        none("General.Profile.Enabled", Boolean, "false", ALL, PROFILE, &["false"]),
        with("General.Profile.Address", Text, ALL, "General.Profile.Enabled"),
        idle("General.Cluster.ListenAddress", Text, "", ALL, CLUSTER),
        idle("General.Cluster.ListenPort", PORT, "", ALL, CLUSTER),
        idle("General.Cluster.ServerCertificate", Path, "", ALL, CLUSTER),
        idle("General.Cluster.ServerPrivateKey", Path, "", ALL, CLUSTER),
        works("General.Cluster.ClientCertificate", Path, "", ALL),
        works("General.Cluster.ClientPrivateKey", Path, "", ALL),
        works("General.Cluster.RootCAs", Paths, "", ALL),
        idle("General.Cluster.DialTimeout", Duration, "5s", ALL, CLUSTER),
        idle("General.Cluster.RPCTimeout", Duration, "7s", ALL, CLUSTER),
        idle("General.Cluster.ReplicationBufferSize", Integer, "20971520", ALL, CLUSTER),
        idle("General.Cluster.ReplicationPullTimeout", Duration, "5s", ALL, CLUSTER),
        idle("General.Cluster.ReplicationRetryTimeout", Duration, "5s", ALL, CLUSTER),
        idle("General.Cluster.ReplicationBackgroundRefreshInterval", Duration, "5m", V1_V2, CLUSTER),
        idle("General.Cluster.ReplicationMaxRetries", Integer, "12", ALL, CLUSTER),
        idle("General.Cluster.ReplicationPolicy", Text, "consensus", V3, CLUSTER),
        idle("General.Cluster.SendBufferSize", Integer, "100", ALL, CLUSTER),
        idle("General.Cluster.CertExpirationWarningThreshold", Duration, "168h", ALL, CLUSTER),
        idle("General.Cluster.TLSHandshakeTimeShift", Duration, "0s", ALL, CLUSTER),
        idle("General.Backoff.BaseDelay", Duration, "", V3, CLUSTER),
        idle("General.Backoff.Multiplier", Fraction, "", V3, CLUSTER),
        idle("General.Backoff.MaxDelay", Duration, "", V3, CLUSTER),
        none("General.Throttling.Rate", Integer, "0", V3, THROTTLE, &["0"]),
        with("General.Throttling.InactivityTimeout", Duration, V3, "General.Throttling.Rate"),
        none("General.LedgerType", Text, "file", V1, LEDGER, &["file"]),
        idle("General.LogLevel", Text, "", Versions::NONE, LOGGING),
        idle("General.LogFormat", Text, "", Versions::NONE, LOGGING),
        works("FileLedger.Location", Path, "/var/hyperledger/production/orderer", ALL),
        idle("FileLedger.Prefix", Text, "", ALL, PREFIX),
        with("RAMLedger.HistorySize", Integer, V1, "General.LedgerType"),
        works("Kafka.Retry.ShortInterval", Duration, "1m", V1_V2),
        works("Kafka.Retry.ShortTotal", Duration, "10m", V1_V2),
        works("Kafka.Retry.LongInterval", Duration, "10m", V1_V2),
        idle("Kafka.Retry.LongTotal", Duration, "12h", V1_V2, "brokers are tried for ever"),
        works("Kafka.Retry.NetworkTimeouts.DialTimeout", Duration, "30s", V1_V2),
        works("Kafka.Retry.NetworkTimeouts.ReadTimeout", Duration, "30s", V1_V2),
        idle("Kafka.Retry.NetworkTimeouts.WriteTimeout", Duration, "30s", V1_V2, LIBRARY),
        idle("Kafka.Retry.Metadata.RetryBackoff", Duration, "250ms", V1_V2, LIBRARY),
        idle("Kafka.Retry.Metadata.RetryMax", Integer, "3", V1_V2, LIBRARY),
        works("Kafka.Retry.Producer.RetryBackoff", Duration, "100ms", V1_V2),
        idle("Kafka.Retry.Producer.RetryMax", Integer, "3", V1_V2, LIBRARY),
        idle("Kafka.Retry.Consumer.RetryBackoff", Duration, "2s", V1_V2, LIBRARY),
        works("Kafka.Topic.ReplicationFactor", COPIES, "3", V1_V2),
        none("Kafka.Verbose", Boolean, "false", V1_V2, "set $FABRIC_LOGGING_SPEC to debug", &["false"]),
        idle("Kafka.Version", KafkaVersion, "0.10.2.0", V1_V2, BROKERS),
        works("Kafka.TLS.Enabled", Boolean, "false", V1_V2),
        works("Kafka.TLS.PrivateKey", Secret, "", V1_V2),
        works("Kafka.TLS.Certificate", Text, "", V1_V2),
        works("Kafka.TLS.RootCAs", List, "", V1_V2),
        none("Kafka.TLS.ClientAuthRequired", Boolean, "false", V1_V2, "brokers ask, or do not", &["false"]),
        idle("Kafka.TLS.ClientRootCAs", List, "", V1_V2, "an orderer is a client of brokers"),
        idle("Kafka.TLS.TLSHandshakeTimeShift", Duration, "0s", V1_V2, LIBRARY),
        works("Kafka.SASLPlain.Enabled", Boolean, "false", V1_V2),
        works("Kafka.SASLPlain.User", Text, "", V1_V2),
        works("Kafka.SASLPlain.Password", Secret, "", V1_V2),
        idle("Debug.BroadcastTraceDir", Text, "", ALL, TRACES),
        idle("Debug.DeliverTraceDir", Text, "", ALL, TRACES),
        works("Operations.ListenAddress", Text, "", ALL),
        works("Operations.TLS.Enabled", Boolean, "false", ALL),
        works("Operations.TLS.Certificate", Path, "", ALL),
        works("Operations.TLS.PrivateKey", Path, "", ALL),
        works("Operations.TLS.RootCAs", Paths, "", ALL),
        works("Operations.TLS.ClientAuthRequired", Boolean, "false", ALL),
        works("Operations.TLS.ClientRootCAs", Paths, "", ALL),
        works("Operations.TLS.TLSHandshakeTimeShift", Duration, "0s", ALL),
        partly("Metrics.Provider", Text, "prometheus", ALL, STATSD, &["statsd"]),
        with("Metrics.Statsd.Network", Text, ALL, "Metrics.Provider"),
        with("Metrics.Statsd.Address", Text, ALL, "Metrics.Provider"),
        with("Metrics.Statsd.WriteInterval", Duration, ALL, "Metrics.Provider"),
        with("Metrics.Statsd.Prefix", Text, ALL, "Metrics.Provider"),
        works("Admin.ListenAddress", Text, "127.0.0.1:9443", V2_V3),
        works("Admin.TLS.Enabled", Boolean, "false", V2_V3),
        works("Admin.TLS.Certificate", Path, "", V2_V3),
        works("Admin.TLS.PrivateKey", Path, "", V2_V3),
        works("Admin.TLS.RootCAs", Paths, "", V2_V3),
        works("Admin.TLS.ClientAuthRequired", Boolean, "false", V2_V3),
        works("Admin.TLS.ClientRootCAs", Paths, "", V2_V3),
        works("Admin.TLS.TLSHandshakeTimeShift", Duration, "0s", V2_V3),
        works("ChannelParticipation.Enabled", Boolean, "false", V2_V3),
        works("ChannelParticipation.MaxRequestBodySize", Size, "1 MB", V2_V3),
        idle("Consensus.WALDir", Text, "", ALL, RAFT),
        idle("Consensus.SnapDir", Text, "", ALL, RAFT),
        idle("Consensus.EvictionSuspicion", Text, "", ALL, RAFT),
        idle("Consensus.TickIntervalOverride", Text, "", ALL, RAFT),
    ],
    lenient: &["General.BCCSP", "Consensus"],
    is_strict: false,
};

const fn works(name: &'static str, kind: Kind, default: &'static str, versions: Versions) -> Key {
    Key { name, kind, default, fate: Fate::Works, versions }
}

/// A key that has no effect with some values.
const fn partly(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    versions: Versions,
    why: &'static str,
    vain: &'static [&'static str],
) -> Key {
    Key { name, kind, default, fate: Fate::Partly { why, vain }, versions }
}

/// A key that has no effect, whatever stands there.
const fn idle(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    versions: Versions,
    why: &'static str,
) -> Key {
    none(name, kind, default, versions, why, &[])
}

/// A key that has no effect where more is asked for than is anyway.
const fn none(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    versions: Versions,
    why: &'static str,
    idle: &'static [&'static str],
) -> Key {
    Key { name, kind, default, fate: Fate::NoEffect { why, idle }, versions }
}

/// A key that says how to do what another one, which has no effect, asks for.
const fn with(name: &'static str, kind: Kind, versions: Versions, other: &'static str) -> Key {
    Key { name, kind, default: "", fate: Fate::With(other), versions }
}
