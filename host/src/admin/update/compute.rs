//! The update that leads from one config to another.

use std::collections::BTreeMap;

use raddle_core::ids::ChannelId;
use raddle_proto::common::{Config, ConfigGroup, ConfigPolicy, ConfigUpdate, ConfigValue};

/// Two configs are the same, so there is nothing to update. Versions are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no difference to the channel's config")]
pub struct NoDifference;

/// Computes the update. Versions come from `original`; those in `updated` are not looked at.
///
/// An element that changes stands in the write set at the next version. A group whose members or mod policy change
/// stands there at its next version and names all its members, the unchanged ones by their version alone.
///
/// # Errors
///
/// There is nothing to update.
///
/// Source: fabric v2.5.16 `internal/configtxlator/update/update.go` `Compute`.
pub fn compute(
    channel: &ChannelId,
    original: &Config,
    updated: &Config,
) -> Result<ConfigUpdate, NoDifference> {
    let none = ConfigGroup::default();
    let (original, updated) = (&original.channel_group, &updated.channel_group);
    let sets = group(original.as_ref().unwrap_or(&none), updated.as_ref().unwrap_or(&none));
    if !sets.is_changed {
        return Err(NoDifference);
    }
    Ok(ConfigUpdate {
        channel_id: channel.0.clone(),
        read_set: Some(sets.read),
        write_set: Some(sets.write),
        ..ConfigUpdate::default()
    })
}

/// What a group comes to in an update.
struct Sets {
    read: ConfigGroup,
    write: ConfigGroup,
    is_changed: bool,
}

/// What the members of one kind come to.
struct Members<T> {
    read: BTreeMap<String, T>,
    write: BTreeMap<String, T>,
    /// Unchanged ones, by their version.
    same: BTreeMap<String, T>,
    is_other_set: bool,
}

/// A value or a policy.
pub(super) trait Leaf: Clone {
    /// Whether both are the same but for their version.
    fn is_same(&self, other: &Self) -> bool;
    fn version(&self) -> u64;
    /// The same at another version.
    fn at(&self, version: u64) -> Self;
    /// What names an element by its version alone.
    fn reference(version: u64) -> Self;
}

impl Leaf for ConfigValue {
    fn is_same(&self, other: &Self) -> bool {
        self.value == other.value && self.mod_policy == other.mod_policy
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn at(&self, version: u64) -> Self {
        Self { version, ..self.clone() }
    }

    fn reference(version: u64) -> Self {
        Self { version, ..Self::default() }
    }
}

impl Leaf for ConfigPolicy {
    fn is_same(&self, other: &Self) -> bool {
        self.policy == other.policy && self.mod_policy == other.mod_policy
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn at(&self, version: u64) -> Self {
        Self { version, ..self.clone() }
    }

    fn reference(version: u64) -> Self {
        Self { version, ..Self::default() }
    }
}

fn leaves<T: Leaf>(original: &BTreeMap<String, T>, updated: &BTreeMap<String, T>) -> Members<T> {
    let mut members = Members::empty();
    members.is_other_set = !original.keys().eq(updated.keys());
    for (name, updated) in updated {
        match original.get(name) {
            Some(original) if original.is_same(updated) => {
                members.same.insert(name.clone(), T::reference(original.version()));
            }
            Some(original) => {
                members.write.insert(name.clone(), updated.at(original.version().saturating_add(1)));
            }
            None => {
                members.write.insert(name.clone(), updated.at(0));
            }
        }
    }
    members
}

fn groups(
    original: &BTreeMap<String, ConfigGroup>,
    updated: &BTreeMap<String, ConfigGroup>,
) -> Members<ConfigGroup> {
    let mut members = Members::empty();
    members.is_other_set = !original.keys().eq(updated.keys());
    for (name, updated) in updated {
        let Some(original) = original.get(name) else {
            let sets = group(&ConfigGroup::default(), updated);
            let mod_policy = updated.mod_policy.clone();
            members.write.insert(name.clone(), ConfigGroup { version: 0, mod_policy, ..sets.write });
            continue;
        };
        let sets = group(original, updated);
        if sets.is_changed {
            members.read.insert(name.clone(), sets.read);
            members.write.insert(name.clone(), sets.write);
        } else {
            members.same.insert(name.clone(), sets.read);
        }
    }
    members
}

fn group(original: &ConfigGroup, updated: &ConfigGroup) -> Sets {
    let mut policies = leaves(&original.policies, &updated.policies);
    let mut values = leaves(&original.values, &updated.values);
    let mut groups = groups(&original.groups, &updated.groups);
    let is_other = policies.is_other_set
        || values.is_other_set
        || groups.is_other_set
        || original.mod_policy != updated.mod_policy;
    let is_changed = is_other || policies.is_changed() || values.is_changed() || groups.is_changed();
    let version = original.version;
    if !is_changed {
        let reference = ConfigGroup { version, ..ConfigGroup::default() };
        return Sets { read: reference.clone(), write: reference, is_changed };
    }
    if is_other {
        policies.name_the_same();
        values.name_the_same();
        groups.name_the_same();
    }
    let read = ConfigGroup {
        version,
        groups: groups.read,
        values: values.read,
        policies: policies.read,
        mod_policy: String::new(),
    };
    let write = ConfigGroup {
        version: if is_other { version.saturating_add(1) } else { version },
        groups: groups.write,
        values: values.write,
        policies: policies.write,
        mod_policy: if is_other { updated.mod_policy.clone() } else { String::new() },
    };
    Sets { read, write, is_changed }
}

impl<T: Clone> Members<T> {
    fn empty() -> Self {
        Self { read: BTreeMap::new(), write: BTreeMap::new(), same: BTreeMap::new(), is_other_set: false }
    }

    fn is_changed(&self) -> bool {
        !self.read.is_empty() || !self.write.is_empty()
    }

    fn name_the_same(&mut self) {
        self.read.extend(self.same.clone());
        self.write.append(&mut self.same);
    }
}
