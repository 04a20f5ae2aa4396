//! The update that leads from one config to another, its signatures, and whose are missing.
//!
//! - [`compute`]: the update between two configs; [`delta`]: what an update changes, and which policies judge that
//! - [`Draft`]: an update with the signatures so far, as a file that stock tools take and give
//! - [`approvals`]: each policy that the update needs, and what the signatures so far are to it
//! - [`rebase`]: the same change on a config that has changed meanwhile
//! - [`differences`]: a change for people; [`in_words`]: the same, of modules

mod approval;
mod compute;
mod delta;
mod differences;
mod draft;
mod in_words;
mod rebase;

#[cfg(test)]
mod tests;

pub use approval::{Approval, approvals};
pub use compute::{NoDifference, compute};
pub use delta::{Element, delta, stale};
pub use differences::{Difference, differences, listing};
pub use draft::{Draft, DraftError};
pub use in_words::in_words;
pub use rebase::{Conflict, rebase};
