//! `raddle dev`: a node that works, out of nothing.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use raddle_core::bundle::read_genesis;
use raddle_core::ids::ChannelId;
use raddle_ordering::kafka;
use raddle_proto::wire::KafkaMessage;
use raddle_serve::server::ServerSettings;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::dev_settings::{self, DevSettings};
use super::logging::Log;
use super::{Code, Exit, Failure, compile_worker, files, logging, output, program, runtime};
use crate::client::{Admin, ClientConfig};
use crate::config;
use crate::identity::Signer;
use crate::logs::Mapping;
use crate::network::DevNetwork;
use crate::node::{Channel, Doing, NoObserver, NodeSettings};
use crate::operations::OperationsListener;
use crate::orderer::{Orderer, OrdererSettings};

/// Where it listens unless told otherwise.
const LISTEN: &str = "127.0.0.1:7050";

/// Where operators are served unless told otherwise.
const OPERATIONS: &str = "127.0.0.1:8443";

/// Copies of a topic that is made: one broker does.
const REPLICATION: u16 = 1;

/// A working node: generated organisations, channel `demo`, a local log or Kafka
#[derive(Debug, clap::Args)]
#[command(after_help = "Everything is under the folder; to begin anew, stop the node and delete it.")]
pub struct Arguments {
    /// Folder for all that the node keeps
    #[arg(long, value_name = "FOLDER", default_value = dev_settings::FOLDER)]
    folder: PathBuf,
    /// Address to listen on; port 0 lets the system choose
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address, default_value = LISTEN)]
    listen: SocketAddr,
    /// Order a channel of your own: the file of its block 0
    #[arg(long, value_name = "BLOCK", requires_all = ["msp_id", "msp_dir"])]
    genesis: Option<PathBuf>,
    /// MSP id of the orderer's organisation in that channel
    #[arg(long, value_name = "ID", requires = "genesis")]
    msp_id: Option<String>,
    /// MSP folder of the orderer's identity, to sign blocks with
    #[arg(long, value_name = "FOLDER", requires = "genesis")]
    msp_dir: Option<PathBuf>,
    /// Order by Kafka instead of the local log: brokers to ask first. A topic that is not there gets one replica
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    kafka: Vec<String>,
    /// Address for operators: health, metrics, what is logged. Unless it is given, 127.0.0.1:8443 where that is free
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    operations: Option<SocketAddr>,
    /// Tell of each block
    #[arg(long, short)]
    verbose: bool,
}

/// The channel to order, and as whom.
struct Network {
    genesis: Bytes,
    signer: Signer,
    /// The identity that client commands take, if the folder has one: MSP id and folder.
    client: Option<(String, PathBuf)>,
    /// Who signs config updates, as far as the folder has them.
    admins: Vec<Admin>,
    /// Where the first two come from: the block's file, and MSP id and folder of the signer.
    origin: (PathBuf, String, PathBuf),
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let examples = "write a host and a port, such as 127.0.0.1:7050, localhost:7050 or [::1]:7050";
    config::resolve(text).map_err(|why| format!("it {why}; {examples}"))
}

/// Runs until it is told to stop; answers how the process ends.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let log = logging::start(arguments.verbose);
    runtime::start()?.block_on(serve(arguments, log))
}

async fn serve(arguments: &Arguments, log: Arc<Log>) -> Result<ExitCode, Failure> {
    // From here on a signal is waited for, and does not end the process in the middle of something.
    let mut stop = Stop::listen()?;
    let network = network(arguments)?;
    let orderer = Orderer::start(OrdererSettings {
        tls: None,
        folder: arguments.folder.clone(),
        listen: arguments.listen,
        genesis: vec![network.genesis.clone()],
        logs: mapping(&arguments.kafka),
        signer: Arc::new(network.signer),
        observer: Arc::new(NoObserver),
        worker: compile_worker::worker(),
        node: NodeSettings::default(),
        server: ServerSettings::default(),
        admin: None,
        operations: operations(arguments, log),
    })
    .await?;
    for (path, error) in orderer.failed() {
        tracing::error!(path = %path.display(), %error, "a ledger that was not asked for does not start");
    }
    let channel = read_genesis(network.genesis)?.config.channel().clone();
    let channel = orderer.node().channel(&channel.0).ok_or_else(|| {
        Failure::new(Code::Bug, Exit::Bug, format!("channel {channel} was started and is not there"))
    })?;
    write_client_config(arguments, &orderer, channel.id(), network.client, network.admins)?;
    let (genesis, msp_id, msp_dir) = &network.origin;
    let settings = DevSettings {
        folder: &arguments.folder,
        listen: orderer.address(),
        channel: channel.id(),
        genesis,
        msp_id,
        msp_dir,
        brokers: &arguments.kafka,
        replication: REPLICATION,
    };
    settings.write()?;
    ready(arguments, &orderer, &channel);
    let exit = wait(&channel, &mut stop).await;
    drop(channel);
    orderer.stop().await?;
    Ok(exit)
}

/// A second node in the same place goes without what nobody asked for.
fn operations(arguments: &Arguments, log: Arc<Log>) -> Option<OperationsListener> {
    let is_free = |address: &str| arguments.listen.port() != 0 && TcpListener::bind(address).is_ok();
    let by_default = || OPERATIONS.parse().ok().filter(|_| is_free(OPERATIONS));
    let listen = arguments.operations.or_else(by_default)?;
    Some(OperationsListener { listen, tls: None, has_metrics: true, logging: log })
}

fn mapping(brokers: &[String]) -> Mapping {
    if brokers.is_empty() {
        return Mapping::Local;
    }
    Mapping::Kafka(Box::new(kafka::Settings {
        brokers: brokers.to_vec(),
        topic_replication: REPLICATION,
        greeting: Some(KafkaMessage::Connect.marshal()),
        ..kafka::Settings::default()
    }))
}

fn network(arguments: &Arguments) -> Result<Network, Failure> {
    if let (Some(genesis), Some(msp_id), Some(msp_dir)) =
        (&arguments.genesis, &arguments.msp_id, &arguments.msp_dir)
    {
        let signer = Signer::from_msp_dir(msp_id, msp_dir)?;
        return Ok(Network {
            genesis: files::read_block(genesis)?,
            signer,
            client: None,
            admins: Vec::new(),
            origin: (genesis.clone(), msp_id.clone(), msp_dir.clone()),
        });
    }
    let folder = arguments.folder.join("network");
    let network = if folder.exists() {
        DevNetwork::read(&folder)?
    } else {
        let address = match arguments.listen.port() {
            // Chosen by the system at each start, so the channel's config cannot say it.
            0 => LISTEN.to_owned(),
            _ => arguments.listen.to_string(),
        };
        DevNetwork::generate(&folder, &address, SystemTime::now())?
    };
    let (msp_id, msp_dir) = network.orderer();
    let (client_id, client_dir) = network.client();
    Ok(Network {
        genesis: network.genesis().clone(),
        signer: Signer::from_msp_dir(msp_id, &msp_dir)?,
        client: Some((client_id.to_owned(), client_dir)),
        origin: (network.genesis_path(), msp_id.to_owned(), msp_dir),
        admins: network
            .admins()
            .map(|(msp_id, msp_dir)| Admin { msp_id: msp_id.to_owned(), msp_dir })
            .collect(),
    })
}

/// What client commands in this folder find without flags.
fn write_client_config(
    arguments: &Arguments,
    orderer: &Orderer,
    channel: &ChannelId,
    client: Option<(String, PathBuf)>,
    admins: Vec<Admin>,
) -> Result<(), Failure> {
    let (msp_id, msp_dir) = client.unzip();
    let config = ClientConfig {
        orderer: Some(orderer.address().to_string()),
        channel: Some(channel.0.clone()),
        msp_id,
        msp_dir,
        admins,
        ..ClientConfig::default()
    };
    let path = arguments.folder.join("client.yaml");
    config.write(&path).map_err(|error| {
        Failure::new(Code::File, Exit::Failed, format!("{} cannot be written: {error}", path.display()))
    })
}

fn ready(arguments: &Arguments, orderer: &Orderer, channel: &Channel) {
    let program = program();
    let (address, blocks) = (orderer.address(), output::count(channel.board().height(), "block", "blocks"));
    let channel = channel.id();
    let folder = arguments.folder.display();
    anstream::println!("ready  {address}  channel {channel}, {blocks}, state in {folder}");
    anstream::println!("next   in another terminal, from this folder:");
    if arguments.genesis.is_none() {
        anstream::println!("         {program} send hello --wait");
    }
    anstream::println!("         {program} block show newest");
    if let Some(address) = orderer.operations_address() {
        anstream::println!("look   http://{address}");
    }
    anstream::println!("stop   Ctrl-C");
}

/// The signals that end a node.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// From here on they are waited for.
    pub fn listen() -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(Code::Bug, Exit::Bug, format!("signals cannot be waited for: {error}"))
        };
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(cannot)?,
            interrupt: signal(SignalKind::interrupt()).map_err(cannot)?,
        })
    }

    /// One of them came.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Waits for the signal to stop. If the channel halts meanwhile, that is told at once; its blocks can be read on.
async fn wait(channel: &Channel, stop: &mut Stop) -> ExitCode {
    let halted = async {
        let mut doing = channel.board().doing();
        match doing.wait_for(|doing| matches!(doing, Doing::Halted(_))).await.as_deref() {
            Ok(Doing::Halted(halt)) => Some(halt.to_string()),
            _ => None,
        }
    };
    let sentence = tokio::select! {
        () = stop.asked() => return ExitCode::SUCCESS,
        Some(sentence) = halted => sentence,
    };
    let exit = Failure::new(Code::Halted, Exit::Failed, sentence)
        .hint("nothing that was acknowledged is lost; stop the node, mend the cause, start it again")
        .report();
    stop.asked().await;
    exit
}
