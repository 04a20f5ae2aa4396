//! What comes of it.

use crate::Pending;
use crate::log::Level;
#[cfg(doc)]
use crate::{BatchPolicy, BatchSize, testing::Step};

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
