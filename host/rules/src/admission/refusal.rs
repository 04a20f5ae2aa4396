//! Why an envelope is not taken, and what the client is told.

use raddle_core::batch_policy::{GuestFault, LocalFault};
use raddle_core::bundle::BatchSize;
use raddle_proto::common::Status;
use raddle_proto::wire::Envelope;

use crate::filter::{FilterRefusal, RefusalStatus};

/// An envelope is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{info}")]
pub struct Refusal {
    /// `BadRequest`, `Forbidden` or `RequestEntityTooLarge`: the client can mend it, and every orderer says the same.
    /// `ServiceUnavailable`: another orderer may take it.
    pub status: Status,
    /// What the client is told: for the shipped filters what Fabric says, byte for byte.
    pub info: String,
    /// Who refuses.
    pub reason: Reason,
}

/// Who refuses an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A filter that has judged it.
    Filter {
        /// Its name.
        module: String,
    },
    /// A filter that has failed at it, as it does on every orderer.
    Fault {
        /// Its name.
        module: String,
        /// What happened.
        fault: GuestFault,
    },
    /// This orderer, which could not run a filter.
    NoVerdict(NoVerdict),
    /// What no filter decides.
    Invariant(Invariant),
}

/// This orderer could not run a filter, so it does not know whether the channel takes the envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("filter `{module}` does not run on this orderer: {fault}")]
pub struct NoVerdict {
    /// The filter's name.
    pub module: String,
    /// Why.
    pub fault: LocalFault,
}

/// What every envelope in a block must be, whatever the filters say: peers refuse a whole block for one that is not,
/// and the channel stands still.
///
/// That its bytes are canonical, which peers also ask for, an [`Envelope`] is by itself.
///
/// Source: fabric v2.5.16 `protoutil/blockutils.go` `VerifyTransactionsAreWellFormed`; the size is that of
/// `orderer/common/msgprocessor/sizefilter.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invariant {
    /// There is no payload.
    #[error("the envelope has no payload; peers refuse every block with such an envelope")]
    EmptyPayload,
    /// There is no signature.
    #[error("the envelope has no signature; peers refuse every block with such an envelope")]
    EmptySignature,
    /// Payload and signature are larger than any block may be.
    #[error("payload and signature have {size} bytes, at most {allowed} are allowed")]
    TooLarge {
        /// Bytes of both.
        size: u64,
        /// `AbsoluteMaxBytes` of the channel.
        allowed: u32,
    },
}

/// Checks what no filter decides.
///
/// # Errors
///
/// See [`Invariant`].
pub(super) fn invariants(envelope: &Envelope, batch_size: BatchSize) -> Result<(), Invariant> {
    let (size, allowed) = (envelope.size_bytes(), batch_size.absolute_max_bytes);
    if envelope.payload().is_empty() {
        Err(Invariant::EmptyPayload)
    } else if envelope.signature().is_empty() {
        Err(Invariant::EmptySignature)
    } else if size > u64::from(allowed) {
        Err(Invariant::TooLarge { size, allowed })
    } else {
        Ok(())
    }
}

impl Refusal {
    /// A filter has refused.
    pub(super) fn of_filter(module: &str, refusal: FilterRefusal) -> Self {
        let status = match refusal.status {
            RefusalStatus::BadRequest => Status::BadRequest,
            RefusalStatus::Forbidden => Status::Forbidden,
            RefusalStatus::TooLarge => Status::RequestEntityTooLarge,
        };
        Self { status, info: refusal.sentence, reason: Reason::Filter { module: module.to_owned() } }
    }

    /// A filter has failed. A server's error would make clients try every orderer in turn, and each would fail alike.
    pub(super) fn of_fault(module: &str, fault: GuestFault) -> Self {
        let info = format!("filter `{module}` failed: {fault}");
        let reason = Reason::Fault { module: module.to_owned(), fault };
        Self { status: Status::BadRequest, info, reason }
    }
}

/// At Broadcast.
impl From<NoVerdict> for Refusal {
    fn from(unknown: NoVerdict) -> Self {
        let info = unknown.to_string();
        Self { status: Status::ServiceUnavailable, info, reason: Reason::NoVerdict(unknown) }
    }
}

impl From<Invariant> for Refusal {
    fn from(invariant: Invariant) -> Self {
        let (status, info) = (Status::BadRequest, invariant.to_string());
        Self { status, info, reason: Reason::Invariant(invariant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_could_take_what_passes() {
        let limits = BatchSize { max_message_count: 1, absolute_max_bytes: 5, preferred_max_bytes: 1 };
        for (payload, signature, expected) in [
            ("abc", "de", Ok(())),
            ("a", "b", Ok(())),
            ("", "b", Err(Invariant::EmptyPayload)),
            ("", "", Err(Invariant::EmptyPayload)),
            ("a", "", Err(Invariant::EmptySignature)),
            ("abc", "def", Err(Invariant::TooLarge { size: 6, allowed: 5 })),
        ] {
            let envelope = Envelope::new(payload.as_bytes(), signature.as_bytes());
            assert_eq!(invariants(&envelope, limits), expected, "{payload} {signature}");
        }
        let text = Invariant::TooLarge { size: 6, allowed: 5 }.to_string();
        assert_eq!(text, "payload and signature have 6 bytes, at most 5 are allowed");
    }
}
