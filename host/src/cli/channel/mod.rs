//! `raddle channel`: the channels of a node, and their configs for admins.

pub(in crate::cli) mod change;
mod config;
pub(in crate::cli) mod current;
mod draft;
mod editor;
mod join;
mod list;
mod remove;
pub(in crate::cli) mod signing;

use super::Failure;

/// What to do with channels.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say what is known of the channel that this folder uses
    List(list::Arguments),
    /// Let a node that is stopped order a channel, by the channel's block 0 or a later config block
    Join(join::Arguments),
    /// Remove a channel from a node that is stopped
    Remove(remove::Arguments),
    /// Show or change a channel's config
    #[command(subcommand)]
    Config(Config),
}

/// What to do with a channel's config.
#[derive(Debug, clap::Subcommand)]
pub enum Config {
    /// Show the config in force
    Show(config::ShowArguments),
    /// Change the config: compute the update, show it, sign it, send it, wait for its block
    Update(config::UpdateArguments),
    /// Add signatures to an update in a file
    Sign(draft::SignArguments),
    /// Send an update from a file
    Submit(draft::SubmitArguments),
}

/// Runs one of the commands on channels.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(arguments),
        Command::Join(arguments) => join::run(arguments),
        Command::Remove(arguments) => remove::run(arguments),
        Command::Config(Config::Show(arguments)) => config::show(arguments),
        Command::Config(Config::Update(arguments)) => config::update(arguments),
        Command::Config(Config::Sign(arguments)) => draft::sign(arguments),
        Command::Config(Config::Submit(arguments)) => draft::submit(arguments),
    }
}
