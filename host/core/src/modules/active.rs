//! What the modules of a config mean: a function of the config alone, the same on every orderer.

use raddle_proto::common::{Config, ConfigPolicy};

use super::carrier::decode;
use super::refusal::{Cause, ModuleRefusal};
use super::spec::{Mode, Profile, Spec};
use super::update::{modules, ordering};
use super::{BATCH_POLICY_KEY, FILTER_KEY_PREFIX};
use crate::bundle::Bundle;

/// A filter of the channel's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveFilter {
    /// Its name, from its key.
    pub name: String,
    /// The filter; or why no orderer can run it: normal envelopes are refused until an update removes it.
    pub spec: Result<Spec, ModuleRefusal>,
}

/// Why the batches of a channel are cut by the shipped batch policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyShipped {
    /// The channel has no other.
    #[error("the channel has no batch policy of its own")]
    None,
    /// It has one and lacks the capability.
    #[error("the channel lacks the capability {}, so its batch policy is ignored", crate::bundle::RADDLE_1_0)]
    NoCapability,
    /// Its own is switched off.
    #[error("the channel's batch policy is switched off")]
    Off,
    /// Its own cannot be used, by any orderer.
    #[error(transparent)]
    Broken(#[from] ModuleRefusal),
}

/// The modules of a channel at one config sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSet {
    /// Filters that normal envelopes pass after the standard ones, in the order in which they run; those that no
    /// orderer can run come first.
    pub filters: Vec<ActiveFilter>,
    /// Filters that are asked as well, in their order, and whose word does not count. Those that no orderer can run
    /// are left out.
    pub shadows: Vec<Spec>,
    /// The batch policy, or why it is the shipped one.
    pub batch_policy: Result<Spec, WhyShipped>,
}

/// What the modules in `config` mean. `bundle` is the same config's.
///
/// The batch policy is the channel's own if the capability RADDLE_1_0 is set, the module is in mode `enforce`, it can
/// be decoded, its digest is right and it passes the profile's check; otherwise the shipped one. Whatever else keeps an
/// orderer from running it is that orderer's own trouble, and never a reason for another one.
///
/// In the system channel, and without the capability that lets stale envelopes be admitted again, no module counts.
#[must_use]
pub fn active_modules(config: &Config, bundle: &Bundle, profile: &dyn Profile) -> ModuleSet {
    let mut set = ModuleSet { filters: Vec::new(), shadows: Vec::new(), batch_policy: Err(WhyShipped::None) };
    let Some(ordering) = ordering(config) else { return set };
    if let Some(policy) = ordering.policies.get(BATCH_POLICY_KEY) {
        set.batch_policy = batch_policy(policy, bundle, profile);
    }
    if bundle.has_consortiums || !bundle.has_resubmission() {
        return set;
    }
    for (key, policy) in modules(ordering) {
        let Some(name) = key.strip_prefix(FILTER_KEY_PREFIX) else { continue };
        let spec = decode(key, policy);
        match spec.as_ref().map_or(Mode::Enforce, |spec| spec.mode) {
            Mode::Enforce => {
                let spec = spec.and_then(|spec| fits(key, spec, profile));
                set.filters.push(ActiveFilter { name: name.to_owned(), spec });
            }
            Mode::Shadow => set.shadows.extend(spec.and_then(|spec| fits(key, spec, profile)).ok()),
            Mode::Off => {}
        }
    }
    let order = |filter: &ActiveFilter| filter.spec.as_ref().ok().map(|spec| spec.order);
    set.filters.sort_by(|a, b| (order(a), &a.name).cmp(&(order(b), &b.name)));
    set.shadows.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    set
}

fn batch_policy(policy: &ConfigPolicy, bundle: &Bundle, profile: &dyn Profile) -> Result<Spec, WhyShipped> {
    if bundle.has_consortiums || !bundle.has_raddle_1_0() {
        return Err(WhyShipped::NoCapability);
    }
    let spec = fits(BATCH_POLICY_KEY, decode(BATCH_POLICY_KEY, policy)?, profile)?;
    if spec.mode == Mode::Enforce { Ok(spec) } else { Err(WhyShipped::Off) }
}

/// Holds a module to the profile.
fn fits(key: &str, spec: Spec, profile: &dyn Profile) -> Result<Spec, ModuleRefusal> {
    match profile.check(&spec) {
        Ok(()) => Ok(spec),
        Err(refusal) => Err(ModuleRefusal::module(key, Cause::Profile(refusal))),
    }
}
