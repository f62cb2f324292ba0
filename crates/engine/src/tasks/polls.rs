//! Polls clusters: whether they answer, what they serve, whether what they run is well, and what is due by time.
//!
//! No connection stays open. Each cluster is asked once in an interval, at an instant within it that differs from round to
//! round: ten thousand do not answer at once, and none is always asked when something else happens in it.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use strata_model::id::{ClusterId, ProjectId};
use strata_plan::decide;
use tokio::time::Instant;

use super::changes::error_chain;
use crate::{Engine, error::EngineError, reach::ReachError};

/// How many clusters are asked at once.
const CONCURRENCY: usize = 16;
/// A round is never shorter.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
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
        // Ticks that a long round missed are left out.
        let mut rounds = tokio::time::interval(engine.options().poll_interval.max(SHORTEST_INTERVAL));
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        rounds.tick().await;
        for round in 0_u64.. {
            rounds.tick().await;
            if let Err(error) = poll_all(&engine, round).await {
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

async fn poll_all(engine: &Engine, round: u64) -> Result<(), EngineError> {
    // One server of several polls. A round takes an interval.
    let interval = engine.options().poll_interval;
    if engine.store().lease_claim("polls", engine.holder(), interval * 2).await?.is_none() {
        return Ok(());
    }
    let begun = Instant::now();
    let mut clusters = Vec::new();
    let mut after = None;
    loop {
        let batch = engine.store().due_clusters(after, BATCH).await?;
        let Some((_, last)) = batch.last() else { break };
        after = Some(*last);
        clusters.extend(batch.into_iter().map(|(project, id)| (offset(id, round, interval), project, id)));
    }
    clusters.sort_unstable();
    stream::iter(clusters)
        .then(|(offset, project, cluster)| async move {
            tokio::time::sleep_until(begun + offset).await;
            (project, cluster)
        })
        .for_each_concurrent(CONCURRENCY, |(project, cluster)| async move {
            if let Err(error) = poll(engine, project, cluster).await {
                tracing::warn!(%cluster, error = error_chain(&error), "a cluster could not be polled");
            }
        })
        .await;
    Ok(())
}

/// When in a round a cluster is asked: somewhere in the first nine tenths, so that the round ends in time.
fn offset(cluster: ClusterId, round: u64, interval: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    (cluster, round).hash(&mut hasher);
    let share = u32::try_from(hasher.finish() % 900).unwrap_or(0);
    interval * share / 1000
}

/// Asks one cluster. What it answers, or that it does not, is recorded when it is news.
pub(super) async fn poll(engine: &Engine, project: ProjectId, id: ClusterId) -> Result<(), EngineError> {
    let session = engine.system_session(project, None);
    let cluster = session.rows().cluster_get(id).await?.value;
    let read = match session.reach(&cluster).await {
        Ok(client) => session.read_facts(&cluster, &client).await.map(|_| client),
        Err(error) => Err(error),
    };
    match read {
        // While a change is under way, it is the one that says what is well.
        Ok(client) if cluster.applied.is_some() && cluster.change.is_none() => {
            session.judge_health_with(&cluster, &client).await.map(|_| ())
        }
        Ok(_) | Err(ReachError::NoKubeconfig { .. }) => Ok(()),
        Err(ReachError::Engine(error)) => Err(error),
        Err(error) => session.record_lost(&cluster, &error.to_string()).await,
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
                tx.fleet_preview_expire().await?;
                tx.idempotency_expire().await?;
                Ok(())
            })
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn clusters_are_spread_over_the_interval_and_move_in_it() {
        let interval = Duration::from_secs(60);
        let of_round = |round| -> Vec<Duration> {
            (0..1000_u128)
                .map(|id| offset(ClusterId::new(uuid::Uuid::from_u128(id)), round, interval))
                .collect()
        };
        let first = of_round(0);
        assert!(first.iter().all(|offset| *offset < interval));
        for tenth in 0..9 {
            let begin = interval * tenth / 10;
            let inside = first.iter().filter(|at| **at >= begin && **at < begin + interval / 10).count();
            assert!((50..200).contains(&inside), "{inside} of 1000 in tenth {tenth}");
        }
        assert!(first.iter().collect::<BTreeSet<_>>().len() > 500);
        assert_ne!(first, of_round(1));
    }
}
