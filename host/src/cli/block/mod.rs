//! `raddle block`: blocks as the orderer delivers them, verified before anything is shown or written.

mod export;
mod show;
mod text;
mod view;

pub(super) use export::each_verified;

use super::Failure;
use super::connection::Connection;
use crate::client::{Config, Place, Verifier, Vouched, config_in_force};
use raddle_proto::common;

/// What to do with blocks.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show one block
    Show(show::Arguments),
    /// Write blocks to a file
    Export(export::Arguments),
}

/// Runs one of the commands on blocks.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Show(arguments) => show::run(arguments),
        Command::Export(arguments) => export::run(arguments),
    }
}

/// A block that was verified, wherever it stands.
pub(super) struct First {
    /// For the blocks behind it.
    verifier: Verifier,
    /// What was verified.
    vouched: Vouched,
    /// Its signatures that do not count, by their place.
    uncounted: Vec<(usize, String)>,
}

/// Verifies a block that stands anywhere. Asks the orderer for the block before it and for the config in force.
pub(super) async fn verify_first(
    connection: &Connection,
    number: u64,
    block: &common::Block,
) -> Result<First, Failure> {
    let channel = connection.channel.clone();
    let mut verifier = match number.checked_sub(1) {
        None => Verifier::from_start(channel),
        Some(before) => {
            let (header, previous) = connection.block(Place::Number(before)).await?;
            let config = match config_in_force(&previous, block)? {
                number if number == before => Config::read(&channel, &previous)?,
                number => Config::read(&channel, &connection.block(Place::Number(number)).await?.1)?,
            };
            Verifier::after(channel, &header, config)
        }
    };
    let uncounted = verifier.config().map(|config| config.uncounted(block)).unwrap_or_default();
    let vouched = verifier.verify(block)?;
    Ok(First { verifier, vouched, uncounted })
}

#[cfg(test)]
mod tests;
