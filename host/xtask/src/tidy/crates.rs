//! Who may know whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::Complaint;
use super::house::{Crate, House};
use crate::repository;

/// The crates from top to bottom; a crate may know those of lower rows.
const LAYERS: &[&[&str]] = &[
    &["raddle"],
    &["raddle-serve", "raddle-ordering", "raddle-ledger", "raddle-rules", AUTHOR],
    &["raddle-core"],
    &["raddle-msp"],
    &["raddle-proto"],
];

/// Of the workspace, but of no layer: it knows none of the others but [`AUTHOR`], and none knows it.
const TASKS: &str = "xtask";

/// Builds guests, those of the repository and those of authors.
const AUTHOR: &str = "raddle-author";

/// Crates that decide and never act.
const PURE: &[&str] = &["raddle-core", "raddle-msp", "raddle-proto"];

/// What pure crates do not know, at whatever distance.
const ENGINES: &[&str] =
    &["tokio", "tonic", "axum", "hyper", "rdkafka", "redb", "wasmtime", "rand", "getrandom"];

/// Engines, each with the only crates that name them as a dependency.
const MASTERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["raddle-rules"]),
    ("rdkafka", &["raddle-ordering"]),
    ("redb", &["raddle-ordering", "raddle-ledger"]),
];

/// What takes longest to compile.
const COMPILED_ONCE: &[&str] = &["wasmtime", "aws-lc-rs"];

pub fn dependencies_point_one_way(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for it in of_the_workspace(house) {
        let Some(from) = layer(&it.name) else {
            if it.name != TASKS {
                complaints.push(format!("{} stands in no layer of tidy/crates.rs", it.name));
            }
            let known = ours(it).filter(|to| it.name != TASKS || *to != AUTHOR);
            complaints.extend(known.map(|to| format!("{} may not know {to}", it.name)));
            continue;
        };
        let upward = ours(it).filter(|to| layer(to).is_none_or(|to| to <= from));
        complaints.extend(upward.map(|to| format!("{} may not know {to}: it is not below", it.name)));
    }
    complaints
}

pub fn pure_crates_know_no_engine(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for it in house.crates.iter().filter(|it| PURE.contains(&it.name.as_str())) {
        let arguments = ["tree", "--locked", "--package", &it.name, "--edges", "normal", "--prefix", "none"];
        match repository::cargo_prints(&house.root, &arguments) {
            Ok(tree) => {
                complaints.extend(engines_in(&tree).map(|engine| format!("{} knows {engine}", it.name)))
            }
            Err(error) => complaints.push(format!("{error:#}")),
        }
    }
    complaints
}

/// Benchmarks may hold ours against the engine itself.
pub fn every_engine_has_one_master(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for it in of_the_workspace(house) {
        for (engine, masters) in MASTERS {
            let names_it = it
                .dependencies
                .iter()
                .any(|dependency| dependency.name == *engine && dependency.kind.as_deref() != Some("dev"));
            if names_it && !masters.contains(&it.name.as_str()) {
                complaints.push(format!("{} may not know {engine}; {} may", it.name, masters.join(" and ")));
            }
        }
    }
    complaints
}

pub fn every_crate_inherits_the_lints(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for it in &house.crates {
        match fs::read_to_string(&it.manifest_path) {
            Ok(text) if inherits(&text, "lints") && inherits(&text, "package") => {}
            Ok(_) => complaints.push(format!("{}: edition, licence and lints are the workspace's", it.name)),
            Err(error) => complaints.push(format!("{}: {error}", it.name)),
        }
    }
    let root = fs::read_to_string(house.root.join("Cargo.toml")).unwrap_or_default();
    if !root.contains("\nunsafe_code = \"deny\"\n") {
        complaints.push("the workspace must deny unsafe code".into());
    }
    complaints
}

/// `cargo run` and the tests build the same wasmtime, which takes minutes. Cargo unites features over everything that
/// it builds at once, so a dependency of the tests or of xtask can change those of crates far below.
pub fn run_and_tests_share_one_build(house: &House) -> Vec<Complaint> {
    let common = ["tree", "--locked", "--prefix", "depth", "--no-dedupe", "--format", "{p} {f}"];
    let run = [&common[..], &["--package", "raddle", "--edges", "normal,build"]].concat();
    let tests = [&common[..], &["--workspace", "--edges", "normal,build,dev"]].concat();
    let trees = [run, tests].map(|arguments| repository::cargo_prints(&house.root, &arguments));
    let (run, tests) = match trees {
        [Ok(run), Ok(tests)] => (run, tests),
        [Err(error), _] | [_, Err(error)] => return vec![format!("{error:#}")],
    };
    let (run, tests) = (below_compiled_once(&run), below_compiled_once(&tests));
    let mut complaints = Vec::new();
    for (name, features) in &tests {
        // More of them in `cargo run` are those of build scripts, which cargo builds apart.
        for new in features.iter().filter(|it| run.get(name).is_none_or(|known| !known.contains(*it))) {
            complaints
                .push(format!("the tests build {name} with features {new}; name those for `raddle` too"));
        }
    }
    complaints
}

fn of_the_workspace(house: &House) -> impl Iterator<Item = &Crate> {
    let guests = house.root.join("guest-filters");
    house.crates.iter().filter(move |it| !it.manifest_path.starts_with(&guests))
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&name))
}

/// Dependencies that are crates of the workspace.
fn ours(it: &Crate) -> impl Iterator<Item = &str> {
    let names = it.dependencies.iter().map(|dependency| dependency.name.as_str());
    names.filter(|name| *name == TASKS || *name == "raddle" || name.starts_with("raddle-"))
}

/// Engines in what `cargo tree --prefix none` prints: a package a line, its name first.
fn engines_in(tree: &str) -> impl Iterator<Item = &str> {
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    ENGINES.iter().copied().filter(move |engine| names.contains(engine))
}

/// Whether a table of a manifest takes something over from the workspace.
fn inherits(manifest: &str, table: &str) -> bool {
    let mut lines = manifest.lines().skip_while(|line| *line != format!("[{table}]")).skip(1);
    let wanted = if table == "package" { "edition.workspace = true" } else { "workspace = true" };
    lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == wanted)
}

/// Packages at and below [`COMPILED_ONCE`], each with every set of features that it has there, from what
/// `cargo tree --prefix depth` prints.
fn below_compiled_once(tree: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut top = None;
    for line in tree.lines() {
        let package = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let (depth, _) = line.split_at(line.len() - package.len());
        let Ok(depth) = depth.parse::<usize>() else { continue };
        let mut words = package.splitn(3, ' ');
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        if top.is_none_or(|top| depth <= top) {
            top = COMPILED_ONCE.contains(&name).then_some(depth);
        }
        if top.is_some() {
            let features = words.next().unwrap_or_default().to_owned();
            found.entry(format!("{name} {version}")).or_default().insert(features);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::house::Dependency;

    fn house(crates: &[(&str, &[&str])]) -> House {
        let mut house = House::of(&[]);
        house.crates = crates
            .iter()
            .map(|(name, dependencies)| Crate {
                name: (*name).into(),
                manifest_path: house.root.join("host").join(name).join("Cargo.toml"),
                dependencies: dependencies
                    .iter()
                    .map(|name| Dependency { name: (*name).into(), kind: None })
                    .collect(),
                targets: Vec::new(),
            })
            .collect();
        house
    }

    #[test]
    fn an_edge_upward_or_sideward_is_named() {
        let house = house(&[
            ("raddle", &["raddle-rules", "raddle-proto", "clap"]),
            ("raddle-rules", &["raddle-core", "raddle-ledger"]),
            ("raddle-core", &["raddle-proto", "raddle"]),
            ("raddle-new", &[]),
            ("xtask", &["raddle-author", "raddle-proto"]),
        ]);
        let expected = [
            "raddle-rules may not know raddle-ledger: it is not below",
            "raddle-core may not know raddle: it is not below",
            "raddle-new stands in no layer of tidy/crates.rs",
            "xtask may not know raddle-proto",
        ];
        assert_eq!(dependencies_point_one_way(&house), expected);
    }

    #[test]
    fn an_engine_is_known_to_its_masters_alone() {
        let house = house(&[("raddle-rules", &["wasmtime"]), ("raddle", &["wasmtime", "redb"])]);
        let expected = [
            "raddle may not know wasmtime; raddle-rules may",
            "raddle may not know redb; raddle-ordering and raddle-ledger may",
        ];
        assert_eq!(every_engine_has_one_master(&house), expected);
    }

    #[test]
    fn engines_are_found_by_their_whole_name() {
        let tree = "raddle-core v0.1.0 (/x)\ntokio-util v1.0.0\nrand v0.9.0\nrand v0.9.0 (*)\n";
        assert_eq!(engines_in(tree).collect::<Vec<_>>(), ["rand"]);
    }

    #[test]
    fn what_a_manifest_inherits_stands_in_its_table() {
        assert!(inherits("[package]\nedition.workspace = true\n[lints]\nworkspace = true\n", "lints"));
        assert!(!inherits("[lints]\n[dependencies]\nworkspace = true\n", "lints"));
        assert!(!inherits("[package]\nedition = \"2024\"\n", "package"));
    }

    #[test]
    fn features_are_compared_below_what_is_slow_to_compile() {
        let tree = "0raddle v1 (/x) \n1anyhow v1 std\n1raddle-rules v1 (/x) \n2wasmtime v48 a,b\n3memchr v2 \n\
                    2wat v1 x\n3memchr v2 std\n1aws-lc-rs v1 y\n";
        let found = below_compiled_once(tree);
        let names: Vec<_> =
            found.iter().map(|(name, it)| (name.as_str(), it.iter().map(String::as_str).collect())).collect();
        let set = |text: &'static str| vec![text];
        assert_eq!(names, [("aws-lc-rs v1", set("y")), ("memchr v2", set("")), ("wasmtime v48", set("a,b"))]);
    }
}
