//! Tests over recorded and generated data.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod differs;
mod fabric;
mod hostile;
mod parsing;
mod recorded;
