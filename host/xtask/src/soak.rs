//! `cargo xtask soak`: what is short in an ordinary run, for long.

use std::path::Path;

use clap::ValueEnum;

use crate::test::{Shell, Tally};

/// What goes on for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Overload; then load, reloads, kills and broker restarts together, and networks that stall, which needs Java and
    /// Maven
    Scenes,
    /// Odd bytes at each way by which bytes come in
    Inputs,
    /// A million calls of modules and of the standard rule, ten thousand channels with restarts
    Millions,
    /// All tests of the workspace, with a hundred times the random cases
    Tests,
}

/// What is run.
#[derive(clap::Args)]
pub struct Options {
    /// Left out: scenes, inputs and millions
    #[arg(value_enum)]
    what: Option<What>,
    /// Passed on to the tests; for `tests` to `cargo test`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// The scenes one after the other, so that each has the machine for itself; inputs two at a time.
const SCENES: [&[&str]; 4] = [
    &["--test", "it", "--", "overload::", "--nocapture", "--test-threads=1"],
    &["--test", "faults", "--", "together::", "--nocapture"],
    &["--test", "kafka", "--", "together::", "--nocapture"],
    &["--test", "kafka", "--", "fleet::", "network::", "--nocapture", "--test-threads=1"],
];
const INPUTS: [&[&str]; 1] = [&["--test", "it", "--", "inputs::", "--nocapture", "--test-threads=2"]];
const MILLIONS: [&[&str]; 2] = [
    &["--test", "it", "--", "standard_rule::", "--nocapture"],
    &["--lib", "--", "determinism::", "isolation::", "runs::", "restarts::", "--nocapture"],
];
const TESTS: [&[&str]; 1] = [&["--no-fail-fast"]];

impl Options {
    /// What `cargo test` is told, command by command.
    fn commands(&self) -> Vec<&'static [&'static str]> {
        match self.what {
            None => [&SCENES[..], &INPUTS, &MILLIONS].concat(),
            Some(What::Scenes) => SCENES.to_vec(),
            Some(What::Inputs) => INPUTS.to_vec(),
            Some(What::Millions) => MILLIONS.to_vec(),
            Some(What::Tests) => TESTS.to_vec(),
        }
    }
}

/// Runs it all, whatever fails; the last line counts tests. Whether all is well.
///
/// # Errors
///
/// Cargo cannot be started, or the terminal cannot be written.
pub fn run(root: &Path, options: &Options) -> anyhow::Result<bool> {
    let (shell, mut all) = (Shell { root, dir: "" }, Tally::default());
    let mut is_well = true;
    for arguments in options.commands() {
        let mut command = shell.cargo(&["test", "--release", "--locked", "--workspace"]);
        command.args(arguments).args(&options.arguments).env("RADDLE_SOAK", "1");
        let (status, tally) = shell.run(&mut command)?;
        is_well &= status.success();
        all += tally.of_step(status.success());
    }
    println!("\n{all}");
    Ok(is_well)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(what: Option<What>) -> Options {
        Options { what, arguments: Vec::new() }
    }

    #[test]
    fn without_a_word_it_is_all_but_the_tests() {
        let all = [What::Scenes, What::Inputs, What::Millions].map(|what| options(Some(what)).commands());
        assert_eq!(options(None).commands(), all.concat());
        assert_eq!(options(Some(What::Tests)).commands(), TESTS);
    }

    #[test]
    fn every_module_that_is_named_is_there() {
        let root = crate::repository::root().unwrap_or_default();
        let files = crate::repository::files(&root).unwrap_or_default();
        for arguments in options(None).commands() {
            let folder = match arguments {
                ["--test", binary, ..] => format!("tests/{binary}/"),
                _ => "host/".to_owned(),
            };
            for module in arguments.iter().filter_map(|argument| argument.strip_suffix("::")) {
                let ends = ["", "/mod"].map(|end| format!("/{module}{end}.rs"));
                let mut there = files.iter().filter(|path| path.starts_with(&folder));
                assert!(
                    there.any(|path| ends.iter().any(|end| path.ends_with(end))),
                    "{folder} has no {module}"
                );
            }
        }
    }
}
