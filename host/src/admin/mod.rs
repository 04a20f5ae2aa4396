//! What a channel's admins do: read the config, change it, sign the change, and install modules by such changes.
//!
//! - [`config_json`]: a config as JSON, equal to configtxlator's, and back
//! - [`edit`]: single places of that JSON, or the whole
//! - [`update`]: the update that leads from one config to another, its signatures, and whose are missing
//! - [`modules`]: the modules in a config

pub mod config_json;
pub mod edit;
pub mod modules;
pub mod update;

#[cfg(test)]
mod tests;
