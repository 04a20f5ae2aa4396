//! What an author implements, and what a filter is told of every envelope.

use crate::{Channel, Envelope, PolicyFailure, Settings, TimeSpan};

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
///
/// ```
/// use raddle_guest::{Facts, Timestamp};
///
/// fn is_late(facts: &Facts) -> bool {
///     facts.timestamp.is_some_and(|sent| sent < facts.received)
/// }
///
/// let facts = Facts {
///     payload_size_bytes: 900,
///     signature_size_bytes: 71,
///     header_type: 3,
///     timestamp: Some(Timestamp::at_second(99)),
///     creator_expires: None,
///     received: Timestamp::at_second(100),
/// };
/// assert_eq!(facts.size_bytes(), 971);
/// assert!(is_late(&facts));
/// ```
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
///
/// ```
/// use raddle_guest::Timestamp;
///
/// assert!(Timestamp::at_second(1) < Timestamp { seconds: 1, nanoseconds: 1 });
/// ```
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

    /// The point that lies this much later; the last one there is if that is too far away. Nanoseconds beyond a second,
    /// which a client may write, are made seconds: what comes of `plus` compares as time does.
    ///
    /// ```
    /// use raddle_guest::{TimeSpan, Timestamp};
    ///
    /// let odd = Timestamp { seconds: 7, nanoseconds: -1 };
    /// let expected = Timestamp { seconds: 16, nanoseconds: 999_999_999 };
    /// assert_eq!(odd.plus(TimeSpan::of_seconds(10)), expected);
    /// ```
    #[must_use]
    pub fn plus(self, span: TimeSpan) -> Self {
        const SECOND: i32 = 1_000_000_000;
        let carried = i64::from(self.nanoseconds.div_euclid(SECOND));
        let later = self.seconds.checked_add(carried).and_then(|it| it.checked_add_unsigned(span.seconds()));
        match later {
            Some(seconds) => Self { seconds, nanoseconds: self.nanoseconds.rem_euclid(SECOND) },
            None if carried < 0 && self.seconds < 0 => Self { seconds: i64::MIN, nanoseconds: 0 },
            None => Self { seconds: i64::MAX, nanoseconds: SECOND - 1 },
        }
    }
}

/// Why an envelope is not ordered: a status and a sentence for the client.
///
/// Of the sentence 1 KiB is kept, and control characters are escaped. Say what was met, what is allowed, and what the
/// client can do:
///
/// ```
/// use raddle_guest::Refusal;
///
/// let (size, allowed) = (2_000, 1_024);
/// let refusal = Refusal::too_large(format!("{size} bytes; a transaction may have {allowed}"));
/// assert_ne!(refusal, Refusal::bad_request("too large"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub(crate) status: RefusalStatus,
    pub(crate) reason: Reason,
}

/// The status of a refusal. Clients try none of them again by themselves.
///
/// ```
/// use raddle_guest::testing::{Envelope, Host};
/// use raddle_guest::{Channel, Envelope as View, Facts, Filter, Refusal, RefusalStatus, Settings};
///
/// struct Closed;
///
/// impl Filter for Closed {
///     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
///         settings.only(&[])?;
///         Ok(Self)
///     }
///
///     fn check(&self, _facts: &Facts, _envelope: &View) -> Result<(), Refusal> {
///         Err(Refusal::forbidden("this channel is closed"))
///     }
/// }
///
/// let verdict = Host::new().check::<Closed>(&Envelope::of_size(9))?;
/// assert_eq!(verdict.status(), Some(RefusalStatus::Forbidden));
/// # Ok::<(), String>(())
/// ```
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
