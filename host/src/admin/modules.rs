//! The modules in a channel's config, put there and taken away.

use std::collections::BTreeMap;

use raddle_proto::common::{Config, ConfigPolicy};

pub use raddle_core::modules::{
    BATCH_POLICY_KEY, FILTER_KEY_PREFIX, Kind, Mode, ModuleRefusal, Setting, Spec, decode, encode,
};

/// The policy that decides, unless told otherwise, who may change a module that is installed.
pub const OWNER: &str = "/Channel/Orderer/Admins";

/// What the keys of all policies that carry modules begin with.
const KEY_PREFIX: &str = "raddle.";

/// Why a module cannot be put into a config or taken from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The config has no group `/Channel/Orderer`.
    #[error("the channel's config has no group /Channel/Orderer")]
    NoOrderers,
    /// No module has the name.
    #[error("no module {name:?} is installed")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The module cannot be carried.
    #[error("{0}")]
    Refused(#[from] ModuleRefusal),
}

/// A module of a config.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// The key of its policy.
    pub key: String,
    /// The module, or why the policy carries none.
    pub spec: Result<Spec, ModuleRefusal>,
    /// The policy whose owners may change it.
    pub mod_policy: String,
    /// How often it was changed.
    pub version: u64,
}

/// The modules of a config: filters in the order in which they are asked, then the batch policy, then what is none.
#[must_use]
pub fn installed(config: &Config) -> Vec<Installed> {
    let none = BTreeMap::new();
    let policies = config.channel_group.as_ref().and_then(|root| root.groups.get("Orderer"));
    let policies = policies.map_or(&none, |orderer| &orderer.policies);
    let mut modules: Vec<Installed> = policies
        .iter()
        .filter(|(key, _)| key.starts_with(KEY_PREFIX))
        .map(|(key, policy)| Installed {
            key: key.clone(),
            spec: decode(key, policy),
            mod_policy: policy.mod_policy.clone(),
            version: policy.version,
        })
        .collect();
    modules.sort_by_key(|module| match &module.spec {
        Ok(spec) => (u8::from(spec.kind == Kind::BatchPolicy), spec.order, spec.name.clone()),
        Err(_) => (2, 0, module.key.clone()),
    });
    modules
}

/// The module of this name. A batch policy is also found by its key.
#[must_use]
pub fn find(config: &Config, name: &str) -> Option<Installed> {
    let is_it = |module: &Installed| match &module.spec {
        _ if module.key == name || module.key.strip_prefix(FILTER_KEY_PREFIX) == Some(name) => true,
        Ok(spec) => spec.name == name,
        Err(_) => false,
    };
    installed(config).into_iter().find(is_it)
}

/// The config with a module more, or with another in the place of the one with its key.
///
/// # Errors
///
/// The config has no orderers, or the module cannot be carried.
pub fn with(config: &Config, spec: &Spec, mod_policy: &str) -> Result<Config, ModuleError> {
    let policy = encode(spec, mod_policy)?;
    let mut config = config.clone();
    policies(&mut config)?.insert(spec.key(), policy);
    Ok(config)
}

/// The config without some of its modules.
///
/// # Errors
///
/// One of them is not there.
pub fn without(config: &Config, names: &[String]) -> Result<Config, ModuleError> {
    let mut fewer = config.clone();
    for name in names {
        let unknown = || ModuleError::Unknown { name: name.clone() };
        let module = find(config, name).ok_or_else(unknown)?;
        policies(&mut fewer)?.remove(&module.key);
    }
    Ok(fewer)
}

fn policies(config: &mut Config) -> Result<&mut BTreeMap<String, ConfigPolicy>, ModuleError> {
    let root = config.channel_group.as_mut().ok_or(ModuleError::NoOrderers)?;
    root.groups.get_mut("Orderer").map(|group| &mut group.policies).ok_or(ModuleError::NoOrderers)
}
