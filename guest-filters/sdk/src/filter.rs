//! What an author implements, and what a filter is told of every envelope.

use crate::{Channel, Envelope, PolicyFailure, Settings};

/// Judges envelopes: which may be ordered.
///
/// A filter judges one envelope. For the next one the host starts a fresh instance, whose memory knows nothing of those
/// before. [`new`](Self::new) runs first, then [`check`](Self::check), once.
///
/// ```
/// use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings};
///
/// /// Takes envelopes of the listed organisations only.
/// struct AllowOrganisations {
///     msp_ids: Vec<String>,
/// }
///
/// impl Filter for AllowOrganisations {
///     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
///         settings.only(&["msp-ids"])?;
///         Ok(Self { msp_ids: settings.required("msp-ids")? })
///     }
///
///     fn check(&self, _facts: &Facts, envelope: &Envelope) -> Result<(), Refusal> {
///         let creator = envelope.creator().map_err(Refusal::bad_request)?;
///         if self.msp_ids.contains(&creator.msp_id) {
///             return Ok(());
///         }
///         let allowed = self.msp_ids.join(", ");
///         Err(Refusal::forbidden(format!("{} may not write here; allowed: {allowed}", creator.msp_id)))
///     }
/// }
/// ```
pub trait Filter: Sized {
    /// Makes the filter for one envelope.
    ///
    /// Also called, and the result thrown away, when the module is checked and when it is installed.
    ///
    /// # Errors
    ///
    /// A sentence for the channel's admin: why the settings make no sense. It refuses the installation. A filter whose
    /// settings were accepted must be able to start: an error then ends the call with a trap, and the sentence is
    /// logged.
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String>;

    /// Judges the envelope.
    ///
    /// # Errors
    ///
    /// What the client is told. The envelope is not ordered then, and the filters behind this one are not asked.
    fn check(&self, facts: &Facts, envelope: &Envelope) -> Result<(), Refusal>;
}

/// What is known of every envelope without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Bytes of the payload.
    pub payload_size_bytes: u64,
    /// Bytes of the signature.
    pub signature_size_bytes: u64,
    /// `type` of the channel header; 3 is an endorser transaction.
    pub header_type: i32,
    /// `timestamp` of the channel header: the client's clock, in whatever numbers the client wrote.
    pub timestamp: Option<Timestamp>,
    /// When the creator's certificate ends, if it is one that can be read.
    pub creator_expires: Option<Timestamp>,
    /// When the orderer received the envelope. If the channel's config changes before the envelope is in a block, it
    /// is judged once more, with a time that is the same on every orderer.
    pub received: Timestamp,
}

impl Facts {
    /// Bytes of payload and signature together.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.payload_size_bytes.saturating_add(self.signature_size_bytes)
    }
}

/// A point in time, in UTC. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Within that second.
    pub nanoseconds: i32,
}

impl Timestamp {
    /// The beginning of a second, counted since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn at_second(seconds: i64) -> Self {
        Self { seconds, nanoseconds: 0 }
    }
}

/// Why an envelope is not ordered: a status and a sentence for the client.
///
/// Of the sentence 1 KiB is kept, and control characters are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) status: RefusalStatus,
    pub(crate) reason: Reason,
}

/// The status of a refusal. Clients try none of them again by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalStatus {
    /// `BAD_REQUEST`: nobody's envelope would be taken like this.
    BadRequest,
    /// `FORBIDDEN`: this creator may not.
    Forbidden,
    /// `REQUEST_ENTITY_TOO_LARGE`.
    TooLarge,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Text(String),
    /// The host's own sentence about the last policy that was not satisfied.
    PolicyText,
}

impl Refusal {
    /// Refuses what nobody may send.
    #[must_use]
    pub fn bad_request(sentence: impl Into<String>) -> Self {
        Self { status: RefusalStatus::BadRequest, reason: Reason::Text(sentence.into()) }
    }

    /// Refuses what this creator may not send.
    #[must_use]
    pub fn forbidden(sentence: impl Into<String>) -> Self {
        Self { status: RefusalStatus::Forbidden, reason: Reason::Text(sentence.into()) }
    }

    /// Refuses what is too large.
    #[must_use]
    pub fn too_large(sentence: impl Into<String>) -> Self {
        Self { status: RefusalStatus::TooLarge, reason: Reason::Text(sentence.into()) }
    }
}

/// As Fabric answers it: who is denied is forbidden to write, everything else is a bad request. The sentence is the
/// host's about the *last* policy that was not satisfied, so ask no other one in between.
///
/// Source: fabric v2.5.16 `orderer/common/msgprocessor/sigfilter.go` `Apply`.
impl From<PolicyFailure> for Refusal {
    fn from(failure: PolicyFailure) -> Self {
        let status = match failure {
            PolicyFailure::Denied => RefusalStatus::Forbidden,
            PolicyFailure::Missing | PolicyFailure::Unreadable => RefusalStatus::BadRequest,
        };
        Self { status, reason: Reason::PolicyText }
    }
}
