//! Values as Go prints them: by `%q`, by `%v`, and in the text form of its protobuf library.

use std::fmt::Write as _;

/// As Go's `%q` quotes a text that is UTF-8.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            letter if letter.is_ascii_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(letter));
            }
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// As [`quoted`], of bytes that may not be UTF-8: those that are not stand as `\x` and two digits.
#[must_use]
pub fn quoted_bytes(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let valid = quoted(chunk.valid());
        text.push_str(valid.get(1..valid.len() - 1).unwrap_or_default());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

/// As Go's `%v` prints bytes within brackets: decimal numbers.
#[must_use]
pub fn decimal_list(bytes: &[u8]) -> String {
    let mut list = String::from("[");
    for (index, byte) in bytes.iter().enumerate() {
        let separator = if index == 0 { "" } else { " " };
        let _ = write!(list, "{separator}{byte}");
    }
    list.push(']');
    list
}

/// As Go's protobuf library prints a field of bytes or text: `name:"value" `.
pub fn push_field(name: &str, value: &[u8], text: &mut String) {
    let _ = write!(text, "{name}:\"");
    for &byte in value {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\{byte:03o}");
            }
        }
    }
    text.push_str("\" ");
}

/// As Go's protobuf library prints such fields: those that are empty not at all.
#[must_use]
pub fn fields(fields: &[(&str, &[u8])]) -> String {
    let mut text = String::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        push_field(name, value, &mut text);
    }
    text
}
