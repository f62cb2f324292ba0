//! Polls idle clusters: whether they answer, what they serve, and what is due by time.
//!
//! No connection stays open. Clusters are spread over the interval, so that ten thousand do not answer at once.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use strata_model::id::{ClusterId, ProjectId};
use strata_plan::decide;

use super::changes::error_chain;
use crate::{Engine, error::EngineError, reach::ReachError};

/// How many clusters are asked at once.
const CONCURRENCY: usize = 16;
/// How many clusters are looked up in one go.
const BATCH: u64 = 500;
/// How often approvals, plans and keys that have run out are looked for.
const EXPIRY: Duration = Duration::from_secs(10);

pub(super) async fn run(engine: Engine) {
    let expiry = async {
        loop {
            if let Err(error) = expire(&engine).await {
                tracing::error!(error = error_chain(&error), "what has run out could not be looked for");
            }
            tokio::time::sleep(EXPIRY).await;
        }
    };
    let polls = async {
        loop {
            tokio::time::sleep(engine.options().poll_interval).await;
            if let Err(error) = poll_all(&engine).await {
                tracing::error!(error = error_chain(&error), "clusters could not be polled");
            }
        }
    };
    tokio::select! {
        () = engine.stop_token().cancelled() => {}
        () = expiry => {}
        () = polls => {}
    }
}

async fn poll_all(engine: &Engine) -> Result<(), EngineError> {
    // One server of several polls.
    let ttl = engine.options().poll_interval;
    if engine.store().lease_claim("polls", engine.holder(), ttl).await?.is_none() {
        return Ok(());
    }
    let mut after = None;
    loop {
        let batch = engine.store().due_clusters(after, BATCH).await?;
        let Some((_, last)) = batch.last() else { return Ok(()) };
        after = Some(*last);
        let engine = Arc::new(engine.clone());
        stream::iter(batch)
            .for_each_concurrent(CONCURRENCY, |(project, cluster)| {
                let engine = Arc::clone(&engine);
                async move {
                    if let Err(error) = poll(&engine, project, cluster).await {
                        tracing::warn!(%cluster, error = error_chain(&error), "a cluster could not be polled");
                    }
                }
            })
            .await;
    }
}

/// Asks one cluster. What it answers, or that it does not, is recorded when it is news.
pub(super) async fn poll(engine: &Engine, project: ProjectId, id: ClusterId) -> Result<(), EngineError> {
    let session = engine.system_session(project, None);
    let cluster = session.rows().cluster_get(id).await?.value;
    let read = match session.reach(&cluster).await {
        Ok(client) => session.read_facts(&cluster, &client).await.map(|_| ()),
        Err(error) => Err(error),
    };
    match read {
        Ok(()) | Err(ReachError::NoKubeconfig { .. }) => Ok(()),
        Err(ReachError::Engine(error)) => Err(error),
        Err(error) => session.record_lost(&cluster, error.to_string()).await,
    }
}

/// Approvals that ran out return their changes to `AWAITING_APPROVAL`; old plans and idempotency keys go.
async fn expire(engine: &Engine) -> Result<(), EngineError> {
    for (project, id) in engine.store().due_approvals(BATCH).await? {
        let session = engine.system_session(project, None);
        engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    let now = tx.now();
                    session
                        .ledger(tx)
                        .change_decided(id, |change, _| Ok(decide::expire(change, now).into_iter().collect()))
                        .await?;
                    Ok(())
                })
            })
            .await?;
    }
    engine
        .store()
        .write(|tx| {
            Box::pin(async move {
                tx.plan_expire().await?;
                tx.idempotency_expire().await?;
                Ok(())
            })
        })
        .await?;
    Ok(())
}
