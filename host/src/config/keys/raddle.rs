//! Our own file, which stands beside Fabric's.

use super::{Fate, Key, Kind, Schema, Versions};

const COUNT: Kind = Kind::Number(u32::MAX as u64);

/// `raddle.yaml`. No Go orderer reads it.
pub(in super::super) const RADDLE: Schema = Schema {
    name: "raddle",
    keys: &[
        key("Ordering.kafka", Kind::Own, "channel"),
        key("Ordering.solo", Kind::Own, "local"),
        key("Ordering.etcdraft", Kind::Own, "none"),
        key("Ordering.channels", Kind::OwnMap, ""),
        key("BatchPolicies", Kind::Own, "none"),
        key("BatchPolicyOverride.channel", Kind::Text, ""),
        key("BatchPolicyOverride.offset", Kind::Number(i64::MAX as u64), ""),
        key("Budgets.EnvelopesPerSecond", COUNT, "0"),
        key("Budgets.BytesPerSecond", Kind::Size, "0"),
        key("Budgets.Burst", Kind::Duration, "2s"),
        key("Budgets.Organisations", Kind::OwnMap, ""),
        key("Limits.Connections", COUNT, "1000"),
        key("Limits.ConnectionsPerAddress", COUNT, "500"),
        key("Limits.StreamsPerConnection", COUNT, "256"),
        key("Limits.StreamsPerClient", COUNT, "1024"),
        key("Limits.Streams", COUNT, "8192"),
        key("Limits.HeaderBytes", Kind::Size, "16 KB"),
        key("Limits.ConnectionWindow", Kind::Size, "1 MB"),
        key("Limits.StreamEnvelopes", COUNT, "256"),
        key("Limits.StreamBytes", Kind::Size, "16 MB"),
        key("Limits.SmallMessageBytes", Kind::Size, "256 MB"),
        key("Limits.LargeMessageBytes", Kind::Size, "256 MB"),
        key("Limits.MessageTime", Kind::Duration, "60s"),
        key("Limits.DeliverBytes", Kind::Size, "256 MB"),
        key("Limits.ReaderTime", Kind::Duration, "60s"),
        key("Limits.IdleTime", Kind::Duration, "1h"),
        key("Limits.StopTime", Kind::Duration, "10s"),
        key("ForkWatch.Enabled", Kind::Boolean, "true"),
        key("ForkWatch.Interval", Kind::Duration, "30s"),
        key("Kafka.AppendTimeout", Kind::Duration, "20s"),
        key("Kafka.Idempotent", Kind::Boolean, "true"),
        key("Kafka.SASLScram.Mechanism", Kind::Text, ""),
        key("Kafka.SASLScram.User", Kind::Text, ""),
        key("Kafka.SASLScram.Password", Kind::Secret, ""),
    ],
    lenient: &[],
    is_strict: true,
};

const fn key(name: &'static str, kind: Kind, default: &'static str) -> Key {
    Key { name, kind, default, fate: Fate::Works, versions: Versions::NONE }
}
