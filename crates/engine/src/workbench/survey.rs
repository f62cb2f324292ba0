//! Surveying: one cluster of many, planned, with what is needed to tell it together with the others.
//!
//! *Idea.* Beside the plan two things are made of it: the effect, from a plan with placeholders for what is the cluster's own,
//! and the original from which the plans of clusters with equal inputs follow. Both are pure; see [`strata_plan::fleet`].

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use strata_model::{change::ChangeKind, cluster::Cluster, digest::Digest};
use strata_plan::{
    CompositionRequest,
    fleet::{self, Original, OriginalInput, Unfollowed},
};
use strata_store::Stored;
use tokio::time::Instant;

use super::{
    Assembled, Common, Intent, Patience, Records, assembled,
    gather::Gathered,
    make::{self, Made, Unmade},
    own::Own,
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

/// The effects of plans without what is a cluster's own, by what they are with it and what is taken out: for one fleet preview.
#[derive(Debug, Default)]
pub(crate) struct Effects(Mutex<BTreeMap<Digest, Digest>>);

impl Effects {
    fn get(&self, place: &Digest) -> Option<Digest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    fn put(&self, place: Digest, effect: Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(place, effect);
    }
}

impl Session {
    /// Plans a request to be looked at, among many. Once `until` is over a cluster is asked nothing any more, and one that is
    /// known not to answer is not asked at all.
    pub(crate) async fn survey(
        &self,
        cluster: &Stored<Cluster>,
        (common, records): (&Common, Records),
        request: CompositionRequest,
        effects: Arc<Effects>,
        until: Instant,
    ) -> Result<Surveyed, EngineError> {
        let intent = Intent::compose(&cluster.value, request);
        let gathered = self.gather_from(common, records, cluster, ChangeKind::Apply, None, &intent).await?;
        let (gathered, made) = self.make_of(cluster, gathered, &intent, Patience::Until(until)).await?;
        let made = match made {
            Ok(made) => made,
            Err(Unmade { plan: Some(made), .. }) => *made,
            Err(unmade) => return Err(unmade.error),
        };
        pure(move || {
            let effect = effect(&gathered, &intent, &made, &effects);
            let original = original(&gathered, &made);
            Ok(Surveyed { assembled: assembled(&gathered, made, intent), effect, original })
        })
        .await
    }
}

fn original(gathered: &Gathered, made: &Made) -> Result<Original, Unfollowed> {
    let applied = gathered.applied.as_ref().ok_or(Unfollowed::ByState)?;
    // Of what does not render nobody knows what it would have read.
    if made.render.layers.is_empty() {
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

fn effect(gathered: &Gathered, intent: &Intent, made: &Made, effects: &Effects) -> Digest {
    let own = Own::of(gathered, made);
    // What happens with all that in it: where that is the same, it is the same without.
    let whole = fleet::effect(&made.plan, &made.render, gathered.cluster.id, &gathered.key);
    let Some(own) = own else { return whole };
    let place = gathered.key.bytes("effect", format!("{whole} {}", own.describe()).as_bytes());
    if let Some(effect) = effects.get(&place) {
        return effect;
    }
    let effect = without(&own, gathered, intent, made).unwrap_or_else(|| {
        fleet::effect_by_words(&made.plan, &made.render, &gathered.cluster, &gathered.key)
    });
    effects.put(place, effect.clone());
    effect
}

/// The effect of a plan with placeholders; `None` where that does not tell of the real one.
fn without(own: &Own, gathered: &Gathered, intent: &Intent, made: &Made) -> Option<Digest> {
    let bare = own.taken_out(gathered, made)?;
    let made_bare = match make::make(&bare, intent) {
        Ok(made_bare) => made_bare,
        Err(unmade) => *unmade.plan?,
    };
    fleet::same_shape(&made_bare.plan, &made.plan, &gathered.cluster)
        .then(|| fleet::effect(&made_bare.plan, &made_bare.render, bare.cluster.id, &bare.key))
}
