//! The decisions of one moment.
//!
//! First every target is put where its evidence says it is; then the rollout itself moves; then, and only while it is
//! RUNNING or `ROLLING_BACK`, changes are started as far as there is room.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use strata_model::{
    change::{ChangeKind, ChangeState},
    id::ClusterId,
    rollout::{Rollout, RolloutEvent, RolloutState, Stage, Target, TargetState},
};

use super::{ChangeEvidence, TargetEvidence, gate};

/// What a rollout does not say itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long the end of a rollout waits for deferred clusters, in seconds since each was deferred.
    pub catch_up_seconds: u32,
    /// How long a cluster may be silent during its change before the change is cancelled and its place goes to another,
    /// in seconds. A repave may well silence a cluster for minutes.
    pub silence_seconds: u32,
    /// The same for a change that has sent nothing yet, in seconds: no repave is a reason for that silence, and only the
    /// plan has to be made anew.
    pub start_seconds: u32,
}

impl Default for Limits {
    /// One hour to catch up, a quarter of an hour of silence, a minute before the beginning.
    fn default() -> Self {
        Self { catch_up_seconds: 3600, silence_seconds: 900, start_seconds: 60 }
    }
}

/// One thing to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum RolloutDecision {
    /// Record this event.
    Move(RolloutEvent),
    /// Make the change of this cluster if there is none, ask to apply it if nothing keeps it, and record in the same
    /// transaction where the target stands then ([`super::moved_by_change`]).
    StartChange(ClusterId),
    /// Plan its stale change anew without asking to apply it, and record where the target stands then.
    ReplanChange(ClusterId),
    /// Cancel its change: it has not begun, or its cluster has been silent for too long.
    CancelChange(ClusterId),
    /// Make and apply a change of kind ROLLBACK, and record the target as `ROLLING_BACK` with that change.
    RollBack(ClusterId),
}

/// What to do now. The same decision may come again until what it does shows in rollout and evidence; carrying it out
/// twice must change nothing, which changes and their reducers see to.
///
/// A cluster without evidence counts as offline.
#[must_use]
pub fn next(
    rollout: &Rollout,
    evidence: &BTreeMap<ClusterId, TargetEvidence>,
    limits: Limits,
    now: Timestamp,
) -> Vec<RolloutDecision> {
    if rollout.state == RolloutState::Draft || rollout.state.is_final() {
        return Vec::new();
    }
    let mut scheduler = Scheduler { rollout: rollout.clone(), evidence, limits, now, decisions: Vec::new() };
    scheduler.observe();
    scheduler.cancel_what_is_silent();
    match rollout.state {
        RolloutState::Running => scheduler.run(),
        RolloutState::RollingBack => scheduler.roll_back(),
        RolloutState::Pausing if scheduler.nothing_in_flight() => scheduler.event(RolloutEvent::Paused),
        RolloutState::Aborting => {
            scheduler.cancel_what_has_not_begun();
            if scheduler.nothing_in_flight() {
                scheduler.event(RolloutEvent::Aborted);
            }
        }
        _ => {}
    }
    scheduler.decisions
}

pub(super) struct Scheduler<'a> {
    pub(super) rollout: Rollout,
    pub(super) evidence: &'a BTreeMap<ClusterId, TargetEvidence>,
    pub(super) limits: Limits,
    pub(super) now: Timestamp,
    pub(super) decisions: Vec<RolloutDecision>,
}

impl Scheduler<'_> {
    pub(super) fn event(&mut self, event: RolloutEvent) {
        self.decisions.push(RolloutDecision::Move(event));
    }

    fn run(&mut self) {
        if let Some(reason) = self.reason_to_halt() {
            return self.event(RolloutEvent::Halted { reason });
        }
        // Each round starts at most one stage.
        for _ in 0..=self.rollout.stages.len() {
            let next_stage = self.rollout.stage.saturating_add(1);
            if !gate::is_approved(&self.rollout, self.rollout.stage) || !gate::is_open(&self.rollout) {
                break;
            }
            if self.stage(next_stage).is_none() {
                if !self.waits_for_deferred() {
                    return self.event(RolloutEvent::Succeeded);
                }
                break;
            }
            if !gate::is_approved(&self.rollout, next_stage) {
                break;
            }
            self.rollout.stage = next_stage;
            self.event(RolloutEvent::StageStarted { stage: next_stage });
        }
        self.start_changes();
    }

    fn reason_to_halt(&self) -> Option<String> {
        let failures = gate::failures(&self.rollout);
        let budget = self.rollout.failure_budget;
        if failures > usize::try_from(budget).unwrap_or(usize::MAX) {
            return Some(format!("{failures} clusters failed; {budget} were tolerated"));
        }
        let stage = gate::shown_nothing(&self.rollout)?;
        let name = self.stage(stage).map_or("", |stage| stage.name.as_str());
        Some(format!("no cluster of stage \"{name}\" proved the target; retry or skip them"))
    }

    fn waits_for_deferred(&self) -> bool {
        let patience = i64::from(self.limits.catch_up_seconds);
        self.rollout
            .targets
            .iter()
            .any(|target| target.state == TargetState::Deferred && self.now < later(target.since, patience))
    }

    fn start_changes(&mut self) {
        let mut room: BTreeMap<u32, u32> = BTreeMap::new();
        for (index, stage) in (0_u32..).zip(&self.rollout.stages) {
            room.insert(index, stage.max_concurrency.max(1));
        }
        for target in self.rollout.targets.iter().filter(|target| gate::is_in_flight(target.state)) {
            if let Some(room) = room.get_mut(&target.stage) {
                *room = room.saturating_sub(1);
            }
        }
        let mut decisions = Vec::new();
        for target in gate::begun(&self.rollout) {
            if !gate::is_approved(&self.rollout, target.stage) {
                continue;
            }
            match target.state {
                TargetState::Waiting if self.is_online(target) => {
                    // Two stages may be under way when deferred clusters catch up; each keeps its own limit.
                    if let Some(room) = room.get_mut(&target.stage).filter(|room| **room > 0) {
                        *room -= 1;
                        decisions.push(RolloutDecision::StartChange(target.cluster));
                    }
                }
                TargetState::Stale => decisions.push(RolloutDecision::ReplanChange(target.cluster)),
                _ => {}
            }
        }
        self.decisions.extend(decisions);
    }

    fn roll_back(&mut self) {
        self.cancel_what_has_not_begun();
        let failed: Vec<ClusterId> = self
            .rollout
            .targets
            .iter()
            .filter(|target| target.state == TargetState::Failed && self.rollback_of(target).is_some())
            .map(|target| target.cluster)
            .collect();
        if !failed.is_empty() && self.nothing_in_flight() {
            let reason = format!("{} clusters could not be taken back", failed.len());
            return self.event(RolloutEvent::Halted { reason });
        }
        let limit = self.rollout.stages.iter().map(|stage| stage.max_concurrency.max(1)).min().unwrap_or(1);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut room = limit.saturating_sub(gate::in_flight(&self.rollout));
        let mut left = false;
        let mut decisions = Vec::new();
        // The last that went forward goes back first.
        for target in self.rollout.targets.iter().rev().filter(|target| self.carries_target(target)) {
            if !self.is_online(target) {
                left |= self.now < later(self.rollout.state_since, i64::from(self.limits.catch_up_seconds));
                continue;
            }
            left = true;
            if room > 0 && failed.is_empty() {
                room -= 1;
                decisions.push(RolloutDecision::RollBack(target.cluster));
            }
        }
        self.decisions.extend(decisions);
        if !left && failed.is_empty() && self.nothing_in_flight() {
            self.event(RolloutEvent::RolledBack);
        }
    }

    /// Whether a target has, or may have, something of the rollout on it.
    fn carries_target(&self, target: &Target) -> bool {
        match target.state {
            TargetState::Succeeded | TargetState::Soaking => true,
            TargetState::Failed | TargetState::Deferred | TargetState::Waiting => {
                let known = self.evidence.get(&target.cluster);
                let change = known.and_then(|known| known.change.as_ref());
                let there = known.and_then(|known| known.applied_content.as_ref())
                    == Some(&self.rollout.target.content_digest);
                // A rollback that fell through may have left a forward change half-way, whether it began or not.
                let half_way = change.is_some_and(|change| {
                    change.fell_through() && (change.started || change.kind == ChangeKind::Rollback)
                });
                let tried = target.state == TargetState::Failed && self.rollback_of(target).is_some();
                target.change.is_some() && (there || half_way) && !tried
            }
            _ => false,
        }
    }

    /// The rollback of a target that was tried.
    fn rollback_of(&self, target: &Target) -> Option<&ChangeEvidence> {
        self.evidence
            .get(&target.cluster)?
            .change
            .as_ref()
            .filter(|change| change.kind == ChangeKind::Rollback)
            .filter(|change| change.state == ChangeState::Failed || change.state.is_final())
    }

    fn cancel_what_has_not_begun(&mut self) {
        let waiting: Vec<ClusterId> = self
            .rollout
            .targets
            .iter()
            .filter(|target| target.change.is_some())
            .filter(|target| {
                self.evidence.get(&target.cluster).and_then(|known| known.change.as_ref()).is_some_and(
                    |change| {
                        change.kind != ChangeKind::Rollback
                            && matches!(
                                change.state,
                                ChangeState::Planned
                                    | ChangeState::AwaitingApproval
                                    | ChangeState::Scheduled
                                    | ChangeState::Stale
                            )
                    },
                )
            })
            .map(|target| target.cluster)
            .collect();
        self.decisions.extend(waiting.into_iter().map(RolloutDecision::CancelChange));
    }

    /// A cluster that stays silent before or in the middle of its change must give its place to another one.
    fn cancel_what_is_silent(&mut self) {
        let silent: Vec<ClusterId> = self
            .rollout
            .targets
            .iter()
            .filter(|target| gate::is_in_flight(target.state))
            .filter(|target| self.is_silent_for_too_long(target))
            .map(|target| target.cluster)
            .collect();
        self.decisions.extend(silent.into_iter().map(RolloutDecision::CancelChange));
    }

    fn is_silent_for_too_long(&self, target: &Target) -> bool {
        let known = self.evidence.get(&target.cluster);
        // Without any evidence it counts as silent since it took its place.
        let Some(since) = known.map_or(Some(target.since), |known| known.silent_since) else { return false };
        let begun = known.and_then(|known| known.change.as_ref()).is_none_or(|change| change.started);
        let patience = if begun { self.limits.silence_seconds } else { self.limits.start_seconds };
        self.now >= later(since.max(target.since), i64::from(patience))
    }

    pub(super) fn is_online(&self, target: &Target) -> bool {
        self.evidence.get(&target.cluster).is_some_and(TargetEvidence::is_online)
    }

    fn nothing_in_flight(&self) -> bool {
        gate::in_flight(&self.rollout) == 0
    }

    pub(super) fn stage(&self, stage: u32) -> Option<&Stage> {
        usize::try_from(stage).ok().and_then(|index| self.rollout.stages.get(index))
    }
}

pub(super) fn later(instant: Timestamp, seconds: i64) -> Timestamp {
    instant.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
