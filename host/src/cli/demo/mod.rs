//! `raddle demo`: the whole story in one process, in a folder that is gone afterwards.

mod blocks;
mod cast;
mod load;
mod recorded;
mod refused;
mod reload;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use raddle_rules::shipped::{BATCH_COUNT_AND_BYTES, FILTERS};
use raddle_serve::server::ServerSettings;
use tokio::time::timeout;

use super::report::{emphasis, table};
use super::{Code, Exit, Failure, compile_worker, program, runtime};
use crate::client::{Client, Patience};
use crate::load::cpu;
use crate::logs::Mapping;
use crate::node::{NodeSettings, Used};
use crate::orderer::{Orderer, OrdererSettings};
use blocks::{Follower, Witness};
use cast::{BATCH_SIZE, CHANNEL, Cast};
use load::{Load, STREAMS, Sent};

/// The act in which the rules change takes seconds. If an update is never in force it would go on for ever.
const ACT_MAX: Duration = Duration::from_secs(120);

/// Tells the story.
pub fn run() -> Result<(), Failure> {
    runtime::start()?.block_on(story())?;
    chapter("Beside Fabric");
    recorded::compare()?;
    let program = program();
    chapter("Next");
    for (command, what) in [
        ("dev", "a node of your own in this folder; it prints what to type then"),
        ("help cut", "where blocks end, and who decides it"),
        ("help", "all topics and error codes"),
    ] {
        anstream::println!("  {program} {command:<10} {what}");
    }
    Ok(())
}

async fn story() -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::new(Code::File, Exit::Failed, format!("no temporary folder can be made: {error}"))
    })?;
    let started = Instant::now();
    chapter("A network out of nothing");
    begins("making organisations and a first block, and starting an orderer");
    let cast = Arc::new(Cast::make()?);
    let witness = Arc::new(Witness::default());
    let orderer = Orderer::start(OrdererSettings {
        tls: None,
        folder: folder.path().to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        genesis: vec![cast.genesis.clone()],
        logs: Mapping::Local,
        signer: Arc::new(cast.orderer_signer()?),
        observer: Arc::clone(&witness) as _,
        worker: compile_worker::worker(),
        node: NodeSettings { counts_usage: true, ..NodeSettings::default() },
        server: ServerSettings::default(),
        admin: None,
        operations: None,
    })
    .await?;
    introduce(&orderer, started.elapsed());
    let client = Client::connect(&orderer.address().to_string(), Patience::default()).await?;

    chapter("Envelopes");
    begins("signing them");
    let load = Load::sign(&cast)?;
    let signatures = load.signatures();
    begins("sending them");
    let (cpu_before, used_before) = (cpu(), orderer.node().used());
    let sent = load.send(&client).await?;
    let (cpu_after, used_after) = (cpu(), orderer.node().used());
    anstream::println!(
        "  {} on {STREAMS} streams, each durable before its SUCCESS: {:.2?}, {:.0} a second",
        sent.envelopes,
        sent.elapsed,
        sent.envelopes as f64 / sent.elapsed.as_secs_f64()
    );

    chapter("Refusals");
    refused::send(&client, refused::cases(&cast)?).await?;

    chapter("Blocks");
    begins("pulling them until all that was sent has come; the last are cut by time");
    let mut follower = Follower::start(&client, &cast)?;
    let height = follower.until_all(signatures).await?;
    for line in table(&witness.cuts()).lines() {
        anstream::println!("  {line}");
    }
    anstream::println!();
    anstream::println!(
        "  {height} blocks with the genesis block, pulled by Deliver: every envelope in exactly one, all numbers, \
         hashes\n  and signatures verified"
    );

    chapter("Cost");
    tell_cost(&sent, cpu_after.saturating_sub(cpu_before), used_before, used_after);

    chapter("A rule of the channel's own, while envelopes flow");
    let act = reload::play(&orderer, &client, &cast, &mut follower, &witness);
    timeout(ACT_MAX, act)
        .await
        .map_err(|_| bug("the channel takes the updates and does not come to an end"))??;
    orderer.stop().await?;
    Ok(())
}

fn chapter(title: &str) {
    anstream::println!("\n{}", emphasis(title));
}

/// Tells what begins, where no bar shows how far it is.
fn begins(step: &str) {
    if !(io::stdout().is_terminal() && io::stderr().is_terminal()) {
        anstream::println!("  … {step}");
    }
}

fn introduce(orderer: &Orderer, elapsed: Duration) {
    let filters = FILTERS.iter().map(|module| module.name).collect::<Vec<_>>().join(", ");
    let policy = BATCH_COUNT_AND_BYTES.name;
    anstream::println!("  channel {CHANNEL} on an orderer at {}, after {elapsed:.2?}", orderer.address());
    anstream::println!("  every rule is a WebAssembly module in a sandbox:");
    anstream::println!("    filters       {filters}");
    anstream::println!(
        "    batch policy  {policy}: at most {} envelopes, {} KiB preferred, {} KiB at most",
        BATCH_SIZE.max_message_count,
        BATCH_SIZE.preferred_max_bytes >> 10,
        BATCH_SIZE.absolute_max_bytes >> 10
    );
}

fn bug(sentence: &str) -> Failure {
    Failure::new(Code::Bug, Exit::Bug, sentence)
}

/// What an envelope cost this process, and how much of that was WebAssembly.
fn tell_cost(sent: &Sent, cpu: Duration, before: Used, after: Used) {
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6 / sent.envelopes.max(1) as f64;
    let native = after.native.saturating_sub(before.native);
    let filters = after.filters.saturating_sub(before.filters).saturating_sub(native);
    let policy = after.batch_policy.saturating_sub(before.batch_policy);
    let share = |time: Duration| 100.0 * time.as_secs_f64() / cpu.as_secs_f64().max(f64::MIN_POSITIVE);
    anstream::println!(
        "  CPU an envelope      {:>6.0} µs  clients, network, log and ledger in this one process",
        microseconds(cpu)
    );
    anstream::println!(
        "    signature checks   {:>6.0} µs  {:>3.0} %  native, asked for by a filter",
        microseconds(native),
        share(native)
    );
    anstream::println!(
        "    filters            {:>6.1} µs  {:>3.0} %  WebAssembly",
        microseconds(filters),
        share(filters)
    );
    anstream::println!(
        "    batch policy       {:>6.1} µs  {:>3.0} %  WebAssembly",
        microseconds(policy),
        share(policy)
    );
}
