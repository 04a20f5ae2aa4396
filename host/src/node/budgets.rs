//! What each organisation may send to a channel in a second: envelopes and bytes.
//!
//! Who sends is known for sure only when the signature policy of writers holds: by then the signature was checked and
//! the MSP has found the identity valid. That organisation is charged, and no other: whoever merely writes somebody
//! else's MSP id into an envelope uses nothing of theirs. But a signature check is what an envelope costs most, so an
//! organisation that was found to be over its budget is *closed* until its next envelope could be paid for, and
//! meanwhile all that claims to be from it is refused by that claim. A liar gets a refusal that is due to somebody
//! else.
//!
//! Each refusal ends a stream, and whoever tries again at once opens the next one: that costs a node more than a
//! signature check, and many who do so together stand before all others. So the refusals of a closed organisation are
//! given one after the other, and its clients come one after the other.
//!
//! A budget holds for an organisation *on a channel*: MSP ids are names that the admins of a channel choose, and those
//! of one channel must not use up what others have on another. Config updates are not charged, so that no budget keeps
//! admins out; nor is what is judged once more, which was acknowledged.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use raddle_core::ids::ChannelId;

use crate::config::{Budget, Budgets};

/// Bytes are counted in units of so many, rounded up: rates of gigabytes still are whole nanoseconds for each.
const UNIT_BYTES: u64 = 64;

/// How far apart the refusals of a closed organisation are.
const REFUSALS_APART: Duration = Duration::from_millis(2);

/// The longest that a refusal is held back for that.
const HOLD_MAX: Duration = Duration::from_millis(500);

/// Who has no account of their own: the policy for writers asks nobody's signature.
const NOBODY: &str = "";

/// Which of an organisation's budgets is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meter {
    /// Envelopes in a second.
    Envelopes,
    /// Bytes in a second.
    Bytes,
}

/// An envelope that its organisation cannot pay for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "organisation {organisation} is over its budget of {limit} {}/s on channel {channel}, which {} sets; \
     come again in {} ms", meter.name(), self.setting(), wait.as_millis().max(1)
)]
pub struct OverBudget {
    /// The channel.
    pub channel: ChannelId,
    /// The organisation's MSP id.
    pub organisation: String,
    /// Which budget.
    pub meter: Meter,
    /// How much of it there is in a second.
    pub limit: u32,
    /// Whether the limit was set for this organisation, or for all that have none of their own.
    pub is_own: bool,
    /// When the next one can be paid for.
    pub wait: Duration,
}

/// A refusal that is given some time from now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// What is said then.
    pub over: OverBudget,
    /// How long it is held back: at most half a second, and nothing for who is refused once in a while.
    pub hold: Duration,
}

/// What an organisation has sent to a channel, since the node was started.
#[derive(Debug, Default)]
pub struct Spent {
    /// Envelopes that were charged. Some of them a filter may have refused.
    pub envelopes: AtomicU64,
    /// Their bytes.
    pub bytes: AtomicU64,
    /// Envelopes of the organisation's that were refused because it was over its budget.
    pub over_budget: AtomicU64,
    /// Envelopes that claimed to be the organisation's and were refused unread while it was closed.
    pub while_closed: AtomicU64,
}

/// The accounts of a channel's organisations.
#[derive(Debug)]
pub struct Accounts<C: Clock = MonotonicClock> {
    channel: ChannelId,
    budgets: Arc<Budgets>,
    clock: C,
    start: C::Instant,
    /// By MSP id. Only organisations of the channel's configs get one, so it is as bounded as these.
    accounts: RwLock<BTreeMap<String, Arc<Account<C>>>>,
}

#[derive(Debug)]
struct Account<C: Clock> {
    envelopes: Option<Rate<C>>,
    bytes: Option<Rate<C>>,
    is_own: bool,
    /// Nanoseconds since the channel was started until which nothing is taken, and for which budget's sake.
    closed: RwLock<Option<(Duration, Meter)>>,
    /// Nanoseconds since the channel was started before which no further refusal is given.
    next_refusal: AtomicU64,
    spent: Arc<Spent>,
}

#[derive(Debug)]
struct Rate<C: Clock> {
    limit: u32,
    /// What may be spent at once, in units of what is counted.
    burst: NonZeroU32,
    limiter: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
}

impl Meter {
    /// What is counted.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Envelopes => "envelopes",
            Self::Bytes => "bytes",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Envelopes => "EnvelopesPerSecond",
            Self::Bytes => "BytesPerSecond",
        }
    }
}

impl OverBudget {
    /// The key of `raddle.yaml` that sets the limit.
    #[must_use]
    pub fn setting(&self) -> String {
        match self.is_own {
            true => format!("Budgets.Organisations.{}.{}", self.organisation, self.meter.key()),
            false => format!("Budgets.{}", self.meter.key()),
        }
    }
}

// === impl Accounts ===

impl Accounts {
    /// Accounts without an organisation yet.
    #[must_use]
    pub fn new(channel: ChannelId, budgets: Arc<Budgets>) -> Self {
        Self::with_clock(channel, budgets, MonotonicClock)
    }
}

impl<C: Clock + Clone> Accounts<C> {
    fn with_clock(channel: ChannelId, budgets: Arc<Budgets>, clock: C) -> Self {
        let start = clock.now();
        Self { channel, budgets, clock, start, accounts: RwLock::default() }
    }

    /// Looks, before anything is verified, whether the organisation that an envelope claims to be from is closed.
    ///
    /// # Errors
    ///
    /// It is. Nobody was charged.
    pub fn look(&self, claimed: &str) -> Result<(), Closed> {
        let Some(account) = self.find(claimed) else { return Ok(()) };
        let Some((until, meter)) = *account.closed.read().unwrap_or_else(PoisonError::into_inner) else {
            return Ok(());
        };
        let now = self.now();
        match until.checked_sub(now).filter(|wait| !wait.is_zero()) {
            None => Ok(()),
            Some(wait) => {
                account.spent.while_closed.fetch_add(1, Ordering::Relaxed);
                let hold = account.hold(now);
                Err(Closed { over: self.over(claimed, &account, meter, wait.saturating_sub(hold)), hold })
            }
        }
    }

    /// Charges the organisation whose signature was verified; none where the channel asks for no signature.
    ///
    /// # Errors
    ///
    /// It cannot pay, and is closed until it could.
    pub fn charge(&self, verified: Option<&str>, bytes: usize) -> Result<(), OverBudget> {
        let organisation = verified.unwrap_or(NOBODY);
        let account = self.account(organisation);
        let units = u64::try_from(bytes).unwrap_or(u64::MAX).div_ceil(UNIT_BYTES);
        let charged = account.charge(Meter::Envelopes, 1, &self.clock);
        match charged.and_then(|()| account.charge(Meter::Bytes, units, &self.clock)) {
            Ok(()) => {
                account.spent.envelopes.fetch_add(1, Ordering::Relaxed);
                account.spent.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(())
            }
            Err((meter, wait)) => {
                account.spent.over_budget.fetch_add(1, Ordering::Relaxed);
                let until = self.now().saturating_add(wait);
                *account.closed.write().unwrap_or_else(PoisonError::into_inner) = Some((until, meter));
                Err(self.over(organisation, &account, meter, wait))
            }
        }
    }

    /// What each organisation has sent, by its MSP id. The empty name stands for those whose signature nobody asked
    /// for.
    #[must_use]
    pub fn spent(&self) -> Vec<(String, Arc<Spent>)> {
        let accounts = self.accounts.read().unwrap_or_else(PoisonError::into_inner);
        accounts.iter().map(|(name, account)| (name.clone(), Arc::clone(&account.spent))).collect()
    }

    /// Since the start.
    fn now(&self) -> Duration {
        self.clock.now().duration_since(self.start).into()
    }

    fn find(&self, organisation: &str) -> Option<Arc<Account<C>>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).get(organisation).cloned()
    }

    fn account(&self, organisation: &str) -> Arc<Account<C>> {
        if let Some(account) = self.find(organisation) {
            return account;
        }
        let mut accounts = self.accounts.write().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(Account::new(&self.budgets, organisation, &self.clock));
        Arc::clone(accounts.entry(organisation.to_owned()).or_insert_with(make))
    }

    fn over(&self, organisation: &str, account: &Account<C>, meter: Meter, wait: Duration) -> OverBudget {
        let limit = account.rate(meter).map_or(0, |rate| rate.limit);
        let (channel, organisation) = (self.channel.clone(), organisation.to_owned());
        OverBudget { channel, organisation, meter, limit, is_own: account.is_own, wait }
    }
}

// === impl Account ===

impl<C: Clock + Clone> Account<C> {
    fn new(budgets: &Budgets, organisation: &str, clock: &C) -> Self {
        let own = budgets.organisations.get(organisation);
        let Budget { envelopes_per_second, bytes_per_second } = *own.unwrap_or(&budgets.others);
        let rate = |limit: u32, unit: u64| Rate::new(limit, unit, budgets.burst, clock);
        Self {
            envelopes: rate(envelopes_per_second, 1),
            bytes: rate(bytes_per_second, UNIT_BYTES),
            is_own: own.is_some(),
            closed: RwLock::default(),
            next_refusal: AtomicU64::default(),
            spent: Arc::default(),
        }
    }

    const fn rate(&self, meter: Meter) -> Option<&Rate<C>> {
        match meter {
            Meter::Envelopes => self.envelopes.as_ref(),
            Meter::Bytes => self.bytes.as_ref(),
        }
    }

    /// Takes the next place among the refusals that are given, and says how far away it is.
    fn hold(&self, now: Duration) -> Duration {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let (now, latest) = (nanoseconds(now), nanoseconds(now.saturating_add(HOLD_MAX)));
        let place = |next: u64| next.clamp(now, latest);
        let behind = |next| Some(place(next).saturating_add(nanoseconds(REFUSALS_APART)));
        let next = self.next_refusal.fetch_update(Ordering::Relaxed, Ordering::Relaxed, behind);
        Duration::from_nanos(place(next.unwrap_or_else(|next| next)) - now)
    }

    /// What is more than can ever be saved up costs all that can: a large envelope is not shut out for good.
    fn charge(&self, meter: Meter, units: u64, clock: &C) -> Result<(), (Meter, Duration)> {
        let Some(rate) = self.rate(meter) else { return Ok(()) };
        let units = u32::try_from(units).ok().and_then(NonZeroU32::new).unwrap_or(rate.burst).min(rate.burst);
        match rate.limiter.check_n(units) {
            Ok(Ok(())) | Err(_) => Ok(()),
            Ok(Err(not_until)) => Err((meter, not_until.wait_time_from(clock.now()))),
        }
    }
}

impl<C: Clock + Clone> Rate<C> {
    /// None where there is no limit.
    fn new(limit: u32, unit: u64, burst: Duration, clock: &C) -> Option<Self> {
        let second = u64::try_from(Duration::from_secs(1).as_nanos()).unwrap_or(u64::MAX);
        let per_unit = second.saturating_mul(unit).checked_div(u64::from(limit))?.max(1);
        let saved_up = u64::try_from(burst.as_nanos()).unwrap_or(u64::MAX) / per_unit;
        let saved_up = u32::try_from(saved_up).unwrap_or(u32::MAX);
        let burst = NonZeroU32::new(saved_up).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_nanos(per_unit))?.allow_burst(burst);
        Some(Self { limit, burst, limiter: RateLimiter::direct_with_clock(quota, clock.clone()) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use governor::clock::FakeRelativeClock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn accounts(
        others: (u32, u32),
        org1: Option<(u32, u32)>,
    ) -> (FakeRelativeClock, Accounts<FakeRelativeClock>) {
        let budget =
            |(envelopes_per_second, bytes_per_second)| Budget { envelopes_per_second, bytes_per_second };
        let organisations = org1.map(|limits| ("Org1MSP".to_owned(), budget(limits))).into_iter().collect();
        let budgets = Budgets { others: budget(others), organisations, burst: SECOND };
        let clock = FakeRelativeClock::default();
        let accounts = Accounts::with_clock(ChannelId("trade".into()), Arc::new(budgets), clock.clone());
        (clock, accounts)
    }

    /// How many of 1,000 envelopes of this length are taken.
    fn taken(accounts: &Accounts<FakeRelativeClock>, organisation: &str, bytes: usize) -> usize {
        (0..1000).take_while(|_| accounts.charge(Some(organisation), bytes).is_ok()).count()
    }

    #[test]
    fn an_organisation_is_told_which_budget_is_used_up_and_when_to_come_again() {
        let (clock, accounts) = accounts((0, 0), Some((10, 0)));
        assert_eq!(taken(&accounts, "Org1MSP", 100), 10);
        let over = accounts.charge(Some("Org1MSP"), 100).unwrap_err();
        assert_eq!(
            over.to_string(),
            "organisation Org1MSP is over its budget of 10 envelopes/s on channel trade, which \
             Budgets.Organisations.Org1MSP.EnvelopesPerSecond sets; come again in 100 ms"
        );
        clock.advance(over.wait);
        assert_eq!(taken(&accounts, "Org1MSP", 100), 1);
        clock.advance(5 * SECOND);
        assert_eq!(taken(&accounts, "Org1MSP", 100), 10, "no more than a burst is saved up");
        assert_eq!(taken(&accounts, "Org2MSP", 100), 1000, "others have no limit");
    }

    #[test]
    fn bytes_have_a_budget_of_their_own_and_what_is_longer_than_all_of_it_costs_all_of_it() {
        let (clock, accounts) = accounts((0, 64_000), None);
        assert_eq!(taken(&accounts, "Org1MSP", 6_400), 10);
        let over = accounts.charge(Some("Org1MSP"), 1).unwrap_err();
        assert_eq!((over.meter, over.setting().as_str()), (Meter::Bytes, "Budgets.BytesPerSecond"));
        clock.advance(SECOND);
        assert_eq!(accounts.charge(Some("Org1MSP"), 100 << 20), Ok(()));
        assert_eq!(accounts.charge(Some("Org1MSP"), 100 << 20).unwrap_err().wait, SECOND);
    }

    #[test]
    fn a_claim_costs_nobody_anything_and_is_refused_only_while_the_organisation_is_closed() {
        let (clock, accounts) = accounts((10, 0), None);
        for _ in 0..1000 {
            assert_eq!(accounts.look("Org1MSP"), Ok(()));
            assert_eq!(accounts.look("no such organisation"), Ok(()));
        }
        assert!(accounts.spent().is_empty(), "a claim makes no account");
        for _ in 0..10 {
            assert_eq!(accounts.charge(Some("Org1MSP"), 1), Ok(()));
        }
        assert_eq!(accounts.look("Org1MSP"), Ok(()), "nobody was refused yet");
        let over = accounts.charge(Some("Org1MSP"), 1).unwrap_err();
        for _ in 0..1000 {
            let Closed { over: told, hold } = accounts.look("Org1MSP").unwrap_err();
            // What it says is the same but for how long is left when it is said.
            assert_eq!(told.wait, over.wait.saturating_sub(hold));
            assert_eq!(OverBudget { wait: over.wait, ..told }, over);
        }
        assert_eq!(accounts.look("Org2MSP"), Ok(()));
        clock.advance(over.wait);
        assert_eq!(accounts.look("Org1MSP"), Ok(()), "claims did not make it longer");
        let (name, spent) = accounts.spent().pop().unwrap();
        let counted = [&spent.envelopes, &spent.bytes, &spent.over_budget, &spent.while_closed];
        assert_eq!(
            (name.as_str(), counted.map(|it| it.load(Ordering::Relaxed))),
            ("Org1MSP", [10, 10, 1, 1000])
        );
    }

    #[test]
    fn a_closed_organisation_is_refused_at_a_pace_and_nobody_waits_longer_than_the_most() {
        let (clock, accounts) = accounts((1, 0), None);
        accounts.charge(Some("Org1MSP"), 1).unwrap();
        let over = accounts.charge(Some("Org1MSP"), 1).unwrap_err();
        let look = || accounts.look("Org1MSP").unwrap_err();
        assert_eq!(look(), Closed { over: over.clone(), hold: Duration::ZERO });
        let second = look();
        assert_eq!((second.hold, second.over.wait), (REFUSALS_APART, over.wait - REFUSALS_APART));
        assert_eq!(look().hold, 2 * REFUSALS_APART);
        clock.advance(2 * REFUSALS_APART);
        assert_eq!(look().hold, REFUSALS_APART, "places are as far apart, whenever they are taken");
        clock.advance(2 * REFUSALS_APART);
        assert_eq!(look().hold, Duration::ZERO, "all have had theirs");
        let held: Vec<_> = (0..1000).map(|_| look().hold).collect();
        assert_eq!(held.iter().max(), Some(&HOLD_MAX));
        assert_eq!(held.iter().filter(|hold| **hold < HOLD_MAX).count(), 249);
        clock.advance(over.wait);
        assert_eq!(accounts.look("Org1MSP"), Ok(()));
    }

    #[test]
    fn the_highest_rate_that_can_be_written_is_still_one() {
        let (clock, accounts) = accounts((u32::MAX, u32::MAX), None);
        assert_eq!(taken(&accounts, "Org1MSP", 64), 1000);
        clock.advance(SECOND);
        assert_eq!(taken(&accounts, "Org1MSP", 64), 1000);
    }
}
