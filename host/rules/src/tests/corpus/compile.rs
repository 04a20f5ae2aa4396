//! Modules that would keep the compiler busy: one beyond each of the profile's limits.

use super::super::oversized::{guest_with, limits};
use super::Group;

pub fn modules() -> Group {
    let mut group = Group::new("compile");
    for limit in limits() {
        let too_much = usize::try_from(limit.allowed()).unwrap() + 1;
        group.bytes(&format!("too many {limit}"), guest_with(limit, too_much));
    }
    group
}
