//! What the pure crates do not do: they are told everything, and return what is to be done.

use super::Complaint;
use super::house::House;

/// Crates that decide and never act, by their folder.
const PURE: &[&str] = &["host/core/src/", "host/msp/src/", "proto/src/"];

/// What asks the machine or changes it, as tokens. Orderers that see the same records must do the same.
const DEEDS: &[&[&str]] = &[
    &["Instant|SystemTime", ":", ":", "now"],
    &["std", ":", ":", "env|fs|io|net|os|process|thread"],
    &["print|println|eprint|eprintln", "!"],
    &["async|await"],
    // Its order differs from one run to the next.
    &["HashMap|HashSet|RandomState"],
];

pub fn pure_crates_ask_no_clock_and_touch_nothing(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in house.sources.iter().filter(|it| PURE.iter().any(|dir| it.path.starts_with(dir))) {
        for deed in DEEDS {
            for line in source.find(deed).into_iter().filter(|line| !source.is_test(*line)) {
                let what = format!("`{}` has no place in a crate that only decides", deed.concat());
                complaints.push(House::at(&source.path, line, &what));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_product_of_pure_crates_is_held_to_it() {
        let text = "use std::collections::HashMap;\nfn a() { Instant::now(); }\nuse std::fs;\nfn b() { println!(); }\n\
                    use std::fmt;\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        let house = House::of(&[
            ("host/core/src/a.rs", text),
            ("host/src/a.rs", text),
            ("proto/tests/it/a.rs", text),
        ]);
        let mut lines: Vec<_> = pure_crates_ask_no_clock_and_touch_nothing(&house)
            .iter()
            .filter_map(|it| it.strip_prefix("host/core/src/a.rs:")?.split(':').next().map(str::to_owned))
            .collect();
        lines.sort();
        assert_eq!(lines, ["1", "2", "3", "4"]);
        assert_eq!(pure_crates_ask_no_clock_and_touch_nothing(&house).len(), 4);
    }
}
