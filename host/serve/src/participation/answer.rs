//! Answers: status, headers, body.
//!
//! Source: fabric v3.1.5 `orderer/common/channelparticipation/restapi.go` `sendResponse…`.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body_util::Full;

use super::path::BASE;
use super::{ChannelInfo, ChannelList, Relation, Status};

/// What is sent; boxed, since it is an error as often as not.
pub(super) type Answer = Box<Response<Full<Bytes>>>;

/// The answer with this status and text.
fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = empty(status);
    *answer.body_mut() = Full::new(body.into());
    with(answer, CONTENT_TYPE, content_type)
}

/// The answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Box::new(Response::new(Full::default()));
    *answer.status_mut() = status;
    answer
}

/// With one header more. What cannot stand in a header is left out.
pub(super) fn with(mut answer: Answer, name: HeaderName, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// A sentence about what is wrong, as JSON.
pub(super) fn error(status: StatusCode, sentence: &str) -> Answer {
    json(status, format!("{{\"error\":{}}}\n", string(sentence)))
}

/// The method, or the request as such, is not allowed now.
pub(super) fn not_allowed(sentence: &str, allowed: &str) -> Answer {
    with(error(StatusCode::METHOD_NOT_ALLOWED, sentence), ALLOW, allowed)
}

/// All channels.
pub(super) fn list(list: &ChannelList) -> Answer {
    let short = |name: &String| format!("{{\"name\":{},\"url\":{}}}", string(name), string(&url(name)));
    let system = list.system_channel.as_ref().map_or_else(|| "null".to_owned(), short);
    let channels: Vec<String> = list.channels.iter().map(short).collect();
    let channels = if channels.is_empty() { "null".to_owned() } else { format!("[{}]", channels.join(",")) };
    let body = format!("{{\"systemChannel\":{system},\"channels\":{channels}}}\n");
    with(json(StatusCode::OK, body), CACHE_CONTROL, "no-store")
}

/// One channel.
pub(super) fn info(info: &ChannelInfo) -> Answer {
    with(json(StatusCode::OK, info_json(info)), CACHE_CONTROL, "no-store")
}

/// A channel that is there now, or is changed.
pub(super) fn created(info: &ChannelInfo) -> Answer {
    with(json(StatusCode::CREATED, info_json(info)), LOCATION, &url(&info.name))
}

/// A block.
pub(super) fn block(block: Bytes) -> Answer {
    let answer = text(StatusCode::OK, "application/octet-stream", block);
    with(answer, CACHE_CONTROL, "no-store")
}

/// Source: Go 1.26 `net/http/server.go` `NotFound`.
pub(super) fn not_found() -> Answer {
    let answer = text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n");
    with(answer, HeaderName::from_static("x-content-type-options"), "nosniff")
}

/// What Go's server says to a request that it cannot read.
pub(super) fn unreadable() -> Answer {
    let answer = text(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", "400 Bad Request");
    with(answer, CONNECTION, "close")
}

/// Elsewhere; those who look get a page that says so.
///
/// Source: Go 1.26 `net/http/server.go` `Redirect`.
pub(super) fn redirect(status: StatusCode, to: &str, is_get: bool, is_head: bool) -> Answer {
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

fn json(status: StatusCode, body: String) -> Answer {
    text(status, "application/json", body)
}

fn url(channel: &str) -> String {
    format!("{BASE}channels/{channel}")
}

fn info_json(info: &ChannelInfo) -> String {
    let relation = match info.relation {
        Relation::Consenter => "consenter",
        Relation::Follower => "follower",
        Relation::ConfigTracker => "config-tracker",
        Relation::Other => "other",
    };
    let status = match info.status {
        Status::Active => "active",
        Status::OnBoarding => "onboarding",
        Status::Inactive => "inactive",
        Status::Failed => "failed",
    };
    let (name, url) = (string(&info.name), string(&url(&info.name)));
    let ChannelInfo { height, .. } = info;
    format!(
        "{{\"name\":{name},\"url\":{url},\"consensusRelation\":\"{relation}\",\"status\":\"{status}\",\
         \"height\":{height}}}\n"
    )
}

/// A string of JSON as Go writes it: fit for HTML.
///
/// Source: Go 1.26 `encoding/json/encode.go` `appendString` with `escapeHTML`.
fn string(text: &str) -> String {
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
