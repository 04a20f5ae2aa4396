//! The order of one stream, as a state machine.
//!
//! Envelopes enter a lane in the order in which they were received. They are admitted side by side and their verdicts
//! come in any order; they leave towards the log in order; appends end in any order; answers leave in order. A lane
//! waits for nothing and knows neither gRPC nor channels: it is told what happened and says what must follow.
//!
//! The first envelope that is not taken, at whichever stage, cuts the lane off behind itself: nothing behind it is
//! appended any more, and its answer is the last.

use std::collections::VecDeque;

use crate::channels::{Failure, NotTaken};

/// How much of one stream may be under way at once.
///
/// A stream is not read while either limit is reached. So it holds at most `envelopes_max` envelopes and less than
/// `bytes_max` bytes plus one envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// Envelopes received and not answered. At least 1 is taken.
    pub envelopes_max: usize,
    /// Bytes of these, as they came over the wire.
    pub bytes_max: usize,
}

impl Default for LaneLimits {
    /// 256 envelopes, 16 MiB: a log that takes 10 ms to be durable gets 25,000 envelopes a second from one stream.
    fn default() -> Self {
        Self { envelopes_max: 256, bytes_max: 16 << 20 }
    }
}

/// An envelope's number in its stream, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// What must be done next. The order matters.
#[derive(Debug, PartialEq)]
#[must_use = "a step left undone is an envelope left unanswered"]
pub(crate) enum Step<T, C> {
    /// Append this now, and tell [`Lane::appended`] when that has ended.
    Append(Ticket, T),
    /// Answer SUCCESS to the envelope that is next in turn.
    Success(C),
    /// Give this answer to the envelope that is next in turn, and end the stream.
    End(NotTaken, C),
}

/// The envelopes of a stream that are not answered. `T` is what is appended; `C` is kept with an envelope until its
/// answer, and handed back with it.
pub(crate) struct Lane<T, C> {
    slots: VecDeque<Slot<T, C>>,
    /// The ticket of the first slot.
    front: u64,
    /// The ticket that is appended next: all slots before it are at their last stages.
    next_append: u64,
    /// The sum over all slots.
    bytes: usize,
    /// Whether the last slot will end the stream, or has.
    is_cut_off: bool,
    limits: LaneLimits,
}

struct Slot<T, C> {
    bytes: usize,
    stage: Stage<T>,
    kept: C,
}

enum Stage<T> {
    Admitting,
    Admitted(T),
    Appending,
    Appended,
    NotTaken(NotTaken),
}

impl<T, C> Lane<T, C> {
    pub(crate) const fn new(limits: LaneLimits) -> Self {
        Self { slots: VecDeque::new(), front: 0, next_append: 0, bytes: 0, is_cut_off: false, limits }
    }

    /// Whether the next envelope may be received.
    pub(crate) fn has_room(&self) -> bool {
        let is_empty = self.slots.is_empty();
        let is_below = self.slots.len() < self.limits.envelopes_max && self.bytes < self.limits.bytes_max;
        !self.is_cut_off && (is_empty || is_below)
    }

    /// Whether everything received is answered.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// An envelope was received, and its admission begins.
    pub(crate) fn received(&mut self, bytes: usize, kept: C) -> Ticket {
        let ticket = Ticket(self.front + self.slots.len() as u64);
        self.slots.push_back(Slot { bytes, stage: Stage::Admitting, kept });
        self.bytes += bytes;
        ticket
    }

    /// An admission has ended. True if verdicts on all later tickets have become useless by it.
    pub(crate) fn admitted(&mut self, ticket: Ticket, verdict: Result<T, NotTaken>) -> bool {
        // No slot: an envelope before this one was not taken in the meantime.
        let Some(slot) = self.slot(ticket) else { return false };
        match verdict {
            Ok(admitted) => {
                slot.stage = Stage::Admitted(admitted);
                false
            }
            Err(not_taken) => self.cut_off(ticket, not_taken),
        }
    }

    /// An append has ended. True if verdicts on all later tickets have become useless by it.
    pub(crate) fn appended(&mut self, ticket: Ticket, result: Result<(), Failure>) -> bool {
        let Some(slot) = self.slot(ticket) else { return false };
        match result {
            Ok(()) => {
                slot.stage = Stage::Appended;
                false
            }
            Err(failure) => self.cut_off(ticket, failure.into()),
        }
    }

    /// What is kept with an envelope that is not answered.
    pub(crate) fn kept(&mut self, ticket: Ticket) -> Option<&mut C> {
        self.slot(ticket).map(|slot| &mut slot.kept)
    }

    /// What must be done now; `None` until something else happens.
    pub(crate) fn next(&mut self) -> Option<Step<T, C>> {
        if let Some(step) = self.append_next() {
            return Some(step);
        }
        if !matches!(self.slots.front()?.stage, Stage::Appended | Stage::NotTaken(_)) {
            return None;
        }
        let slot = self.slots.pop_front()?;
        self.front += 1;
        self.bytes -= slot.bytes;
        match slot.stage {
            Stage::NotTaken(not_taken) => Some(Step::End(not_taken, slot.kept)),
            _ => Some(Step::Success(slot.kept)),
        }
    }

    fn append_next(&mut self) -> Option<Step<T, C>> {
        let ticket = Ticket(self.next_append);
        let slot = self.slot(ticket)?;
        match std::mem::replace(&mut slot.stage, Stage::Appending) {
            Stage::Admitted(admitted) => {
                self.next_append += 1;
                Some(Step::Append(ticket, admitted))
            }
            other => {
                slot.stage = other;
                None
            }
        }
    }

    /// Drops everything behind a slot and lets it end the stream.
    fn cut_off(&mut self, ticket: Ticket, not_taken: NotTaken) -> bool {
        let kept = ticket.0.saturating_sub(self.front) as usize;
        let dropped = self.slots.drain(kept.saturating_add(1).min(self.slots.len())..);
        self.bytes -= dropped.map(|slot| slot.bytes).sum::<usize>();
        if let Some(slot) = self.slots.back_mut() {
            slot.stage = Stage::NotTaken(not_taken);
        }
        self.is_cut_off = true;
        true
    }

    fn slot(&mut self, ticket: Ticket) -> Option<&mut Slot<T, C>> {
        let index = ticket.0.checked_sub(self.front)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

    use proptest::prelude::*;

    use super::*;
    use crate::channels::{Code, Refusal, RefusalStatus};

    const LIMITS: LaneLimits = LaneLimits { envelopes_max: 4, bytes_max: 100 };

    fn refusal(number: u64) -> NotTaken {
        let (status, info) = (RefusalStatus::Forbidden, format!("refused {number}"));
        Refusal { status, info, detail: Code(1).into() }.into()
    }

    fn failure(number: u64) -> Failure {
        Failure { info: format!("failed {number}"), detail: Code(2).into() }
    }

    fn steps<T>(lane: &mut Lane<T, ()>) -> Vec<Step<T, ()>> {
        std::iter::from_fn(|| lane.next()).collect()
    }

    #[test]
    fn appends_and_answers_are_in_order_whatever_ends_first() {
        let mut lane = Lane::new(LIMITS);
        let [first, second] = [lane.received(1, ()), lane.received(1, ())];
        assert!(!lane.admitted(second, Ok('b')));
        assert_eq!(steps(&mut lane), []);
        assert!(!lane.admitted(first, Ok('a')));
        assert_eq!(steps(&mut lane), [Step::Append(first, 'a'), Step::Append(second, 'b')]);
        assert!(!lane.appended(second, Ok(())));
        assert_eq!(steps(&mut lane), []);
        assert!(!lane.appended(first, Ok(())));
        assert_eq!(steps(&mut lane), [Step::Success(()), Step::Success(())]);
        assert!(lane.is_empty() && lane.has_room());
    }

    #[test]
    fn a_refusal_waits_for_the_answers_before_it_and_drops_what_is_behind() {
        let mut lane = Lane::new(LIMITS);
        let [first, second, third] = [lane.received(1, ()), lane.received(1, ()), lane.received(1, ())];
        assert!(!lane.admitted(third, Ok('c')));
        assert!(lane.admitted(second, Err(refusal(1))));
        assert!(!lane.has_room());
        assert!(!lane.admitted(third, Ok('c')), "a verdict nobody waits for");
        assert!(!lane.admitted(first, Ok('a')));
        assert_eq!(steps(&mut lane), [Step::Append(first, 'a')]);
        assert!(!lane.appended(first, Ok(())));
        assert_eq!(steps(&mut lane), [Step::Success(()), Step::End(refusal(1), ())]);
        assert!(lane.is_empty() && !lane.has_room());
    }

    #[test]
    fn a_failed_append_is_the_last_answer_even_before_a_refusal() {
        let mut lane = Lane::new(LIMITS);
        let [first, second, third] = [lane.received(1, ()), lane.received(1, ()), lane.received(1, ())];
        assert!(!lane.admitted(first, Ok('a')) && !lane.admitted(second, Ok('b')));
        assert_eq!(steps(&mut lane), [Step::Append(first, 'a'), Step::Append(second, 'b')]);
        assert!(lane.admitted(third, Err(refusal(2))));
        assert!(lane.appended(first, Err(failure(0))));
        assert_eq!(steps(&mut lane), [Step::End(failure(0).into(), ())]);
        assert!(!lane.appended(second, Ok(())));
        assert_eq!(steps(&mut lane), []);
        assert!(lane.is_empty());
    }

    #[test]
    fn there_is_room_below_both_limits_and_always_for_one() {
        let mut lane = Lane::<char, ()>::new(LIMITS);
        for bytes in [99, 0, 0, 0] {
            assert!(lane.has_room());
            lane.received(bytes, ());
        }
        assert!(!lane.has_room(), "4 envelopes");

        let mut lane = Lane::new(LIMITS);
        let first = lane.received(1000, ());
        assert!(!lane.has_room(), "1000 bytes");
        assert!(!lane.admitted(first, Ok('a')));
        assert_eq!(steps(&mut lane), [Step::Append(first, 'a')]);
        assert!(!lane.has_room(), "what is being appended is held");
        assert!(!lane.appended(first, Ok(())));
        assert_eq!(steps(&mut lane), [Step::Success(())]);
        assert!(lane.has_room());

        let none = LaneLimits { envelopes_max: 0, bytes_max: 0 };
        assert!(Lane::<char, ()>::new(none).has_room());
    }

    /// How an envelope fares.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Fate {
        Taken,
        Refused,
        Fails,
    }

    /// Works a stream of these fates; `choices` say which of the possible events happens next. Gives the numbers
    /// appended, the number of answers SUCCESS and the last answer.
    fn work(fates: &[Fate], limits: LaneLimits, choices: &[usize]) -> (Vec<u64>, usize, Option<NotTaken>) {
        let mut lane = Lane::new(limits);
        let (mut appended, mut successes, mut end) = (Vec::new(), 0, None);
        let (mut received, mut admissions, mut appends) = (0, Vec::new(), Vec::<Ticket>::new());
        let mut choices = choices.iter().copied().cycle();
        loop {
            for step in steps(&mut lane) {
                assert_eq!(end, None, "a step after the last answer");
                match step {
                    Step::Append(ticket, number) => {
                        assert_eq!(ticket, Ticket(number));
                        appended.push(number);
                        appends.push(ticket);
                    }
                    Step::Success(()) => successes += 1,
                    Step::End(not_taken, ()) => end = Some(not_taken),
                }
            }
            let may_receive = lane.has_room() && received < fates.len();
            let events = usize::from(may_receive) + admissions.len() + appends.len();
            if events == 0 {
                assert!(lane.is_empty());
                assert_eq!(lane.bytes, 0);
                return (appended, successes, end);
            }
            let choice = choices.next().unwrap() % events;
            if choice < admissions.len() {
                let ticket: Ticket = admissions.swap_remove(choice);
                let is_refused = fates[ticket.0 as usize] == Fate::Refused;
                let is_cut =
                    lane.admitted(ticket, if is_refused { Err(refusal(ticket.0)) } else { Ok(ticket.0) });
                admissions.retain(|other| !is_cut || *other < ticket);
            } else if choice < admissions.len() + appends.len() {
                let ticket = appends.swap_remove(choice - admissions.len());
                let fails = fates[ticket.0 as usize] == Fate::Fails;
                let is_cut = lane.appended(ticket, if fails { Err(failure(ticket.0)) } else { Ok(()) });
                admissions.retain(|other| !is_cut || *other < ticket);
            } else {
                admissions.push(lane.received(10, ()));
                received += 1;
            }
        }
    }

    fn fate() -> impl Strategy<Value = Fate> {
        prop_oneof![20 => Just(Fate::Taken), 1 => Just(Fate::Refused), 1 => Just(Fate::Fails)]
    }

    proptest! {
        #[test]
        fn a_client_sees_what_it_would_see_one_at_a_time(
            fates in prop::collection::vec(fate(), 0..40),
            envelopes_max in 1_usize..10,
            choices in prop::collection::vec(any::<usize>(), 1..100),
        ) {
            let limits = LaneLimits { envelopes_max, bytes_max: 75 };
            let (appended, successes, end) = work(&fates, limits, &choices);
            let last = fates.iter().position(|fate| *fate != Fate::Taken).unwrap_or(fates.len());
            prop_assert_eq!(successes, last);
            let refused = fates.iter().position(|fate| *fate == Fate::Refused).unwrap_or(fates.len());
            // In order and without gaps; never at or behind a refusal; behind a failure, as many as the lane holds.
            prop_assert!(appended.iter().copied().eq(0..appended.len() as u64));
            prop_assert!(appended.len() <= refused);
            prop_assert!(appended.len() >= last);
            prop_assert!(appended.len() <= last + envelopes_max);
            match fates.get(last) {
                None => prop_assert_eq!(end, None),
                Some(Fate::Refused) => {
                    prop_assert_eq!(end, Some(refusal(last as u64)));
                    prop_assert_eq!(appended.len(), last);
                }
                Some(_) => prop_assert_eq!(end, Some(failure(last as u64).into())),
            }
        }
    }
}
