//! Modules in a channel's config: how they are carried, what an update may do to them, and what a config means.
//!
//! A module is one more policy of the group `/Channel/Orderer`, of type IMPLICIT_META, whose `sub_policy` is a
//! [`Spec`] in text. Stock orderers and peers take it for a policy that nobody asks for. What stands in a config block
//! was decided by its channel's admins and is the same on every orderer, so [`active_modules`] is a function of the
//! config alone; [`check_update`] is what an update has to pass before it is ordered.

mod active;
mod carrier;
mod refusal;
mod spec;
#[cfg(test)]
mod tests;
mod update;

pub use active::{ActiveFilter, ModuleSet, WhyShipped, active_modules};
pub use carrier::{decode, encode};
pub use refusal::{Cause, ChannelCause, ModuleRefusal, ProfileRefusal};
pub use spec::{Digest, Kind, Mode, Profile, Setting, Spec};
pub use update::{Side, Update, check_update};

/// Key of the policy that carries a channel's batch policy.
pub const BATCH_POLICY_KEY: &str = "raddle.batch-policy";

/// What the keys of policies that carry filters begin with; the filter's name follows.
pub const FILTER_KEY_PREFIX: &str = "raddle.filter.";

/// What the keys of all policies of ours begin with.
pub const KEY_PREFIX: &str = "raddle.";

/// What the text of a module begins with: the version of its form.
pub const TEXT_PREFIX: &str = "raddle.1:";

/// Most bytes of a component.
pub const COMPONENT_BYTES_MAX: usize = 1 << 20;

/// Most bytes of a marshalled `ModuleSpec`: a component and 64 KiB for all else.
pub const SPEC_BYTES_MAX: usize = COMPONENT_BYTES_MAX + (64 << 10);

/// Most bytes of one module's text. Deflate makes nothing longer than by 5 bytes in 16 KiB, base64 by a third.
pub const TEXT_BYTES_MAX: usize =
    TEXT_PREFIX.len() + (SPEC_BYTES_MAX + SPEC_BYTES_MAX / (16 << 10) * 5 + 64).div_ceil(3) * 4;

/// Most bytes of the texts of all modules of a channel.
pub const CHANNEL_BYTES_MAX: usize = 4 << 20;

/// Most settings of a module.
pub const SETTINGS_MAX: usize = 64;

/// Most bytes of a module's settings, keys and values together.
pub const SETTINGS_BYTES_MAX: usize = 16 << 10;

/// Most bytes of a module's name.
pub const NAME_BYTES_MAX: usize = 64;

/// Most bytes of a module's version.
pub const VERSION_BYTES_MAX: usize = 64;

/// Bytes that a config block must have left beside the config and the update that made it: the update that removes a
/// module has to fit.
pub const REPAIR_BYTES: u64 = 256 << 10;

/// Names of the filters that every channel has.
pub const STANDARD_FILTERS: [&str; 4] = ["empty", "max-bytes", REPLACEABLE_FILTER, "signature"];

/// The one standard filter that a channel's own may take the place of, by having its name.
pub const REPLACEABLE_FILTER: &str = "expiration";
