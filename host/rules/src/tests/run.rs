//! Runs guests: one engine for all tests, one guest thread for each.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use raddle_core::batch_policy::{Batch, EnvelopeInfo, Fault, Pending};
use raddle_core::bundle::{BatchSize, Bundle, Consensus, ConsensusState};
use raddle_core::ids::{ChannelId, ConfigSequence, CreatorNumber};

use super::guest::Guest;
use crate::profile::ModuleLimits;
use crate::{
    BatchEngine, BatchModule, LogLevel, LogSink, ModuleBatch, ModulePolicy, NoLog, Settings, on_guest_stack,
};

pub fn engine() -> &'static BatchEngine {
    static ENGINE: OnceLock<BatchEngine> = OnceLock::new();
    ENGINE.get_or_init(|| BatchEngine::new().unwrap())
}

pub fn load(bytes: &[u8]) -> BatchModule {
    engine().load("test", bytes).unwrap()
}

pub fn bundle() -> Arc<Bundle> {
    Arc::new(Bundle {
        channel: ChannelId("mychannel".to_owned()),
        sequence: ConfigSequence(7),
        batch_size: BatchSize {
            max_message_count: 10,
            absolute_max_bytes: 1_000_000,
            preferred_max_bytes: 20_000,
        },
        batch_timeout: Duration::from_secs(2),
        consensus: Consensus { kind: "kafka".to_owned(), state: ConsensusState::Normal },
        orderer_capabilities: BTreeSet::from(["RADDLE_1_0".to_owned(), "V2_0".to_owned()]),
        channel_capabilities: BTreeSet::new(),
        kafka_brokers: Vec::new(),
        has_consortiums: false,
        has_batch_policy_module: true,
    })
}

/// How a test binds its guest.
#[derive(Default)]
pub struct Binding {
    pub settings: Vec<(&'static str, &'static str)>,
    pub limits: ModuleLimits,
}

pub fn fuel(fuel: u64) -> Binding {
    let limits = ModuleLimits::new(fuel, ModuleLimits::default().memory_bytes()).unwrap();
    Binding { limits, ..Binding::default() }
}

/// Runs `work` with the guest bound, on a guest thread.
pub fn with_policy<T: Send>(
    bytes: &[u8],
    binding: Binding,
    work: impl FnOnce(&ModulePolicy) -> T + Send,
) -> T {
    with_logged_policy(bytes, binding, || Arc::new(NoLog), work)
}

pub fn with_logged_policy<T: Send>(
    bytes: &[u8],
    binding: Binding,
    log: impl FnOnce() -> Arc<dyn LogSink> + Send,
    work: impl FnOnce(&ModulePolicy) -> T + Send,
) -> T {
    let module = load(bytes);
    let pairs = binding.settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let settings = Settings::new(pairs).unwrap();
    on_guest_stack("test guest", move |stack| {
        let policy = module.bind(stack, bundle(), settings, binding.limits, log()).unwrap();
        work(&policy)
    })
    .unwrap()
}

pub const ENVELOPE: EnvelopeInfo<'static> = EnvelopeInfo {
    size_bytes: 2_000,
    header_type: Some(3),
    creator: CreatorNumber(0),
    creator_bytes: b"creator",
};

pub fn add(batch: &mut ModuleBatch) -> Result<bool, Fault> {
    batch.add(&ENVELOPE, Pending::default())
}

/// What the first `add` of a guest gives.
pub fn first_add(bytes: &[u8], binding: Binding) -> Result<bool, Fault> {
    with_policy(bytes, binding, |policy| add(&mut policy.instance()?))
}

/// A guest with one piece of its component's text replaced.
pub fn replaced(from: &str, to: &str) -> Vec<u8> {
    let text = Guest::default().text();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Lines that guests log, from any thread.
#[derive(Default)]
pub struct Lines(pub Mutex<Vec<String>>);

impl LogSink for Lines {
    fn line(&self, level: LogLevel, line: &str) {
        self.0.lock().unwrap().push(format!("{level:?}: {line}"));
    }

    fn dropped(&self, lines: u64) {
        self.0.lock().unwrap().push(format!("{lines} dropped"));
    }
}
