//! The state machine of a rollout and of its targets.
//!
//! `DRAFT → RUNNING ⇄ PAUSING/PAUSED; RUNNING → HALTED → RUNNING | ROLLING_BACK | ABORTING; ABORTING → ABORTED;
//! ROLLING_BACK → ROLLED_BACK | HALTED; RUNNING → SUCCEEDED`. Who may abort or take back a halted rollout may also do
//! so while it runs or rests, and may abort a draft.

use jiff::Timestamp;
use strata_model::{
    access::Actor,
    id::RolloutId,
    rollout::{Rollout, RolloutEvent, RolloutState, Target, TargetState},
};

use super::IllegalTransition;
use crate::rollout::gate;

const fn name(event: &RolloutEvent) -> &'static str {
    match event {
        RolloutEvent::Created { .. } => "created",
        RolloutEvent::Started => "started",
        RolloutEvent::StageApproved { .. } => "stageApproved",
        RolloutEvent::StageStarted { .. } => "stageStarted",
        RolloutEvent::TargetMoved { .. } => "targetMoved",
        RolloutEvent::TargetAdded { .. } => "targetAdded",
        RolloutEvent::PauseRequested => "pauseRequested",
        RolloutEvent::Paused => "paused",
        RolloutEvent::Resumed => "resumed",
        RolloutEvent::Halted { .. } => "halted",
        RolloutEvent::AbortRequested => "abortRequested",
        RolloutEvent::Aborted => "aborted",
        RolloutEvent::RollBackRequested => "rollBackRequested",
        RolloutEvent::RolledBack => "rolledBack",
        RolloutEvent::Succeeded => "succeeded",
    }
}

/// The state of a rollout after an event.
///
/// # Errors
/// [`IllegalTransition`] when the state does not allow the event; so a stage cannot start before its gate is open,
/// nor a pause end while changes are in flight, whoever asks.
pub fn rollout(
    before: Option<Rollout>,
    id: RolloutId,
    event: &RolloutEvent,
    _actor: &Actor,
    at: Timestamp,
) -> Result<Rollout, IllegalTransition> {
    match (before, event) {
        (None, RolloutEvent::Created { project, name, target, stages, failure_budget, targets }) => {
            Ok(Rollout {
                id,
                project: *project,
                name: name.clone(),
                target: target.clone(),
                stages: stages.clone(),
                failure_budget: *failure_budget,
                state: RolloutState::Draft,
                halted_from: None,
                reason: String::new(),
                stage: 0,
                approved_stages: Vec::new(),
                targets: targets.iter().map(|(cluster, stage)| waiting(*cluster, *stage, at)).collect(),
                created_at: at,
                state_since: at,
            })
        }
        (None, event) => Err(IllegalTransition::new("rollout", "absent", name(event))),
        (Some(before), event) => {
            let former = before.state;
            let mut after = next(before, event, at)?;
            if after.state != former {
                after.state_since = at;
                after.halted_from = (after.state == RolloutState::Halted).then_some(former);
            }
            Ok(after)
        }
    }
}

fn waiting(cluster: strata_model::id::ClusterId, stage: u32, at: Timestamp) -> Target {
    Target { cluster, stage, state: TargetState::Waiting, since: at, change: None, reason: String::new() }
}

fn next(mut rollout: Rollout, event: &RolloutEvent, at: Timestamp) -> Result<Rollout, IllegalTransition> {
    use RolloutState as S;
    let illegal = IllegalTransition::new("rollout", rollout.state.as_str(), name(event));
    let allowed = |holds: bool| if holds { Ok(()) } else { Err(illegal.clone()) };
    let require = |holds: bool, reason: &str| {
        if holds { Ok(()) } else { Err(illegal.clone().because(reason)) }
    };
    let has_stage = |stage: u32| usize::try_from(stage).is_ok_and(|index| index < rollout.stages.len());
    let go = |rollout: &mut Rollout, state: S, reason: &str| {
        rollout.state = state;
        rollout.reason = reason.to_owned();
    };
    match event {
        RolloutEvent::Created { .. } => return Err(illegal),
        RolloutEvent::Started => {
            allowed(rollout.state == S::Draft)?;
            go(&mut rollout, S::Running, "");
        }
        RolloutEvent::StageApproved { stage, .. } => {
            allowed(!rollout.state.is_final())?;
            require(has_stage(*stage), "there is no such stage")?;
            if !rollout.approved_stages.contains(stage) {
                rollout.approved_stages.push(*stage);
            }
        }
        RolloutEvent::StageStarted { stage } => {
            allowed(rollout.state == S::Running)?;
            require(
                has_stage(*stage) && *stage == rollout.stage.saturating_add(1),
                "it is not the next stage",
            )?;
            require(gate::is_open(&rollout), "a cluster of an earlier stage is not proved")?;
            require(gate::is_approved(&rollout, *stage), "the stage is not approved")?;
            rollout.stage = *stage;
        }
        RolloutEvent::TargetMoved { cluster, to, change, reason } => {
            allowed(rollout.state != S::Draft && !rollout.state.is_final())?;
            let Some(target) = rollout.targets.iter_mut().find(|target| target.cluster == *cluster) else {
                return Err(illegal.because("this cluster is not part of it"));
            };
            if !target_may_move(target.state, *to) {
                let reason = format!("a target cannot go from {} to {}", target.state.as_str(), to.as_str());
                return Err(illegal.because(reason));
            }
            if target.state != *to {
                target.since = at;
            }
            target.state = *to;
            target.change = change.or(target.change);
            target.reason.clone_from(reason);
        }
        RolloutEvent::TargetAdded { cluster, stage } => {
            allowed(!rollout.state.is_final())?;
            require(has_stage(*stage), "there is no such stage")?;
            require(rollout.targets.iter().all(|target| target.cluster != *cluster), "it is there already")?;
            rollout.targets.push(waiting(*cluster, *stage, at));
        }
        RolloutEvent::PauseRequested => {
            allowed(rollout.state == S::Running)?;
            go(&mut rollout, S::Pausing, "changes in flight are waited for");
        }
        RolloutEvent::Paused => {
            allowed(rollout.state == S::Pausing)?;
            require(gate::in_flight(&rollout) == 0, "changes are in flight")?;
            go(&mut rollout, S::Paused, "");
        }
        RolloutEvent::Resumed => {
            allowed(matches!(rollout.state, S::Pausing | S::Paused | S::Halted))?;
            // What was being taken back never goes forward again by being resumed.
            let back = rollout.halted_from == Some(S::RollingBack);
            go(&mut rollout, if back { S::RollingBack } else { S::Running }, "");
        }
        RolloutEvent::Halted { reason } => {
            allowed(matches!(rollout.state, S::Running | S::RollingBack))?;
            go(&mut rollout, S::Halted, reason);
        }
        RolloutEvent::AbortRequested => {
            allowed(matches!(rollout.state, S::Draft | S::Running | S::Pausing | S::Paused | S::Halted))?;
            go(&mut rollout, S::Aborting, "changes in flight are waited for");
        }
        RolloutEvent::Aborted => {
            allowed(rollout.state == S::Aborting)?;
            require(gate::in_flight(&rollout) == 0, "changes are in flight")?;
            go(&mut rollout, S::Aborted, "");
        }
        RolloutEvent::RollBackRequested => {
            allowed(matches!(rollout.state, S::Running | S::Pausing | S::Paused | S::Halted))?;
            go(&mut rollout, S::RollingBack, "");
        }
        RolloutEvent::RolledBack => {
            allowed(rollout.state == S::RollingBack)?;
            require(gate::in_flight(&rollout) == 0, "changes are in flight")?;
            go(&mut rollout, S::RolledBack, "");
        }
        RolloutEvent::Succeeded => {
            allowed(rollout.state == S::Running)?;
            let last = usize::try_from(rollout.stage).is_ok_and(|stage| stage + 1 >= rollout.stages.len());
            require(last, "a stage is left")?;
            require(gate::is_open(&rollout), "a cluster is not proved")?;
            go(&mut rollout, S::Succeeded, "");
        }
    }
    Ok(rollout)
}

/// Whether a target may go from one state to another. Staying is allowed, to tell a new reason or change.
#[must_use]
pub const fn target_may_move(from: TargetState, to: TargetState) -> bool {
    use TargetState as T;
    match (from, to) {
        // A cluster that is gone does not come back, and any may go.
        (T::Removed, T::Removed) => true,
        (T::Removed, _) => false,
        (_, T::Removed) => true,
        // Not begun, or waiting for somebody: everything is still open, but nothing is taken back.
        (
            T::Waiting | T::AwaitingApproval | T::Blocked | T::Stale | T::Deferred,
            T::Waiting
            | T::AwaitingApproval
            | T::Blocked
            | T::Stale
            | T::Deferred
            | T::InFlight
            | T::Soaking
            | T::Failed
            | T::Skipped,
        )
        // A target that was deferred while it should be taken back.
        | (T::Deferred | T::Waiting, T::RollingBack | T::RolledBack)
        | (
            T::InFlight,
            T::InFlight
            | T::Waiting
            | T::AwaitingApproval
            | T::Blocked
            | T::Stale
            | T::Deferred
            | T::Soaking
            | T::Failed,
        )
        // Only from here a cluster counts as proved.
        | (T::Soaking, T::Soaking | T::Succeeded | T::Failed | T::Deferred | T::RollingBack)
        | (T::Succeeded, T::Succeeded | T::RollingBack | T::Deferred)
        | (T::Failed, T::Failed | T::Waiting | T::InFlight | T::Skipped | T::RollingBack | T::Deferred)
        | (T::Skipped, T::Skipped | T::Waiting)
        | (T::RollingBack, T::RollingBack | T::RolledBack | T::Failed | T::Deferred)
        | (T::RolledBack, T::RolledBack) => true,
        _ => false,
    }
}
