//! The steps of `cargo xtask test`.
//!
//! All cargo calls on the workspace have the profile and the features of `cargo run --release`, so that what takes
//! minutes to compile is compiled once; see `run_and_tests_share_one_build` of tidy.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::counts::Tally;
use super::shell::Shell;
use super::walkthrough::steps;
use super::{Outcome, Tier};
use crate::{guests, tidy};

/// Something that can be right or wrong.
pub struct Step {
    pub tier: Tier,
    /// A few words, for the table.
    pub name: &'static str,
    /// What the machine must have.
    pub needs: &'static [Need],
    pub work: Work,
}

/// A tool that is there when the probe succeeds.
pub struct Need {
    probe: &'static [&'static str],
    /// What it is and how to get it.
    what: &'static str,
}

/// What a step does.
pub enum Work {
    /// The rules of the house, in this process.
    Tidy,
    /// Cargo on a workspace, by the folder of its manifest.
    Cargo {
        dir: &'static str,
        arguments: &'static [&'static str],
        variables: &'static [(&'static str, &'static str)],
    },
    /// This program again, for tests that are another task's.
    Xtask(&'static [&'static str]),
    /// What is committed as `guest-filters/dist` is what the sources say.
    Components,
    /// What a README says under a heading, typed at the top of the repository, must print what it says. Needs the
    /// guests' toolchain.
    WalkThrough { readme: &'static str, heading: &'static str },
    /// Another program, in a folder.
    Command { dir: &'static str, command: &'static [&'static str] },
    /// A program whose output is committed, to the byte.
    Golden { dir: &'static str, command: &'static [&'static str], file: &'static str },
    /// A program that must print nothing.
    Silent { dir: &'static str, command: &'static [&'static str] },
}

const C_COMPILER: Need =
    Need { probe: &["cc", "--version"], what: "a C compiler (Debian: apt-get install gcc)" };
const CARGO_DENY: Need = Need {
    probe: &["cargo-deny", "--version"],
    what: "cargo-deny (cargo install cargo-deny --version 0.20.2 --locked)",
};
const GO: Need = Need { probe: &["go", "version"], what: "Go 1.24 or later (https://go.dev/dl)" };
const JAVA: Need = Need {
    probe: &["java", "-version"],
    what: "Java 11 or later (Debian: apt-get install default-jre-headless)",
};
const CHROMIUM: Need =
    Need { probe: &["chromium", "--version"], what: "Chromium (Debian: apt-get install chromium)" };
const MAVEN: Need = Need { probe: &["mvn", "--version"], what: "Maven (Debian: apt-get install maven)" };

const GO_WIRE: &str = "tests/go-wire";
const GO_CLIENT: &str = "examples/go-client";
/// Without C: the library of the Kafka client would have zstd compiled, which takes long.
const GO_VET: &[&str] = &["env", "CGO_ENABLED=0", "go", "vet", "./..."];

/// A cargo step of tier core on the workspace.
const fn cargo(name: &'static str, arguments: &'static [&'static str]) -> Step {
    Step {
        tier: Tier::Core,
        name,
        needs: &[C_COMPILER],
        work: Work::Cargo { dir: "", arguments, variables: &[] },
    }
}

/// What is quick and fails often comes first.
pub static STEPS: &[Step] = &[
    Step { tier: Tier::Core, name: "tidy", needs: &[], work: Work::Tidy },
    Step { needs: &[], ..cargo("format", &["fmt", "--all", "--check"]) },
    Step {
        tier: Tier::Core,
        name: "format of the guests",
        needs: &[],
        work: Work::Cargo { dir: "guest-filters", arguments: &["fmt", "--all", "--check"], variables: &[] },
    },
    Step {
        needs: &[CARGO_DENY],
        ..cargo("licences, bans and sources", &["deny", "--locked", "check", "bans", "licenses", "sources"])
    },
    cargo(
        "clippy",
        &["clippy", "--release", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"],
    ),
    // `--all-targets` leaves out what `cargo test` does not run by itself.
    cargo(
        "clippy of the Kafka tests",
        &["clippy", "--release", "--locked", "--workspace", "--test", "kafka", "--", "-D", "warnings"],
    ),
    cargo(
        "clippy of the browser's tests",
        &["clippy", "--release", "--locked", "--workspace", "--test", "browser", "--", "-D", "warnings"],
    ),
    cargo(
        "clippy of the Go tests",
        &["clippy", "--release", "--locked", "--workspace", "--test", "go", "--", "-D", "warnings"],
    ),
    // Every test binary runs even after one failed, so that the closing line counts all tests.
    cargo("tests", &["test", "--release", "--locked", "--workspace", "--no-fail-fast"]),
    Step {
        tier: Tier::Core,
        name: "documentation",
        needs: &[C_COMPILER],
        work: Work::Cargo {
            dir: "",
            arguments: &["doc", "--release", "--locked", "--no-deps", "--workspace"],
            variables: &[("RUSTDOCFLAGS", "-D warnings")],
        },
    },
    Step {
        tier: Tier::Guests,
        name: "guests, natively",
        needs: &[],
        work: Work::Xtask(&["guests", "--test"]),
    },
    Step { tier: Tier::Guests, name: "bytes of the components", needs: &[], work: Work::Components },
    // Behind the bytes: it writes the components anew, and those that are there already are the same by then.
    Step {
        tier: Tier::Guests,
        name: "building the example, as it says",
        needs: &[],
        work: Work::WalkThrough { readme: "examples/custom-filter/README.md", heading: "## Build it" },
    },
    Step {
        tier: Tier::Go,
        name: "format of Go",
        needs: &[GO],
        work: Work::Silent { dir: "tests", command: &["gofmt", "-l", "."] },
    },
    Step {
        tier: Tier::Go,
        name: "go vet",
        needs: &[GO],
        work: Work::Command { dir: GO_WIRE, command: GO_VET },
    },
    Step {
        tier: Tier::Go,
        name: "go vet of the Kafka client",
        needs: &[GO],
        work: Work::Command { dir: "tests/go-kafka", command: GO_VET },
    },
    Step {
        tier: Tier::Go,
        name: "format of the client in Go",
        needs: &[GO],
        work: Work::Silent { dir: GO_CLIENT, command: &["gofmt", "-l", "."] },
    },
    Step {
        tier: Tier::Go,
        name: "go vet of the client",
        needs: &[GO],
        work: Work::Command { dir: GO_CLIENT, command: GO_VET },
    },
    Step {
        tier: Tier::Go,
        name: "what Go makes of bytes",
        needs: &[GO],
        work: Work::Golden {
            dir: GO_WIRE,
            command: &["go", "run", "."],
            file: "tests/golden/go-wire/cases.jsonl",
        },
    },
    Step {
        tier: Tier::Go,
        needs: &[C_COMPILER, GO],
        ..cargo("a client in Go", &["test", "--release", "--locked", "--workspace", "--test", "go"])
    },
    Step {
        tier: Tier::Browser,
        needs: &[C_COMPILER, CHROMIUM],
        ..cargo(
            "the page for operators",
            &["test", "--release", "--locked", "--workspace", "--test", "browser"],
        )
    },
    Step {
        tier: Tier::Kafka,
        needs: &[C_COMPILER, JAVA, MAVEN],
        ..cargo(
            "the log in Kafka",
            &["test", "--release", "--locked", "--workspace", "--test", "kafka", "--", "--skip", "go_client"],
        )
    },
    Step {
        tier: Tier::Kafka,
        needs: &[C_COMPILER, JAVA, MAVEN, GO],
        ..cargo(
            "the log beside a Go orderer's client",
            &["test", "--release", "--locked", "--workspace", "--test", "kafka", "go_client"],
        )
    },
];

impl Step {
    /// Does the work, if the machine has what it needs.
    pub fn run(&self, root: &Path) -> Outcome {
        if let Some(need) = self.needs.iter().find(|need| !need.is_met()) {
            return Outcome::Skipped { needs: need.what.into() };
        }
        let failed =
            |error: anyhow::Error| Outcome::Failed { tally: Tally::default(), why: format!("{error:#}") };
        self.work.run(root).unwrap_or_else(failed)
    }
}

impl Need {
    fn is_met(&self) -> bool {
        let Some((program, arguments)) = self.probe.split_first() else { return true };
        let mut command = Command::new(program);
        let status =
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Work {
    fn run(&self, root: &Path) -> anyhow::Result<Outcome> {
        match self {
            Self::Tidy => {
                println!("\n$ cargo xtask tidy");
                let tally = tidy::run(root)?;
                Ok(if tally.failed == 0 {
                    Outcome::Passed(tally)
                } else {
                    Outcome::Failed { tally, why: format!("rules broken: {}", tally.failed) }
                })
            }
            Self::Cargo { dir, arguments, variables } => {
                let shell = Shell { root, dir };
                let mut command = shell.cargo(arguments);
                judge(&shell, command.envs(variables.iter().copied()))
            }
            Self::Xtask(arguments) => {
                let shell = Shell { root, dir: "" };
                judge(&shell, &mut shell.command(std::env::current_exe()?, arguments))
            }
            Self::Components => {
                println!("\n$ cargo xtask guests --check");
                Ok(match guests::run(true)? {
                    guests::Outcome::BytesNotCompared { toolchain } => Outcome::Skipped { needs: toolchain },
                    guests::Outcome::Built | guests::Outcome::Checked => Outcome::Passed(Tally::default()),
                })
            }
            Self::WalkThrough { readme, heading } => match guests::missing_toolchain()? {
                Some(toolchain) => Ok(Outcome::Skipped { needs: toolchain }),
                None => walk_through(root, readme, heading),
            },
            Self::Command { dir, command } => {
                let shell = Shell { root, dir };
                judge(&shell, &mut typed(&shell, command)?)
            }
            Self::Golden { dir, command, file } => {
                let printed = output(&Shell { root, dir }, command)?;
                let golden = fs::read(root.join(file)).with_context(|| (*file).to_owned())?;
                compare(file, &golden, &printed)?;
                println!("{} lines, as in {file}", golden.split(|byte| *byte == b'\n').count() - 1);
                Ok(Outcome::Passed(Tally::default()))
            }
            Self::Silent { dir, command } => {
                let printed = output(&Shell { root, dir }, command)?;
                ensure!(printed.is_empty(), "{}", String::from_utf8_lossy(&printed).trim_end());
                Ok(Outcome::Passed(Tally::default()))
            }
        }
    }
}

fn judge(shell: &Shell, command: &mut Command) -> anyhow::Result<Outcome> {
    let (status, tally) = shell.run(command)?;
    Ok(if status.success() {
        Outcome::Passed(tally)
    } else {
        Outcome::Failed { tally, why: status.to_string() }
    })
}

fn walk_through(root: &Path, readme: &str, heading: &str) -> anyhow::Result<Outcome> {
    let shell = Shell { root, dir: "" };
    let text = fs::read_to_string(root.join(readme)).with_context(|| readme.to_owned())?;
    let steps = steps(&text, heading);
    ensure!(!steps.is_empty(), "{readme} has no commands under `{heading}`");
    for step in steps {
        let printed = shell.output(&mut shell.command("sh", &["-c", &step.command]))?;
        let printed = String::from_utf8_lossy(&printed);
        print!("{printed}");
        ensure!(step.prints(&printed), "{readme}: `{}` prints something else", step.command);
    }
    Ok(Outcome::Passed(Tally::default()))
}

fn typed(shell: &Shell, command: &[&str]) -> anyhow::Result<Command> {
    let (program, arguments) = command.split_first().context("a command without a program")?;
    Ok(shell.command(program, arguments))
}

fn output(shell: &Shell, command: &[&str]) -> anyhow::Result<Vec<u8>> {
    shell.output(&mut typed(shell, command)?)
}

/// Says where two texts part.
fn compare(file: &str, golden: &[u8], printed: &[u8]) -> anyhow::Result<()> {
    let (mut expected, mut found) =
        (golden.split(|byte| *byte == b'\n'), printed.split(|byte| *byte == b'\n'));
    for number in 1.. {
        let (expected, found) = (expected.next(), found.next());
        let show = |line: Option<&[u8]>| {
            line.map_or("nothing".into(), |line| String::from_utf8_lossy(line).into_owned())
        };
        ensure!(
            expected == found,
            "{file}:{number} is\n    {}\nand should be\n    {}",
            show(expected),
            show(found)
        );
        if expected.is_none() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_golden_file_is_compared_to_the_byte() {
        compare("f", b"a\nb\n", b"a\nb\n").unwrap();
        for (printed, line) in [("a\nc\n", 2), ("a\nb", 3), ("a\nb\nc\n", 3), ("", 1)] {
            let error = compare("f", b"a\nb\n", printed.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("f:{line} is\n")), "{printed:?}: {error}");
        }
    }

    #[test]
    fn a_tool_that_is_not_there_is_needed() {
        let need = |probe| Need { probe, what: "" };
        assert!(!need(&["no-such-program", "--version"]).is_met());
        assert!(need(&["cargo", "--version"]).is_met());
        assert!(!need(&["cargo", "--no-such-option"]).is_met());
    }

    #[test]
    fn every_step_names_a_folder_that_is_there() {
        let root = crate::repository::root().unwrap();
        for step in STEPS {
            if let Work::Cargo { dir, .. }
            | Work::Command { dir, .. }
            | Work::Golden { dir, .. }
            | Work::Silent { dir, .. } = step.work
            {
                assert!(root.join(dir).is_dir(), "{dir}");
            }
        }
    }
}
