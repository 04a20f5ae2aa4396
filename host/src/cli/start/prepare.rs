//! What a node needs besides its settings: an identity, an address, a folder, and perhaps a first block. All of it is
//! looked at before anything is made, so that everything that is wrong is told at once.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use raddle_core::ids::ChannelId;
use raddle_serve::participation::AdminSettings;

use crate::cli::logging::Log;
use crate::cli::settings::{check_mapped, read_block_0};
use crate::cli::{Code, Exit, Failure};
use crate::config::{self, BootstrapMethod, Metrics, Origin, Problem, Problems, Settings};
use crate::identity::Signer;
use crate::node::Ledgers;
use crate::operations::OperationsListener;
use crate::orderer::{AdminListener, LEDGERS};

/// What was found, if nothing is wrong.
pub struct Prepared {
    /// Who signs the blocks.
    pub signer: Signer,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The block of the first channel, if the node has none yet.
    pub genesis: Option<Bytes>,
    /// Where and how admins are served, if they are.
    pub admin: Option<AdminListener>,
    /// Where and how operators are served, if they are.
    pub operations: Option<OperationsListener>,
}

/// Something that is wrong: as one line of many, and as it is told alone.
pub struct Fault {
    /// One line.
    pub problem: Problem,
    failure: Failure,
}

type Looked<T> = Result<T, Box<Fault>>;

/// Looks at everything. Nothing is made or changed.
///
/// # Errors
///
/// All that is wrong.
pub fn prepare(settings: &Settings, log: Arc<Log>) -> Result<Prepared, Vec<Fault>> {
    let (signer, listen, admin) = (signer(settings), listen(settings), admin(settings));
    let (genesis, folder, operations) = (bootstrap(settings), folder(settings), operations(settings, log));
    match (signer, listen, admin, operations, genesis, folder) {
        (Ok(signer), Ok(listen), Ok(admin), Ok(operations), Ok(genesis), Ok(())) => {
            Ok(Prepared { signer, listen, genesis, admin, operations })
        }
        (signer, listen, admin, operations, genesis, folder) => {
            let listeners = [listen.err(), admin.err(), operations.err()];
            let faults = [signer.err(), genesis.err(), folder.err()].into_iter().chain(listeners);
            Err(faults.flatten().map(|fault| *fault).collect())
        }
    }
}

/// What is wrong with the settings and with what they name, all together.
pub fn all_problems(problems: Problems, faults: &[Fault]) -> Problems {
    let Problems(mut all) = problems;
    // Where a key is wrong, what was looked at is not what it names.
    let of_files = faults.iter().filter(|fault| !all.iter().any(|it| it.key == fault.problem.key));
    let of_files: Vec<_> = of_files.map(|fault| fault.problem.clone()).collect();
    all.extend(of_files);
    all.sort();
    Problems(all)
}

/// How it is told that the node does not start. One fault alone has a code of its own.
pub fn failure(problems: Problems, mut faults: Vec<Fault>) -> Failure {
    match faults.pop() {
        Some(fault) if faults.is_empty() && problems.0.is_empty() => fault.failure,
        last => {
            faults.extend(last);
            all_problems(problems, &faults).into()
        }
    }
}

fn fault(key: &str, origin: &Origin, remedy: &str, failure: Failure) -> Box<Fault> {
    let (origin, key, what) = (origin.clone(), key.to_owned(), failure.sentence.clone());
    Box::new(Fault { problem: Problem { origin, key, what, remedy: remedy.to_owned() }, failure })
}

fn signer(settings: &Settings) -> Looked<Signer> {
    let (id, folder) = (&settings.msp_id, &settings.msp_dir);
    let keys = settings.key_store.as_ref().map(|it| it.value.as_path());
    Signer::from_folders(&id.value, &folder.value, keys).map_err(|error| {
        let hint = format!("General.LocalMSPDir ({}) names the folder", folder.origin);
        let remedy = "name the folder that holds signcerts and keystore of this orderer";
        fault("General.LocalMSPDir", &folder.origin, remedy, Failure::from(error).hint(hint))
    })
}

fn listen(settings: &Settings) -> Looked<SocketAddr> {
    let address = format!("{}:{}", settings.listen_address.value, settings.listen_port.value);
    resolve("General.ListenAddress", &address, &settings.listen_address.origin)
}

fn admin(settings: &Settings) -> Looked<Option<AdminListener>> {
    let admin = &settings.admin;
    if !admin.listens() {
        return Ok(None);
    }
    let address = &admin.listen_address;
    let listen = resolve("Admin.ListenAddress", &address.value, &address.origin)?;
    let body_bytes_max = usize::try_from(admin.body_bytes_max.value).unwrap_or(usize::MAX);
    let settings = AdminSettings { is_enabled: admin.is_enabled.value, body_bytes_max };
    Ok(Some(AdminListener { listen, tls: admin.tls.clone(), settings }))
}

fn operations(settings: &Settings, log: Arc<Log>) -> Looked<Option<OperationsListener>> {
    let operations = &settings.operations;
    if !operations.listens() {
        return Ok(None);
    }
    let address = &operations.listen_address;
    let listen = resolve("Operations.ListenAddress", &address.value, &address.origin)?;
    let has_metrics = operations.metrics.value == Metrics::Prometheus;
    Ok(Some(OperationsListener { listen, tls: operations.tls.clone(), has_metrics, logging: log }))
}

fn resolve(key: &str, address: &str, origin: &Origin) -> Looked<SocketAddr> {
    let failed = |why: String| {
        let sentence = format!("{key} ({origin}): {address} {why}");
        let failure = Failure::new(Code::Settings, Exit::Usage, sentence);
        let remedy = "write an address of this machine, or 0.0.0.0 for all";
        let mut fault = fault(key, origin, remedy, failure);
        fault.problem.what = format!("{address} {why}");
        fault
    };
    config::resolve(address).map_err(failed)
}

/// The block of the first channel, if the node has none yet. As in Fabric the file does not matter any more when one
/// ledger exists.
///
/// Differs: Fabric takes the genesis block of a system channel only. Here it may be any channel's.
///
/// Source: fabric v2.5.16 `orderer/common/server/main.go` `Main`, `initializeBootstrapChannel`.
fn bootstrap(settings: &Settings) -> Looked<Option<Bytes>> {
    const KEY: &str = "General.BootstrapFile";
    if settings.bootstrap_method.value == BootstrapMethod::None || has_ledgers(settings) {
        return Ok(None);
    }
    let file = &settings.bootstrap_file;
    let (bytes, bundle) = read_block_0(&file.value).map_err(|failure| {
        let instead =
            "for a node without a system channel write `BootstrapMethod: none` and join channels one by one";
        let hint = format!("General.BootstrapFile ({}) names it; {instead}", file.origin);
        let remedy = format!("name the block that configtxgen wrote; {instead}");
        fault(KEY, &file.origin, &remedy, failure.hint(hint))
    })?;
    check_mapped(settings, &bundle).map_err(|failure| {
        let remedy = failure.hint.clone().unwrap_or_else(|| "map it in raddle.yaml".to_owned());
        fault(KEY, &file.origin, &remedy, failure)
    })?;
    Ok(Some(bytes))
}

/// A folder that cannot be read is told when the node starts. A channel that was removed does not come back.
fn has_ledgers(settings: &Settings) -> bool {
    let ledgers = Ledgers::at(settings.folder.value.join(LEDGERS));
    let is_some = |channels: std::io::Result<Vec<ChannelId>>| channels.is_ok_and(|all| !all.is_empty());
    ledgers.has_removed() || is_some(ledgers.channels()) || is_some(ledgers.being_joined())
}

/// Whether the folder is one, or can become one.
fn folder(settings: &Settings) -> Looked<()> {
    let folder = &settings.folder;
    let there = folder.value.ancestors().find(|above| !above.as_os_str().is_empty() && above.exists());
    match there.filter(|there| !there.is_dir()) {
        None => Ok(()),
        Some(file) => {
            let sentence = format!("{} is no folder", file.display());
            let hint = format!("FileLedger.Location ({}) names it", folder.origin);
            let failure = Failure::new(Code::File, Exit::Usage, sentence).hint(hint);
            let remedy = "name a folder; it is made if it is not there";
            Err(fault("FileLedger.Location", &folder.origin, remedy, failure))
        }
    }
}
