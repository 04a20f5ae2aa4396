//! Tests of the whole: recorded topics, real modules in the real sandbox, and the command as people call it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../harness/mod.rs"]
mod harness;

mod access;
mod author;
mod bench_results;
mod block_signatures;
mod broadcast;
mod channel_creation;
mod client;
mod command_line;
mod compile_worker;
mod config_updates;
mod deliver;
mod dev;
mod doctor;
mod drop_in;
mod examples;
mod faults;
mod fleet;
mod genesis;
mod identity;
mod inputs;
mod modules;
mod network;
mod node;
mod operations;
mod overload;
mod participation;
mod recorded;
mod reloads;
mod restarts;
mod resubmission;
mod signed;
mod standard_rule;
mod start;
mod system_channel;
mod takeover;
mod tls;
