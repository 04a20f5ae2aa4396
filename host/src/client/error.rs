//! What can go wrong between a client and an orderer.

use std::error::Error as _;
use std::time::Duration;

use raddle_proto::common::Status;
use serde_json::{Map, Value};
use tonic::metadata::MetadataMap;

use super::WireFault;

/// Why an exchange with an orderer ended early.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// What was given as address is none.
    #[error("{address:?} is no address of the form host:port: {what}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        what: String,
    },
    /// Nobody answers at the address.
    #[error("no orderer answers at {address}: {cause}")]
    Unreachable {
        /// The orderer's.
        address: String,
        /// What the system says.
        cause: String,
    },
    /// Somebody answers at the address, and the two sides do not get into conversation.
    #[error("no conversation with the orderer at {address}: {fault}")]
    Wire {
        /// The orderer's.
        address: String,
        /// Why.
        fault: WireFault,
    },
    /// The connection broke, or the orderer ended the stream before it had answered. What was sent and not answered
    /// may have been ordered, or not.
    #[error("the orderer at {address} ended the stream early: {cause}")]
    Broken {
        /// The orderer's.
        address: String,
        /// What gRPC says.
        cause: String,
    },
    /// The orderer says nothing. What was sent and not answered may have been ordered, or not.
    #[error("the orderer at {address} is silent for {} s", silence.as_secs_f32())]
    Silent {
        /// The orderer's.
        address: String,
        /// For how long.
        silence: Duration,
    },
    /// The orderer answers by gRPC's own means that it will not do it.
    #[error("the orderer at {address} does not do it: {cause}")]
    Grpc {
        /// The orderer's.
        address: String,
        /// gRPC's code and text.
        cause: String,
        /// What stands in the trailers.
        detail: Detail,
    },
    /// The orderer does not answer its admin what was asked for.
    #[error("the orderer at {address} answers {status}: {text}")]
    Http {
        /// The orderer's, for admins.
        address: String,
        /// HTTP's number.
        status: u16,
        /// Why, in the orderer's words.
        text: String,
    },
    /// A request cannot be signed.
    #[error("the request cannot be signed: {cause}")]
    Unsigned {
        /// Why.
        cause: String,
    },
    /// The orderer refuses, as Fabric's protocol has it.
    #[error("{0}")]
    Refused(Refusal),
}

/// An answer other than SUCCESS.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Refusal {
    /// A [`Status`], or any other number.
    pub status: i32,
    /// Why, in the orderer's words. Stock orderers leave it empty in Deliver.
    pub info: String,
    /// What our orderers tell beside it.
    pub detail: Detail,
}

/// What Raddle tells in the trailers of a stream that it ended: `raddle-code` and `raddle-reason-bin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// `RDL-nnnn`, if the orderer is ours.
    pub code: Option<String>,
    /// More, by name: `module`, `proof`, `cause`, …
    pub reason: Map<String, Value>,
}

// === impl ClientError ===

impl ClientError {
    pub(super) fn address(address: &str, what: &str) -> Self {
        Self::Address { address: address.to_owned(), what: what.to_owned() }
    }

    pub(super) fn unreachable(address: &str, error: &tonic::transport::Error) -> Self {
        let address = address.to_owned();
        match WireFault::behind(error) {
            Some(fault) => Self::Wire { address, fault },
            None => Self::Unreachable { address, cause: innermost(error) },
        }
    }

    /// What became of a stream. `fault` is what its connection has noticed meanwhile.
    pub(super) fn of_grpc(address: &str, status: &tonic::Status, fault: Option<&WireFault>) -> Self {
        let address = address.to_owned();
        let behind = status.source().and_then(WireFault::behind);
        if let Some(fault) = behind.as_ref().or(fault) {
            return Self::Wire { address, fault: fault.clone() };
        }
        let said = match status.message() {
            "" => format!("{:?}", status.code()),
            message => format!("{:?}: {message}", status.code()),
        };
        match (status.source(), status.code()) {
            // What has a cause was not said by the orderer, but by the connection.
            (Some(source), _) => Self::Broken { address, cause: innermost(source) },
            (None, tonic::Code::Unavailable | tonic::Code::Cancelled) => {
                Self::Broken { address, cause: said }
            }
            _ => Self::Grpc { address, cause: said, detail: Detail::read(status.metadata()) },
        }
    }
}

/// The cause behind all wrapping: `Connection refused (os error 111)` rather than `transport error`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

// === impl Refusal, Detail ===

impl Refusal {
    /// The status as Fabric writes it: `403 FORBIDDEN`; a number that means nothing stands alone.
    #[must_use]
    pub fn status_text(&self) -> String {
        match Status::try_from(self.status) {
            Ok(status) => format!("{} {}", self.status, status.as_str_name()),
            Err(_) => self.status.to_string(),
        }
    }

    /// Whether what was refused may be taken a little later, in the words of Fabric's orderers and of ours: the channel
    /// has not found its place in the log yet, or waits for something else that passes.
    #[must_use]
    pub fn asks_for_patience(&self) -> bool {
        self.status == i32::from(Status::ServiceUnavailable) && self.info.ends_with("try again later")
    }

    /// The orderer's words, or the status where it has none.
    #[must_use]
    pub fn sentence(&self) -> String {
        match (self.info.as_str(), self.detail.text("text")) {
            ("", Some(text)) => text.to_owned(),
            ("", None) => format!("the orderer answers {} and gives no reason", self.status_text()),
            (info, _) => info.to_owned(),
        }
    }
}

impl Detail {
    /// Reads the trailers of a stream. What is not readable is as if it were not there.
    #[must_use]
    pub fn read(trailers: &MetadataMap) -> Self {
        let code = trailers.get("raddle-code").and_then(|code| code.to_str().ok()).map(str::to_owned);
        let reason = trailers.get_bin("raddle-reason-bin").and_then(|reason| reason.to_bytes().ok());
        let reason = reason.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { code, reason }
    }

    /// The text of one member of the reason.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.reason.get(name).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use tonic::metadata::MetadataValue;

    #[test]
    fn trailers_that_cannot_be_read_are_as_good_as_none() {
        let mut trailers = MetadataMap::new();
        assert_eq!(Detail::read(&trailers), Detail::default());
        for odd in [&b"\xff"[..], b"[1]", b"{\"module\":", b""] {
            trailers.insert_bin("raddle-reason-bin", MetadataValue::from_bytes(odd));
            assert_eq!(Detail::read(&trailers), Detail::default(), "{odd:?}");
        }
        trailers.insert("raddle-code", "RDL-1104".parse().unwrap());
        trailers.insert_bin("raddle-reason-bin", MetadataValue::from_bytes(b"{\"module\":\"empty\"}"));
        let detail = Detail::read(&trailers);
        assert_eq!((detail.code.as_deref(), detail.text("module")), (Some("RDL-1104"), Some("empty")));
    }

    #[test]
    fn a_refusal_without_words_says_its_status() {
        let refusal =
            |status, info: &str| Refusal { status, info: info.to_owned(), detail: Detail::default() };
        for (refusal, sentence) in [
            (refusal(403, "no"), "no"),
            (refusal(404, ""), "the orderer answers 404 NOT_FOUND and gives no reason"),
            (refusal(799, ""), "the orderer answers 799 and gives no reason"),
        ] {
            assert_eq!(refusal.to_string(), sentence);
        }
    }
}
