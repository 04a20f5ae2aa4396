//! Write a Raddle module.
//!
//! A module is a WebAssembly component that decides a rule of a channel. A *batch policy* decides where a batch of
//! envelopes is cut into a block. This crate turns a plain Rust type into one: implement [`BatchPolicy`], name the type
//! in [`export_batch_policy!`], build for `wasm32-unknown-unknown`.
//!
//! ```
//! use raddle_guest::{BatchPolicy, Channel, EnvelopeInfo, Pending, Settings, export_batch_policy};
//!
//! /// Cuts after a fixed number of envelopes.
//! struct Dozens {
//!     count: u32,
//! }
//!
//! impl BatchPolicy for Dozens {
//!     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
//!         settings.only(&["count"])?;
//!         Ok(Self { count: settings.with_default("count", 12)? })
//!     }
//!
//!     fn add(&mut self, _envelope: &EnvelopeInfo, pending: Pending) -> bool {
//!         pending.count + 1 >= self.count
//!     }
//! }
//!
//! export_batch_policy!(Dozens);
//! # fn main() -> Result<(), String> {
//! # use raddle_guest::testing::{Envelope, Host};
//! # let cuts = Host::new().with_setting("count", "2").cut::<Dozens>(&[Envelope::of_size(10); 5])?;
//! # assert_eq!(cuts.counts(), [2, 2]);
//! # assert_eq!(cuts.pending.count, 1);
//! # Ok(())
//! # }
//! ```
//!
//! What a module should know of its world:
//!
//! - **It decides alike everywhere.** Every orderer runs it on the same envelopes and must come to the same blocks.
//!   There is no clock, no random number, no file and no network to be had.
//! - **Its memory is its state.** An instance lives for one batch: [`BatchPolicy::new`] runs before the first envelope,
//!   and nothing outlives the cut.
//! - **It is metered.** A call that runs out of fuel or memory, or traps, hands the rest of its batch to the standard
//!   rule. Imports cost fuel too, 100 and one for each byte, so ask the [`Channel`] once and keep the answer.
//!
//! The same code runs natively under `cargo test`: see [`testing`].

mod batch_policy;
mod channel;
mod export;
mod host;
pub mod log;
mod settings;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use batch_policy::{BatchPolicy, Creator, EnvelopeInfo, Pending};
pub use channel::{BatchSize, Channel, ConsensusState};
pub use settings::{ByteSize, FromSetting, SettingError, Settings};

/// For [`export_batch_policy!`] alone; no part of the contract.
#[doc(hidden)]
#[cfg(target_arch = "wasm32")]
pub mod __export {
    pub use crate::export::{Slot, check_settings};
    pub use crate::host::bindings;
    pub use crate::host::bindings::exports::raddle::rules::batch_guest::{EnvelopeInfo, Guest, Pending};
}
