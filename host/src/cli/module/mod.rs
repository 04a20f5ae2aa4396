//! `raddle module`: the modules in a channel's config, and what their authors need.

mod build;
mod check;
mod component;
mod describe;
mod install;
mod new;
mod run;
mod show;
mod test;

use super::channel::change::{Options, carry_out};
use super::connection::block_on;
use super::output::printable;
use super::{Code, Exit, Failure, program};
use crate::admin::modules::{self, ModuleError};

/// What to do with modules.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make a folder with a module to begin with
    New(new::Arguments),
    /// Build the module in a folder
    Build(build::Arguments),
    /// Play a module's cases, in the sandbox of an orderer
    Test(test::Arguments),
    /// Run a module on the envelopes of a channel's blocks
    Run(run::Arguments),
    /// Say what a component is, and whether an orderer would take it
    Check(check::Arguments),
    /// Put a module into the channel's config, or another in its place
    Install(install::Arguments),
    /// Take modules out of the channel's config
    Remove(RemoveArguments),
    /// List the modules in the channel's config
    List(show::ListArguments),
    /// Show one module of the channel's config
    Show(show::ShowArguments),
}

/// Options of `raddle module remove`.
#[derive(Debug, clap::Args)]
pub struct RemoveArguments {
    /// The modules
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    options: Options,
}

/// Runs one of the commands on modules.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(arguments) => new::run(arguments),
        Command::Build(arguments) => build::run(arguments),
        Command::Test(arguments) => test::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Install(arguments) => install::run(arguments),
        Command::Remove(arguments) => remove(arguments),
        Command::List(arguments) => show::list(arguments),
        Command::Show(arguments) => show::show(arguments),
    }
}

fn remove(arguments: &RemoveArguments) -> Result<(), Failure> {
    let settings = arguments.options.connection.settings()?;
    block_on(carry_out(&arguments.options, settings, &|current| {
        Ok(modules::without(&current.config, &arguments.names)?)
    }))
}

impl From<ModuleError> for Failure {
    fn from(error: ModuleError) -> Self {
        let sentence = printable(&error.to_string());
        match error {
            ModuleError::Unknown { .. } => Self::new(Code::ModuleUnknown, Exit::Failed, sentence)
                .hint(format!("`{} module list` says which there are", program())),
            _ => Self::new(Code::ModuleRefused, Exit::Failed, sentence),
        }
    }
}
