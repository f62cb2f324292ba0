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
    fleet::{Effect, Original, OriginalInput, Placeholders, Turn, Unfollowed},
};
use strata_store::Stored;
use tokio::time::Instant;

use super::{
    Assembled, Common, InTime, Intent, Patience, Records, assembled,
    gather::Gathered,
    make::{self, Made, Unmade},
    own::Own,
    pure,
};
use crate::{error::EngineError, session::Session};

/// How many effects are kept to be compared with.
const MOST_SECONDS: usize = 500;

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

/// What is known of effects, for one fleet preview.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Those of plans without what is a cluster's own, by what they are with it and what is taken out.
    known: Mutex<BTreeMap<Digest, Digest>>,
    /// The same plans with other placeholders, by their effects.
    seconds: Mutex<BTreeMap<Digest, Arc<Effect>>>,
}

impl Effects {
    fn get(&self, place: &Digest) -> Option<Digest> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    fn put(&self, place: Digest, effect: Digest) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(place, effect);
    }

    fn second(&self, effect: &Digest) -> Option<Arc<Effect>> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner).get(effect).cloned()
    }

    fn put_second(&self, effect: Digest, second: Effect) -> Arc<Effect> {
        let second = Arc::new(second);
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        if seconds.len() < MOST_SECONDS {
            seconds.insert(effect, Arc::clone(&second));
        }
        second
    }
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
        let (gathered, made, in_time) =
            self.make_of(cluster, gathered, &intent, Patience::Until(until)).await?;
        if in_time != InTime(true) {
            return Ok(None);
        }
        let made = match made {
            Ok(made) => made,
            Err(Unmade { plan: Some(made), .. }) => *made,
            Err(unmade) => return Err(unmade.error),
        };
        pure(move || {
            let effect = effect(&gathered, &intent, &made, &effects);
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

fn effect(gathered: &Gathered, intent: &Intent, made: &Made, effects: &Effects) -> Digest {
    // What happens with all that in it: where that is the same, it is the same without.
    let real = Effect::of(&made.plan, &made.render, gathered.cluster.id, &gathered.key);
    let whole = real.digest(&gathered.key);
    let Some(own) = Own::of(gathered, made) else { return whole };
    let place = gathered.key.bytes("effect", format!("{whole} {}", own.describe()).as_bytes());
    if let Some(effect) = effects.get(&place) {
        return effect;
    }
    let effect = without(&own, gathered, intent, made, (&real, effects))
        .unwrap_or_else(|| real.digest_by_words(&gathered.cluster, &gathered.key));
    effects.put(place, effect.clone());
    effect
}

/// The effect of a plan with placeholders; `None` where that does not tell of the real one.
fn without(
    own: &Own,
    gathered: &Gathered,
    intent: &Intent,
    made: &Made,
    (real, effects): (&Effect, &Effects),
) -> Option<Digest> {
    let with = [Turn::First, Turn::Second].map(|turn| own.placeholders(gathered, turn));
    let planned = |placeholders: &Placeholders| {
        let bare = own.taken_out(gathered, made, placeholders)?;
        let made = match make::make(&bare, intent) {
            Ok(made) => made,
            Err(unmade) => *unmade.plan?,
        };
        Some(Effect::of(&made.plan, &made.render, bare.cluster.id, &bare.key))
    };
    let first = planned(&with[0])?;
    let effect = first.digest(&gathered.key);
    let told = |second: &Effect| {
        first.told_of(second, [&with[0], &with[1]], real, &gathered.cluster).digest(&gathered.key)
    };
    // Of clusters with the same first one the second is the same as well; where it says otherwise, it is made to be sure.
    if let Some(second) = effects.second(&effect)
        && told(&second) == effect
    {
        return Some(effect);
    }
    let second = planned(&with[1])?;
    Some(told(&effects.put_second(effect, second)))
}
