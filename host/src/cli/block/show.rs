//! `raddle block show`.

use std::str::FromStr;

use super::text::text;
use super::view::BlockView;
use super::{First, verify_first};
use crate::cli::Failure;
use crate::cli::connection::{self, Flags};
use crate::cli::output::{Output, print, print_json};
use crate::client::{Config, Place, last_config};

/// Options of `raddle block show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "What JSON holds: `raddle help block`.")]
pub struct Arguments {
    /// A number, newest, oldest, or config for the newest config block
    #[arg(value_name = "BLOCK", default_value = "newest")]
    which: Which,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

/// Which block to show.
#[derive(Clone, Copy, Debug)]
enum Which {
    At(Place),
    Config,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "newest" => Ok(Self::At(Place::Newest)),
            "oldest" => Ok(Self::At(Place::Oldest)),
            "config" => Ok(Self::Config),
            _ => match text.parse() {
                Ok(number) => Ok(Self::At(Place::Number(number))),
                Err(_) => Err("it is neither a number nor newest, oldest or config".to_owned()),
            },
        }
    }
}

/// Verifies one block and prints it.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.connection.settings()?;
    let view = connection::block_on(async {
        let connection = settings.connect().await?;
        let (header, block) = match arguments.which {
            Which::At(place) => connection.block(place).await?,
            Which::Config => {
                let (header, newest) = connection.block(Place::Newest).await?;
                match last_config(&newest)? {
                    number if number == header.number => (header, newest),
                    number => connection.block(Place::Number(number)).await?,
                }
            }
        };
        let First { verifier, vouched, uncounted } = verify_first(&connection, header.number, &block).await?;
        let is_on_a_log = verifier.config().is_some_and(Config::is_on_a_log);
        let mut view = BlockView::new(&connection.channel, &header, &block, vouched, is_on_a_log);
        view.tell_uncounted(uncounted);
        Ok(view)
    })?;
    match arguments.output {
        Output::Text => print(&text(&view)),
        Output::Json => print_json(&view),
    }
}
