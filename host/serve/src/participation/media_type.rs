//! Media types and dispositions as Go reads them.
//!
//! Source: Go 1.26 `mime/mediatype.go` `ParseMediaType`, `mime/grammar.go`.

use std::collections::BTreeMap;

/// Why a value is none, in Go's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MediaTypeError {
    #[error("mime: no media type")]
    Empty,
    #[error("mime: expected slash after first token")]
    NoSlash,
    #[error("mime: expected token after slash")]
    NoSubtype,
    #[error("mime: unexpected content after media subtype")]
    More,
    #[error("mime: invalid media parameter")]
    Parameter,
    #[error("mime: duplicate parameter name")]
    Duplicate,
}

/// The type in lower case, and its parameters by names in lower case.
pub(super) fn parse(value: &str) -> Result<(String, BTreeMap<String, String>), MediaTypeError> {
    let (base, mut rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    let media_type = base.to_lowercase().trim().to_owned();
    check(&media_type)?;
    let mut parameters = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() || rest.trim() == ";" {
            break;
        }
        let (name, value, after) = parameter(rest).ok_or(MediaTypeError::Parameter)?;
        let before = parameters.insert(name, value.clone());
        if before.is_some_and(|before| before != value) {
            return Err(MediaTypeError::Duplicate);
        }
        rest = after;
    }
    Ok((media_type, join_pieces(parameters)))
}

fn check(media_type: &str) -> Result<(), MediaTypeError> {
    let (first, rest) = token(media_type);
    if first.is_empty() {
        return Err(MediaTypeError::Empty);
    }
    if rest.is_empty() {
        return Ok(());
    }
    let (subtype, more) = token(rest.strip_prefix('/').ok_or(MediaTypeError::NoSlash)?);
    match (subtype.is_empty(), more.is_empty()) {
        (true, _) => Err(MediaTypeError::NoSubtype),
        (_, false) => Err(MediaTypeError::More),
        (false, true) => Ok(()),
    }
}

/// `;name=value` at the beginning; and the rest.
fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = token(text.strip_prefix(';')?.trim_start());
    if name.is_empty() {
        return None;
    }
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted_string(quoted)?,
        None => {
            let (value, rest) = token(rest);
            (!value.is_empty()).then(|| (value.to_owned(), rest))?
        }
    };
    Some((name.to_lowercase(), value, rest))
}

/// The text up to the closing quote, and the rest. A backslash is one unless what follows must be escaped.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\r' | '\n' => return None,
            '\\' => match characters.clone().next() {
                Some((_, next)) if is_special(next) => {
                    value.push(next);
                    characters.next();
                }
                _ => value.push('\\'),
            },
            other => value.push(other),
        }
    }
    None
}

fn token(text: &str) -> (&str, &str) {
    text.split_at(text.find(|character| !is_token(character)).unwrap_or(text.len()))
}

fn is_token(character: char) -> bool {
    character.is_ascii_graphic() && !is_special(character)
}

fn is_special(character: char) -> bool {
    r#"()<>@,;:\"/[]?="#.contains(character)
}

/// Values in pieces, `name*0` and so on, become one; so do values with a character set, `name*`.
///
/// Differs: pieces with a character set, `name*0*`, are left out.
///
/// Source: RFC 2231, as Go has it.
fn join_pieces(parameters: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::new();
    for (name, value) in &parameters {
        match name.split_once('*') {
            None => {
                joined.insert(name.clone(), value.clone());
            }
            Some((base, "")) => {
                if let Some(value) = decode(value) {
                    joined.insert(base.to_owned(), value);
                }
            }
            Some((base, "0")) if !parameters.contains_key(&format!("{base}*")) => {
                let pieces = (0..).map_while(|number| parameters.get(&format!("{base}*{number}")));
                joined.insert(base.to_owned(), pieces.map(String::as_str).collect());
            }
            Some(_) => {}
        }
    }
    joined
}

/// `charset'language'text`, escaped as in a path.
fn decode(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let charset = parts.next()?.to_lowercase();
    let text = parts.nth(1)?;
    matches!(charset.as_str(), "us-ascii" | "utf-8").then(|| crate::web::unescape(text)).flatten()
}
