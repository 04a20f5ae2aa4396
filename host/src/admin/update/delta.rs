//! What an update changes, and which policies judge that.

use std::collections::BTreeMap;
use std::fmt;

use raddle_proto::common::{Config, ConfigGroup, ConfigUpdate};

/// What kind of element of the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Group,
    Value,
    Policy,
}

/// An element's place: its path from `/Channel` on, the element's own name included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    path: String,
    kind: Kind,
}

/// An element that an update changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// The element's path, such as `/Channel/Orderer/BatchSize`.
    pub path: String,
    /// The policy that must agree, as an absolute path. None if the element is new: then its group's must.
    pub policy: Option<String>,
}

type Elements<'a> = BTreeMap<Place, (u64, &'a str)>;

/// What an update changes in `config`, in the order of paths.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `computeDeltaSet`, `policyForItem`.
#[must_use]
pub fn delta(config: &Config, update: &ConfigUpdate) -> Vec<Element> {
    let (read, write) = (elements(update.read_set.as_ref()), elements(update.write_set.as_ref()));
    let existing = elements(config.channel_group.as_ref());
    let changed =
        write.iter().filter(|(place, (version, _))| read.get(place).is_none_or(|(read, _)| read != version));
    changed
        .map(|(place, _)| Element {
            path: place.path.clone(),
            policy: existing.get(place).map(|(_, mod_policy)| place.policy(mod_policy)),
        })
        .collect()
}

/// What an update takes for something that `config` has not, or not at that version any more: somebody was faster.
///
/// Source: fabric v2.5.16 `common/configtx/update.go` `verifyReadSet`, `verifyDeltaSet`.
#[must_use]
pub fn stale(config: &Config, update: &ConfigUpdate) -> Vec<String> {
    let (read, write) = (elements(update.read_set.as_ref()), elements(update.write_set.as_ref()));
    let existing = elements(config.channel_group.as_ref());
    let found = |place: &Place| existing.get(place).map(|(version, _)| *version);
    let said = |place: &Place, expected: Option<u64>| {
        let words =
            |version: Option<u64>| version.map_or("absent".to_owned(), |it| format!("at version {it}"));
        format!("{place} is {}, and the update expects it {}", words(found(place)), words(expected))
    };
    let read_differs = read.iter().filter(|(place, (version, _))| found(place) != Some(*version));
    let mut stale: Vec<String> =
        read_differs.map(|(place, (version, _))| said(place, Some(*version))).collect();
    for (place, (version, _)) in write.iter().filter(|(place, _)| !read.contains_key(place)) {
        let expected = version.checked_sub(1);
        if found(place) != expected {
            stale.push(said(place, expected));
        }
    }
    stale
}

fn elements(root: Option<&ConfigGroup>) -> Elements<'_> {
    let mut elements = Elements::new();
    // Not by recursion: a group may be as deep as the wire lets it be.
    let mut open: Vec<(String, &ConfigGroup)> =
        root.map(|root| ("/Channel".to_owned(), root)).into_iter().collect();
    while let Some((path, group)) = open.pop() {
        for (name, value) in &group.values {
            let place = Place { path: format!("{path}/{name}"), kind: Kind::Value };
            elements.insert(place, (value.version, &value.mod_policy));
        }
        for (name, policy) in &group.policies {
            let place = Place { path: format!("{path}/{name}"), kind: Kind::Policy };
            elements.insert(place, (policy.version, &policy.mod_policy));
        }
        open.extend(group.groups.iter().map(|(name, group)| (format!("{path}/{name}"), group)));
        elements.insert(Place { path, kind: Kind::Group }, (group.version, &group.mod_policy));
    }
    elements
}

impl Place {
    /// Where an element's mod policy is to be found: a group's in the group itself, others' in their group.
    fn policy(&self, mod_policy: &str) -> String {
        let group = match self.kind {
            Kind::Group => self.path.as_str(),
            Kind::Value | Kind::Policy => self.path.rsplit_once('/').map_or("", |(group, _)| group),
        };
        if mod_policy.starts_with('/') { mod_policy.to_owned() } else { format!("{group}/{mod_policy}") }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Group => "group",
            Kind::Value => "value",
            Kind::Policy => "policy",
        };
        write!(f, "{kind} {}", self.path)
    }
}
