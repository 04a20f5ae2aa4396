//! Write a Raddle module.
//!
//! A module is a WebAssembly component that decides a rule of a channel: a *filter* says which envelopes may be
//! ordered, a *batch policy* where a batch of them is cut into a block. This crate turns a plain Rust type into one:
//! implement [`Filter`] or [`BatchPolicy`], name the type in [`export_filter!`] or [`export_batch_policy!`], build for
//! `wasm32-unknown-unknown`.
//!
//! ```
//! use raddle_guest::{Channel, Envelope, Facts, Filter, Refusal, Settings, export_filter};
//!
//! /// Takes endorser transactions up to a size.
//! struct SmallTransactions {
//!     max_bytes: u64,
//! }
//!
//! impl Filter for SmallTransactions {
//!     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
//!         settings.only(&["max-bytes"])?;
//!         Ok(Self { max_bytes: settings.with_default("max-bytes", 4096)? })
//!     }
//!
//!     fn check(&self, facts: &Facts, _envelope: &Envelope) -> Result<(), Refusal> {
//!         if facts.header_type == 3 && facts.size_bytes() > self.max_bytes {
//!             let (size, max) = (facts.size_bytes(), self.max_bytes);
//!             return Err(Refusal::too_large(format!("{size} bytes; a transaction may have {max}")));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! export_filter!(SmallTransactions);
//! # fn main() -> Result<(), String> {
//! # use raddle_guest::testing::{Envelope, Host};
//! # let verdict = Host::new().with_setting("max-bytes", "9").check::<SmallTransactions>(&Envelope::of_size(10))?;
//! # assert_eq!(verdict.sentence(), Some("10 bytes; a transaction may have 9"));
//! # Ok(())
//! # }
//! ```
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
//! - **It decides alike everywhere.** Every orderer runs it on the same envelopes and must come to the same verdicts
//!   and the same blocks. There is no clock, no random number, no file and no network to be had.
//! - **Its memory is its state.** An instance lives for one envelope or for one batch: [`Filter::new`] runs before each
//!   envelope, [`BatchPolicy::new`] before the first one of a batch, and nothing outlives it.
//! - **It is metered.** Where a call runs out of fuel or memory, or traps, a filter's envelope is refused, and the rest
//!   of a policy's batch goes to the standard rule. Imports cost fuel too, 100 and one for each byte, so ask once and
//!   keep the answer.
//! - **A filter starts anew for each envelope**, so small is fast. One that touches no string of the host's (settings,
//!   log, names, the payload) starts 2 µs sooner; one with less than about 40 KiB of data and memory in use never pays
//!   for more.
//!
//! The same code runs natively under `cargo test`: see [`testing`].

#[cfg(any(target_arch = "wasm32", test))]
mod arena;
mod batch_policy;
mod channel;
mod envelope;
mod export;
mod filter;
mod host;
mod invocation;
pub mod log;
mod settings;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod walk;

pub use batch_policy::{BatchPolicy, Creator, EnvelopeInfo, Pending};
pub use channel::{BatchSize, Channel, ConsensusState};
pub use envelope::{Envelope, Header, Identity, PolicyFailure, Scope};
pub use filter::{Facts, Filter, Refusal, RefusalStatus, Timestamp};
pub use invocation::Invocation;
pub use settings::{ByteSize, FromSetting, SettingError, Settings, TimeSpan};

/// For [`export_batch_policy!`] and [`export_filter!`] alone; no part of the contract.
#[doc(hidden)]
#[cfg(target_arch = "wasm32")]
pub mod __export {
    pub use crate::export::{Slot, check_settings};
    pub use crate::host::bindings;
    pub use crate::host::bindings::exports::raddle::rules::batch_guest::{EnvelopeInfo, Guest, Pending};

    pub mod filter {
        pub use crate::arena::Arena;
        pub use crate::export::filter::{check, check_settings};
        pub use crate::host::filter_bindings as bindings;
        pub use crate::host::filter_bindings::exports::raddle::rules::filter_guest::{Facts, Guest, Refusal};
    }
}
