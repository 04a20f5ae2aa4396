//! `raddle start`: a node by Fabric's `orderer.yaml`.

mod check;
mod prepare;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use raddle_core::ids::ChannelId;
use raddle_rules::admission::ExpirationChecks;
use raddle_serve::server::ServerSettings;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use super::dev::Stop;
use super::output::Output;
use super::settings::ConfigFolder;
use super::{Code, Exit, Failure, as_orderer, compile_worker, logging, runtime};
use crate::config::Settings;
use crate::logs::Mapping;
use crate::node::{Channel, Doing, Halt, NoObserver, NodeSettings};
use crate::orderer::{Orderer, OrdererSettings};
use crate::pull::Upstream;
use prepare::Prepared;

/// A node, by Fabric's orderer.yaml, raddle.yaml beside it, and $ORDERER_* and $RADDLE_*
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFolder,
    /// Print each setting and where it comes from, and all that is wrong; start nothing
    #[arg(long)]
    check: bool,
    /// How to print the settings
    #[arg(long, value_enum, default_value_t, requires = "check")]
    output: Output,
    /// Tell of each block
    #[arg(long, short)]
    verbose: bool,
}

/// Runs until it is told to stop; answers how the process ends.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let log = logging::start(arguments.verbose);
    let (settings, problems) = arguments.config.read()?;
    let prepared = prepare::prepare(&settings, log);
    if arguments.check {
        let faults = prepared.err().unwrap_or_default();
        check::run(&settings, prepare::all_problems(problems, &faults), arguments.output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let prepared = match prepared {
        Ok(prepared) if problems.0.is_empty() => prepared,
        other => return Err(prepare::failure(problems, other.err().unwrap_or_default())),
    };
    let runtime = runtime::start()?;
    let ended = runtime.block_on(serve(&settings, prepared));
    // What has not ended by now is killed with the process: nothing that was acknowledged depends on it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn serve(settings: &Settings, prepared: Prepared) -> Result<ExitCode, Failure> {
    // From here on a signal is waited for, and does not end the process in the middle of something.
    let mut stop = Stop::listen()?;
    let (mut hangup, mut dump) = (listen(SignalKind::hangup())?, listen(SignalKind::user_defined1())?);
    let orderer = Orderer::start(OrdererSettings {
        folder: settings.folder.value.clone(),
        listen: prepared.listen,
        tls: settings.tls.clone(),
        genesis: prepared.genesis.into_iter().collect(),
        logs: Mapping::By {
            ordering: Box::new(settings.ordering.clone()),
            kafka: Box::new(settings.kafka.clone()),
        },
        signer: Arc::new(prepared.signer),
        observer: Arc::new(NoObserver),
        worker: compile_worker::worker(),
        node: NodeSettings {
            expiration: match settings.no_expiration_checks.value {
                true => ExpirationChecks::Off,
                false => ExpirationChecks::On,
            },
            batch_policies: settings.batch_policies.value.clone(),
            batch_policy_override: settings.batch_policy_override.as_ref().map(|it| it.value.clone()),
            budgets: settings.budgets.clone(),
            fork_watch: settings.fork_watch,
            upstream: Upstream { tls: settings.cluster.clone(), ..Upstream::default() },
            ..NodeSettings::default()
        },
        server: ServerSettings {
            receive_bytes_max: settings.receive_bytes_max.value,
            send_bytes_max: settings.send_bytes_max.value,
            time_window: settings.time_window.value,
            keepalive_interval: Some(settings.keepalive_interval.value),
            keepalive_timeout: settings.keepalive_timeout.value,
            connection_timeout: settings.connection_timeout.value,
            ..settings.limits.server()
        },
        admin: prepared.admin,
        operations: prepared.operations,
    })
    .await?;
    let mut exit = ExitCode::SUCCESS;
    for (path, error) in orderer.failed() {
        let sentence = format!("{} does not start: {error}", path.display());
        exit =
            Failure::new(Code::Store, Exit::Failed, sentence).hint("the other channels are ordered").report();
    }
    if let Some(cause) = orderer.read_only() {
        let sentence = format!("{cause}: blocks can be read, and none are made");
        exit = Failure::new(Code::ReadOnly, Exit::Failed, sentence)
            .hint("put a new certificate and its key into General.LocalMSPDir, and start the node again")
            .report();
    }
    tell(&orderer, settings);
    exit = wait(&orderer, (&mut stop, &mut hangup, &mut dump), exit).await;
    orderer.stop().await?;
    Ok(exit)
}

/// Tells people and scripts that it is ready, and where it is to be found.
fn tell(orderer: &Orderer, settings: &Settings) {
    let (count, folder) = (orderer.node().channels().len(), settings.folder.value.display());
    anstream::println!("ready  {}  {count} channels, state in {folder}", orderer.address());
    if let Some(address) = orderer.admin_address() {
        anstream::println!("admin  {address}");
    }
    if let Some(address) = orderer.operations_address() {
        anstream::println!("operations  {address}");
    }
    if as_orderer::is_called() {
        // What scripts wait for that were written for Fabric's orderer.
        anstream::eprintln!("Beginning to serve requests");
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind)
        .map_err(|error| Failure::new(Code::Bug, Exit::Bug, format!("signals cannot be waited for: {error}")))
}

/// Waits for the signal to stop. A channel that halts meanwhile is told at once; the others go on. A hangup has the
/// certificates looked at, and SIGUSR1 what the node is at written to the log.
async fn wait(
    orderer: &Orderer,
    (stop, hangup, dump): (&mut Stop, &mut Signal, &mut Signal),
    mut exit: ExitCode,
) -> ExitCode {
    let (mut halts, mut watched) = (JoinSet::new(), BTreeSet::new());
    let mut count = orderer.node().count();
    loop {
        // A system channel creates others.
        for channel in orderer.node().channels() {
            if watched.insert(channel.id().clone()) {
                halts.spawn(halt(channel));
            }
        }
        tokio::select! {
            () = stop.asked() => return exit,
            _ = hangup.recv() => orderer.certificates().look(),
            _ = dump.recv() => orderer.dump().iter().for_each(|line| tracing::warn!("SIGUSR1: {line}")),
            Ok(()) = count.changed() => {}
            Some(halted) = halts.join_next() => match halted {
                Ok((channel, Some(halt))) => {
                    exit = Failure::new(Code::Halted, Exit::Failed, format!("channel {channel}: {halt}"))
                        .hint("nothing that was acknowledged is lost; stop the node, mend the cause, start it again")
                        .report();
                }
                // It was removed, and may be joined again.
                Ok((channel, None)) => drop(watched.remove(&channel)),
                Err(_) => {}
            },
        }
    }
}

/// Waits until a channel halts; none if it is removed first.
async fn halt(channel: Arc<Channel>) -> (ChannelId, Option<Halt>) {
    let mut doing = channel.board().doing();
    let ended = doing.wait_for(|doing| matches!(doing, Doing::Halted(_) | Doing::Stopped)).await;
    let halt = match ended.as_deref() {
        Ok(Doing::Halted(halt)) => Some(halt.clone()),
        _ => None,
    };
    (channel.id().clone(), halt)
}
