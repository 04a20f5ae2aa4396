//! Nodes on a real Kafka broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[path = "../harness/kafka/mod.rs"]
mod broker;
#[path = "../harness/mod.rs"]
mod harness;

mod doctor;
mod example;
mod fleet;
mod logs;
mod recorded;
mod settings;
