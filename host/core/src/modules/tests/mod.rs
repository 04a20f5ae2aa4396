//! Modules in configs: what is carried, what an update may do, what a config means.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod active;
mod carried;
mod updates;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use raddle_proto::common::{Config, ConfigGroup, ConfigPolicy, ImplicitMetaPolicy, Policy};

use super::*;
use crate::bundle::{BatchSize, Bundle, Consensus, ConsensusState};
use crate::ids::{ChannelId, ConfigSequence};

/// A profile that knows one bad component.
pub struct Takes;

pub const BAD_COMPONENT: &[u8] = b"bad";

impl Profile for Takes {
    fn check(&self, spec: &Spec) -> Result<(), ProfileRefusal> {
        if spec.component == BAD_COMPONENT {
            Err(ProfileRefusal { sentence: "this is not a component".to_owned() })
        } else {
            Ok(())
        }
    }
}

pub fn spec(name: &str, kind: Kind) -> Spec {
    let component = Bytes::from_static(b"\0asm component");
    Spec {
        name: name.to_owned(),
        version: "1.2.3".to_owned(),
        kind,
        mode: Mode::Enforce,
        order: 10,
        settings: vec![setting("a", "1"), setting("b", "2")],
        fuel: 1_000,
        memory_bytes: 65_536,
        digest: Digest::of(&component),
        component,
    }
}

pub fn filter() -> Spec {
    spec("no-mondays", Kind::Filter)
}

pub fn batch_policy() -> Spec {
    spec("one-org", Kind::BatchPolicy)
}

pub fn with_component(spec: Spec, component: impl Into<Bytes>) -> Spec {
    let component = component.into();
    Spec { digest: Digest::of(&component), component, ..spec }
}

pub fn setting(key: &str, value: &str) -> Setting {
    Setting { key: key.to_owned(), value: value.to_owned() }
}

/// A policy with this text, as nobody's tool would write it.
pub fn policy_of(text: &str) -> ConfigPolicy {
    let value = ImplicitMetaPolicy { sub_policy: text.to_owned(), rule: 0 }.encode_to_vec().into();
    ConfigPolicy { version: 0, policy: Some(Policy { r#type: 3, value }), mod_policy: "Admins".to_owned() }
}

pub fn carried(spec: &Spec) -> (String, ConfigPolicy) {
    (spec.key(), encode(spec, "Admins").unwrap())
}

/// A config with these policies in its Orderer group.
pub fn config(policies: impl IntoIterator<Item = (String, ConfigPolicy)>) -> Config {
    let ordering = ConfigGroup { policies: policies.into_iter().collect(), ..ConfigGroup::default() };
    let groups = [("Orderer".to_owned(), ordering)].into();
    Config { sequence: 3, channel_group: Some(ConfigGroup { groups, ..ConfigGroup::default() }) }
}

pub fn bundle(capabilities: &[&str]) -> Bundle {
    Bundle {
        channel: ChannelId("trade".to_owned()),
        sequence: ConfigSequence(3),
        batch_size: BatchSize {
            max_message_count: 500,
            absolute_max_bytes: 10 << 20,
            preferred_max_bytes: 2 << 20,
        },
        batch_timeout: Duration::from_secs(2),
        consensus: Consensus { kind: "kafka".to_owned(), state: ConsensusState::Normal },
        orderer_capabilities: capabilities.iter().map(|&name| name.to_owned()).collect(),
        channel_capabilities: BTreeSet::new(),
        kafka_brokers: Vec::new(),
        has_consortiums: false,
        has_batch_policy_module: false,
    }
}

/// The cause of a refusal of the module under `key`.
pub fn cause(key: &str, refusal: ModuleRefusal) -> Cause {
    match refusal {
        ModuleRefusal::Module { key: found, cause } => {
            assert_eq!(found, key);
            cause
        }
        other => panic!("{other}"),
    }
}
