//! Where each target is, by its evidence.

use jiff::Timestamp;
use strata_model::{
    change::{ChangeKind, ChangeState},
    rollout::{RolloutEvent, RolloutState, Target, TargetState},
};

use super::{
    ChangeEvidence, TargetEvidence, moved_by_change,
    schedule::{Scheduler, later},
};
use crate::reduce::target_may_move;

impl Scheduler<'_> {
    /// Puts every target where its evidence says it is.
    pub(super) fn observe(&mut self) {
        let rolling_back = self.rollout.state == RolloutState::RollingBack;
        for index in 0..self.rollout.targets.len() {
            // A target may pass two states at once: its change ended, and there is proof already.
            for _ in 0..2 {
                let Some(target) = self.rollout.targets.get(index) else { break };
                let Some((to, reason)) = self.judge(target, rolling_back) else { break };
                if !target_may_move(target.state, to) {
                    break;
                }
                self.put(index, to, reason);
            }
        }
    }

    fn put(&mut self, index: usize, to: TargetState, reason: String) {
        let now = self.now;
        if let Some(target) = self.rollout.targets.get_mut(index) {
            target.state = to;
            target.since = now;
            target.reason.clone_from(&reason);
            let cluster = target.cluster;
            self.event(RolloutEvent::TargetMoved { cluster, to, change: None, reason });
        }
    }

    /// Where a target should be, if that is another place.
    fn judge(&self, target: &Target, rolling_back: bool) -> Option<(TargetState, String)> {
        use TargetState as T;
        let known = self.evidence.get(&target.cluster);
        if known.is_some_and(|known| !known.present) {
            return (target.state != T::Removed).then(|| (T::Removed, "the cluster is gone".to_owned()));
        }
        let online = known.is_some_and(TargetEvidence::is_online);
        let change = known.and_then(|known| known.change.as_ref()).filter(|_| target.change.is_some());
        let (to, reason) = match target.state {
            T::Succeeded | T::Skipped | T::Removed | T::RolledBack => return None,
            T::Failed => match change {
                // Somebody retried it by hand.
                Some(change) if change.state.is_running() && change.kind != ChangeKind::Rollback => {
                    (T::InFlight, "its change was retried".to_owned())
                }
                _ => return None,
            },
            T::RollingBack => Self::judge_rolling_back(online, change?)?,
            T::Deferred if !online => return None,
            T::Deferred => match change.filter(|change| change.kind != ChangeKind::Rollback) {
                // In a rollback only what carries the target is taken back, and that is decided there.
                _ if rolling_back => return None,
                Some(change) if !change.fell_through() => moved_by_change(change),
                _ => (T::Waiting, "it answers again".to_owned()),
            },
            T::Soaking => self.judge_soaking(target, known, online)?,
            _ => self.judge_begun(target, known, online, change)?,
        };
        (to != target.state).then_some((to, reason))
    }

    fn judge_rolling_back(online: bool, change: &ChangeEvidence) -> Option<(TargetState, String)> {
        if change.kind != ChangeKind::Rollback {
            return None;
        }
        match change.state {
            ChangeState::Succeeded => Some((TargetState::RolledBack, String::new())),
            _ if change.fell_through() && !online => {
                Some((TargetState::Deferred, "it is offline and not taken back yet".to_owned()))
            }
            state if state.is_final() || state == ChangeState::Failed => {
                Some((TargetState::Failed, format!("it could not be taken back: {}", change.reason)))
            }
            _ => None,
        }
    }

    /// A target that waits, or whose change is under way.
    fn judge_begun(
        &self,
        target: &Target,
        known: Option<&TargetEvidence>,
        online: bool,
        change: Option<&ChangeEvidence>,
    ) -> Option<(TargetState, String)> {
        // What waits to be tried again is not judged by the attempt before.
        let again = |change: &&ChangeEvidence| target.state == TargetState::Waiting && change.fell_through();
        let change =
            change.filter(|change| change.kind != ChangeKind::Rollback).filter(|change| !again(change));
        if target.stage > self.rollout.stage && change.is_none() {
            return None;
        }
        // A change under way keeps its place while its cluster is silent, until it is cancelled; what has not begun, or
        // fell through because nobody answered, catches up later.
        let keeps = change
            .is_some_and(|change| change.state.holds_cluster() || change.state == ChangeState::Succeeded);
        if !online && !keeps {
            return Some((TargetState::Deferred, "the cluster is offline".to_owned()));
        }
        if let Some(change) = change {
            let (to, reason) = moved_by_change(change);
            return Some((to, reason)).filter(|(to, _)| *to != target.state);
        }
        // It runs the target already: only its health is left to prove.
        let there = known.and_then(|known| known.applied_content.as_ref())
            == Some(&self.rollout.target.content_digest);
        let turn = target.stage <= self.rollout.stage && self.rollout.state == RolloutState::Running;
        (target.state == TargetState::Waiting && there && turn)
            .then(|| (TargetState::Soaking, "it runs the target already".to_owned()))
    }

    fn judge_soaking(
        &self,
        target: &Target,
        known: Option<&TargetEvidence>,
        online: bool,
    ) -> Option<(TargetState, String)> {
        let known = known.filter(|_| online);
        let Some(known) = known else {
            return Some((TargetState::Deferred, "the cluster went offline before it was proved".to_owned()));
        };
        if known.applied_content.as_ref() != Some(&self.rollout.target.content_digest) {
            return Some((TargetState::Failed, "it does not run the target any more".to_owned()));
        }
        // Old evidence proves nothing: it must be newer than the apply, and come from after the soak time.
        let applied_at = known.change.as_ref().and_then(|change| change.ended_at).unwrap_or(target.since);
        let soak = self.stage(target.stage).map_or(0, |stage| i64::from(stage.soak_seconds));
        let health = known.health.filter(|health| health.at > applied_at)?;
        if !health.healthy {
            let of_now = health.at >= target.since;
            return of_now.then(|| (TargetState::Failed, "it is not healthy after its change".to_owned()));
        }
        let soaked = health.at >= later(applied_at.max(soak_start(target, applied_at)), soak);
        soaked.then(|| (TargetState::Succeeded, String::new()))
    }
}

/// Where the soak time begins: with the end of the change, or when a cluster without one was looked at first.
fn soak_start(target: &Target, applied_at: Timestamp) -> Timestamp {
    if target.change.is_some() { applied_at } else { target.since }
}
