//! The client's commands as people call them, against a node and against orderers that lie.

mod admin;
mod block;
mod config;
pub mod double;
pub mod join;
mod list;
mod load;
mod refusals;
mod send;
mod streams;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use raddle::client::{ClientConfig, FILE};
use tempfile::TempDir;

use crate::harness::repository;

/// A folder whose commands use one orderer.
struct Folder(TempDir);

/// What a command left.
struct Said {
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Folder {
    fn of(orderer: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let config = ClientConfig {
            orderer: Some(orderer.to_owned()),
            channel: Some("mychannel".into()),
            msp_id: Some("OrdererMSP".into()),
            msp_dir: Some(repository().join("tests/golden/identity")),
            admins: Vec::new(),
            ..ClientConfig::default()
        };
        config.write(&folder.path().join(FILE)).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn raddle(&self, arguments: &[&str]) -> Said {
        raddle(self.path(), arguments)
    }

    /// The names in the folder, `.raddle` apart.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != ".raddle").collect()
    }
}

fn raddle(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raddle"));
    said(command.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap())
}

fn said(output: Output) -> Said {
    Said {
        exit: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    /// The command did what it was asked for; answers what it printed.
    fn well(self) -> String {
        assert_eq!((self.exit, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// The command ended with this exit, and its first line begins so; answers all of stderr.
    #[track_caller]
    fn ill(self, exit: i32, beginning: &str) -> String {
        assert!(self.stderr.starts_with(beginning), "{}\nwanted: {beginning}", self.stderr);
        assert_eq!(self.exit, Some(exit), "{}", self.stderr);
        let code = beginning.split_whitespace().nth(1).unwrap();
        assert!(self.stderr.trim_end().ends_with(&format!("help {code}")), "{}", self.stderr);
        self.stderr
    }
}
