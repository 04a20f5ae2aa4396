//! What Raddle decides, and nothing that it does.
//!
//! This crate reads no clock, does no I/O, draws no random number and runs no async code: it is told what happened and
//! says what must follow. So it can be tested with data alone, and two orderers that are told the same say the same.
//!
//! | word | means |
//! |---|---|
//! | envelope | signed bytes from a client |
//! | record | what the log holds: an envelope, a time-to-cut, a connect |
//! | offset | a record's place in the log |
//! | batch | envelopes taken and not yet cut |
//! | block, number | cut; its place in the channel |
//! | config sequence | how often the channel's config has changed |
//! | batch policy | the module that says where a batch is cut |
//! | refusal, failure | the client can mend it; we or the operator can |
//!
//! Start reading at [`chain::Chain::step`].

pub mod access;
pub mod batch_policy;
pub mod block;
pub mod bundle;
pub mod chain;
pub mod channel_creation;
pub mod config_update;
pub mod cutter;
pub mod duration;
pub mod ids;
pub mod modules;
pub mod policy;
pub mod standard;
