//! Tests that need more than one file's parts: guests that run, and modules that are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod check;
mod faults;
mod filters;
mod frames;
mod fuel;
mod guest;
mod hostile;
mod imports;
mod profile;
mod run;
mod shipped;
