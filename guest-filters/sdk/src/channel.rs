//! The channel that a module works for.

use crate::host;

/// The channel, at the config sequence for which the module was loaded.
///
/// Each method asks the host and costs fuel: ask once, in the constructor, and keep the answer. A clone is a handle to
/// the same channel.
///
/// ```
/// use raddle_guest::testing::{Envelope, Host};
/// use raddle_guest::{Channel, ConsensusState, Envelope as View, Facts, Filter, Refusal, Settings};
///
/// /// Takes half of what the channel allows, and nothing in maintenance.
/// struct Half(u64);
///
/// impl Filter for Half {
///     fn new(settings: &Settings, channel: &Channel) -> Result<Self, String> {
///         settings.only(&[])?;
///         Ok(Self(match channel.consensus_state() {
///             ConsensusState::Normal => u64::from(channel.absolute_max_bytes()) / 2,
///             ConsensusState::Maintenance => 0,
///         }))
///     }
///
///     fn check(&self, facts: &Facts, _envelope: &View) -> Result<(), Refusal> {
///         if facts.size_bytes() > self.0 { Err(Refusal::too_large("more than half")) } else { Ok(()) }
///     }
/// }
///
/// let host = Host::new();
/// assert!(host.check::<Half>(&Envelope::of_size(5 << 20))?.is_accepted());
/// assert!(!host.check::<Half>(&Envelope::of_size((5 << 20) + 1))?.is_accepted());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone)]
pub struct Channel(pub(crate) host::Channel);

impl Channel {
    /// The channel's id.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// How often the channel's config has changed.
    #[must_use]
    pub fn config_sequence(&self) -> u64 {
        self.0.config_sequence()
    }

    /// Limits of a block.
    #[must_use]
    pub fn batch_size(&self) -> BatchSize {
        self.0.batch_size()
    }

    /// [`BatchSize::absolute_max_bytes`] alone, as one number: the cheaper way if a filter needs no more.
    #[must_use]
    pub fn absolute_max_bytes(&self) -> u32 {
        self.0.absolute_max_bytes()
    }

    /// Whether the channel takes envelopes, or only config updates.
    #[must_use]
    pub fn consensus_state(&self) -> ConsensusState {
        self.0.consensus_state()
    }

    /// Whether the Orderer group of the channel config asks for this capability.
    #[must_use]
    pub fn has_orderer_capability(&self, name: &str) -> bool {
        self.0.has_orderer_capability(name)
    }

    /// Whether one of the Orderer group's capabilities asks that expired creators be refused.
    ///
    /// Source: fabric v2.5.16 `common/capabilities/orderer.go` `ExpirationCheck`: `V1_1`, `V1_4_2` or `V2_0`.
    #[must_use]
    pub fn has_expiration_check(&self) -> bool {
        self.0.has_expiration_check()
    }
}

/// Limits of a block, as the channel config sets them.
///
/// ```
/// use raddle_guest::BatchSize;
/// use raddle_guest::testing::Host;
///
/// let host = Host::new().with_batch_size(BatchSize {
///     max_message_count: 10,
///     absolute_max_bytes: 1 << 20,
///     preferred_max_bytes: 512 << 10,
/// });
/// # let _ = host;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// Most envelopes in a block. Above zero.
    pub max_message_count: u32,
    /// Most bytes (payload and signature) of one envelope, and of a batch of several.
    pub absolute_max_bytes: u32,
    /// Bytes at which the standard rule cuts. At most `absolute_max_bytes`.
    pub preferred_max_bytes: u32,
}

/// Whether the channel takes envelopes.
///
/// ```
/// use raddle_guest::ConsensusState;
/// use raddle_guest::testing::Host;
///
/// let host = Host::new().with_consensus_state(ConsensusState::Maintenance);
/// # let _ = host;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsensusState {
    /// Envelopes and config updates.
    Normal,
    /// Config updates only.
    Maintenance,
}
