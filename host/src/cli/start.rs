//! `raddle start`: a node by Fabric's `orderer.yaml`.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::ids::ChannelId;
use raddle_rules::admission::ExpirationChecks;
use raddle_serve::server::ServerSettings;
use tokio::task::JoinSet;

use super::dev::Stop;
use super::settings::{ConfigFolder, check_mapped, read_block_0};
use super::{Code, Exit, Failure, compile_worker, logging};
use crate::config::{BootstrapMethod, Setting, Settings};
use crate::identity::Signer;
use crate::logs::Mapping;
use crate::node::{Channel, Doing, Halt, Ledgers, NoObserver, NodeSettings};
use crate::orderer::{LEDGERS, Orderer, OrdererSettings};

/// A node, by Fabric's orderer.yaml, raddle.yaml beside it, and $ORDERER_* and $RADDLE_*
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigFolder,
    /// Print the settings and where each comes from, and start nothing
    #[arg(long)]
    check: bool,
    /// Tell of each block
    #[arg(long, short)]
    verbose: bool,
}

/// Runs until it is told to stop; answers how the process ends.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    logging::start(arguments.verbose);
    let settings = arguments.config.load()?;
    if arguments.check {
        print(&settings);
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Code::Sandbox, Exit::Failed, format!("there are no threads for the network: {error}"))
    })?;
    runtime.block_on(serve(&settings))
}

async fn serve(settings: &Settings) -> Result<ExitCode, Failure> {
    // From here on a signal is waited for, and does not end the process in the middle of something.
    let mut stop = Stop::listen()?;
    let orderer = Orderer::start(OrdererSettings {
        folder: settings.folder.value.clone(),
        listen: listen(settings)?,
        genesis: bootstrap(settings)?.into_iter().collect(),
        logs: Mapping::By {
            ordering: Box::new(settings.ordering.clone()),
            kafka: Box::new(settings.kafka.clone()),
        },
        signer: Arc::new(Signer::from_msp_dir(&settings.msp_id.value, &settings.msp_dir.value)?),
        observer: Arc::new(NoObserver),
        worker: compile_worker::worker(),
        node: NodeSettings {
            expiration: match settings.no_expiration_checks.value {
                true => ExpirationChecks::Off,
                false => ExpirationChecks::On,
            },
            batch_policies: settings.batch_policies.value.clone(),
            batch_policy_override: settings.batch_policy_override.as_ref().map(|it| it.value.clone()),
            ..NodeSettings::default()
        },
        server: ServerSettings {
            receive_bytes_max: settings.receive_bytes_max.value,
            send_bytes_max: settings.send_bytes_max.value,
            time_window: settings.time_window.value,
            ..ServerSettings::default()
        },
    })
    .await?;
    let mut exit = ExitCode::SUCCESS;
    for (path, error) in orderer.failed() {
        let sentence = format!("{} does not start: {error}", path.display());
        exit =
            Failure::new(Code::Store, Exit::Failed, sentence).hint("the other channels are ordered").report();
    }
    let (count, folder) = (orderer.node().channels().len(), settings.folder.value.display());
    anstream::println!("ready  {}  {count} channels, state in {folder}", orderer.address());
    exit = wait(&orderer, &mut stop, exit).await;
    orderer.stop().await?;
    Ok(exit)
}

/// Waits for the signal to stop. A channel that halts meanwhile is told at once; the others go on.
async fn wait(orderer: &Orderer, stop: &mut Stop, mut exit: ExitCode) -> ExitCode {
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
            Ok(()) = count.changed() => {}
            Some(halted) = halts.join_next() => if let Ok(Some((channel, halt))) = halted {
                exit = Failure::new(Code::Halted, Exit::Failed, format!("channel {channel}: {halt}"))
                    .hint("nothing that was acknowledged is lost; stop the node, mend the cause, start it again")
                    .report();
            },
        }
    }
}

/// Waits until a channel halts. None if it never will.
async fn halt(channel: Arc<Channel>) -> Option<(ChannelId, Halt)> {
    let mut doing = channel.board().doing();
    match doing.wait_for(|doing| matches!(doing, Doing::Halted(_))).await.as_deref() {
        Ok(Doing::Halted(halt)) => Some((channel.id().clone(), halt.clone())),
        _ => None,
    }
}

fn listen(settings: &Settings) -> Result<SocketAddr, Failure> {
    let address = format!("{}:{}", settings.listen_address.value, settings.listen_port.value);
    let failed = |why: String| {
        let sentence = format!("General.ListenAddress ({}): {address} {why}", settings.listen_address.origin);
        Failure::new(Code::Settings, Exit::Usage, sentence)
    };
    let mut addresses =
        address.to_socket_addrs().map_err(|error| failed(format!("is no address: {error}")))?;
    addresses.next().ok_or_else(|| failed("has no address".to_owned()))
}

/// The block of the first channel, if the node has none yet. As in Fabric the file does not matter any more when one
/// ledger exists.
///
/// Differs: Fabric takes the genesis block of a system channel only. Here it may be any channel's.
///
/// Source: fabric v2.5.16 `orderer/common/server/main.go` `Main`, `initializeBootstrapChannel`.
fn bootstrap(settings: &Settings) -> Result<Option<Bytes>, Failure> {
    if settings.bootstrap_method.value == BootstrapMethod::None || has_ledgers(settings) {
        return Ok(None);
    }
    let file = &settings.bootstrap_file;
    let (bytes, bundle) = read_block_0(&file.value).map_err(|failure| {
        let hint = format!(
            "General.BootstrapFile ({}) names it; for a node without a system channel write \
             `BootstrapMethod: none` and join channels one by one",
            file.origin
        );
        failure.hint(hint)
    })?;
    check_mapped(settings, &bundle)?;
    Ok(Some(bytes))
}

/// A folder that cannot be read is told when the node starts.
fn has_ledgers(settings: &Settings) -> bool {
    let channels = Ledgers::at(settings.folder.value.join(LEDGERS)).channels();
    channels.is_ok_and(|channels| !channels.is_empty())
}

fn print(settings: &Settings) {
    line("General.ListenAddress", &settings.listen_address, &settings.listen_address.value);
    line("General.ListenPort", &settings.listen_port, settings.listen_port.value);
    let method = match settings.bootstrap_method.value {
        BootstrapMethod::File => "file",
        BootstrapMethod::None => "none",
    };
    line("General.BootstrapMethod", &settings.bootstrap_method, method);
    line("General.BootstrapFile", &settings.bootstrap_file, settings.bootstrap_file.value.display());
    line("General.LocalMSPDir", &settings.msp_dir, settings.msp_dir.value.display());
    line("General.LocalMSPID", &settings.msp_id, &settings.msp_id.value);
    let window = format!("{:?}", settings.time_window.value);
    line("General.Authentication.TimeWindow", &settings.time_window, window);
    let checks = settings.no_expiration_checks.value;
    line("General.Authentication.NoExpirationChecks", &settings.no_expiration_checks, checks);
    line("General.MaxRecvMsgSize", &settings.receive_bytes_max, settings.receive_bytes_max.value);
    line("General.MaxSendMsgSize", &settings.send_bytes_max, settings.send_bytes_max.value);
    line("FileLedger.Location", &settings.folder, settings.folder.value.display());
    let ordering = &settings.ordering;
    line("Ordering.kafka", &ordering.kafka, &ordering.kafka.value);
    line("Ordering.solo", &ordering.solo, &ordering.solo.value);
    line("Ordering.etcdraft", &ordering.etcdraft, &ordering.etcdraft.value);
    for (channel, log) in &ordering.channels {
        line(&format!("Ordering.channels.{channel}"), log, &log.value);
    }
    line("BatchPolicies", &settings.batch_policies, &settings.batch_policies.value);
    if let Some(from) = &settings.batch_policy_override {
        line("BatchPolicyOverride.channel", from, &from.value.channel);
        line("BatchPolicyOverride.offset", from, from.value.offset);
    }
}

fn line<T>(key: &str, setting: &Setting<T>, value: impl Display) {
    anstream::println!("{key}: {value}  # {}", setting.origin);
}
