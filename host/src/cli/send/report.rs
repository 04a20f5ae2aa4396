//! What became of envelopes, for people and for programs.

use std::fmt::Write as _;

use raddle_core::ids::ChannelId;
use serde::Serialize;
use serde_json::{Map, Value};

use super::sent::Sent;
use super::wait::BlockPlace;
use super::{Ended, of_channel};
use crate::cli::output::{Output, count, print, print_json, printable};
use crate::cli::{Exit, Failure, program};
use crate::client::Refusal;

/// As many envelopes get a line of their own.
const LINES_MAX: usize = 20;

/// What became of envelopes.
pub struct Report {
    /// Where they were sent.
    pub channel: ChannelId,
    /// How many were to be sent.
    pub total: usize,
    /// How many of them, from the first on, the orderer took.
    pub taken: usize,
    /// Those that were sent, in order.
    pub sent: Vec<Sent>,
    /// Where they stand, as far as it is known; empty if nobody looked.
    pub places: Vec<Option<BlockPlace>>,
    /// Whether another command finds the same channel without flags.
    pub is_of_the_folder: bool,
}

#[derive(Serialize)]
struct Json<'a> {
    channel: &'a str,
    total: usize,
    taken: usize,
    envelopes: Vec<JsonEnvelope<'a>>,
    refusal: Option<JsonRefusal<'a>>,
}

#[derive(Serialize)]
struct JsonEnvelope<'a> {
    tx_id: &'a str,
    data_bytes: usize,
    answer: &'static str,
    #[serde(flatten)]
    place: Option<BlockPlace>,
}

#[derive(Serialize)]
struct JsonRefusal<'a> {
    status: i32,
    info: &'a str,
    code: Option<&'a str>,
    reason: &'a Map<String, Value>,
}

// === impl Report ===

impl Report {
    /// Prints what was taken and where it stands.
    pub fn print(&self, output: Output, refusal: Option<&Refusal>) -> Result<(), Failure> {
        match output {
            Output::Text => print(&self.text()),
            Output::Json => print_json(&self.json(refusal)),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let taken = self.sent.iter().take(self.taken);
        let channel = of_channel(&self.channel);
        if self.taken <= LINES_MAX {
            for (index, sent) in taken.enumerate() {
                let bytes = count(sent.data_bytes as u64, "byte", "bytes");
                let place = match self.places.get(index).copied().flatten() {
                    Some(place) => format!("   block {}, place {}", place.block, place.index),
                    None => String::new(),
                };
                let _ = writeln!(text, "taken by {channel}   tx {}   {bytes}{place}", printable(&sent.tx_id));
            }
        } else {
            let bytes: u64 = taken.map(|sent| sent.data_bytes as u64).sum();
            let bytes = count(bytes, "byte", "bytes");
            let _ =
                writeln!(text, "taken by {channel}   {} envelopes   {bytes}{}", self.taken, self.blocks());
        }
        if self.is_of_the_folder && self.taken > 0 {
            let which = self.found().next().map_or("newest".to_owned(), |place| place.block.to_string());
            let _ = writeln!(text, "\nNext:\n  {} block show {which}", program());
        }
        text
    }

    fn found(&self) -> impl Iterator<Item = &BlockPlace> {
        self.places.iter().take(self.taken).flatten()
    }

    fn blocks(&self) -> String {
        let blocks = || self.found().map(|place| place.block);
        match (blocks().min(), blocks().max()) {
            (Some(first), Some(last)) if first == last => format!("   block {first}"),
            (Some(first), Some(last)) => format!("   blocks {first} to {last}"),
            _ => String::new(),
        }
    }

    fn json<'a>(&'a self, refusal: Option<&'a Refusal>) -> Json<'a> {
        let answer = |index: usize| match index {
            index if index < self.taken => "taken",
            index if index == self.taken && refusal.is_some() => "refused",
            _ if refusal.is_some() => "not taken",
            _ => "unknown",
        };
        let envelopes = self.sent.iter().enumerate().map(|(index, sent)| JsonEnvelope {
            tx_id: &sent.tx_id,
            data_bytes: sent.data_bytes,
            answer: answer(index),
            place: self.places.get(index).copied().flatten(),
        });
        Json {
            channel: &self.channel.0,
            total: self.total,
            taken: self.taken,
            envelopes: envelopes.collect(),
            refusal: refusal.map(|it| JsonRefusal {
                status: it.status,
                info: &it.info,
                code: it.detail.code.as_deref(),
                reason: &it.detail.reason,
            }),
        }
    }

    /// What ended the stream, and what that means for the envelopes behind.
    pub fn failure(&self, ended: Ended) -> Failure {
        let (taken, total) = (self.taken, self.total);
        match ended {
            Ended::Refused(refusal) => {
                let failure = Failure::from(refusal);
                if total == 1 {
                    return failure;
                }
                let text = format!("{taken} of {total} were taken; nothing behind the refused one is");
                failure.line("taken", &text)
            }
            Ended::Unanswered(failure) if failure.exit == Exit::Unreachable && taken < total => {
                let unknown = count((total - taken) as u64, "envelope", "envelopes");
                let text = format!("{taken} of {total} were taken; {unknown} may be ordered, or not");
                failure.line("taken", &text)
            }
            Ended::Unanswered(failure) => failure,
            Ended::Unsigned(failure) => failure.line("taken", &format!("{taken} of {total} were taken")),
        }
    }
}
