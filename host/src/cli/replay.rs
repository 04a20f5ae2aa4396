//! `raddle replay`.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use raddle_rules::store::ModuleStore;
use raddle_rules::{BatchEngine, FilterEngine, GuestStack, on_guest_stack};

use super::report::{self, Shown};
use super::{Code, Exit, Failure, compile_worker, files};
use crate::identity::Signer;
use crate::node::Modules;
use crate::replay::{BlockFile, BlockSink, Replay, ReplayError, Summary, Topic};
use crate::{ConfigBatchPolicies, load_shipped};

/// Options of `raddle replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The dump's form: `raddle help topic-dump`. Where blocks end: `raddle help cut`.")]
pub struct Arguments {
    /// The channel's first block
    #[arg(long, value_name = "BLOCK")]
    genesis: PathBuf,
    /// The dump of the channel's topic, one JSON object a line, gzipped or not
    #[arg(long, value_name = "FILE.jsonl[.gz]")]
    topic: PathBuf,
    /// Where the blocks go; appears only when it is whole, gzipped if the name ends in .gz
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// MSP id to sign the blocks as; without it they are unsigned
    #[arg(long, value_name = "ID", requires = "msp_dir")]
    msp_id: Option<String>,
    /// MSP folder of that identity, with signcerts and keystore
    #[arg(long, value_name = "DIR", requires = "msp_id")]
    msp_dir: Option<PathBuf>,
    /// Print a line for each block, and for each record that is left out
    #[arg(short, long)]
    verbose: bool,
}

/// Rebuilds the blocks and prints what they were cut by.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let genesis = files::read_block(&arguments.genesis)?;
    let signer = match (&arguments.msp_id, &arguments.msp_dir) {
        (Some(id), Some(folder)) => Some(Signer::from_msp_dir(id, folder)?),
        _ => None,
    };
    let topic = Topic::File(arguments.topic.clone());
    let mut file = BlockFile::create(&arguments.out).map_err(|error| cannot_write(arguments, &error))?;
    let name = arguments.genesis.display().to_string();
    let (summary, elapsed) = replay(&name, genesis, &topic, signer, arguments.verbose, &mut file)?;
    file.finish().map_err(|error| cannot_write(arguments, &error))?;
    anstream::println!("{}\n", report::table(&summary.blocks));
    for remark in report::remarks(&summary) {
        anstream::println!("{remark}");
    }
    let signed = if arguments.msp_id.is_some() { "signed" } else { "unsigned" };
    anstream::println!(
        "{} records in {:.1?}; blocks ({signed}) in {}",
        summary.records,
        elapsed,
        arguments.out.display()
    );
    Ok(())
}

/// Runs a replay with the batch policies of the channel's configs, on a thread where modules may run.
pub fn replay(
    genesis_name: &str,
    genesis: Bytes,
    topic: &Topic,
    signer: Option<Signer>,
    is_verbose: bool,
    sink: &mut (dyn BlockSink + Send),
) -> Result<(Summary, Duration), Failure> {
    on_guest_stack("replay", |stack: GuestStack| {
        let engine = Arc::new(BatchEngine::new()?);
        let filters = Arc::new(FilterEngine::new(NonZeroU16::MIN)?);
        let modules = Modules { worker: compile_worker::worker(), cache: None };
        let store = Arc::new(ModuleStore::new(filters, Arc::clone(&engine), modules.settings()));
        let policies = Rc::new(ConfigBatchPolicies::new(load_shipped(&engine)?, store, stack));
        let replay = Replay::new(genesis, topic, policies, signer.as_ref()).map_err(|error| match error {
            ReplayError::Genesis(error) => {
                Failure::new(Code::Genesis, Exit::Usage, format!("{genesis_name}: {error}"))
            }
            error => error.into(),
        })?;
        let position_bytes = Arc::new(AtomicU64::new(0));
        let size_bytes = topic.size_bytes().unwrap_or(0);
        let mut progress = Shown::new(size_bytes, Arc::clone(&position_bytes), is_verbose);
        let summary = replay.run(sink, position_bytes, &mut |told| progress.tell(told));
        let elapsed = progress.finish();
        Ok((summary?, elapsed))
    })?
}

fn cannot_write(arguments: &Arguments, error: &std::io::Error) -> Failure {
    Failure::new(Code::File, Exit::Failed, format!("{} cannot be written: {error}", arguments.out.display()))
}
