//! What authors of modules need beside an orderer: a folder to begin with ([`project`]), a compiler that makes
//! WebAssembly ([`toolchain`], [`c`]), and a component of what it makes ([`component`]).
//!
//! The modules that Raddle ships are built by the same code, from `cargo xtask guests`.

pub mod c;
pub mod component;
pub mod project;
mod search;
pub mod toolchain;

pub use search::NoCompiler;
