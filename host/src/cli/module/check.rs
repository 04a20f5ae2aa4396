//! `raddle module check`.

use std::path::PathBuf;

use raddle_rules::store::{InstallError, PrepareError};

use super::component::{Component, Told, refused};
use crate::cli::output::print;
use crate::cli::{Code, Exit, Failure, compile_worker, program};
use crate::workbench::Workbench;
use crate::workbench::stage::Stage;

/// Options of `raddle module check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raddle module check my-rule.wasm --set allow=Org1MSP

More: `raddle help author`, `raddle help profile`.")]
pub struct Arguments {
    /// The WebAssembly component, or the folder that it was built in
    #[arg(value_name = "FILE|DIR")]
    file: PathBuf,
    /// Print every limit, and not only those that the module comes near
    #[arg(long)]
    limits: bool,
    #[command(flatten)]
    told: Told,
}

/// Does what an orderer does when the module is to be installed, and tells what it found.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let component = Component::read(&arguments.file)?;
    let spec = component.spec(&arguments.told)?;
    print(&super::describe::text(&arguments.file, &component, &spec, arguments.limits))?;
    let bench = Workbench::new(compile_worker::worker())?;
    let stage = Stage::new(&Default::default(), std::iter::empty())
        .map_err(|error| Failure::new(Code::Bug, Exit::Bug, error.to_string()))?;
    bench.install(&spec, &stage.config().bundle).map_err(|error| not_installed(&spec.name, &error))?;
    print("settings    the module takes them\n")
}

/// The module is not installed. A node says the same.
pub fn not_installed(name: &str, error: &InstallError) -> Failure {
    let sentence = crate::node::answers::cannot_be_installed(name, error);
    let code = if error.is_refusal() { Code::ModuleNotInstalled } else { Code::Sandbox };
    let mut failure = Failure::new(code, Exit::Failed, sentence);
    failure.word = if error.is_refusal() { "refused" } else { "failed" };
    match error {
        InstallError::Settings { .. } => failure.hint("--set KEY=VALUE gives the module its settings"),
        InstallError::Fault(_) => failure.hint(format!("`{} help {}`", program(), Code::FilterFault)),
        _ => failure,
    }
}

/// The module is not ready to run.
pub fn not_prepared(error: &PrepareError) -> Failure {
    match error.is_verdict() {
        true => refused(error.to_string()),
        false => Failure::new(Code::Sandbox, Exit::Failed, error.to_string()),
    }
}
