//! PEM, read as leniently as Go reads it.
//!
//! Text around the block, headers, any line length and any label are fine, and a malformed block is skipped. What an
//! identity's bytes mean depends on that, so no stricter reader will do.
//!
//! Source: Go 1.26 `encoding/pem/pem.go` `Decode`.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// Go's standard decoding: padded, and without a look at the bits that padding leaves over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// A PEM block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Block {
    /// What stands after `BEGIN`.
    pub(crate) label: Vec<u8>,
    /// What the base64 text says.
    pub(crate) bytes: Vec<u8>,
}

/// The first well-formed block.
pub(crate) fn first_block(data: &[u8]) -> Option<Block> {
    let mut rest = data;
    loop {
        let end = find(rest, END)?;
        let after_end = end + END.len();
        match block_before(rest, end) {
            Attempt::Block(block) => return Some(block),
            Attempt::Nothing => return None,
            Attempt::Malformed => rest = rest.get(after_end..)?,
        }
    }
}

/// A certificate's block as Go writes it: lines of 64 letters.
pub(crate) fn encode_certificate(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

enum Attempt {
    Block(Block),
    /// Look behind this END line.
    Malformed,
    /// Give up, as Go does when a block's text stops before any content.
    Nothing,
}

/// The block from the last BEGIN line before the END line at `end`.
fn block_before(rest: &[u8], end: usize) -> Attempt {
    let Some(block) = rest.get(..end).and_then(|before| {
        let begin = find_last(before, BEGIN)?;
        let starts_a_line = begin == 0 || before.get(begin - 1) == Some(&b'\n');
        starts_a_line.then_some(begin + BEGIN.len())
    }) else {
        return Attempt::Malformed;
    };
    let Some(text) = rest.get(block..) else { return Attempt::Malformed };
    // Where the END line's newline lies, counted from what is left to read. Lines read may go beyond it.
    let Ok(mut to_end) = isize::try_from(end - block) else { return Attempt::Malformed };
    let (label_line, mut text, used) = line(text);
    to_end -= used;
    let Some(label) = label_line.strip_suffix(DASHES) else { return Attempt::Malformed };
    let mut has_headers = false;
    loop {
        if text.is_empty() {
            return Attempt::Nothing;
        }
        let (header, after, used) = line(text);
        if !header.contains(&b':') {
            break;
        }
        has_headers = true;
        text = after;
        to_end -= used;
    }
    if has_headers && to_end < 0 {
        return Attempt::Malformed;
    }
    let after_end = to_end + isize::try_from(END.len()).unwrap_or(isize::MAX);
    let Some(trailer) = usize::try_from(after_end).ok().and_then(|start| text.get(start..)) else {
        return Attempt::Malformed;
    };
    if !is_trailer(trailer, label) {
        return Attempt::Malformed;
    }
    let content = usize::try_from(to_end).ok().and_then(|length| text.get(..length)).unwrap_or_default();
    match decode_base64(content) {
        Some(bytes) => Attempt::Block(Block { label: label.to_vec(), bytes }),
        None => Attempt::Malformed,
    }
}

/// Whether what follows `-----END ` is the label, five dashes and nothing else on the line.
fn is_trailer(trailer: &[u8], label: &[u8]) -> bool {
    let Some((trailer, rest_of_line)) = trailer.split_at_checked(label.len() + DASHES.len()) else {
        return false;
    };
    trailer.starts_with(label) && trailer.ends_with(DASHES) && line(rest_of_line).0.is_empty()
}

fn decode_base64(content: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = content.iter().copied().filter(|byte| !b" \t\r\n".contains(byte)).collect();
    BASE64.decode(digits).ok()
}

/// The first line without its end and the blanks before it, what follows it, and how many bytes it took.
fn line(data: &[u8]) -> (&[u8], &[u8], isize) {
    let (line, rest) = match data.iter().position(|&byte| byte == b'\n') {
        Some(newline) => {
            let (line, rest) = data.split_at_checked(newline + 1).unwrap_or((data, &[]));
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            (line.strip_suffix(b"\r").unwrap_or(line), rest)
        }
        None => (data, &[][..]),
    };
    let blanks = line.iter().rev().take_while(|byte| b" \t".contains(byte)).count();
    let line = line.get(..line.len() - blanks).unwrap_or_default();
    (line, rest, isize::try_from(data.len() - rest.len()).unwrap_or(isize::MAX))
}

fn find(data: &[u8], what: &[u8]) -> Option<usize> {
    data.windows(what.len()).position(|window| window == what)
}

fn find_last(data: &[u8], what: &[u8]) -> Option<usize> {
    data.windows(what.len()).rposition(|window| window == what)
}
