//! Runs a batch policy natively, under the rules that an orderer follows.
//!
//! What the kit cannot show is what the sandbox adds: fuel and memory limits, and that each batch gets a fresh memory.
//! (A policy that keeps something in a `static` remembers it here and forgets it there.)
//!
//! ```
//! use raddle_guest::testing::{CutBy, Envelope, Host, Step};
//! use raddle_guest::{BatchPolicy, BatchSize, Channel, EnvelopeInfo, Pending, Settings};
//!
//! /// Never mixes two organisations.
//! struct OneOrganisation(Option<String>);
//!
//! impl BatchPolicy for OneOrganisation {
//!     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
//!         settings.only(&[])?;
//!         Ok(Self(None))
//!     }
//!
//!     fn fits(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
//!         self.0 == envelope.creator.msp_id()
//!     }
//!
//!     fn add(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
//!         self.0 = envelope.creator.msp_id();
//!         false
//!     }
//! }
//!
//! let host = Host::new().with_batch_size(BatchSize {
//!     max_message_count: 3,
//!     absolute_max_bytes: 1_000,
//!     preferred_max_bytes: 1_000,
//! });
//! let (ours, theirs) = (Envelope::of_size(400), Envelope::of_size(100).by("Org2MSP", "bob"));
//! let cuts = host.cut::<OneOrganisation>(&[ours, ours, ours, theirs, theirs, theirs])?;
//! assert_eq!(cuts.counts(), [2, 1, 3]);
//! assert_eq!(cuts.reasons(), [CutBy::AbsoluteMaxBytes, CutBy::Fits, CutBy::MaxMessageCount]);
//!
//! // The batch timeout, or a config update.
//! let cuts = host.cut::<OneOrganisation>([Step::Envelope(ours), Step::Cut, Step::Envelope(ours)])?;
//! assert_eq!(cuts.counts(), [1]);
//! assert_eq!(cuts.pending.count, 1);
//! # Ok::<(), String>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};

use crate::host::{self, CreatorRecord};
use crate::log::Level;
use crate::{
    BatchPolicy, BatchSize, Channel, ConsensusState, Creator, EnvelopeInfo, Pending, Settings,
};

/// Settings with these keys and values.
///
/// ```
/// let settings = raddle_guest::testing::settings([("count", "7")]);
/// assert_eq!(settings.required("count"), Ok(7_u32));
/// ```
#[must_use]
pub fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
    let owned = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Settings(host::Settings(BTreeMap::from(owned)))
}

/// An orderer with one channel, as far as a module sees it.
#[derive(Clone, Debug)]
pub struct Host {
    channel: host::Channel,
    settings: host::Settings,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// The channel `mychannel` at config sequence 1, with the limits of Fabric's sample configuration (500 envelopes,
    /// 10 MiB, 2 MiB); no settings, no capabilities.
    #[must_use]
    pub fn new() -> Self {
        let channel = host::Channel {
            name: "mychannel".to_owned(),
            config_sequence: 1,
            batch_size: BatchSize {
                max_message_count: 500,
                absolute_max_bytes: 10 << 20,
                preferred_max_bytes: 2 << 20,
            },
            consensus_state: ConsensusState::Normal,
            orderer_capabilities: BTreeSet::new(),
        };
        Self {
            channel,
            settings: host::Settings::default(),
        }
    }

    /// Gives the module a setting.
    #[must_use]
    pub fn with_setting(mut self, key: &str, value: &str) -> Self {
        self.settings.0.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets the limits of a block.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: BatchSize) -> Self {
        self.channel.batch_size = batch_size;
        self
    }

    /// Sets the channel's id.
    #[must_use]
    pub fn with_channel(mut self, name: &str) -> Self {
        self.channel.name = name.to_owned();
        self
    }

    /// Sets the config sequence.
    #[must_use]
    pub fn with_config_sequence(mut self, sequence: u64) -> Self {
        self.channel.config_sequence = sequence;
        self
    }

    /// Sets whether the channel takes envelopes.
    #[must_use]
    pub fn with_consensus_state(mut self, state: ConsensusState) -> Self {
        self.channel.consensus_state = state;
        self
    }

    /// Adds a capability to the channel's Orderer group.
    #[must_use]
    pub fn with_orderer_capability(mut self, name: &str) -> Self {
        self.channel.orderer_capabilities.insert(name.to_owned());
        self
    }

    /// Asks the policy whether the settings make sense.
    ///
    /// # Errors
    ///
    /// The policy's own sentence.
    pub fn check_settings<P: BatchPolicy>(&self) -> Result<(), String> {
        self.start::<P>().map(drop)
    }

    /// Sends envelopes through the policy, as an orderer does.
    ///
    /// # Errors
    ///
    /// The policy's own sentence, where it cannot be made.
    pub fn cut<P: BatchPolicy>(
        &self,
        steps: impl IntoIterator<Item = impl Into<Step>>,
    ) -> Result<Cuts, String> {
        host::forget_creators();
        let _earlier = (host::take_log(), host::take_imports());
        let mut run = Run::<P> {
            host: self,
            policy: None,
            pending: Pending::default(),
            batches: Vec::new(),
        };
        for step in steps {
            match step.into() {
                Step::Envelope(envelope) => run.order(&envelope)?,
                Step::Cut => run.cut(CutBy::Outside),
            }
        }
        let Run {
            pending, batches, ..
        } = run;
        Ok(Cuts {
            batches,
            pending,
            log: host::take_log(),
            imports: host::take_imports(),
        })
    }

    fn start<P: BatchPolicy>(&self) -> Result<P, String> {
        P::new(
            &Settings(self.settings.clone()),
            &Channel(self.channel.clone()),
        )
    }
}

/// What happens to a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An envelope is about to be committed.
    Envelope(Envelope),
    /// The batch timeout ends, or a config update comes: what is pending is cut.
    Cut,
}

impl From<Envelope> for Step {
    fn from(envelope: Envelope) -> Self {
        Self::Envelope(envelope)
    }
}

impl From<&Envelope> for Step {
    fn from(envelope: &Envelope) -> Self {
        Self::Envelope(*envelope)
    }
}

/// An envelope, as far as a policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    size_bytes: u64,
    header_type: Option<i32>,
    creator: Option<(&'static str, &'static str)>,
}

impl Envelope {
    /// An endorser transaction of so many bytes, by `client` of `Org1MSP`.
    #[must_use]
    pub const fn of_size(size_bytes: u64) -> Self {
        Self {
            size_bytes,
            header_type: Some(3),
            creator: Some(("Org1MSP", "client")),
        }
    }

    /// Changes who created it. `certificate` stands for the certificate: two that differ are two creators.
    #[must_use]
    pub const fn by(mut self, msp_id: &'static str, certificate: &'static str) -> Self {
        self.creator = Some((msp_id, certificate));
        self
    }

    /// Takes the creator away.
    #[must_use]
    pub const fn by_nobody(mut self) -> Self {
        self.creator = None;
        self
    }

    /// Changes the `type` of its channel header; `None`: it has no channel header that can be read.
    #[must_use]
    pub const fn of_type(mut self, header_type: Option<i32>) -> Self {
        self.header_type = header_type;
        self
    }

    fn creator(&self) -> CreatorRecord {
        let Some((msp_id, certificate)) = self.creator else {
            return CreatorRecord {
                msp_id: None,
                identity: Vec::new(),
            };
        };
        let mut identity = Vec::new();
        push_field(&mut identity, 1, msp_id.as_bytes());
        push_field(&mut identity, 2, certificate.as_bytes());
        CreatorRecord {
            msp_id: Some(msp_id.to_owned()),
            identity,
        }
    }
}

/// A length-delimited field of a protobuf message.
fn push_field(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        message.push((length % 0x80) as u8 | 0x80);
        length /= 0x80;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}

/// What became of the envelopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// The batches that were cut.
    pub batches: Vec<Batch>,
    /// What was not cut in the end.
    pub pending: Pending,
    /// What the policy logged.
    pub log: Vec<(Level, String)>,
    /// How many imports the policy called. Each costs at least 100 fuel.
    pub imports: u64,
}

impl Cuts {
    /// Envelopes in each batch.
    #[must_use]
    pub fn counts(&self) -> Vec<u32> {
        self.batches.iter().map(|batch| batch.count).collect()
    }

    /// Why each batch was cut.
    #[must_use]
    pub fn reasons(&self) -> Vec<CutBy> {
        self.batches.iter().map(|batch| batch.cut_by).collect()
    }
}

/// A batch that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Envelopes in it.
    pub count: u32,
    /// Sum of their sizes.
    pub size_bytes: u64,
    /// Why it was cut.
    pub cut_by: CutBy,
}

/// Why a batch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutBy {
    /// [`BatchPolicy::fits`] said no to the next envelope.
    Fits,
    /// [`BatchPolicy::add`] said that the batch is full.
    Add,
    /// The next envelope would have brought it beyond [`BatchSize::absolute_max_bytes`].
    AbsoluteMaxBytes,
    /// It had [`BatchSize::max_message_count`] envelopes.
    MaxMessageCount,
    /// [`Step::Cut`].
    Outside,
}

struct Run<'a, P> {
    host: &'a Host,
    /// There is one as long as something is pending.
    policy: Option<P>,
    pending: Pending,
    batches: Vec<Batch>,
}

impl<P: BatchPolicy> Run<'_, P> {
    fn order(&mut self, envelope: &Envelope) -> Result<(), String> {
        let limits = self.host.channel.batch_size;
        let size_bytes = self.pending.size_bytes.saturating_add(envelope.size_bytes);
        if self.pending.count > 0 && size_bytes > u64::from(limits.absolute_max_bytes) {
            self.cut(CutBy::AbsoluteMaxBytes);
        }
        if let Some(policy) = &mut self.policy
            && !policy.fits(&info(envelope), self.pending)
        {
            self.cut(CutBy::Fits);
        }
        let mut policy = match self.policy.take() {
            Some(policy) => policy,
            None => self.host.start()?,
        };
        let is_full = policy.add(&info(envelope), self.pending);
        self.policy = Some(policy);
        self.pending.count += 1;
        self.pending.size_bytes = self.pending.size_bytes.saturating_add(envelope.size_bytes);
        if is_full {
            self.cut(CutBy::Add);
        } else if self.pending.count >= limits.max_message_count {
            self.cut(CutBy::MaxMessageCount);
        }
        Ok(())
    }

    fn cut(&mut self, cut_by: CutBy) {
        self.policy = None;
        host::forget_creators();
        let Pending { count, size_bytes } = std::mem::take(&mut self.pending);
        if count > 0 {
            self.batches.push(Batch {
                count,
                size_bytes,
                cut_by,
            });
        }
    }
}

fn info(envelope: &Envelope) -> EnvelopeInfo {
    EnvelopeInfo {
        size_bytes: envelope.size_bytes,
        header_type: envelope.header_type,
        creator: Creator::numbered(host::creator_number(envelope.creator())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::log;

    /// Takes everything, and logs each call with what it was shown.
    struct Recorder {
        calls: u32,
    }

    impl Recorder {
        fn log(&mut self, call: &str, envelope: &EnvelopeInfo, pending: Pending) {
            self.calls += 1;
            let (number, creator) = (self.calls, envelope.creator.number());
            log::debug(&format!(
                "{number} {call} {} by {creator} to {}/{}",
                envelope.size_bytes, pending.count, pending.size_bytes
            ));
        }
    }

    impl BatchPolicy for Recorder {
        fn new(_settings: &Settings, _channel: &Channel) -> Result<Self, String> {
            Ok(Self { calls: 0 })
        }

        fn fits(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
            self.log("fits", envelope, pending);
            true
        }

        fn add(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
            self.log("add", envelope, pending);
            false
        }
    }

    fn host(max_message_count: u32, absolute_max_bytes: u32) -> Host {
        let preferred_max_bytes = absolute_max_bytes;
        Host::new().with_batch_size(BatchSize {
            max_message_count,
            absolute_max_bytes,
            preferred_max_bytes,
        })
    }

    #[test]
    fn a_policy_is_called_in_the_orderers_order_and_made_anew_for_each_batch() {
        let (alice, bob) = (
            Envelope::of_size(40),
            Envelope::of_size(50).by("Org2MSP", "bob"),
        );
        let cuts = host(3, 100)
            .cut::<Recorder>(&[alice, bob, bob, alice])
            .unwrap();
        let lines: Vec<_> = cuts.log.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(
            lines,
            [
                "1 add 40 by 0 to 0/0",
                "2 fits 50 by 1 to 1/40",
                "3 add 50 by 1 to 1/40",
                // 90 and 50 are beyond 100: a new batch, without being asked.
                "1 add 50 by 0 to 0/0",
                "2 fits 40 by 1 to 1/50",
                "3 add 40 by 1 to 1/50",
            ]
        );
        assert_eq!(
            cuts.batches,
            [Batch {
                count: 2,
                size_bytes: 90,
                cut_by: CutBy::AbsoluteMaxBytes
            }]
        );
        assert_eq!(
            cuts.pending,
            Pending {
                count: 2,
                size_bytes: 90
            }
        );
    }

    #[test]
    fn a_lone_envelope_is_taken_whatever_its_size() {
        let cuts = host(1, 100)
            .cut::<Recorder>([Envelope::of_size(u64::MAX)])
            .unwrap();
        assert_eq!(
            cuts.batches,
            [Batch {
                count: 1,
                size_bytes: u64::MAX,
                cut_by: CutBy::MaxMessageCount
            }]
        );
    }

    #[test]
    fn a_cut_from_outside_with_nothing_pending_makes_no_batch() {
        let cuts = host(9, 100)
            .cut::<Recorder>([Step::Cut, Step::Cut])
            .unwrap();
        assert_eq!(cuts, Cuts::default());
    }

    #[test]
    fn a_creators_identity_is_a_marshalled_serialized_identity() {
        let long = "x".repeat(200).leak();
        let identity = Envelope::of_size(1).by("Org1MSP", long).creator().identity;
        let expected = [b"\x0a\x07Org1MSP\x12\xc8\x01", long.as_bytes()].concat();
        assert_eq!(identity, expected);
        assert_eq!(Envelope::of_size(1).by_nobody().creator().identity, b"");
    }
}
