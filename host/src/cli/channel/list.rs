//! `raddle channel list`.

use std::collections::BTreeSet;

use raddle_core::ids::ChannelId;
use serde::Serialize;

use super::current;
use crate::cli::Failure;
use crate::cli::connection::{Connection, Flags, block_on};
use crate::cli::output::{Output, count, print, print_json, printable};
use crate::client::{ChannelStanding, Patience, Place, list_channels};

/// Options of `raddle channel list`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An orderer tells its admins alone which channels it has: name the address of its Admin.ListenAddress with --admin, and \
with --tls-… what that asks for. Without --admin the channels are asked for one by one as any client does: those that \
the node in this folder has, or the one that --channel or client.yaml names.")]
pub struct Arguments {
    /// Ask as the orderer's admin, at its Admin.ListenAddress
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["orderer", "channel", "msp_id", "msp_dir"])]
    admin: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

/// What a client learns of a channel.
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

/// A channel of which a client learns nothing.
#[derive(Serialize)]
struct Unread {
    channel: String,
    error: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Row {
    Listed(Listed),
    Unread(Unread),
}

/// What an admin learns of a channel.
#[derive(Serialize)]
struct Standing {
    channel: String,
    height: u64,
    status: String,
    consensus_relation: String,
    system: bool,
}

/// Prints the orderer's channels.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.admin {
        Some(address) => list_as_admin(arguments, address),
        None => list_as_client(arguments),
    }
}

// === as an admin ===

fn list_as_admin(arguments: &Arguments, address: &str) -> Result<(), Failure> {
    let tls = arguments.connection.tls()?;
    let channels = block_on(async {
        let listing = list_channels(address, Patience::default(), tls.as_ref()).await;
        listing.map_err(|error| {
            Failure::from(error).hint(
                "Admin.ListenAddress of orderer.yaml is the address, and ChannelParticipation.Enabled must be true; \
                 with Admin.TLS give --tls-ca, --tls-cert and --tls-key",
            )
        })
    })?;
    if arguments.output == Output::Json {
        let all: Vec<_> = channels.into_iter().map(Standing::from).collect();
        return print_json(&all);
    }
    if channels.is_empty() {
        return print("the orderer has no channel\n");
    }
    let width = width(channels.iter().map(|channel| channel.name.as_str()));
    let line = |channel: &ChannelStanding| {
        let ChannelStanding { name, status, consensus_relation, height, is_system } = channel;
        let (name, status, relation) = (printable(name), printable(status), printable(consensus_relation));
        let system = if *is_system { "   system channel" } else { "" };
        let blocks = count(*height, "block", "blocks");
        format!("{name:width$}   {blocks}   {status}   {relation}{system}\n")
    };
    print(&channels.iter().map(line).collect::<String>())
}

impl From<ChannelStanding> for Standing {
    fn from(channel: ChannelStanding) -> Self {
        let ChannelStanding { name, status, consensus_relation, height, is_system } = channel;
        Self { channel: name, height, status, consensus_relation, system: is_system }
    }
}

// === as a client ===

fn list_as_client(arguments: &Arguments) -> Result<(), Failure> {
    let mut settings = arguments.connection.settings()?;
    let mut channels: BTreeSet<ChannelId> = settings.beside.drain(..).collect();
    channels.insert(settings.channel.clone());
    let rows = block_on(async {
        let mut connection = settings.connect().await?;
        let (mut rows, mut failed) = (Vec::new(), Vec::new());
        for channel in channels {
            connection.channel = channel;
            match listed(&connection).await {
                Ok(listed) => rows.push(Row::Listed(listed)),
                Err(failure) => {
                    let (channel, error) = (connection.channel.0.clone(), failure.sentence.clone());
                    rows.push(Row::Unread(Unread { channel, error }));
                    failed.push(failure);
                }
            }
        }
        match failed.pop() {
            // Nothing is known: then why is more than a row.
            Some(failure) if failed.len().saturating_add(1) == rows.len() => Err(failure),
            _ => Ok(rows),
        }
    })?;
    if arguments.output == Output::Json {
        return print_json(&rows);
    }
    let width = width(rows.iter().map(Row::channel));
    print(&rows.iter().map(|row| row.line(width)).collect::<String>())
}

async fn listed(connection: &Connection) -> Result<Listed, Failure> {
    let (newest, _) = connection.block(Place::Newest).await?;
    let current = current::fetch(connection).await?;
    let application = current.config.channel_group.as_ref().and_then(|root| root.groups.get("Application"));
    Ok(Listed {
        channel: connection.channel.0.clone(),
        height: newest.number.saturating_add(1),
        config_block: current.block,
        config_sequence: current.config.sequence,
        consensus: current.bundle.consensus.kind.clone(),
        members: application.map(|group| group.groups.keys().cloned().collect()).unwrap_or_default(),
        modules: crate::admin::modules::installed(&current.config).len(),
    })
}

impl Row {
    fn channel(&self) -> &str {
        match self {
            Self::Listed(Listed { channel, .. }) | Self::Unread(Unread { channel, .. }) => channel,
        }
    }

    fn line(&self, width: usize) -> String {
        let name = printable(self.channel());
        match self {
            Self::Listed(listed) => {
                let Listed { height, config_block, config_sequence, consensus, members, modules, .. } =
                    listed;
                let (consensus, members) = (printable(consensus), printable(&members.join(", ")));
                let (blocks, modules) =
                    (count(*height, "block", "blocks"), count(*modules as u64, "module", "modules"));
                format!(
                    "{name:width$}   {blocks}   config sequence {config_sequence} (block {config_block})   \
                     {consensus}   members {members}   {modules}\n"
                )
            }
            Self::Unread(Unread { error, .. }) => format!("{name:width$}   not read: {}\n", printable(error)),
        }
    }
}

/// As wide as the longest name.
fn width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    names.map(|name| printable(name).chars().count()).max().unwrap_or_default()
}
