//! Finds fields in protobuf messages that somebody else wrote, and reads no more than it must.
//!
//! A filter must not read a message in another way than a peer does, or it could be led past what it guards. So what
//! no Fabric client writes is refused, although a peer might read it: a field twice that stands alone, a group.

/// Bytes that are read at a time: one import for some fields, and not much more than they need.
const WINDOW_BYTES: u32 = 512;
/// Longest varint.
const VARINT_BYTES_MAX: u32 = 10;

/// Where the bytes lie. What is beyond the end is not there.
pub(crate) trait Source {
    /// At most `size_bytes` from `offset` on.
    fn read(&self, offset: u64, size_bytes: u32) -> Vec<u8>;
}

impl Source for [u8] {
    fn read(&self, offset: u64, size_bytes: u32) -> Vec<u8> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.iter().skip(offset).take(size_bytes as usize).copied().collect()
    }
}

impl Source for crate::Envelope {
    fn read(&self, offset: u64, size_bytes: u32) -> Vec<u8> {
        self.read_payload(offset, size_bytes)
    }
}

/// A piece of the source: a message, a text, some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Part {
    pub(crate) const fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// Reads one source, with a window on it.
pub(crate) struct Walk<'a, S: ?Sized> {
    source: &'a S,
    start: u64,
    window: Vec<u8>,
}

impl<'a, S: Source + ?Sized> Walk<'a, S> {
    pub(crate) const fn new(source: &'a S) -> Self {
        Self { source, start: 0, window: Vec::new() }
    }

    /// The one field `number` of a message; its beginning, with nothing in it, where it was left out. `name` is for
    /// the sentence.
    pub(crate) fn one(&mut self, message: Part, number: u64, name: &str) -> Result<Part, String> {
        let absent = Part { start: message.start, end: message.start };
        Ok(self.all(message, number, 1, name)?.first().copied().unwrap_or(absent))
    }

    /// All fields `number` of a message, at most `max`.
    pub(crate) fn all(
        &mut self,
        message: Part,
        number: u64,
        max: usize,
        name: &str,
    ) -> Result<Vec<Part>, String> {
        let mut found = Vec::new();
        let mut at = message.start;
        while at < message.end {
            let broken = || format!("the message with {name} is broken");
            let (field, part) = self.field(&mut at, message.end).ok_or_else(broken)?;
            if field == number {
                if found.len() == max {
                    return Err(format!("there is more than {max} of {name}"));
                }
                found.push(part.ok_or_else(broken)?);
            }
        }
        Ok(found)
    }

    /// A field's number, and where its bytes lie if it has a length.
    fn field(&mut self, at: &mut u64, end: u64) -> Option<(u64, Option<Part>)> {
        let tag = self.varint(at, end)?;
        let number = tag >> 3;
        // Numbers end at 2^29 - 1; and 0 is none.
        if number == 0 || number >= 1 << 29 {
            return None;
        }
        let mut part = None;
        match tag & 7 {
            0 => drop(self.varint(at, end)?),
            1 => *at = skipped(*at, 8, end)?,
            2 => {
                let length = self.varint(at, end)?;
                let start = *at;
                *at = skipped(start, length, end)?;
                part = Some(Part { start, end: *at });
            }
            5 => *at = skipped(*at, 4, end)?,
            _ => return None,
        }
        Some((number, part))
    }

    fn varint(&mut self, at: &mut u64, end: u64) -> Option<u64> {
        let mut value = 0_u64;
        for place in 0..VARINT_BYTES_MAX {
            if *at >= end {
                return None;
            }
            let byte = self.byte(*at)?;
            *at = at.saturating_add(1);
            // The tenth byte has room for one bit.
            if place == VARINT_BYTES_MAX - 1 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn byte(&mut self, at: u64) -> Option<u8> {
        let in_window = |walk: &Self| {
            let place = usize::try_from(at.checked_sub(walk.start)?).ok()?;
            walk.window.get(place).copied()
        };
        if let Some(byte) = in_window(self) {
            return Some(byte);
        }
        // Given back before it is read anew, so that the next window lies in the same place.
        self.window = Vec::new();
        self.window = self.source.read(at, WINDOW_BYTES);
        self.start = at;
        in_window(self)
    }
}

fn skipped(at: u64, bytes: u64, end: u64) -> Option<u64> {
    at.checked_add(bytes).filter(|next| *next <= end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn whole(bytes: &[u8]) -> Part {
        Part { start: 0, end: bytes.len() as u64 }
    }

    fn one(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let part = Walk::new(bytes).one(whole(bytes), 2, "it")?;
        Ok(bytes.read(part.start, u32::try_from(part.len()).unwrap()))
    }

    #[test]
    fn a_field_is_found_behind_others_of_all_kinds() {
        let others = [8, 0xff, 1, 9, 1, 2, 3, 4, 5, 6, 7, 8, 29, 1, 2, 3, 4, 26, 2, 18, 0];
        assert_eq!(one(&[&others[..], &[18, 2, b'h', b'i'], &others].concat()), Ok(b"hi".to_vec()));
        assert_eq!(one(&others), Ok(Vec::new()));
        assert_eq!(one(&[]), Ok(Vec::new()));
        // The length, and the tag, in more bytes than they need.
        assert_eq!(one(&[0x92, 0x80, 0, 0x82, 0, b'h', b'i']), Ok(b"hi".to_vec()));
    }

    #[test]
    fn a_field_is_found_beyond_the_first_window() {
        let long = [&[10, 0xe8, 7][..], &[0; 1_000], &[18, 1, b'!'], &[26, 0xe8, 7], &[0; 1_000]].concat();
        assert_eq!(one(&long), Ok(b"!".to_vec()));
    }

    #[test]
    fn what_is_broken_or_ambiguous_is_refused() {
        for bytes in [
            &[18][..],
            &[18, 1],
            &[18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            &[18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
            &[16, 1],
            &[2, 0],
            &[17, 1, 2, 3],
            &[21, 1],
            &[19, 20],
            &[22, 0],
            &[0x82, 0x80, 0x80, 0x80, 16, 0],
        ] {
            assert_eq!(one(bytes), Err("the message with it is broken".to_owned()), "{bytes:?}");
        }
        assert_eq!(one(&[18, 0, 18, 0]), Err("there is more than 1 of it".to_owned()));
    }
}
