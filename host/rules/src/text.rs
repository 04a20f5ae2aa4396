//! Text that a module hands over, made fit for logs and terminals.

use std::fmt::Write as _;

/// `text` up to `bytes_max`, cut between characters, with control characters escaped.
///
/// The limit is on what the module wrote, so that escaping does not change what is kept.
pub(crate) fn printable(text: &str, bytes_max: usize) -> String {
    let kept = text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default();
    let mut out = String::with_capacity(kept.len());
    for character in kept.chars() {
        if is_harmless(character) {
            out.push(character);
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "{}", character.escape_default());
        }
    }
    if kept.len() < text.len() {
        out.push('…');
    }
    out
}

/// Whether a character shows as itself: no control, and none that turns or hides the text around it.
pub(crate) const fn is_harmless(character: char) -> bool {
    !matches!(character,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_escaped_and_long_text_is_cut_between_characters() {
        for (text, bytes_max, expected) in [
            ("plain, größer 100 €", 100, "plain, größer 100 €"),
            ("two\nlines\x1b[31m", 100, "two\\nlines\\u{1b}[31m"),
            ("\u{202e}turned", 100, "\\u{202e}turned"),
            ("äöü", 3, "ä…"),
            ("", 0, ""),
        ] {
            assert_eq!(printable(text, bytes_max), expected);
        }
    }
}
