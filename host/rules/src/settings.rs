//! The settings that a channel's admins give a module.

use std::collections::BTreeMap;

pub use raddle_core::modules::{SETTINGS_BYTES_MAX, SETTINGS_MAX};

/// A module's settings. Immutable; a change comes with the next config sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, String>,
}

/// Why settings were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// More keys than a module may have.
    #[error("{used} settings, at most {SETTINGS_MAX} are allowed")]
    TooMany {
        /// How many there are.
        used: usize,
    },
    /// More bytes than a module may have.
    #[error("settings of {used} bytes, at most {SETTINGS_BYTES_MAX} are allowed")]
    TooLarge {
        /// Bytes of all keys and values.
        used: usize,
    },
    /// One key twice.
    #[error("setting `{key}` is given twice")]
    Twice {
        /// The key.
        key: String,
    },
}

impl Settings {
    /// Settings from keys and values in any order.
    ///
    /// # Errors
    ///
    /// See [`SettingsError`].
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut values = BTreeMap::new();
        let mut bytes = 0_usize;
        for (key, value) in pairs {
            bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
            if values.contains_key(&key) {
                return Err(SettingsError::Twice { key });
            }
            values.insert(key, value);
        }
        if values.len() > SETTINGS_MAX {
            return Err(SettingsError::TooMany { used: values.len() });
        }
        if bytes > SETTINGS_BYTES_MAX {
            return Err(SettingsError::TooLarge { used: bytes });
        }
        Ok(Self { values })
    }

    /// The value of `key`, if it is set.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// All keys, in ascending order of their bytes.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn settings_are_bounded_and_named_once() {
        let many = |count: usize| (0..count).map(|index| (index.to_string(), String::new()));
        let settings = Settings::new([pair("b", "2"), pair("a", "1")]).unwrap();
        assert_eq!(settings.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(settings.get("b"), Some("2"));
        assert!(Settings::new(many(64)).is_ok());
        assert_eq!(Settings::new(many(65)), Err(SettingsError::TooMany { used: 65 }));
        assert!(Settings::new([pair("k", &"v".repeat(16_383))]).is_ok());
        let large = Settings::new([pair("k", &"v".repeat(16_384))]);
        assert_eq!(large, Err(SettingsError::TooLarge { used: 16_385 }));
        let twice = Settings::new([pair("k", "1"), pair("k", "2")]);
        assert_eq!(twice, Err(SettingsError::Twice { key: "k".to_owned() }));
    }
}
