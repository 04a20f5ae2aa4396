//! Why bytes are not a message.

/// Why bytes are not a message: Go's Unmarshal fails on each of these.
///
/// `at` is a position in the bytes that were given to the function that failed, from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end, or the message that contains them does, inside a tag or a value.
    #[error("the bytes end inside the tag or value at byte {at}")]
    Truncated {
        /// Where the tag or value begins.
        at: usize,
    },
    /// A varint has more than 64 bits.
    #[error("the varint at byte {at} has more than 64 bits")]
    VarintOverflow {
        /// Where the varint begins.
        at: usize,
    },
    /// No field can have this number.
    #[error("field number {number} at byte {at} is not in 1 to {max}")]
    FieldNumber {
        /// Where the tag begins.
        at: usize,
        /// The number found.
        number: u64,
        /// The greatest number allowed at that place; inside a group it is greater.
        max: u64,
    },
    /// Wire types 6 and 7 do not exist.
    #[error("wire type {wire_type} at byte {at} does not exist")]
    WireType {
        /// Where the tag begins.
        at: usize,
        /// The wire type found.
        wire_type: u8,
    },
    /// A group ends that did not begin, or another than the innermost.
    #[error("group {number} ends at byte {at} but is not the innermost open group")]
    EndGroup {
        /// Where the tag begins.
        at: usize,
        /// The group's field number.
        number: u64,
    },
    /// Groups inside groups.
    #[error("more than {max} groups stand inside a group at byte {at}")]
    GroupDepth {
        /// Where the tag of the group too many begins.
        at: usize,
        /// The limit.
        max: usize,
    },
    /// Messages inside messages.
    #[error("more than {max} messages stand inside a message at byte {at}")]
    MessageDepth {
        /// Where the message too many begins.
        at: usize,
        /// The limit.
        max: usize,
    },
    /// A string is not UTF-8.
    #[error("field {field} of {message} at byte {at} is not UTF-8")]
    NotUtf8 {
        /// Where the string begins.
        at: usize,
        /// Full name of the message.
        message: &'static str,
        /// Number of the field.
        field: u32,
    },
    /// The type is none of this crate's messages.
    #[error("no schema of message {name} is known")]
    NoSchema {
        /// Full name of the message.
        name: String,
    },
    /// The decoder refused what had passed all rules above.
    #[error("the decoder failed: {0}")]
    Decoder(#[from] prost::DecodeError),
}
