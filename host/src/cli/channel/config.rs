//! `raddle channel config show` and `update`.

use std::str::FromStr;

use super::change::{Options, carry_out};
use super::{current, editor};
use crate::admin::config_json::text;
use crate::admin::edit;
use crate::admin::update::listing;
use crate::cli::Failure;
use crate::cli::connection::{Flags, block_on};
use crate::cli::output::{Output, print, printable};

/// Options of `raddle channel config show`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
JSON is what `configtxlator proto_decode --type common.Config` prints, byte for byte. Text is a line for each \
place, with the path that `config update --set` takes.")]
pub struct ShowArguments {
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

/// Options of `raddle channel config update`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --set and --unset the config's JSON opens in $VISUAL or $EDITOR.

Examples:
  raddle channel config update --set /Channel/Orderer/BatchTimeout/timeout=1s
  raddle channel config update --set '/Channel/Orderer/Capabilities/capabilities/RADDLE_1_0={}'
  raddle channel config update --unset /Channel/Application/Org2 --out remove-org2.update

More: `raddle help channel`.")]
pub struct UpdateArguments {
    /// Put a value at a place; may be given several times
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<Setting>,
    /// Take away what is at a place; may be given several times
    #[arg(long, value_name = "PATH")]
    unset: Vec<String>,
    #[command(flatten)]
    options: Options,
}

/// `PATH=VALUE`.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Before the first equals sign.
    pub name: String,
    /// Behind it.
    pub value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("it has no =")?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// Prints the config in force.
pub fn show(arguments: &ShowArguments) -> Result<(), Failure> {
    let settings = arguments.connection.settings()?;
    let (channel, current) = block_on(async {
        let connection = settings.connect().await?;
        let current = current::fetch(&connection).await?;
        Ok((connection.channel, current))
    })?;
    let json = edit::show(&current.config)?;
    if arguments.output == Output::Json {
        return print(&text(&json));
    }
    let (sequence, block) = (current.config.sequence, current.block);
    let mut lines =
        format!("channel {}, config sequence {sequence} (block {block})\n", printable(&channel.0));
    for (path, value) in listing(&json) {
        lines.push_str(&format!("{}   {}\n", printable(&path), printable(&value)));
    }
    print(&lines)
}

/// Changes the config.
pub fn update(arguments: &UpdateArguments) -> Result<(), Failure> {
    let settings = arguments.options.connection.settings()?;
    let is_edited = arguments.set.is_empty() && arguments.unset.is_empty();
    block_on(carry_out(&arguments.options, settings, &|current| {
        let mut json = edit::show(&current.config)?;
        if is_edited {
            json = editor::edit(&json)?;
        }
        for path in &arguments.unset {
            edit::unset(&mut json, path)?;
        }
        for Setting { name, value } in &arguments.set {
            edit::set(&mut json, name, value)?;
        }
        Ok(edit::edited(&current.config, &json)?)
    }))
}
