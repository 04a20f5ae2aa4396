//! Walk-throughs: commands in a README with what they print, to be run as they are written.
//!
//! They stand in blocks marked `console`. A line that begins with `$ ` is a command, the lines behind it are what it
//! prints: `…` in a line stands for any text, a line that is nothing else for any lines. In blocks marked `sh` each
//! line is a command, with a comment behind it.

/// What may be any text, or any lines.
const ANY: &str = "…";

/// A command, and what the README says that it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub command: String,
    pub prints: Vec<String>,
}

/// The commands under a heading, in their order.
pub fn steps(readme: &str, heading: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in lines(readme, heading, "```console") {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), prints: Vec::new() });
        } else if let Some(step) = steps.last_mut() {
            step.prints.push(line.to_owned());
        }
    }
    steps
}

/// The lines of the blocks under a heading that begin so.
pub fn lines<'a>(readme: &'a str, heading: &str, block: &str) -> Vec<&'a str> {
    let (mut is_under, mut is_inside, mut lines) = (false, false, Vec::new());
    for line in readme.lines() {
        if line.starts_with("```") {
            is_inside = is_under && line == block;
        } else if line.starts_with("## ") {
            is_under = line == heading;
        } else if is_inside {
            lines.push(line);
        }
    }
    lines
}

impl Step {
    /// Whether this is what it prints, as the README has it.
    pub fn prints(&self, printed: &str) -> bool {
        let printed: Vec<&str> = printed.lines().collect();
        let prints: Vec<&str> = self.prints.iter().map(String::as_str).collect();
        lines_agree(&prints, &printed)
    }
}

fn lines_agree(expected: &[&str], printed: &[&str]) -> bool {
    match (expected, printed) {
        ([], []) => true,
        ([ANY, rest @ ..], _) => (0..=printed.len())
            .any(|left_out| printed.get(left_out..).is_some_and(|printed| lines_agree(rest, printed))),
        ([line, rest @ ..], [found, printed @ ..]) => line_agrees(line, found) && lines_agree(rest, printed),
        _ => false,
    }
}

fn line_agrees(expected: &str, printed: &str) -> bool {
    match expected.split_once(ANY) {
        None => expected == printed,
        Some((before, rest)) => printed.strip_prefix(before).is_some_and(|printed| {
            printed
                .char_indices()
                .map(|(at, _)| at)
                .chain([printed.len()])
                .any(|at| printed.get(at..).is_some_and(|printed| line_agrees(rest, printed)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# A\n\n## One\n\n```console\n$ a b\nx … z\n…\n$ c\n```\n\n```sh\n$ d\n```\n\n## Two\n\n\
                          ```console\n$ e\nfailed RDL-1\n```\n";

    #[test]
    fn commands_are_taken_from_their_heading_with_what_they_print() {
        let step = |command: &str, prints: &[&str]| Step {
            command: command.to_owned(),
            prints: prints.iter().map(|&line| line.to_owned()).collect(),
        };
        assert_eq!(steps(README, "## One"), [step("a b", &["x … z", "…"]), step("c", &[])]);
        assert_eq!(steps(README, "## Two"), [step("e", &["failed RDL-1"])]);
        assert_eq!(steps(README, "## Three"), []);
        assert_eq!(lines(README, "## One", "```sh"), ["$ d"]);
    }

    #[test]
    fn what_is_printed_agrees_or_does_not() {
        let step =
            Step { command: "a".into(), prints: ["one …, …", "…", "end"].map(str::to_owned).into() };
        for good in ["one a, b\nend", "one , \nx\ny\nend\n", "one , , \nend\nend"] {
            assert!(step.prints(good), "{good}");
        }
        for bad in ["", "one a b\nend", "one a, b", "one a, b\nend\nmore", "One a, b\nend"] {
            assert!(!step.prints(bad), "{bad}");
        }
        assert!(Step { command: "a".into(), prints: Vec::new() }.prints(""));
    }
}
