//! Reading DER as Go's `encoding/asn1` reads it into a struct.
//!
//! It is another reader than the one for certificates: it takes bytes behind a value and behind the last field of a
//! SEQUENCE, and tags of several octets. Signatures over messages and revocation lists are read this way.
//!
//! Source: Go 1.26 `encoding/asn1/asn1.go`.

use crate::x509::{Oid, Reader, Time, encode, is_text, tag};

/// What is wrong with bytes. The texts are Go's, but for a value that does not fit its type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Asn1Error {
    /// Bytes that break the encoding's rules.
    #[error("asn1: syntax error: {0}")]
    Syntax(&'static str),
    /// Bytes that are not what is wanted.
    #[error("asn1: structure error: {0}")]
    Structure(&'static str),
    /// An element of another tag than the one that is wanted.
    #[error(
        "asn1: structure error: tags don't match ({wanted} vs {{class:{class} tag:{tag} length:{length} \
         isCompound:{is_compound}}}) {{optional:false explicit:false application:false private:false \
         defaultValue:<nil> tag:<nil> stringType:0 timeType:0 set:false omitEmpty:false}} {go_type} @{offset}"
    )]
    Tag {
        /// The wanted tag number.
        wanted: u32,
        /// The class of the tag that is there, 0 to 3.
        class: u8,
        /// The number of the tag that is there.
        tag: u32,
        /// How many bytes its content claims to have.
        length: usize,
        /// Whether it is made of elements.
        is_compound: bool,
        /// The Go type that was to be filled.
        go_type: &'static str,
        /// Where its content begins, from the start of the enclosing content.
        offset: usize,
    },
}

/// An element's tag and length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) class: u8,
    pub(crate) is_compound: bool,
    pub(crate) tag: u32,
    pub(crate) length: usize,
}

/// A wanted element: its universal tag, whether it is made of elements, and the Go type that it fills.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) tag: u32,
    pub(crate) is_compound: bool,
    pub(crate) go_type: &'static str,
}

/// Reads fields one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    offset: usize,
}

// === impl Wanted ===

impl Wanted {
    pub(crate) const INTEGER: Self = Self { tag: 2, is_compound: false, go_type: "" };
    pub(crate) const BIT_STRING: Self = Self { tag: 3, is_compound: false, go_type: "BitString" };
    pub(crate) const OCTET_STRING: Self = Self { tag: 4, is_compound: false, go_type: "" };
    pub(crate) const BOOLEAN: Self = Self { tag: 1, is_compound: false, go_type: "bool" };
    pub(crate) const SET: Self = Self { tag: 17, is_compound: true, go_type: "RelativeDistinguishedNameSET" };
    pub(crate) const OID: Self = Self { tag: 6, is_compound: false, go_type: "ObjectIdentifier" };

    /// A SEQUENCE that fills a Go struct of that name.
    pub(crate) const fn sequence(go_type: &'static str) -> Self {
        Self { tag: 16, is_compound: true, go_type }
    }
}

// === impl Header ===

impl Header {
    /// Whether this is the element that is wanted.
    fn is(self, wanted: Wanted) -> bool {
        self.class == 0 && self.tag == wanted.tag && self.is_compound == wanted.is_compound
    }

    /// Whether this is a UTCTime or a GeneralizedTime.
    pub(crate) fn is_time(self) -> bool {
        self.class == 0 && matches!(self.tag, 23 | 24) && !self.is_compound
    }
}

// === impl Fields ===

impl<'a> Fields<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.offset >= self.bytes.len()
    }

    /// What is left to read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// The next element's header, without reading it. `None` at the end.
    pub(crate) fn peek(&self) -> Result<Option<Header>, Asn1Error> {
        if self.is_empty() { Ok(None) } else { self.header().map(|(header, _)| Some(header)) }
    }

    /// The content of the next element, which must be the wanted one.
    pub(crate) fn content(&mut self, wanted: Wanted) -> Result<&'a [u8], Asn1Error> {
        if self.is_empty() {
            return Err(Asn1Error::Syntax("sequence truncated"));
        }
        let (header, offset) = self.header()?;
        let Header { class, is_compound, tag, length } = header;
        if !header.is(wanted) {
            let Wanted { tag: wanted, go_type, .. } = wanted;
            return Err(Asn1Error::Tag { wanted, class, tag, length, is_compound, go_type, offset });
        }
        self.take(header, offset)
    }

    /// The content of the next element, if it is the wanted one.
    pub(crate) fn optional(&mut self, wanted: Wanted) -> Result<Option<&'a [u8]>, Asn1Error> {
        if self.peek()?.is_some_and(|header| header.is(wanted)) {
            self.content(wanted).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The content of the wanted element within a context-specific one of this number, if both are next. As in Go, the
    /// outer one's length does not matter, unless it is zero.
    pub(crate) fn explicit(&mut self, number: u32, wanted: Wanted) -> Result<Option<&'a [u8]>, Asn1Error> {
        if self.is_empty() {
            return Ok(None);
        }
        let (outer, offset) = self.header()?;
        if offset == self.bytes.len() {
            return Err(Asn1Error::Structure("explicit tag has no child"));
        }
        if outer.class != 2 || outer.tag != number || !(outer.is_compound || outer.length == 0) {
            return Ok(None);
        }
        if outer.length == 0 {
            return Err(Asn1Error::Structure("zero length explicit tag was not an asn1.Flag"));
        }
        Self { bytes: self.bytes, offset }.optional(wanted)
    }

    /// The content of an OBJECT IDENTIFIER.
    pub(crate) fn oid(&mut self) -> Result<&'a [u8], Asn1Error> {
        let content = self.content(Wanted::OID)?;
        check_oid(content)?;
        Ok(content)
    }

    /// As [`Fields::content`], with all bytes of the element in front.
    pub(crate) fn element(&mut self, wanted: Wanted) -> Result<(&'a [u8], &'a [u8]), Asn1Error> {
        let start = self.offset;
        let content = self.content(wanted)?;
        Ok((self.bytes.get(start..self.offset).unwrap_or_default(), content))
    }

    /// The content of the next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<(Header, &'a [u8]), Asn1Error> {
        if self.is_empty() {
            return Err(Asn1Error::Syntax("sequence truncated"));
        }
        let (header, offset) = self.header()?;
        Ok((header, self.take(header, offset)?))
    }

    fn take(&mut self, header: Header, offset: usize) -> Result<&'a [u8], Asn1Error> {
        let truncated = Asn1Error::Syntax("data truncated");
        let end = offset.checked_add(header.length).ok_or(truncated.clone())?;
        let content = self.bytes.get(offset..end).ok_or(truncated)?;
        self.offset = end;
        Ok(content)
    }

    /// The header and where the content begins.
    fn header(&self) -> Result<(Header, usize), Asn1Error> {
        const TRUNCATED: Asn1Error = Asn1Error::Syntax("truncated tag or length");
        let mut octets = self.rest().iter().copied();
        let first = octets.next().ok_or(TRUNCATED)?;
        let mut tag = u32::from(first & 0x1f);
        if tag == 0x1f {
            tag = long_tag(&mut octets)?;
        }
        let short = octets.next().ok_or(TRUNCATED)?;
        let mut length = usize::from(short & 0x7f);
        if short & 0x80 != 0 {
            if length == 0 {
                return Err(Asn1Error::Syntax("indefinite length found (not DER)"));
            }
            let count = length;
            length = 0;
            for _ in 0..count {
                let octet = octets.next().ok_or(TRUNCATED)?;
                if length >= 1 << 23 {
                    return Err(Asn1Error::Structure("length too large"));
                }
                length = (length << 8) | usize::from(octet);
                if length == 0 {
                    return Err(Asn1Error::Structure("superfluous leading zeros in length"));
                }
            }
            if length < 0x80 {
                return Err(Asn1Error::Structure("non-minimal length"));
            }
        }
        let header = Header { class: first >> 6, is_compound: first & 0x20 != 0, tag, length };
        Ok((header, self.bytes.len() - octets.len()))
    }
}

/// A tag's number of seven bits an octet.
fn long_tag(octets: &mut impl Iterator<Item = u8>) -> Result<u32, Asn1Error> {
    const TOO_LARGE: Asn1Error = Asn1Error::Structure("base 128 integer too large");
    let mut tag: u64 = 0;
    for index in 0.. {
        if index == 5 {
            return Err(TOO_LARGE);
        }
        let octet = octets.next().ok_or(Asn1Error::Syntax("truncated base 128 integer"))?;
        if index == 0 && octet == 0x80 {
            return Err(Asn1Error::Syntax("integer is not minimally encoded"));
        }
        tag = (tag << 7) | u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            break;
        }
    }
    match u32::try_from(tag) {
        Ok(tag) if tag > 0x7fff_ffff => Err(TOO_LARGE),
        Ok(tag) if tag < 0x1f => Err(Asn1Error::Syntax("non-minimal tag")),
        Ok(tag) => Ok(tag),
        Err(_) => Err(TOO_LARGE),
    }
}

/// Checks that an INTEGER's content is the shortest that means it.
pub(crate) fn check_integer(octets: &[u8]) -> Result<(), Asn1Error> {
    if octets.is_empty() {
        return Err(Asn1Error::Structure("empty integer"));
    }
    if crate::x509::is_minimal_integer(octets) {
        Ok(())
    } else {
        Err(Asn1Error::Structure("integer not minimally-encoded"))
    }
}

fn check_oid(content: &[u8]) -> Result<(), Asn1Error> {
    match Oid::new(content) {
        Some(_) => Ok(()),
        None if content.is_empty() => Err(Asn1Error::Syntax("zero length OBJECT IDENTIFIER")),
        None => Err(Asn1Error::Syntax("malformed OBJECT IDENTIFIER")),
    }
}

pub(crate) fn check_boolean(content: &[u8]) -> Result<(), Asn1Error> {
    match content {
        [0 | 0xff] => Ok(()),
        _ => Err(Asn1Error::Syntax("invalid boolean")),
    }
}

/// Checks a value of any type, as far as Go knows the type.
pub(crate) fn check_any(header: Header, content: &[u8]) -> Result<(), Asn1Error> {
    if header.class != 0 || header.is_compound {
        return Ok(());
    }
    let is_fine = match header.tag {
        1 => return check_boolean(content),
        2 if content.len() > 8 => return Err(Asn1Error::Structure("integer too large")),
        2 => return check_integer(content),
        3 => Reader::new(&encode(tag::BIT_STRING, content)).bit_string().is_some(),
        6 => return check_oid(content),
        12 | 18 | 19 | 20 | 22 | 30 => u8::try_from(header.tag).is_ok_and(|tag| is_text(tag, content)),
        23 => Time::read(&mut Reader::new(&encode(tag::UTC_TIME, content))).is_ok(),
        24 => {
            Time::read(&mut Reader::new(&encode(tag::GENERALIZED_TIME, &without_fraction(content)))).is_ok()
        }
        _ => true,
    };
    if is_fine { Ok(()) } else { Err(Asn1Error::Syntax("a value does not fit its type")) }
}

/// A GeneralizedTime without its fraction of a second, if that is written as shortly as can be.
fn without_fraction(time: &[u8]) -> Vec<u8> {
    let Some((second, rest)) = time.split_at_checked(14) else { return time.to_vec() };
    let Some(fraction) = rest.strip_prefix(b".") else { return time.to_vec() };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = fraction.split_at_checked(digits).unwrap_or_default();
    if (1..=9).contains(&digits.len()) && digits.last() != Some(&b'0') {
        [second, zone].concat()
    } else {
        time.to_vec()
    }
}
