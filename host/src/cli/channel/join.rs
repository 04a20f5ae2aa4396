//! `raddle channel join`: a ledger out of a channel's block 0, or out of the blocks that another orderer has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use raddle_core::bundle::Bundle;
use tokio::sync::watch;

use crate::cli::output::printable;
use crate::cli::progress::Progress;
use crate::cli::settings::{ConfigFolder, check_mapped};
use crate::cli::{Code, Exit, Failure, connection, files, logging, program, tls};
use crate::client::{ClientError, Patience};
use crate::config::Settings;
use crate::identity::Signer;
use crate::logs::{Chosen, choose};
use crate::node::{Ledgers, StartError};
use crate::orderer::{LEDGERS, OrdererError};
use crate::pull::{JoinBlock, Pull, PullError, Pulled, SourceFault, Told, addresses};

/// Make the ledger of a channel in the folder of a node; the node orders the channel from its next start on
#[derive(Debug, clap::Args)]
#[command(
    after_help = "By block 0 the channel begins with the first record of its log. By any later config block its \
    blocks are pulled from an orderer that has them, Raddle's or a stock one, and verified; the channel goes on in the \
    log where they end. What was pulled when the command is interrupted is gone on with by the next one. The channel \
    needs no system channel. Which log orders it stands in raddle.yaml."
)]
pub struct Arguments {
    /// File with block 0 of the channel, or with any later config block (`peer channel fetch config`)
    #[arg(value_name = "BLOCK")]
    block: PathBuf,
    /// Orderer to pull blocks from; again for others to ask if it fails [default: those that the block names]
    #[arg(long, value_name = "HOST:PORT")]
    from: Vec<String>,
    /// File with the authorities of those orderers' TLS certificates; without it they are asked without TLS
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// File with the TLS certificate to present, where they ask for one
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// File with its key
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFolder,
}

/// Joins the channel. What was there is as it was if it fails, but for blocks that the next call goes on with.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let _log = logging::start(false);
    let settings = arguments.config.load()?;
    let block = files::read_block(&arguments.block)?;
    let joined = JoinBlock::read(block.clone()).map_err(|error| {
        let sentence = format!("{}: {error}", arguments.block.display());
        Failure::new(Code::Genesis, Exit::Usage, sentence)
            .hint("`peer channel fetch config` writes the newest config block of a channel")
    })?;
    let bundle = Arc::clone(&joined.config.bundle);
    check_mapped(&settings, &bundle)?;
    let pulls = joined.number.0 > 0 || !arguments.from.is_empty();
    check_joinable(&settings, &bundle, pulls)?;
    let ledgers = Ledgers::at(settings.folder.value.join(LEDGERS));
    let path = ledgers.path(&bundle.channel);
    if path.exists() {
        return Err(joined_already(&path));
    }
    let no_folder = |cause| OrdererError::Folder { path: ledgers.folder().to_owned(), cause };
    let channel = &bundle.channel;
    if ledgers.being_removed().map_err(no_folder)?.contains(channel) {
        let sentence = format!("{channel} is being removed, and that is not finished");
        return Err(Failure::new(Code::Join, Exit::Failed, sentence).hint(format!(
            "`{} channel remove {channel}` finishes it, and so does the next start",
            program()
        )));
    }
    ledgers.make_folder().map_err(no_folder)?;
    let pulled = match pulls {
        true => Some(pull(arguments, &settings, ledgers, joined)?),
        false => {
            let made = ledgers.open_or_make(&bundle.channel, &block);
            made.map_err(StartError::from).map_err(OrdererError::from)?;
            None
        }
    };
    anstream::println!("joined {}, type {}: {}", bundle.channel, bundle.consensus.kind, path.display());
    if let Some(pulled) = pulled {
        print(&pulled, arguments, &bundle);
    }
    anstream::println!("next   {} start", program());
    Ok(())
}

fn check_joinable(settings: &Settings, bundle: &Bundle, pulls: bool) -> Result<(), Failure> {
    let channel = &bundle.channel;
    let refused = |sentence: String| Failure::new(Code::Join, Exit::Failed, sentence);
    if bundle.has_consortiums && !pulls {
        let sentence = format!("{channel} is a system channel, which a node starts with and does not join");
        return Err(refused(sentence).hint(
            "name its block in General.BootstrapFile of orderer.yaml; or join it by a later config block, and its \
             blocks are pulled",
        ));
    }
    if pulls && matches!(choose(&settings.ordering, bundle)?, Chosen::Local) {
        let sentence = format!(
            "{channel} is ordered by this node's own log, which holds no record of the blocks that would be pulled"
        );
        return Err(refused(sentence).hint(
            "map the channel to the Kafka cluster that its orderers use (Ordering in raddle.yaml), or join it by its \
             block 0",
        ));
    }
    Ok(())
}

fn joined_already(path: &Path) -> Failure {
    let sentence = format!("{} exists already: the channel is joined", path.display());
    Failure::new(Code::Join, Exit::Failed, sentence).hint(format!(
        "`{} start` orders it; a channel of the same name and another block 0 needs another node",
        program()
    ))
}

// === pulling ===

fn pull(
    arguments: &Arguments,
    settings: &Settings,
    ledgers: Ledgers,
    joined: JoinBlock,
) -> Result<Pulled, Failure> {
    let signer = Signer::from_msp_dir(&settings.msp_id.value, &settings.msp_dir.value)?;
    let [authorities, certificate, key] =
        [&arguments.tls_ca, &arguments.tls_cert, &arguments.tls_key].map(|path| path.as_deref());
    let tls = tls::read(authorities, certificate, key)?;
    let sources = match arguments.from.is_empty() {
        true => addresses(&joined.config, settings.listen_port.value),
        false => arguments.from.clone(),
    };
    if sources.is_empty() {
        let sentence = format!(
            "the config in block {} of {} names no orderer but this node, so there is none to pull blocks from",
            joined.number,
            joined.channel()
        );
        let hint = "name one that has the blocks: `--from HOST:PORT`";
        return Err(Failure::new(Code::Pull, Exit::Usage, sentence).hint(hint));
    }
    let (patience, height) = (Patience::default(), watch::Sender::default());
    let pull = Pull { ledgers, joined, signer: Arc::new(signer), sources, tls, patience, height };
    let mut bar = None;
    let mut tell = |told: Told<'_>| match told {
        Told::Source { first, last, .. } => {
            bar = Some(Progress::new(last.saturating_sub(first).saturating_add(1), "blocks"));
        }
        Told::Block => {
            if let Some(bar) = &bar {
                bar.advance();
            }
        }
        // It is told at the end, with what the others did.
        Told::Failed { .. } => bar = None,
    };
    connection::block_on(async { Ok(pull.run(&mut tell).await?) })
}

/// What was pulled, from whom, how it was verified, and where the channel goes on.
fn print(pulled: &Pulled, arguments: &Arguments, bundle: &Bundle) {
    if pulled.kept > 0 {
        anstream::println!("kept   {} blocks of an earlier call", pulled.kept);
    }
    for (address, first, last) in &pulled.from {
        anstream::println!("pulled blocks {first} to {last} from {address}");
    }
    for (address, fault) in &pulled.failed {
        anstream::println!("less   {address}: {}", printable(&fault.to_string()));
    }
    anstream::println!(
        "verified  data hashes, previous hashes up to the block of {}, signatures by BlockValidation of the config in \
         force",
        arguments.block.display()
    );
    match &pulled.offsets {
        Some(offsets) => anstream::println!(
            "goes on   behind block {}, which was cut at offset {} of topic {}: at the start the log must make the \
             last blocks once more",
            pulled.tip,
            offsets.last_offset_persisted,
            bundle.channel
        ),
        None => anstream::println!(
            "goes on   not by itself: block {} names no offset in a log, so it was not cut from Kafka",
            pulled.tip
        ),
    }
    if bundle.has_consortiums {
        anstream::println!("also   join the channels that it created: they are not begun anew");
    }
}

impl From<PullError> for Failure {
    fn from(error: PullError) -> Self {
        let sentence = printable(&error.to_string());
        match error {
            PullError::NoSource { path, kept, failed, .. } => no_source(sentence, &path, kept, &failed),
            PullError::OtherJoin { .. } | PullError::Kept { .. } | PullError::Stopped { .. } => {
                Self::new(Code::Pull, Exit::Failed, sentence)
            }
            PullError::Open(_) | PullError::Commit(_) | PullError::Read(_) => {
                Self::new(Code::Store, Exit::Failed, sentence)
            }
            PullError::Folder { .. } => Self::new(Code::File, Exit::Failed, sentence),
            PullError::Task(_) => Self::new(Code::Bug, Exit::Bug, sentence),
        }
    }
}

/// A line for each source; the exit says whether all of them were only out of reach.
fn no_source(sentence: String, path: &Path, kept: u64, failed: &[(String, SourceFault)]) -> Failure {
    let is_away = |fault: &SourceFault| {
        use ClientError::{Broken, Silent, Unreachable, Wire};
        matches!(fault, SourceFault::Client(Unreachable { .. } | Wire { .. } | Broken { .. } | Silent { .. }))
    };
    let exit = match failed.iter().all(|(_, fault)| is_away(fault)) {
        true => Exit::Unreachable,
        false => Exit::Failed,
    };
    let mut failure = Failure::new(Code::Pull, exit, sentence);
    for (address, fault) in failed {
        failure.lines.push(format!("{address}: {}", printable(&fault.to_string())));
    }
    let is_of_others = failed.iter().any(|(_, fault)| matches!(fault, SourceFault::OtherKept { .. }));
    match (is_of_others, kept) {
        (true, _) => failure.hint(format!(
            "one of the sources lies: to begin anew with one that you trust, remove {}",
            path.display()
        )),
        (false, 0) => failure.hint("name an orderer that has the blocks: `--from HOST:PORT`"),
        (false, _) => failure.hint(format!(
            "the same command goes on behind block {}; `--from HOST:PORT` names another orderer",
            kept.saturating_sub(1)
        )),
    }
}
