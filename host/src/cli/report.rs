//! How a replay shows itself: a progress bar, a line a block, and the table at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use raddle_core::chain::CutBlock;
use raddle_core::cutter::CutReason;

use super::output::count;
use super::progress::Progress;
use crate::replay::{BlockCount, Summary, Told};

/// Bold, where stderr shows it.
pub fn emphasis(text: &str) -> String {
    let bold = clap::builder::styling::Style::new().bold();
    format!("{bold}{text}{bold:#}")
}

/// Why a block was cut, in words for a table.
#[must_use]
pub const fn reason_words(reason: CutReason) -> &'static str {
    match reason {
        CutReason::MaxMessageCount => "count: MaxMessageCount reached",
        CutReason::DoesNotFit => "bytes: the next envelope does not fit",
        CutReason::Full => "bytes: the envelope fills a block alone",
        CutReason::AbsoluteMaxBytes => "guard: AbsoluteMaxBytes",
        CutReason::TimeToCut => "time: a time-to-cut record",
        CutReason::ConfigFollows => "config follows",
        CutReason::Config => "config",
    }
}

/// Shows a replay while it runs.
pub struct Shown {
    progress: Progress,
    position_bytes: Arc<AtomicU64>,
    records: u64,
    is_verbose: bool,
}

impl Shown {
    /// A bar over `size_bytes`.
    pub fn new(size_bytes: u64, position_bytes: Arc<AtomicU64>, is_verbose: bool) -> Self {
        Self { progress: Progress::of_bytes(size_bytes), position_bytes, records: 0, is_verbose }
    }

    /// Takes what the replay tells.
    pub fn tell(&mut self, told: Told<'_>) {
        match told {
            Told::Record => self.advance(),
            Told::Block(cut) if self.is_verbose => {
                self.progress.aside(|| anstream::println!("{}", block_line(cut)));
            }
            Told::Block(_) => {}
            Told::Note { line, note } if self.is_verbose => {
                self.progress.aside(|| anstream::println!("line {line}: {note}"));
            }
            Told::Note { .. } => {}
            Told::Key { line, key } => self.progress.aside(|| {
                anstream::eprintln!(
                    "line {line}: key {key:?} where orderers write \"0\": taken all the same, as Fabric does not \
                     look at keys"
                );
            }),
        }
    }

    fn advance(&mut self) {
        self.records += 1;
        // Looking at the clock is dearer than counting.
        if !self.records.is_multiple_of(256) {
            return;
        }
        self.progress.reach(self.position_bytes.load(Ordering::Relaxed));
    }

    /// Takes the bar away; answers how long it all took.
    pub fn finish(self) -> Duration {
        self.progress.elapsed()
    }
}

fn block_line(cut: &CutBlock) -> String {
    format!(
        "block {:>6}  {:>5} envelopes  {:>9} bytes  {}",
        cut.block.number,
        cut.block.data.len(),
        cut.size_bytes,
        reason_words(cut.reason)
    )
}

/// Blocks by the reason why they were cut.
#[must_use]
pub fn table(blocks: &BTreeMap<CutReason, BlockCount>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["cut by", "blocks", "envelopes", "bytes"]);
    let mut total = [0; 3];
    for (reason, count) in blocks {
        let amounts = [count.blocks, count.envelopes, count.size_bytes];
        for (sum, amount) in total.iter_mut().zip(amounts) {
            *sum += amount;
        }
        let [blocks, envelopes, bytes] = amounts.map(|amount| amount.to_string());
        table.add_row([reason_words(*reason).to_owned(), blocks, envelopes, bytes]);
    }
    let [blocks, envelopes, bytes] = total.map(|amount| amount.to_string());
    table.add_row(["in all".to_owned(), blocks, envelopes, bytes]);
    align(&mut table, 1)
}

/// A table as text: the first `words` columns to the left, the others, which hold amounts, to the right.
#[must_use]
pub fn align(table: &mut Table, words: usize) -> String {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= words {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// What the table does not show and somebody should know.
#[must_use]
pub fn remarks(summary: &Summary) -> Vec<String> {
    let mut remarks = Vec::new();
    if summary.pending > 0 {
        let pending = count(u64::from(summary.pending), "envelope waits", "envelopes wait");
        remarks.push(format!("{pending} for a cut at the end of the topic, in no block yet"));
    }
    if summary.left_out > 0 {
        let left_out = count(summary.left_out, "record was", "records were");
        remarks
            .push(format!("{left_out} left out, as orderers leave them out; --verbose says which and why"));
    }
    if summary.policy_faults > 0 {
        let faults = count(summary.policy_faults, "batch", "batches");
        remarks.push(format!("the batch policy broke in {faults}; the standard rule cut there"));
    }
    if summary.unjudged > 0 {
        let unjudged = count(summary.unjudged, "envelope was", "envelopes were");
        remarks.push(format!(
            "{unjudged} taken as good without asking the filters: the channel has no resubmission capability, and \
             there each orderer's own verdict decides the block"
        ));
    }
    remarks
}
