//! Running a command as a person would: said before, seen while it runs, judged by how it ends.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::Context;
use raddle_author::toolchain;

use super::counts::Tally;

/// Runs commands in one folder.
pub struct Shell<'a> {
    /// The repository.
    pub root: &'a Path,
    /// Where in it commands run; empty at the top.
    pub dir: &'a str,
}

impl Shell<'_> {
    /// A cargo command.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        self.command(toolchain::cargo(), arguments)
    }

    /// Any command.
    pub fn command(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.root.join(self.dir)).stdin(Stdio::null());
        command
    }

    /// Runs a command, passes on what it prints, and counts the tests in it.
    ///
    /// # Errors
    ///
    /// The command cannot be started, or the terminal cannot be written.
    pub fn run(&self, command: &mut Command) -> anyhow::Result<(ExitStatus, Tally)> {
        println!("\n$ {}", self.display(command));
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", name(command)))?;
        let mut tally = Tally::default();
        if let Some(pipe) = child.stdout.take() {
            pass_on(BufReader::new(pipe), std::io::stdout(), &mut tally)?;
        }
        Ok((child.wait()?, tally))
    }

    /// Runs a command and takes what it prints.
    ///
    /// # Errors
    ///
    /// The command cannot be started, or fails.
    pub fn output(&self, command: &mut Command) -> anyhow::Result<Vec<u8>> {
        println!("\n$ {}", self.display(command));
        let output = command.stderr(Stdio::inherit()).output();
        let output = output.with_context(|| format!("{} cannot be started", name(command)))?;
        anyhow::ensure!(output.status.success(), "{}", output.status);
        Ok(output.stdout)
    }

    /// The command as it could be typed at the top: folder, variables, program, arguments.
    fn display(&self, command: &Command) -> String {
        let variables = command.get_envs().filter_map(|(key, value)| Some((key, value?)));
        let mut words: Vec<_> = variables
            .map(|(key, value)| format!("{}={}", key.display(), quoted(&value.to_string_lossy())))
            .collect();
        if !self.dir.is_empty() {
            words.splice(0..0, ["cd".to_owned(), self.dir.to_owned(), "&&".to_owned()]);
        }
        words.push(name(command));
        words.extend(command.get_args().map(|argument| quoted(&argument.to_string_lossy())));
        words.join(" ")
    }
}

/// Copies line by line, as bytes: tests may print anything.
fn pass_on(mut from: impl BufRead, mut to: impl Write, tally: &mut Tally) -> anyhow::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        *tally += Tally::of_line(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(())
}

fn name(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    name.to_string_lossy().into_owned()
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains([' ', '*', '$']) { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_is_printed_is_passed_on_unchanged_and_counted() {
        let text = b"running\n\xff\xfe\ntest result: ok. 2 passed; 0 failed; 0 ignored\r\n\
                     test result: ok. 3 passed; 0 failed";
        let (mut copy, mut tally) = (Vec::new(), Tally::default());
        pass_on(&text[..], &mut copy, &mut tally).unwrap();
        assert_eq!(copy, text);
        assert_eq!(tally, Tally { passed: 5, failed: 0, skipped: 0 });
    }

    #[test]
    fn a_command_is_shown_as_it_could_be_typed() {
        let shell = Shell { root: Path::new("/"), dir: "" };
        let mut command = shell.command("/usr/bin/cargo", &["doc", "--no-deps"]);
        command.env("RUSTDOCFLAGS", "-D warnings").env_remove("X");
        assert_eq!(shell.display(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
        let below = Shell { root: Path::new("/"), dir: "usr" };
        assert_eq!(below.display(&below.command("go", &["vet", ""])), "cd usr && go vet ''");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let shell = Shell { root: Path::new("/"), dir: "" };
        let error = shell.run(&mut shell.command("no-such-program", &[])).unwrap_err();
        assert_eq!(error.to_string(), "no-such-program cannot be started");
    }
}
