//! One readable English sentence for each event of the log.
//!
//! Pure: a function of the event and of the few names that its payload holds as ids or numbers only. An event of a form
//! that this release does not know is told by its type.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use strata_model::{
    change::{Change, ChangeEvent, ChangeKind, RequirementKind},
    cluster::{ClusterEvent, Health},
    event::{AuditEntry, Event, StreamKind},
    id::ClusterId,
    orphan::{OrphanEvent, Reach},
    plan::Action,
    rollout::{Rollout, RolloutEvent, TargetState},
};

/// Names of what payloads hold as numbers and ids.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Titles of the change's steps, by number.
    pub steps: Vec<String>,
    /// Names of the rollout's stages, by number.
    pub stages: Vec<String>,
    /// Names of clusters.
    pub clusters: BTreeMap<ClusterId, String>,
}

impl Names {
    /// The names that events of a change need.
    #[must_use]
    pub fn of_change(change: &Change) -> Self {
        Self { steps: change.steps.iter().map(|step| step.kind.title()).collect(), ..Self::default() }
    }

    /// The names that events of a rollout need, but for those of its clusters.
    #[must_use]
    pub fn of_rollout(rollout: &Rollout) -> Self {
        Self { stages: rollout.stages.iter().map(|stage| stage.name.clone()).collect(), ..Self::default() }
    }

    fn step(&self, step: u32) -> String {
        let title = usize::try_from(step).ok().and_then(|index| self.steps.get(index)).cloned();
        title.unwrap_or_else(|| format!("step {}", u64::from(step) + 1))
    }

    fn stage(&self, stage: u32) -> String {
        let name = usize::try_from(stage).ok().and_then(|index| self.stages.get(index));
        name.map_or_else(|| format!("stage {}", u64::from(stage) + 1), |name| format!("stage \"{name}\""))
    }

    fn cluster(&self, cluster: ClusterId) -> String {
        self.clusters.get(&cluster).cloned().unwrap_or_else(|| format!("cluster {cluster}"))
    }
}

/// The sentence.
#[must_use]
pub fn sentence(event: &Event, names: &Names) -> String {
    let kind = event.stream.split('/').next().unwrap_or_default();
    let told = if kind == StreamKind::Change.as_str() {
        read(event).map(|payload| change(payload, event, names))
    } else if kind == StreamKind::Cluster.as_str() {
        read(event).map(cluster)
    } else if kind == StreamKind::Orphan.as_str() {
        read(event).map(orphan)
    } else if kind == StreamKind::Rollout.as_str() {
        read(event).map(|payload| rollout(payload, event, names))
    } else if kind == StreamKind::Audit.as_str() {
        read(event).map(|payload| audit(payload, event))
    } else {
        None
    };
    told.unwrap_or_else(|| words(&event.event_type))
}

/// The clusters that the payload of a rollout's event names by id.
#[must_use]
pub fn clusters_in(event: &Event) -> Option<ClusterId> {
    match read::<RolloutEvent>(event)? {
        RolloutEvent::TargetMoved { cluster, .. } | RolloutEvent::TargetAdded { cluster, .. } => {
            Some(cluster)
        }
        _ => None,
    }
}

fn read<T: DeserializeOwned>(event: &Event) -> Option<T> {
    T::deserialize(&event.payload).ok()
}

fn change(payload: ChangeEvent, event: &Event, names: &Names) -> String {
    let actor = &event.actor.name;
    match payload {
        ChangeEvent::Requested { kind, reason, .. } => {
            with(format!("{actor} requested {}", purpose(kind)), &reason)
        }
        ChangeEvent::ApplyRequested { .. } => format!("{actor} asked to apply it"),
        ChangeEvent::Approved { kinds, approval } => {
            let kinds: Vec<&str> = kinds.into_iter().map(requirement).collect();
            let what = if kinds.is_empty() { String::new() } else { format!(": {}", kinds.join(", ")) };
            format!("approved by {}{what}", approval.name)
        }
        ChangeEvent::ApprovalWithdrawn { .. } => format!("{actor} withdrew the approval"),
        ChangeEvent::ApprovalExpired => "an approval expired".to_owned(),
        ChangeEvent::Rejected { reason } => with(format!("rejected by {actor}"), &reason),
        ChangeEvent::Scheduled => "scheduled: it has its cluster to itself".to_owned(),
        ChangeEvent::Started => "started".to_owned(),
        ChangeEvent::StepStarted { step } => format!("{}: started", names.step(step)),
        ChangeEvent::ObjectDone { step, key, action, .. } => {
            format!("{}: {} {key}", names.step(step), done(action))
        }
        ChangeEvent::StepSettling { step } => {
            format!("{}: all sent, waiting until it is healthy", names.step(step))
        }
        ChangeEvent::StepProgress { step, message } => format!("{}: {message}", names.step(step)),
        ChangeEvent::StepSucceeded { step } => format!("{}: done", names.step(step)),
        ChangeEvent::VerificationStarted => "all steps are done; proving that it is healthy".to_owned(),
        ChangeEvent::Succeeded => "succeeded".to_owned(),
        ChangeEvent::Failed { step, failure } => {
            let place = step.map(|step| format!("{}: ", names.step(step))).unwrap_or_default();
            format!("{place}failed: {} [{}]", failure.message, failure.code)
        }
        ChangeEvent::Retried => format!("{actor} started it again"),
        ChangeEvent::CancelRequested { reason } => with(format!("{actor} asked to cancel it"), &reason),
        ChangeEvent::Cancelled => "cancelled".to_owned(),
        ChangeEvent::Superseded { by } => format!("another change took its place: {by}"),
        ChangeEvent::BecameStale { moved } => with("became stale".to_owned(), &moved.join("; ")),
        ChangeEvent::Replanned { .. } => format!("{actor} planned it anew; earlier approvals are void"),
    }
}

const fn purpose(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Apply => "an upgrade",
        ChangeKind::Rollback => "a rollback",
        ChangeKind::CleanUp => "a clean-up of orphans",
        ChangeKind::Restore => "orphans to be restored",
        ChangeKind::NodePool => "work on node pools",
        ChangeKind::Drift => "drift to be put back",
    }
}

const fn requirement(kind: RequirementKind) -> &'static str {
    match kind {
        RequirementKind::Repave => "REPAVE",
        RequirementKind::BreakingApi => "BREAKING_API",
        RequirementKind::Guard => "GUARD",
    }
}

const fn done(action: Action) -> &'static str {
    match action {
        Action::Create | Action::Change => "applied",
        Action::Replace => "replaced",
        Action::Orphan => "left behind",
        Action::ScaleToZero => "scaled to zero",
        Action::Restore => "restored",
        Action::Delete => "deleted",
        Action::Keep => "kept",
        Action::RunHook => "run",
    }
}

fn cluster(payload: ClusterEvent) -> String {
    match payload {
        ClusterEvent::Registered { name, .. } => format!("{name} was registered"),
        ClusterEvent::LabelsChanged { labels } => {
            let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            with("its labels changed".to_owned(), &labels.join(", "))
        }
        ClusterEvent::Composed { .. } => "its first composition was edited".to_owned(),
        ClusterEvent::Reached { kubernetes_version, .. } => {
            format!("reached; it runs Kubernetes {kubernetes_version}")
        }
        ClusterEvent::Lost { reason } => with("cannot be reached".to_owned(), &reason),
        ClusterEvent::HealthJudged { health, reason } => {
            let health = match health {
                Health::Unknown => "its health is unknown",
                Health::Healthy => "healthy",
                Health::Degraded => "degraded",
            };
            with(health.to_owned(), &reason)
        }
        ClusterEvent::ChangeTookHold { change, .. } => format!("change {change} took hold of it"),
        ClusterEvent::RepavePending { pending: true, change } => {
            format!("the repave of change {change} waits for approval")
        }
        ClusterEvent::RepavePending { pending: false, change } => {
            format!("the repave of change {change} waits no more")
        }
        ClusterEvent::ChangeLetGo { change, applied: Some(_) } => {
            format!("change {change} ended, and the cluster runs what it brought")
        }
        ClusterEvent::ChangeLetGo { change, applied: None } => format!("change {change} let go of it"),
        ClusterEvent::Deregistered => "deregistered".to_owned(),
    }
}

fn orphan(payload: OrphanEvent) -> String {
    match payload {
        OrphanEvent::LeftBehind { key, revision, .. } => format!("{key} of {revision} was left behind"),
        OrphanEvent::RestoreRecorded { record } => {
            let how = match record.reach {
                Reach::Scale => "replicas were",
                Reach::Suspend => "suspend flag was",
                Reach::Park => "node selector was",
                Reach::None => "state was",
            };
            format!("its former {how} recorded: {}", record.former)
        }
        OrphanEvent::ScaledToZero { .. } => "scaled to zero".to_owned(),
        OrphanEvent::Restored { .. } => "restored to its former state".to_owned(),
        OrphanEvent::Deleted { .. } => "deleted".to_owned(),
        OrphanEvent::Kept { .. } => "kept by decision".to_owned(),
        OrphanEvent::Reclaimed { .. } => "rendered again, so it is no orphan any more".to_owned(),
    }
}

fn rollout(payload: RolloutEvent, event: &Event, names: &Names) -> String {
    let actor = &event.actor.name;
    match payload {
        RolloutEvent::Created { target, targets, stages, .. } => {
            let (clusters, stages) = (count(targets.len(), "cluster"), count(stages.len(), "stage"));
            format!("{actor} made it: {} to {clusters} in {stages}", target.revision)
        }
        RolloutEvent::Started => format!("started by {actor}"),
        RolloutEvent::StageApproved { stage, reason } => {
            with(format!("{} approved by {actor}", names.stage(stage)), &reason)
        }
        RolloutEvent::StageStarted { stage } => format!("{} started", names.stage(stage)),
        RolloutEvent::TargetMoved { cluster, to, reason, .. } => {
            with(format!("{}: {}", names.cluster(cluster), target(to)), &reason)
        }
        RolloutEvent::TargetAdded { cluster, stage } => {
            format!("{} joined {}", names.cluster(cluster), names.stage(stage))
        }
        RolloutEvent::PauseRequested => format!("{actor} asked to pause; what is under way is waited for"),
        RolloutEvent::Paused => "paused".to_owned(),
        RolloutEvent::Resumed => format!("resumed by {actor}"),
        RolloutEvent::Halted { reason } => with("halted".to_owned(), &reason),
        RolloutEvent::AbortRequested => format!("{actor} asked to abort; what is under way is waited for"),
        RolloutEvent::Aborted => "aborted".to_owned(),
        RolloutEvent::RollBackRequested => format!("{actor} asked to roll it back"),
        RolloutEvent::RolledBack => "rolled back".to_owned(),
        RolloutEvent::Succeeded => "succeeded".to_owned(),
    }
}

const fn target(state: TargetState) -> &'static str {
    match state {
        TargetState::Waiting => "waits for its turn",
        TargetState::AwaitingApproval => "waits for approval",
        TargetState::Blocked => "blocked",
        TargetState::Stale => "its plan is stale",
        TargetState::Deferred => "deferred",
        TargetState::InFlight => "under way",
        TargetState::Soaking => "applied, soaking",
        TargetState::Succeeded => "succeeded",
        TargetState::Failed => "failed",
        TargetState::Skipped => "skipped",
        TargetState::Removed => "no longer part of it",
        TargetState::RollingBack => "rolling back",
        TargetState::RolledBack => "rolled back",
    }
}

fn audit(entry: AuditEntry, event: &Event) -> String {
    let outcome = if entry.outcome == "OK" { String::new() } else { format!(", refused: {}", entry.outcome) };
    let text = format!("{} did {} on {}{outcome}", event.actor.name, entry.operation, entry.subject);
    with(text, entry.reason.as_deref().unwrap_or_default())
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A sentence and its reason, if there is one.
fn with(text: String, reason: &str) -> String {
    if reason.trim().is_empty() { text } else { format!("{text}: {reason}") }
}

/// `stepStarted` → `step started`.
fn words(event_type: &str) -> String {
    let mut text = String::with_capacity(event_type.len() + 4);
    for character in event_type.chars() {
        if character.is_uppercase() {
            text.push(' ');
            text.extend(character.to_lowercase());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use strata_model::{access::Actor, id::ProjectId};
    use uuid::Uuid;

    use super::*;

    fn told(stream: &str, payload: Value) -> String {
        let event = Event {
            position: 1,
            project: ProjectId::new(Uuid::nil()),
            stream: format!("{stream}/{}", Uuid::nil()),
            seq: 1,
            event_type: payload.get("type").and_then(Value::as_str).unwrap_or("somethingNew").to_owned(),
            version: 1,
            at: strata_model::Timestamp::UNIX_EPOCH,
            actor: Actor { name: "alice".to_owned(), ..Actor::system() },
            cause: None,
            payload,
        };
        let clusters = BTreeMap::from([(ClusterId::new(Uuid::from_u128(1)), "eu-1".to_owned())]);
        let names =
            Names { steps: vec!["control plane".to_owned()], stages: vec!["canary".to_owned()], clusters };
        sentence(&event, &names)
    }

    #[test]
    fn changes_are_told() {
        let object = json!({ "group": "controlplane.cluster.x-k8s.io", "kind": "KubeadmControlPlane", "namespace": "eu-1", "name": "eu-1-control-plane" });
        let table = [
            (
                json!({ "type": "objectDone", "step": 0, "destination": "MANAGEMENT", "key": object, "action": "CHANGE" }),
                "control plane: applied KubeadmControlPlane.controlplane.cluster.x-k8s.io eu-1/eu-1-control-plane",
            ),
            (
                json!({ "type": "approved", "kinds": ["REPAVE", "GUARD"], "approval": {
                    "principal": Uuid::nil(), "name": "bob", "reason": "fine",
                    "planDigest": format!("hmac-v1:{}", "0".repeat(64)),
                    "at": "1970-01-01T00:00:00Z", "expiresAt": "1970-01-02T00:00:00Z",
                } }),
                "approved by bob: REPAVE, GUARD",
            ),
            (json!({ "type": "rejected", "reason": "not today" }), "rejected by alice: not today"),
            (
                json!({ "type": "stepProgress", "step": 0, "message": "2 of 3 machines" }),
                "control plane: 2 of 3 machines",
            ),
            (json!({ "type": "stepStarted", "step": 7 }), "step 8: started"),
            (
                json!({ "type": "failed", "step": 0, "failure": { "code": "FIELD_CONFLICT", "message": "hpa holds replicas", "help": "" } }),
                "control plane: failed: hpa holds replicas [FIELD_CONFLICT]",
            ),
            (
                json!({ "type": "becameStale", "moved": ["a label", "a fact"] }),
                "became stale: a label; a fact",
            ),
            (json!({ "type": "cancelRequested", "reason": "" }), "alice asked to cancel it"),
            (json!({ "type": "succeeded" }), "succeeded"),
        ];
        for (payload, sentence) in table {
            assert_eq!(told("change", payload), sentence);
        }
    }

    #[test]
    fn clusters_orphans_and_rollouts_are_told() {
        let cluster = Uuid::from_u128(1);
        let table = [
            (
                "cluster",
                json!({ "type": "reached", "uid": "u", "kubernetesVersion": "v1.33.2" }),
                "reached; it runs Kubernetes v1.33.2",
            ),
            ("cluster", json!({ "type": "lost", "reason": "no route" }), "cannot be reached: no route"),
            (
                "cluster",
                json!({ "type": "labelsChanged", "labels": { "stage": "prod" } }),
                "its labels changed: stage=prod",
            ),
            ("orphan", json!({ "type": "scaledToZero", "change": cluster }), "scaled to zero"),
            (
                "orphan",
                json!({ "type": "restoreRecorded", "record": { "uid": "u", "reach": "SCALE", "former": { "replicas": 3 }, "at": "1970-01-01T00:00:00Z" } }),
                "its former replicas were recorded: {\"replicas\":3}",
            ),
            ("rollout", json!({ "type": "stageStarted", "stage": 0 }), "stage \"canary\" started"),
            (
                "rollout",
                json!({ "type": "targetMoved", "cluster": cluster, "to": "IN_FLIGHT", "change": null, "reason": "" }),
                "eu-1: under way",
            ),
            (
                "rollout",
                json!({ "type": "targetAdded", "cluster": cluster, "stage": 3 }),
                "eu-1 joined stage 4",
            ),
            (
                "rollout",
                json!({ "type": "halted", "reason": "1 of 0 allowed failures" }),
                "halted: 1 of 0 allowed failures",
            ),
            (
                "audit",
                json!({ "operation": "approveRepave", "subject": "change/1", "outcome": "FORBIDDEN" }),
                "alice did approveRepave on change/1, refused: FORBIDDEN",
            ),
        ];
        for (stream, payload, sentence) in table {
            assert_eq!(told(stream, payload), sentence);
        }
    }

    #[test]
    fn what_is_not_known_is_told_by_its_type() {
        assert_eq!(told("change", json!({ "type": "stepTeleported" })), "step teleported");
        assert_eq!(told("planet", json!({ "type": "started" })), "started");
    }
}
