//! The requests of operators.
//!
//! Source: fabric v2.5.16 `core/operations/{system,version}.go`, `common/flogging/httpadmin/spec.go`;
//! fabric-lib-go `healthz/checker.go`; client_golang `promhttp/http.go`.

use std::time::SystemTime;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{Method, StatusCode, request};
use prost_types::Timestamp;

use super::{FailedCheck, Operations, spec};
use crate::web::{self, Answer, Asked, string};

const PAGE: &str = include_str!("page.html");

/// What a browser lets the page do.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";

/// Longest body of a request, in bytes.
///
/// Differs: Fabric sets no limit.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Health,
    LogSpec,
    Version,
    Metrics,
    Status,
    Page,
}

impl Route {
    pub(super) const fn wants_certificate(self) -> bool {
        !matches!(self, Self::Health | Self::Version)
    }
}

/// Finds what is asked for, or answers at once.
pub(super) fn route(head: &request::Parts, orderer: &dyn Operations) -> Result<Route, Answer> {
    let path = web::requested(head)?;
    // As in Go, escapes are resolved behind this.
    let cleaned = web::clean(head.uri.path());
    if cleaned != head.uri.path() {
        return Err(web::elsewhere(head, &cleaned));
    }
    match path.as_str() {
        "/healthz" => Ok(Route::Health),
        "/logspec" => Ok(Route::LogSpec),
        "/version" => Ok(Route::Version),
        "/metrics" if orderer.metrics_are_on() => Ok(Route::Metrics),
        "/status" => Ok(Route::Status),
        "/" => Ok(Route::Page),
        _ => Err(web::not_found()),
    }
}

pub(super) async fn serve(route: Route, asked: Asked, orderer: &dyn Operations) -> Answer {
    let method = &asked.head.method;
    match route {
        Route::Health if method == Method::GET => {
            health(&orderer.failed_checks(), &orderer.notes(), SystemTime::now())
        }
        Route::Health => web::empty(StatusCode::METHOD_NOT_ALLOWED),
        Route::Version if method == Method::GET => version(orderer.version()),
        Route::Version => {
            let sentence = string(&format!("invalid request method: {method}"));
            web::json(StatusCode::BAD_REQUEST, format!("{{\"Error\":{sentence}}}"))
        }
        Route::LogSpec if method == Method::GET => {
            web::json(StatusCode::OK, format!("{{\"spec\":{}}}\n", string(&orderer.log_spec())))
        }
        Route::LogSpec if method == Method::PUT => set_log_spec(asked, orderer).await,
        Route::LogSpec => bad_request(&format!("invalid request method: {method}")),
        Route::Metrics => metrics(orderer.metrics()),
        Route::Status | Route::Page if method != Method::GET && method != Method::HEAD => {
            web::with(web::empty(StatusCode::METHOD_NOT_ALLOWED), ALLOW, "GET, HEAD")
        }
        Route::Status => not_kept(web::json(StatusCode::OK, orderer.status())),
        Route::Page => page(),
    }
}

/// The page for people. It takes what it shows from `/status`, and nothing from anywhere else.
fn page() -> Answer {
    let page = not_kept(web::text(StatusCode::OK, "text/html; charset=utf-8", PAGE));
    web::with(page, CONTENT_SECURITY_POLICY, PAGE_POLICY)
}

/// What is old already when it comes.
fn not_kept(answer: Answer) -> Answer {
    let answer = web::with(answer, CACHE_CONTROL, "no-store");
    web::with(answer, X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// Differs: whoever asks for another format, or for a compressed one, gets this one too.
fn metrics(text: String) -> Answer {
    web::text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

fn bad_request(sentence: &str) -> Answer {
    web::json(StatusCode::BAD_REQUEST, format!("{{\"error\":{}}}\n", string(sentence)))
}

async fn set_log_spec(asked: Asked, orderer: &dyn Operations) -> Answer {
    let (body, is_cut) = match web::read(asked.body, BODY_BYTES_MAX).await {
        Ok(read) => read,
        Err(why) => return bad_request(&why.to_string()),
    };
    let spec = match spec::read(&body) {
        _ if is_cut => Err(format!("the body is longer than {BODY_BYTES_MAX} bytes")),
        read => read,
    };
    match spec.and_then(|spec| orderer.set_log_spec(&spec)) {
        Ok(()) => web::empty(StatusCode::NO_CONTENT),
        Err(sentence) => bad_request(&sentence),
    }
}

fn version((version, commit): (&str, Option<&str>)) -> Answer {
    let commit = commit.map(|commit| format!("\"CommitSHA\":{},", string(commit))).unwrap_or_default();
    web::json(StatusCode::OK, format!("{{{commit}\"Version\":{}}}", string(version)))
}

/// Differs: notes are ours.
fn health(failed: &[FailedCheck], notes: &[FailedCheck], now: SystemTime) -> Answer {
    let checks = |name: &str, checks: &[FailedCheck]| {
        let check = |FailedCheck { component, reason }: &FailedCheck| {
            format!("{{\"component\":{},\"reason\":{}}}", string(component), string(reason))
        };
        match checks {
            [] => String::new(),
            some => format!(",\"{name}\":[{}]", some.iter().map(check).collect::<Vec<_>>().join(",")),
        }
    };
    let (status, word) = match failed {
        [] => (StatusCode::OK, "OK"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
    };
    let (time, failed, notes) =
        (Timestamp::from(now), checks("failed_checks", failed), checks("notes", notes));
    web::json(status, format!("{{\"status\":\"{word}\",\"time\":\"{time}\"{failed}{notes}}}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::{Duration, UNIX_EPOCH};

    use http_body_util::BodyExt as _;

    use super::*;

    async fn text(answer: Answer) -> (u16, String) {
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn health_is_told_as_fabric_tells_it() {
        let now = UNIX_EPOCH + Duration::new(1_800_000_000, 120_000_000);
        let good = r#"{"status":"OK","time":"2027-01-15T08:00:00.120Z"}"#;
        assert_eq!(text(health(&[], &[], now)).await, (200, good.to_owned()));
        let failed = [
            FailedCheck { component: "demo/0".into(), reason: "no \"brokers\"".into() },
            FailedCheck { component: "trade/0".into(), reason: "<halted>".into() },
        ];
        let bad = concat!(
            r#"{"status":"Service Unavailable","time":"2027-01-15T08:00:00.120Z","failed_checks":["#,
            r#"{"component":"demo/0","reason":"no \"brokers\""},"#,
            r#"{"component":"trade/0","reason":"\u003chalted\u003e"}]}"#,
        );
        assert_eq!(text(health(&failed, &[], now)).await, (503, bad.to_owned()));
        let notes = [FailedCheck { component: "demo/0".into(), reason: "single node".into() }];
        let noted = r#""120Z","notes":[{"component":"demo/0","reason":"single node"}]}"#;
        let (status, noted_text) = text(health(&[], &notes, now)).await;
        assert!(status == 200 && noted_text.ends_with(&noted[1..]), "{noted_text}");
    }

    #[tokio::test]
    async fn a_version_without_a_commit_leaves_it_out() {
        assert_eq!(text(version(("1.2", None))).await, (200, r#"{"Version":"1.2"}"#.to_owned()));
        let both = r#"{"CommitSHA":"abc","Version":"1.2"}"#;
        assert_eq!(text(version(("1.2", Some("abc")))).await, (200, both.to_owned()));
    }
}
