//! Names of channels and of a config's elements.

use raddle_proto::common::ConfigGroup;

use super::{ChannelNameError, KeyError};

/// Most bytes in a channel's name, and in the name of an element of a config.
pub const ID_BYTES_MAX: usize = 249;

/// Why an element of a config cannot have a name.
///
/// Source: fabric v2.5.16 `common/configtx/validator.go` `validateConfigID`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// No name.
    #[error("config ID illegal, cannot be empty")]
    Empty,
    /// Too long.
    #[error("config ID illegal, cannot be longer than {ID_BYTES_MAX}")]
    TooLong,
    /// One or two dots.
    #[error("name '{0}' for config ID is not allowed")]
    Reserved(String),
    /// Other characters than letters, digits, dots and dashes. An underscore is one, too.
    #[error("config ID '{0}' contains illegal characters")]
    Characters(String),
}

/// Checks the name of an element of a config.
///
/// # Errors
///
/// See [`IdError`].
pub fn check_id(id: &str) -> Result<(), IdError> {
    if id.is_empty() {
        return Err(IdError::Empty);
    }
    if id.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    if matches!(id, "." | "..") {
        return Err(IdError::Reserved(id.to_owned()));
    }
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')) {
        return Err(IdError::Characters(id.to_owned()));
    }
    Ok(())
}

/// Checks a channel's name: 1 to 249 lower-case letters, digits, dots and dashes, a letter first.
///
/// # Errors
///
/// See [`ChannelNameError`].
pub fn check_channel_name(name: &str) -> Result<(), ChannelNameError> {
    if name.is_empty() {
        return Err(ChannelNameError::Empty);
    }
    if name.len() > ID_BYTES_MAX {
        return Err(ChannelNameError::TooLong);
    }
    let is_allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || !name.bytes().all(is_allowed) {
        return Err(ChannelNameError::Characters(name.to_owned()));
    }
    Ok(())
}

/// Checks the names of all elements below a group.
///
/// Source: fabric v2.5.16 `common/configtx/configmap.go` `recurseConfig`, `addToMap`.
pub(crate) fn check_keys(group: &ConfigGroup) -> Result<(), KeyError> {
    let check = |prefix: &'static str, key: &str| check_id(key).map_err(|error| KeyError { prefix, error });
    for (key, below) in &group.groups {
        check(GROUP, key)?;
        check_keys(below)?;
    }
    group.values.keys().try_for_each(|key| check(VALUE, key))?;
    group.policies.keys().try_for_each(|key| check(POLICY, key))
}

/// What Fabric writes before a group's path.
pub(crate) const GROUP: &str = "[Group]  ";
/// What Fabric writes before a value's path.
pub(crate) const VALUE: &str = "[Value]  ";
/// What Fabric writes before a policy's path.
pub(crate) const POLICY: &str = "[Policy] ";
