//! What the pure crates do not do: they are told everything, and return what is to be done.

use std::collections::BTreeSet;

use super::Complaint;
use super::house::House;
use super::source::Source;

/// Crates that decide and never act, by their folder.
const PURE: &[&str] = &["host/core/src/", "host/msp/src/", "proto/src/"];

/// The one that every orderer of a channel must agree with.
const CORE: &str = "host/core/src/";

/// Modules of the standard library that reach out of the process. Addresses alone, of `std::net`, reach nowhere.
const OUTSIDE: &str = "env|fs|io|os|process|thread";

/// Names that stand for a deed wherever they stand.
const DEEDS: &[&[&str]] = &[
    &["Instant|SystemTime", ":", ":", "now"],
    &["TcpListener|TcpStream|UdpSocket|ToSocketAddrs"],
    &["print|println|eprint|eprintln", "!"],
    &["async|await"],
];

/// What has another order in each run.
const UNORDERED: &[&str] = &["HashMap|HashSet|RandomState"];

pub fn pure_crates_ask_no_clock_and_touch_nothing(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in house.sources.iter().filter(|it| PURE.iter().any(|dir| it.path.starts_with(dir))) {
        let mut lines: BTreeSet<usize> = DEEDS.iter().flat_map(|deed| source.find(deed)).collect();
        lines.extend(source.find(&["std", ":", ":", OUTSIDE]));
        lines.extend(source.imports.iter().filter(|it| is_outside(&it.path)).map(|it| it.line));
        let what = "a crate that only decides asks and touches nothing";
        complaints.extend(breaches(source, &lines, what));
    }
    complaints
}

pub fn core_has_one_order(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in house.sources.iter().filter(|it| it.path.starts_with(CORE)) {
        let lines = source.find(UNORDERED).into_iter().collect();
        complaints.extend(breaches(
            source,
            &lines,
            "use BTreeMap or BTreeSet: a hash has another order in each run",
        ));
    }
    complaints
}

fn breaches(source: &Source, lines: &BTreeSet<usize>, what: &str) -> Vec<Complaint> {
    let product = lines.iter().filter(|line| !source.is_test(**line));
    product.map(|line| House::at(&source.path, *line, what)).collect()
}

fn is_outside(path: &str) -> bool {
    let mut names = path.split("::");
    names.next() == Some("std") && names.next().is_some_and(|name| OUTSIDE.split('|').any(|it| it == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "use std::net::IpAddr;\n\
                        fn a() { Instant::now(); }\n\
                        use std::{fmt, fs::File};\n\
                        fn b() { println!(); std::env::args(); }\n\
                        use std::collections::HashMap;\n\
                        #[cfg(test)]\nmod tests {\n    use std::fs;\n    use std::collections::HashSet;\n}\n";

    fn house() -> House {
        let paths = ["host/core/src/a.rs", "host/src/a.rs", "host/msp/src/a.rs", "proto/tests/it/a.rs"];
        House::of(&paths.map(|path| (path, TEXT)))
    }

    #[test]
    fn only_the_product_of_pure_crates_is_held_to_it() {
        let complaints = pure_crates_ask_no_clock_and_touch_nothing(&house());
        let places: Vec<_> = complaints.iter().filter_map(|it| Some(it.split_once(": ")?.0)).collect();
        let expected =
            ["core", "msp"].map(|name| [2, 3, 4].map(|line| format!("host/{name}/src/a.rs:{line}")));
        assert_eq!(places, expected.concat());
    }

    #[test]
    fn only_core_is_held_to_one_order() {
        let complaints = core_has_one_order(&house());
        assert_eq!(complaints.len(), 1);
        assert!(complaints.concat().starts_with("host/core/src/a.rs:5: use BTreeMap"), "{complaints:?}");
    }
}
