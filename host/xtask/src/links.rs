//! Links in texts of Markdown, and where they lead.

use crate::repository::normal;

/// The links of a text that lead to none of these files, nor to a folder with one of them: line and link. `path` and
/// `files` are seen from one folder; links to places on the web, and within the text, are not looked at.
pub fn dead<'a>(path: &str, text: &'a str, files: &[&str]) -> Vec<(usize, &'a str)> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_there = |target: &str| {
        let Some(target) = normal(&format!("{folder}/{target}")) else { return false };
        let inside = format!("{target}/");
        files.iter().any(|file| *file == target || file.starts_with(&inside))
    };
    let links = (1..).zip(text.lines()).flat_map(|(at, line)| links(line).map(move |link| (at, link)));
    links
        .filter(|(_, link)| !link.contains("://"))
        .filter(|(_, link)| {
            let target = link.split('#').next().unwrap_or_default();
            !target.is_empty() && !is_there(target)
        })
        .collect()
}

fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_what_is_not_there_is_named() {
        let files = ["README.md", "a/README.md", "a/b/c.rs"];
        let good =
            "[c](b/c.rs), [b](b), [root](../README.md#top) [web](https://example.com/a)\n[here](#there)";
        assert_eq!(dead("a/README.md", good, &files), [(0, ""); 0]);
        let bad = "no link\n[d](b/d.rs) [c](b/c)\n[out](../../README.md)";
        assert_eq!(dead("a/README.md", bad, &files), [(2, "b/d.rs"), (2, "b/c"), (3, "../../README.md")]);
        assert_eq!(dead("README.md", "[a](a) [x](x)", &files), [(1, "x")]);
    }
}
