//! All policies of a channel's config, and how they are found.

use std::collections::BTreeMap;

use raddle_proto::common::{self, policy::PolicyType};
use raddle_proto::wire::go_decode;

use super::text::clip;
use super::{
    BuildError, GROUPS_DEPTH_MAX, ImplicitRule, NoSuchPolicy, Policy, PolicyFailure, Proof, SignaturePolicy,
    Signers,
};

/// Name of the outermost group. Source: fabric v2.5.16 `common/channelconfig/bundle.go` `RootGroupKey`.
const ROOT: &str = "Channel";

/// The policies of a channel's config. Immutable: one value for each config sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyTree {
    root: Group,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    policies: BTreeMap<String, Compiled>,
    pub(super) groups: BTreeMap<String, Group>,
}

/// A policy, ready to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Compiled {
    Signature(SignaturePolicy),
    /// Which sub-policies it means is found out when it is asked, so a tree takes no more room than its config.
    ImplicitMeta {
        rule: ImplicitRule,
        sub_policy: String,
    },
}

impl PolicyTree {
    /// Builds the tree from a config's `channel_group`.
    ///
    /// # Errors
    ///
    /// The first policy that makes no sense; see [`BuildError`].
    ///
    /// Source: fabric v2.5.16 `common/policies/policy.go` `NewManagerImpl`.
    pub fn build(channel_group: &common::ConfigGroup) -> Result<Self, BuildError> {
        let root = build(&mut vec![ROOT], channel_group)?;
        Ok(Self { root })
    }

    /// The channel's own group.
    #[must_use]
    pub fn root(&self) -> PolicyManager<'_> {
        PolicyManager { path: vec![ROOT], group: &self.root }
    }
}

fn build<'a>(path: &mut Vec<&'a str>, config: &'a common::ConfigGroup) -> Result<Group, BuildError> {
    if path.len() > GROUPS_DEPTH_MAX {
        let path = clip(path.iter().take(1).copied());
        return Err(BuildError::GroupDepth { path });
    }
    let mut group = Group::default();
    for (name, config) in &config.groups {
        path.push(name);
        group.groups.insert(name.clone(), build(path, config)?);
        path.pop();
    }
    for (name, config) in &config.policies {
        group.policies.insert(name.clone(), compile(path, name, config)?);
    }
    Ok(group)
}

fn compile(path: &[&str], name: &str, config: &common::ConfigPolicy) -> Result<Compiled, BuildError> {
    let place = || (name.to_owned(), path.join("/"));
    let Some(policy) = &config.policy else {
        let (name, path) = place();
        return Err(BuildError::Nil { name, path });
    };
    match PolicyType::try_from(policy.r#type) {
        Ok(PolicyType::Signature) => {
            let compiled = SignaturePolicy::compile(policy.value.clone());
            compiled.map(Compiled::Signature).map_err(|error| {
                let (name, path) = place();
                BuildError::Signature { name, path, error }
            })
        }
        Ok(PolicyType::ImplicitMeta) => {
            let decoded = go_decode::<common::ImplicitMetaPolicy>(policy.value.clone());
            let read = |policy: common::ImplicitMetaPolicy| Compiled::ImplicitMeta {
                rule: ImplicitRule::of(policy.rule),
                sub_policy: policy.sub_policy,
            };
            decoded.map(read).map_err(|error| {
                let (name, path) = place();
                BuildError::ImplicitMeta { name, path, error }
            })
        }
        _ => {
            let (name, path) = place();
            Err(BuildError::UnknownType { name, path, found: policy.r#type })
        }
    }
}

/// A group's view on the policies in and below it.
#[derive(Clone, Debug)]
pub struct PolicyManager<'a> {
    /// Names from the outermost group to this one.
    path: Vec<&'a str>,
    pub(super) group: &'a Group,
}

impl<'a> PolicyManager<'a> {
    /// The group that `path` leads to from here; no path leads to this one.
    ///
    /// Source: fabric v2.5.16 `common/policies/policy.go` `Manager`.
    #[must_use]
    pub fn manager(&self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self.clone(), |manager, name| manager.below(name))
    }

    /// The policy called `id`: absolute, such as `/Channel/Application/Writers`, if it begins with a slash, and
    /// otherwise seen from here, such as `Application/Writers`. A manager reaches what is in its group and below.
    ///
    /// An absolute id must begin with the manager's own path; the one byte behind that is skipped whatever it is, as
    /// in Fabric, so that `/Channel.Writers` is found too.
    ///
    /// Differs: on the manager's bare path, `/Channel`, Fabric panics; here it is no policy.
    ///
    /// # Errors
    ///
    /// There is none; evaluated, it would fail so.
    ///
    /// Source: fabric v2.5.16 `common/policies/policy.go` `GetPolicy`.
    pub fn policy(&self, id: &str) -> Result<Policy<'a>, NoSuchPolicy> {
        self.look_up(id).map_err(|missing| NoSuchPolicy { id: missing.to_owned() })
    }

    /// The same, without a copy of what is missing: a config may hold a name of megabytes and ask many groups for it.
    pub(super) fn look_up<'i>(&self, id: &'i str) -> Result<Policy<'a>, &'i str> {
        if id.is_empty() {
            return Err(id);
        }
        let relative = if id.starts_with('/') {
            let rest = self.path.iter().try_fold(id, |rest, name| rest.strip_prefix('/')?.strip_prefix(name));
            rest.and_then(|rest| rest.get(1..)).ok_or(id)?
        } else {
            id
        };
        self.find(relative).ok_or(relative)
    }

    /// Evaluates the policy called `id`. A missing one fails with the text of Fabric's stand-in.
    ///
    /// # Errors
    ///
    /// It does not hold or is not there.
    pub fn evaluate(&self, id: &str, signers: &Signers) -> Result<(), PolicyFailure> {
        self.policy(id)?.evaluate(signers)
    }

    /// Says in full why the policy called `id` holds or does not.
    #[must_use]
    pub fn prove(&self, id: &str, signers: &Signers) -> Proof {
        match self.policy(id) {
            Ok(policy) => policy.prove(signers),
            Err(missing) => Proof::of_missing(&missing.id, signers),
        }
    }

    /// The group's path, without a slash in front.
    #[must_use]
    pub fn path(&self) -> String {
        self.path.join("/")
    }

    /// Names from the outermost group to this one.
    pub(super) fn names(&self) -> &[&'a str] {
        &self.path
    }

    /// The sub-group of this name.
    pub(super) fn below(&self, name: &str) -> Option<Self> {
        let (name, group) = self.group.groups.get_key_value(name)?;
        let path = self.path.iter().copied().chain([name.as_str()]).collect();
        Some(Self { path, group })
    }

    /// Finds a policy by its path from here.
    ///
    /// If names contain slashes there may be several: the deepest group's is taken, as in Fabric. Group names with
    /// slashes are not found, which makes no difference: no config with such names is valid.
    fn find(&self, relative: &str) -> Option<Policy<'a>> {
        let (mut manager, mut rest, mut found) = (self.clone(), relative, None);
        loop {
            if let Some((name, compiled)) = manager.group.policies.get_key_value(rest) {
                found = Some(Policy { manager: manager.clone(), name, compiled });
            }
            if manager.group.groups.is_empty() {
                return found;
            }
            match rest.split_once('/').and_then(|(name, rest)| Some((manager.below(name)?, rest))) {
                Some(next) => (manager, rest) = next,
                None => return found,
            }
        }
    }
}
