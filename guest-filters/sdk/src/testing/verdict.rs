//! What a filter says.

use crate::RefusalStatus;
use crate::log::Level;

/// How a filter judged an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the client would be told if the envelope was refused.
    pub refusal: Option<(RefusalStatus, String)>,
    /// What the filter logged.
    pub log: Vec<(Level, String)>,
    /// How many imports the filter called. Each costs at least 100 fuel.
    pub imports: u64,
}

impl Verdict {
    /// Whether the envelope passed.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        self.refusal.is_none()
    }

    /// The refusal's status.
    #[must_use]
    pub fn status(&self) -> Option<RefusalStatus> {
        self.refusal.as_ref().map(|(status, _)| *status)
    }

    /// The refusal's sentence.
    #[must_use]
    pub fn sentence(&self) -> Option<&str> {
        self.refusal.as_ref().map(|(_, sentence)| sentence.as_str())
    }
}
