//! `raddle channel config sign` and `submit`: updates in files.

use std::path::{Path, PathBuf};

use super::change;
use super::current;
use super::signing::{self, SignAs, Signing};
use crate::admin::update::Draft;
use crate::cli::connection::{Connection, Flags, Settings, block_on};
use crate::cli::output::{print, printable};
use crate::cli::{Code, Exit, Failure, files};

/// Options of `raddle channel config sign`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is an envelope of type CONFIG_UPDATE, which `peer channel signconfigtx` and `peer channel update` take and \
give too.")]
pub struct SignArguments {
    /// The update
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Sign as this identity; may be given several times. Without it those of the folder's admins sign who are needed
    #[arg(long, value_name = "ID:DIR")]
    sign_as: Vec<SignAs>,
    #[command(flatten)]
    connection: Flags,
}

/// Options of `raddle channel config submit`.
#[derive(Debug, clap::Args)]
pub struct SubmitArguments {
    /// The update
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    connection: Flags,
}

/// Adds signatures.
pub fn sign(arguments: &SignArguments) -> Result<(), Failure> {
    let mut draft = read(&arguments.file)?;
    let settings = settings_for(&arguments.connection, &draft)?;
    let signing = Signing::of(&arguments.sign_as, &settings.admins)?;
    block_on(async {
        let connection = settings.connect().await?;
        let current = current::fetch(&connection).await?;
        signing::check_stale(&current.config, &draft)?;
        let approvals = signing.sign(&mut draft, &current)?;
        print(&lines(&signing::lines(&draft, &current, &approvals)))?;
        change::write(&arguments.file, &draft, &approvals)
    })
}

/// Sends an update.
pub fn submit(arguments: &SubmitArguments) -> Result<(), Failure> {
    let draft = read(&arguments.file)?;
    let settings = settings_for(&arguments.connection, &draft)?;
    block_on(async {
        let connection: Connection = settings.connect().await?;
        let current = current::fetch(&connection).await?;
        signing::check_stale(&current.config, &draft)?;
        let approvals = crate::admin::update::approvals(&current.config, &current.access, &draft);
        print(&lines(&signing::lines(&draft, &current, &approvals)))?;
        if let Some(missing) = signing::missing(&approvals) {
            return Err(missing);
        }
        change::submit(&connection, &draft).await?.map_err(Failure::from)
    })
}

fn read(path: &Path) -> Result<Draft, Failure> {
    let bytes = files::read_block(path)?;
    Draft::unmarshal(bytes).map_err(|error| {
        let sentence = format!("{} is no config update: {}", path.display(), printable(&error.to_string()));
        Failure::new(Code::UpdateFile, Exit::Usage, sentence)
    })
}

/// The connection, for the channel that the update is of.
fn settings_for(flags: &Flags, draft: &Draft) -> Result<Settings, Failure> {
    let settings = flags.settings_for(Some(draft.channel()))?;
    let (update, asked) = (printable(&draft.channel().0), printable(&settings.channel.0));
    if update != asked {
        let sentence = format!("the update is of channel {update}, and --channel says {asked}");
        return Err(Failure::new(Code::UpdateFile, Exit::Usage, sentence));
    }
    Ok(settings)
}

fn lines(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}
