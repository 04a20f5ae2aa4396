//! Looks after the certificates of a running node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use raddle_serve::tls::{Acceptor, KeyPair};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::expiry::Nearness;
use super::{Expiries, Expiry};
use crate::config::{PairFault, Tls};

/// How often the files are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// A listener whose certificate may be changed.
pub struct Listener {
    tls: Tls,
    acceptor: Acceptor,
    standing: Standing,
}

/// What became of the last look at a listener's files.
#[derive(Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Good,
    /// Not told yet: files are changed one after the other.
    Doubtful(Vec<PairFault>),
    Told(Vec<PairFault>),
}

/// The task that looks after certificates. It ends with this.
pub struct Keeper {
    task: JoinHandle<()>,
    asked: Arc<Notify>,
    acceptors: Vec<Acceptor>,
    expiries: Expiries,
}

// === impl Listener ===

impl Listener {
    /// A listener that presents what its files held when it was started.
    #[must_use]
    pub const fn new(tls: Tls, acceptor: Acceptor) -> Self {
        Self { tls, acceptor, standing: Standing::Good }
    }

    /// Reads the files again. A pair that is good and new is presented from now on. One that is not good changes
    /// nothing, and is told once: at this look if `is_asked`, else at the next one if it is not mended by then.
    fn look(&mut self, is_asked: bool) {
        let pair = match self.tls.read_pair() {
            Ok(pair) => pair,
            Err(faults) => return self.doubt(faults, is_asked),
        };
        self.standing = Standing::Good;
        if !pair.is_same(&self.acceptor.presented()) {
            let file = self.tls.certificate.value.display();
            tracing::info!(%file, "new connections are presented a new TLS certificate: {}", described(&pair));
            self.acceptor.present(pair);
        }
    }

    fn doubt(&mut self, faults: Vec<PairFault>, is_asked: bool) {
        let is_told = matches!(&self.standing, Standing::Told(told) if *told == faults);
        let is_second = matches!(&self.standing, Standing::Doubtful(before) if *before == faults);
        if is_told && !is_asked {
            return;
        }
        if !is_second && !is_asked {
            self.standing = Standing::Doubtful(faults);
            return;
        }
        for fault in &faults {
            tracing::error!("{fault}; new connections are presented the TLS certificate of before");
        }
        self.standing = Standing::Told(faults);
    }

    /// The certificate that is presented, and those that it comes from.
    fn expiries(&self) -> Vec<Expiry> {
        let pair = self.acceptor.presented();
        let mut chain = pair.chain().iter();
        let own = chain.next().map(|own| Expiry::of("server TLS", own));
        let above = chain.map(|above| Expiry::of("server TLS CA", above));
        let roots = self.tls.authorities.certificates();
        let roots = roots.map(|root| Expiry::of("server TLS CA", &root)).collect::<Vec<_>>();
        own.into_iter().chain(above).chain(roots).collect()
    }
}

fn described(pair: &KeyPair) -> String {
    pair.chain().first().map_or_else(String::new, |own| {
        format!("{}, serial number {}, valid until {}", own.subject(), own.serial(), own.not_after())
    })
}

// === impl Keeper ===

impl Keeper {
    /// Looks after these listeners, and after `others`, which are only warned of. Must be called within tokio.
    #[must_use]
    pub fn start(listeners: Vec<Listener>, others: Vec<Expiry>) -> Self {
        let (expiries, asked) = (Expiries::default(), Arc::new(Notify::new()));
        let acceptors = listeners.iter().map(|listener| listener.acceptor.clone()).collect();
        let mut watch = Watch { listeners, others, expiries: expiries.clone(), told: BTreeMap::new() };
        watch.tell(SystemTime::now());
        let task = tokio::spawn(keep(watch, Arc::clone(&asked)));
        Self { task, asked, acceptors, expiries }
    }

    /// Has the files looked at now, and whatever is wrong with them told.
    pub fn look(&self) {
        self.asked.notify_one();
    }

    /// How many handshakes have failed on all listeners together.
    #[must_use]
    pub fn handshakes_failed(&self) -> u64 {
        self.acceptors.iter().map(Acceptor::failures).sum()
    }

    /// What makes the connections of all listeners.
    #[must_use]
    pub fn acceptors(&self) -> &[Acceptor] {
        &self.acceptors
    }

    /// The certificates, and how long they are valid still.
    #[must_use]
    pub const fn expiries(&self) -> &Expiries {
        &self.expiries
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Everything that is looked after.
struct Watch {
    listeners: Vec<Listener>,
    others: Vec<Expiry>,
    expiries: Expiries,
    /// How near the ends are that were told, by role, subject and end.
    told: BTreeMap<(&'static str, String, i64), Nearness>,
}

async fn keep(mut watch: Watch, asked: Arc<Notify>) {
    loop {
        let is_asked = timeout(LOOK_INTERVAL, asked.notified()).await.is_ok();
        // Files may lie on a disk that is slow.
        let looked = spawn_blocking(move || {
            for listener in &mut watch.listeners {
                listener.look(is_asked);
            }
            watch.tell(SystemTime::now());
            watch
        });
        match looked.await {
            Ok(back) => watch = back,
            Err(error) => {
                tracing::error!("certificates are not looked after any more: {error}");
                return;
            }
        }
    }
}

impl Watch {
    /// Warns of every certificate whose end has come nearer.
    fn tell(&mut self, now: SystemTime) {
        let of_listeners = self.listeners.iter().flat_map(Listener::expiries);
        let mut all: Vec<Expiry> = self.others.iter().cloned().chain(of_listeners).collect();
        // A listener's authority may stand in two places.
        all.sort_by(|a, b| (a.role, &a.subject, a.ends).cmp(&(b.role, &b.subject, b.ends)));
        all.dedup();
        let mut told = BTreeMap::new();
        for expiry in &all {
            let key = (expiry.role, expiry.subject.clone(), expiry.ends);
            let nearness = expiry.nearness(now);
            if nearness > self.told.get(&key).copied().unwrap_or(Nearness::Far) {
                let Expiry { subject, ends_text, .. } = expiry;
                tracing::warn!(%subject, until = %ends_text, "{}", expiry.sentence(now));
            }
            told.insert(key, nearness);
        }
        self.told = told;
        self.expiries.set(all);
    }
}
