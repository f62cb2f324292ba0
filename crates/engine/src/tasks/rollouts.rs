//! Carries rollouts forward: gathers evidence, asks the pure scheduler, carries its decisions out.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use strata_model::{
    change::{ChangeKind, ChangeState},
    cluster::{Connectivity, Health, Phase},
    id::{ChangeId, ClusterId, ProjectId, RolloutId},
    rollout::{Rollout, RolloutEvent, Target, TargetState},
};
use strata_plan::rollout::{ChangeEvidence, Limits, RolloutDecision, TargetEvidence, next};
use strata_store::{Optional as _, Stored};

use super::{INTERVAL, changes::error_chain, rest};
use crate::{
    Engine,
    error::EngineError,
    session::Session,
    wish::{RequestOptions, RevisionWish, Wish},
};

/// How many rollouts are looked at in one go.
const BATCH: u64 = 200;
/// How many clusters of a rollout are planned for at once.
const CONCURRENCY: usize = 8;
/// How often one activation asks the scheduler again before it lets others have a turn.
const ROUNDS: usize = 100;

pub(super) async fn run(engine: Engine) {
    let mut positions = engine.last_position();
    loop {
        positions.mark_unchanged();
        if let Err(error) = activate(&engine).await {
            tracing::error!(error = error_chain(&error), "rollouts could not be looked up");
        }
        if !rest(&engine, &mut positions, INTERVAL).await {
            return;
        }
    }
}

async fn activate(engine: &Engine) -> Result<(), EngineError> {
    for (project, id) in engine.store().due_rollouts(BATCH).await? {
        let name = format!("rollout/{id}");
        let Some(lease) = engine.store().lease_claim(&name, engine.holder(), engine.options().lease).await?
        else {
            continue;
        };
        if let Err(error) = carry_forward(engine, project, id).await {
            tracing::error!(rollout = %id, error = error_chain(&error), "a rollout could not be carried forward");
        }
        engine.store().lease_release(&lease).await.optional()?;
    }
    Ok(())
}

/// Asks the scheduler and does what it says, until it says nothing new.
async fn carry_forward(engine: &Engine, project: ProjectId, id: RolloutId) -> Result<(), EngineError> {
    let session = engine.system_session(project, Some(format!("rollout/{id}")));
    for _ in 0..ROUNDS {
        let rollout = session.rows().rollout_get(id).await?.value;
        let evidence = gather(&session, &rollout).await?;
        let decisions = next(&rollout, &evidence, Limits::default(), session.now());
        if decisions.is_empty() {
            return Ok(());
        }
        let (moves, works): (Vec<_>, Vec<_>) =
            decisions.into_iter().partition(|decision| matches!(decision, RolloutDecision::Move(_)));
        let events: Vec<RolloutEvent> = moves
            .into_iter()
            .filter_map(|decision| match decision {
                RolloutDecision::Move(event) => Some(event),
                _ => None,
            })
            .collect();
        if !events.is_empty() {
            record(&session, id, events).await?;
        }
        let results: Vec<bool> = stream::iter(works)
            .map(|work| carry_out(&session, &rollout, work))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        if results.iter().any(|done| !done) {
            // Somebody else moved something; the next activation sees it.
            return Ok(());
        }
    }
    Ok(())
}

async fn record(session: &Session, id: RolloutId, events: Vec<RolloutEvent>) -> Result<(), EngineError> {
    let writer = session.clone();
    session
        .engine
        .store()
        .try_write::<_, EngineError, _>(move |tx| {
            Box::pin(async move {
                writer.ledger(tx).rollout(id, &events).await?;
                Ok(())
            })
        })
        .await
}

/// Carries one decision out. Says whether it could be done.
async fn carry_out(session: &Session, rollout: &Rollout, decision: RolloutDecision) -> bool {
    let (cluster, result) = match decision {
        RolloutDecision::Move(_) => return true,
        RolloutDecision::StartChange(cluster) => (cluster, start(session, rollout, cluster).await),
        RolloutDecision::ReplanChange(cluster) => (cluster, replan(session, rollout, cluster).await),
        RolloutDecision::CancelChange(cluster) => (cluster, cancel(session, rollout, cluster).await),
        RolloutDecision::RollBack(cluster) => (cluster, roll_back(session, rollout, cluster).await),
    };
    match result {
        Ok(()) => true,
        Err(EngineError::Refused(refusals)) if refusals.iter().any(|r| r.code.as_str() == "CONFLICT") => {
            false
        }
        // What cannot even be planned concerns this cluster alone.
        Err(EngineError::Refused(refusals)) => {
            let reason = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let moved = RolloutEvent::TargetMoved { cluster, to: TargetState::Blocked, change: None, reason };
            match record(session, rollout.id, vec![moved]).await {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(rollout = %rollout.id, %cluster, error = error_chain(&error), "a cluster could not be set aside");
                    false
                }
            }
        }
        Err(error) => {
            tracing::warn!(rollout = %rollout.id, %cluster, error = error_chain(&error), "a cluster of a rollout could not be moved");
            false
        }
    }
}

fn target(rollout: &Rollout, cluster: ClusterId) -> Option<&Target> {
    rollout.targets.iter().find(|target| target.cluster == cluster)
}

/// The change of this rollout on a cluster, while it is of use.
async fn own_change(
    session: &Session,
    rollout: &Rollout,
    cluster: ClusterId,
) -> Result<Option<ChangeId>, EngineError> {
    let Some(id) = target(rollout, cluster).and_then(|target| target.change) else { return Ok(None) };
    let Some(change) = session.rows().change_get(id).await.optional()? else { return Ok(None) };
    let useful = !change.state.is_final() || change.state == ChangeState::Succeeded;
    Ok(useful.then_some(id))
}

async fn start(session: &Session, rollout: &Rollout, cluster: ClusterId) -> Result<(), EngineError> {
    let stored = session.rows().cluster_get(cluster).await?;
    if let Some(change) = own_change(session, rollout, cluster).await? {
        let state = session.rows().change_get(change).await?.state;
        if state == ChangeState::Failed {
            session.retry_change(change).await?;
        } else {
            session.apply_when_ready(change).await?;
        }
        return session.move_target(rollout.id, cluster, change).await;
    }
    let wish = Wish {
        cluster: stored.name.to_string(),
        attach: vec![RevisionWish {
            profile: rollout.target.revision.profile.to_string(),
            version: rollout.target.revision.version.to_string(),
            revision: Some(rollout.target.revision.revision),
        }],
        ..Wish::default()
    };
    let request = session.composition_request(&wish).await?;
    let assembled = session.assemble(&stored, ChangeKind::Apply, request).await?;
    session
        .request(
            &stored,
            assembled,
            options(rollout),
            Some(rollout.id),
            "requestUpgrade",
            serde_json::Value::Null,
        )
        .await?;
    Ok(())
}

async fn replan(session: &Session, rollout: &Rollout, cluster: ClusterId) -> Result<(), EngineError> {
    let Some(change) = own_change(session, rollout, cluster).await? else { return Ok(()) };
    session.replan_change(change).await?;
    session.apply_when_ready(change).await?;
    session.move_target(rollout.id, cluster, change).await
}

async fn cancel(session: &Session, rollout: &Rollout, cluster: ClusterId) -> Result<(), EngineError> {
    let Some(change) = own_change(session, rollout, cluster).await? else { return Ok(()) };
    session.cancel_change(change, format!("the rollout `{}` no longer needs it", rollout.name)).await?;
    Ok(())
}

async fn roll_back(session: &Session, rollout: &Rollout, cluster: ClusterId) -> Result<(), EngineError> {
    let Some(change) = target(rollout, cluster).and_then(|target| target.change) else { return Ok(()) };
    let forward = session.rows().change_get(change).await?;
    if forward.kind == ChangeKind::Rollback {
        session.apply_when_ready(change).await?;
        return session.move_target(rollout.id, cluster, change).await;
    }
    let stored: Stored<_> = session.rows().cluster_get(cluster).await?;
    let Some(earlier) = forward.from else { return Ok(()) };
    let assembled = session.assemble_rollback(&stored, earlier).await?;
    session
        .request(
            &stored,
            assembled,
            options(rollout),
            Some(rollout.id),
            "rollBackChange",
            serde_json::Value::Null,
        )
        .await?;
    Ok(())
}

fn options(rollout: &Rollout) -> RequestOptions {
    RequestOptions {
        reason: format!("rollout `{}`", rollout.name),
        apply_when_ready: true,
        ..RequestOptions::default()
    }
}

/// What is known of each cluster of a rollout.
async fn gather(
    session: &Session,
    rollout: &Rollout,
) -> Result<BTreeMap<ClusterId, TargetEvidence>, EngineError> {
    let mut evidence = BTreeMap::new();
    for target in &rollout.targets {
        // What is settled needs no evidence, except while the rollout is taken back.
        if let Some(found) = of_target(session, rollout, target).await? {
            evidence.insert(target.cluster, found);
        }
    }
    Ok(evidence)
}

async fn of_target(
    session: &Session,
    rollout: &Rollout,
    target: &Target,
) -> Result<Option<TargetEvidence>, EngineError> {
    let now = session.now();
    let Some(cluster) = session.rows().cluster_get(target.cluster).await.optional()? else {
        return Ok(Some(TargetEvidence {
            present: false,
            online: false,
            change: None,
            applied_content: None,
            healthy: None,
            at: now,
        }));
    };
    let change = match target.change {
        Some(id) => session.rows().change_get(id).await.optional()?,
        None => None,
    };
    let applied_content = match cluster.applied {
        Some(id) => {
            let composition = session.rows().composition_get(id).await?.composition;
            let profile = &rollout.target.revision.profile;
            composition
                .attachments
                .into_iter()
                .find(|attachment| attachment.revision.profile == *profile)
                .map(|attachment| attachment.content_digest)
        }
        None => None,
    };
    // A change that succeeded was verified after its last apply; when a soak time is asked for, health is read anew.
    let soak = rollout
        .stages
        .get(usize::try_from(target.stage).unwrap_or(usize::MAX))
        .map_or(0, |stage| stage.soak_seconds);
    let verified =
        change.as_ref().filter(|change| change.state == ChangeState::Succeeded).and_then(|c| c.ended_at);
    let (healthy, at) = match verified {
        Some(ended) if soak == 0 => (Some(cluster.health.value != Health::Degraded), ended),
        Some(ended) if now.duration_since(ended).as_secs() >= i64::from(soak) => {
            let healthy = session.judge_health(&cluster.value).await?;
            (healthy, session.now())
        }
        _ => (None, now),
    };
    Ok(Some(TargetEvidence {
        present: !matches!(cluster.phase.value, Phase::Deleting | Phase::Deleted),
        online: cluster.connectivity.value != Connectivity::Offline,
        change: change.map(|change| ChangeEvidence::of(&change.value, now)),
        applied_content,
        healthy,
        at,
    }))
}
