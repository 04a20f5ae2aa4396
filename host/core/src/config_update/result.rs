//! The present config with the changes laid over it.

use raddle_proto::common::ConfigGroup;

use super::read_set::{Element, is_change};

/// What old channels lack is given to this policy of each group.
const ADMINS: &str = "Admins";

/// The config that an authorised update leads to.
///
/// Each group is the changed one or the present one, and holds what that one names: so a changed group drops what it
/// leaves out, and what is written below an unchanged group that has no place for it is lost without a word.
///
/// Channels of Fabric v1.0 have elements without a `mod_policy`. Where the orderers have capabilities, all of them get
/// one, as in Fabric.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `computeUpdateResult`, `common/configtx/configmap.go`
/// `recurseConfigMap`.
pub(super) fn merge(
    write: Option<&ConfigGroup>,
    read: Option<&ConfigGroup>,
    present: Option<&ConfigGroup>,
) -> ConfigGroup {
    let mut result = group(write, read, present);
    // Asked of all elements, those that the result drops included.
    if has_orderer_capabilities(write) || has_orderer_capabilities(present) {
        set_mod_policies(&mut result);
    }
    result
}

fn has_orderer_capabilities(root: Option<&ConfigGroup>) -> bool {
    root.and_then(|root| root.groups.get("Orderer"))
        .is_some_and(|orderer| orderer.values.contains_key("Capabilities"))
}

fn group(
    write: Option<&ConfigGroup>,
    read: Option<&ConfigGroup>,
    present: Option<&ConfigGroup>,
) -> ConfigGroup {
    // Never absent: what is not written anew was read or named, and what was read is there.
    let Some(chosen) = choose(write, read, present) else { return ConfigGroup::default() };
    let mut result = ConfigGroup {
        version: chosen.version,
        mod_policy: chosen.mod_policy.clone(),
        ..ConfigGroup::default()
    };
    for key in chosen.groups.keys() {
        let below = group(
            write.and_then(|group| group.groups.get(key)),
            read.and_then(|group| group.groups.get(key)),
            present.and_then(|group| group.groups.get(key)),
        );
        result.groups.insert(key.clone(), below);
    }
    for key in chosen.values.keys() {
        let value = choose(
            write.and_then(|group| group.values.get(key)),
            read.and_then(|group| group.values.get(key)),
            present.and_then(|group| group.values.get(key)),
        );
        result.values.extend(value.map(|value| (key.clone(), value.clone())));
    }
    for key in chosen.policies.keys() {
        let policy = choose(
            write.and_then(|group| group.policies.get(key)),
            read.and_then(|group| group.policies.get(key)),
            present.and_then(|group| group.policies.get(key)),
        );
        result.policies.extend(policy.map(|policy| (key.clone(), policy.clone())));
    }
    result
}

fn choose<'a, E: Element>(write: Option<&'a E>, read: Option<&E>, present: Option<&'a E>) -> Option<&'a E> {
    write.filter(|write| is_change(*write, read)).or(present)
}

fn set_mod_policies(group: &mut ConfigGroup) {
    let elements = std::iter::once(&mut group.mod_policy)
        .chain(group.values.values_mut().map(|value| &mut value.mod_policy))
        .chain(group.policies.values_mut().map(|policy| &mut policy.mod_policy));
    for mod_policy in elements.filter(|mod_policy| mod_policy.is_empty()) {
        ADMINS.clone_into(mod_policy);
    }
    group.groups.values_mut().for_each(set_mod_policies);
}
