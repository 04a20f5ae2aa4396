//! Hashes by the names that an MSP's config gives them.

use aws_lc_rs::digest;

/// The hash that names identities and cert paths: `identity_identifier_hash_function`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum IdentityHash {
    Sha256,
    Sha384,
    Sha3_256,
    Sha3_384,
}

/// The hash of signed messages: `signature_hash_family`. Always of 256 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignatureHash {
    Sha256,
    Sha3_256,
}

impl IdentityHash {
    /// Source: fabric v2.5.16 `bccsp/hashopts.go` `GetHashOpt`.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        match name {
            "SHA256" => Some(Self::Sha256),
            "SHA384" => Some(Self::Sha384),
            "SHA3_256" => Some(Self::Sha3_256),
            "SHA3_384" => Some(Self::Sha3_384),
            _ => None,
        }
    }

    /// The hash over all parts, one after the other.
    pub(crate) fn of<'a>(self, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha3_256 => &digest::SHA3_256,
            Self::Sha3_384 => &digest::SHA3_384,
        };
        let mut context = digest::Context::new(algorithm);
        parts.into_iter().for_each(|part| context.update(part));
        context.finish().as_ref().to_vec()
    }
}

impl SignatureHash {
    /// Source: fabric v2.5.16 `msp/identities.go` `getHashOpt`.
    pub(crate) fn by_family(family: &str) -> Option<Self> {
        match family {
            "SHA2" => Some(Self::Sha256),
            "SHA3" => Some(Self::Sha3_256),
            _ => None,
        }
    }

    pub(crate) fn of(self, message: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha3_256 => &digest::SHA3_256,
        };
        digest::digest(algorithm, message)
    }
}
