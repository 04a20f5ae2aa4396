//! Runs a module natively, under the rules that an orderer follows.
//!
//! What the kit cannot show is what the sandbox adds: fuel and memory limits, and that each envelope or batch gets a
//! fresh memory. (A module that keeps something in a `static` remembers it here and forgets it there.)
//!
//! A filter is given an envelope, and says whether it passes:
//!
//! ```
//! use raddle_guest::testing::{Envelope, Host};
//! use raddle_guest::{Channel, Envelope as View, Facts, Filter, Refusal, RefusalStatus, Settings};
//!
//! /// Large envelopes are for admins.
//! struct LargeOnesForAdmins;
//!
//! impl Filter for LargeOnesForAdmins {
//!     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
//!         settings.only(&[])?;
//!         Ok(Self)
//!     }
//!
//!     fn check(&self, facts: &Facts, envelope: &View) -> Result<(), Refusal> {
//!         if facts.size_bytes() > 1_000 {
//!             envelope.satisfies("/Channel/Application/Admins")?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let host = Host::new().with_policy("/Channel/Application/Admins", |creator| {
//!     creator.organisational_units.iter().any(|unit| unit == "admin")
//! });
//! let large = Envelope::of_size(2_000);
//! let verdict = host.check::<LargeOnesForAdmins>(&large)?;
//! assert_eq!(verdict.status(), Some(RefusalStatus::Forbidden));
//! assert_eq!(verdict.sentence(), Some("signature set did not satisfy policy: permission denied"));
//! assert!(host.check::<LargeOnesForAdmins>(&large.with_organisational_units(&["admin"]))?.is_accepted());
//! # Ok::<(), String>(())
//! ```
//!
//! A batch policy is given envelopes one after the other, and cuts batches:
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

mod cuts;
mod input;
mod message;
mod verdict;

pub use cuts::{Batch, CutBy, Cuts};
pub use input::{Envelope, Step};
pub use verdict::Verdict;

use std::collections::{BTreeMap, BTreeSet};

use crate::filter::Reason;
use crate::host;
use crate::{
    BatchPolicy, BatchSize, Channel, ConsensusState, Creator, EnvelopeInfo, Filter, Identity, Pending,
    Settings,
};

/// Most signature policies that a filter may ask for, an envelope.
const POLICIES_MAX: usize = 8;

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
    policies: BTreeMap<String, host::Policy>,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// The channel `mychannel` at config sequence 1, with the limits of Fabric's sample configuration (500 envelopes,
    /// 10 MiB, 2 MiB); no settings, no capabilities. Whoever has an identity satisfies `/Channel/Writers`, members of
    /// `OrdererMSP` satisfy `/Channel/Orderer/Writers`, and there is no other policy.
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
        Self { channel, settings: host::Settings::default(), policies: BTreeMap::new() }
            .with_policy("/Channel/Writers", |_| true)
            .with_policy("/Channel/Orderer/Writers", |creator| creator.msp_id == "OrdererMSP")
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

    /// Says who satisfies a signature policy, and adds it if it was missing.
    #[must_use]
    pub fn with_policy(mut self, name: &str, is_satisfied_by: fn(&Identity) -> bool) -> Self {
        self.policies.insert(name.to_owned(), is_satisfied_by);
        self
    }

    /// Takes a signature policy out of the channel config.
    #[must_use]
    pub fn without_policy(mut self, name: &str) -> Self {
        self.policies.remove(name);
        self
    }

    /// Asks the batch policy whether the settings make sense.
    ///
    /// # Errors
    ///
    /// The policy's own sentence.
    pub fn check_settings<P: BatchPolicy>(&self) -> Result<(), String> {
        self.start::<P>().map(drop)
    }

    /// Asks the filter whether the settings make sense.
    ///
    /// # Errors
    ///
    /// The filter's own sentence.
    pub fn check_filter_settings<F: Filter>(&self) -> Result<(), String> {
        self.start_filter::<F>().map(drop)
    }

    /// Lets the filter judge an envelope.
    ///
    /// # Errors
    ///
    /// What an orderer takes for a fault of the module: the filter's own sentence where it cannot be made, more
    /// policies than it may ask for, or a refusal that rests on a policy where none failed.
    pub fn check<F: Filter>(&self, envelope: &Envelope) -> Result<Verdict, String> {
        let _earlier = (host::take_log(), host::take_imports());
        let filter = self.start_filter::<F>()?;
        let view = crate::Envelope(envelope.view(self.policies.clone()));
        let answer = filter.check(&envelope.facts(), &view);
        let (log, imports) = (host::take_log(), host::take_imports());
        let evaluated = view.0.evaluated.into_inner();
        if evaluated.policies.len() > POLICIES_MAX {
            return Err(format!(
                "{} policies were asked for, {POLICIES_MAX} an envelope are allowed",
                evaluated.policies.len()
            ));
        }
        let refusal = match answer {
            Ok(()) => None,
            Err(refusal) => Some((
                refusal.status,
                match refusal.reason {
                    Reason::Text(sentence) => sentence,
                    Reason::PolicyText => evaluated
                        .text
                        .ok_or("the refusal rests on a policy, and none was asked that failed")?,
                },
            )),
        };
        Ok(Verdict { refusal, log, imports })
    }

    fn start_filter<F: Filter>(&self) -> Result<F, String> {
        F::new(&Settings(self.settings.clone()), &Channel(self.channel.clone()))
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
        let mut run = Run::<P> { host: self, policy: None, pending: Pending::default(), batches: Vec::new() };
        for step in steps {
            match step.into() {
                Step::Envelope(envelope) => run.order(&envelope)?,
                Step::Cut => run.cut(CutBy::Outside),
            }
        }
        let Run { pending, batches, .. } = run;
        Ok(Cuts { batches, pending, log: host::take_log(), imports: host::take_imports() })
    }

    fn start<P: BatchPolicy>(&self) -> Result<P, String> {
        P::new(&Settings(self.settings.clone()), &Channel(self.channel.clone()))
    }
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
        let size_bytes = self.pending.size_bytes.saturating_add(envelope.facts().size_bytes());
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
        self.pending.size_bytes = self.pending.size_bytes.saturating_add(envelope.facts().size_bytes());
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
            self.batches.push(Batch { count, size_bytes, cut_by });
        }
    }
}

fn info(envelope: &Envelope) -> EnvelopeInfo {
    EnvelopeInfo {
        size_bytes: envelope.facts().size_bytes(),
        header_type: envelope.header_type,
        creator: Creator::numbered(host::creator_number(envelope.creator())),
    }
}

#[cfg(test)]
mod tests;
