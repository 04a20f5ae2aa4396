//! Three orderers of channel `demo` in this process, over the same brokers, and clients that send to all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use raddle::client::{Client, Patience, Refusal};
use raddle::identity::Signer;
use raddle::logs::Mapping;
use raddle::network::DevNetwork;
use raddle::node::{Channel, Doing};
use raddle::operations::{Logging, OperationsListener};
use raddle::orderer::{Orderer, OrdererSettings};
use raddle_ordering::{Cause, Readiness, kafka};
use raddle_proto::common::{HeaderType, Status};
use raddle_proto::wire::Envelope;
use raddle_serve::channels::Condition;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::harness::admin::Admin;
use crate::harness::eventually::in_time;
use crate::harness::http::{self, Reply};
use crate::harness::node::Told;
use crate::harness::orderer::{channel, settings};
use crate::harness::sender::{Followed, Sender};
use crate::ledgers::all_is_in_equal_ledgers;
use crate::settings::{load, write_hasty};

/// Bytes of an envelope's data.
pub const BYTES: usize = 2000;

/// How long an append may wait: shorter than all stalls of these tests.
pub const APPEND_TIMEOUT: Duration = Duration::from_secs(3);

pub struct Trio {
    pub admin: Admin,
    pub orderers: Vec<Orderer>,
    /// What each was told of records.
    pub told: Vec<Arc<Told>>,
    pub network: DevNetwork,
    pub folder: TempDir,
}

/// Clients that send to all three until they are stopped.
pub struct Load {
    is_enough: Arc<AtomicBool>,
    sending: Vec<JoinHandle<Sender>>,
    /// What each orderer refuses.
    refusals: Vec<mpsc::UnboundedReceiver<Refusal>>,
}

/// The log of this process is the tests'.
struct NoLogging;

impl Logging for NoLogging {
    fn spec(&self) -> String {
        "info".to_owned()
    }

    fn set_spec(&self, _: &str) -> Result<(), String> {
        Err("it stays as it is".to_owned())
    }

    fn lines(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

impl Trio {
    pub async fn start(brokers: &[String]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("network");
        let network = DevNetwork::generate(&path, "127.0.0.1:7050", SystemTime::now()).unwrap();
        let (mut orderers, mut told) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let folder = folder.path().join(format!("orderer{number}"));
            std::fs::create_dir(&folder).unwrap();
            write_hasty(&folder, &network, brokers);
            let configured = load(&folder);
            let kafka = kafka::Settings { append_timeout: APPEND_TIMEOUT, ..configured.kafka };
            let logs = Mapping::By { ordering: Box::new(configured.ordering), kafka: Box::new(kafka) };
            let (msp_id, msp) = network.orderer();
            let signer = Arc::new(Signer::from_msp_dir(msp_id, &msp).unwrap());
            let observer = Arc::<Told>::default();
            told.push(Arc::clone(&observer));
            let settings = settings(&folder.join("state"), network.genesis().clone());
            let (listen, logging) = ("127.0.0.1:0".parse().unwrap(), Arc::new(NoLogging));
            let operations = Some(OperationsListener { listen, tls: None, has_metrics: true, logging });
            let settings = OrdererSettings { logs, signer, observer, operations, ..settings };
            orderers.push(Orderer::start(settings).await.unwrap());
        }
        Self { admin: Admin::of(&network), orderers, told, network, folder }
    }

    pub fn channel(&self, orderer: usize) -> Arc<Channel> {
        channel(&self.orderers[orderer])
    }

    pub async fn client(&self, orderer: usize) -> Client {
        let address = self.orderers[orderer].address().to_string();
        Client::connect(&address, Patience::default()).await.unwrap()
    }

    pub fn load(&self) -> Load {
        let is_enough = Arc::<AtomicBool>::default();
        let (mut sending, mut refusals) = (Vec::new(), Vec::new());
        for orderer in &self.orderers {
            let (mut sender, address) = (self.sender(), orderer.address().to_string());
            let (refused, refusal) = mpsc::unbounded_channel();
            let is_enough = Arc::clone(&is_enough);
            sending.push(tokio::spawn(async move {
                sender.send_on(&address, BYTES, is_enough, refused).await;
                sender
            }));
            refusals.push(refusal);
        }
        Load { is_enough, sending, refusals }
    }

    /// Waits until so many further blocks are committed on each.
    pub async fn goes_on(&self, blocks: u64) {
        for orderer in 0..self.orderers.len() {
            let channel = self.channel(orderer);
            let height = channel.board().height();
            crate::harness::orderer::reach(&channel, height + blocks).await;
        }
    }

    /// Waits until the log of an orderer does not work for a reason that is the one.
    pub async fn unavailable(&self, orderer: usize, is_it: impl Fn(&Cause) -> bool) -> Cause {
        let channel = self.channel(orderer);
        let mut state = channel.log().state(channel.id());
        let is_it = |state: &Readiness| matches!(state, Readiness::Unavailable { cause } if is_it(cause));
        match &*in_time("the log is away", state.wait_for(is_it)).await.unwrap() {
            Readiness::Unavailable { cause } => cause.clone(),
            _ => unreachable!(),
        }
    }

    /// What `/healthz` of an orderer answers.
    pub async fn health(&self, orderer: usize) -> Reply {
        let address = self.orderers[orderer].operations_address().unwrap().to_string();
        let ask = move || http::ask(&address, "GET", "/healthz", &[("Connection", "close")], b"");
        spawn_blocking(ask).await.unwrap()
    }

    /// Waits until readers are told that an orderer serves, or that it cannot read the log.
    pub async fn serves(&self, orderer: usize, serves: bool) -> Condition {
        let mut standing = self.channel(orderer).board().standing();
        let standing = standing.wait_for(|it| (it.condition == Condition::Serving) == serves).await.unwrap();
        standing.condition.clone()
    }

    /// Waits until all work, by themselves.
    pub async fn are_well(&self) {
        for orderer in 0..self.orderers.len() {
            let channel = self.channel(orderer);
            let mut state = channel.log().state(channel.id());
            state.wait_for(|state| matches!(state, Readiness::Ready { .. })).await.unwrap();
            assert!(matches!(*channel.board().doing().borrow(), Doing::Ordering));
            self.serves(orderer, true).await;
        }
    }

    /// An envelope as clients send it.
    pub fn envelope(&self, data: Vec<u8>) -> Envelope {
        let (signer, channel) = (self.admin.client(), self.admin.channel());
        signer.envelope(channel, HeaderType::Message, data, SystemTime::now()).unwrap()
    }

    /// A client that has sent nothing.
    pub fn sender(&self) -> Sender {
        Sender::of(&self.network)
    }

    /// Everything that was acknowledged is in a block of each, and all have equal blocks.
    pub async fn all_is_in_equal_ledgers(&self, load: &Sender) -> Followed {
        let addresses: Vec<_> = self.orderers.iter().map(|it| it.address().to_string()).collect();
        all_is_in_equal_ledgers(load, &self.admin, &addresses).await
    }

    /// Ends the load, and then the orderers: everything that was acknowledged is in one block of each.
    pub async fn ends_well(self, load: Load) {
        let load = load.end().await;
        self.has_all_once(&load).await;
    }

    /// Everything that a client was acknowledged is in one block of each; then they stop.
    pub async fn has_all_once(self, load: &Sender) {
        let followed = self.all_is_in_equal_ledgers(load).await;
        assert_eq!(followed.doubles().collect::<Vec<_>>(), []);
        self.stop().await;
    }

    pub async fn stop(self) {
        for orderer in self.orderers {
            orderer.stop().await.unwrap();
        }
    }
}

impl Load {
    /// Waits until an orderer refuses because of its log; answers the cause.
    pub async fn refused(&mut self, orderer: usize) -> String {
        let refusal = in_time("one is refused", self.refusals[orderer].recv()).await.unwrap();
        let answer = (refusal.status, refusal.info.as_str());
        assert_eq!(answer, (Status::ServiceUnavailable as i32, "cannot enqueue"), "{refusal}");
        refusal.detail.text("cause").unwrap().to_owned()
    }

    /// Nothing was refused that was not looked at.
    pub fn all_was_taken(&mut self) {
        for refusals in &mut self.refusals {
            assert!(refusals.try_recv().is_err());
        }
    }

    /// Ends the load; answers a client that knows all that was acknowledged.
    pub async fn end(self) -> Sender {
        self.is_enough.store(true, Ordering::SeqCst);
        let mut all: Option<Sender> = None;
        for sending in self.sending {
            let sender = sending.await.unwrap();
            match &mut all {
                Some(all) => all.acknowledged.extend(sender.acknowledged),
                None => all = Some(sender),
            }
        }
        let all = all.unwrap();
        assert!(!all.acknowledged.is_empty());
        all
    }
}
