//! Tests that need more than one file's parts: guests that run, and modules that are refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod check;
mod corpus;
mod counted;
mod determinism;
mod examples;
mod expected;
mod faults;
pub mod filters;
mod frames;
mod fuel;
pub mod guest;
mod hostile;
mod imports;
mod made;
mod oversized;
mod profile;
mod roster;
pub mod run;
mod shipped;
mod vectors;

use crate::profile::Limit;
