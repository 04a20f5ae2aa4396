//! The numbers of what this crate answers.

use std::fmt;

/// The number of a code `RDL-nnnn`. The first digit says who acts: 1 the client, 2 the module's author, 3 the
/// channel's admin, 4 the operator, 9 us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal;)*) => {
        impl Code {
            $($(#[doc = $doc])* pub const $name: Self = Self($number);)*

            /// The codes that this crate itself answers with, in the order of their numbers.
            pub const OF_THIS_CRATE: [Self; [$($number),*].len()] = [$(Self::$name),*];
        }
    };
}

codes! {
    /// Payload, header, channel header or signature header of an envelope cannot be read or are not there.
    ENVELOPE_UNREADABLE = 1101;
    /// No channel has the id that stands in an envelope.
    CHANNEL_UNKNOWN = 1102;
    /// Envelopes of type `CONFIG` and `ORDERER_TRANSACTION` are made by orderers, not sent to them.
    TYPE_NOT_TAKEN = 1103;
    /// The channel header of a request for blocks has no timestamp.
    SEEK_WITHOUT_TIME = 1201;
    /// A request for blocks is older or newer than the window around our clock.
    SEEK_OUT_OF_TIME = 1202;
    /// A request for blocks is longer than any that names a range needs to be.
    SEEK_TOO_LONG = 1203;
    /// What a request for blocks carries is no `SeekInfo`.
    SEEK_UNREADABLE = 1204;
    /// A seek without `start` or without `stop`.
    SEEK_INCOMPLETE = 1205;
    /// A seek that stops before it starts.
    SEEK_REVERSED = 1206;
    /// A seek that starts beyond the next block.
    SEEK_BEYOND_END = 1207;
    /// A seek whose `start` is of no type.
    SEEK_FROM_NOWHERE = 1208;
    /// The block is not there yet, and the client does not want to wait.
    BLOCK_NOT_READY = 1209;
    /// The certificate of who reads has ended.
    READER_EXPIRED = 1210;
    /// Who reads does not satisfy the channel's policy for readers.
    READER_DENIED = 1211;
    /// A request for blocks does not carry the hash of the certificate that its connection was made with.
    SEEK_NOT_BOUND = 1212;
    /// A client has as many streams open as it may.
    TOO_MANY_STREAMS = 1213;
    /// A client did not read what it was sent.
    READER_TOO_SLOW = 1214;
    /// The channel is not served any more.
    CHANNEL_CLOSED = 4201;
    /// A committed block cannot be read.
    BLOCK_UNAVAILABLE = 4202;
    /// A block is longer than this orderer sends.
    BLOCK_TOO_LONG = 4203;
    /// Too much is on its way to readers.
    NO_ROOM = 4204;
    /// As many streams are open as this orderer has.
    ORDERER_FULL = 4205;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RDL-{:04}", self.0)
    }
}
