//! Reading DER as Go's `encoding/asn1` reads it into a struct.
//!
//! It is another reader than the one for certificates: it takes bytes behind a value and behind the last field of a
//! SEQUENCE, and tags of several octets. Signatures over messages and revocation lists are read this way.
//!
//! Source: Go 1.26 `encoding/asn1/asn1.go`.

/// What is wrong with bytes. The texts are Go's.
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
    pub(crate) const INTEGER: Self = Self { tag: 2, is_compound: false, go_type: "Int" };
    pub(crate) const BIT_STRING: Self = Self { tag: 3, is_compound: false, go_type: "BitString" };
    pub(crate) const OCTET_STRING: Self = Self { tag: 4, is_compound: false, go_type: "" };
    pub(crate) const OID: Self = Self { tag: 6, is_compound: false, go_type: "ObjectIdentifier" };

    /// A SEQUENCE that fills a Go struct of that name.
    pub(crate) const fn sequence(go_type: &'static str) -> Self {
        Self { tag: 16, is_compound: true, go_type }
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
        if class != 0 || tag != wanted.tag || is_compound != wanted.is_compound {
            let Wanted { tag: wanted, go_type, .. } = wanted;
            return Err(Asn1Error::Tag { wanted, class, tag, length, is_compound, go_type, offset });
        }
        self.take(header, offset)
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
