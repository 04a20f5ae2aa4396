//! Where things stand.

use std::collections::BTreeSet;

use super::Complaint;
use super::house::House;
use crate::repository::normal;

/// Folders of the top level, apart from those whose name begins with a dot.
const TOP_LEVEL: &[&str] = &["examples/", "guest-filters/", "host/", "proto/", "tests/"];

/// Where cargo builds, unless told otherwise.
const BUILD_OUTPUT: &str = "target/";

pub fn the_top_level_holds_what_was_agreed(house: &House) -> Vec<Complaint> {
    let folders = house.top_level.iter().filter(|name| name.ends_with('/') && !name.starts_with('.'));
    folders
        .filter(|name| !TOP_LEVEL.contains(&name.as_str()) && *name != BUILD_OUTPUT)
        .map(|name| format!("{name} is none of {}", TOP_LEVEL.join(" ")))
        .collect()
}

/// A file that no `mod` names is never compiled, so its tests never run.
pub fn every_rust_file_belongs_to_a_crate(house: &House) -> Vec<Complaint> {
    let mut known: BTreeSet<String> = house
        .crates
        .iter()
        .flat_map(|it| &it.targets)
        .filter_map(|target| target.src_path.strip_prefix(&house.root).ok())
        .filter_map(|path| normal(&path.to_string_lossy()))
        .collect();
    for source in &house.sources {
        for module in &source.modules {
            known.extend(candidates(&source.path, &module.name, module.path.as_deref()));
        }
    }
    // Crates outside of both workspaces are their own affair.
    let orphans = house.sources.iter().filter(|source| !source.path.starts_with("examples/"));
    orphans
        .filter(|source| !known.contains(&source.path))
        .map(|source| format!("{} is a module of no file and a target of no crate", source.path))
        .collect()
}

/// Where the file of a module may lie.
fn candidates(declared_in: &str, name: &str, path: Option<&str>) -> Vec<String> {
    let (folder, file) = declared_in.rsplit_once('/').unwrap_or(("", declared_in));
    if let Some(path) = path {
        return normal(&format!("{folder}/{path}")).into_iter().collect();
    }
    let mut folders = vec![folder.to_owned()];
    if let Some(stem) = file.strip_suffix(".rs").filter(|_| file != "mod.rs") {
        folders.push(format!("{folder}/{stem}"));
    }
    folders.iter().flat_map(|dir| [format!("{dir}/{name}.rs"), format!("{dir}/{name}/mod.rs")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: &str = "..";

    #[test]
    fn a_folder_nobody_agreed_on_is_named() {
        let mut house = House::of(&[]);
        house.top_level = [".ci/", "README.md", "docs/", "host/", "target/"].map(str::to_owned).into();
        let complaints = the_top_level_holds_what_was_agreed(&house);
        assert_eq!(complaints, ["docs/ is none of examples/ guest-filters/ host/ proto/ tests/"]);
    }

    #[test]
    fn a_file_that_no_module_names_is_named() {
        let house = House::of(&[
            ("host/a/src/one.rs", "mod two;\nmod four;"),
            ("host/a/src/one/two.rs", &format!("#[path = \"{UP}/{UP}/{UP}/{UP}/x/y.rs\"]\nmod three;")),
            ("host/a/src/four/mod.rs", "mod five;"),
            ("host/a/src/four/five.rs", ""),
            ("x/y.rs", ""),
            ("host/a/src/two.rs", ""),
            ("host/a/src/six.rs", ""),
        ]);
        let named: Vec<_> = every_rust_file_belongs_to_a_crate(&house);
        let expected = ["one", "six"]
            .map(|it| format!("host/a/src/{it}.rs is a module of no file and a target of no crate"));
        assert_eq!(named, expected);
    }
}
