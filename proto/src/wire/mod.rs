//! Bytes read exactly as Go's protobuf library reads them.
//!
//! Go orderers and Raddle may share a log, so both must make the same of every record, however odd its bytes:
//! skip it in the same cases and write the same envelope into the block otherwise. The rules are those of
//! `google.golang.org/protobuf` v1.36.11, which fabric v2.5.16 vendors:
//!
//! - a known field with a wrong wire type is an unknown field, not an error
//! - but a message field of a wrong wire type is there, and empty, unless it is repeated or of a oneof
//! - unknown fields must be well formed; an [`Envelope`] keeps them, with the tag encoded anew and the value as it was
//! - of a scalar given twice the last counts; a message given twice merges
//! - a string must be UTF-8
//!
//! `tests/golden/go-wire/` at the root of the repository holds what Go's library makes of thousands of inputs;
//! this module is tested against it.

mod decode;
mod envelope;
mod error;
mod headers;
mod records;
mod schema;
mod walk;

pub use decode::{MESSAGE_DEPTH_MAX, go_decode, has_unknown_fields};
pub use envelope::Envelope;
pub use error::WireError;
pub use headers::{HeaderError, Headers, channel_header, headers, signature_header};
pub use records::{Class, KafkaMessage, Regular, TimeToCut};
pub use walk::{Field, Fields, GROUP_DEPTH_MAX, Value};
