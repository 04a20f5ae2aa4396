//! What an author implements, and what a batch policy is shown.

use crate::{Channel, Settings, host};

/// Decides where a batch is cut.
///
/// The host calls in this order, for each envelope that is about to be committed:
///
/// 1. If the batch is not empty: [`fits`](Self::fits). On `false` the batch is cut before the envelope, and the policy
///    is dropped.
/// 2. If there is no policy: [`new`](Self::new).
/// 3. [`add`](Self::add). On `true` the batch is cut after the envelope, and the policy is dropped.
///
/// The host cuts without being told when the batch would grow beyond [`BatchSize::absolute_max_bytes`], when it has
/// [`BatchSize::max_message_count`] envelopes, when the batch timeout ends and at a config update: a policy can only
/// cut sooner. An envelope that is alone in its batch is always taken.
///
/// [`BatchSize::absolute_max_bytes`]: crate::BatchSize::absolute_max_bytes
/// [`BatchSize::max_message_count`]: crate::BatchSize::max_message_count
///
/// ```
/// use raddle_guest::{BatchPolicy, Channel, Creator, EnvelopeInfo, Pending, Settings};
///
/// /// Never mixes two creators.
/// struct OneCreator {
///     creator: Option<Creator>,
/// }
///
/// impl BatchPolicy for OneCreator {
///     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
///         settings.only(&[])?;
///         Ok(Self { creator: None })
///     }
///
///     fn fits(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
///         self.creator == Some(envelope.creator)
///     }
///
///     fn add(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
///         self.creator = Some(envelope.creator);
///         false
///     }
/// }
/// ```
pub trait BatchPolicy: Sized {
    /// Makes the policy for a new batch.
    ///
    /// Also called, and the result thrown away, when the module is checked and when it is installed.
    ///
    /// # Errors
    ///
    /// A sentence for the channel's admin: why the settings make no sense. It refuses the installation. A policy whose
    /// settings were accepted must be able to start: an error then ends the call with a trap, and the sentence is
    /// logged.
    fn new(settings: &Settings, channel: &Channel) -> Result<Self, String>;

    /// May the envelope join the batch? Never asked of a batch's first envelope.
    ///
    /// On `false` the batch is cut before the envelope. Left out, every envelope may.
    fn fits(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool {
        let _ = (envelope, pending);
        true
    }

    /// The envelope joins; `pending` is the batch without it. Is the batch full?
    ///
    /// On `true` the batch is cut after the envelope.
    fn add(&mut self, envelope: &EnvelopeInfo, pending: Pending) -> bool;
}

/// An envelope about to be committed.
///
/// ```
/// use raddle_guest::{EnvelopeInfo, Pending};
///
/// /// Whether both together stay below 1 MiB.
/// fn is_small(envelope: &EnvelopeInfo, pending: Pending) -> bool {
///     pending.size_bytes.saturating_add(envelope.size_bytes) < 1 << 20
/// }
/// # let _ = is_small;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeInfo {
    /// Bytes of payload and signature together.
    pub size_bytes: u64,
    /// `type` of the channel header, if there is a channel header that can be read; 3 is an endorser transaction.
    pub header_type: Option<i32>,
    /// Who created it.
    pub creator: Creator,
}

/// The batch so far.
///
/// ```
/// use raddle_guest::Pending;
///
/// let pending = Pending { count: 2, size_bytes: 4_000 };
/// assert_ne!(pending, Pending::default(), "an empty batch is the default");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Envelopes in it.
    pub count: u32,
    /// Sum of their sizes.
    pub size_bytes: u64,
}

/// A creator of envelopes in this batch. Two are equal if their identities are, byte for byte.
///
/// Comparing costs nothing; the two methods ask the host.
///
/// ```
/// use raddle_guest::{BatchPolicy, Channel, EnvelopeInfo, Pending, Settings};
///
/// /// Gives the envelopes of one organisation blocks of their own.
/// struct Apart {
///     msp_id: String,
///     is_theirs: bool,
/// }
///
/// impl BatchPolicy for Apart {
///     fn new(settings: &Settings, _channel: &Channel) -> Result<Self, String> {
///         settings.only(&["msp-id"])?;
///         Ok(Self { msp_id: settings.required("msp-id")?, is_theirs: false })
///     }
///
///     fn fits(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
///         self.is_theirs == (envelope.creator.msp_id().as_ref() == Some(&self.msp_id))
///     }
///
///     fn add(&mut self, envelope: &EnvelopeInfo, _pending: Pending) -> bool {
///         self.is_theirs = envelope.creator.msp_id().as_ref() == Some(&self.msp_id);
///         false
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Creator(u32);

impl Creator {
    pub(crate) const fn numbered(number: u32) -> Self {
        Self(number)
    }

    /// 0 for the batch's first creator, 1 for the next different one, and so on. Means nothing in another batch.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The MSP id; none if the envelope names no creator that can be read.
    #[must_use]
    pub fn msp_id(self) -> Option<String> {
        host::creator_msp_id(self.0)
    }

    /// The creator as it stands in the signature header: a marshalled `msp.SerializedIdentity`, or whatever is there.
    #[must_use]
    pub fn identity(self) -> Vec<u8> {
        host::creator_identity(self.0)
    }
}
