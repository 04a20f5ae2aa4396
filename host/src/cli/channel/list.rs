//! `raddle channel list`.

use serde::Serialize;

use super::current;
use crate::cli::Failure;
use crate::cli::connection::{Flags, block_on};
use crate::cli::output::{Output, print, print_json, printable};
use crate::client::Place;

/// Options of `raddle channel list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An orderer tells its admins alone which channels it has: osnadmin channel list. Asked is the one that --channel or this
folder names.")]
pub struct Arguments {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

#[derive(Serialize)]
struct Listed {
    channel: String,
    height: u64,
    config_block: u64,
    config_sequence: u64,
    consensus: String,
    members: Vec<String>,
    modules: usize,
}

/// Prints what the orderer tells of the channel.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.connection.settings()?;
    let listed = block_on(async {
        let connection = settings.connect().await?;
        let (newest, _) = connection.block(Place::Newest).await?;
        let current = current::fetch(&connection).await?;
        let application =
            current.config.channel_group.as_ref().and_then(|root| root.groups.get("Application"));
        Ok(Listed {
            channel: connection.channel.0.clone(),
            height: newest.number.saturating_add(1),
            config_block: current.block,
            config_sequence: current.config.sequence,
            consensus: current.bundle.consensus.kind.clone(),
            members: application.map(|group| group.groups.keys().cloned().collect()).unwrap_or_default(),
            modules: crate::admin::modules::installed(&current.config).len(),
        })
    })?;
    if arguments.output == Output::Json {
        return print_json(&[listed]);
    }
    let Listed { channel, height, config_block, config_sequence, consensus, members, modules } = listed;
    print(&format!(
        "{}   {height} blocks   config sequence {config_sequence} (block {config_block})   {}   members {}   \
         {modules} modules\n",
        printable(&channel),
        printable(&consensus),
        printable(&members.join(", ")),
    ))
}
