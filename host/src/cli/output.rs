//! What commands print for people or for programs.

use std::io::{self, Write as _};

use super::{Code, Exit, Failure};

/// For whom a command prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object
    Json,
}

/// Most characters of a text that came from elsewhere.
const FOREIGN_CHARS_MAX: usize = 4000;

/// Prints to stdout. A reader that has gone, such as `head`, has read enough.
///
/// # Errors
///
/// What stdout leads to cannot be written to.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Code::File, Exit::Failed, format!("stdout cannot be written to: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a value as JSON, on several lines.
///
/// # Errors
///
/// As [`print()`].
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(Code::Bug, Exit::Bug, error.to_string()))?;
    print(&format!("{text}\n"))
}

/// A text that came from elsewhere, without what would move the cursor, colour the terminal or turn the direction of
/// writing. Line feeds are kept out too.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut printable = String::new();
    for (place, letter) in text.chars().enumerate() {
        if place == FOREIGN_CHARS_MAX {
            printable.push('…');
            break;
        }
        let is_deceptive = letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(letter, '\u{2060}'..='\u{2069}' | '\u{feff}');
        if is_deceptive {
            printable.extend(letter.escape_default());
        } else {
            printable.push(letter);
        }
    }
    printable
}

/// An amount and what it is of.
#[must_use]
pub fn count(amount: u64, one: &str, many: &str) -> String {
    format!("{amount} {}", if amount == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_drive_a_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc\u{202e}d ü ├─"), "a\\u{1b}[31mb\\nc\\u{202e}d ü ├─");
        assert_eq!(printable(&"x".repeat(FOREIGN_CHARS_MAX + 5)).chars().count(), FOREIGN_CHARS_MAX + 1);
    }
}
