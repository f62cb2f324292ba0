//! When a change that could not be carried on is tried again.
//!
//! *Idea.* Whoever was tried in vain waits, twice as long after each attempt up to a minute, with jitter; and whoever was
//! never tried comes before all who were. So clusters that do not answer, however many, cost the others one attempt
//! each and no place after it; and an error that stays is not repeated at each commit.
//!
//! *Guarantees.* A change waits no longer than [`LONGEST`] and a quarter for its next attempt to be allowed.
//!
//! *Caveats.* This lives in memory: waiting is a courtesy to the others, not a fact of the change. Another server, or
//! this one after a restart, tries once on its own account. What was tried may wait longer than its time while
//! changes that are new fill all places; each of those becomes done or is tried itself.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use strata_model::id::ChangeId;
use tokio::time::Instant;

/// How long the first wait is.
const SHORTEST: Duration = Duration::from_secs(1);
/// How long a wait gets; also about how often a cluster that is away is asked whether it is back.
const LONGEST: Duration = Duration::from_secs(60);

/// Where a change stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Never tried in vain by this server.
    New,
    /// Tried in vain, and may be tried again since then.
    Again(Instant),
    /// Tried in vain a moment ago.
    Waits,
}

#[derive(Debug, Clone, Copy)]
struct Wait {
    attempts: u32,
    not_before: Instant,
    hurried: bool,
}

/// Who waits until when.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    waits: HashMap<ChangeId, Wait>,
    /// The source of jitter: each process has other keys.
    jitter: RandomState,
}

impl Backoff {
    pub(super) fn standing(&self, id: ChangeId, now: Instant) -> Standing {
        match self.waits.get(&id) {
            None => Standing::New,
            Some(wait) if wait.not_before <= now => Standing::Again(wait.not_before),
            Some(_) => Standing::Waits,
        }
    }

    /// It was tried in vain.
    pub(super) fn in_vain(&mut self, id: ChangeId, now: Instant) {
        let former = self.waits.get(&id);
        let attempts = former.map_or(0, |wait| wait.attempts);
        let hurried = former.is_some_and(|wait| wait.hurried);
        let not_before = now + self.pause(id, attempts);
        self.waits.insert(id, Wait { attempts: attempts.saturating_add(1), not_before, hurried });
    }

    /// It got on.
    pub(super) fn got_on(&mut self, id: ChangeId) {
        self.waits.remove(&id);
    }

    /// Somebody wants it to move now: it waits no longer, once.
    pub(super) fn hurry(&mut self, id: ChangeId, now: Instant) {
        if let Some(wait) = self.waits.get_mut(&id).filter(|wait| !wait.hurried) {
            wait.hurried = true;
            wait.not_before = now;
        }
    }

    /// Forgets all that are not due any more.
    pub(super) fn keep(&mut self, due: &HashSet<ChangeId>) {
        self.waits.retain(|id, _| due.contains(id));
    }

    /// Three to five quarters of what doubling gives.
    fn pause(&self, id: ChangeId, attempts: u32) -> Duration {
        let doubled = SHORTEST.saturating_mul(1_u32.checked_shl(attempts.min(16)).unwrap_or(u32::MAX));
        let wait = doubled.min(LONGEST);
        let share = u32::try_from(self.jitter.hash_one((id, attempts)) % 512).unwrap_or(0);
        wait * 3 / 4 + wait * share / 1024
    }
}

#[cfg(test)]
mod tests {
    use strata_model::id::ChangeId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn waits_grow_up_to_a_minute() {
        let (mut backoff, id, now) = (Backoff::default(), ChangeId::new(Uuid::from_u128(7)), Instant::now());
        assert_eq!(backoff.standing(id, now), Standing::New);
        for attempt in 0..100_u32 {
            backoff.in_vain(id, now);
            let wait = backoff.waits[&id].not_before - now;
            let middle = Duration::from_secs(1 << attempt.min(6)).min(LONGEST);
            assert!(wait >= middle * 3 / 4 && wait <= middle * 5 / 4, "{wait:?} after {attempt} attempts");
            assert_eq!(backoff.standing(id, now), Standing::Waits);
            assert_eq!(backoff.standing(id, now + wait), Standing::Again(now + wait));
        }
        backoff.got_on(id);
        assert_eq!(backoff.standing(id, now), Standing::New);
    }

    #[test]
    fn hurrying_helps_once() {
        let (mut backoff, id, now) = (Backoff::default(), ChangeId::new(Uuid::from_u128(7)), Instant::now());
        backoff.hurry(id, now);
        assert_eq!(backoff.standing(id, now), Standing::New);
        backoff.in_vain(id, now);
        backoff.hurry(id, now);
        assert_eq!(backoff.standing(id, now), Standing::Again(now));
        backoff.in_vain(id, now);
        backoff.hurry(id, now);
        assert_eq!(backoff.standing(id, now), Standing::Waits, "what goes wrong again waits again");
        backoff.keep(&HashSet::new());
        assert_eq!(backoff.standing(id, now), Standing::New);
    }
}
