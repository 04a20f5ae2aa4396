//! Object identifiers, compared by their encoding.

use std::fmt;

/// An object identifier: the content of its element, known to be well formed. Two are equal when their bytes are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Oid<'a>(&'a [u8]);

impl<'a> Oid<'a> {
    /// Checks the encoding: no part is empty, padded or beyond 31 bits.
    pub(crate) fn new(content: &'a [u8]) -> Option<Self> {
        if content.is_empty() {
            return None;
        }
        let mut octets = content.iter();
        while !octets.as_slice().is_empty() {
            next_part(&mut octets)?;
        }
        Some(Self(content))
    }

    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Display for Oid<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut octets = self.0.iter();
        let first = next_part(&mut octets).unwrap_or_default();
        let root = (first / 40).min(2);
        write!(formatter, "{root}.{}", first - 40 * root)?;
        while let Some(part) = next_part(&mut octets) {
            write!(formatter, ".{part}")?;
        }
        Ok(())
    }
}

/// The next number of seven bits an octet. `None` at the end, and for what is padded, cut off or too large.
fn next_part(octets: &mut std::slice::Iter<'_, u8>) -> Option<u32> {
    let mut value: u32 = 0;
    for index in 0..5 {
        let &octet = octets.next()?;
        if value >= 1 << 24 || (index == 0 && octet == 0x80) {
            return None;
        }
        value = (value << 7) | u32::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Whether a policy's identifier is well formed. Its parts may have any size, unlike [`Oid`]'s.
///
/// Source: Go 1.26 `crypto/x509/oid.go` `newOIDFromDER`.
pub(crate) fn is_policy_oid(content: &[u8]) -> bool {
    let mut is_start = true;
    for &octet in content {
        if is_start && octet == 0x80 {
            return false;
        }
        is_start = octet & 0x80 == 0;
    }
    !content.is_empty() && is_start
}

/// Extensions that Go knows, `2.5.29.*`.
pub(crate) mod extension {
    pub(crate) const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
    pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    pub(crate) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
    pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
    pub(crate) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
    pub(crate) const CRL_DISTRIBUTION_POINTS: &[u8] = &[0x55, 0x1d, 31];
    pub(crate) const CERTIFICATE_POLICIES: &[u8] = &[0x55, 0x1d, 32];
    pub(crate) const POLICY_MAPPINGS: &[u8] = &[0x55, 0x1d, 33];
    pub(crate) const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
    pub(crate) const POLICY_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 36];
    pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
    pub(crate) const INHIBIT_ANY_POLICY: &[u8] = &[0x55, 0x1d, 54];
    /// `1.3.6.1.5.5.7.1.1`
    pub(crate) const AUTHORITY_INFO_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
}

/// Extended key usages that a cert path is asked for.
pub(crate) mod usage {
    /// `2.5.29.37.0`
    pub(crate) const ANY: &[u8] = &[0x55, 0x1d, 37, 0];
    /// `1.3.6.1.5.5.7.3.1`
    pub(crate) const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
}

/// The policy that stands for every policy, `2.5.29.32.0`.
pub(crate) const ANY_POLICY: &[u8] = &[0x55, 0x1d, 32, 0];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

    use super::{Oid, is_policy_oid};

    #[test]
    fn an_oid_is_printed_with_dots() {
        let cases: [(&[u8], &str); 4] = [
            (&[0x55, 0x1d, 0x11], "2.5.29.17"),
            (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], "1.2.840.10045.4.3.2"),
            (&[0x88, 0x37, 3], "2.999.3"),
            (&[0], "0.0"),
        ];
        for (content, expected) in cases {
            assert_eq!(Oid::new(content).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn a_malformed_oid_is_refused() {
        let cases: [&[u8]; 5] =
            [&[], &[0x80, 1], &[0x55, 0x80, 1], &[0x55, 0x81], &[0x88, 0x80, 0x80, 0x80, 0]];
        for content in cases {
            assert_eq!(Oid::new(content), None, "{content:?}");
        }
        assert!(is_policy_oid(&[0x55, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]));
        assert!(!is_policy_oid(&[0x55, 0x81]));
    }
}
