//! What the chain asks of a batch policy, and how a batch policy may fail.
//!
//! The chain owns these traits; the sandbox implements them with a module, and [`crate::standard`] implements them
//! natively with the rule that Fabric's block cutter follows.

use std::rc::Rc;
use std::sync::Arc;

use crate::bundle::CurrentConfig;
use crate::ids::CreatorNumber;

/// An envelope about to be committed, as a batch policy is shown it. Part of profile 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeInfo<'a> {
    /// Bytes of payload and signature together.
    pub size_bytes: u64,
    /// `type` of the channel header, if there is one that Go's library can read.
    pub header_type: Option<i32>,
    /// Stable within the batch.
    pub creator: CreatorNumber,
    /// `creator` of the signature header, empty if there is none that can be read.
    pub creator_bytes: &'a [u8],
}

/// The batch so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Envelopes in it.
    pub count: u32,
    /// Sum of their sizes.
    pub size_bytes: u64,
}

/// A channel's batch policy at one config sequence.
pub trait BatchPolicy {
    /// Makes the instance for a new batch. Called just before the batch's first envelope.
    ///
    /// # Errors
    ///
    /// A module that fails while it starts fails as it would at a call.
    fn begin(&self) -> Result<Box<dyn Batch>, Fault>;
}

/// One batch in the making. Dropped when the batch is cut.
pub trait Batch {
    /// Whether the envelope may join. Never asked of a batch's first envelope.
    ///
    /// # Errors
    ///
    /// See [`Fault`]; after an error the instance is dropped.
    fn fits(&mut self, envelope: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault>;

    /// The envelope joins; `pending` is the batch without it. `true`: the batch is full.
    ///
    /// # Errors
    ///
    /// See [`Fault`]; after an error the instance is dropped.
    fn add(&mut self, envelope: &EnvelopeInfo<'_>, pending: Pending) -> Result<bool, Fault>;
}

/// Where the chain gets the batch policy of a config sequence from.
pub trait BatchPolicies {
    /// The batch policy that a config names.
    ///
    /// # Errors
    ///
    /// A local reason why this orderer cannot run it. The chain halts until it clears.
    fn batch_policy(&self, config: &Arc<CurrentConfig>) -> Result<Rc<dyn BatchPolicy>, LocalFault>;
}

/// Why a batch policy gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Every orderer meets the same: the standard rule decides this envelope and the rest of the batch.
    #[error(transparent)]
    Guest(#[from] GuestFault),
    /// Only this orderer meets it: the batch is replayed into a fresh instance, and if that fails too the channel halts
    /// on this orderer.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

/// A fault of the module itself, the same on every orderer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuestFault {
    /// The call used up its fuel.
    #[error("out of fuel after {fuel}")]
    OutOfFuel {
        /// What the call was given.
        fuel: u64,
    },
    /// The module trapped.
    #[error("trapped: {trap}")]
    Trapped {
        /// The trap's name. For people only: it decides nothing.
        trap: String,
    },
    /// The module asked for more than an instance may have.
    #[error("asked for more {resource} than the limit of {limit}")]
    LimitExceeded {
        /// Memory, table or bytes handed to the host.
        resource: &'static str,
        /// The limit, in bytes or elements.
        limit: u64,
    },
    /// The module broke the rules of the component model: a bad pointer, a bad string, a bad handle.
    #[error("broke the contract: {what}")]
    BadAnswer {
        /// What was wrong. For people only.
        what: String,
    },
}

/// A fault of this orderer: host memory, the epoch alarm, the native stack, a worker, a cache.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct LocalFault {
    /// What happened, for the operator.
    pub cause: String,
}
