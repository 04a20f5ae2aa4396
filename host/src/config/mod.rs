//! What an orderer is told: Fabric's `orderer.yaml`, our own `raddle.yaml` beside it, and the environment.
//!
//! Fabric's file is taken unchanged, with Fabric's rules: the folder is `$FABRIC_CFG_PATH`, or `.`, or
//! `/etc/hyperledger/fabric`; case does not count in keys; `ORDERER_GENERAL_LISTENPORT` overrides
//! `General.ListenPort`; relative paths are seen from the file. What Fabric does not know stands in a file of its own,
//! because a Go orderer does not start with keys that it does not know, and must be able to come back.
//!
//! [`Settings::load`] finds all problems at once. [`Setting::origin`] tells where each value comes from.
//!
//! Source: fabric v2.5.16 `orderer/common/localconfig/config.go`, `common/viperutil/config_util.go`.

mod kafka;
mod keys;
mod layer;
mod ordering;
mod problem;
#[cfg(test)]
mod tests;
mod value;
mod yaml;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use layer::Environment;
pub use ordering::{BatchPolicies, BatchPolicyOverride, LogChoice, Ordering};
pub use problem::{Origin, Problem, Problems};
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
    /// `General.BootstrapMethod`, or by its older name `General.GenesisMethod`. Default: `file`.
    pub bootstrap_method: Setting<BootstrapMethod>,
    /// `General.BootstrapFile`, or by its older name `General.GenesisFile`. Default: `genesisblock`.
    pub bootstrap_file: Setting<PathBuf>,
    /// `General.LocalMSPDir`: the identity that signs blocks. Default: `msp`.
    pub msp_dir: Setting<PathBuf>,
    /// `General.LocalMSPID`. Default: `SampleOrg`.
    pub msp_id: Setting<String>,
    /// `General.Authentication.TimeWindow`: how far the clock of who asks for blocks may be from ours. Above zero;
    /// default, as for 0: 15 min.
    pub time_window: Setting<Duration>,
    /// `General.Authentication.NoExpirationChecks`. Default: false.
    pub no_expiration_checks: Setting<bool>,
    /// `General.MaxRecvMsgSize`, in bytes. Default, as for 0: 100 MiB.
    pub receive_bytes_max: Setting<usize>,
    /// `General.MaxSendMsgSize`, in bytes. Default, as for 0: 100 MiB.
    pub send_bytes_max: Setting<usize>,
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
        let mut problems: Vec<Problem> = fabric.problems.into_iter().chain(own.problems).collect();
        if !problems.is_empty() {
            problems.sort();
            return Err(Problems(problems));
        }
        settings.warnings = fabric.warnings.into_iter().chain(own.warnings).collect();
        Ok(settings)
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
    /// Source: fabric v2.5.16 `internal/pkg/comm/config.go` `DefaultMaxRecvMsgSize`.
    const MESSAGE_BYTES: usize = 100 << 20;
    const MESSAGE_BYTES_MAX: u64 = i32::MAX.unsigned_abs() as u64;
    let port = read(layer, "General.ListenPort", 0, |found| value::number(found, u16::MAX.into()));
    let port = or_default(port.map(|port| u16::try_from(port).unwrap_or_default()), 7050);
    let time = read(layer, "General.Authentication.TimeWindow", None, value::duration);
    let bytes = |found: &Found| value::number(found, MESSAGE_BYTES_MAX).map(|bytes| bytes as usize);
    refuse_tls(layer);
    Settings {
        listen_address: text(layer, "General.ListenAddress", "127.0.0.1"),
        listen_port: port,
        bootstrap_method: bootstrap_method(layer),
        bootstrap_file: {
            let file = aliased(layer, "General.BootstrapFile", "General.GenesisFile", "genesisblock");
            file.map(|file| beside.join(file))
        },
        msp_dir: text(layer, "General.LocalMSPDir", "msp").map(|path| beside.join(path)),
        msp_id: text(layer, "General.LocalMSPID", "SampleOrg"),
        time_window: or_default(time.map(Option::unwrap_or_default), Duration::from_secs(15 * 60)),
        no_expiration_checks: read(layer, "General.Authentication.NoExpirationChecks", false, value::boolean),
        receive_bytes_max: or_default(read(layer, "General.MaxRecvMsgSize", 0, bytes), MESSAGE_BYTES),
        send_bytes_max: or_default(read(layer, "General.MaxSendMsgSize", 0, bytes), MESSAGE_BYTES),
        folder: text(layer, "FileLedger.Location", "/var/hyperledger/production/orderer")
            .map(|path| beside.join(path)),
        kafka: raddle_ordering::kafka::Settings::default(),
        ordering: Ordering {
            kafka: Setting::default_of(LogChoice::Channel),
            solo: Setting::default_of(LogChoice::Local),
            etcdraft: Setting::default_of(LogChoice::None),
            channels: Default::default(),
        },
        batch_policies: Setting::default_of(BatchPolicies::None),
        batch_policy_override: None,
        warnings: Vec::new(),
    }
}

impl<T> Setting<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: change(self.value), origin: self.origin }
    }
}

/// Fabric takes a zero for a key that nobody set.
fn or_default<T: Default + PartialEq>(setting: Setting<T>, default: T) -> Setting<T> {
    if setting.value == T::default() { Setting::default_of(default) } else { setting }
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

fn text(layer: &mut Layer<'_>, key: &'static str, default: &str) -> Setting<String> {
    or_default(read(layer, key, String::new(), value::text), default.to_owned())
}

/// A key, and its name in Fabric 1.4, which counts where the other is not set.
fn aliased(layer: &mut Layer<'_>, key: &'static str, older: &'static str, default: &str) -> Setting<String> {
    let set = read(layer, key, String::new(), value::text);
    let fallback = text(layer, older, default);
    if set.value.is_empty() { fallback } else { set }
}

fn bootstrap_method(layer: &mut Layer<'_>) -> Setting<BootstrapMethod> {
    const KEY: &str = "General.BootstrapMethod";
    let name = aliased(layer, KEY, "General.GenesisMethod", "file");
    let value = match name.value.as_str() {
        "file" => BootstrapMethod::File,
        "none" => BootstrapMethod::None,
        other => {
            let what = format!("{other:?} is no method");
            let remedy = match other {
                "provisional" => "make a block with configtxgen, and write file",
                _ => "write file or none",
            };
            report(layer, KEY, &name.origin, Wrong { what, remedy: remedy.to_owned() });
            BootstrapMethod::None
        }
    };
    Setting { value, origin: name.origin }
}

/// Who asks for TLS must not be served without it.
fn refuse_tls(layer: &mut Layer<'_>) {
    const KEY: &str = "General.TLS.Enabled";
    let enabled = read(layer, KEY, false, value::boolean);
    if enabled.value {
        let what = "this version serves without TLS".to_owned();
        let remedy = "write false, and put the node behind something that ends TLS".to_owned();
        report(layer, KEY, &enabled.origin, Wrong { what, remedy });
    }
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
