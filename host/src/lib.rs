//! Raddle: an ordering service for Hyperledger Fabric channels, whose every rule is a sandboxed WebAssembly module.
//!
//! This library is the command line and what wires the crates below it together:
//!
//! - [`raddle_serve`] speaks gRPC and HTTP with clients and peers.
//! - [`raddle_ordering`] is the ordered log, [`raddle_ledger`] the blocks made of it.
//! - [`raddle_rules`] runs modules in the sandbox; [`raddle_author`] helps to write them.
//! - [`raddle_core`] decides: channel config, the chain, the cut, blocks.
//! - [`raddle_msp`] knows identities, [`raddle_proto`] Fabric's wire.
//!
//! The manual for those who run it is [`manual`].

pub mod admin;
mod batch_policies;
pub mod certificates;
pub mod cli;
pub mod client;
pub mod config;
pub mod doctor;
pub mod identity;
pub mod load;
pub mod logs;
pub mod manual;
pub mod network;
pub mod node;
pub mod operations;
pub mod orderer;
pub mod pull;
pub mod replay;
mod whole_file;
pub mod workbench;

pub use batch_policies::{ConfigBatchPolicies, load_shipped};
