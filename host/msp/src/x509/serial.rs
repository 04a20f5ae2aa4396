//! Serial numbers of any length.

use std::fmt;

/// A certificate's serial number: not negative, of any length. Prints in decimal, and in hexadecimal with `{:x}`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Serial {
    /// Big-endian, without leading zeros.
    octets: Vec<u8>,
}

impl Serial {
    /// From a number's octets, highest first.
    pub(crate) fn new(octets: &[u8]) -> Self {
        Self { octets: octets.iter().copied().skip_while(|&octet| octet == 0).collect() }
    }

    /// The octets, highest first, without leading zeros; none for zero.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl fmt::LowerHex for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = raddle_proto::hash::hex(&self.octets);
        let digits = digits.trim_start_matches('0');
        formatter.write_str(if digits.is_empty() { "0" } else { digits })
    }
}

/// Work grows with the square of the length: a serial number beyond this many octets prints in hexadecimal.
const DECIMAL_OCTETS_MAX: usize = 1024;

impl fmt::Display for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.octets.len() > DECIMAL_OCTETS_MAX {
            return write!(formatter, "0x{self:x}");
        }
        // Limbs of nine decimal digits, lowest first.
        let mut limbs: Vec<u64> = vec![0];
        for &octet in &self.octets {
            let mut carry = u64::from(octet);
            for limb in &mut limbs {
                let value = *limb * 256 + carry;
                *limb = value % 1_000_000_000;
                carry = value / 1_000_000_000;
            }
            if carry > 0 {
                limbs.push(carry);
            }
        }
        let mut limbs = limbs.into_iter().rev();
        write!(formatter, "{}", limbs.next().unwrap_or_default())?;
        limbs.try_for_each(|limb| write!(formatter, "{limb:09}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Serial;

    #[test]
    fn a_serial_prints_in_decimal_and_in_hexadecimal() {
        let cases: [(&[u8], &str, &str); 4] = [
            (&[0], "0", "0"),
            (&[0, 0x0f], "15", "f"),
            (&[0x3b, 0x9a, 0xca, 0x00], "1000000000", "3b9aca00"),
            (&[0xff; 16], "340282366920938463463374607431768211455", "ffffffffffffffffffffffffffffffff"),
        ];
        for (octets, decimal, hexadecimal) in cases {
            let serial = Serial::new(octets);
            assert_eq!((serial.to_string().as_str(), format!("{serial:x}").as_str()), (decimal, hexadecimal));
        }
    }
}
