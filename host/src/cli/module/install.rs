//! `raddle module install`.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use raddle_core::bundle::RADDLE_1_0;
use raddle_proto::common::Config;
use raddle_rules::check::{self, ModuleKind};
use raddle_rules::profile::ModuleLimits;
use raddle_rules::{Digest, SETTINGS_BYTES_MAX, SETTINGS_MAX};

use crate::admin::modules::{self, Installed, Kind, Mode, OWNER, Setting, Spec};
use crate::admin::update::{Draft, compute};
use crate::cli::channel::change::{Options, carry_out};
use crate::cli::channel::current::Current;
use crate::cli::connection::block_on;
use crate::cli::{Code, Exit, Failure, program};

/// Where a filter stands that asks for no place.
const ORDER: u32 = 100;

/// Bytes that a config block must have left: the update that removes a module has to fit.
const REPAIR_BYTES: usize = 256 << 10;

/// Most bytes of a component's file that are read; the static check says what is wrong with a longer one.
const FILE_BYTES_MAX: u64 = 2 << 20;

/// Options of `raddle module install`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
If a module of the name is installed, what is not given stays as it is: settings, order, mode, limits, owner.

Examples:
  raddle module install no-orders.wasm --set kinds=orders
  raddle module install no-orders.wasm --mode off
  raddle module install mine.wasm --mod-policy /Channel/Application/Admins --sign-as OrdererMSP:orderer/admin/msp

More: `raddle help module`.")]
pub struct Arguments {
    /// The WebAssembly component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The module's name; the file's unless given
    #[arg(long)]
    name: Option<String>,
    /// What it must be; the component itself says what it is
    #[arg(long, value_enum)]
    kind: Option<KindFlag>,
    /// Filters are asked in ascending order [default: 100]
    #[arg(long, value_name = "N")]
    order: Option<u32>,
    /// Whether its word counts [default: enforce]
    #[arg(long, value_enum)]
    mode: Option<ModeFlag>,
    /// A setting of the module; may be given several times. Given once, all are new
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The policy whose owners may change the module later [default: /Channel/Orderer/Admins]
    #[arg(long, value_name = "POLICY")]
    mod_policy: Option<String>,
    /// Most fuel of one call
    #[arg(long, value_name = "FUEL")]
    fuel: Option<u64>,
    /// Most bytes of an instance's memory
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    /// The author's version, for people
    #[arg(long, value_name = "TEXT")]
    module_version: Option<String>,
    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum KindFlag {
    Filter,
    BatchPolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ModeFlag {
    Enforce,
    Shadow,
    Off,
}

/// A component that passed the static check.
struct Component {
    bytes: Bytes,
    kind: Kind,
    fuel_max: u64,
}

/// Installs a module.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.options.connection.settings()?;
    let component = read(&arguments.file)?;
    if let Some(kind) = arguments.kind
        && (kind == KindFlag::Filter) != (component.kind == Kind::Filter)
    {
        return Err(refused(format!("{} is a {}", arguments.file.display(), component.kind)));
    }
    block_on(carry_out(&arguments.options, settings, &|current| {
        let (spec, owner) = arguments.spec(&component, &current.config)?;
        let config = modules::with(&current.config, &spec, &owner)?;
        check_room(current, &config)?;
        tell(current, &spec);
        Ok(config)
    }))
}

impl Arguments {
    /// The module, and the policy of its owners.
    fn spec(&self, component: &Component, config: &Config) -> Result<(Spec, String), Failure> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        check_name(&name)?;
        let before = modules::find(config, &name);
        let owner = before.as_ref().map_or(OWNER, |before: &Installed| before.mod_policy.as_str());
        let owner = self.mod_policy.clone().unwrap_or_else(|| owner.to_owned());
        let before = before.and_then(|before| before.spec.ok());
        let limits = match component.kind {
            Kind::Filter => ModuleLimits::of_filter(),
            Kind::BatchPolicy => ModuleLimits::default(),
        };
        let fuel = self.fuel.or(before.as_ref().map(|it| it.fuel)).unwrap_or(limits.fuel_per_call());
        let memory =
            self.memory.or(before.as_ref().map(|it| it.memory_bytes)).unwrap_or(limits.memory_bytes());
        ModuleLimits::new(fuel, memory).map_err(|error| refused(error.to_string()))?;
        if fuel > component.fuel_max {
            let most = component.fuel_max;
            let sentence = format!(
                "{fuel} fuel a call would let this component's stack overflow; at most {most} is allowed"
            );
            return Err(refused(sentence));
        }
        let kept = before.as_ref().map(|it| it.settings.clone()).unwrap_or_default();
        let spec = Spec {
            kind: component.kind,
            version: self
                .module_version
                .clone()
                .or(before.as_ref().map(|it| it.version.clone()))
                .unwrap_or_default(),
            mode: match self.mode {
                Some(ModeFlag::Enforce) => Mode::Enforce,
                Some(ModeFlag::Shadow) => Mode::Shadow,
                Some(ModeFlag::Off) => Mode::Off,
                None => before.as_ref().map_or(Mode::Enforce, |it| it.mode),
            },
            order: self.order.or(before.as_ref().map(|it| it.order)).unwrap_or(ORDER),
            settings: if self.set.is_empty() { kept } else { settings(&self.set)? },
            fuel,
            memory_bytes: memory,
            digest: Digest::of(&component.bytes),
            component: component.bytes.clone(),
            name,
        };
        Ok((spec, owner))
    }
}

fn read(path: &Path) -> Result<Component, Failure> {
    let failed = |what: String| {
        Failure::new(Code::File, Exit::Usage, format!("{} cannot be read: {what}", path.display()))
    };
    let size = path.metadata().map_err(|error| failed(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(refused(format!("{} has {size} bytes, a component has at most 1048576", path.display())));
    }
    let bytes = Bytes::from(std::fs::read(path).map_err(|error| failed(error.to_string()))?);
    let checked = check::check(&bytes)
        .map_err(|refusal| refused(format!("{} is no module: {refusal}", path.display())))?;
    let kind = match checked.kind() {
        ModuleKind::Filter => Kind::Filter,
        ModuleKind::BatchPolicy => Kind::BatchPolicy,
    };
    Ok(Component { bytes, kind, fuel_max: checked.fuel_per_call_max() })
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_right = (1..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(is_known);
    if is_right {
        return Ok(());
    }
    let sentence = format!(
        "{name:?} is no name of a module: a lower-case letter, then lower-case letters, digits and hyphens, at most \
         64 in all"
    );
    Err(refused(sentence).hint("--name gives it another one than the file's"))
}

fn settings(set: &[String]) -> Result<Vec<Setting>, Failure> {
    let mut settings = Vec::new();
    for text in set {
        let pair = text.split_once('=');
        let (key, value) =
            pair.ok_or_else(|| refused(format!("{text:?} is no setting of the form KEY=VALUE")))?;
        settings.push(Setting { key: key.to_owned(), value: value.to_owned() });
    }
    settings.sort_by(|left, right| left.key.cmp(&right.key));
    let doubled = settings.windows(2).find_map(|pair| match pair {
        [one, other] if one.key == other.key => Some(one.key.clone()),
        _ => None,
    });
    if let Some(key) = doubled {
        return Err(refused(format!("setting {key:?} is given twice")));
    }
    let bytes: usize = settings.iter().map(|it| it.key.len() + it.value.len()).sum();
    if settings.len() > SETTINGS_MAX || bytes > SETTINGS_BYTES_MAX {
        let count = settings.len();
        return Err(refused(format!(
            "{count} settings of {bytes} bytes are too many: at most {SETTINGS_MAX} of {SETTINGS_BYTES_MAX} bytes"
        )));
    }
    Ok(settings)
}

/// A config block holds a new module twice, and the update that removes it has to fit too.
fn check_room(current: &Current, config: &Config) -> Result<(), Failure> {
    use prost::Message as _;
    let Ok(update) = compute(&current.bundle.channel, &current.config, config) else { return Ok(()) };
    let used = config.encoded_len() + Draft::new(update).marshal().len() + REPAIR_BYTES;
    let most = current.bundle.batch_size.absolute_max_bytes;
    if used <= most as usize {
        return Ok(());
    }
    let sentence = format!(
        "the config block would need {used} bytes, with {REPAIR_BYTES} kept free for the update that removes the \
         module; BatchSize.AbsoluteMaxBytes allows {most}"
    );
    Err(refused(sentence).hint(format!(
        "make the component smaller, or raise it: `{} channel config update --set \
         /Channel/Orderer/BatchSize/absolute_max_bytes=BYTES`",
        program()
    )))
}

/// What whoever installs a module should know.
fn tell(current: &Current, spec: &Spec) {
    if current.bundle.has_raddle_1_0() {
        return;
    }
    match spec.kind {
        Kind::Filter => anstream::eprintln!(
            "note: orderers that are not Raddle's do not ask this filter; it is as strong as the weakest orderer"
        ),
        Kind::BatchPolicy => anstream::eprintln!(
            "note: no orderer asks this batch policy until the orderer capability {RADDLE_1_0} is set, with which \
             orderers that are not Raddle's stop"
        ),
    }
}

fn refused(sentence: String) -> Failure {
    Failure::new(Code::ModuleRefused, Exit::Usage, sentence)
}
