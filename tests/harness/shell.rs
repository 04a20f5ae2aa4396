//! Typing what a README says.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

use tempfile::TempDir;

use super::process::Node;
use super::repository;
use super::walkthrough::{Step, steps};

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

/// Does what a README says under "Use it".
pub fn walk_through(readme: &str) {
    let readme = fs::read_to_string(repository().join(readme)).unwrap();
    let folder = TempDir::new().unwrap();
    let mut node = None;
    let steps = steps(&readme, "## Use it");
    assert!(!steps.is_empty());
    for step in steps {
        let command = &step.command;
        if command.starts_with("raddle dev") {
            // It goes on in its own terminal; the shell becomes it.
            let started = Node::run(&mut shell(folder.path(), &format!("exec {command}")));
            assert!(step.prints(&started.ready), "{command} printed\n{}", started.ready);
            node = Some(started);
            continue;
        }
        type_in(folder.path(), &step);
    }
    assert_eq!(node.unwrap().stop().status.code(), Some(0));
}
