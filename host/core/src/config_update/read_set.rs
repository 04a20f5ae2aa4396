//! The read set against the present config; and what elements of a config have in common.

use raddle_proto::common::{ConfigGroup, ConfigPolicy, ConfigValue};

use super::error::ReadSetError;
use crate::bundle::{GROUP, POLICY, VALUE};

/// Name of the outermost group.
pub(super) const ROOT: &str = "Channel";

/// An element of a config.
pub(super) trait Element {
    fn version(&self) -> u64;
    fn mod_policy(&self) -> &str;
}

macro_rules! elements {
    ($($element:ty),*) => {$(
        impl Element for $element {
            fn version(&self) -> u64 {
                self.version
            }

            fn mod_policy(&self) -> &str {
                &self.mod_policy
            }
        }
    )*};
}

elements!(ConfigGroup, ConfigValue, ConfigPolicy);

/// An element's name in Fabric's texts. `path` leads to its group; a group is the last part of its own path.
pub(super) fn name(kind: &str, path: &[&str], key: Option<&str>) -> String {
    let path = path.join("/");
    match key {
        Some(key) => format!("{kind}/{path}/{key}"),
        None => format!("{kind}/{path}"),
    }
}

/// Whether an element of the write set belongs to the delta.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `computeDeltaSet`.
pub(super) fn is_change<E: Element>(write: &E, read: Option<&E>) -> bool {
    read.is_none_or(|read| read.version() != write.version())
}

/// Source: fabric v2.5.16 `common/configtx/update.go` `verifyReadSet`.
pub(super) fn check(read: &ConfigGroup, present: Option<&ConfigGroup>) -> Result<(), ReadSetError> {
    check_group(&mut vec![ROOT], read, present)
}

fn check_group<'a>(
    path: &mut Vec<&'a str>,
    read: &'a ConfigGroup,
    present: Option<&ConfigGroup>,
) -> Result<(), ReadSetError> {
    check_element(GROUP, path, None, read, present)?;
    for (key, below) in &read.groups {
        path.push(key);
        check_group(path, below, present.and_then(|group| group.groups.get(key)))?;
        path.pop();
    }
    for (key, value) in &read.values {
        check_element(VALUE, path, Some(key), value, present.and_then(|group| group.values.get(key)))?;
    }
    for (key, policy) in &read.policies {
        check_element(POLICY, path, Some(key), policy, present.and_then(|group| group.policies.get(key)))?;
    }
    Ok(())
}

fn check_element<E: Element>(
    kind: &str,
    path: &[&str],
    key: Option<&str>,
    read: &E,
    present: Option<&E>,
) -> Result<(), ReadSetError> {
    let Some(present) = present else { return Err(ReadSetError::Missing(name(kind, path, key))) };
    if read.version() == present.version() {
        return Ok(());
    }
    Err(ReadSetError::Version {
        element: name(kind, path, key),
        read: read.version(),
        present: present.version(),
    })
}
