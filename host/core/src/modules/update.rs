//! What an update of the config may do to modules.

use prost::Message as _;
use raddle_proto::common::{Config, ConfigGroup, ConfigPolicy};

use super::carrier::{decode, encoded_bytes};
use super::refusal::{Cause, ChannelCause, ModuleRefusal};
use super::spec::{Kind, Mode, Profile, Spec};
use super::{CHANNEL_BYTES_MAX, KEY_PREFIX, REPAIR_BYTES};
use crate::bundle::Bundle;

/// A config before or after an update.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// What it says.
    pub bundle: &'a Bundle,
    /// The whole of it.
    pub config: &'a Config,
}

/// An update whose signatures and mod policies hold.
#[derive(Clone, Copy)]
pub struct Update<'a> {
    /// The config as it is.
    pub old: Side<'a>,
    /// The config as it would be.
    pub new: Side<'a>,
    /// Bytes of the envelope with the update, as the config block will hold it.
    pub update_bytes: u64,
    /// Most bytes of a record that the ordered log takes, if it says so.
    pub log_bytes_max: Option<u64>,
    /// Whether the update's signatures also satisfy the `mod_policy` of the group `/Channel/Orderer`.
    pub is_signed_by_group: bool,
    /// Whether this orderer lets the channel have a batch policy. Asked for on Kafka only, when the capability is new.
    pub allows_batch_policies: bool,
}

/// Checks what an update does to modules, and answers those that it installs or changes, in the order of their keys.
/// They have passed the profile's check and remain to be compiled and asked about their settings.
///
/// What an update leaves as it is is not judged again. So whatever stands in a config, an update that removes it
/// passes; one that removes the last module passes without any condition.
///
/// # Errors
///
/// See [`ModuleRefusal`].
pub fn check_update(update: &Update<'_>, profile: &dyn Profile) -> Result<Vec<Spec>, ModuleRefusal> {
    check_capability(update)?;
    let none = ConfigGroup::default();
    let (old, new) =
        (ordering(update.old.config).unwrap_or(&none), ordering(update.new.config).unwrap_or(&none));
    let mut changed = Vec::new();
    for (key, policy) in modules(new) {
        let before = old.policies.get(key);
        if before.is_none_or(|before| before.policy != policy.policy) {
            changed.push((key, before, policy));
        }
    }
    check_place(update, &changed)?;
    check_room(update, new, !changed.is_empty())?;
    changed
        .into_iter()
        .map(|(key, before, policy)| check_change(update, profile, key, before, policy))
        .collect()
}

type Change<'a> = (&'a str, Option<&'a ConfigPolicy>, &'a ConfigPolicy);

fn check_change(
    update: &Update<'_>,
    profile: &dyn Profile,
    key: &str,
    before: Option<&ConfigPolicy>,
    policy: &ConfigPolicy,
) -> Result<Spec, ModuleRefusal> {
    let refuse = |cause| ModuleRefusal::module(key, cause);
    let spec = decode(key, policy)?;
    if spec.mode == Mode::Shadow && spec.kind == Kind::BatchPolicy {
        return Err(refuse(Cause::Shadow));
    }
    if spec.kind == Kind::BatchPolicy && !update.new.bundle.has_raddle_1_0() {
        return Err(refuse(Cause::NoCapability));
    }
    if let Some(before) = before
        && !update.is_signed_by_group
    {
        let before = decode(key, before).map_err(|_| refuse(Cause::Repaired))?;
        check_owner(&before, &spec).map_err(refuse)?;
    }
    profile.check(&spec).map_err(|refusal| refuse(refusal.into()))?;
    Ok(spec)
}

/// Whoever a module's `mod_policy` names may change all of it, but not what it takes from others.
fn check_owner(before: &Spec, after: &Spec) -> Result<(), Cause> {
    for (what, was, wanted) in [
        ("order", u64::from(before.order), u64::from(after.order)),
        ("fuel", before.fuel, after.fuel),
        ("memory", before.memory_bytes, after.memory_bytes),
    ] {
        if wanted > was {
            return Err(Cause::Raised { what, was, wanted });
        }
    }
    Ok(())
}

fn check_capability(update: &Update<'_>) -> Result<(), ChannelCause> {
    let is_new = update.new.bundle.has_raddle_1_0() && !update.old.bundle.has_raddle_1_0();
    let is_shared = update.new.bundle.consensus.kind == "kafka";
    if is_new && is_shared && !update.allows_batch_policies { Err(ChannelCause::Capability) } else { Ok(()) }
}

fn check_place(update: &Update<'_>, changed: &[Change<'_>]) -> Result<(), ModuleRefusal> {
    let bundle = update.new.bundle;
    if let Some((key, ..)) = changed.first() {
        if bundle.has_consortiums {
            return Err(ModuleRefusal::module(key, Cause::SystemChannel));
        }
        if !bundle.has_resubmission() {
            return Err(ModuleRefusal::module(key, Cause::NoResubmission));
        }
    }
    let has_modules = ordering(update.new.config).is_some_and(|group| modules(group).next().is_some());
    if has_modules && update.old.bundle.has_resubmission() && !bundle.has_resubmission() {
        return Err(ChannelCause::LosesResubmission.into());
    }
    Ok(())
}

fn check_room(update: &Update<'_>, new: &ConfigGroup, has_changes: bool) -> Result<(), ChannelCause> {
    if modules(new).next().is_none() {
        return Ok(());
    }
    let used = modules(new).map(|(_, policy)| encoded_bytes(policy)).fold(0_usize, usize::saturating_add);
    if has_changes && used > CHANNEL_BYTES_MAX {
        return Err(ChannelCause::Total { used });
    }
    let config = update.new.config.encoded_len() as u64;
    let used = config.saturating_add(update.update_bytes).saturating_add(REPAIR_BYTES);
    let block = u64::from(update.new.bundle.batch_size.absolute_max_bytes);
    let (allowed, limit) = match update.log_bytes_max {
        Some(log) if log < block => (log, "the ordered log"),
        _ => (block, "AbsoluteMaxBytes"),
    };
    if used > allowed {
        return Err(ChannelCause::Room { config, update: update.update_bytes, used, allowed, limit });
    }
    Ok(())
}

/// The group `/Channel/Orderer`.
pub(super) fn ordering(config: &Config) -> Option<&ConfigGroup> {
    config.channel_group.as_ref()?.groups.get("Orderer")
}

/// Policies under keys of ours.
pub(super) fn modules(ordering: &ConfigGroup) -> impl Iterator<Item = (&str, &ConfigPolicy)> {
    let policies = ordering.policies.iter().map(|(key, policy)| (key.as_str(), policy));
    policies.filter(|(key, _)| key.starts_with(KEY_PREFIX))
}
