//! Making and steering rollouts.

use std::collections::BTreeSet;

use strata_model::{
    error::{Refusal, RefusalCode},
    id::{ClusterId, ProjectId},
    rollout::{Rollout, RolloutEvent, RolloutState, RolloutTarget, Stage, TargetState},
};

use super::illegal;
use crate::rollout::gate;

/// Most stages of a rollout.
const MAX_STAGES: usize = 100;

/// The first event of a rollout. `targets` come from [`crate::rollout::assign`].
///
/// # Errors
/// `INVALID_INPUT` for a rollout without stages or clusters, or with a stage that may have none in flight;
/// `LIMIT_EXCEEDED` for too many stages.
pub fn create(
    project: ProjectId,
    name: &str,
    target: RolloutTarget,
    stages: Vec<Stage>,
    failure_budget: u32,
    targets: Vec<(ClusterId, u32)>,
) -> Result<Vec<RolloutEvent>, Refusal> {
    let invalid = |message: &str, help: &str, field: &str| {
        Err(Refusal::new(RefusalCode::InvalidInput, message, help).at(field))
    };
    if name.trim().is_empty() {
        return invalid("a rollout needs a name", "give it one that people will recognise", "name");
    }
    if stages.is_empty() {
        return invalid(
            "a rollout needs a stage",
            "one stage with an empty selector takes all clusters",
            "stages",
        );
    }
    if stages.len() > MAX_STAGES {
        return Err(Refusal::new(
            RefusalCode::LimitExceeded,
            format!("{} stages are too many", stages.len()),
            format!("use at most {MAX_STAGES}"),
        )
        .at("stages"));
    }
    if stages.iter().any(|stage| stage.max_concurrency == 0) {
        return invalid(
            "a stage may have no cluster in flight",
            "let at least one cluster be in flight at a time",
            "stages",
        );
    }
    let mut names = BTreeSet::new();
    if !stages.iter().all(|stage| names.insert(stage.name.as_str())) {
        return invalid("two stages have the same name", "give each stage a name of its own", "stages");
    }
    if targets.is_empty() {
        return invalid("no cluster matches a stage", "look at the labels of your clusters", "stages");
    }
    Ok(vec![RolloutEvent::Created {
        project,
        name: name.to_owned(),
        target,
        stages,
        failure_budget,
        targets,
    }])
}

/// Starts a draft.
///
/// # Errors
/// `ILLEGAL_STATE`.
pub fn start(rollout: &Rollout) -> Result<Vec<RolloutEvent>, Refusal> {
    match rollout.state {
        RolloutState::Draft => Ok(vec![RolloutEvent::Started]),
        RolloutState::Running => Ok(Vec::new()),
        state => Err(illegal("the rollout", state.as_str(), "only a draft can be started")),
    }
}

/// Pauses it: changes in flight end, and nothing new is started.
///
/// # Errors
/// `ILLEGAL_STATE`.
pub fn pause(rollout: &Rollout) -> Result<Vec<RolloutEvent>, Refusal> {
    match rollout.state {
        RolloutState::Running => Ok(vec![RolloutEvent::PauseRequested]),
        RolloutState::Pausing | RolloutState::Paused => Ok(Vec::new()),
        state => Err(illegal("the rollout", state.as_str(), "only a running rollout can be paused")),
    }
}

/// Lets a paused or halted rollout go on with what it was doing: forward, or back.
///
/// # Errors
/// `ILLEGAL_STATE`; also when what halted it is still so. A rollback is let go on in any case: whether a cluster that
/// failed still has to go back is told by its change, and the scheduler halts it again if so.
pub fn resume(rollout: &Rollout) -> Result<Vec<RolloutEvent>, Refusal> {
    let over = gate::failures(rollout) > usize::try_from(rollout.failure_budget).unwrap_or(usize::MAX);
    match rollout.state {
        RolloutState::Halted if rollout.halted_from == Some(RolloutState::RollingBack) => {
            Ok(vec![RolloutEvent::Resumed])
        }
        RolloutState::Halted if over || gate::shown_nothing(rollout).is_some() => Err(illegal(
            "the rollout",
            "HALTED, and what halted it is still so",
            "retry or skip the clusters that failed or are blocked first, then resume it",
        )),
        RolloutState::Pausing | RolloutState::Paused | RolloutState::Halted => {
            Ok(vec![RolloutEvent::Resumed])
        }
        RolloutState::Running => Ok(Vec::new()),
        state => {
            Err(illegal("the rollout", state.as_str(), "only a paused or halted rollout can be resumed"))
        }
    }
}

/// Gives it up: changes in flight end, and what is done stays done.
///
/// # Errors
/// `ILLEGAL_STATE`.
pub fn abort(rollout: &Rollout) -> Result<Vec<RolloutEvent>, Refusal> {
    use RolloutState as S;
    match rollout.state {
        S::Draft | S::Running | S::Pausing | S::Paused | S::Halted => Ok(vec![RolloutEvent::AbortRequested]),
        S::Aborting | S::Aborted => Ok(Vec::new()),
        state => Err(illegal("the rollout", state.as_str(), "there is nothing to abort")),
    }
}

/// Takes back what it has done.
///
/// # Errors
/// `ILLEGAL_STATE`.
pub fn roll_back(rollout: &Rollout) -> Result<Vec<RolloutEvent>, Refusal> {
    use RolloutState as S;
    match rollout.state {
        S::Running | S::Pausing | S::Paused | S::Halted => Ok(vec![RolloutEvent::RollBackRequested]),
        S::RollingBack | S::RolledBack => Ok(Vec::new()),
        state => {
            Err(illegal("the rollout", state.as_str(), "start a rollout to the earlier version instead"))
        }
    }
}

/// Lets a stage that asks for it begin.
///
/// # Errors
/// `NOT_FOUND`, `ILLEGAL_STATE`.
pub fn approve_stage(rollout: &Rollout, stage: u32, reason: &str) -> Result<Vec<RolloutEvent>, Refusal> {
    if usize::try_from(stage).map_or(true, |index| index >= rollout.stages.len()) {
        return Err(Refusal::not_found("stage", stage).at("stage"));
    }
    if rollout.state.is_final() {
        return Err(illegal("the rollout", rollout.state.as_str(), "it has ended"));
    }
    if rollout.approved_stages.contains(&stage) {
        return Ok(Vec::new());
    }
    Ok(vec![RolloutEvent::StageApproved { stage, reason: reason.to_owned() }])
}

/// Puts clusters that failed or were skipped back into the queue.
///
/// # Errors
/// `NOT_FOUND` for a cluster that is not part of it, `ILLEGAL_STATE` for one that cannot be retried.
pub fn retry_targets(rollout: &Rollout, clusters: &[ClusterId]) -> Result<Vec<RolloutEvent>, Refusal> {
    let retryable =
        |state| matches!(state, TargetState::Failed | TargetState::Skipped | TargetState::Blocked);
    move_targets(rollout, clusters, retryable, TargetState::Waiting, "it is tried again")
}

/// Leaves clusters out that have not begun, are blocked, or failed.
///
/// # Errors
/// `NOT_FOUND` for a cluster that is not part of it, `ILLEGAL_STATE` for one that is under way or done.
pub fn skip_targets(
    rollout: &Rollout,
    clusters: &[ClusterId],
    reason: &str,
) -> Result<Vec<RolloutEvent>, Refusal> {
    use TargetState as T;
    let may_skip = |state| {
        matches!(state, T::Waiting | T::AwaitingApproval | T::Blocked | T::Stale | T::Deferred | T::Failed)
    };
    move_targets(rollout, clusters, may_skip, T::Skipped, reason)
}

fn move_targets(
    rollout: &Rollout,
    clusters: &[ClusterId],
    may: impl Fn(TargetState) -> bool,
    to: TargetState,
    reason: &str,
) -> Result<Vec<RolloutEvent>, Refusal> {
    if rollout.state.is_final() || rollout.state == RolloutState::Draft {
        return Err(illegal("the rollout", rollout.state.as_str(), "it is not under way"));
    }
    let mut events = Vec::new();
    for cluster in clusters {
        let target = rollout
            .targets
            .iter()
            .find(|target| target.cluster == *cluster)
            .ok_or_else(|| Refusal::not_found("cluster of this rollout", cluster).at("clusters"))?;
        if target.state == to {
            continue;
        }
        if !may(target.state) {
            return Err(
                illegal("the cluster", target.state.as_str(), "it cannot be moved from there").at("clusters")
            );
        }
        events.push(RolloutEvent::TargetMoved {
            cluster: *cluster,
            to,
            change: None,
            reason: reason.to_owned(),
        });
    }
    Ok(events)
}
