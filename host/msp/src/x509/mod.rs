//! X.509 by the rules of Go's standard library, which are Fabric's.

mod algorithm;
mod certificate;
mod constraints;
mod der;
mod error;
mod extensions;
mod key;
mod name;
mod names;
mod oid;
mod path;
mod policy;
mod serial;
mod time;
mod uri;

pub use algorithm::{Digest, SignatureAlgorithm, SignatureError};
pub use certificate::Certificate;
pub use error::ParseError;
pub use key::Curve;
pub use name::Name;
pub use path::{Hint, PathError};
pub use serial::Serial;
pub use time::{Time, TimeError};

pub(crate) use algorithm::{Signed, check as check_signature};
pub(crate) use der::{Reader, encode, encode_unsigned, is_minimal_integer, tag};
pub(crate) use key::PublicKey;
pub(crate) use name::is_text;
pub(crate) use names::is_hostname;
pub(crate) use oid::{Oid, extension};
pub(crate) use path::{Path, Pool, Pools};
