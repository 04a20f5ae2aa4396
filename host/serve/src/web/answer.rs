//! Answers: status, headers, body; what Go's server says by itself; JSON as Go writes it.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body_util::Full;

/// What is sent; boxed, since it is an error as often as not.
pub(crate) type Answer = Box<Response<Full<Bytes>>>;

/// The answer with this status and text.
pub(crate) fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = empty(status);
    *answer.body_mut() = Full::new(body.into());
    with(answer, CONTENT_TYPE, content_type)
}

/// The answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Box::new(Response::new(Full::default()));
    *answer.status_mut() = status;
    answer
}

/// With one header more. What cannot stand in a header is left out.
pub(crate) fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// There is nothing there.
///
/// Source: Go 1.26 `net/http/server.go` `NotFound`.
pub(crate) fn not_found() -> Answer {
    let answer = text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n");
    with(answer, HeaderName::from_static("x-content-type-options"), "nosniff")
}

/// What Go's server says to a request that it cannot read.
pub(crate) fn unreadable() -> Answer {
    let answer = text(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", "400 Bad Request");
    with(answer, CONNECTION, "close")
}

/// Elsewhere; those who look get a page that says so.
///
/// Source: Go 1.26 `net/http/server.go` `Redirect`.
pub(crate) fn redirect(status: StatusCode, to: &str, is_get: bool, is_head: bool) -> Answer {
    let reason = status.canonical_reason().unwrap_or_default();
    let answer = match (is_get, is_head) {
        (true, _) => {
            let href = to
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&#34;")
                .replace('\'', "&#39;");
            text(status, "text/html; charset=utf-8", format!("<a href=\"{href}\">{reason}</a>.\n\n"))
        }
        (_, true) => text(status, "text/html; charset=utf-8", ""),
        _ => empty(status),
    };
    with(answer, LOCATION, to)
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    text(status, "application/json", body)
}

/// A string of JSON as Go writes it: fit for HTML.
///
/// Source: Go 1.26 `encoding/json/encode.go` `appendString` with `escapeHTML`.
pub(crate) fn string(text: &str) -> String {
    let mut written = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => written.extend(['\\', character]),
            '\u{8}' => written.push_str("\\b"),
            '\u{c}' => written.push_str("\\f"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            // The last one stands for what was no UTF-8.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{0}'..'\u{20}' | '\u{fffd}' => {
                written.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => written.push(other),
        }
    }
    written.push('"');
    written
}
