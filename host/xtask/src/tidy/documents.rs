//! Documents that lean on the code: SECURITY.md names places and tests, others link to files, and all of it must be
//! there.

use super::Complaint;
use super::house::{House, Text};
use super::source::Source;
use crate::links;

/// Where the threat model stands.
const THREATS: &str = "SECURITY.md";

/// Texts that stand elsewhere in a release, whose test looks where they lead.
const OF_RELEASES: &str = "host/xtask/src/release/";

/// How the head of a table of threats begins.
const HEAD: &str = "| must not |";

/// What a text names between backticks.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// A file or folder, from the root.
    Path(&'a str),
    /// A test, in the file that was named before it.
    Test { file: Option<&'a str>, name: &'a str },
}

/// Every path is there, and every test is one of the file that is named before it.
pub fn what_the_threat_model_names_is_there(house: &House) -> Vec<Complaint> {
    let Some(text) = threats(house) else { return vec![format!("{THREATS} is not there")] };
    let mut complaints = Vec::new();
    for (line, words) in (1..).zip(text.text.lines()) {
        for named in named(words) {
            let what = match named {
                Named::Path(path) if is_there(house, path) => continue,
                Named::Path(path) => format!("{path} is not there"),
                Named::Test { file: None, name } => format!("no file is named before {name}"),
                Named::Test { file: Some(file), name } => {
                    let source = house.sources.iter().find(|source| source.path == file);
                    if source.is_some_and(|source| has_test(source, name)) {
                        continue;
                    }
                    format!("{file} has no test {name}")
                }
            };
            complaints.push(House::at(THREATS, line, &what));
        }
    }
    complaints
}

/// Every row of a table of threats names a test.
pub fn every_threat_has_a_test(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut is_table = false;
    for (at, line) in threats(house).into_iter().flat_map(|text| (1..).zip(text.text.lines())) {
        is_table = line.starts_with(HEAD) || is_table && line.starts_with('|');
        let is_row = is_table && !line.starts_with(HEAD) && !line.starts_with("|-");
        if is_row && !named(line).iter().any(|named| matches!(named, Named::Test { .. })) {
            complaints.push(House::at(THREATS, at, "no test shows it"));
        }
    }
    complaints
}

/// No link leads to a file or folder that is not there.
pub fn every_link_leads_to_what_is_there(house: &House) -> Vec<Complaint> {
    let files: Vec<&str> = house.files.iter().map(String::as_str).collect();
    let texts = house.texts.iter().filter(|text| text.path.ends_with(".md"));
    texts
        .filter(|text| !text.path.starts_with(OF_RELEASES))
        .flat_map(|text| {
            links::dead(&text.path, &text.text, &files).into_iter().map(move |it| (&text.path, it))
        })
        .map(|(path, (line, link))| House::at(path, line, &format!("{link} is not there")))
        .collect()
}

fn threats(house: &House) -> Option<&Text> {
    house.texts.iter().find(|text| text.path == THREATS)
}

/// What a line names, in its order.
fn named(line: &str) -> Vec<Named<'_>> {
    let mut file = None;
    let mut found = Vec::new();
    for word in line.split('`').skip(1).step_by(2) {
        let is_test = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if word.contains('/') && !word.contains(' ') {
            found.push(Named::Path(word));
            file = word.ends_with(".rs").then_some(word);
        } else if word.contains('_') && word.bytes().all(is_test) {
            found.push(Named::Test { file, name: word });
        }
    }
    found
}

fn is_there(house: &House, path: &str) -> bool {
    let folder = format!("{}/", path.trim_end_matches('/'));
    house.files.iter().any(|file| file == path || file.starts_with(&folder))
}

/// Whether a file has a test of this name: a function behind an attribute that says so.
fn has_test(source: &Source, name: &str) -> bool {
    let tokens = &source.tokens;
    (1..).zip(tokens).any(|(at, token)| {
        let is_function = token.is_ident
            && token.text == "fn"
            && tokens.get(at).is_some_and(|next| next.is_ident && next.text == name);
        let before = tokens.get(..at.saturating_sub(1)).unwrap_or_default();
        // Attributes stand between what ends the item before and the function.
        let attributes = before.iter().rev().take_while(|it| !["{", "}", ";"].contains(&it.text.as_str()));
        is_function && attributes.into_iter().any(|it| it.is_ident && it.text == "test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house(text: &str) -> House {
        let tests = "fn helper() {}\n#[test]\nfn a_thing_is_so() {}\n#[tokio::test(flavor = \"x\")]\n\
                     async fn it_waits() {}\nm! { #[test]\nfn any_bytes(x in 0..1) {} }\nfn is_no_test() {}\n";
        House::of(&[("tests/it/one.rs", tests), ("host/src/lib.rs", ""), (THREATS, text)])
    }

    #[test]
    fn a_test_or_a_place_that_is_not_there_is_named() {
        let good = "`tests/it/one.rs` `a_thing_is_so` `it_waits` `any_bytes`, see `host/src/` and `host/src`, \
                    `Limits.A`, `kafka-tls`, `cargo deny check a/b`";
        assert_eq!(what_the_threat_model_names_is_there(&house(good)), [] as [&str; 0]);
        let bad = "`is_first`\n`tests/it/one.rs` `is_no_test` `helper_of`\n`tests/it/two.rs`, `host/sr`";
        let expected = [
            "SECURITY.md:1: no file is named before is_first",
            "SECURITY.md:2: tests/it/one.rs has no test is_no_test",
            "SECURITY.md:2: tests/it/one.rs has no test helper_of",
            "SECURITY.md:3: tests/it/two.rs is not there",
            "SECURITY.md:3: host/sr is not there",
        ];
        assert_eq!(what_the_threat_model_names_is_there(&house(bad)), expected);
        assert_eq!(what_the_threat_model_names_is_there(&House::of(&[])), ["SECURITY.md is not there"]);
    }

    #[test]
    fn a_link_to_nothing_is_named_but_in_texts_of_releases() {
        let bad = "[lib](src/lib.rs)\n[gone](src/gone.rs)";
        let files =
            [("host/src/lib.rs", ""), ("host/README.md", bad), ("host/xtask/src/release/readme.md", bad)];
        assert_eq!(
            every_link_leads_to_what_is_there(&House::of(&files)),
            ["host/README.md:2: src/gone.rs is not there"]
        );
    }

    #[test]
    fn a_threat_without_a_test_is_named() {
        let text = "| version | x |\n|---|---|\n| 1 | yes |\n\n| must not | a | shown by |\n|---|---|---|\n\
                    | go | lock | `tests/it/one.rs` `a_thing_is_so` |\n| come | lock | trust us |\n";
        assert_eq!(every_threat_has_a_test(&house(text)), ["SECURITY.md:8: no test shows it"]);
    }
}
