//! Surveying: one cluster of many, planned, with what is needed to tell it together with the others.
//!
//! *Idea.* Beside the plan two things are made of it: the effect, from a plan with placeholders for what is the cluster's own,
//! and the original from which the plans of clusters with equal inputs follow. Both are pure; see [`strata_plan::fleet`].

use std::sync::Arc;

use strata_model::{change::ChangeKind, cluster::Cluster, digest::Digest};
use strata_plan::{
    CompositionRequest,
    fleet::{Original, OriginalInput, Unfollowed},
};
use strata_store::Stored;
use tokio::time::Instant;

use super::{
    Answers, Assembled, Common, Effects, Intent, Patience, Records, assembled,
    gather::Gathered,
    make::{Made, Unmade},
    pure,
};
use crate::{error::EngineError, session::Session};

/// One cluster of many.
#[derive(Debug)]
pub(crate) struct Surveyed {
    /// Its very plan, as a request would make it.
    pub(crate) assembled: Assembled,
    /// Names what happens, without what is the cluster's own.
    pub(crate) effect: Digest,
    /// What the plans of others may follow from.
    pub(crate) original: Result<Original, Unfollowed>,
}

impl Session {
    /// Plans a request to be looked at, among many. A cluster that is known not to answer is not asked anything; one that has
    /// not answered when `until` is over has no plan.
    pub(crate) async fn survey(
        &self,
        cluster: &Stored<Cluster>,
        (common, records): (&Common, Records),
        request: CompositionRequest,
        effects: Arc<Effects>,
        until: Instant,
    ) -> Result<Option<Surveyed>, EngineError> {
        let intent = Intent::compose(&cluster.value, request);
        let gathered = self.gather_from(common, records, cluster, ChangeKind::Apply, None, &intent).await?;
        let (gathered, made, answers) =
            self.make_of(cluster, gathered, &intent, Patience::Until(until)).await?;
        if answers == Answers::Late {
            return Ok(None);
        }
        let made = match made {
            Ok(made) => made,
            Err(Unmade { plan: Some(made), .. }) => *made,
            Err(unmade) => return Err(unmade.error),
        };
        pure(move || {
            let effect = effects.effect(&gathered, &intent, &made);
            let original = original(&gathered, &made);
            Ok(Some(Surveyed { assembled: assembled(&gathered, made, intent), effect, original }))
        })
        .await
    }
}

fn original(gathered: &Gathered, made: &Made) -> Result<Original, Unfollowed> {
    let applied = gathered.applied.as_ref().ok_or(Unfollowed::ByState)?;
    // Of what does not render nobody knows what it would have read.
    if made.render.layers.is_empty() || made.runs_unrendered() {
        return Err(Unfollowed::ByState);
    }
    let input = OriginalInput {
        cluster: &gathered.cluster,
        applied: &applied.digest(&gathered.key),
        facts: &gathered.facts,
        before: &made.before,
        after: &made.render,
        inventory: &gathered.inventory,
        orphans: &gathered.orphans,
        plan: &made.plan,
    };
    Original::new(&input, &gathered.key)
}
