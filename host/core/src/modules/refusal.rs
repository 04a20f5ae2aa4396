//! Why a module in a config is refused, and what to do about it.

use super::spec::{Digest, Kind};
use super::{
    CHANNEL_BYTES_MAX, COMPONENT_BYTES_MAX, NAME_BYTES_MAX, REPAIR_BYTES, REPLACEABLE_FILTER,
    SETTINGS_BYTES_MAX, SETTINGS_MAX, SPEC_BYTES_MAX, TEXT_BYTES_MAX, TEXT_PREFIX, VERSION_BYTES_MAX,
};
use crate::bundle::RADDLE_1_0;

/// Why a config, or an update of one, is refused for its modules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleRefusal {
    /// For one module.
    #[error("module `{}`: {cause}", .key.escape_debug())]
    Module {
        /// Key of the policy that carries it.
        key: String,
        /// Why.
        cause: Cause,
    },
    /// For all of them together.
    #[error(transparent)]
    Channel(#[from] ChannelCause),
}

impl ModuleRefusal {
    pub(super) fn module(key: &str, cause: Cause) -> Self {
        Self::Module { key: key.chars().take(200).collect(), cause }
    }
}

/// The module breaks the profile: its component, its fuel or its memory. The sentence is the sandbox's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct ProfileRefusal {
    /// What is wrong, how much is allowed and what to do.
    pub sentence: String,
}

/// Why one module is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A key of ours that carries nothing.
    #[error("no module has such a key; it is `raddle.filter.NAME` or `raddle.batch-policy`")]
    UnknownKey,
    /// The policy has another type.
    #[error("its policy is of type {found}, a module's is of type 3, IMPLICIT_META")]
    PolicyType {
        /// `Policy.type`.
        found: i32,
    },
    /// The text is longer than that of any module.
    #[error("a text of {used} bytes, at most {TEXT_BYTES_MAX} are allowed; make the component smaller")]
    TextBytes {
        /// Its bytes.
        used: usize,
    },
    /// The text has no version, or an unknown one.
    #[error("its text does not begin with `{TEXT_PREFIX}`; write it with `raddle module install`")]
    NoPrefix,
    /// The text is no base64.
    #[error("its text is no base64: {what}; write it with `raddle module install`")]
    Base64 {
        /// What is wrong.
        what: String,
    },
    /// The bytes are not deflated.
    #[error("its bytes cannot be inflated: {what}; write them with `raddle module install`")]
    Deflate {
        /// What is wrong.
        what: String,
    },
    /// It inflates to more than a module has.
    #[error(
        "inflates to more than {SPEC_BYTES_MAX} bytes, which is all that is allowed; make the component smaller"
    )]
    SpecBytes,
    /// The bytes are no message.
    #[error("cannot be read: {what}; write it with `raddle module install`")]
    Unreadable {
        /// What is wrong.
        what: String,
    },
    /// The bytes are a message with another encoding than the one that it must have.
    #[error("is not encoded canonically; write it with `raddle module install`")]
    NotCanonical,
    /// A kind of module that does not exist.
    #[error("is of kind {number}; 1 is a filter, 2 a batch policy")]
    UnknownKind {
        /// `ModuleSpec.kind`.
        number: i32,
    },
    /// A mode that does not exist.
    #[error("is in mode {number}; 1 is enforce, 2 is shadow, 3 is off")]
    UnknownMode {
        /// `ModuleSpec.mode`.
        number: i32,
    },
    /// A batch policy whose word does not count.
    #[error("mode `shadow` is for filters; install a batch policy in mode `off` or `enforce`")]
    Shadow,
    /// Key, name and kind do not agree.
    #[error("by its name and kind it is a {kind} and its key is `{expected}`; key, name and kind must agree")]
    Key {
        /// The key it would have to have.
        expected: String,
        /// What it is.
        kind: Kind,
    },
    /// A name that no module may have.
    #[error(
        "the name `{}` is none; a name is 1 to {NAME_BYTES_MAX} lower-case letters, digits and hyphens, the first \
         a letter", .name.escape_debug()
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The name of a standard filter that cannot be replaced.
    #[error(
        "`{name}` is a standard filter; of these only `{REPLACEABLE_FILTER}` can be replaced; choose another name"
    )]
    Reserved {
        /// The name.
        name: String,
    },
    /// A version that is too long or cannot be printed.
    #[error("a version of {used} bytes; it is at most {VERSION_BYTES_MAX} printable ASCII characters")]
    Version {
        /// Its bytes.
        used: usize,
    },
    /// Too many settings.
    #[error("{used} settings, at most {SETTINGS_MAX} are allowed; take some out")]
    Settings {
        /// How many there are.
        used: usize,
    },
    /// Settings that are too long.
    #[error("settings of {used} bytes, at most {SETTINGS_BYTES_MAX} are allowed; shorten them")]
    SettingsBytes {
        /// Bytes of all keys and values.
        used: usize,
    },
    /// A setting twice, or out of order.
    #[error("setting `{}` is there twice or out of order; settings ascend by key", .key.escape_debug())]
    SettingsOrder {
        /// Its key.
        key: String,
    },
    /// The component is too large.
    #[error(
        "a component of {used} bytes, at most {COMPONENT_BYTES_MAX} are allowed; build it with `opt-level = \"s\"`, \
         `lto = true`, `strip = true`"
    )]
    ComponentBytes {
        /// Its bytes.
        used: usize,
    },
    /// The digest has another length.
    #[error("a digest of {used} bytes, SHA-256 has 32; write it with `raddle module install`")]
    DigestBytes {
        /// Its bytes.
        used: usize,
    },
    /// The digest is another component's.
    #[error("its digest is {stated}, and the component's is {found}; install the file that was meant")]
    Digest {
        /// What the module says.
        stated: Digest,
        /// What its component has.
        found: Digest,
    },
    /// It breaks the profile.
    #[error(transparent)]
    Profile(#[from] ProfileRefusal),
    /// It is installed or changed in the system channel.
    #[error(
        "the system channel takes no modules, because new channels would copy them; install it in each channel"
    )]
    SystemChannel,
    /// It is installed or changed where stale envelopes are judged in the log.
    #[error(
        "the channel has none of the orderer capabilities V1_1, V1_4_2 and V2_0, without which modules cannot be \
         told to all orderers alike; add V2_0 first"
    )]
    NoResubmission,
    /// A batch policy without the capability.
    #[error(
        "a batch policy needs the orderer capability {RADDLE_1_0}, without which every orderer ignores it; add it \
         first, once all orderers of the channel are Raddle's"
    )]
    NoCapability,
    /// Its owner may not do this alone.
    #[error(
        "{what} was {was} and would be {wanted}; its owner may lower that, but to raise it takes the orderer admins; \
         have them sign, too"
    )]
    Raised {
        /// Order, fuel or memory.
        what: &'static str,
        /// What it is.
        was: u64,
        /// What it would be.
        wanted: u64,
    },
    /// What was there cannot be read, so nobody can say what its owner may do.
    #[error("what it replaces cannot be read, so only the orderer admins may change it; have them sign, too")]
    Repaired,
}

/// Why an update is refused for all modules of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelCause {
    /// The channel's modules are too large together.
    #[error(
        "the channel's modules take {used} bytes in its config, at most {CHANNEL_BYTES_MAX} are allowed; remove or \
         shrink one"
    )]
    Total {
        /// Bytes of all.
        used: usize,
    },
    /// The config block would leave no room for the update that removes a module.
    #[error(
        "the config would have {config} bytes and the update has {update}; with {REPAIR_BYTES} kept for repairs that \
         is {used}, at most {allowed} are allowed by {limit}; shrink a module or raise the limit"
    )]
    Room {
        /// Bytes of the config.
        config: u64,
        /// Bytes of the update.
        update: u64,
        /// All of it.
        used: u64,
        /// What is allowed.
        allowed: u64,
        /// What allows no more.
        limit: &'static str,
    },
    /// A channel with modules would lose what they need.
    #[error(
        "the channel would lose the last of the orderer capabilities V1_1, V1_4_2 and V2_0, which its modules need; \
         remove the modules first"
    )]
    LosesResubmission,
    /// A capability that stops stock orderers.
    #[error(
        "the capability {RADDLE_1_0} stops every stock orderer of the channel for good; if there are none, allow it in \
         this orderer's setting `BatchPolicies`"
    )]
    Capability,
}
