//! Whether the next stage may start.

use strata_model::rollout::{Rollout, Target, TargetState};

/// Whether a target holds its stage back: it counts, and is not proved yet.
#[must_use]
pub const fn holds_back(state: TargetState) -> bool {
    matches!(
        state,
        TargetState::Waiting
            | TargetState::AwaitingApproval
            | TargetState::Stale
            | TargetState::InFlight
            | TargetState::Soaking
            | TargetState::RollingBack
    )
}

/// How many changes of the rollout are in flight.
#[must_use]
pub fn in_flight(rollout: &Rollout) -> usize {
    rollout.targets.iter().filter(|target| is_in_flight(target.state)).count()
}

/// Whether a change of this target is in flight.
pub(crate) const fn is_in_flight(state: TargetState) -> bool {
    matches!(state, TargetState::InFlight | TargetState::RollingBack)
}

/// The targets of the stage under way and of those before it.
pub(crate) fn begun(rollout: &Rollout) -> impl Iterator<Item = &Target> {
    rollout.targets.iter().filter(|target| target.stage <= rollout.stage)
}

/// Whether every cluster that counts in the stages begun is proved, and failures are within the budget.
pub(crate) fn is_open(rollout: &Rollout) -> bool {
    !begun(rollout).any(|target| holds_back(target.state))
        && failures(rollout) <= usize::try_from(rollout.failure_budget).unwrap_or(usize::MAX)
        && shown_nothing(rollout).is_none()
}

/// How many clusters failed.
pub(crate) fn failures(rollout: &Rollout) -> usize {
    rollout.targets.iter().filter(|target| target.state == TargetState::Failed).count()
}

/// A stage begun in which clusters were tried, all came to an end, and none is proved.
pub(crate) fn shown_nothing(rollout: &Rollout) -> Option<u32> {
    let stages = u32::try_from(rollout.stages.len()).unwrap_or(u32::MAX);
    (0..=rollout.stage).take_while(|stage| *stage < stages).find(|stage| {
        let mut tried = false;
        for target in rollout.targets.iter().filter(|target| target.stage == *stage) {
            match target.state {
                TargetState::Failed | TargetState::Blocked => tried = true,
                TargetState::Skipped | TargetState::Removed | TargetState::Deferred => {}
                _ => return false,
            }
        }
        tried
    })
}

/// Whether a stage may begin as far as people are asked.
pub(crate) fn is_approved(rollout: &Rollout, stage: u32) -> bool {
    let asks = usize::try_from(stage)
        .ok()
        .and_then(|index| rollout.stages.get(index))
        .is_some_and(|stage| stage.requires_approval);
    !asks || rollout.approved_stages.contains(&stage)
}
