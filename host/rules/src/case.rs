//! One envelope before the filters: what is known of it, and who judges its signature.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use raddle_proto::common::ChannelHeader;
use raddle_proto::wire::{Envelope, HeaderError};

use crate::bindings::filter::exports::raddle::rules::filter_guest;
use crate::bindings::filter::raddle::rules::envelopes;
use crate::profile::REASON_BYTES_MAX;
use crate::text::printable;

/// A time since 1970-01-01T00:00:00Z, which may lie before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds.
    pub seconds: i64,
    /// Nanoseconds after them.
    pub nanoseconds: i32,
}

impl From<Timestamp> for filter_guest::Timestamp {
    fn from(time: Timestamp) -> Self {
        Self { seconds: time.seconds, nanoseconds: time.nanoseconds }
    }
}

/// Who signed an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// The MSP that the identity says it is of.
    pub msp_id: String,
    /// X.509, DER.
    pub certificate: Bytes,
    /// `OU` of the certificate's subject, in its order.
    pub organisational_units: Vec<String>,
}

/// How a signature policy judges an envelope's one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyVerdict {
    /// The policy holds.
    Satisfied,
    /// It does not; the text is the policy's own, as Fabric words it, without what Fabric's filter appends.
    Denied(String),
    /// The channel config has no such policy. Also the answer for what is no path of a policy.
    Missing,
    /// Payload or signature header cannot be decoded, so that nobody has signed; the text says what is wrong. The
    /// answer for every policy then, those that are missing included.
    Unreadable(String),
}

/// What only the channel's MSPs and policies know of one envelope. Made for it, asked at most once for each thing.
///
/// All that depends on time must come from values that are alike on every orderer: at re-admission verdicts decide
/// what is in a block.
pub trait Judge {
    /// Checks the signature and evaluates the signature policy of this path.
    fn evaluate(&self, policy: &str) -> PolicyVerdict;

    /// When the creator's certificate ends; none if it cannot be read.
    fn creator_expires(&self) -> Option<Timestamp>;

    /// Who signed, whether or not the channel knows the identity.
    ///
    /// # Errors
    ///
    /// A sentence on why it cannot be read.
    fn creator(&self) -> Result<Creator, String>;
}

/// One envelope before the filters. Each filter finds here what those before it have had worked out.
pub struct Case {
    envelope: Envelope,
    header: Result<ChannelHeader, String>,
    received: Timestamp,
    judge: Box<dyn Judge>,
    creator_expires: OnceCell<Option<Timestamp>>,
    creator: OnceCell<Result<Creator, String>>,
    verdicts: RefCell<BTreeMap<String, Verdict>>,
}

/// A verdict as filters see it, with the policy text of those that are not `satisfied`.
#[derive(Clone)]
pub(crate) struct Verdict {
    pub(crate) verdict: envelopes::PolicyVerdict,
    pub(crate) text: Option<Rc<str>>,
}

impl Case {
    /// The case of `envelope` with this channel header. `received` is this orderer's clock at Broadcast, the log's own
    /// timestamp at re-admission.
    #[must_use]
    pub fn new(
        envelope: Envelope,
        header: Result<ChannelHeader, HeaderError>,
        received: Timestamp,
        judge: Box<dyn Judge>,
    ) -> Rc<Self> {
        Rc::new(Self {
            envelope,
            header: header.map_err(|error| error.to_string()),
            received,
            judge,
            creator_expires: OnceCell::new(),
            creator: OnceCell::new(),
            verdicts: RefCell::default(),
        })
    }

    /// The envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What is known of every envelope. Where no channel header can be read its type is 0, but Broadcast asks no filter
    /// about such an envelope.
    pub(crate) fn facts(&self) -> filter_guest::Facts {
        let header = self.header().ok();
        let timestamp = header.and_then(|header| header.timestamp.as_ref());
        filter_guest::Facts {
            payload_size: self.envelope.payload().len() as u64,
            signature_size: self.envelope.signature().len() as u64,
            header_type: header.map_or(0, |header| header.r#type),
            timestamp: timestamp
                .map(|time| filter_guest::Timestamp { seconds: time.seconds, nanoseconds: time.nanos }),
            creator_expires: self
                .creator_expires
                .get_or_init(|| self.judge.creator_expires())
                .map(Timestamp::into),
            received: self.received.into(),
        }
    }

    /// At most `bytes` of the payload from `offset`; none beyond its end.
    pub(crate) fn payload_part(&self, offset: u64, bytes: u32) -> &[u8] {
        let payload = self.envelope.payload();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(payload.len());
        let end = start.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX)).min(payload.len());
        payload.get(start..end).unwrap_or_default()
    }

    /// The channel header, or a sentence on why there is none.
    pub(crate) fn header(&self) -> Result<&ChannelHeader, &str> {
        self.header.as_ref().map_err(String::as_str)
    }

    /// Who signed, or a sentence on why that cannot be read.
    pub(crate) fn creator(&self) -> &Result<Creator, String> {
        self.creator.get_or_init(|| self.judge.creator())
    }

    /// The verdict of a policy, evaluated when it is first asked for.
    pub(crate) fn evaluate(&self, policy: &str) -> Verdict {
        if let Some(verdict) = self.verdicts.borrow().get(policy) {
            return verdict.clone();
        }
        let verdict = Verdict::new(policy, self.judge.evaluate(policy));
        self.verdicts.borrow_mut().insert(policy.to_owned(), verdict.clone());
        verdict
    }
}

impl Verdict {
    /// Puts a verdict into words.
    ///
    /// Source: fabric v2.5.16 `orderer/common/msgprocessor/sigfilter.go` `Apply`, which wraps the policy's error around
    /// `ErrPermissionDenied`, and `protoutil/signeddata.go` for what cannot be read.
    fn new(policy: &str, verdict: PolicyVerdict) -> Self {
        let (verdict, text) = match verdict {
            PolicyVerdict::Satisfied => (envelopes::PolicyVerdict::Satisfied, None),
            PolicyVerdict::Denied(why) => {
                (envelopes::PolicyVerdict::Denied, Some(format!("{why}: permission denied")))
            }
            PolicyVerdict::Missing => {
                let policy = printable(policy, REASON_BYTES_MAX);
                (envelopes::PolicyVerdict::Missing, Some(format!("could not find policy {policy}")))
            }
            PolicyVerdict::Unreadable(why) => (
                envelopes::PolicyVerdict::Unreadable,
                Some(format!("could not convert message to signedData: {why}")),
            ),
        };
        Self { verdict, text: text.map(Rc::from) }
    }
}
