//! `raddle load`.

mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use raddle_core::duration;

use self::report::Report;
use super::channel::signing::SignAs;
use super::connection::{self, Flags, Settings};
use super::dev::Stop;
use super::duration::parse_duration;
use super::output::{Output, printable};
use super::progress::{Progress, Slow};
use super::{Code, Exit, Failure};
use crate::client::{self, ClientError, Place};
use crate::identity::Signer;
use crate::load::{self, Blocks, End, InBlocks, LoadError, Measured, Plan, Pool, PoolError, Tracker};

/// Envelopes that are signed where it is not known how many are sent.
const SIGNED_DEFAULT: u64 = 20_000;

/// Warm-up of a load that ends by time.
const WARM_UP_DEFAULT: Duration = Duration::from_secs(2);

/// Most envelopes a second that are asked for.
const RATE_MAX: f64 = 1e6;

/// Shortest load.
const DURATION_MIN: Duration = Duration::from_millis(10);

/// Longest warm-up and longest load: a week.
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long those are waited for that are taken and in no block when the load is over.
const BLOCK_WAIT: Duration = Duration::from_secs(30);

/// Options of `raddle load`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Envelopes are signed before anything is measured. Without --rate each answer makes room for the next envelope; with it \
the time of each is fixed beforehand, and its latency counts from that time on, so that stalls count.
Ctrl-C ends it early, and what was measured is printed.

Examples:
  raddle load
  raddle load --streams 1 --in-flight 1 --count 1000
  raddle load --rate 2000 --duration 1m --deliver
  raddle load --orderer orderer.example.com:7050 --channel trade --tls-ca tls.pem

What it tells, and its JSON: `raddle help load`. What a network can take: `raddle help scale`.")]
pub struct Arguments {
    /// Streams at work at once
    #[arg(long, value_name = "N", default_value_t = 8)]
    streams: u32,
    /// Envelopes on their way on each stream, at most
    #[arg(long, value_name = "N", default_value_t = 64)]
    in_flight: u32,
    /// Connections that carry the streams; one for each stream if not given
    #[arg(long, value_name = "N")]
    connections: Option<u32>,
    /// Bytes of an envelope, certificate and signature included
    #[arg(long, value_name = "BYTES", default_value_t = 2048)]
    size: usize,
    /// Envelopes a second of all streams together, each at its time; as fast as they are answered if not given
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    rate: Option<f64>,
    /// Send so long before anything counts; 2s if not given, 0 with --count
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, allow_negative_numbers = true)]
    warm_up: Option<Duration>,
    /// Send so long: 30s, 1m30s, or a number of seconds
    #[arg(
        long,
        value_name = "DURATION",
        value_parser = parse_duration,
        default_value = "10s",
        allow_negative_numbers = true,
        conflicts_with = "count"
    )]
    duration: Duration,
    /// Send so many instead
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Sign so many envelopes beforehand; when all were sent they are sent again. As many as are sent if that is known,
    /// else 20000, and at most 256 MiB of them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    signed: Option<u64>,
    /// Sign as this identity instead of --msp-id and --msp-dir; may be given several times: they sign in turn
    #[arg(long, value_name = "ID:DIR")]
    sign_as: Vec<SignAs>,
    /// Follow the channel, and measure the time from sending to the block too
    #[arg(long)]
    deliver: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connection: Flags,
}

/// Sends, and prints what was measured.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let plan = arguments.plan()?;
    let settings = arguments.connection.settings()?;
    let connections = arguments.connections.unwrap_or(arguments.streams).min(arguments.streams);
    let signers = arguments.sign_as.iter().map(|it| Signer::from_msp_dir(&it.msp_id, &it.msp_dir));
    let signers = signers.collect::<Result<Vec<_>, _>>()?;
    let (report, ending) = connection::block_on(async {
        // Who is not there is told before anything is signed.
        let mut clients = vec![settings.client().await?];
        for _ in 1..connections {
            clients.push(settings.client().await?);
        }
        let signers = if signers.is_empty() { std::slice::from_ref(settings.signer()) } else { &signers[..] };
        let pool = Arc::new(sign(arguments, &plan, signers, &settings)?);
        let tracker = arguments.deliver.then(|| Arc::new(Tracker::new(&pool)));
        let settings = Arc::new(settings);
        let blocks = match &tracker {
            Some(tracker) => Some(follow(&settings, tracker, plan.warm_up).await?),
            None => None,
        };
        let (measured, in_blocks) = measure(&plan, &clients, &pool, tracker.as_ref(), blocks).await?;
        Ok(Report::new(arguments, &plan, &settings, &pool, measured, in_blocks))
    })?;
    report.print(arguments.output)?;
    ending.map_or(Ok(()), Err)
}

impl Arguments {
    /// What is asked for, if it can be done.
    fn plan(&self) -> Result<Plan, Failure> {
        let (streams, in_flight) = (self.streams as usize, self.in_flight as usize);
        let within = |what: &str, asked: Duration, least: Duration| {
            if (least..=DURATION_MAX).contains(&asked) {
                return Ok(asked);
            }
            let [asked, least, most] = [asked, least, DURATION_MAX].map(duration::text);
            Err(cannot(format!("{what} {asked} is not between {least} and {most}")))
        };
        let default = if self.count.is_some() { Duration::ZERO } else { WARM_UP_DEFAULT };
        let warm_up = within("--warm-up", self.warm_up.unwrap_or(default), Duration::ZERO)?;
        let end = match self.count {
            Some(count) => End::Count(count),
            None => End::After(within("--duration", self.duration, DURATION_MIN)?),
        };
        match (self.rate, end) {
            _ if streams == 0 => Err(cannot("--streams 0 sends nothing; it takes at least 1")),
            _ if in_flight == 0 => Err(cannot("--in-flight 0 sends nothing; it takes at least 1")),
            _ if self.connections == Some(0) => {
                Err(cannot("--connections 0 reaches nobody; it takes at least 1"))
            }
            (Some(rate), _) if !(rate > 0.0 && rate <= RATE_MAX) => {
                Err(cannot(format!("--rate {rate} is not above 0 and at most {RATE_MAX} envelopes a second")))
            }
            (_, End::Count(0)) => Err(cannot("--count 0 sends nothing; it takes at least 1")),
            (_, End::Count(count)) if count < streams as u64 => Err(cannot(format!(
                "{count} envelopes cannot be shared among {streams} streams; give --streams {count}, or a larger \
                 --count"
            ))),
            (rate, end) => Ok(Plan { streams, in_flight, rate, warm_up, end }),
        }
    }
}

fn cannot(sentence: impl Into<String>) -> Failure {
    Failure::new(Code::LoadPlan, Exit::Usage, sentence)
}

/// Signs the pool, on threads of its own, behind a bar.
fn sign(
    arguments: &Arguments,
    plan: &Plan,
    signers: &[Signer],
    settings: &Settings,
) -> Result<Pool, Failure> {
    let count = arguments.signed.or(plan.envelopes()).unwrap_or(SIGNED_DEFAULT);
    let progress = Progress::new(Pool::room(count, arguments.size) as u64, "envelopes signed");
    let (signed, is_done) = (AtomicU64::new(0), AtomicBool::new(false));
    let pool = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                thread::park_timeout(Duration::from_millis(50));
                progress.reach(signed.load(Ordering::Relaxed));
            }
        });
        let pool = Pool::sign(signers, &settings.channel, arguments.size, count, &signed);
        is_done.store(true, Ordering::Relaxed);
        pool
    });
    Ok(pool?)
}

/// Follows the channel from its newest block on.
async fn follow(
    settings: &Arc<Settings>,
    tracker: &Arc<Tracker>,
    warm_up: Duration,
) -> Result<Blocks, Failure> {
    let asking = Arc::clone(settings);
    let open = move || async move {
        let client = asking.client().await?;
        let seek = client::range(Place::Newest, Place::Number(u64::MAX), true);
        let hash = client.certificate_hash();
        let seek = asking.signer().bound_seek(&asking.channel, &seek, SystemTime::now(), hash);
        let seek = seek.map_err(|error| ClientError::Unsigned { cause: error.to_string() })?;
        Ok(client.deliver(&seek))
    };
    let (blocks, begun) = Blocks::follow(Arc::clone(tracker), Instant::now() + warm_up, open)?;
    if begun.await.is_ok() {
        return Ok(blocks);
    }
    match blocks.finish(Duration::ZERO).await?.broken {
        Some(error) => Err(error.into()),
        None => Err(Failure::new(Code::BrokenOff, Exit::Unreachable, "the orderer delivers no block")),
    }
}

/// Sends, and waits for the blocks. Who interrupts it is told what was measured until then; who does so twice is not
/// kept waiting for what is on its way.
async fn measure(
    plan: &Plan,
    clients: &[client::Client],
    pool: &Arc<Pool>,
    tracker: Option<&Arc<Tracker>>,
    blocks: Option<Blocks>,
) -> Result<(Measured, Option<InBlocks>), Failure> {
    // Until here a signal ends the process, and nothing is lost.
    let (mut once, mut twice) = (Stop::listen()?, Stop::listen()?);
    let given_up = async {
        twice.asked().await;
        let _slow = Slow::new("interrupted: waiting for what is on its way; Ctrl-C again does not wait");
        twice.asked().await;
    };
    let measuring = async {
        let measured = send(plan, clients, pool, tracker, once.asked()).await?;
        let in_blocks = match blocks {
            Some(blocks) => Some(blocks.finish(BLOCK_WAIT).await?),
            None => None,
        };
        Ok((measured, in_blocks))
    };
    tokio::select! {
        measured = measuring => measured,
        () = given_up => {
            Err(interrupted("interrupted twice: what was on its way was not waited for, and nothing is printed"))
        }
    }
}

async fn send(
    plan: &Plan,
    clients: &[client::Client],
    pool: &Arc<Pool>,
    tracker: Option<&Arc<Tracker>>,
    interrupt: impl Future<Output = ()>,
) -> Result<Measured, Failure> {
    let progress = match plan.end {
        End::Count(count) => Progress::new(count, "envelopes"),
        End::After(time) => Progress::new((plan.warm_up + time).as_secs(), "seconds"),
    };
    let unit = if matches!(plan.end, End::Count(_)) { 1 } else { 1000 };
    Ok(load::run(clients, pool, plan, tracker, interrupt, |done| progress.reach(done / unit)).await?)
}

fn interrupted(sentence: impl Into<String>) -> Failure {
    Failure { word: "ended", ..Failure::new(Code::Interrupted, Exit::Interrupted, sentence) }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Thread(_) => Self::new(Code::LoadPlan, Exit::Failed, error.to_string()),
            _ => Self::new(Code::Bug, Exit::Bug, error.to_string()),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        let sentence = error.to_string();
        match error {
            PoolError::TooSmall { least, .. } => {
                // A signature has a few bytes more or less.
                cannot(sentence).hint(format!("give --size {} or more", least + 8))
            }
            PoolError::TooLarge { .. } => Self::new(Code::TooLongToSend, Exit::Usage, sentence),
            PoolError::Signer(error) => error.into(),
            PoolError::NoSigner => cannot(sentence),
        }
    }
}

/// What an orderer was asked for in the first place, in words.
fn of_channel(settings: &Settings) -> String {
    printable(&settings.channel.0)
}

/// What kept blocks from being seen.
fn blocks_failure(in_blocks: Option<&InBlocks>) -> Option<Failure> {
    let InBlocks { missing, broken, .. } = in_blocks?;
    match broken {
        Some(error) => Some(error.clone().into()),
        None if *missing > 0 => {
            let sentence = format!(
                "{missing} envelopes are taken, but in no block {} after the last was sent",
                duration::text(BLOCK_WAIT)
            );
            Some(Failure::new(Code::NotInABlock, Exit::Failed, sentence))
        }
        None => None,
    }
}
