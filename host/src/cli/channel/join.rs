//! `raddle channel join`: a ledger out of a channel's block 0.

use std::path::PathBuf;

use crate::cli::settings::{ConfigFolder, check_mapped, read_block_0};
use crate::cli::{Code, Exit, Failure, logging, program};
use crate::node::{Ledgers, StartError};
use crate::orderer::{LEDGERS, OrdererError};

/// Make the ledger of a channel in the folder of a node; the node orders the channel from its next start on
#[derive(Debug, clap::Args)]
#[command(after_help = "The channel needs no system channel. Which log orders it stands in raddle.yaml.")]
pub struct Arguments {
    /// File with the channel's block 0
    #[arg(value_name = "BLOCK")]
    block: PathBuf,
    #[command(flatten)]
    config: ConfigFolder,
}

/// Joins the channel. What was there is as it was if it fails.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    logging::start(false);
    let settings = arguments.config.load()?;
    let (block, bundle) = read_block_0(&arguments.block)?;
    check_mapped(&settings, &bundle)?;
    let channel = &bundle.channel;
    if bundle.has_consortiums {
        let sentence = format!("{channel} is a system channel, which a node starts with and does not join");
        return Err(Failure::new(Code::Join, Exit::Failed, sentence)
            .hint("name its block in General.BootstrapFile of orderer.yaml"));
    }
    let ledgers = Ledgers::at(settings.folder.value.join(LEDGERS));
    let path = ledgers.path(channel);
    if path.exists() {
        let sentence = format!("{} exists already: the channel is joined", path.display());
        return Err(Failure::new(Code::Join, Exit::Failed, sentence).hint(format!(
            "`{} start` orders it; a channel of the same name and another block 0 needs another node",
            program()
        )));
    }
    let no_folder = |cause| OrdererError::Folder { path: ledgers.folder().to_owned(), cause };
    ledgers.make_folder().map_err(no_folder)?;
    ledgers.open_or_make(channel, &block).map_err(StartError::from).map_err(OrdererError::from)?;
    anstream::println!("joined {channel}, type {}: {}", bundle.consensus.kind, path.display());
    anstream::println!("next   {} start", program());
    Ok(())
}
