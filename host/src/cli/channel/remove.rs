//! `raddle channel remove`: a channel leaves the folder of a node that is stopped.

use std::path::Path;

use raddle_core::bundle::check_channel_name;
use raddle_core::ids::ChannelId;
use raddle_ledger::{Ledger, OpenError};

use crate::cli::settings::ConfigFolder;
use crate::cli::{Code, Exit, Failure, logging, program};
use crate::config::Settings;
use crate::logs::{MappedLogs, Mapping};
use crate::node::{Ledgers, NodeError, StartError, finish_removal};
use crate::orderer::{LEDGERS, OrdererError};

/// Remove a channel with all its blocks from the folder of a node that is stopped
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A topic in Kafka stays: it belongs to all orderers of the channel. The channel can be joined again by its block 0. \
A node that runs is asked over HTTP: osnadmin channel remove.")]
pub struct Arguments {
    /// The channel
    #[arg(value_name = "CHANNEL")]
    channel: String,
    #[command(flatten)]
    config: ConfigFolder,
}

/// Removes the channel. A removal that was begun is finished.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let _log = logging::start(false);
    let settings = arguments.config.load()?;
    let refused = |sentence: String| Failure::new(Code::Join, Exit::Failed, sentence);
    check_channel_name(&arguments.channel).map_err(|error| refused(error.to_string()))?;
    let channel = ChannelId(arguments.channel.clone());
    let folder = &settings.folder.value;
    let ledgers = Ledgers::at(folder.join(LEDGERS));
    let path = ledgers.path(&channel);
    let no_folder = |cause| OrdererError::Folder { path: ledgers.folder().to_owned(), cause };
    let is_begun = ledgers.being_removed().map_err(no_folder)?.contains(&channel);
    let is_joining = ledgers.being_joined().map_err(no_folder)?.contains(&channel);
    if path.exists() {
        check_stopped(ledgers.open(&channel))?;
        ledgers.begin_removal(&channel).map_err(no_folder)?;
    } else if is_joining {
        check_stopped(ledgers.open_at(&ledgers.joining_path(&channel), &channel))?;
        ledgers.begin_removal_of_joining(&channel).map_err(no_folder)?;
    } else if !is_begun {
        let sentence = format!("there is no ledger at {}: the channel is not joined", path.display());
        return Err(refused(sentence));
    }
    let logs = logs(&settings, folder)?;
    finish_removal(&ledgers, &logs, &channel).map_err(|error| {
        Failure::from(OrdererError::from(error))
            .hint(format!("`{} channel remove {channel}` tries again, and so does the next start", program()))
    })?;
    anstream::println!("removed {channel}");
    Ok(())
}

/// Nobody else has the ledger open. What is no ledger may go.
fn check_stopped(opened: Result<Ledger, OpenError>) -> Result<(), Failure> {
    match opened {
        Err(error @ OpenError::Locked { .. }) => {
            let failure = Failure::from(OrdererError::from(StartError::from(error)));
            Err(failure.hint("stop the node, or ask it over HTTP: osnadmin channel remove"))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn logs(settings: &Settings, folder: &Path) -> Result<MappedLogs, Failure> {
    let mapping = Mapping::By {
        ordering: Box::new(settings.ordering.clone()),
        kafka: Box::new(settings.kafka.clone()),
    };
    let logs = MappedLogs::new(mapping, folder.join("log.redb"));
    logs.map_err(|error| OrdererError::from(NodeError::NoLog(error)).into())
}
