//! The command line.

mod as_orderer;
mod block;
mod channel;
mod code;
mod compile_worker;
mod completions;
mod connection;
mod demo;
mod dev;
mod dev_settings;
mod doctor;
mod duration;
mod failure;
mod files;
mod help;
mod load;
mod logging;
mod module;
mod output;
mod progress;
mod refusal;
mod replay;
mod report;
mod runtime;
mod send;
mod settings;
mod start;
#[cfg(test)]
mod tests;
mod tls;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use code::Code;
pub use compile_worker::worker as compile_worker;
pub use failure::{Exit, Failure};

/// An ordering service for Hyperledger Fabric channels, whose every rule is a sandboxed WebAssembly module
#[derive(Debug, Parser)]
#[command(
    name = "raddle",
    version,
    disable_help_subcommand = true,
    propagate_version = true,
    max_term_width = 110
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell the whole story in one process, in a few seconds
    Demo,
    /// Run a working node: generated organisations, channel demo, local log
    Dev(dev::Arguments),
    /// Run a node by Fabric's orderer.yaml
    Start(start::Arguments),
    /// Send envelopes to a channel
    Send(send::Arguments),
    /// Send envelopes as fast as an orderer takes them, or at a rate, and measure it
    Load(load::Arguments),
    /// Show a channel's blocks, or write them to a file; both verify them
    #[command(subcommand)]
    Block(block::Command),
    /// Join channels; show and change a channel's config
    #[command(subcommand)]
    Channel(channel::Command),
    /// Write, build and try modules; install and remove them in a channel's config
    #[command(subcommand)]
    Module(module::Command),
    /// Look whether what a node rests on is set up as it should be
    Doctor(doctor::Arguments),
    /// Rebuild a channel's blocks from a dump of its Kafka topic
    Replay(replay::Arguments),
    /// Explain a topic, or an error code such as RDL-4004
    Help(help::Arguments),
    /// Print a script that makes a shell complete commands and flags
    Completions(completions::Arguments),
    /// Print the version
    Version,
    /// Compile one module for the orderer that calls this
    #[command(hide = true)]
    CompileWorker(compile_worker::Arguments),
}

/// Runs the command that the process was called with.
#[must_use]
pub fn run() -> ExitCode {
    if as_orderer::is_called() {
        return as_orderer::run();
    }
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        None => help::overview(),
        Some(Command::Demo) => demo::run(),
        Some(Command::Dev(arguments)) => return dev::run(&arguments).unwrap_or_else(Failure::report),
        Some(Command::Start(arguments)) => return start::run(&arguments).unwrap_or_else(Failure::report),
        Some(Command::Doctor(arguments)) => doctor::run(&arguments),
        Some(Command::Channel(command)) => channel::run(&command),
        Some(Command::Send(arguments)) => send::run(&arguments),
        Some(Command::Load(arguments)) => load::run(&arguments),
        Some(Command::Block(command)) => block::run(&command),
        Some(Command::Module(command)) => module::run(&command),
        Some(Command::Completions(arguments)) => completions::run(&arguments),
        Some(Command::Replay(arguments)) => replay::run(&arguments),
        Some(Command::Help(arguments)) => help::run(&arguments),
        Some(Command::Version) => help::version(),
        Some(Command::CompileWorker(arguments)) => return compile_worker::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The program as it was called, so that suggested commands can be pasted.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "raddle".into())
}
