//! Tests that need more than one file's parts: guests that run, and modules that are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod check;
mod faults;
pub mod filters;
mod frames;
mod fuel;
pub mod guest;
mod hostile;
mod imports;
mod oversized;
mod profile;
pub mod run;
mod shipped;

use crate::profile::Limit;
