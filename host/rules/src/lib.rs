//! The sandbox in which every rule of a channel runs.
//!
//! A module is a WebAssembly component. It passes a static check that is part of consensus ([`mod@check`]), is
//! compiled ([`BatchEngine::load`]), bound to a channel's config ([`BatchModule::bind`]) and then answers for one batch
//! after another. All that its answers depend on beside its bytes is [`profile`].
//!
//! This crate is the only one that knows the engine; nothing of the engine's shows in its interface.

mod batch;
#[allow(dead_code, missing_docs, reason = "generated for whole interfaces; their words stand in the WIT")]
mod bindings;
pub mod check;
mod engine;
mod fault;
mod host;
mod limiter;
mod log;
mod module;
pub mod profile;
mod settings;
pub mod shipped;
mod stack;
#[cfg(test)]
mod tests;
mod text;

pub use batch::{ModuleBatch, ModulePolicy};
pub use engine::{BatchEngine, EngineError};
pub use log::{LogLevel, LogSink, NoLog};
pub use module::{BatchModule, BindError, Digest, LoadError};
pub use settings::{SETTINGS_BYTES_MAX, SETTINGS_MAX, Settings, SettingsError};
pub use stack::{GUEST_BYTES, GuestStack, StackError, THREAD_BYTES, on_guest_stack, spawn_on_guest_stack};
