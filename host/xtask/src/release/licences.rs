//! The licences of all that is linked into the program: who has which, and each text once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;

use super::crates::{Crate, Crates};
use super::libraries::Library;

/// How files with terms begin, in lower case.
const BEGINNINGS: &[&str] = &["licence", "license", "copying", "copyright", "notice", "unlicense"];

const RULE: &str = "================================================================================";

/// All texts, in one.
///
/// # Errors
///
/// A crate without licence, or one whose text is nowhere.
pub fn gathered(crates: &Crates, libraries: &[Library], toolchain_docs: &Path) -> anyhow::Result<String> {
    let mut list = String::from(
        "The program raddle holds the following works of others, each under the terms that stand beside it. The texts\n\
         follow, each with the names of those that it belongs to. Rust's standard library has a file of its own.\n\n",
    );
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for it in crates.of_others() {
        let name = format!("{} {}", it.name, it.version);
        let from = it.repository.as_deref().unwrap_or("crates.io");
        let _ = writeln!(list, "{name:<44} {}\n    {from}", it.expression()?);
        for text in texts(it, crates, toolchain_docs)? {
            owners.entry(text).or_default().push(name.clone());
        }
    }
    for it in libraries {
        let name = format!("{} {}", it.name, it.version);
        let _ = writeln!(list, "{name:<44} {}\n    in {}", it.licence, it.within);
        for text in &it.texts {
            owners.entry(tidied(text)).or_default().push(name.clone());
        }
    }
    // In the order of those that they belong to, not of their words.
    let mut texts: Vec<_> = owners.into_iter().map(|(text, names)| (names, text)).collect();
    texts.sort();
    for (names, text) in texts {
        let _ = write!(list, "\n{RULE}\n{}\n{RULE}\n\n{text}", names.join("\n"));
    }
    Ok(list)
}

/// A crate's texts: its own; else those of another crate from the same repository under the same terms; else the
/// licence's own words as the toolchain has them, with who wrote the crate.
fn texts(it: &Crate, crates: &Crates, toolchain_docs: &Path) -> anyhow::Result<Vec<String>> {
    let own = texts_in(it.folder()?)?;
    if !own.is_empty() {
        return Ok(own);
    }
    let expression = it.expression()?;
    let all = crates.linked.values().chain(crates.building.values());
    for other in all.filter(|other| it.repository.is_some() && other.repository == it.repository) {
        let theirs = texts_in(other.folder()?)?;
        if !theirs.is_empty() && other.expression()? == expression {
            return Ok(theirs);
        }
    }
    let mut text = format!("{} is by {}.\n", it.name, it.authors.join(", "));
    for name in expression.split([' ', '(', ')']).filter(|word| !["", "AND", "OR", "WITH"].contains(word)) {
        let path = toolchain_docs.join("licenses").join(format!("{name}.txt"));
        let words = fs::read_to_string(&path).with_context(|| {
            format!("{} has no text of its licence {name}, and {} is not there", it.name, path.display())
        })?;
        let _ = write!(text, "\n{}", tidied(&words));
    }
    Ok(vec![text])
}

/// The texts that lie at the top of a crate, in the order of their names.
fn texts_in(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) && entry.file_type()?.is_file() {
            found.insert(name, tidied(&String::from_utf8_lossy(&fs::read(entry.path())?)));
        }
    }
    Ok(found.into_values().collect())
}

/// A text without what differs between copies of the same one: ends of lines and empty lines around it.
fn tidied(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim_matches('\n'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tempfile::TempDir;

    use super::*;

    fn crates(of: Vec<Crate>) -> Crates {
        let linked = of.into_iter().map(|it| ((it.name.clone(), it.version.clone()), it)).collect();
        Crates { linked, building: BTreeMap::new() }
    }

    #[test]
    fn each_text_stands_once_with_all_that_it_belongs_to() {
        let folders = [TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap()];
        let [one, two, none] = &folders;
        fs::write(one.path().join("LICENSE-MIT"), "Be free\r\n\r\n").unwrap();
        fs::write(two.path().join("COPYING"), "\nBe free\n").unwrap();
        fs::write(two.path().join("README"), "Not this").unwrap();
        let all = crates(vec![
            Crate::of("a", "1.0.0", "MIT", one.path()),
            Crate::of("b", "2.0.0", "MIT/Apache-2.0", two.path()),
            // Without a text, but from the repository of `a`.
            Crate::of("c", "3.0.0", "MIT", none.path()),
        ]);
        let text = gathered(&all, &[], Path::new("/nowhere")).unwrap();
        assert_eq!(text.matches("Be free").count(), 1, "{text}");
        assert!(text.contains(&format!("{RULE}\na 1.0.0\nb 2.0.0\nc 3.0.0\n{RULE}\n\nBe free\n")), "{text}");
        assert!(text.contains("MIT OR Apache-2.0") && !text.contains("Not this"), "{text}");
    }

    #[test]
    fn a_crate_without_a_text_gets_its_licences_words_or_is_named() {
        let (folder, docs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let mut one = Crate::of("a", "1.0.0", "MIT", folder.path());
        one.authors = vec!["Ann".to_owned()];
        let all = crates(vec![one]);
        let error = gathered(&all, &[], docs.path()).unwrap_err().to_string();
        assert!(error.starts_with("a has no text of its licence MIT, and "), "{error}");
        fs::create_dir(docs.path().join("licenses")).unwrap();
        fs::write(docs.path().join("licenses/MIT.txt"), "Be free").unwrap();
        let text = gathered(&all, &[], docs.path()).unwrap();
        assert!(text.contains("a is by Ann.\n\nBe free\n"), "{text}");
        fs::write(docs.path().join("licenses/LLVM-exception.txt"), "And more").unwrap();
        let two = crates(vec![Crate::of("b", "1.0.0", "(MIT WITH LLVM-exception)", folder.path())]);
        assert!(gathered(&two, &[], docs.path()).unwrap().contains("Be free\n\nAnd more\n"));
    }
}
