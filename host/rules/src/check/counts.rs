//! How much of everything a module has, held to its limits while it is counted.

use super::Refusal;
use crate::profile::Limit;

/// The counts of one module, by [`Limit::ALL`].
pub(super) struct Counts([u64; LIMITS]);

/// How many limits there are.
const LIMITS: usize = Limit::ALL.len();

impl Default for Counts {
    fn default() -> Self {
        Self([0; LIMITS])
    }
}

impl Counts {
    /// Adds to what is limited over the whole module.
    ///
    /// # Errors
    ///
    /// There is too much of it.
    pub(super) fn add<N: TryInto<u64>>(&mut self, limit: Limit, more: N) -> Result<(), Refusal> {
        let before = self.0.get(limit as usize).copied().unwrap_or_default();
        self.at_most(limit, before.saturating_add(more.try_into().unwrap_or(u64::MAX)))
    }

    /// Looks at what is limited for each part.
    ///
    /// # Errors
    ///
    /// The part has too much of it.
    pub(super) fn at_most<N: TryInto<u64>>(&mut self, limit: Limit, used: N) -> Result<(), Refusal> {
        let used = used.try_into().unwrap_or(u64::MAX);
        if let Some(most) = self.0.get_mut(limit as usize) {
            *most = (*most).max(used);
        }
        if used > limit.allowed() { Err(Refusal::TooMuch { limit, used }) } else { Ok(()) }
    }

    /// All counts.
    pub(super) fn used(&self) -> Vec<(Limit, u64)> {
        Limit::ALL.iter().copied().zip(self.0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_has_its_place() {
        for (place, limit) in Limit::ALL.iter().enumerate() {
            assert_eq!(*limit as usize, place);
        }
    }
}
