//! Distinguished names: what an identity's organisational units are read from.

use std::fmt;

use super::der::{Element, Reader, encode, tag};
use super::error::ParseError;
use super::oid::Oid;

/// A distinguished name, its attributes in the order of the encoding.
#[derive(Clone, Debug, Default)]
pub struct Name {
    attributes: Vec<Attribute>,
}

#[derive(Clone, Debug)]
struct Attribute {
    /// The content of the type's object identifier.
    kind: Vec<u8>,
    value: String,
}

/// Attribute types that a name prints by letters, `2.5.4.*`, in the order in which they are printed from the end.
const NAMED: [(u8, &str); 9] = [
    (6, "C"),
    (10, "O"),
    (11, "OU"),
    (7, "L"),
    (8, "ST"),
    (9, "STREET"),
    (17, "POSTALCODE"),
    (3, "CN"),
    (5, "SERIALNUMBER"),
];

const COMMON_NAME: u8 = 3;
const SERIAL_NUMBER: u8 = 5;
const ORGANIZATION: u8 = 10;
const ORGANIZATIONAL_UNIT: u8 = 11;

// === impl Name ===

impl Name {
    /// Reads a whole Name element. Every value's text is checked, as Go checks it.
    ///
    /// Source: Go 1.26 `crypto/x509/parser.go` `parseName`.
    pub(crate) fn read(whole: &[u8]) -> Result<Self, ParseError> {
        let mut sets = Reader::new(whole).enter(tag::SEQUENCE).ok_or(ParseError::Name(""))?;
        let mut attributes = Vec::new();
        while !sets.is_empty() {
            let mut set = sets.enter(tag::SET).ok_or(ParseError::Name(""))?;
            while !set.is_empty() {
                let mut pair = set.enter(tag::SEQUENCE).ok_or(ParseError::Name(": invalid attribute"))?;
                let kind = pair.oid().ok_or(ParseError::Name(": invalid attribute type"))?;
                let value = pair.any().ok_or(ParseError::Name(": invalid attribute value"))?;
                attributes.push(Attribute { kind: kind.as_bytes().to_vec(), value: text(value)? });
            }
        }
        Ok(Self { attributes })
    }

    /// Every organisational unit, in the order of the encoding.
    pub fn organizational_units(&self) -> impl Iterator<Item = &str> {
        self.values(ORGANIZATIONAL_UNIT)
    }

    /// The last common name, or nothing.
    pub(crate) fn common_name(&self) -> &str {
        self.values(COMMON_NAME).last().unwrap_or_default()
    }

    /// The first organisation.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.values(ORGANIZATION).next()
    }

    fn values(&self, kind: u8) -> impl Iterator<Item = &str> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.kind == [0x55, 4, kind])
            .map(|attribute| attribute.value.as_str())
    }
}

/// As Go prints a name: RFC 2253, types that have no letters last, values of one type together.
///
/// Source: Go 1.26 `crypto/x509/pkix/pkix.go` `Name.String`.
impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> =
            self.attributes.iter().filter(|a| !a.is_named()).map(Attribute::unnamed).collect();
        for (kind, letters) in NAMED {
            let mut values: Vec<&str> = self.values(kind).collect();
            if kind == COMMON_NAME || kind == SERIAL_NUMBER {
                values =
                    values.into_iter().next_back().filter(|value| !value.is_empty()).into_iter().collect();
            }
            if !values.is_empty() {
                let values: Vec<String> =
                    values.iter().map(|value| format!("{letters}={}", escape(value))).collect();
                parts.push(values.join("+"));
            }
        }
        parts.reverse();
        formatter.write_str(&parts.join(","))
    }
}

// === impl Attribute ===

impl Attribute {
    fn is_named(&self) -> bool {
        matches!(self.kind.as_slice(), [0x55, 4, kind] if NAMED.iter().any(|(named, _)| named == kind))
    }

    /// The type as numbers, the value as hexadecimal DER.
    fn unnamed(&self) -> String {
        let is_printable = self.value.bytes().all(|byte| is_printable(byte) && byte != b'*' && byte != b'&');
        let tag = if is_printable { tag::PRINTABLE_STRING } else { tag::UTF8_STRING };
        let kind = Oid::new(&self.kind).map(|oid| oid.to_string()).unwrap_or_default();
        format!("{kind}=#{}", raddle_proto::hash::hex(&encode(tag, self.value.as_bytes())))
    }
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for (index, letter) in value.char_indices() {
        let needs = match letter {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => index == 0 || index == value.len() - 1,
            '#' => index == 0,
            _ => false,
        };
        if needs {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

/// The text of an attribute's value.
///
/// Source: Go 1.26 `crypto/x509/parser.go` `parseASN1String`.
fn text(value: Element<'_>) -> Result<String, ParseError> {
    let content = value.content;
    let ascii = |is_fine: fn(u8) -> bool, kind| {
        if content.iter().copied().all(is_fine) {
            Ok(content.iter().map(|&byte| char::from(byte)).collect())
        } else {
            Err(ParseError::Text(kind))
        }
    };
    match value.tag {
        // T.61 read as Latin-1: what most of the world does.
        tag::T61_STRING => Ok(content.iter().map(|&byte| char::from(byte)).collect()),
        tag::PRINTABLE_STRING => ascii(is_printable, "PrintableString"),
        tag::UTF8_STRING => String::from_utf8(content.to_vec()).map_err(|_| ParseError::Text("UTF-8 string")),
        tag::IA5_STRING => ascii(|byte| byte.is_ascii(), "IA5String"),
        tag::NUMERIC_STRING => ascii(|byte| byte.is_ascii_digit() || byte == b' ', "NumericString"),
        tag::BMP_STRING => bmp_text(content).ok_or(ParseError::Text("BMPString")),
        tag => Err(ParseError::TextType(tag)),
    }
}

/// Whether a value of a text type holds only what the type has.
pub(crate) fn is_text(tag: u8, content: &[u8]) -> bool {
    text(Element { tag, whole: content, content }).is_ok()
}

/// UCS-2 without a terminator, non-characters and surrogates.
fn bmp_text(content: &[u8]) -> Option<String> {
    let pairs = content.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let content = content.strip_suffix(&[0, 0]).unwrap_or(content);
    content
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |point, &octet| (point << 8) | u32::from(octet)))
        .map(|point| {
            let is_reserved = matches!(point, 0xfffe | 0xffff | 0xfdd0..=0xfdef);
            char::from_u32(point).filter(|_| !is_reserved)
        })
        .collect()
}

/// Letters of a PrintableString, with `*` and `&`, which many certificates have.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&byte)
}
