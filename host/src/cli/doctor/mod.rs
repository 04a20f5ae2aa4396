//! `raddle doctor`: whether what a node rests on is set up as it should be.

mod kafka;
mod report;
mod targets;

use super::Failure;

/// What to look at.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Look at the Kafka brokers and topics that order the node's channels
    Kafka(kafka::Arguments),
}

/// Looks.
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Kafka(arguments) => kafka::run(arguments),
    }
}
