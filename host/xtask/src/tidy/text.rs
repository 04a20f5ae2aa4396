//! What holds for every file that people write.

use super::Complaint;
use super::house::{House, Text};

/// Most characters of a line. Markdown wraps by itself, and its tables cannot be broken.
const COLUMNS_MAX: usize = 120;

/// Where machines keep what belongs to people. Written in parts, so that this file may be read by its own rule.
const HOMES: &[&str] =
    &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

pub fn lines_fit_the_page(house: &House) -> Vec<Complaint> {
    let texts = house.texts.iter().filter(|it| !it.path.ends_with(".md"));
    each_line(texts, |line| {
        let columns = line.chars().count();
        (columns > COLUMNS_MAX).then(|| format!("{columns} columns, at most {COLUMNS_MAX}"))
    })
}

pub fn lines_end_at_their_last_letter(house: &House) -> Vec<Complaint> {
    let mut complaints = each_line(house.texts.iter(), |line| {
        line.ends_with([' ', '\t', '\r']).then(|| "space at the end".into())
    });
    for Text { path, text } in &house.texts {
        if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
            complaints.push(format!("{path}: must end with one line feed"));
        }
    }
    complaints
}

/// A clone stands alone: nothing in it reads or names what lies beside it.
pub fn paths_stay_inside_the_repository(house: &House) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for Text { path, text } in &house.texts {
        for (number, line) in (1..).zip(text.lines()) {
            for (name, first) in upward_paths(line) {
                if !exists_above(house, path, first) {
                    complaints.push(House::at(path, number, &format!("{name} is not in the repository")));
                }
            }
        }
    }
    complaints
}

pub fn no_path_of_a_machine_is_named(house: &House) -> Vec<Complaint> {
    each_line(house.texts.iter(), |line| {
        HOMES.iter().find(|home| line.contains(**home)).map(|home| format!("{home} is a path of one machine"))
    })
}

/// Calls the rule on each line.
fn each_line<'a>(
    texts: impl Iterator<Item = &'a Text>,
    rule: impl Fn(&str) -> Option<String>,
) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for Text { path, text } in texts {
        let broken = (1..).zip(text.split('\n')).filter_map(|(number, line)| Some((number, rule(line)?)));
        complaints.extend(broken.map(|(number, what)| House::at(path, number, &what)));
    }
    complaints
}

/// Paths that begin by going up, each with its first folder's name.
fn upward_paths(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_path = |letter: char| letter.is_alphanumeric() || "._-/".contains(letter);
    line.split(move |letter| !is_path(letter)).filter_map(|word| {
        let below = word.strip_prefix("../")?;
        let first = below.split('/').find(|part| *part != "..")?;
        // `../Writers` is a path too, but of policies in a channel's config.
        first.starts_with(|letter: char| !letter.is_uppercase()).then_some((word, first))
    })
}

/// Whether a file or folder of this name lies in a folder above `path`, or in its own.
fn exists_above(house: &House, path: &str, name: &str) -> bool {
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        folder = above;
        let prefix = format!("{folder}/{name}");
        if house.files.iter().any(|file| is_at_or_below(file, &prefix)) {
            return true;
        }
    }
    // A path that is read from somewhere else than its own folder still starts with a name of the top level.
    path.contains('/') && house.files.iter().any(|file| is_at_or_below(file, name))
}

fn is_at_or_below(file: &str, prefix: &str) -> bool {
    file.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_measured_in_characters() {
        let fits = "é".repeat(COLUMNS_MAX);
        let house = House::of(&[("a.toml", &format!("{fits}\n{fits}x\n")), ("b.md", &format!("{fits}x\n"))]);
        assert_eq!(lines_fit_the_page(&house), ["a.toml:2: 121 columns, at most 120"]);
    }

    #[test]
    fn a_file_ends_with_one_line_feed_and_its_lines_with_a_letter() {
        let house = House::of(&[
            ("a.md", "one\ntwo \n"),
            ("b.md", "one"),
            ("c.md", "one\n\n"),
            ("d.md", "one\n"),
            ("e.md", "\r\n"),
        ]);
        let expected = [
            "a.md:2: space at the end",
            "e.md:1: space at the end",
            "b.md: must end with one line feed",
            "c.md: must end with one line feed",
        ];
        assert_eq!(lines_end_at_their_last_letter(&house), expected);
    }

    #[test]
    fn a_path_upward_must_lead_to_something_here() {
        let up = "..";
        let text = format!(
            "see {up}/golden/x.json, {up}/{up}/host/one.rs, {up}/Writers, `{up}/beside/x` and {up}/{up}/{up}/far\n"
        );
        let house =
            House::of(&[("tests/a/readme.md", &text), ("tests/golden/x.json", ""), ("host/one.rs", "")]);
        let expected = [
            format!("tests/a/readme.md:1: {up}/beside/x is not in the repository"),
            format!("tests/a/readme.md:1: {up}/{up}/{up}/far is not in the repository"),
        ];
        assert_eq!(paths_stay_inside_the_repository(&house), expected);
    }

    #[test]
    fn nothing_lies_above_the_top_level() {
        let up = "..";
        let house = House::of(&[("README.md", &format!("{up}/host\n")), ("host/one.rs", "")]);
        assert_eq!(paths_stay_inside_the_repository(&house).len(), 1);
    }

    #[test]
    fn somebodys_home_is_not_named() {
        let house = House::of(&[("a.md", &format!("in {}me/x\nin /usr/share\n", "/ho"))]);
        assert_eq!(no_path_of_a_machine_is_named(&house).len(), 1);
    }
}
