//! `raddle module run`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use raddle_core::bundle::{CurrentConfig, is_config_block, read_config_block};
use raddle_core::cutter::CutReason;
use raddle_proto::common;
use raddle_proto::wire::go_decode;
use raddle_rules::admission::CustomFilter;
use raddle_rules::store::{CustomBatchPolicy, Prepared};
use raddle_rules::{GuestStack, on_guest_stack};

use super::check::{not_installed, not_prepared};
use super::component::{Component, Told, refused};
use crate::cli::block::each_verified;
use crate::cli::channel::current;
use crate::cli::connection::{Flags, block_on};
use crate::cli::output::{count, print, printable};
use crate::cli::{Code, Exit, Failure, compile_worker, files};
use crate::client::{Place, envelopes};
use crate::workbench::changes::{Change, Comparison, NotCompared, present_cuts};
use crate::workbench::replay::{Batch, Cuts, Judged, Judging, RealBlock, ReplayFault, cuts, normal};
use crate::workbench::{Spent, Workbench};

/// As many envelopes or batches get a line of their own, unless all shall.
const LINES_MAX: u64 = 20;

/// Options of `raddle module run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  raddle module run my-rule.wasm --set allow=Org1MSP --from 1
  raddle module run my-rule.wasm --set allow=Org1MSP --block config.block --block 7.block --bench

The channel's present rules are asked as well: what the module would change stands at the end. Envelopes are taken for \
received when they were sent, and no time-to-cut comes: blocks do not tell more. More: `raddle help author`.")]
pub struct Arguments {
    /// The WebAssembly component, or the folder that it was built in
    #[arg(value_name = "FILE|DIR")]
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
    #[arg(long, conflicts_with = "all")]
    summary: bool,
    /// Print a line for each envelope or batch, also beyond the first 20
    #[arg(long)]
    all: bool,
    /// Measure how many envelopes one processor core can ask the filter about
    #[arg(long)]
    bench: bool,
    #[command(flatten)]
    connection: Flags,
}

/// Blocks, and the config that the module is run under.
struct Scene {
    blocks: Vec<RealBlock>,
    config: Arc<CurrentConfig>,
}

/// Runs a module on real envelopes.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let component = Component::read(&arguments.file)?;
    let spec = component.spec(&arguments.told)?;
    let scene = if arguments.block.is_empty() { arguments.fetched()? } else { arguments.read()? };
    let bench = Workbench::new(compile_worker::worker())?;
    let module =
        bench.install(&spec, &scene.config.bundle).map_err(|error| not_installed(&spec.name, &error))?;
    on_guest_stack("run", |stack| match &module {
        Prepared::Filter(filter) => arguments.judge(&bench, stack, &scene, filter),
        Prepared::BatchPolicy(policy) => arguments.cut(&bench, stack, &scene, policy),
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
            let config = CurrentConfig::read(connection.channel.clone(), current.config);
            let config = config.map_err(|error| {
                let sentence = format!("the config in block {} cannot be used: {error}", current.block);
                Failure::new(Code::ConfigUnusable, Exit::Failed, sentence)
            })?;
            Ok(Scene { blocks, config: Arc::new(config) })
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
        Ok(Scene { blocks, config: read.config })
    }

    fn judge(
        &self,
        bench: &Workbench,
        stack: GuestStack,
        scene: &Scene,
        filter: &CustomFilter,
    ) -> Result<(), Failure> {
        let judging = Judging::new(bench, stack, (&scene.config.access, &scene.config.bundle), filter)
            .map_err(|error| not_prepared(&error.into()))?;
        let comparison =
            Comparison::new(bench, stack, &scene.config, filter).map_err(|error| match error {
                NotCompared::Rules(error) => refused(error.to_string()),
                NotCompared::Load(error) => local(&error.to_string()),
            })?;
        let mut changes = Changes::default();
        let mut summary = Summary::default();
        let mut lines = self.lines();
        for block in &scene.blocks {
            let judged = judging.block(block).map_err(|fault| local(&fault.to_string()))?;
            for judged in &judged {
                summary.add(judged);
                lines.print(|| line(judged))?;
            }
            for (_, envelope) in normal(block) {
                changes.add(&comparison.of(&envelope).map_err(|fault| local(&fault.to_string()))?);
            }
        }
        lines.tell_left_out()?;
        print(&summary.text(scene.blocks.len()))?;
        print(&changes.text(&comparison.left_out))?;
        if self.bench {
            print(&match judging.measure(&scene.blocks) {
                Some(cost) => measured(cost.filter.as_secs_f64(), cost.signature.as_secs_f64()),
                None => "bench       there is no envelope to measure on\n".to_owned(),
            })?;
        }
        Ok(())
    }
}

impl Arguments {
    fn cut(
        &self,
        bench: &Workbench,
        stack: GuestStack,
        scene: &Scene,
        policy: &CustomBatchPolicy,
    ) -> Result<(), Failure> {
        let not_cut = |fault| match fault {
            ReplayFault::Bind(error) => not_prepared(&error.into()),
            ReplayFault::Local(fault) => local(&fault.to_string()),
        };
        let bundle = &scene.config.bundle;
        let (cuts, spent) = cuts(stack, bundle, policy, &scene.blocks).map_err(not_cut)?;
        let present = present_cuts(bench, stack, &scene.config, &scene.blocks).map_err(not_cut)?;
        let mut lines = self.lines();
        for (number, batch) in (1_u64..).zip(&cuts.batches) {
            lines.print(|| cut_line(number, batch))?;
        }
        lines.tell_left_out()?;
        print(&cut_summary(&cuts, &spent, &present, scene.blocks.len()))
    }
}

/// The lines of single envelopes or batches, of which there may be more than people read.
struct Lines {
    /// How many may still be printed.
    left: u64,
    left_out: u64,
    is_summary: bool,
}

impl Arguments {
    const fn lines(&self) -> Lines {
        let left = if self.all { u64::MAX } else { LINES_MAX };
        Lines { left, left_out: 0, is_summary: self.summary }
    }
}

impl Lines {
    fn print(&mut self, line: impl Fn() -> String) -> Result<(), Failure> {
        if self.is_summary {
            return Ok(());
        }
        if self.left == 0 {
            self.left_out = self.left_out.saturating_add(1);
            return Ok(());
        }
        self.left -= 1;
        print(&line())
    }

    fn tell_left_out(&self) -> Result<(), Failure> {
        match self.left_out {
            0 => Ok(()),
            more => print(&format!("… and {}; --all prints them\n", count(more, "line more", "lines more"))),
        }
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

/// What the filter would change.
#[derive(Default)]
struct Changes {
    passes: u64,
    refused: u64,
    passed: u64,
    never: u64,
}

impl Changes {
    fn add(&mut self, change: &Change) {
        let counter = match change {
            Change::Passes => &mut self.passes,
            Change::Refused(_) => &mut self.refused,
            Change::Passed => &mut self.passed,
            Change::NeverPasses => &mut self.never,
        };
        *counter = counter.saturating_add(1);
    }

    fn text(&self, left_out: &[(String, String)]) -> String {
        let Self { passes, refused, passed, never } = self;
        let mut text = format!(
            "changes     {refused} that the channel's rules let pass now would be refused, {passed} that they refuse \
             would pass\n            {passes} pass either way, {never} are refused either way\n",
        );
        text.extend(left_out.iter().map(|(name, cause)| {
            format!("note        {} was not asked: {}\n", printable(name), printable(cause))
        }));
        text
    }
}

fn cut_line(number: u64, batch: &Batch) -> String {
    let Batch { envelopes, size_bytes, reason } = batch;
    let envelopes = count(u64::try_from(*envelopes).unwrap_or(u64::MAX), "envelope", "envelopes");
    let why = match reason {
        CutReason::DoesNotFit => "the next one does not fit",
        CutReason::AbsoluteMaxBytes => "the next one would take it beyond AbsoluteMaxBytes",
        CutReason::Full => "full",
        CutReason::MaxMessageCount => "MaxMessageCount",
        CutReason::TimeToCut => "there are no more",
        CutReason::ConfigFollows | CutReason::Config => "a config block follows",
    };
    format!("batch {number}   {envelopes}   {size_bytes} bytes   {why}\n")
}

fn cut_summary(cuts: &Cuts, spent: &Spent, present: &Cuts, blocks: usize) -> String {
    let sum = |cuts: &Cuts| {
        let sizes = || cuts.batches.iter().map(|batch| batch.envelopes);
        (sizes().sum::<usize>(), sizes().max().unwrap_or_default())
    };
    let (envelopes, most) = sum(cuts);
    let places: BTreeSet<_> = present.places().collect();
    let same = cuts.places().filter(|place| places.contains(place)).count();
    let calls = |total: u64| total.checked_div(spent.calls).unwrap_or_default();
    let batches = u64::try_from(cuts.batches.len()).unwrap_or(u64::MAX);
    let micros = u64::try_from(spent.took.as_micros()).unwrap_or(u64::MAX);
    format!(
        "\ncut         {envelopes} envelopes into {batches} blocks, at most {most} in one; the channel has them in \
         {blocks}\nchanges     the channel's present batch policy would make {} of them, at most {} in one; {same} \
         of the cuts are at the same places\ncosts       {} fuel and {} µs a call on average, at most {} fuel; {} fuel \
         a block, {} bytes of memory\nfaults      {}, at which the standard rule would have cut\n",
        present.batches.len(),
        sum(present).1,
        calls(spent.fuel),
        calls(micros),
        spent.fuel_max,
        spent.fuel.checked_div(batches).unwrap_or_default(),
        spent.memory_max,
        cuts.faults,
    )
}

fn real(block: &common::Block) -> RealBlock {
    RealBlock {
        number: block.header.as_ref().map_or(0, |header| header.number),
        envelopes: envelopes(block).to_vec(),
    }
}

fn local(cause: &str) -> Failure {
    Failure::new(Code::Sandbox, Exit::Failed, cause)
}
