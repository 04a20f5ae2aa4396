//! The command as a child of the test.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// Runs a command in a folder until it ends.
pub fn raddle(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_raddle")).args(arguments).current_dir(folder).output().unwrap()
}

/// The same, of one that does what it is asked for; answers what it printed.
pub fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = raddle(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What is in a folder, in order of names.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A node that runs, and is gone when this is.
pub struct Node {
    child: Child,
    pub address: String,
    /// The first line that it printed.
    pub ready: String,
    /// The lines of its standard error.
    errors: Receiver<String>,
    said: String,
}

/// How a node ended that was asked to.
pub struct Ended {
    pub status: ExitStatus,
    pub said: String,
}

impl Node {
    /// Starts a node on the state of `folder`, and waits until it is ready.
    pub fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
        Self::run(command.args(["dev", "--listen", "127.0.0.1:0", "--folder"]).arg(folder))
    }

    /// Starts a node as people do, with more arguments, in a folder of its own.
    pub fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
        Self::run(command.current_dir(folder).args(["dev", "--listen", "127.0.0.1:0"]).args(arguments))
    }

    /// Starts a node by the settings in a folder, and waits until it is ready.
    pub fn start_by_settings(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
        Self::run(command.current_dir(folder).arg("start"))
    }

    /// The same as [`Self::start`], where a write fails that would make a file longer than `limit_bytes`: to the node
    /// it looks as if the disk were full. Its limit can be changed later.
    pub fn start_with_files_up_to(folder: &Path, limit_bytes: Option<u64>) -> Self {
        let node = Self::run(
            // Without the trap the system would end the process where a write fails.
            Command::new("sh")
                .args(["-c", "trap '' XFSZ; exec \"$0\" dev --listen 127.0.0.1:0 --folder \"$1\""])
                .arg(env!("CARGO_BIN_EXE_raddle"))
                .arg(folder),
        );
        if let Some(limit_bytes) = limit_bytes {
            node.limit_files(limit_bytes);
        }
        node
    }

    /// From now on every write to a file fails.
    pub fn fail_writes(&self) {
        self.limit_files(0);
    }

    fn limit_files(&self, bytes: u64) {
        let limit = Rlimit { current: Some(bytes), maximum: None };
        prlimit(Pid::from_child(&self.child).into(), Resource::Fsize, limit).unwrap();
    }

    /// Starts a node by any command that becomes one, and waits until it is ready.
    pub fn run(command: &mut Command) -> Self {
        // Of `$RADDLE_*` a node knows those that are settings.
        command.env_remove("RADDLE_SOAK").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let ready = lines.next().unwrap_or_else(|| {
            let mut said = String::new();
            errors.read_to_string(&mut said).unwrap();
            panic!("the node did not become ready: {said}")
        });
        let ready = ready.unwrap();
        // Read on, so that it never waits for somebody to.
        let (lines, said) = channel();
        std::thread::spawn(move || {
            let mut read = errors.lines().map_while(Result::ok);
            read.try_for_each(|line| lines.send(line + "\n"))
        });
        let address = ready.strip_prefix("ready  ").unwrap().split_whitespace().next().unwrap().to_owned();
        // What it prints further on fits into the pipe.
        Self { child, address, ready, errors: said, said: String::new() }
    }

    /// Waits until the node says something that has `text` in it.
    pub fn wait_for(&mut self, text: &str) {
        while !self.said.contains(text) {
            match self.errors.recv() {
                Ok(line) => self.said += &line,
                Err(_) => panic!("the node ended with {}", self.said),
            }
        }
    }

    /// Waits until the node says something more that has `text` in it; answers that line.
    pub fn wait_for_next(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.errors.recv() else {
                panic!("the node ended with {}\nwanted: {text}", self.said)
            };
            self.said.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -TERM`; waits for the end.
    pub fn stop(mut self) -> Ended {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.said.extend(self.errors.iter());
        Ended { status: self.child.wait().unwrap(), said: std::mem::take(&mut self.said) }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            self.said.extend(self.errors.iter());
            eprintln!("{} said:\n{}", self.address, self.said);
        }
    }
}
