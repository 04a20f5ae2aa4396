//! Certificates of a running node: when they end, and new ones in the place of old ones.
//!
//! - [`Expiry`]: one certificate, and how long it is valid still; [`Expiries`]: all of a node's, for metrics
//! - [`Keeper`]: looks at the files of listeners, has new pairs presented, and warns of certificates that end

mod expiry;
mod keeper;

pub use expiry::{Expiries, Expiry, WARN_DAYS};
pub use keeper::{Keeper, Listener};
