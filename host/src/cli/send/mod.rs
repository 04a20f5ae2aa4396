//! `raddle send`.

mod input;
mod report;
mod sent;
mod wait;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raddle_core::duration;
use raddle_core::ids::ChannelId;
use raddle_proto::common;
use tokio_stream::Stream;

use self::input::read_inputs;
use self::report::Report;
use self::sent::Sent;
use self::wait::Waiting;
use super::connection::{self, Connection, Flags};
use super::duration::parse_duration;
use super::output::Output;
use super::progress::{Progress, Slow};
use super::{Code, Exit, Failure};
use crate::client::{Answer, Client, Refusal};

/// Most envelopes of one call.
const COUNT_MAX: u32 = 100_000;

/// How long an orderer is waited for that says that it is not ready.
const READY_MAX: Duration = Duration::from_secs(20);

/// How often it is asked meanwhile.
const READY_INTERVAL: Duration = Duration::from_millis(250);

/// Options of `raddle send`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each text or file becomes the data of one signed envelope of type MESSAGE. Orderers order any bytes; peers mark \
what is no endorsed transaction as invalid, and go on.

Envelopes go out one behind the other, without waiting for answers. After a refusal nothing behind it is taken. An \
orderer that is still starting is waited for, 20 s at most.

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
    /// Wait until all of it is in blocks, at most so long, and say where: 30s, 5m, or a number of seconds
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "1m",
          value_parser = parse_duration)]
    wait: Option<Duration>,
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
        let waiting = match arguments.wait {
            Some(wait_max) => Some(Waiting::begin(&connection, wait_max).await?),
            None => None,
        };
        let Connection { client, channel, signer } = connection;
        let signer = Arc::new(signer);
        let envelopes =
            || sent::envelopes(channel.clone(), Arc::clone(&signer), inputs.clone(), arguments.count);
        let (sent, Outcome { taken, mut ended }) = send_when_ready(&client, total, envelopes).await;
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

/// Sends all, and again while the orderer takes nothing since it is still starting. What was refused is sent as new
/// envelopes.
async fn send_when_ready<E>(
    client: &Client,
    total: usize,
    envelopes: impl Fn() -> (E, sent::Log),
) -> (Vec<Sent>, Outcome)
where
    E: Stream<Item = common::Envelope> + Send + 'static,
{
    let until = Instant::now() + READY_MAX;
    let mut is_told = false;
    loop {
        let (envelopes, log) = envelopes();
        let (sent, outcome) = send(client, total, envelopes, log).await;
        match &outcome.ended {
            Some(Ended::Refused(refusal))
                if outcome.taken == 0 && refusal.asks_for_patience() && Instant::now() < until =>
            {
                if !is_told {
                    let info = super::output::printable(&refusal.info);
                    anstream::eprintln!("waiting {} at most: {info}", duration::text(READY_MAX));
                    is_told = true;
                }
                tokio::time::sleep(READY_INTERVAL).await;
            }
            _ => return (sent, outcome),
        }
    }
}

/// Sends all on one stream; answers what became of it.
async fn send(
    client: &Client,
    total: usize,
    envelopes: impl Stream<Item = common::Envelope> + Send + 'static,
    log: sent::Log,
) -> (Vec<Sent>, Outcome) {
    let mut answers = client.broadcast(envelopes);
    let mut outcome = Outcome { taken: 0, ended: None };
    let progress = Progress::new(total as u64, "envelopes");
    let mut slow = Some(Slow::new("waiting for the orderer's answer"));
    while outcome.taken < total && outcome.ended.is_none() {
        let answer = answers.next().await;
        drop(slow.take());
        match answer {
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
    (log.take(), outcome)
}

fn ended_early(address: &str) -> Failure {
    let sentence = format!("the orderer at {address} ended the stream before it had answered all");
    Failure::new(Code::BrokenOff, Exit::Unreachable, sentence)
}

/// The channel that is meant, in words.
fn of_channel(channel: &ChannelId) -> String {
    super::output::printable(&channel.0)
}
