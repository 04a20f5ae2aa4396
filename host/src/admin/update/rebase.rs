//! The same change on a config that has changed meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use raddle_proto::common::{Config, ConfigGroup};

use super::compute::Leaf;

/// Both changed the same element, and not to the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} was changed meanwhile, and this changes it too")]
pub struct Conflict {
    /// The element's path.
    pub path: String,
}

/// What led from `base` to `mine`, done to `theirs`. Versions are those of `theirs`.
///
/// # Errors
///
/// An element was changed here and there.
pub fn rebase(base: &Config, mine: &Config, theirs: &Config) -> Result<Config, Conflict> {
    let none = ConfigGroup::default();
    let root = |config: &Config| config.channel_group.clone().unwrap_or_default();
    let merged = group("/Channel", Some(&root(base)), Some(&root(mine)), Some(&root(theirs)))?;
    Ok(Config { sequence: theirs.sequence, channel_group: Some(merged.unwrap_or(none)) })
}

/// One of three: if only one side changed it, that side's; none if it is not there.
fn leaf<T: Leaf>(
    path: &str,
    base: Option<&T>,
    mine: Option<&T>,
    theirs: Option<&T>,
) -> Result<Option<T>, Conflict> {
    let same = |left: Option<&T>, right: Option<&T>| match (left, right) {
        (Some(left), Some(right)) => left.is_same(right),
        (None, None) => true,
        _ => false,
    };
    if same(base, mine) || same(mine, theirs) {
        Ok(theirs.cloned())
    } else if same(base, theirs) {
        Ok(mine.cloned())
    } else {
        Err(Conflict { path: path.to_owned() })
    }
}

fn leaves<T: Leaf>(
    path: &str,
    [base, mine, theirs]: [&BTreeMap<String, T>; 3],
) -> Result<BTreeMap<String, T>, Conflict> {
    let names: BTreeSet<&String> = base.keys().chain(mine.keys()).chain(theirs.keys()).collect();
    let mut merged = BTreeMap::new();
    for name in names {
        let path = format!("{path}/{name}");
        if let Some(leaf) = leaf(&path, base.get(name), mine.get(name), theirs.get(name))? {
            merged.insert(name.clone(), leaf);
        }
    }
    Ok(merged)
}

fn group(
    path: &str,
    base: Option<&ConfigGroup>,
    mine: Option<&ConfigGroup>,
    theirs: Option<&ConfigGroup>,
) -> Result<Option<ConfigGroup>, Conflict> {
    let none = ConfigGroup::default();
    let conflict = || Err(Conflict { path: path.to_owned() });
    match (base, mine, theirs) {
        (None, None, theirs) => return Ok(theirs.cloned()),
        (None, mine, None) => return Ok(mine.cloned()),
        (Some(_), None, None) => return Ok(None),
        (Some(base), None, Some(theirs)) => {
            return if is_same(base, theirs) { Ok(None) } else { conflict() };
        }
        (Some(base), Some(mine), None) => {
            return if is_same(base, mine) { Ok(None) } else { conflict() };
        }
        (None | Some(_), Some(_), Some(_)) => {}
    }
    let (base, mine, theirs) = (base.unwrap_or(&none), mine.unwrap_or(&none), theirs.unwrap_or(&none));
    let names: BTreeSet<&String> =
        base.groups.keys().chain(mine.groups.keys()).chain(theirs.groups.keys()).collect();
    let mut groups = BTreeMap::new();
    for name in names {
        let path = format!("{path}/{name}");
        let merged = group(&path, base.groups.get(name), mine.groups.get(name), theirs.groups.get(name))?;
        groups.extend(merged.map(|merged| (name.clone(), merged)));
    }
    let mod_policy = match (&base.mod_policy, &mine.mod_policy, &theirs.mod_policy) {
        (base, mine, theirs) if base == mine || mine == theirs => theirs,
        (base, mine, theirs) if base == theirs => mine,
        _ => return conflict(),
    };
    Ok(Some(ConfigGroup {
        version: theirs.version,
        groups,
        values: leaves(path, [&base.values, &mine.values, &theirs.values])?,
        policies: leaves(path, [&base.policies, &mine.policies, &theirs.policies])?,
        mod_policy: mod_policy.clone(),
    }))
}

/// Whether two groups are the same but for versions.
fn is_same(left: &ConfigGroup, right: &ConfigGroup) -> bool {
    let config = |group: &ConfigGroup| Config { channel_group: Some(group.clone()), ..Config::default() };
    super::compute(&raddle_core::ids::ChannelId(String::new()), &config(left), &config(right)).is_err()
}
