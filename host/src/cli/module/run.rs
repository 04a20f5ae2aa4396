//! `raddle module run`.

use std::path::PathBuf;
use std::sync::Arc;

use raddle_core::access::Access;
use raddle_core::bundle::{Bundle, is_config_block, read_config_block};
use raddle_proto::common;
use raddle_proto::wire::go_decode;
use raddle_rules::admission::CustomFilter;
use raddle_rules::store::{CustomBatchPolicy, Prepared};
use raddle_rules::{GuestStack, on_guest_stack};

use super::check::{not_installed, not_prepared};
use super::component::{Component, Told};
use crate::cli::block::each_verified;
use crate::cli::channel::current;
use crate::cli::connection::{Flags, block_on};
use crate::cli::output::{count, print, printable};
use crate::cli::{Code, Exit, Failure, compile_worker, files};
use crate::client::Place;
use crate::workbench::Workbench;
use crate::workbench::replay::{Judged, Judging, RealBlock, ReplayFault, cuts};

/// Options of `raddle module run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raddle module run my-rule.wasm --set allow=Org1MSP --from 1
  raddle module run my-rule.wasm --set allow=Org1MSP --block config.block --block 7.block --bench

Envelopes are taken for received when they were sent: blocks do not tell more. More: `raddle help author`.")]
pub struct Arguments {
    /// The WebAssembly component
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    told: Told,
    /// A block in a file; may be given several times. One of them, or --config, has the channel's config
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from", "to"])]
    block: Vec<PathBuf>,
    /// The config block that the module is to be run under
    #[arg(long, value_name = "FILE", requires = "block")]
    config: Option<PathBuf>,
    /// The first block, from the orderer
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// The last block; the newest unless given
    #[arg(long, value_name = "M")]
    to: Option<u64>,
    /// Print the summary alone
    #[arg(long)]
    summary: bool,
    /// Measure how many envelopes one processor core can ask the filter about
    #[arg(long)]
    bench: bool,
    #[command(flatten)]
    connection: Flags,
}

/// Blocks, and the config that the module is run under.
struct Scene {
    blocks: Vec<RealBlock>,
    access: Arc<Access>,
    bundle: Arc<Bundle>,
}

/// Runs a module on real envelopes.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let component = Component::read(&arguments.file)?;
    let spec = component.spec(&arguments.told)?;
    let scene = if arguments.block.is_empty() { arguments.fetched()? } else { arguments.read()? };
    let bench = Workbench::new(compile_worker::worker())?;
    let module = bench.install(&spec, &scene.bundle).map_err(|error| not_installed(&spec.name, &error))?;
    on_guest_stack("run", |stack| match &module {
        Prepared::Filter(filter) => arguments.judge(&bench, stack, &scene, filter),
        Prepared::BatchPolicy(policy) => cut(stack, &scene, policy),
    })?
}

impl Arguments {
    fn fetched(&self) -> Result<Scene, Failure> {
        let settings = self.connection.settings()?;
        block_on(async {
            let connection = settings.connect().await?;
            let current = current::fetch(&connection).await?;
            let last = match self.to {
                Some(last) => last,
                None => connection.block(Place::Newest).await?.0.number,
            };
            if last < self.from {
                let sentence = format!("the last block, {last}, is before the first, {}", self.from);
                return Err(Failure::new(Code::BlockRange, Exit::Usage, sentence));
            }
            let mut blocks = Vec::new();
            each_verified(&connection, self.from, last, |block| {
                blocks.push(real(&block));
                Ok(())
            })
            .await?;
            Ok(Scene { blocks, access: current.access, bundle: current.bundle })
        })
    }

    fn read(&self) -> Result<Scene, Failure> {
        let (mut blocks, mut config) = (Vec::new(), self.config.clone());
        for path in &self.block {
            let block: common::Block = go_decode(files::read_block(path)?).map_err(|error| {
                let sentence = format!("{} is no block: {error}", path.display());
                Failure::new(Code::Genesis, Exit::Usage, sentence)
            })?;
            if is_config_block(&block) && self.config.is_none() {
                config = Some(path.clone());
            }
            blocks.push(real(&block));
        }
        let Some(path) = config else {
            let sentence = "none of the blocks has a config, so nobody knows the channel's policies";
            return Err(Failure::new(Code::Genesis, Exit::Usage, sentence)
                .hint("--config names a config block; `peer channel fetch config` writes one"));
        };
        let read = read_config_block(files::read_block(&path)?).map_err(|error| {
            Failure::new(Code::Genesis, Exit::Usage, format!("{}: {error}", path.display()))
        })?;
        Ok(Scene { blocks, access: Arc::clone(&read.config.access), bundle: Arc::clone(&read.config.bundle) })
    }

    fn judge(
        &self,
        bench: &Workbench,
        stack: GuestStack,
        scene: &Scene,
        filter: &CustomFilter,
    ) -> Result<(), Failure> {
        let judging = Judging::new(bench, stack, (&scene.access, &scene.bundle), filter)
            .map_err(|error| not_prepared(&error.into()))?;
        let mut summary = Summary::default();
        for block in &scene.blocks {
            let judged = judging.block(block).map_err(|fault| local(&fault.to_string()))?;
            for judged in &judged {
                summary.add(judged);
                if !self.summary {
                    print(&line(judged))?;
                }
            }
        }
        print(&summary.text(scene.blocks.len()))?;
        if self.bench {
            print(&match judging.measure(&scene.blocks) {
                Some(cost) => measured(cost.filter.as_secs_f64(), cost.signature.as_secs_f64()),
                None => "bench       there is no envelope to measure on\n".to_owned(),
            })?;
        }
        Ok(())
    }
}

/// What all envelopes together led to.
#[derive(Default)]
struct Summary {
    asked: u64,
    refused: u64,
    fuel_max: u64,
    memory_max: u64,
    micros: u128,
}

impl Summary {
    fn add(&mut self, judged: &Judged) {
        self.asked = self.asked.saturating_add(1);
        self.refused = self.refused.saturating_add(u64::from(judged.verdict.is_err()));
        self.fuel_max = self.fuel_max.max(judged.fuel_used);
        self.memory_max = self.memory_max.max(judged.memory_bytes);
        self.micros = self.micros.saturating_add(judged.took.as_micros());
    }

    fn text(&self, blocks: usize) -> String {
        let blocks = count(u64::try_from(blocks).unwrap_or(u64::MAX), "block", "blocks");
        let mean = self.micros.checked_div(u128::from(self.asked)).unwrap_or_default();
        format!(
            "\nasked       about {} of {blocks}\nrefused     {} that the channel took\nmost        {} fuel, {} bytes \
             of memory, {mean} µs on average\n",
            count(self.asked, "envelope", "envelopes"),
            self.refused,
            self.fuel_max,
            self.memory_max,
        )
    }
}

fn line(judged: &Judged) -> String {
    let Judged { block, place, verdict, fuel_used, memory_bytes, took } = judged;
    let verdict = match verdict {
        Ok(()) => "accepted".to_owned(),
        Err(sentence) => format!("REFUSED  {}", printable(sentence)),
    };
    let micros = took.as_micros();
    format!(
        "block {block}, place {place}   {fuel_used} fuel   {memory_bytes} bytes   {micros} µs   {verdict}\n"
    )
}

fn measured(filter: f64, signature: f64) -> String {
    format!(
        "bench       {:.1} µs a call, {:.0} a second on one core; evaluating /Channel/Writers takes {:.1} µs, so the \
         filter costs {:.0} % of that\n",
        filter * 1e6,
        1.0 / filter.max(1e-9),
        signature * 1e6,
        100.0 * filter / signature.max(1e-9),
    )
}

fn cut(stack: GuestStack, scene: &Scene, policy: &CustomBatchPolicy) -> Result<(), Failure> {
    let (cuts, faults) = cuts(stack, &scene.bundle, policy, &scene.blocks).map_err(|fault| match fault {
        ReplayFault::Bind(error) => not_prepared(&error.into()),
        ReplayFault::Local(fault) => local(&fault.to_string()),
    })?;
    let envelopes: usize = cuts.iter().sum();
    let most = cuts.iter().max().copied().unwrap_or_default();
    print(&format!(
        "cut         {envelopes} envelopes into {} blocks, at most {most} in one; the channel has them in {}\n\
         faults      {faults}, at which the standard rule would have cut\n",
        cuts.len(),
        scene.blocks.len(),
    ))
}

fn real(block: &common::Block) -> RealBlock {
    RealBlock {
        number: block.header.as_ref().map_or(0, |header| header.number),
        envelopes: block.data.as_ref().map(|data| data.data.clone()).unwrap_or_default(),
    }
}

fn local(cause: &str) -> Failure {
    Failure::new(Code::Sandbox, Exit::Failed, cause)
}
