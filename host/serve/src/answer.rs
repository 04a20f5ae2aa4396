//! What a client gets instead of SUCCESS: an answer, and trailers at the stream's end.

use raddle_proto::{common::Status, orderer::BroadcastResponse};
use serde_json::{Map, Value};
use tonic::{
    Code as GrpcCode,
    metadata::{MetadataMap, MetadataValue},
};

use crate::channels::{Detail, NotTaken};

/// Most bytes of `raddle-reason-bin` as JSON. On the wire they take a third more, and clients in Java read at most
/// 8 KiB of trailers.
pub const REASON_BYTES_MAX: usize = 4 * 1024;

/// The member of a reason that is a sentence.
pub(crate) const TEXT: &str = "text";

const CODE: &str = "raddle-code";
const REASON: &str = "raddle-reason-bin";

/// The answer to an envelope that is durable in the log.
pub(crate) fn success() -> BroadcastResponse {
    BroadcastResponse { status: Status::Success.into(), info: String::new() }
}

/// The last answer of a stream of Broadcast, and how the stream ends after it: with gRPC's `OK`, as Fabric ends it.
pub(crate) fn last(not_taken: NotTaken) -> (BroadcastResponse, tonic::Status) {
    let (status, info, detail) = match not_taken {
        NotTaken::Refused(refusal) => (refusal.status.into(), refusal.info, refusal.detail),
        NotTaken::Failed(failure) => (Status::ServiceUnavailable, failure.info, failure.detail),
    };
    let response = BroadcastResponse { status: status.into(), info };
    (response, end(detail))
}

/// How a stream ends after a status other than SUCCESS.
pub(crate) fn end(detail: Detail) -> tonic::Status {
    tonic::Status::with_metadata(GrpcCode::Ok, "", trailers(detail))
}

pub(crate) fn trailers(detail: Detail) -> MetadataMap {
    let mut trailers = MetadataMap::new();
    // Digits and a dash: always a valid value.
    if let Ok(code) = detail.code.to_string().parse() {
        trailers.insert(CODE, code);
    }
    if !detail.reason.is_empty() {
        trailers.insert_bin(REASON, MetadataValue::from_bytes(reason(detail.reason).as_bytes()));
    }
    trailers
}

/// JSON cannot be cut off in the middle, so what is too long is replaced as a whole; but for the sentence in it, if
/// there is one and that is not what is too long.
fn reason(mut reason: Map<String, Value>) -> String {
    let text = reason.remove(TEXT);
    let whole = |members: &Map<String, Value>, text: Option<Value>| {
        let mut members = members.clone();
        members.extend(text.map(|text| (TEXT.to_owned(), text)));
        Value::Object(members).to_string()
    };
    let complete = whole(&reason, text.clone());
    if complete.len() <= REASON_BYTES_MAX {
        return complete;
    }
    let lengths = [("omitted_bytes", complete.len()), ("bytes_max", REASON_BYTES_MAX)];
    let lengths = lengths.map(|(name, bytes)| (name.to_owned(), bytes.into())).into_iter().collect();
    let with_text = whole(&lengths, text);
    if with_text.len() <= REASON_BYTES_MAX { with_text } else { whole(&lengths, None) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;
    use crate::channels::{Code, Failure, Refusal, RefusalStatus};

    fn refused(reason: Map<String, Value>) -> NotTaken {
        let detail = Detail { code: Code(1234), reason };
        Refusal { status: RefusalStatus::TooLarge, info: "too large".to_owned(), detail }.into()
    }

    fn reason_of(status: &tonic::Status) -> Option<Value> {
        let bytes = status.metadata().get_bin(REASON)?.to_bytes().unwrap();
        assert!(bytes.len() <= REASON_BYTES_MAX);
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    #[test]
    fn a_refusal_ends_its_stream_with_ok_and_says_more_in_the_trailers() {
        let reason = Map::from_iter([("müll".to_owned(), json!([1, "\n"]))]);
        let (response, status) = last(refused(reason.clone()));
        assert_eq!(response, BroadcastResponse { status: 413, info: "too large".to_owned() });
        assert_eq!(status.code(), GrpcCode::Ok);
        assert_eq!(status.metadata().get(CODE).unwrap(), "RDL-1234");
        assert_eq!(reason_of(&status), Some(Value::Object(reason)));
    }

    #[test]
    fn an_empty_reason_is_not_sent() {
        let (_, status) = last(refused(Map::new()));
        assert_eq!(reason_of(&status), None);
        assert!(status.metadata().contains_key(CODE));
    }

    #[test]
    fn a_reason_fits_or_is_left_out_as_a_whole() {
        // {"k":"…"} has 8 bytes beside the text.
        for (length, is_kept) in
            [(REASON_BYTES_MAX - 8, true), (REASON_BYTES_MAX - 7, false), (1 << 20, false)]
        {
            let text = "x".repeat(length);
            let (_, status) = last(refused(Map::from_iter([("k".to_owned(), json!(text))])));
            let reason = reason_of(&status).unwrap();
            if is_kept {
                assert_eq!(reason, json!({ "k": text }));
            } else {
                assert_eq!(reason, json!({ "omitted_bytes": length + 8, "bytes_max": REASON_BYTES_MAX }));
            }
        }
    }

    #[test]
    fn the_sentence_of_a_reason_is_left_out_last() {
        let long = "x".repeat(REASON_BYTES_MAX);
        let sent = |text: &str, proof: &str| {
            let members = [("proof".to_owned(), json!(proof)), ("text".to_owned(), json!(text))];
            reason_of(&end(Detail { code: Code(1234), reason: Map::from_iter(members) })).unwrap()
        };
        assert_eq!(sent("denied", "short"), json!({ "proof": "short", "text": "denied" }));
        // {"proof":"…","text":"…"} has 22 bytes beside both.
        let omitted_bytes = REASON_BYTES_MAX + 22 + 6;
        let expected =
            json!({ "omitted_bytes": omitted_bytes, "bytes_max": REASON_BYTES_MAX, "text": "denied" });
        assert_eq!(sent("denied", &long), expected);
        let omitted_bytes = REASON_BYTES_MAX + 22 + 5;
        let expected = json!({ "omitted_bytes": omitted_bytes, "bytes_max": REASON_BYTES_MAX });
        assert_eq!(sent(&long, "short"), expected);
    }

    #[test]
    fn a_failure_is_service_unavailable() {
        let failure = Failure { info: "cannot enqueue".to_owned(), detail: Code(4321).into() };
        let (response, status) = last(failure.into());
        assert_eq!(response, BroadcastResponse { status: 503, info: "cannot enqueue".to_owned() });
        assert_eq!(status.metadata().get(CODE).unwrap(), "RDL-4321");
    }
}
