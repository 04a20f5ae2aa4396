//! Why bytes cannot be shown as JSON, or JSON is no message.

use raddle_proto::wire::WireError;

/// Why bytes cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToJsonError {
    /// They are no message.
    #[error("{message}: {error}")]
    Wire {
        /// The message's type.
        message: &'static str,
        /// What is wrong.
        error: WireError,
    },
    /// A text is none.
    #[error("{message}.{field} is not UTF-8")]
    NotUtf8 {
        /// The message's type.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
    /// Messages inside messages.
    #[error("more than {max} messages stand inside one another")]
    Depth {
        /// The limit.
        max: usize,
    },
}

/// Why JSON is no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", if place.is_empty() { "the whole" } else { place })]
pub struct FromJsonError {
    /// Where: names and numbers, joined by slashes.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}
