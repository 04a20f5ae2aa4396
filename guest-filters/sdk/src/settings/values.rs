//! From a setting's text to a value.

use std::num::{NonZeroU32, NonZeroU64};

/// A type that a setting can be read into.
///
/// There are whole numbers (digits only, zero refused where the type has none), `bool`, `String`, [`ByteSize`],
/// [`TimeSpan`], and lists of those, separated by commas. An author's own choices are one more:
///
/// ```
/// use raddle_guest::{FromSetting, testing::settings};
///
/// #[derive(Debug, PartialEq)]
/// enum Order { Fifo, Fair }
///
/// impl FromSetting for Order {
///     fn expected() -> String {
///         "`fifo` or `fair`".to_owned()
///     }
///
///     fn from_setting(value: &str) -> Option<Self> {
///         match value {
///             "fifo" => Some(Self::Fifo),
///             "fair" => Some(Self::Fair),
///             _ => None,
///         }
///     }
/// }
///
/// assert_eq!(settings([("order", "fair")]).required("order"), Ok(Order::Fair));
/// ```
pub trait FromSetting: Sized {
    /// What a value looks like, as in "expected …".
    fn expected() -> String;

    /// The value, or nothing if the text is not one.
    fn from_setting(value: &str) -> Option<Self>;
}

macro_rules! whole_numbers {
    ($($type:ty: $expected:literal;)*) => {$(
        impl FromSetting for $type {
            fn expected() -> String {
                $expected.to_owned()
            }

            fn from_setting(value: &str) -> Option<Self> {
                // The library would take a plus sign too: one way of writing a number is enough.
                if value.starts_with('+') { None } else { value.parse().ok() }
            }
        }
    )*};
}

whole_numbers! {
    u8: "a whole number from 0 to 255";
    u16: "a whole number from 0 to 65535";
    u32: "a whole number from 0 to 4294967295";
    u64: "a whole number from 0 to 18446744073709551615";
    i32: "a whole number from -2147483648 to 2147483647";
    i64: "a whole number from -9223372036854775808 to 9223372036854775807";
    NonZeroU32: "a whole number from 1 to 4294967295";
    NonZeroU64: "a whole number from 1 to 18446744073709551615";
}

impl FromSetting for bool {
    fn expected() -> String {
        "`true` or `false`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        value.parse().ok()
    }
}

impl FromSetting for String {
    fn expected() -> String {
        "a text".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        Some(value.to_owned())
    }
}

/// Separated by commas; spaces around an item are dropped. Empty text is an empty list.
impl<T: FromSetting> FromSetting for Vec<T> {
    fn expected() -> String {
        let mut expected = "a list, separated by commas, each ".to_owned();
        expected.push_str(&T::expected());
        expected
    }

    fn from_setting(value: &str) -> Option<Self> {
        if value.trim().is_empty() {
            return Some(Self::new());
        }
        value.split(',').map(|item| T::from_setting(item.trim())).collect()
    }
}

/// An amount of bytes, written as a whole number with or without a unit: `4096`, `64 KiB`, `2MiB`.
///
/// ```
/// use raddle_guest::{ByteSize, testing::settings};
///
/// assert_eq!(settings([("size", "64 KiB")]).required("size"), Ok(ByteSize::kibi(64)));
/// assert_eq!(ByteSize::kibi(64).bytes(), 65_536);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1,024 bytes; the largest size there is if that is too much.
    #[must_use]
    pub const fn kibi(kibibytes: u64) -> Self {
        Self(kibibytes.saturating_mul(1 << 10))
    }

    /// So many times 1,048,576 bytes; the largest size there is if that is too much.
    #[must_use]
    pub const fn mebi(mebibytes: u64) -> Self {
        Self(mebibytes.saturating_mul(1 << 20))
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromSetting for ByteSize {
    fn expected() -> String {
        "a size in bytes, such as `4096`, `64 KiB` or `2 MiB`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        let (digits, unit_bytes) = match value {
            _ if value.ends_with("KiB") => (value.strip_suffix("KiB")?, 1 << 10),
            _ if value.ends_with("MiB") => (value.strip_suffix("MiB")?, 1 << 20),
            _ if value.ends_with("GiB") => (value.strip_suffix("GiB")?, 1 << 30),
            _ => (value, 1),
        };
        let digits = digits.strip_suffix(' ').filter(|_| unit_bytes > 1).unwrap_or(digits);
        u64::from_setting(digits)?.checked_mul(unit_bytes).map(Self)
    }
}

/// A length of time, written as a whole number with a unit: `90 s`, `5 min`, `2h`, `7 d`.
///
/// ```
/// use raddle_guest::{TimeSpan, Timestamp, testing::settings};
///
/// let grace: TimeSpan = settings([("grace", "2 min")]).required("grace")?;
/// assert_eq!(grace, TimeSpan::of_seconds(120));
/// assert_eq!(Timestamp::at_second(1_000).plus(grace), Timestamp::at_second(1_120));
/// # Ok::<(), raddle_guest::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeSpan(u64);

impl TimeSpan {
    /// So many seconds.
    #[must_use]
    pub const fn of_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// In seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl FromSetting for TimeSpan {
    fn expected() -> String {
        "a length of time, such as `90 s`, `5 min`, `2 h` or `7 d`".to_owned()
    }

    fn from_setting(value: &str) -> Option<Self> {
        let (digits, unit_seconds) = match value {
            _ if value.ends_with("min") => (value.strip_suffix("min")?, 60),
            _ if value.ends_with('s') => (value.strip_suffix('s')?, 1),
            _ if value.ends_with('h') => (value.strip_suffix('h')?, 3_600),
            _ => (value.strip_suffix('d')?, 86_400),
        };
        let digits = digits.strip_suffix(' ').unwrap_or(digits);
        u64::from_setting(digits)?.checked_mul(unit_seconds).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    /// What each text is read as; `None` is a refusal.
    fn check<T: FromSetting + PartialEq + Debug>(cases: &[(&str, Option<T>)]) {
        for (text, expected) in cases {
            assert_eq!(T::from_setting(text), *expected, "`{text}`");
        }
    }

    #[test]
    fn a_number_is_written_in_one_way_and_in_range() {
        check::<u8>(&[
            ("0", Some(0)),
            ("255", Some(255)),
            ("256", None),
            ("-1", None),
            ("+1", None),
            (" 1", None),
            ("", None),
            ("1.0", None),
            ("0x10", None),
        ]);
        check::<i32>(&[("-2147483648", Some(i32::MIN)), ("-2147483649", None), ("+1", None)]);
        check::<u64>(&[("18446744073709551615", Some(u64::MAX)), ("18446744073709551616", None)]);
        check::<NonZeroU32>(&[("1", NonZeroU32::new(1)), ("0", None)]);
    }

    #[test]
    fn a_size_has_a_binary_unit_or_none() {
        check::<ByteSize>(&[
            ("0", Some(ByteSize::new(0))),
            ("4096", Some(ByteSize::kibi(4))),
            ("64 KiB", Some(ByteSize::kibi(64))),
            ("64KiB", Some(ByteSize::kibi(64))),
            ("2 MiB", Some(ByteSize::mebi(2))),
            ("1 GiB", Some(ByteSize::mebi(1024))),
            ("17179869183 GiB", Some(ByteSize::new(17_179_869_183 << 30))),
            ("17179869184 GiB", None),
            ("64  KiB", None),
            ("64 KB", None),
            ("64 kib", None),
            ("64 ", None),
            ("KiB", None),
            (" KiB", None),
            ("-1 KiB", None),
        ]);
    }

    #[test]
    fn a_length_of_time_has_a_unit() {
        check::<TimeSpan>(&[
            ("90 s", Some(TimeSpan::of_seconds(90))),
            ("5min", Some(TimeSpan::of_seconds(300))),
            ("2 h", Some(TimeSpan::of_seconds(7_200))),
            ("7 d", Some(TimeSpan::of_seconds(604_800))),
            ("0 s", Some(TimeSpan::of_seconds(0))),
            ("213503982334601 d", Some(TimeSpan::of_seconds(213_503_982_334_601 * 86_400))),
            ("213503982334602 d", None),
            ("90", None),
            ("90 m", None),
            ("90  s", None),
            ("s", None),
            ("", None),
            ("-1 s", None),
            ("1.5 h", None),
        ]);
    }

    #[test]
    fn a_list_is_refused_with_any_of_its_items() {
        check::<Vec<u8>>(&[
            ("", Some(vec![])),
            ("7", Some(vec![7])),
            ("1, 2,3 ", Some(vec![1, 2, 3])),
            ("1,,2", None),
            ("1,", None),
            ("1,many", None),
        ]);
        assert_eq!(Vec::<u8>::expected(), "a list, separated by commas, each a whole number from 0 to 255");
    }

    #[test]
    fn a_truth_is_spelt_out() {
        check::<bool>(&[("true", Some(true)), ("false", Some(false)), ("True", None), ("1", None)]);
    }
}
