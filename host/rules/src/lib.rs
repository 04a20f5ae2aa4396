//! The sandbox in which every rule of a channel runs.
//!
//! A module is a WebAssembly component. It passes a static check that is part of consensus ([`mod@check`]), is
//! compiled, bound to a channel's config and then answers: a batch policy for one batch after another
//! ([`BatchEngine::load`], [`BatchModule::bind`]), a filter for each envelope in an instance of its own
//! ([`FilterEngine::load`], [`FilterModule::bind`], and [`admission`], which asks a channel's filters in their order).
//! All that a module's answers depend on beside its bytes is [`profile`].
//!
//! This crate is the only one that knows the engine; nothing of the engine's shows in its interface.

pub mod admission;
pub mod artifact;
mod batch;
#[allow(dead_code, missing_docs, reason = "generated for whole interfaces; their words stand in the WIT")]
mod bindings;
mod call;
mod case;
pub mod check;
mod engine;
mod fault;
mod filter;
mod host;
mod limiter;
mod log;
mod module;
pub mod profile;
mod settings;
pub mod shipped;
mod slots;
mod stack;
pub mod store;
#[cfg(test)]
mod tests;
mod text;

pub use batch::{BatchMeter, BatchRun, ModuleBatch, ModulePolicy, Question};
pub use case::{Case, Creator, Judge, PolicyVerdict, Timestamp};
pub use engine::{BatchEngine, EngineError, FilterEngine, KEPT_BYTES};
pub use filter::{Filter, FilterRefusal, RefusalStatus, Run};
pub use log::{LogLevel, LogSink, NoLog};
pub use module::{BatchModule, BindError, FilterModule, LoadError};
pub use raddle_core::modules::Digest;
pub use settings::{SETTINGS_BYTES_MAX, SETTINGS_MAX, Settings, SettingsError};
pub use stack::{GUEST_BYTES, GuestStack, StackError, THREAD_BYTES, on_guest_stack, spawn_on_guest_stack};
