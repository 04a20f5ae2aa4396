//! A node that is killed, whose disk is full, whose disk fails: what was answered SUCCESS is in exactly one block.
//!
//! The node is the command as people run it, in a process of its own; the tests speak to it as any client does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod client;
mod disk;
mod errors;
mod kill;
#[path = "../harness/process.rs"]
mod process;
