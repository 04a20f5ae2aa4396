//! What an orderer is told: Fabric's `orderer.yaml`, our own `raddle.yaml` beside it, and the environment.
//!
//! Fabric's file is taken unchanged, with Fabric's rules: the folder is `$FABRIC_CFG_PATH`, or `.`, or
//! `/etc/hyperledger/fabric`; case does not count in keys; `ORDERER_GENERAL_LISTENPORT` overrides
//! `General.ListenPort`; relative paths are seen from the file. What Fabric does not know stands in a file of its own,
//! because a Go orderer does not start with keys that it does not know, and must be able to come back.
//!
//! [`Settings::load`] finds all problems at once. [`Setting::origin`] tells where each value comes from, and
//! [`Settings::effective`] shows all of them. The tables in `keys` say of every key what it is, what counts where
//! nobody sets it, and whether it has an effect; what has none is warned of.
//!
//! Source: fabric v2.5.16 `orderer/common/localconfig/config.go`, `common/viperutil/config_util.go`.

mod address;
mod admin;
mod bccsp;
mod budgets;
mod cluster;
mod effective;
mod kafka;
mod keys;
mod layer;
mod limits;
mod operations;
mod ordering;
mod problem;
#[cfg(test)]
mod tests;
mod tls;
mod value;
mod yaml;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use address::resolve;
pub use admin::Admin;
pub use budgets::{Budget, Budgets};
pub use cluster::Cluster;
pub use effective::Effective;
pub use keys::Versions;
pub use layer::Environment;
pub use limits::Limits;
pub use operations::{Metrics, Operations};
pub use ordering::{BatchPolicies, BatchPolicyOverride, LogChoice, Ordering};
pub use problem::{Origin, Problem, Problems};
pub use tls::{PairFault, Tls};
pub use yaml::Place;

use keys::{ORDERER, RADDLE};
use layer::{Found, Layer};
use value::Wrong;

/// Where Fabric looks if nobody says where.
const FOLDERS: [&str; 2] = [".", "/etc/hyperledger/fabric"];

/// A value, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Who set it.
    pub origin: Origin,
}

/// From which block a node without ledgers starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootstrapMethod {
    /// From the block in [`Settings::bootstrap_file`].
    File,
    /// From none: channels are joined one by one.
    None,
}

/// All settings of a node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `General.ListenAddress`: a name or an IP address; one of IPv6 in brackets. Default: `127.0.0.1`.
    pub listen_address: Setting<String>,
    /// `General.ListenPort`. Default, as for 0: 7050.
    pub listen_port: Setting<u16>,
    /// `General.TLS`: none where `General.TLS.Enabled` is false, as it is by default.
    pub tls: Option<Tls>,
    /// `General.Cluster`: TLS towards other orderers; none: they are spoken to without.
    pub cluster: Option<Cluster>,
    /// `General.BootstrapMethod`, or by its older name `General.GenesisMethod`. Default: `file`.
    pub bootstrap_method: Setting<BootstrapMethod>,
    /// `General.BootstrapFile`, or by its older name `General.GenesisFile`. Default: `genesisblock`.
    pub bootstrap_file: Setting<PathBuf>,
    /// `General.LocalMSPDir`: the identity that signs blocks. Default: `msp`.
    pub msp_dir: Setting<PathBuf>,
    /// `General.LocalMSPID`. Default: `SampleOrg`.
    pub msp_id: Setting<String>,
    /// `General.BCCSP.SW.FileKeyStore.KeyStore`: a folder with the key of that identity, looked into before the MSP's
    /// own.
    pub key_store: Option<Setting<PathBuf>>,
    /// `General.Keepalive.ServerInterval`: how long a connection is silent before its client is asked. Default, as for
    /// 0: 2 h.
    pub keepalive_interval: Setting<Duration>,
    /// `General.Keepalive.ServerTimeout`: how long the client may take to answer. Default, as for 0: 20 s.
    pub keepalive_timeout: Setting<Duration>,
    /// `General.ConnectionTimeout`: how long a client may take to become one. Default, as for 0: 5 s.
    pub connection_timeout: Setting<Duration>,
    /// `General.Authentication.TimeWindow`: how far the clock of who asks for blocks may be from ours. Above zero;
    /// default, as for 0: 15 min.
    pub time_window: Setting<Duration>,
    /// `General.Authentication.NoExpirationChecks`. Default: false.
    pub no_expiration_checks: Setting<bool>,
    /// `General.MaxRecvMsgSize`, in bytes. Default, as for 0: 100 MiB.
    pub receive_bytes_max: Setting<usize>,
    /// `General.MaxSendMsgSize`, in bytes. Default, as for 0: 100 MiB.
    pub send_bytes_max: Setting<usize>,
    /// `Admin` and `ChannelParticipation`.
    pub admin: Admin,
    /// `Operations` and `Metrics`.
    pub operations: Operations,
    /// `FileLedger.Location`: where log and ledgers are. Default: `/var/hyperledger/production/orderer`.
    pub folder: Setting<PathBuf>,
    /// `Kafka` of both files: how brokers are spoken to. Who they are, `Ordering` or a channel's config says.
    pub kafka: raddle_ordering::kafka::Settings,
    /// `Ordering` of `raddle.yaml`.
    pub ordering: Ordering,
    /// `BatchPolicies` of `raddle.yaml`.
    pub batch_policies: Setting<BatchPolicies>,
    /// `BatchPolicyOverride` of `raddle.yaml`.
    pub batch_policy_override: Option<Setting<BatchPolicyOverride>>,
    /// `Limits` of `raddle.yaml`.
    pub limits: Limits,
    /// `ForkWatch` of `raddle.yaml`: how often the headers of other orderers are compared; none: never. Default: 30 s.
    pub fork_watch: Option<Duration>,
    /// `Budgets` of `raddle.yaml`.
    pub budgets: Budgets,
    /// All keys that have an effect, and those that were set and have none.
    pub effective: Vec<Effective>,
    /// What does not keep the node from starting, and is likely not meant.
    pub warnings: Vec<Problem>,
}

impl Settings {
    /// Reads the files of `folder`, or of the first folder in which Fabric would find one, and the variables.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the files.
    pub fn load(folder: Option<&Path>, environment: &Environment) -> Result<Self, Problems> {
        let (settings, problems) = Self::read(folder, environment)?;
        if problems.0.is_empty() { Ok(settings) } else { Err(problems) }
    }

    /// The same, where problems do not hide the rest: in the place of what is wrong there is its default.
    ///
    /// # Errors
    ///
    /// There is no file.
    pub fn read(folder: Option<&Path>, environment: &Environment) -> Result<(Self, Problems), Problems> {
        let Some(orderer) = find_file(folder, environment) else {
            return Err(Problems(vec![no_file(folder, environment)]));
        };
        let beside = orderer.parent().unwrap_or(Path::new(".")).to_owned();
        let raddle = in_folder(&beside, RADDLE.name);
        let mut fabric = Layer::read(ORDERER, Some(&orderer), environment);
        let mut own = Layer::read(RADDLE, raddle.as_deref(), environment);
        let mut settings = read_fabric(&mut fabric, &beside);
        settings.kafka = kafka::read_section(&mut fabric, &mut own);
        settings.ordering = Ordering::read(&mut own);
        settings.batch_policies = ordering::batch_policies(&mut own);
        settings.batch_policy_override = ordering::batch_policy_override(&mut own);
        settings.limits = Limits::read(&mut own);
        let interval = duration(&mut own, "ForkWatch.Interval").value;
        let is_watching = read(&mut own, "ForkWatch.Enabled", true, value::boolean).value;
        settings.fork_watch = is_watching.then_some(interval);
        let (budgets, of_organisations) = Budgets::read(&mut own);
        settings.budgets = budgets;
        for layer in [&mut fabric, &mut own] {
            layer.check_kinds(&beside);
            layer.warn(&beside);
            settings.effective.extend(layer.effective(&beside));
        }
        settings.effective.extend(settings.ordering.effective());
        settings.effective.extend(of_organisations);
        let mut problems: Vec<Problem> = fabric.problems.into_iter().chain(own.problems).collect();
        problems.sort();
        // A value is looked at by its kind and by its reader.
        problems.dedup();
        settings.warnings = fabric.warnings.into_iter().chain(own.warnings).collect();
        settings.warnings.sort();
        Ok((settings, Problems(problems)))
    }
}

impl<T> Setting<T> {
    pub(crate) const fn default_of(value: T) -> Self {
        Self { value, origin: Origin::Default }
    }
}

/// The variables of this process that settings are read from.
#[must_use]
pub fn environment() -> Environment {
    let is_ours =
        |name: &str| name == "FABRIC_CFG_PATH" || name.starts_with("ORDERER_") || name.starts_with("RADDLE_");
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_ours(name))
        .collect()
}

fn read_fabric(layer: &mut Layer<'_>, beside: &Path) -> Settings {
    bccsp::check(layer);
    let bytes = |layer: &mut Layer<'_>, key| {
        by_table(layer, key, |found| value::number(found, i32::MAX.unsigned_abs().into()))
            .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    };
    let path = |setting: Setting<String>| setting.map(|path| beside.join(path));
    let port = by_table(layer, "General.ListenPort", |found| value::number(found, u16::MAX.into()));
    let tls = tls::read_section(layer, &tls::GENERAL, beside);
    Settings {
        cluster: cluster::read_section(layer, tls.as_ref(), beside),
        tls,
        listen_address: by_table(layer, "General.ListenAddress", value::text),
        listen_port: port.map(|port| u16::try_from(port).unwrap_or_default()),
        bootstrap_method: bootstrap_method(layer),
        bootstrap_file: path(aliased(layer, "General.BootstrapFile", "General.GenesisFile")),
        msp_dir: path(by_table(layer, "General.LocalMSPDir", value::text)),
        msp_id: by_table(layer, "General.LocalMSPID", value::text),
        key_store: bccsp::key_store(layer),
        keepalive_interval: duration(layer, "General.Keepalive.ServerInterval"),
        keepalive_timeout: duration(layer, "General.Keepalive.ServerTimeout"),
        connection_timeout: duration(layer, "General.ConnectionTimeout"),
        time_window: duration(layer, "General.Authentication.TimeWindow"),
        no_expiration_checks: read(layer, "General.Authentication.NoExpirationChecks", false, value::boolean),
        receive_bytes_max: bytes(layer, "General.MaxRecvMsgSize"),
        send_bytes_max: bytes(layer, "General.MaxSendMsgSize"),
        admin: admin::read_sections(layer, beside),
        operations: operations::read_sections(layer, beside),
        folder: path(by_table(layer, "FileLedger.Location", value::text)),
        kafka: raddle_ordering::kafka::Settings::default(),
        ordering: Ordering {
            kafka: Setting::default_of(LogChoice::Channel),
            solo: Setting::default_of(LogChoice::Local),
            etcdraft: Setting::default_of(LogChoice::None),
            channels: Default::default(),
        },
        batch_policies: Setting::default_of(BatchPolicies::None),
        batch_policy_override: None,
        limits: Limits::default(),
        fork_watch: None,
        budgets: Budgets::default(),
        effective: Vec::new(),
        warnings: Vec::new(),
    }
}

impl<T> Setting<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: change(self.value), origin: self.origin }
    }
}

fn read<T>(
    layer: &mut Layer<'_>,
    key: &'static str,
    default: T,
    parse: impl FnOnce(&Found) -> Result<T, Wrong>,
) -> Setting<T> {
    let Some(found) = layer.get(key) else { return Setting::default_of(default) };
    match parse(&found) {
        Ok(value) => Setting { value, origin: found.origin },
        Err(wrong) => {
            report(layer, key, &found.origin, wrong);
            Setting::default_of(default)
        }
    }
}

/// What is set for a key of Fabric, or what the table says. Fabric takes a zero for a key that nobody set.
fn by_table<T: Default + PartialEq>(
    layer: &mut Layer<'_>,
    key: &'static str,
    parse: impl Fn(&Found) -> Result<T, Wrong>,
) -> Setting<T> {
    let set = read(layer, key, T::default(), &parse);
    if set.value != T::default() {
        return set;
    }
    let default = layer.schema().find(key).map(|key| key.default).unwrap_or_default();
    // A test reads all defaults.
    Setting::default_of(parse(&effective::found_default(default)).unwrap_or_default())
}

fn duration(layer: &mut Layer<'_>, key: &'static str) -> Setting<Duration> {
    by_table(layer, key, value::duration).map(Option::unwrap_or_default)
}

fn text(layer: &mut Layer<'_>, key: &'static str, default: &str) -> Setting<String> {
    let set = read(layer, key, String::new(), value::text);
    if set.value.is_empty() { Setting::default_of(default.to_owned()) } else { set }
}

/// A key, and its name in Fabric 1.4, which counts where the other is not set.
fn aliased(layer: &mut Layer<'_>, key: &'static str, older: &'static str) -> Setting<String> {
    let older = read(layer, older, String::new(), value::text);
    let set = by_table(layer, key, value::text);
    if set.origin == Origin::Default && !older.value.is_empty() { older } else { set }
}

fn bootstrap_method(layer: &mut Layer<'_>) -> Setting<BootstrapMethod> {
    const KEY: &str = "General.BootstrapMethod";
    let name = aliased(layer, KEY, "General.GenesisMethod");
    let value = match name.value.as_str() {
        "file" => BootstrapMethod::File,
        "none" => BootstrapMethod::None,
        other => {
            let what = format!("{other:?} is no method");
            let remedy = match other {
                "provisional" => {
                    "make a block with configtxgen, name it in General.BootstrapFile, and write file"
                }
                _ => "write file or none",
            };
            report(layer, KEY, &name.origin, Wrong { what, remedy: remedy.to_owned() });
            BootstrapMethod::None
        }
    };
    Setting { value, origin: name.origin }
}

/// Whether only this machine can connect to an address.
fn is_local(address: &str) -> bool {
    ["127.", "localhost:", "[::1]:"].iter().any(|local| address.starts_with(local))
}

fn report(layer: &mut Layer<'_>, key: &str, origin: &Origin, Wrong { what, remedy }: Wrong) {
    layer.problems.push(Problem { origin: origin.clone(), key: key.to_owned(), what, remedy });
}

/// Source: fabric v2.5.16 `common/viperutil/config_util.go` `ConfigPaths`, `findConfigFile`.
fn find_file(folder: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    folders(folder, environment).iter().find_map(|folder| in_folder(folder, ORDERER.name))
}

fn folders(folder: Option<&Path>, environment: &Environment) -> Vec<PathBuf> {
    if let Some(folder) = folder {
        return vec![folder.to_owned()];
    }
    let set = environment.get("FABRIC_CFG_PATH").filter(|path| !path.is_empty());
    set.map(PathBuf::from).into_iter().chain(FOLDERS.map(PathBuf::from)).collect()
}

fn in_folder(folder: &Path, name: &str) -> Option<PathBuf> {
    ["yaml", "yml"].iter().map(|ending| folder.join(format!("{name}.{ending}"))).find(|path| path.exists())
}

fn no_file(folder: Option<&Path>, environment: &Environment) -> Problem {
    let looked: Vec<String> =
        folders(folder, environment).iter().map(|folder| folder.display().to_string()).collect();
    Problem {
        origin: Origin::Default,
        key: String::new(),
        what: format!("there is no orderer.yaml in {}", looked.join(", ")),
        remedy: "name its folder with --config or $FABRIC_CFG_PATH".to_owned(),
    }
}
