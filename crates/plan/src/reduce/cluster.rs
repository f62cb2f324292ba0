//! The four axes of a cluster.
//!
//! A first change that does not succeed gives the cluster back as PENDING, its first composition still there to be
//! mended: nobody has to wait for a cluster that will never run.

use jiff::Timestamp;
use strata_model::{
    access::Actor,
    cluster::{Activity, Axis, Cluster, ClusterEvent, Connectivity, Health, Phase},
    id::{ChangeId, ClusterId},
};

use super::IllegalTransition;

const fn name(event: &ClusterEvent) -> &'static str {
    match event {
        ClusterEvent::Registered { .. } => "registered",
        ClusterEvent::LabelsChanged { .. } => "labelsChanged",
        ClusterEvent::Composed { .. } => "composed",
        ClusterEvent::Reached { .. } => "reached",
        ClusterEvent::Lost { .. } => "lost",
        ClusterEvent::HealthJudged { .. } => "healthJudged",
        ClusterEvent::ChangeTookHold { .. } => "changeTookHold",
        ClusterEvent::RepavePending { .. } => "repavePending",
        ClusterEvent::ChangeLetGo { .. } => "changeLetGo",
        ClusterEvent::Deregistered => "deregistered",
    }
}

const fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "PENDING",
        Phase::Provisioning => "PROVISIONING",
        Phase::Running => "RUNNING",
        Phase::Deleting => "DELETING",
        Phase::Deleted => "DELETED",
    }
}

/// The state of a cluster after an event.
///
/// # Errors
/// [`IllegalTransition`] when the state does not allow the event: a second change taking hold, another identity
/// answering, anything after the cluster is gone.
pub fn cluster(
    before: Option<Cluster>,
    id: ClusterId,
    event: &ClusterEvent,
    _actor: &Actor,
    at: Timestamp,
) -> Result<Cluster, IllegalTransition> {
    match (before, event) {
        (
            None,
            ClusterEvent::Registered { project, name, labels, infrastructure, connection, cloud, region },
        ) => Ok(Cluster {
            id,
            project: *project,
            name: name.clone(),
            labels: labels.clone(),
            infrastructure: infrastructure.clone(),
            connection: *connection,
            cloud: cloud.clone(),
            region: region.clone(),
            uid: None,
            kubernetes_version: None,
            applied: None,
            wanted: None,
            change: None,
            phase: Axis::new(Phase::Pending, at, "registered"),
            connectivity: Axis::new(Connectivity::Unknown, at, ""),
            health: Axis::new(Health::Unknown, at, ""),
            activity: Axis::new(Activity::Idle, at, ""),
            created_at: at,
        }),
        (None, event) => Err(IllegalTransition::new("cluster", "absent", name(event))),
        (Some(before), event) => {
            let illegal = IllegalTransition::new("cluster", phase_name(before.phase.value), name(event));
            next(before, event, at, &illegal)
        }
    }
}

fn next(
    mut cluster: Cluster,
    event: &ClusterEvent,
    at: Timestamp,
    illegal: &IllegalTransition,
) -> Result<Cluster, IllegalTransition> {
    if cluster.phase.value == Phase::Deleted {
        return Err(illegal.clone());
    }
    let require = |holds: bool, reason: &str| {
        if holds { Ok(()) } else { Err(illegal.clone().because(reason)) }
    };
    match event {
        ClusterEvent::Registered { .. } => return Err(illegal.clone()),
        ClusterEvent::LabelsChanged { labels } => cluster.labels.clone_from(labels),
        ClusterEvent::Composed { composition } => {
            require(cluster.phase.value == Phase::Pending, "it runs a composition already")?;
            cluster.wanted = Some(*composition);
        }
        ClusterEvent::Reached { uid, kubernetes_version } => {
            let same = cluster.uid.as_ref().is_none_or(|known| known == uid);
            require(same, "another cluster answers at its address")?;
            cluster.uid = Some(uid.clone());
            cluster.kubernetes_version = Some(kubernetes_version.clone());
            cluster.connectivity.moved(Connectivity::Online, at, "");
        }
        ClusterEvent::Lost { reason } => cluster.connectivity.moved(Connectivity::Offline, at, reason),
        ClusterEvent::HealthJudged { health, reason } => cluster.health.moved(*health, at, reason),
        ClusterEvent::ChangeTookHold { change, wanted } => {
            require(cluster.phase.value != Phase::Deleting, "it is being let go")?;
            require(cluster.change.is_none_or(|held| held == *change), "another change holds it")?;
            cluster.change = Some(*change);
            cluster.wanted = Some(*wanted);
            if cluster.phase.value == Phase::Pending {
                cluster.phase.moved(Phase::Provisioning, at, "its first change is under way");
            }
            cluster.activity.moved(Activity::Updating, at, format!("change {change}"));
        }
        ClusterEvent::RepavePending { pending, change } => {
            let reason = pending_reason(*change);
            match (pending, cluster.activity.value) {
                // What is under way is the better answer.
                (true, Activity::Updating) => {}
                (true, _) => cluster.activity.moved(Activity::RepavePending, at, reason),
                // Another change may be the one that waits.
                (false, Activity::RepavePending) if cluster.activity.reason == reason => {
                    cluster.activity.moved(Activity::Idle, at, "");
                }
                (false, _) => {}
            }
        }
        ClusterEvent::ChangeLetGo { change, applied } => {
            require(cluster.change == Some(*change), "this change does not hold it")?;
            cluster.change = None;
            cluster.activity.moved(Activity::Idle, at, "");
            match applied {
                Some(applied) => {
                    cluster.applied = Some(*applied);
                    cluster.wanted = None;
                    if cluster.phase.value == Phase::Provisioning {
                        cluster.phase.moved(Phase::Running, at, "its first change succeeded");
                    }
                }
                None if cluster.applied.is_none() => {
                    cluster.phase.moved(Phase::Pending, at, "its first change did not succeed");
                }
                None => cluster.wanted = None,
            }
        }
        ClusterEvent::Deregistered => {
            require(cluster.change.is_none(), "a change holds it")?;
            cluster.wanted = None;
            cluster.phase.moved(Phase::Deleted, at, "deregistered");
            cluster.activity.moved(Activity::Idle, at, "");
        }
    }
    Ok(cluster)
}

fn pending_reason(change: ChangeId) -> String {
    format!("change {change} waits for the approval of a repave")
}
