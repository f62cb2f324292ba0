//! Why changes and rollouts wait.

use strata_model::{
    Timestamp,
    change::{Change, ChangeState, RequirementKind},
    cluster::Cluster,
    id::{ChangeId, RolloutId},
    rollout::{Rollout, RolloutState, TargetState},
};

use crate::{error::EngineError, session::Session};

/// Why something waits.
#[derive(Debug, Clone)]
pub struct WaitReason {
    /// Stable code.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What would help.
    pub next_action: String,
}

impl Session {
    /// Why a change waits.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn explain_change(&self, id: ChangeId) -> Result<Vec<WaitReason>, EngineError> {
        let rows = self.readable()?;
        let change = rows.change_get(id).await?.value;
        let cluster = rows.cluster_get(change.cluster).await?.value;
        Ok(waits_of_change(&change, &cluster, self.now()))
    }

    /// Why a rollout waits.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn explain_rollout(&self, id: RolloutId) -> Result<Vec<WaitReason>, EngineError> {
        let rollout = self.readable()?.rollout_get(id).await?.value;
        Ok(waits_of_rollout(&rollout))
    }
}

fn reason(code: &str, message: String, since: Timestamp, next_action: &str) -> WaitReason {
    WaitReason { code: code.to_owned(), message, since: Some(since), next_action: next_action.to_owned() }
}

/// All that it needs is there but the word, or its turn.
fn not_applied(change: &Change) -> WaitReason {
    let since = change.state_since;
    if change.apply_requested {
        let message = "another change is under way on the cluster".to_owned();
        return reason("QUEUED", message, since, "it goes on by itself");
    }
    reason("NOT_APPLIED", "nobody asked to apply it".to_owned(), since, "apply it: `strata change apply`")
}

fn waits_of_change(change: &Change, cluster: &Cluster, now: Timestamp) -> Vec<WaitReason> {
    let since = change.state_since;
    match change.state {
        ChangeState::Planned if !change.blocked_by.is_empty() => change
            .blocked_by
            .iter()
            .map(|code| {
                reason(
                    code.as_str(),
                    format!("the finding {code} blocks it"),
                    since,
                    "mend what it names, then request anew",
                )
            })
            .collect(),
        ChangeState::Planned => vec![not_applied(change)],
        ChangeState::AwaitingApproval
            if change.requirements.iter().all(|it| it.is_satisfied(&change.plan_digest, now)) =>
        {
            vec![not_applied(change)]
        }
        ChangeState::AwaitingApproval => {
            let open = change
                .requirements
                .iter()
                .filter(|requirement| !requirement.is_satisfied(&change.plan_digest, now));
            open.map(|requirement| {
                let action = match requirement.kind {
                    RequirementKind::Repave => "have it approved: `strata approve`",
                    RequirementKind::BreakingApi | RequirementKind::Guard => {
                        "have it approved: `strata approve`"
                    }
                };
                let message =
                    format!("it needs the approval of {} ({})", requirement.scope, requirement.role);
                reason("APPROVAL_REQUIRED", message, since, action)
            })
            .collect()
        }
        ChangeState::Scheduled => match &cluster.connectivity.value {
            strata_model::cluster::Connectivity::Offline => vec![reason(
                "CLUSTER_OFFLINE",
                format!("the cluster does not answer: {}", cluster.connectivity.reason),
                cluster.connectivity.since,
                "it goes on by itself when the cluster answers",
            )],
            _ => vec![reason("QUEUED", "it waits for its turn".to_owned(), since, "it goes on by itself")],
        },
        ChangeState::Applying | ChangeState::Repaving | ChangeState::Verifying => change
            .steps
            .iter()
            .filter(|step| step.ended_at.is_none() && step.started_at.is_some())
            .map(|step| {
                let message = step.message.clone().unwrap_or_else(|| "it is under way".to_owned());
                reason(
                    "STEP",
                    format!("{}: {message}", step.kind.title()),
                    step.started_at.unwrap_or(since),
                    "it goes on by itself",
                )
            })
            .collect(),
        ChangeState::Stale => {
            vec![reason(
                "STALE",
                format!("it was planned on what has moved: {}", change.moved.join("; ")),
                since,
                "plan it anew: `strata change replan`",
            )]
        }
        ChangeState::Failed => change
            .failure
            .iter()
            .map(|failure| reason(&failure.code, failure.message.clone(), since, &failure.help))
            .collect(),
        _ => Vec::new(),
    }
}

fn waits_of_rollout(rollout: &Rollout) -> Vec<WaitReason> {
    let since = rollout.state_since;
    let mut reasons = match rollout.state {
        RolloutState::Draft => {
            vec![reason("NOT_STARTED", "nobody started it".to_owned(), since, "start it: startRollout")]
        }
        RolloutState::Paused | RolloutState::Pausing => {
            vec![reason("PAUSED", "somebody paused it".to_owned(), since, "resume it: resumeRollout")]
        }
        RolloutState::Halted => {
            vec![reason(
                "HALTED",
                rollout.reason.clone(),
                since,
                "retry or skip the clusters that failed or are blocked, then resume it",
            )]
        }
        _ => Vec::new(),
    };
    let stage = rollout.stages.get(usize::try_from(rollout.stage).unwrap_or(usize::MAX));
    if let Some(stage) = stage
        && stage.requires_approval
        && !rollout.approved_stages.contains(&rollout.stage)
        && rollout.state == RolloutState::Running
    {
        reasons.push(reason(
            "STAGE_APPROVAL",
            format!("the stage `{}` waits for approval", stage.name),
            since,
            "approveStage",
        ));
    }
    for target in &rollout.targets {
        let waits = matches!(
            target.state,
            TargetState::AwaitingApproval
                | TargetState::Blocked
                | TargetState::Stale
                | TargetState::Deferred
                | TargetState::Failed
        );
        if waits && target.stage <= rollout.stage {
            let message = format!("a cluster is {}: {}", target.state.as_str(), target.reason);
            reasons.push(reason(
                target.state.as_str(),
                message,
                target.since,
                "explainWait on its change says more",
            ));
        }
    }
    reasons
}
