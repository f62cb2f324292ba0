//! Carries rollouts forward: gathers evidence, asks the pure scheduler, carries its decisions out.

mod evidence;

use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _, stream};
use strata_model::{
    change::{Change, ChangeKind, ChangeState},
    cluster::Cluster,
    error::RefusalCode,
    id::{ClusterId, ProjectId, RolloutId},
    rollout::{Rollout, RolloutEvent, RolloutState, Target, TargetState},
};
use strata_plan::rollout::{Limits, RolloutDecision, next};
use strata_store::{Lease, Optional as _, Stored};

use super::{
    INTERVAL,
    changes::{error_chain, renew},
    rest,
};
use crate::{
    Engine,
    error::EngineError,
    session::Session,
    verbs::Turn,
    wish::{RequestOptions, RevisionWish, Wish},
};

/// How many rollouts are looked at in one go.
const BATCH: u64 = 200;
/// How many clusters of a rollout are planned for at once.
const CONCURRENCY: usize = 8;
/// How often one activation asks the scheduler again before it lets others have a turn.
const ROUNDS: usize = 100;
/// How long to sleep at most while another server, which may have died, has a rollout.
const CONTENDED: Duration = Duration::from_millis(500);

pub(super) async fn run(engine: Engine) {
    let mut positions = engine.last_position();
    loop {
        positions.mark_unchanged();
        let longest = match activate(&engine).await {
            Ok(true) => CONTENDED,
            Ok(false) => INTERVAL,
            Err(error) => {
                tracing::error!(error = error_chain(&error), "rollouts could not be looked up");
                INTERVAL
            }
        };
        if !rest(&engine, &mut positions, longest).await {
            return;
        }
    }
}

/// Carries rollouts forward that are due. Says whether another server has one of them.
async fn activate(engine: &Engine) -> Result<bool, EngineError> {
    let mut contended = false;
    for (project, id) in engine.store().due_rollouts(BATCH).await? {
        let name = format!("rollout/{id}");
        let Some(lease) = engine.store().lease_claim(&name, engine.holder(), engine.options().lease).await?
        else {
            contended = true;
            continue;
        };
        let carried = tokio::select! {
            carried = carry_forward(engine, project, id, &lease).boxed() => carried,
            () = renew(engine, &lease) => {
                tracing::warn!(rollout = %id, "the lease on a rollout was lost");
                Ok(())
            }
            () = engine.stop_token().cancelled() => Ok(()),
        };
        if let Err(error) = carried {
            tracing::error!(rollout = %id, error = error_chain(&error), "a rollout could not be carried forward");
        }
        engine.store().lease_release(&lease).await.optional()?;
    }
    Ok(contended)
}

/// Asks the scheduler and does what it says, until it says nothing new.
async fn carry_forward(
    engine: &Engine,
    project: ProjectId,
    id: RolloutId,
    lease: &Lease,
) -> Result<(), EngineError> {
    let session = engine.system_session(project, Some(format!("rollout/{id}")));
    let mut before = Vec::new();
    for _ in 0..ROUNDS {
        let rollout = session.rows().rollout_get(id).await?.value;
        let evidence = evidence::gather(&session, &rollout).await?;
        let decisions = next(&rollout, &evidence, Limits::default(), session.now());
        // What was done a moment ago and is decided again waits for something that only a commit or time brings.
        if decisions.is_empty() || decisions == before {
            return Ok(());
        }
        before.clone_from(&decisions);
        let mut turn = Turn { rollout: id, lease: lease.clone(), state: rollout.state };
        let mut events = Vec::new();
        let mut works = Vec::new();
        for decision in decisions {
            match decision {
                RolloutDecision::Move(event) => events.push(event),
                work => works.push(work),
            }
        }
        if !events.is_empty() {
            turn.state = record(&session, &turn, events).await?;
        }
        let results: Vec<bool> = stream::iter(works)
            .map(|work| carry_out(&session, &rollout, &turn, work).boxed())
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

/// Appends events, and answers the rollout's state behind them.
async fn record(
    session: &Session,
    turn: &Turn,
    events: Vec<RolloutEvent>,
) -> Result<RolloutState, EngineError> {
    let (writer, turn) = (session.clone(), turn.clone());
    session
        .engine
        .store()
        .try_write::<_, EngineError, _>(move |tx| {
            Box::pin(async move {
                turn.check(tx, writer.project).await?;
                Ok(writer.ledger(tx).rollout(turn.rollout, &events).await?.state)
            })
        })
        .await
}

/// Carries one decision out. Says whether it could be done.
async fn carry_out(session: &Session, rollout: &Rollout, turn: &Turn, decision: RolloutDecision) -> bool {
    let (cluster, result) = match decision {
        RolloutDecision::Move(_) => return true,
        RolloutDecision::StartChange(cluster) => (cluster, start(session, rollout, turn, cluster).await),
        RolloutDecision::ReplanChange(cluster) => (cluster, replan(session, rollout, turn, cluster).await),
        RolloutDecision::CancelChange(cluster) => (cluster, cancel(session, rollout, turn, cluster).await),
        RolloutDecision::RollBack(cluster) => (cluster, roll_back(session, rollout, turn, cluster).await),
    };
    match result {
        Ok(()) => true,
        Err(EngineError::Refused(refusals)) if refusals.iter().any(|refusal| passes(refusal.code)) => false,
        // What cannot even be planned concerns this cluster alone.
        Err(EngineError::Refused(refusals)) => {
            let reason = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let moved = RolloutEvent::TargetMoved { cluster, to: TargetState::Blocked, change: None, reason };
            match record(session, turn, vec![moved]).await {
                Ok(_) => true,
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

/// Whether a refusal says that somebody else was faster, and nothing about the cluster.
const fn passes(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::Conflict | RefusalCode::ChangeUnderWay | RefusalCode::IllegalState | RefusalCode::InUse
    )
}

fn target(rollout: &Rollout, cluster: ClusterId) -> Option<&Target> {
    rollout.targets.iter().find(|target| target.cluster == cluster)
}

/// The forward change of this rollout on a cluster, while it is of use.
async fn own_change(
    session: &Session,
    rollout: &Rollout,
    cluster: ClusterId,
) -> Result<Option<Stored<Change>>, EngineError> {
    let Some(id) = target(rollout, cluster).and_then(|target| target.change) else { return Ok(None) };
    let Some(change) = session.rows().change_get(id).await.optional()? else { return Ok(None) };
    let useful = !change.state.is_final() || change.state == ChangeState::Succeeded;
    Ok((useful && change.kind != ChangeKind::Rollback).then_some(change))
}

async fn start(
    session: &Session,
    rollout: &Rollout,
    turn: &Turn,
    cluster: ClusterId,
) -> Result<(), EngineError> {
    if let Some(change) = own_change(session, rollout, cluster).await? {
        match session.go_on_in_turn(turn, cluster, change.id).await {
            // Another change has touched the cluster since this one failed: a new one takes its place.
            Err(EngineError::Refused(refusals))
                if change.state == ChangeState::Failed
                    && refusals.iter().any(|refusal| refusal.code == RefusalCode::StalePlan) => {}
            gone_on => return gone_on.map(|_| ()),
        }
    }
    let stored = session.rows().cluster_get(cluster).await?;
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
    session.request(&stored, assembled, options(rollout), Some(turn.clone()), "requestUpgrade", None).await?;
    Ok(())
}

/// Plans a stale change anew. It is not asked for here: that takes a place among those in flight.
async fn replan(
    session: &Session,
    rollout: &Rollout,
    turn: &Turn,
    cluster: ClusterId,
) -> Result<(), EngineError> {
    let Some(change) = own_change(session, rollout, cluster).await? else { return Ok(()) };
    session.replan(change.id, Some(turn.clone())).await?;
    Ok(())
}

async fn cancel(
    session: &Session,
    rollout: &Rollout,
    turn: &Turn,
    cluster: ClusterId,
) -> Result<(), EngineError> {
    let Some(change) = target(rollout, cluster).and_then(|target| target.change) else { return Ok(()) };
    let reason = format!("the rollout `{}` no longer needs it", rollout.name);
    session.cancel_in_turn(turn, cluster, change, reason).await?;
    Ok(())
}

async fn roll_back(
    session: &Session,
    rollout: &Rollout,
    turn: &Turn,
    cluster: ClusterId,
) -> Result<(), EngineError> {
    let forward = match target(rollout, cluster).and_then(|target| target.change) {
        Some(change) => Some(session.rows().change_get(change).await?.value),
        None => None,
    };
    let Some((forward, earlier)) = forward.and_then(|forward| forward.from.map(|earlier| (forward, earlier)))
    else {
        // It ran the target before this rollout, or nothing at all: there is nothing to go back to.
        let moved = |to, reason: &str| RolloutEvent::TargetMoved {
            cluster,
            to,
            change: None,
            reason: reason.to_owned(),
        };
        let events = vec![
            moved(TargetState::RollingBack, ""),
            moved(TargetState::RolledBack, "there is nothing to go back to: it stays as it is"),
        ];
        record(session, turn, events).await?;
        return Ok(());
    };
    if forward.kind == ChangeKind::Rollback {
        session.go_on_in_turn(turn, cluster, forward.id).await?;
        return Ok(());
    }
    let stored: Stored<Cluster> = session.rows().cluster_get(cluster).await?;
    let assembled = session.assemble_rollback(&stored, earlier).await?;
    session.request(&stored, assembled, options(rollout), Some(turn.clone()), "rollBackChange", None).await?;
    Ok(())
}

fn options(rollout: &Rollout) -> RequestOptions {
    RequestOptions {
        reason: format!("rollout `{}`", rollout.name),
        apply_when_ready: true,
        ..RequestOptions::default()
    }
}
