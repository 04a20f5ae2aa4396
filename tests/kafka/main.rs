//! Nodes on a real Kafka broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../harness/kafka/mod.rs"]
mod broker;
#[path = "../harness/mod.rs"]
mod harness;

mod brokers;
mod doctor;
mod example;
mod fleet;
mod foreign;
mod ledgers;
mod logs;
mod network;
mod recorded;
mod settings;
mod takeover;
mod together;
mod trio;

// Where the brokers look for it.
use harness::eventually;
