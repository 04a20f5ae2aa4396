//! Deliver, read by an ordinary client.

mod any_bytes;
mod bounds;
mod changes;
mod follow;
mod modules;
mod reader;
mod table;
