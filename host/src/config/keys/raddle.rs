//! Our own file, which stands beside Fabric's.

use super::{Fate, Key, Kind, Schema, Versions};

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
