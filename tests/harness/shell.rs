//! Typing what a README says.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use super::repository;
use super::walkthrough::Step;

/// A line for a shell, with the variables that the READMEs ask for.
pub fn shell(folder: &Path, line: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_raddle")).parent().unwrap();
    let path = env::var_os("PATH").unwrap();
    let path = env::join_paths([programs.to_owned()].into_iter().chain(env::split_paths(&path))).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(folder).env("PATH", path).env("RADDLE", repository());
    command.stdin(Stdio::null());
    command
}

/// Types a step in a folder: it prints what the README says, and fails where that says `refused`.
pub fn type_in(folder: &Path, step: &Step) {
    let command = &step.command;
    let output = shell(folder, &format!("exec 2>&1\n{command}")).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(step.prints(&printed), "`{command}` printed\n{printed}\nand should\n{}", step.prints.join("\n"));
    let is_refused = step.prints.iter().any(|line| line.starts_with("refused "));
    assert_eq!(output.status.code(), Some(i32::from(is_refused)), "{command}");
}
