//! `raddle module install`.

use std::path::PathBuf;
use std::sync::Arc;

use raddle_core::bundle::{CurrentConfig, RADDLE_1_0};
use raddle_proto::common::Config;
use raddle_rules::Digest;

use super::check::not_installed;
use super::component::{Component, check_name, refused, settings};
use super::new::KindFlag;
use crate::admin::modules::{self, Installed, Kind, Mode, OWNER, Spec};
use crate::admin::update::{Draft, compute};
use crate::cli::channel::change::{Options, carry_out};
use crate::cli::channel::current::Current;
use crate::cli::connection::block_on;
use crate::cli::output::printable;
use crate::cli::progress::Slow;
use crate::cli::{Failure, compile_worker, program};
use crate::workbench::{self, ORDER, Workbench};

/// Bytes that a config block must have left: the update that removes a module has to fit.
const REPAIR_BYTES: usize = 256 << 10;

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
    /// The WebAssembly component, or the folder that it was built in
    #[arg(value_name = "FILE|DIR")]
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
enum ModeFlag {
    Enforce,
    Shadow,
    Off,
}

/// Installs a module.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.options.connection.settings()?;
    let component = Component::read(&arguments.file)?;
    if let Some(kind) = arguments.kind
        && (kind == KindFlag::Filter) != (component.kind == Kind::Filter)
    {
        return Err(refused(format!("{} is a {}", arguments.file.display(), component.kind)));
    }
    block_on(carry_out(&arguments.options, settings, &|current| {
        let (spec, owner) = arguments.spec(&component, &current.config)?;
        let config = modules::with(&current.config, &spec, &owner)?;
        check_room(current, &config)?;
        ask(current, &config, &spec)?;
        tell(current, &spec);
        Ok(config)
    }))
}

impl Arguments {
    /// The module, and the policy of its owners.
    fn spec(&self, component: &Component, config: &Config) -> Result<(Spec, String), Failure> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => component.stem.clone(),
        };
        check_name(&name)?;
        let before = modules::find(config, &name);
        let owner = before.as_ref().map_or(OWNER, |before: &Installed| before.mod_policy.as_str());
        let owner = self.mod_policy.clone().unwrap_or_else(|| owner.to_owned());
        let before = before.and_then(|before| before.spec.ok());
        let limits = component.limits();
        let fuel = self.fuel.or(before.as_ref().map(|it| it.fuel)).unwrap_or(limits.fuel_per_call());
        let memory =
            self.memory.or(before.as_ref().map(|it| it.memory_bytes)).unwrap_or(limits.memory_bytes());
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
        workbench::check(&spec).map_err(|refusal| refused(refusal.sentence))?;
        Ok((spec, owner))
    }
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

/// Asks the module about its settings, as the orderer will: what it does not take is not sent.
fn ask(current: &Current, config: &Config, spec: &Spec) -> Result<(), Failure> {
    let before = modules::find(&current.config, &spec.name).and_then(|before| before.spec.ok());
    let is_known = before.is_some_and(|before| before.digest == spec.digest);
    if spec.mode == Mode::Off && is_known {
        return Ok(());
    }
    // Without a config that can be read there is nothing to ask it in, and the orderer says what is wrong with that.
    let Ok(next) = CurrentConfig::read(current.bundle.channel.clone(), config.clone()) else { return Ok(()) };
    let _slow = Slow::new("asking the module about its settings, for which it is compiled");
    let asked = Workbench::new(compile_worker::worker())
        .map_err(|error| error.to_string())
        .map(|bench| bench.install(spec, &Arc::clone(&next.bundle)));
    let cause = match asked {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) if error.is_refusal() => return Err(not_installed(&spec.name, &error)),
        Ok(Err(error)) => error.to_string(),
        Err(cause) => cause,
    };
    // This machine does not run the module; the orderer's may.
    anstream::eprintln!("note: the module was not asked here about its settings: {}", printable(&cause));
    Ok(())
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
