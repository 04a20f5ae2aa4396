//! Which orderer, channel and identity a command uses, and the way there.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use raddle_core::ids::ChannelId;
use raddle_proto::common;

use super::channel::signing::SignAs;
use super::progress::Slow;
use super::{Code, Exit, Failure, program, tls};
use crate::client::{
    self, BlockFault, Client, ClientConfig, ClientError, ClientTls, Deliveries, Patience, Place,
};
use crate::identity::Signer;
use crate::node::Ledgers;
use crate::orderer::LEDGERS;

/// Flags of every command that speaks to an orderer.
#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "Connection; without these .raddle/client.yaml of this folder or one above says it"
)]
pub struct Flags {
    /// The orderer's address
    #[arg(long, value_name = "HOST:PORT")]
    orderer: Option<String>,
    /// The channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// MSP id of who signs
    #[arg(long, value_name = "ID")]
    msp_id: Option<String>,
    /// MSP folder of who signs, with signcerts and keystore
    #[arg(long, value_name = "DIR")]
    msp_dir: Option<PathBuf>,
    /// File with the authorities of the orderer's TLS certificate; without it the connection is made without TLS
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// File with the TLS certificate to present, where the orderer asks for one
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// File with its key
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

/// All that a connection needs, and nothing done yet.
pub struct Settings {
    orderer: String,
    /// The channel.
    pub channel: ChannelId,
    signer: Signer,
    tls: Option<ClientTls>,
    /// Who may sign config updates, if no flag says who does.
    pub admins: Vec<SignAs>,
    /// Whether another command finds the same without flags.
    pub is_of_the_folder: bool,
    /// The channels whose ledgers lie beside the file, where that says which orderer and channel are meant: the
    /// orderer's own folder.
    pub beside: Vec<ChannelId>,
}

/// A connection to an orderer, for one channel and one identity.
pub struct Connection {
    /// The connection.
    pub client: Client,
    /// The channel.
    pub channel: ChannelId,
    /// Who signs.
    pub signer: Signer,
}

/// Runs what waits for an orderer.
///
/// # Errors
///
/// What `work` fails with; or the system gives no timer or no sockets.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        let sentence = format!("no orderer can be asked: the system gives no sockets: {error}");
        Failure::new(Code::Unreachable, Exit::Unreachable, sentence)
    })?;
    runtime.block_on(work)
}

// === impl Flags, Settings ===

impl Flags {
    /// What flags and file say together. The file is not read where the flags say all.
    ///
    /// # Errors
    ///
    /// Something is missing, or the file or the identity cannot be used.
    pub fn settings(&self) -> Result<Settings, Failure> {
        self.settings_for(None)
    }

    /// The same. The file's channel does not count where `channel` says which one it is; a flag does.
    ///
    /// # Errors
    ///
    /// As [`Flags::settings`].
    pub fn settings_for(&self, channel: Option<&ChannelId>) -> Result<Settings, Failure> {
        let flags = ClientConfig {
            orderer: self.orderer.clone(),
            channel: self.channel.clone().or(channel.map(|channel| channel.0.clone())),
            msp_id: self.msp_id.clone(),
            msp_dir: self.msp_dir.clone(),
            tls_ca: self.tls_ca.clone(),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            admins: Vec::new(),
        };
        let mut found = None;
        if missing(&flags).next().is_some() {
            let folder = std::env::current_dir().map_err(|error| {
                Failure::new(Code::File, Exit::Usage, format!("this folder cannot be read: {error}"))
            })?;
            found = ClientConfig::find(&folder)?;
        }
        let (path, file) = found.map_or((None, ClientConfig::default()), |(path, file)| (Some(path), file));
        let is_of_the_folder = flags == ClientConfig::default();
        let folder = path.as_deref().and_then(Path::parent);
        let beside = match folder.filter(|_| flags.orderer.is_none() && flags.channel.is_none()) {
            Some(folder) => Ledgers::at(folder.join(LEDGERS)).channels().unwrap_or_default(),
            None => Vec::new(),
        };
        let merged = ClientConfig {
            orderer: flags.orderer.or(file.orderer),
            channel: flags.channel.or(file.channel),
            msp_id: flags.msp_id.or(file.msp_id),
            msp_dir: flags.msp_dir.or(file.msp_dir),
            tls_ca: flags.tls_ca.or(file.tls_ca),
            tls_cert: flags.tls_cert.or(file.tls_cert),
            tls_key: flags.tls_key.or(file.tls_key),
            admins: file.admins,
        };
        let tls = tls::read(merged.tls_ca.as_deref(), merged.tls_cert.as_deref(), merged.tls_key.as_deref())?;
        match merged {
            ClientConfig {
                orderer: Some(orderer),
                channel: Some(channel),
                msp_id: Some(msp_id),
                msp_dir: Some(msp_dir),
                admins,
                ..
            } => {
                let signer = Signer::from_msp_dir(&msp_id, &msp_dir)?;
                let admins = admins.into_iter().map(|it| SignAs { msp_id: it.msp_id, msp_dir: it.msp_dir });
                let (channel, admins) = (ChannelId(channel), admins.collect());
                Ok(Settings { orderer, channel, signer, tls, admins, is_of_the_folder, beside })
            }
            incomplete => Err(unconfigured(&incomplete, path)),
        }
    }
}

impl Flags {
    /// What `--tls-ca`, `--tls-cert` and `--tls-key` name.
    ///
    /// # Errors
    ///
    /// A file cannot be used, or one of the three is missing beside another.
    pub fn tls(&self) -> Result<Option<ClientTls>, Failure> {
        tls::read(self.tls_ca.as_deref(), self.tls_cert.as_deref(), self.tls_key.as_deref())
    }
}

/// The flags that would be needed.
fn missing(config: &ClientConfig) -> impl Iterator<Item = &'static str> {
    [
        (config.orderer.is_none(), "--orderer HOST:PORT"),
        (config.channel.is_none(), "--channel NAME"),
        (config.msp_id.is_none(), "--msp-id ID"),
        (config.msp_dir.is_none(), "--msp-dir DIR"),
    ]
    .into_iter()
    .filter_map(|(is_missing, flag)| is_missing.then_some(flag))
}

fn unconfigured(config: &ClientConfig, path: Option<PathBuf>) -> Failure {
    let missing = missing(config).collect::<Vec<_>>().join(" ");
    let (sentence, hint) = match path {
        Some(path) => (
            format!("{} and the flags leave out {missing}", path.display()),
            format!("give it as flag, or in the file: `{} help {}`", program(), Code::Unconfigured),
        ),
        None => (
            format!("no {} is in this folder or above it, and no flag says {missing}", client::FILE),
            format!("`{} dev` starts an orderer here and writes the file; or give the flags", program()),
        ),
    };
    Failure::new(Code::Unconfigured, Exit::Usage, sentence).hint(hint)
}

impl Settings {
    /// Connects.
    ///
    /// # Errors
    ///
    /// The address is none, or nobody answers there.
    pub async fn connect(self) -> Result<Connection, Failure> {
        let client = self.client().await?;
        Ok(Connection { client, channel: self.channel, signer: self.signer })
    }

    /// Makes one more connection.
    ///
    /// # Errors
    ///
    /// As [`Settings::connect`].
    pub async fn client(&self) -> Result<Client, ClientError> {
        Client::connect_with(&self.orderer, Patience::default(), self.tls.clone()).await
    }

    /// The orderer's address.
    pub fn orderer(&self) -> &str {
        &self.orderer
    }

    /// Who signs.
    pub const fn signer(&self) -> &Signer {
        &self.signer
    }
}

// === impl Connection ===

impl Connection {
    /// Asks for blocks, as [`client::range`] does.
    ///
    /// # Errors
    ///
    /// The request cannot be signed.
    pub fn deliver(&self, start: Place, stop: Place, is_following: bool) -> Result<Deliveries, Failure> {
        let seek = client::range(start, stop, is_following);
        let hash = self.client.certificate_hash();
        let seek = self.signer.bound_seek(&self.channel, &seek, SystemTime::now(), hash)?;
        Ok(self.client.deliver(&seek))
    }

    /// Asks for one block. Looked at is only whether it has a header, and the number that was asked for.
    ///
    /// # Errors
    ///
    /// There is no such block, the orderer refuses or does not answer, or another block comes.
    pub async fn block(&self, place: Place) -> Result<(common::BlockHeader, common::Block), Failure> {
        let _slow = Slow::new("waiting for the orderer's block");
        let block = self.deliver(place, place, false)?.next().await?.ok_or_else(|| {
            let sentence = format!("the orderer at {} ended without a block", self.client.address());
            Failure::new(Code::BrokenOff, Exit::Unreachable, sentence)
        })?;
        let expected = match place {
            Place::Oldest => Some(0),
            Place::Number(number) => Some(number),
            Place::Newest => None,
        };
        let header = block.header.clone().ok_or(BlockFault::NoHeader { expected: expected.unwrap_or(0) })?;
        match expected {
            Some(expected) if expected != header.number => {
                Err(BlockFault::Number { expected, found: header.number }.into())
            }
            _ => Ok((header, block)),
        }
    }
}
