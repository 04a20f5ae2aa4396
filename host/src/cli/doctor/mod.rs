//! `raddle doctor`: whether what a node rests on is set up as it should be.

mod kafka;
mod node;
mod report;
mod targets;

use super::Failure;
use crate::doctor::node::Part;

/// Look whether what a node rests on is set up as it should be; nothing is changed
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Without a command it looks at all but Kafka. Ends with 0 if nothing is wrong, with 1 if something is, with 2 if the \
settings cannot be used."
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    all: node::Arguments,
}

/// What to look at.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Look at the identity that signs blocks
    Msp(node::Arguments),
    /// Look at what listeners present, and whom they let in
    Tls(node::Arguments),
    /// Look at the folder of log and ledgers
    Disk(node::Arguments),
    /// Look at the addresses to listen on
    Ports(node::Arguments),
    /// Look at the ledgers
    Store(node::Arguments),
    /// Look at the modules of channels, and whether they can be run here
    Modules(node::Arguments),
    /// Look at the machine's clock
    Clock(node::Arguments),
    /// Look at the Kafka brokers and topics that order the node's channels
    Kafka(kafka::Arguments),
}

/// Looks.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        None => node::run(&Part::ALL, &arguments.all),
        Some(Command::Msp(arguments)) => node::run(&[Part::Msp], arguments),
        Some(Command::Tls(arguments)) => node::run(&[Part::Tls], arguments),
        Some(Command::Disk(arguments)) => node::run(&[Part::Disk], arguments),
        Some(Command::Ports(arguments)) => node::run(&[Part::Ports], arguments),
        Some(Command::Store(arguments)) => node::run(&[Part::Store], arguments),
        Some(Command::Modules(arguments)) => node::run(&[Part::Modules], arguments),
        Some(Command::Clock(arguments)) => node::run(&[Part::Clock], arguments),
        Some(Command::Kafka(arguments)) => kafka::run(arguments),
    }
}
