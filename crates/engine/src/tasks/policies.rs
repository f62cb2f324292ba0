//! Carries out orphan policies: what a layer wants done with objects that it no longer renders.
//!
//! `KEEP` asks for nothing. For `SCALE_TO_ZERO` and `DELETE` a clean-up change is requested once for what an upgrade
//! left behind; it walks the same path as one that a person requests, so a deletion still waits for its approval. One that
//! became stale before it began is asked for anew, about what is left behind by then, and takes the place of the former:
//! approvals are bound to plans, so none is lost that would still have counted.
//!
//! *Caveats.* What a person cancelled or rejected, and what failed, is decided: the policy does not ask again.

use std::collections::BTreeMap;

use strata_model::{
    change::{Change, ChangeKind, ChangeState},
    id::{ChangeId, ClusterId, OrphanId, ProjectId},
    orphan::Orphan,
    profile::OrphanPolicy,
};
use strata_plan::decide;
use strata_store::Optional as _;

use super::{INTERVAL, changes::error_chain, rest};
use crate::{Engine, error::EngineError, session::Session, verbs::OrphanDecision, wish::RequestOptions};

/// How many orphans are looked at in one go.
const BATCH: u64 = 500;

pub(super) async fn run(engine: Engine) {
    let mut positions = engine.last_position();
    loop {
        positions.mark_unchanged();
        if let Err(error) = activate(&engine).await {
            tracing::error!(error = error_chain(&error), "orphans that are due could not be looked up");
        }
        if !rest(&engine, &mut positions, INTERVAL).await {
            return;
        }
    }
}

async fn activate(engine: &Engine) -> Result<(), EngineError> {
    let mut due: BTreeMap<(ProjectId, ClusterId), Vec<OrphanId>> = BTreeMap::new();
    for (project, cluster, orphan) in engine.store().due_orphans(BATCH).await? {
        due.entry((project, cluster)).or_default().push(orphan);
    }
    for ((project, cluster), orphans) in due {
        if let Err(error) = decide(engine, project, cluster, orphans).await {
            tracing::warn!(%cluster, error = error_chain(&error), "an orphan policy could not be carried out yet");
        }
    }
    Ok(())
}

/// Requests one clean-up for each policy, unless that was done since the orphans came to be.
async fn decide(
    engine: &Engine,
    project: ProjectId,
    cluster: ClusterId,
    ids: Vec<OrphanId>,
) -> Result<(), EngineError> {
    let lease = engine
        .store()
        .lease_claim(&format!("orphans/{cluster}"), engine.holder(), engine.options().lease)
        .await?;
    let Some(lease) = lease else { return Ok(()) };
    let session = engine.system_session(project, Some("orphan policy".to_owned()));
    let stored = session.rows().cluster_get(cluster).await?;
    // One at a time: what succeeds makes stale what was planned beside it. The commit that frees the cluster wakes this.
    if stored.change.is_some() {
        engine.store().lease_release(&lease).await.optional()?;
        return Ok(());
    }
    let changes = session.rows().changes_of_cluster(cluster, &ChangeState::ALL).await?;
    let orphans: Vec<Orphan> =
        session.rows().orphans_get(&ids).await?.into_iter().map(|orphan| orphan.value).collect();
    for (policy, decision) in [
        (OrphanPolicy::ScaleToZero, OrphanDecision::ScaleToZero),
        (OrphanPolicy::Delete, OrphanDecision::Delete),
    ] {
        let chosen: Vec<&Orphan> = orphans.iter().filter(|orphan| orphan.policy == policy).collect();
        let Some(since) = chosen.iter().map(|orphan| orphan.since).max() else { continue };
        let asked = |change: &Change| {
            change.kind == ChangeKind::CleanUp
                && change.created_at >= since
                && change.requested_by.principal.is_none()
        };
        let asked: Vec<&Change> = changes
            .iter()
            .map(|change| &change.value)
            .filter(|change| asked(change) && change.reason == reason(policy))
            .collect();
        match asked.iter().max_by_key(|change| (change.created_at, change.id)) {
            None => {}
            // What it was planned on has moved, and nobody else would plan it anew.
            Some(change) if change.state == ChangeState::Stale => {}
            // One at a time: the success of one clean-up would make the other stale.
            Some(change) if change.ended_at.is_none() => break,
            Some(_) => continue,
        }
        let options = RequestOptions {
            reason: reason(policy).to_owned(),
            apply_when_ready: true,
            ..RequestOptions::default()
        };
        let chosen = chosen.iter().map(|orphan| orphan.id).collect();
        let anew = session.clean_up(stored.name.to_string(), chosen, decision, options).await?;
        for stale in asked.into_iter().filter(|change| change.state == ChangeState::Stale) {
            supersede(&session, stale.id, anew.id).await?;
        }
        break;
    }
    engine.store().lease_release(&lease).await.optional()?;
    Ok(())
}

/// Ends a stale clean-up whose place another one has taken.
async fn supersede(session: &Session, stale: ChangeId, by: ChangeId) -> Result<(), EngineError> {
    let writer = session.clone();
    session
        .engine
        .store()
        .try_write::<_, EngineError, _>(move |tx| {
            Box::pin(async move {
                let choose = |change: &Change, _| Ok(decide::supersede(change, by).into_iter().collect());
                writer.ledger(tx).change_decided(stale, choose).await?;
                Ok(())
            })
        })
        .await
}

/// The reason of a clean-up that a policy asks for; also what it is recognised by.
const fn reason(policy: OrphanPolicy) -> &'static str {
    match policy {
        OrphanPolicy::Keep => "orphan policy KEEP",
        OrphanPolicy::ScaleToZero => "orphan policy SCALE_TO_ZERO",
        OrphanPolicy::Delete => "orphan policy DELETE",
    }
}
