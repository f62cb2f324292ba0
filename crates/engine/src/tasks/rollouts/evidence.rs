//! What is known of the clusters of a rollout.
//!
//! *Idea.* Most of it is stored: registration, connectivity with its *since*, the change, what is applied. Only health at
//! the end of a soak time is asked of the cluster itself.
//!
//! *Caveats.* The reads are not one snapshot. Changes are read before clusters: a change that ends in between then shows
//! as under way on a cluster that is done, which the next turn sees; the other way round it would show as done on a
//! cluster that does not run the target, which is a failure.

use std::collections::BTreeMap;

use futures::{FutureExt as _, StreamExt as _, stream};
use strata_model::{
    Timestamp,
    change::{Change, ChangeState},
    cluster::{Cluster, Connectivity, Health, Phase},
    digest::Digest,
    id::{ChangeId, ClusterId, CompositionId},
    rollout::{Rollout, RolloutState, Target, TargetState},
};
use strata_plan::rollout::{ChangeEvidence, HealthEvidence, TargetEvidence};

use crate::{error::EngineError, session::Session};

/// How many clusters of a rollout are asked for their health at once: most of that is waiting.
const LOOKS: usize = 32;

/// What is stored about the clusters of a rollout.
#[derive(Debug, Default)]
struct Known {
    clusters: BTreeMap<ClusterId, Cluster>,
    changes: BTreeMap<ChangeId, Change>,
    /// The content digest of the rollout's profile in applied compositions.
    applied: BTreeMap<CompositionId, Option<Digest>>,
}

/// What is known of each cluster of a rollout.
pub(super) async fn gather(
    session: &Session,
    rollout: &Rollout,
) -> Result<BTreeMap<ClusterId, TargetEvidence>, EngineError> {
    let looked_at: Vec<&Target> = rollout.targets.iter().filter(|target| counts(rollout, target)).collect();
    let known = read(session, rollout, &looked_at).await?;
    let looks: Vec<_> =
        looked_at.into_iter().map(|target| of_target(session, rollout, target, &known).boxed()).collect();
    let found: Vec<Result<(ClusterId, TargetEvidence), EngineError>> =
        stream::iter(looks).buffer_unordered(LOOKS).collect().await;
    found.into_iter().collect()
}

/// Whether anything can be decided about a target now. What is settled needs no evidence, except while the rollout is
/// taken back; nor does what has not had its turn.
fn counts(rollout: &Rollout, target: &Target) -> bool {
    use TargetState as T;
    let settled = matches!(target.state, T::Succeeded | T::Skipped | T::Removed | T::RolledBack);
    let begun = target.stage <= rollout.stage || target.change.is_some();
    rollout.state == RolloutState::RollingBack || (begun && !settled)
}

async fn read(session: &Session, rollout: &Rollout, targets: &[&Target]) -> Result<Known, EngineError> {
    let rows = session.rows();
    let mut known = Known::default();
    let changes: Vec<ChangeId> = targets.iter().filter_map(|target| target.change).collect();
    for change in rows.changes_get(&changes).await? {
        known.changes.insert(change.value.id, change.value);
    }
    let clusters: Vec<ClusterId> = targets.iter().map(|target| target.cluster).collect();
    for cluster in rows.clusters_get(&clusters).await? {
        known.clusters.insert(cluster.value.id, cluster.value);
    }
    let applied: Vec<CompositionId> = known.clusters.values().filter_map(|cluster| cluster.applied).collect();
    let profile = &rollout.target.revision.profile;
    for stored in rows.compositions_get(&applied).await? {
        let mut attachments = stored.composition.attachments.into_iter();
        let digest = attachments.find(|attachment| attachment.revision.profile == *profile);
        known.applied.insert(stored.id, digest.map(|attachment| attachment.content_digest));
    }
    Ok(known)
}

async fn of_target(
    session: &Session,
    rollout: &Rollout,
    target: &Target,
    known: &Known,
) -> Result<(ClusterId, TargetEvidence), EngineError> {
    let now = session.now();
    let Some(cluster) = known.clusters.get(&target.cluster) else {
        let gone = TargetEvidence {
            present: false,
            silent_since: None,
            change: None,
            applied_content: None,
            health: None,
        };
        return Ok((target.cluster, gone));
    };
    let change = target.change.and_then(|id| known.changes.get(&id));
    let offline = cluster.connectivity.value == Connectivity::Offline;
    let mut evidence = TargetEvidence {
        present: !matches!(cluster.phase.value, Phase::Deleting | Phase::Deleted),
        silent_since: offline.then_some(cluster.connectivity.since),
        change: change.map(|change| ChangeEvidence::of(change, now)),
        applied_content: cluster.applied.and_then(|id| known.applied.get(&id).cloned().flatten()),
        health: None,
    };
    let soak = rollout
        .stages
        .get(usize::try_from(target.stage).unwrap_or(usize::MAX))
        .map_or(0, |stage| stage.soak_seconds);
    let succeeded = change.filter(|change| change.state == ChangeState::Succeeded);
    let verified = succeeded.and_then(|change| Some((applied_at(change)?, change.ended_at?)));
    if let Some((applied_at, verified_at)) = verified {
        // The change was verified after its last object was sent: that is evidence newer than the apply.
        if let Some(change) = &mut evidence.change {
            change.ended_at = Some(applied_at);
        }
        if soak == 0 {
            let degraded = cluster.health.value == Health::Degraded && cluster.health.since > verified_at;
            let at = if degraded { cluster.health.since } else { verified_at };
            evidence.health = Some(HealthEvidence { healthy: !degraded, at });
            return Ok((target.cluster, evidence));
        }
    }
    // The soak time is over, or it ran the target before anybody came: its health is read anew.
    let since = verified.map_or(target.since, |(_, verified_at)| verified_at);
    let soaked = now.duration_since(since).as_secs() >= i64::from(soak);
    if target.state == TargetState::Soaking && soaked && evidence.is_online() {
        let healthy = session.judge_health(cluster).await?;
        evidence.health = healthy.map(|healthy| HealthEvidence { healthy, at: session.now() });
    }
    Ok((target.cluster, evidence))
}

/// When a change that succeeded had applied its last object: with the end of its last step.
fn applied_at(change: &Change) -> Option<Timestamp> {
    change.steps.iter().filter_map(|step| step.ended_at).max().or(change.started_at)
}
