//! HTTP for people and scripts, as Go's server speaks it: what all such listeners of a node have in common.
//!
//! - [`WebServer`]: the socket, with its limits; [`Site`]: what is served on it
//! - `path`: paths as Go's routers see them
//! - `answer`: status, headers and body; JSON as Go writes it
//! - `body`: what a request brings along

mod answer;
mod body;
mod path;
mod patient;
mod server;

pub(crate) use answer::{Answer, empty, json, not_found, redirect, string, text, with};
pub(crate) use body::read;
pub(crate) use path::{clean, elsewhere, requested, unescape};
pub(crate) use server::{Asked, Site, WebServer, request_id, with_request_id};
