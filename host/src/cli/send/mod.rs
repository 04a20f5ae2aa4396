//! `raddle send`.

mod input;
mod report;
mod sent;
mod wait;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use raddle_core::ids::ChannelId;

use self::input::read_inputs;
use self::report::Report;
use self::sent::Sent;
use self::wait::Waiting;
use super::connection::{self, Connection, Flags};
use super::output::Output;
use super::progress::Progress;
use super::{Code, Exit, Failure};
use crate::client::{Answer, Refusal};

/// Most envelopes of one call.
const COUNT_MAX: u32 = 100_000;

/// Options of `raddle send`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each text or file becomes the data of one signed envelope of type MESSAGE. Orderers order any bytes; peers mark \
what is no endorsed transaction as invalid, and go on.

Envelopes go out one behind the other, without waiting for answers. After a refusal nothing behind it is taken.

Examples:
  raddle send hello
  raddle send --wait one two three
  raddle send --file picture.png
  date | raddle send --count 100 -

What it tells, and its JSON: `raddle help send`.")]
pub struct Arguments {
    /// What to send; - stands for all of stdin
    #[arg(value_name = "TEXT", required_unless_present = "file", conflicts_with = "file")]
    texts: Vec<String>,
    /// Send a file's bytes; may be given several times
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Send everything so many times
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(COUNT_MAX)))]
    count: u32,
    /// Wait until all of it is in blocks, at most so long, and say where
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "60",
          value_parser = clap::value_parser!(u32).range(1..))]
    wait: Option<u32>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

/// How a stream went.
struct Outcome {
    /// Answered SUCCESS.
    taken: usize,
    /// What ended the stream before all were taken.
    ended: Option<Ended>,
}

enum Ended {
    /// The envelope behind the taken ones is not taken.
    Refused(Refusal),
    /// What was sent and not answered may be ordered, or not.
    Unanswered(Failure),
    /// The rest cannot be signed and was not sent.
    Unsigned(Failure),
}

/// Sends envelopes and prints what became of them.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let inputs = read_inputs(&arguments.texts, &arguments.file)?;
    let total = inputs.len().saturating_mul(arguments.count as usize);
    if total > COUNT_MAX as usize {
        let sentence = format!("{total} envelopes are more than the {COUNT_MAX} of one call");
        return Err(Failure::new(Code::TooLongToSend, Exit::Usage, sentence));
    }
    let settings = arguments.connection.settings()?;
    let is_of_the_folder = settings.is_of_the_folder;
    let (report, ended) = connection::block_on(async {
        let connection = settings.connect().await?;
        let channel = connection.channel.clone();
        let waiting = match arguments.wait {
            Some(seconds) => Some(Waiting::begin(&connection, Duration::from_secs(seconds.into())).await?),
            None => None,
        };
        let (sent, outcome) = send(connection, inputs, arguments.count).await?;
        let Outcome { taken, mut ended } = outcome;
        let mut places = Vec::new();
        if let Some(waiting) = waiting {
            let (found, failure) = waiting.find(&sent, taken).await;
            places = found;
            // What the orderer says comes first.
            ended = ended.or(failure.map(Ended::Unanswered));
        }
        Ok((Report { channel, total, taken, sent, places, is_of_the_folder }, ended))
    })?;
    let refusal = match &ended {
        Some(Ended::Refused(refusal)) => Some(refusal.clone()),
        _ => None,
    };
    report.print(arguments.output, refusal.as_ref())?;
    ended.map_or(Ok(()), |ended| Err(report.failure(ended)))
}

/// Sends all on one stream; answers what became of it.
async fn send(
    connection: Connection,
    inputs: Vec<Bytes>,
    count: u32,
) -> Result<(Vec<Sent>, Outcome), Failure> {
    let Connection { client, channel, signer } = connection;
    let total = inputs.len().saturating_mul(count as usize);
    let (envelopes, log) = sent::envelopes(channel, signer, inputs, count);
    let mut answers = client.broadcast(envelopes);
    let mut outcome = Outcome { taken: 0, ended: None };
    let progress = Progress::new(total as u64, "envelopes");
    while outcome.taken < total && outcome.ended.is_none() {
        match answers.next().await {
            Ok(Some(Answer::Taken)) => {
                outcome.taken += 1;
                progress.advance();
            }
            Ok(Some(Answer::Refused(refusal))) => outcome.ended = Some(Ended::Refused(refusal)),
            Ok(None) => {
                outcome.ended = Some(match log.failure() {
                    Some(error) => Ended::Unsigned(error.into()),
                    None => Ended::Unanswered(ended_early(client.address())),
                });
            }
            Err(error) => outcome.ended = Some(Ended::Unanswered(error.into())),
        }
    }
    Ok((log.take(), outcome))
}

fn ended_early(address: &str) -> Failure {
    let sentence = format!("the orderer at {address} ended the stream before it had answered all");
    Failure::new(Code::BrokenOff, Exit::Unreachable, sentence)
}

/// The channel that is meant, in words.
fn of_channel(channel: &ChannelId) -> String {
    super::output::printable(&channel.0)
}
