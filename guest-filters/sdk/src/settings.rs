//! The settings that a channel's admins gave the module.

mod error;
mod values;

pub use error::SettingError;
pub use values::{ByteSize, FromSetting, TimeSpan};

use crate::host;

/// The module's settings, read into types. At most 64 keys and 16 KiB in all.
///
/// Each failure names the setting, its value and what was expected, in a sentence for the admin; `?` turns it into the
/// `String` that a constructor answers with.
///
/// ```
/// use raddle_guest::{ByteSize, Settings, testing};
///
/// struct Limits {
///     count: u32,
///     size: ByteSize,
///     msp_ids: Vec<String>,
/// }
///
/// fn limits(settings: &Settings) -> Result<Limits, String> {
///     settings.only(&["count", "size", "msp-ids"])?;
///     Ok(Limits {
///         count: settings.required("count")?,
///         size: settings.with_default("size", ByteSize::mebi(1))?,
///         msp_ids: settings.optional("msp-ids")?.unwrap_or_default(),
///     })
/// }
///
/// let limits = limits(&testing::settings([("count", "7"), ("msp-ids", "Org1MSP, Org2MSP")]))?;
/// assert_eq!(limits.count, 7);
/// assert_eq!(limits.size.bytes(), 1_048_576);
/// assert_eq!(limits.msp_ids, ["Org1MSP", "Org2MSP"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Clone)]
pub struct Settings(pub(crate) host::Settings);

impl Settings {
    /// Refuses every key that is not in `known`, so that a misspelt setting is not taken for one left out: to be called
    /// first.
    ///
    /// # Errors
    ///
    /// [`SettingError::Unknown`] for the first key that is not known, with the known key that looks most like it.
    ///
    /// ```
    /// # use raddle_guest::testing::settings;
    /// let refused = settings([("max-cuont", "7")]).only(&["max-count"]).unwrap_err();
    /// assert_eq!(refused.to_string(), "unknown setting `max-cuont`: did you mean `max-count`?");
    /// ```
    pub fn only(&self, known: &[&str]) -> Result<(), SettingError> {
        match self.keys().into_iter().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(SettingError::unknown(key, known)),
        }
    }

    /// The value of a setting that must be there.
    ///
    /// # Errors
    ///
    /// [`SettingError::Missing`], or [`SettingError::Invalid`] if the value is no `T`.
    ///
    /// ```
    /// # use raddle_guest::testing::settings;
    /// let settings = settings([("max-count", "many")]);
    /// assert_eq!(
    ///     settings.required::<u8>("max-count").unwrap_err().to_string(),
    ///     "setting `max-count` is `many`: expected a whole number from 0 to 255",
    /// );
    /// assert_eq!(
    ///     settings.required::<bool>("strict").unwrap_err().to_string(),
    ///     "setting `strict` is missing: expected `true` or `false`",
    /// );
    /// ```
    pub fn required<T: FromSetting>(&self, key: &str) -> Result<T, SettingError> {
        self.optional(key)?
            .ok_or_else(|| SettingError::Missing { key: key.to_owned(), expected: T::expected() })
    }

    /// The value of a setting that may be left out.
    ///
    /// # Errors
    ///
    /// [`SettingError::Invalid`] if the setting is there and its value is no `T`.
    ///
    /// ```
    /// # use raddle_guest::testing::settings;
    /// let settings = settings([("strict", "true")]);
    /// assert_eq!(settings.optional("strict")?, Some(true));
    /// assert_eq!(settings.optional::<u32>("max-count")?, None);
    /// # Ok::<(), raddle_guest::SettingError>(())
    /// ```
    pub fn optional<T: FromSetting>(&self, key: &str) -> Result<Option<T>, SettingError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match T::from_setting(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(SettingError::Invalid { key: key.to_owned(), value, expected: T::expected() }),
        }
    }

    /// The value of a setting, or `default` if it is left out.
    ///
    /// # Errors
    ///
    /// [`SettingError::Invalid`] if the setting is there and its value is no `T`.
    ///
    /// ```
    /// # use raddle_guest::testing::settings;
    /// assert_eq!(settings([]).with_default("max-count", 12)?, 12);
    /// assert_eq!(settings([("max-count", "7")]).with_default("max-count", 12)?, 7);
    /// # Ok::<(), raddle_guest::SettingError>(())
    /// ```
    pub fn with_default<T: FromSetting>(&self, key: &str, default: T) -> Result<T, SettingError> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    /// The refusal of a value that has the right type and still makes no sense.
    ///
    /// ```
    /// use raddle_guest::{Channel, Settings};
    ///
    /// fn max_count(settings: &Settings, channel: &Channel) -> Result<u32, String> {
    ///     let count = settings.required("max-count")?;
    ///     if count > channel.batch_size().max_message_count {
    ///         return Err(settings.refuse("max-count", "no more than the channel's MaxMessageCount").into());
    ///     }
    ///     Ok(count)
    /// }
    /// ```
    #[must_use]
    pub fn refuse(&self, key: &str, expected: &str) -> SettingError {
        let (key_owned, expected) = (key.to_owned(), expected.to_owned());
        match self.get(key) {
            Some(value) => SettingError::Invalid { key: key_owned, value, expected },
            None => SettingError::Missing { key: key_owned, expected },
        }
    }

    /// A setting as it was written.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<String> {
        self.0.get(key)
    }

    /// All keys, in ascending order of their bytes.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.0.keys()
    }
}
