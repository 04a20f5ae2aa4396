//! Load and reloads that go on whatever befalls the nodes: clients that send an envelope until it is acknowledged, and
//! an admin who changes the channel's config again and again.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use raddle::admin::modules::{OWNER, find, with, without};
use raddle::client::{Answer, Client, Patience, Refusal, message};
use raddle::network::DevNetwork;
use raddle_proto::common::{Config, HeaderType, Status};
use raddle_proto::wire::Envelope;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;

use super::admin::{Admin, batch_policy, guard, with_value};
use super::soak::memory_bytes;

/// Envelopes that a client sends before it waits for their answers.
const WINDOW: usize = 8;

/// How long a client waits between two such windows, so that the load is steady and leaves room for what else there is.
const PACE: Duration = Duration::from_millis(40);

/// How long it waits after a stream has ended.
const PAUSE: Duration = Duration::from_millis(200);

/// Bytes of an envelope's data.
const BYTES: usize = 500;

/// How often the memory of a node at rest is read; the least counts.
const READINGS: usize = 10;

/// How much more memory a node at rest may have than it had before: its caches, which are empty when it has just been
/// killed (64 MiB of the log, 32 of a channel's last blocks, 4 of their index), and what an allocator keeps; not what
/// hundreds of thousands of envelopes or hundreds of configs would leave.
pub const GROWTH_MAX: u64 = (100 + 48) << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Work,
    Rest,
    End,
}

/// What the clients and the admin did.
#[derive(Default)]
pub struct Done {
    /// Signatures of the envelopes that were acknowledged.
    pub acknowledged: BTreeSet<Bytes>,
    /// Signatures of those that were sent again when nobody knew whether the log had them.
    pub uncertain: BTreeSet<Bytes>,
    /// What was said of those that were refused, or stood behind one that was, by their signatures.
    pub fates: BTreeMap<Bytes, String>,
    /// How often one was refused, to be sent again.
    pub refused: u64,
    /// Streams that broke.
    pub broken: u64,
    /// Configs that were brought about.
    pub reloads: u64,
}

/// Clients and an admin at work.
pub struct Endurance {
    mode: watch::Sender<Mode>,
    /// How many rest.
    at_rest: watch::Sender<usize>,
    working: Vec<JoinHandle<Done>>,
}

/// When to do what, of all the time that there is.
pub struct Times {
    /// Until then nodes are killed.
    pub kills_end: Instant,
    /// Then the memory is read, a fifth of the last third after the last kill.
    pub first_look: Instant,
    pub end: Instant,
    /// Least and most time between two troubles.
    pause: (Duration, Duration),
}

impl Times {
    pub fn of(all: Duration) -> Self {
        let now = Instant::now();
        let (kills_end, end) = (now + all * 2 / 3, now + all);
        Self { kills_end, first_look: kills_end + all / 15, end, pause: (all / 90, all / 30) }
    }

    /// Waits for the next trouble.
    pub async fn pause(&self, random: u64) {
        let (least, most) = self.pause;
        sleep(least + (most - least).mul_f64((random % 1000) as f64 / 1000.0)).await;
    }
}

impl Endurance {
    /// Begins to send to the nodes of these addresses, `clients` to each, and to change the config at each in turn,
    /// every `reload`.
    pub fn start(
        network: &DevNetwork,
        addresses: &[watch::Receiver<String>],
        clients: usize,
        reload: Duration,
    ) -> Self {
        let (mode, at_rest) = (watch::Sender::new(Mode::Work), watch::Sender::new(0));
        let (admin, serial) = (Admin::of(network), Arc::<AtomicU64>::default());
        let worker = || Worker { mode: mode.subscribe(), at_rest: at_rest.clone(), done: Done::default() };
        let mut working = Vec::new();
        for address in addresses {
            for _ in 0..clients {
                let client = Sending {
                    worker: worker(),
                    admin: admin.clone(),
                    address: address.clone(),
                    serial: Arc::clone(&serial),
                    pending: VecDeque::new(),
                };
                working.push(tokio::spawn(client.run()));
            }
        }
        working.push(tokio::spawn(worker().reload(admin, addresses.to_vec(), reload)));
        Self { mode, at_rest, working }
    }

    /// Has everybody rest, everything that was sent acknowledged, and reads the memory of nodes meanwhile.
    pub async fn memory_at_rest(&self, nodes: impl Fn() -> Vec<u32>) -> Vec<u64> {
        self.mode.send_replace(Mode::Rest);
        let all = self.working.len();
        self.at_rest.subscribe().wait_for(|at_rest| *at_rest == all).await.unwrap();
        let read = || nodes().into_iter().map(|node| memory_bytes(node, "VmRSS")).collect::<Vec<_>>();
        let mut least = read();
        for _ in 1..READINGS {
            sleep(PAUSE).await;
            least = least.into_iter().zip(read()).map(|(least, now)| least.min(now)).collect();
        }
        self.mode.send_replace(Mode::Work);
        least
    }

    /// Ends when all that was sent is acknowledged.
    pub async fn end(self) -> Done {
        self.mode.send_replace(Mode::End);
        let mut all = Done::default();
        for working in self.working {
            let done = working.await.unwrap();
            all.acknowledged.extend(done.acknowledged);
            all.uncertain.extend(done.uncertain);
            all.fates.extend(done.fates);
            all.refused += done.refused;
            all.broken += done.broken;
            all.reloads += done.reloads;
        }
        assert!(!all.acknowledged.is_empty() && all.reloads > 0);
        all
    }
}

/// No node has grown by more than the bound.
pub fn memory_is_flat(before: &[u64], after: &[u64]) {
    for (before, after) in before.iter().zip(after) {
        assert!(
            *after <= before + GROWTH_MAX,
            "a node had {} MiB at rest and then {} MiB, and may grow by {} MiB",
            before >> 20,
            after >> 20,
            GROWTH_MAX >> 20
        );
    }
}

/// Repeats what may fail while nodes are down, until it answers something.
pub async fn until_it_works<T, F: Future<Output = Option<T>>>(mut try_it: impl FnMut() -> F) -> T {
    loop {
        if let Some(done) = try_it().await {
            return done;
        }
        sleep(PAUSE).await;
    }
}

// === who works ===

struct Worker {
    mode: watch::Receiver<Mode>,
    at_rest: watch::Sender<usize>,
    done: Done,
}

impl Worker {
    /// Rests while everybody does. False when it is over.
    async fn goes_on(&mut self) -> bool {
        if *self.mode.borrow() == Mode::Rest {
            self.at_rest.send_modify(|count| *count += 1);
            self.mode.wait_for(|mode| *mode != Mode::Rest).await.unwrap();
            self.at_rest.send_modify(|count| *count -= 1);
        }
        *self.mode.borrow() != Mode::End
    }

    /// Changes the config at one node after the other.
    async fn reload(
        mut self,
        admin: Admin,
        addresses: Vec<watch::Receiver<String>>,
        pause: Duration,
    ) -> Done {
        while self.goes_on().await {
            let reload = self.done.reloads;
            let address = &addresses[reload as usize % addresses.len()];
            until_it_works(|| async {
                let address = address.borrow().clone();
                let client = Client::connect(&address, Patience::default()).await.ok()?;
                let changed = admin.change_until_taken(&client, |config| change(config, reload)).await;
                changed.ok().filter(|is_taken| *is_taken)
            })
            .await;
            self.done.reloads += 1;
            let mut mode = self.mode.clone();
            // Not longer than there is something to wait for.
            let _ = tokio::time::timeout(pause, mode.wait_for(|mode| *mode != Mode::Work)).await;
        }
        self.done
    }
}

/// The config of a reload: a filter comes, a batch policy of the channel's own, another batch size; and both go.
fn change(config: &Config, reload: u64) -> Config {
    match reload % 4 {
        0 => with(config, &guard(config), OWNER).unwrap(),
        1 => with(config, &batch_policy(config), OWNER).unwrap(),
        2 => {
            let count = 10 + config.sequence % 90;
            with_value(config, "/Channel/Orderer/BatchSize/max_message_count", &count.to_string())
        }
        _ => {
            let names = [guard(config).name, batch_policy(config).name];
            let installed: Vec<_> = names.into_iter().filter(|name| find(config, name).is_some()).collect();
            match installed.as_slice() {
                // An update whose outcome nobody saw was taken.
                [] => with(config, &guard(config), OWNER).unwrap(),
                installed => without(config, installed).unwrap(),
            }
        }
    }
}

/// A client of one node, through all its lives.
struct Sending {
    worker: Worker,
    admin: Admin,
    address: watch::Receiver<String>,
    /// Makes no two envelopes alike.
    serial: Arc<AtomicU64>,
    /// Not acknowledged yet.
    pending: VecDeque<Envelope>,
}

impl Sending {
    async fn run(mut self) -> Done {
        while !self.stream().await {
            sleep(PAUSE).await;
        }
        self.worker.done
    }

    /// Sends on a stream until that ends; true when it is over.
    async fn stream(&mut self) -> bool {
        let address = self.address.borrow().clone();
        let Ok(client) = Client::connect(&address, Patience::default()).await else { return false };
        let (queue, envelopes) = mpsc::channel(WINDOW);
        let mut answers = client.broadcast(ReceiverStream::new(envelopes));
        loop {
            if self.pending.is_empty() {
                if !self.worker.goes_on().await {
                    return true;
                }
                self.pending.extend((0..WINDOW).map(|_| envelope(&self.admin, &self.serial)));
            }
            for envelope in &self.pending {
                if queue.send(message(envelope)).await.is_err() {
                    break;
                }
            }
            while !self.pending.is_empty() {
                match answers.next().await {
                    Ok(Some(Answer::Taken)) => {
                        let envelope = self.pending.pop_front().unwrap();
                        self.worker.done.acknowledged.insert(signature(&envelope));
                    }
                    Ok(Some(Answer::Refused(refusal))) => {
                        self.refused(&refusal);
                        return false;
                    }
                    Ok(None) | Err(_) => {
                        self.worker.done.broken += 1;
                        self.worker.done.uncertain.extend(self.pending.iter().map(signature));
                        return false;
                    }
                }
            }
            sleep(PACE).await;
        }
    }

    /// Nothing behind a refusal is ordered, unless it is the log that failed: what stood behind may have come before
    /// its failure, and gets no answer.
    fn refused(&mut self, refusal: &Refusal) {
        assert_eq!(refusal.status, i32::from(Status::ServiceUnavailable), "{refusal}");
        self.worker.done.refused += 1;
        let outcome = refusal.detail.text("outcome");
        for (behind, envelope) in self.pending.iter().enumerate() {
            let said = format!("{behind} behind a refusal, outcome {outcome:?}: {}; ", refusal.info);
            self.worker.done.fates.entry(signature(envelope)).or_default().push_str(&said);
        }
        let known = usize::from(outcome != Some("unknown"));
        if outcome.is_some() {
            self.worker.done.uncertain.extend(self.pending.iter().skip(known).map(signature));
        }
    }
}

/// Not a part of the envelope, which would stay as long.
fn signature(envelope: &Envelope) -> Bytes {
    Bytes::copy_from_slice(envelope.signature())
}

fn envelope(admin: &Admin, serial: &AtomicU64) -> Envelope {
    let mut data = vec![b'x'; BYTES];
    data[..8].copy_from_slice(&serial.fetch_add(1, Ordering::SeqCst).to_le_bytes());
    admin.client().envelope(admin.channel(), HeaderType::Message, data, SystemTime::now()).unwrap()
}
