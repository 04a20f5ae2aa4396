//! Modules that would keep the compiler busy: one beyond each of the profile's limits.

use super::super::oversized::guest_with;
use super::Group;
use crate::profile::Limit;

pub fn modules() -> Group {
    let mut group = Group::new("compile");
    // Of these the test's own guest has too much, or too little can be said in text; `check.rs` tests them.
    let elsewhere = [
        Limit::ComponentBytes,
        Limit::ComponentNames,
        Limit::Aliases,
        Limit::CanonicalFunctions,
        Limit::Imports,
    ];
    for &limit in Limit::ALL.iter().filter(|limit| !elsewhere.contains(limit)) {
        let too_much = usize::try_from(limit.allowed()).unwrap() + 1;
        group.bytes(&format!("too many {limit}"), guest_with(limit, too_much));
    }
    group
}
