//! What can be wrong with a setting, and how it is said.

use std::fmt;

/// Most characters of a value that a sentence shows.
const SHOWN_CHARS_MAX: usize = 64;

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// A setting that must be there is not.
    Missing {
        /// Its key.
        key: String,
        /// What the module wants, as in "expected …".
        expected: String,
    },
    /// The value is not what the module wants.
    Invalid {
        /// The setting's key.
        key: String,
        /// Its value, in full.
        value: String,
        /// What the module wants, as in "expected …".
        expected: String,
    },
    /// The module has no such setting.
    Unknown {
        /// The key.
        key: String,
        /// The known key that looks like it, if one does.
        nearest: Option<String>,
        /// All known keys.
        known: Vec<String>,
    },
}

impl SettingError {
    pub(super) fn unknown(key: String, known: &[&str]) -> Self {
        let nearest = known
            .iter()
            .map(|candidate| (edits(&key, candidate), *candidate))
            .min()
            .filter(|(edits, candidate)| *edits <= candidate.len().div_ceil(3))
            .map(|(_, candidate)| candidate.to_owned());
        Self::Unknown { key, nearest, known: known.iter().map(|known| (*known).to_owned()).collect() }
    }

    /// The sentence. Put together by hand: the formatting machinery would be most of a small module.
    fn sentence(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Missing { key, expected } => {
                text.push_str("setting ");
                quote(&mut text, key);
                text.push_str(" is missing: expected ");
                text.push_str(expected);
            }
            Self::Invalid { key, value, expected } => {
                text.push_str("setting ");
                quote(&mut text, key);
                text.push_str(" is ");
                quote(&mut text, value);
                text.push_str(": expected ");
                text.push_str(expected);
            }
            Self::Unknown { key, nearest, known } => {
                text.push_str("unknown setting ");
                quote(&mut text, key);
                explain_unknown(&mut text, nearest.as_deref(), known);
            }
        }
        text
    }
}

fn explain_unknown(text: &mut String, nearest: Option<&str>, known: &[String]) {
    if let Some(nearest) = nearest {
        text.push_str(": did you mean ");
        quote(text, nearest);
        text.push('?');
    } else if known.is_empty() {
        text.push_str(": this module has no settings");
    } else {
        text.push_str(": this module knows ");
        for (place, key) in known.iter().enumerate() {
            if place > 0 {
                text.push_str(", ");
            }
            quote(text, key);
        }
    }
}

/// Shows what somebody else wrote: not too much of it, and nothing that moves a terminal's cursor.
fn quote(text: &mut String, value: &str) {
    text.push('`');
    let mut chars = value.chars();
    for char in chars.by_ref().take(SHOWN_CHARS_MAX) {
        text.push(if char.is_control() { char::REPLACEMENT_CHARACTER } else { char });
    }
    if chars.next().is_some() {
        text.push('…');
    }
    text.push('`');
}

/// How many bytes must be added, removed, changed, or swapped with a neighbour to make `a` from `b`.
fn edits(a: &str, b: &str) -> usize {
    let (mut before, mut last) = (Vec::new(), (0..=b.len()).collect::<Vec<_>>());
    let mut previous_a = None;
    for (row, byte_a) in a.bytes().enumerate() {
        let mut line = vec![row + 1];
        let mut previous_b = None;
        for (column, byte_b) in b.bytes().enumerate() {
            let at = |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, column) + usize::from(byte_a != byte_b);
            let mut best = changed.min(at(&last, column + 1) + 1).min(at(&line, column) + 1);
            if column > 0 && previous_a == Some(byte_b) && previous_b == Some(byte_a) {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
            previous_b = Some(byte_b);
        }
        before = std::mem::replace(&mut last, line);
        previous_a = Some(byte_a);
    }
    last.last().copied().unwrap_or(0)
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for SettingError {}

impl From<SettingError> for String {
    fn from(error: SettingError) -> Self {
        error.sentence()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_as_people_make_them() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("max-count", "max-count", 0),
            ("max-cuont", "max-count", 1),
            ("maxcount", "max-count", 1),
            ("max_count", "max-count", 1),
            ("max-counts", "max-count", 1),
            ("min-count", "max-count", 2),
            ("abc", "xyz", 3),
        ] {
            assert_eq!(edits(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn an_unknown_key_is_answered_with_what_is_known() {
        let known: &[&str] = &["max-count", "max-bytes"];
        for (key, known, sentence) in [
            ("max-byte", known, "unknown setting `max-byte`: did you mean `max-bytes`?"),
            ("colour", known, "unknown setting `colour`: this module knows `max-count`, `max-bytes`"),
            ("colour", &[], "unknown setting `colour`: this module has no settings"),
            ("\u{1b}[2J", &[], "unknown setting `\u{fffd}[2J`: this module has no settings"),
        ] {
            assert_eq!(SettingError::unknown(key.to_owned(), known).to_string(), sentence);
        }
    }

    #[test]
    fn a_long_value_is_cut_in_the_sentence_and_kept_in_the_error() {
        let error = SettingError::Invalid { key: "k".into(), value: "x".repeat(65), expected: "less".into() };
        let shown = "x".repeat(64);
        assert_eq!(String::from(error), format!("setting `k` is `{shown}…`: expected less"));
    }
}
