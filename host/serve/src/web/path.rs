//! Paths as Go's HTTP server and its routers see them.
//!
//! Source: Go 1.26 `net/http/server.go` `ServeMux`, `cleanPath`, `path/path.go` `Clean`, `net/url/url.go`.

use http::header::CONNECTION;
use http::{Method, StatusCode, request};

use super::answer::{self, Answer};

/// The path that a request is for, with its escapes resolved.
///
/// # Errors
///
/// What is answered to a request that is for none.
pub(crate) fn requested(head: &request::Parts) -> Result<String, Answer> {
    if head.uri.path() == "*" {
        return Err(answer::with(answer::empty(StatusCode::BAD_REQUEST), CONNECTION, "close"));
    }
    unescape(head.uri.path()).ok_or_else(answer::unreadable)
}

/// Sends a request to another path.
pub(crate) fn elsewhere(head: &request::Parts, to: &str) -> Answer {
    let query = head.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let (is_get, is_head) = (head.method == Method::GET, head.method == Method::HEAD);
    answer::redirect(StatusCode::TEMPORARY_REDIRECT, &format!("{to}{query}"), is_get, is_head)
}

/// The path with its escapes resolved. None if an escape is none: Go does not read such a request.
///
/// Bytes that are no UTF-8 become U+FFFD, which no channel's name has.
pub(crate) fn unescape(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let ([high, low], after) = rest.split_first_chunk::<2>()?;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
        rest = after;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The path without empty elements and dots, beginning with a slash. A slash at the end stays.
pub(crate) fn clean(path: &str) -> String {
    let mut elements: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." => drop(elements.pop()),
            element => elements.push(element),
        }
    }
    let mut cleaned = format!("/{}", elements.join("/"));
    if path.ends_with('/') && cleaned != "/" {
        cleaned.push('/');
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_unescaped_as_in_go() {
        for (path, cleaned) in [
            ("", "/"),
            ("/", "/"),
            ("a/b", "/a/b"),
            ("/a//b/", "/a/b/"),
            ("/a/./b/../c", "/a/c"),
            ("/../a", "/a"),
            ("/a/..", "/"),
            ("/a/../", "/"),
            ("/a/b/..", "/a"),
        ] {
            assert_eq!(clean(path), cleaned, "{path:?}");
        }
        for (path, unescaped) in
            [("/a%20b", Some("/a b")), ("/%41%c3%A4", Some("/Aä")), ("/%ff", Some("/\u{fffd}")), ("/%", None)]
        {
            assert_eq!(unescape(path).as_deref(), unescaped, "{path:?}");
        }
        assert_eq!((unescape("/%4"), unescape("/%4g")), (None, None));
    }
}
