//! The service over real sockets, upon channels that do what a test tells them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod any_bytes;
mod blocks;
mod bounds;
mod client;
mod deliver;
mod doubles;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../../../../tests/harness/eventually.rs"]
mod eventually;
mod guard;
mod intake;
mod order;
mod services;
mod texts;
