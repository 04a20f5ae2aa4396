//! What was measured, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use raddle_proto::common::Status;
use serde::Serialize;

use super::{Arguments, blocks_failure, interrupted, of_channel};
use crate::cli::connection::Settings;
use crate::cli::output::{Output, count, print, print_json, printable};
use crate::cli::{Code, Exit, Failure};
use crate::client::Refusal;
use crate::load::{InBlocks, Latencies, Measured, Plan, Pool};

/// A rate that is kept to less than this is said not to be kept.
const KEPT: f64 = 0.99;

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    channel: String,
    streams: usize,
    in_flight: usize,
    connections: u32,
    envelope_bytes: usize,
    rate: Option<f64>,
    warm_up_s: f64,
    interrupted_after_s: Option<f64>,
    elapsed_s: f64,
    taken: u64,
    taken_per_s: f64,
    bytes_per_s: f64,
    latency: Times,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_block: Option<Times>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<u64>,
    refused: BTreeMap<i32, u64>,
    first_refusal: Option<FirstRefusal>,
    behind_a_refusal: u64,
    unanswered: u64,
    signed: usize,
    sent: u64,
    client_cpu_us: Option<f64>,
}

/// How long something took, in milliseconds.
#[derive(Debug, Serialize)]
struct Times {
    count: u64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

#[derive(Debug, Serialize)]
struct FirstRefusal {
    status: i32,
    info: String,
    code: Option<String>,
}

// === impl Times ===

impl Times {
    fn of(latencies: &Latencies) -> Self {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let at = |share: f64| ms(latencies.at(share));
        Self {
            count: latencies.count(),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            max_ms: ms(latencies.max()),
        }
    }

    fn text(&self) -> String {
        if self.count == 0 {
            return "none".to_owned();
        }
        let Self { p50_ms, p90_ms, p99_ms, max_ms, .. } = self;
        format!("p50 {p50_ms:.2} ms   p90 {p90_ms:.2} ms   p99 {p99_ms:.2} ms   max {max_ms:.2} ms")
    }
}

// === impl Report ===

impl Report {
    /// What was measured, and why the command does not end well, if it does not.
    pub fn new(
        arguments: &Arguments,
        plan: &Plan,
        settings: &Settings,
        pool: &Pool,
        measured: Measured,
        in_blocks: Option<InBlocks>,
    ) -> (Self, Option<Failure>) {
        let Measured { elapsed, taken, latencies, mut streams, cpu, interrupted } = measured;
        let mut refused = BTreeMap::new();
        for (status, number) in streams.iter().flat_map(|stream| &stream.refused) {
            *refused.entry(*status).or_insert(0) += number;
        }
        let first = streams.iter_mut().find_map(|stream| stream.first_refusal.take());
        let sum = |part: fn(&crate::load::Finished<()>) -> u64| streams.iter().map(part).sum::<u64>();
        let elapsed_s = elapsed.as_secs_f64();
        let taken_per_s = if elapsed.is_zero() { 0.0 } else { taken as f64 / elapsed_s };
        let report = Self {
            channel: of_channel(settings),
            streams: plan.streams,
            in_flight: plan.in_flight,
            connections: arguments.connections.unwrap_or(arguments.streams).min(arguments.streams),
            envelope_bytes: pool.envelope_bytes(),
            rate: plan.rate,
            warm_up_s: plan.warm_up.as_secs_f64(),
            interrupted_after_s: interrupted.map(|after| after.as_secs_f64()),
            elapsed_s,
            taken,
            taken_per_s,
            bytes_per_s: taken_per_s * pool.envelope_bytes() as f64,
            latency: Times::of(&latencies),
            to_block: in_blocks.as_ref().map(|it| Times::of(&it.latencies)),
            blocks: in_blocks.as_ref().map(|it| it.blocks),
            refused,
            first_refusal: first.as_ref().map(FirstRefusal::of),
            behind_a_refusal: sum(|stream| stream.behind),
            unanswered: sum(|stream| stream.broken.as_ref().map_or(0, |it| it.unanswered)),
            signed: pool.len(),
            sent: sum(|stream| stream.sent),
            client_cpu_us: cpu.filter(|_| taken > 0).map(|cpu| cpu.as_secs_f64() * 1e6 / taken as f64),
        };
        let broken = streams.into_iter().find_map(|stream| stream.broken);
        let failure = match (broken, first) {
            (Some(broken), _) => Some(report.broken(broken.error.map(Failure::from), settings)),
            (None, Some(refusal)) => Some(report.refused(refusal)),
            (None, None) => blocks_failure(in_blocks.as_ref()),
        };
        let failure = report.interrupted(failure);
        (report, failure)
    }

    /// Who interrupts a load expects nothing else to be said first, also where it has ended something else.
    fn interrupted(&self, failure: Option<Failure>) -> Option<Failure> {
        let Some(told) = self.interruption() else { return failure };
        let told = interrupted(told);
        Some(match failure {
            Some(failure) => told.line("also", &failure.sentence),
            None => told,
        })
    }

    /// That the load did not come to its end, if it did not.
    fn interruption(&self) -> Option<String> {
        let after_s = self.interrupted_after_s?;
        let when = if after_s < self.warm_up_s { ", within the warm-up" } else { "" };
        Some(format!("interrupted after {after_s:.1} s{when}: the figures are of what was sent until then"))
    }

    fn broken(&self, failure: Option<Failure>, settings: &Settings) -> Failure {
        let failure = failure.unwrap_or_else(|| {
            let sentence =
                format!("the orderer at {} ended a stream before it had answered all", settings.orderer());
            Failure::new(Code::BrokenOff, Exit::Unreachable, sentence)
        });
        let unanswered = count(self.unanswered, "envelope", "envelopes");
        failure.line("sent", &format!("{unanswered} may be ordered, or not; the load ended there"))
    }

    fn refused(&self, refusal: Refusal) -> Failure {
        let number: u64 = self.refused.values().sum();
        let text = match self.latency.count {
            0 => format!("all that were answered, {number}; nothing was taken"),
            _ => format!("{number} envelopes, of which this is the first"),
        };
        Failure::from(refusal).line("number", &text)
    }

    /// Prints it.
    pub fn print(&self, output: Output) -> Result<(), Failure> {
        match output {
            Output::Text => print(&self.text()),
            Output::Json => print_json(self),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let pace = match self.rate {
            Some(rate) => format!("{rate} a second"),
            None => "closed loop".to_owned(),
        };
        let _ = writeln!(
            text,
            "load       {}   {} × {} in flight, {}, {pace}, {:.1} s behind {:.1} s of warm-up",
            self.channel,
            count(self.streams as u64, "stream", "streams"),
            self.in_flight,
            count(self.envelope_bytes as u64, "byte", "bytes"),
            self.elapsed_s,
            self.warm_up_s
        );
        let _ = writeln!(
            text,
            "taken      {}   {:.0} a second   {:.2} MB/s",
            self.taken,
            self.taken_per_s,
            self.bytes_per_s / 1e6
        );
        let _ = writeln!(text, "answer     {}", self.latency.text());
        if let Some(to_block) = &self.to_block {
            let blocks = count(self.blocks.unwrap_or_default(), "block", "blocks");
            let _ = writeln!(text, "in block   {}   {blocks}", to_block.text());
        }
        if !self.refused.is_empty() {
            let by_status = self.refused.iter().map(|(status, number)| {
                let name = Status::try_from(*status).map_or_else(|_| "", |status| status.as_str_name());
                format!("{status} {name} {number}").replace("  ", " ")
            });
            let by_status = by_status.collect::<Vec<_>>().join("   ");
            let _ = writeln!(text, "refused    {by_status}   {} behind them", self.behind_a_refusal);
        }
        if let Some(cpu) = self.client_cpu_us {
            let _ = writeln!(text, "itself     {cpu:.1} µs of a processor an envelope");
        }
        for note in self.notes() {
            let _ = writeln!(text, "note       {note}");
        }
        text
    }

    /// What the figures do not show and somebody should know.
    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<_> = self.interruption().into_iter().collect();
        let signed = self.signed as u64;
        if self.sent > signed {
            let times = self.sent.div_ceil(signed.max(1));
            notes.push(format!(
                "{signed} envelopes were signed beforehand, and each was sent up to {times} times: orderers take \
                 copies, peers mark them as such"
            ));
        }
        if let Some(rate) = self.rate
            && self.taken > 0
            && self.taken_per_s < KEPT * rate
        {
            notes.push(format!(
                "of {rate} a second {:.0} were answered: latencies hold the time that envelopes waited to be sent",
                self.taken_per_s
            ));
        }
        notes
    }
}

impl FirstRefusal {
    fn of(refusal: &Refusal) -> Self {
        let Refusal { status, detail, .. } = refusal;
        Self { status: *status, info: printable(&refusal.sentence()), code: detail.code.clone() }
    }
}
