//! A node that is killed, whose disk is full, whose disk fails: what was answered SUCCESS is in exactly one block, and
//! the channel's config is one that was ordered.
//!
//! The node is the command as people run it, in a process of its own; the tests speak to it as any client does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../harness/admin.rs"]
mod admin;
#[path = "../harness/sender.rs"]
mod client;
mod config_block;
mod disk;
#[path = "../harness/endurance.rs"]
mod endurance;
mod errors;
#[allow(dead_code, reason = "each test binary uses a part of it")]
#[path = "../harness/eventually.rs"]
mod eventually;
#[path = "../harness/http.rs"]
mod http;
mod kill;
mod onboarding;
#[path = "../harness/ports.rs"]
mod ports;
#[path = "../harness/process.rs"]
mod process;
mod removal;
#[path = "../harness/soak.rs"]
mod soak;
mod stale;
mod steps;
mod together;
