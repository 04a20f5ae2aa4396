//! From a request to its handler: Go's `ServeMux` first, then the router of the API.
//!
//! Source: Go 1.26 `net/http/server.go` `ServeMux`, gorilla/mux v1.8.0 `mux.go`, fabric v3.1.5
//! `orderer/common/channelparticipation/restapi.go` `NewHTTPHandler`.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, request};

use super::answer::{self, Answer};
use crate::web;

/// What stands behind the base is ours; all else is not there.
pub(super) const BASE: &str = "/participation/v1/";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    List,
    Info { channel: String },
    Join,
    Update,
    Remove { channel: String },
    Block { channel: String, block: String },
}

/// An answer that needs no handler, and whether it comes from within the API.
#[derive(Debug)]
pub(super) struct Direct {
    pub(super) answer: Answer,
    pub(super) is_inside: bool,
}

impl Direct {
    fn outside(answer: Answer) -> Box<Self> {
        Box::new(Self { answer, is_inside: false })
    }

    fn inside(answer: Answer) -> Box<Self> {
        Box::new(Self { answer, is_inside: true })
    }
}

/// Finds the handler.
pub(super) fn route(head: &request::Parts) -> Result<Route, Box<Direct>> {
    let path = web::requested(head).map_err(Direct::outside)?;
    let cleaned = web::clean(&path);
    if format!("{cleaned}/") == BASE {
        return Err(Direct::outside(web::elsewhere(head, BASE)));
    }
    if cleaned != path {
        return Err(Direct::outside(web::elsewhere(head, &web::clean(head.uri.path()))));
    }
    let Some(inside) = path.strip_prefix(BASE) else { return Err(Direct::outside(answer::not_found())) };
    inside_route(&head.method, &head.headers, inside).map_err(Direct::inside)
}

fn inside_route(method: &Method, headers: &HeaderMap, path: &str) -> Result<Route, Answer> {
    let elements: Vec<&str> = path.split('/').collect();
    match (elements.as_slice(), method.as_str()) {
        ([""], "GET") => Err(answer::redirect(StatusCode::FOUND, &format!("{BASE}channels"), true, false)),
        ([""], _) => Err(answer::empty(StatusCode::METHOD_NOT_ALLOWED)),
        (["channels"], "GET") => Ok(Route::List),
        (["channels"], "POST") => multipart(headers).map(|()| Route::Join),
        (["channels"], "PUT") => multipart(headers).map(|()| Route::Update),
        (["channels"], _) => Err(invalid_method(method, "GET, POST, PUT")),
        (["channels", ""], _) => Err(answer::not_found()),
        (["channels", channel], "GET") => Ok(Route::Info { channel: (*channel).to_owned() }),
        (["channels", channel], "DELETE") => Ok(Route::Remove { channel: (*channel).to_owned() }),
        (["channels", _], _) => Err(invalid_method(method, "GET, DELETE")),
        (["channels", channel, "blocks", block], _) if !channel.is_empty() && !block.is_empty() => {
            match method.as_str() {
                "GET" => Ok(Route::Block { channel: (*channel).to_owned(), block: (*block).to_owned() }),
                _ => Err(invalid_method(method, "GET")),
            }
        }
        _ => Err(answer::not_found()),
    }
}

fn invalid_method(method: &Method, allowed: &str) -> Answer {
    answer::not_allowed(&format!("invalid request method: {method}"), allowed)
}

/// Whether the body is a form. The pattern is Fabric's, which takes more than it says.
fn multipart(headers: &HeaderMap) -> Result<(), Answer> {
    let types: Vec<_> = headers.get_all(CONTENT_TYPE).iter().map(|value| value.as_bytes()).collect();
    if types.iter().any(|kind| memchr::memmem::find(kind, b"multipart/form-dat").is_some()) {
        return Ok(());
    }
    let types: Vec<_> = types.into_iter().map(String::from_utf8_lossy).collect();
    let sentence = format!("unsupported Content-Type: [{}]", types.join(" "));
    Err(answer::error(StatusCode::BAD_REQUEST, &sentence))
}
