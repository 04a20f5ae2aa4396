//! Deliver, read by an ordinary client.

mod any_bytes;
mod bounds;
mod changes;
mod follow;
mod modules;
pub mod reader;
mod table;
