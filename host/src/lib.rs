//! Raddle: an ordering service for Hyperledger Fabric channels, whose every rule is a sandboxed WebAssembly module.
//!
//! This library is the command line and what wires the crates below it together:
//!
//! - [`raddle_core`] decides: channel config, the chain, the cut, blocks.
//! - [`raddle_rules`] runs modules in the sandbox.
//! - [`raddle_proto`] is Fabric's wire.
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
pub mod workbench;

pub use batch_policies::{ConfigBatchPolicies, load_shipped};
