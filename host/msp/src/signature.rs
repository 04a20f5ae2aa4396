//! ECDSA signatures as Fabric reads, checks and writes them.

use crate::asn1::{Asn1Error, Fields, Wanted, check_integer};
use crate::x509::{Curve, encode, encode_unsigned, tag};

/// The two numbers of a signature, both above zero: octets, highest first, without leading zeros.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct EcdsaSignature {
    pub(crate) r: Vec<u8>,
    pub(crate) s: Vec<u8>,
}

/// Why bytes are no ECDSA signature. The texts are Fabric's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EcdsaSignatureError {
    /// Not a SEQUENCE that begins with two INTEGERs.
    #[error("failed unmashalling signature [{0}]")]
    Encoding(#[from] Asn1Error),
    /// A number that is zero or below, by its name.
    #[error("invalid signature, {0} must be larger than zero")]
    NotPositive(&'static str),
}

impl EcdsaSignature {
    /// Reads a signature. Bytes behind it, and behind its two numbers, are not looked at.
    ///
    /// Source: fabric v2.5.16 `bccsp/utils/ecdsa.go` `UnmarshalECDSASignature`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, EcdsaSignatureError> {
        let mut numbers = Fields::new(Fields::new(bytes).content(Wanted::sequence("ECDSASignature"))?);
        let mut number = || {
            let octets = numbers.content(Wanted::INTEGER)?;
            check_integer(octets)?;
            Ok::<_, Asn1Error>(octets)
        };
        let (r, s) = (number()?, number()?);
        let positive = |octets: &[u8], name| {
            let is_negative = octets.first().is_some_and(|first| first & 0x80 != 0);
            let octets: Vec<u8> = octets.iter().copied().skip_while(|&octet| octet == 0).collect();
            let is_positive = !is_negative && !octets.is_empty();
            if is_positive { Ok(octets) } else { Err(EcdsaSignatureError::NotPositive(name)) }
        };
        Ok(Self { r: positive(r, "R")?, s: positive(s, "S")? })
    }

    /// The only encoding that DER has for it.
    pub(crate) fn to_der(&self) -> Vec<u8> {
        encode(tag::SEQUENCE, &[encode_unsigned(&self.r), encode_unsigned(&self.s)].concat())
    }

    /// The same with S in the lower half of the curve's order. An S beyond the order, which verifies nothing, stays.
    ///
    /// Source: fabric v2.5.16 `bccsp/utils/ecdsa.go` `ToLowS`.
    pub(crate) fn into_low_s(mut self, curve: Curve) -> Self {
        if !curve.is_low(&self.s)
            && let Some(low) = curve.minus(&self.s)
        {
            self.s = low;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

    use super::EcdsaSignature;
    use crate::x509::Curve;

    const CURVES: [Curve; 4] = [Curve::P224, Curve::P256, Curve::P384, Curve::P521];

    #[test]
    fn half_of_the_order_is_low_and_one_more_is_not() {
        for curve in CURVES {
            let half = curve.half_order();
            let mut more = half.clone();
            *more.last_mut().unwrap() += 1;
            assert!(curve.is_low(&half) && !curve.is_low(&more), "{curve:?}");
            // The order is odd, so its halves are next to each other.
            assert_eq!(curve.minus(&more).unwrap(), half, "{curve:?}");
            assert_eq!(curve.minus(curve.order()), None);
        }
    }

    #[test]
    fn a_signature_is_read_as_go_reads_it() {
        let cases: [(&[u8], &str); 12] = [
            (&[], "failed unmashalling signature [asn1: syntax error: sequence truncated]"),
            (&[0x30], "failed unmashalling signature [asn1: syntax error: truncated tag or length]"),
            (&[0x30, 0], "failed unmashalling signature [asn1: syntax error: sequence truncated]"),
            (
                &[0x30, 0x80, 0, 0],
                "failed unmashalling signature [asn1: syntax error: indefinite length found (not DER)]",
            ),
            (&[0x30, 3, 2, 1], "failed unmashalling signature [asn1: syntax error: data truncated]"),
            (&[0x30, 3, 2, 1, 1], "failed unmashalling signature [asn1: syntax error: sequence truncated]"),
            (&[0x30, 6, 2, 1, 0, 2, 1, 1], "invalid signature, R must be larger than zero"),
            (&[0x30, 6, 2, 1, 1, 2, 1, 0xff], "invalid signature, S must be larger than zero"),
            (
                &[0x30, 7, 2, 2, 0, 1, 2, 1, 1],
                "failed unmashalling signature [asn1: structure error: integer not minimally-encoded]",
            ),
            (
                &[0x30, 5, 2, 0, 2, 1, 1],
                "failed unmashalling signature [asn1: structure error: empty integer]",
            ),
            (
                &[0x30, 0x81, 6, 2, 1, 1, 2, 1, 1],
                "failed unmashalling signature [asn1: structure error: non-minimal length]",
            ),
            (
                &[0x31, 6, 2, 1, 1, 2, 1, 1],
                "failed unmashalling signature [asn1: structure error: tags don't match (16 vs \
                 {class:0 tag:17 length:6 isCompound:true}) {optional:false explicit:false application:false \
                 private:false defaultValue:<nil> tag:<nil> \
                 stringType:0 timeType:0 set:false omitEmpty:false} ECDSASignature @2]",
            ),
        ];
        for (bytes, text) in cases {
            assert_eq!(EcdsaSignature::read(bytes).unwrap_err().to_string(), text, "{bytes:?}");
        }
    }

    #[test]
    fn bytes_behind_and_inside_a_signature_are_dropped() {
        let lax = [0x30, 8, 2, 1, 5, 2, 1, 6, 5, 0, 0xff];
        assert_eq!(EcdsaSignature::read(&lax).unwrap().to_der(), [0x30, 6, 2, 1, 5, 2, 1, 6]);
    }
}
