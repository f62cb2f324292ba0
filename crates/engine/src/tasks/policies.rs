//! Carries out orphan policies: what a layer wants done with objects that it no longer renders.
//!
//! `KEEP` asks for nothing. For `SCALE_TO_ZERO` and `DELETE` a clean-up change is requested once for what an upgrade
//! left behind; it walks the same path as one that a person requests, so a deletion still waits for its approval.

use std::collections::BTreeMap;

use strata_model::{
    change::{Change, ChangeKind, ChangeState},
    id::{ClusterId, OrphanId, ProjectId},
    orphan::Orphan,
    profile::OrphanPolicy,
};
use strata_store::Optional as _;

use super::{INTERVAL, changes::error_chain, rest};
use crate::{Engine, error::EngineError, verbs::OrphanDecision, wish::RequestOptions};

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
        let asked =
            changes.iter().find(|change| asked(&change.value) && change.value.reason == reason(policy));
        match asked {
            // One at a time: the success of one clean-up would make the other stale.
            Some(change) if change.value.ended_at.is_none() => break,
            Some(_) => continue,
            None => {}
        }
        let options = RequestOptions {
            reason: reason(policy).to_owned(),
            apply_when_ready: true,
            ..RequestOptions::default()
        };
        let chosen = chosen.iter().map(|orphan| orphan.id).collect();
        let asked = session.clean_up(stored.name.to_string(), chosen, decision, options).await?;
        if asked.state.holds_cluster() {
            break;
        }
        break;
    }
    engine.store().lease_release(&lease).await.optional()?;
    Ok(())
}

/// The reason of a clean-up that a policy asks for; also what it is recognised by.
const fn reason(policy: OrphanPolicy) -> &'static str {
    match policy {
        OrphanPolicy::Keep => "orphan policy KEEP",
        OrphanPolicy::ScaleToZero => "orphan policy SCALE_TO_ZERO",
        OrphanPolicy::Delete => "orphan policy DELETE",
    }
}
