//! The promise of profile 1 and world 1.0.0: what was installed once runs for ever, and comes to the same verdicts, the
//! same cuts and the same fuel.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::expected::{compare, root};
use super::filters::run::{engine, on_guest};
use super::made::Made;
use super::roster::{FILTERS, POLICIES, cut, filter, judged};
use super::run;
use crate::Digest;

/// Envelopes that each module meets.
const ENVELOPES: u64 = 40;

#[test]
fn verdicts_cuts_and_fuel_are_what_they_always_were() {
    let mut found = String::from(
        "Golden vectors of profile 1: the components in tests/modules/1.0.0, the envelopes of \
         host/rules/src/tests/made.rs, and what comes of them. These lines may never change; modules may be added.\n",
    );
    on_guest(|stack| {
        for kept in FILTERS {
            let filter = filter(engine(), *kept);
            writeln!(found, "\nfilter {} {:?}", kept.0, kept.1).unwrap();
            for number in 0..ENVELOPES {
                writeln!(found, "{number}: {}", judged(&filter, stack, &Made::number(number))).unwrap();
            }
        }
        for kept in POLICIES {
            writeln!(found, "\nbatch policy {} {:?}", kept.0, kept.1).unwrap();
            found.push_str(&cut(run::engine(), *kept, stack, (0..4 * ENVELOPES).map(Made::number)));
        }
    });
    compare("tests/golden/profile-1/vectors.txt", &found);
}

#[test]
fn every_kept_component_has_vectors() {
    let folder = root().join("tests/modules/1.0.0");
    let kept: BTreeSet<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".wasm", ""))
        .collect();
    let in_roster: BTreeSet<_> = FILTERS.iter().chain(POLICIES).map(|kept| kept.0.to_owned()).collect();
    assert_eq!(kept, in_roster);
}

#[test]
fn the_world_is_the_released_one() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    assert_eq!(
        read("proto/wit/world.wit"),
        read("proto/wit/released/1.0.0/world.wit"),
        "1.0.0 is released: what changes is another version, with a folder of its own"
    );
    let digest = Digest::of(read("proto/wit/released/1.0.0/world.wit").as_bytes());
    assert_eq!(digest.to_string(), "e85fd3d8ede75e4c5286f182fe54dfe102a2f00a68cfdaf5a98631920a5d8108");
}
