//! `raddle block export`.

use std::path::PathBuf;
use std::str::FromStr;

use prost::Message as _;
use raddle_core::policy::BLOCK_VALIDATION;
use raddle_proto::common;
use serde::Serialize;

use super::verify_first;
use crate::cli::connection::{self, Connection, Flags};
use crate::cli::output::{Output, count, print, print_json, printable};
use crate::cli::progress::Progress;
use crate::cli::{Code, Exit, Failure};
use crate::client::{BlockFault, Place, Verifier};
use crate::replay::{BlockFile, BlockSink as _};

/// Options of `raddle block export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The file's form, and what is verified: `raddle help block`.")]
pub struct Arguments {
    /// The first block
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    from: u64,
    /// The last block: a number, or newest
    #[arg(long, value_name = "NUMBER", default_value = "newest")]
    to: Last,
    /// Where the blocks go; appears only when it is whole, gzipped if the name ends in .gz
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How to print what was written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

#[derive(Clone, Copy, Debug)]
enum Last {
    Newest,
    Number(u64),
}

/// What was written.
#[derive(Serialize)]
struct Exported {
    channel: String,
    first: u64,
    last: u64,
    blocks: u64,
    size_bytes: u64,
    file: String,
}

impl FromStr for Last {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("newest", _) => Ok(Self::Newest),
            (_, Ok(number)) => Ok(Self::Number(number)),
            _ => Err("it is neither a number nor newest".to_owned()),
        }
    }
}

/// Verifies blocks and writes them.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Last::Number(to) = arguments.to {
        check_range(arguments.from, to)?;
    }
    let settings = arguments.connection.settings()?;
    let cannot_write = |error: &std::io::Error| {
        let sentence = format!("{} cannot be written: {error}", arguments.out.display());
        Failure::new(Code::File, Exit::Failed, sentence)
    };
    let mut file = BlockFile::create(&arguments.out).map_err(|error| cannot_write(&error))?;
    let exported = connection::block_on(async {
        let connection = settings.connect().await?;
        let last = match arguments.to {
            Last::Number(last) => last,
            Last::Newest => connection.block(Place::Newest).await?.0.number,
        };
        check_range(arguments.from, last)?;
        let mut size_bytes = 0;
        let progress = Progress::new((last - arguments.from).saturating_add(1), "blocks");
        each_verified(&connection, arguments.from, last, |block| {
            size_bytes += block.encoded_len() as u64;
            progress.advance();
            file.put(block).map_err(|error| cannot_write(&error))
        })
        .await?;
        drop(progress);
        Ok(Exported {
            channel: connection.channel.0,
            first: arguments.from,
            last,
            blocks: (last - arguments.from).saturating_add(1),
            size_bytes,
            file: arguments.out.display().to_string(),
        })
    })?;
    file.finish().map_err(|error| cannot_write(&error))?;
    match arguments.output {
        Output::Text => print(&exported.text()),
        Output::Json => print_json(&exported),
    }
}

/// Hands over the blocks from `first` to `last`, each verified.
pub(in crate::cli) async fn each_verified(
    connection: &Connection,
    first: u64,
    last: u64,
    mut take: impl FnMut(common::Block) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut blocks = connection.deliver(Place::Number(first), Place::Number(last), false)?;
    let mut verifier: Option<Verifier> = None;
    for expected in first..=last {
        let block = blocks.next().await?.ok_or_else(|| {
            let sentence = format!("the orderer ended before block {expected}, as if all had come");
            Failure::new(Code::BrokenOff, Exit::Unreachable, sentence)
        })?;
        match &mut verifier {
            Some(verifier) => {
                verifier.verify(&block)?;
            }
            None => {
                let header = block.header.as_ref().ok_or(BlockFault::NoHeader { expected })?;
                if header.number != expected {
                    return Err(BlockFault::Number { expected, found: header.number }.into());
                }
                verifier = Some(verify_first(connection, expected, &block).await?.verifier);
            }
        }
        take(block)?;
    }
    Ok(())
}

fn check_range(from: u64, to: u64) -> Result<(), Failure> {
    if from <= to {
        return Ok(());
    }
    let sentence = format!("blocks {from} to {to} are no range: it ends before it begins");
    Err(Failure::new(Code::BlockRange, Exit::Usage, sentence))
}

// === impl Exported ===

impl Exported {
    fn text(&self) -> String {
        let Self { channel, first, last, blocks, size_bytes, file } = self;
        let blocks = count(*blocks, "block", "blocks");
        let signatures = match (first, last) {
            (0, 0) => "a first block has no block before it and no signatures".to_owned(),
            (0, _) => format!("previous hashes, signatures by {BLOCK_VALIDATION}; block 0 has none of these"),
            _ => format!("previous hashes, signatures by {BLOCK_VALIDATION} of the config in force"),
        };
        format!(
            "{blocks} of {}, {first} to {last}, {size_bytes} bytes, in {file}\n  verified       numbers, data hashes, \
             {signatures}\n",
            printable(channel)
        )
    }
}
