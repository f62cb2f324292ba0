//! Surveying: one cluster of many, planned, with what is needed to tell it together with the others.
//!
//! *Idea.* Beside the plan two things are made of it: the effect, from a plan with placeholders for variables, and the
//! original from which the plans of clusters with equal inputs follow. Both are pure; see [`strata_plan::fleet`].

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use strata_model::{
    change::ChangeKind,
    cluster::Cluster,
    digest::Digest,
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    plan::Plan,
};
use strata_plan::{
    CompositionRequest, digest,
    fleet::{self, Original, OriginalInput},
};
use strata_store::Stored;

use super::{
    Assembled, Intent, assembled,
    gather::Gathered,
    make::{self, Made, Unmade},
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
    pub(crate) original: Option<Original>,
}

/// Plans with placeholders and their effects, by the digest of what they were made of: for one fleet preview.
#[derive(Debug, Default)]
pub(crate) struct Effects(Mutex<BTreeMap<Digest, Arc<(Plan, Digest)>>>);

/// How many plans with placeholders are kept.
const MOST_EFFECTS: usize = 1_000;

impl Effects {
    fn get(&self, of: &Digest) -> Option<Arc<(Plan, Digest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(of).cloned()
    }

    fn put(&self, of: Digest, effect: Arc<(Plan, Digest)>) {
        let mut effects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if effects.len() < MOST_EFFECTS {
            effects.insert(of, effect);
        }
    }
}

impl Session {
    /// Plans a request to be looked at, among many.
    pub(crate) async fn survey(
        &self,
        cluster: &Stored<Cluster>,
        request: CompositionRequest,
        effects: Arc<Effects>,
    ) -> Result<Surveyed, EngineError> {
        let intent = Intent::compose(&cluster.value, request);
        let (gathered, made) = self.make_intent(cluster, ChangeKind::Apply, None, &intent).await?;
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

fn original(gathered: &Gathered, made: &Made) -> Option<Original> {
    let input = OriginalInput {
        cluster: &gathered.cluster,
        applied: &gathered.applied.as_ref()?.digest(&gathered.key),
        facts: &gathered.facts,
        before: &made.before,
        after: &made.render,
        inventory: &gathered.inventory,
        orphans: &gathered.orphans,
        plan: &made.plan,
    };
    // Of what does not render nobody knows what it would have read.
    let rendered = !made.render.layers.is_empty();
    rendered.then(|| Original::new(&input, &gathered.key)).flatten()
}

fn effect(gathered: &Gathered, intent: &Intent, made: &Made, effects: &Effects) -> Digest {
    let own = || fleet::effect(&made.plan, &made.render, &gathered.cluster, &gathered.key);
    let Some((bare, is_clean)) = with_placeholders(gathered, made) else { return own() };
    let of = is_clean.then(|| made_of(&bare, made)).flatten();
    let known = of.as_ref().and_then(|of| effects.get(of));
    let effect = known.or_else(|| {
        let made = make::make(&bare, intent).ok()?;
        let effect = fleet::effect(&made.plan, &made.render, &bare.cluster, &bare.key);
        let effect = Arc::new((Plan { layers: made.plan.layers, ..made.plan }, effect));
        if let Some(of) = of {
            effects.put(of, Arc::clone(&effect));
        }
        Some(effect)
    });
    match effect {
        Some(effect) if fleet::same_shape(&effect.0, &made.plan) => effect.1.clone(),
        _ => own(),
    }
}

/// The same cluster with placeholders for variables in what it runs, in what was sent to it and in what is wanted, and
/// whether all that was sent is what it runs. `None` where there are no variables to be replaced.
fn with_placeholders(gathered: &Gathered, made: &Made) -> Option<(Gathered, bool)> {
    let (applied, wanted) = (gathered.applied.as_ref()?, made.composition.as_ref()?);
    let defined = make::defined(applied, &gathered.contents).chain(make::defined(wanted, &gathered.contents));
    let placeholders = fleet::placeholders(defined);
    if placeholders.is_empty() {
        return None;
    }
    let mut bare = Gathered { placeholders, ..gathered.clone() };
    let applied = bare.applied.as_mut()?;
    make::put_placeholders(applied, &bare.placeholders, &bare.contents);
    let before = make::rendered(&bare, bare.applied.as_ref()?).ok()?;
    type Place<'a> = (Destination, &'a ObjectKey);
    let sent: BTreeMap<Place<'_>, &serde_json::Value> =
        made.before.objects.iter().map(|object| ((object.destination, &object.key), &object.body)).collect();
    let with: BTreeMap<Place<'_>, &serde_json::Value> =
        before.objects.iter().map(|object| ((object.destination, &object.key), &object.body)).collect();
    let mut is_clean = true;
    let replaced = |entry: &InventoryEntry| {
        let place = (entry.destination, &entry.key);
        let is_sent = entry.earlier.is_empty()
            && sent.get(&place).is_some_and(|body| digest::object(&gathered.key, body) == entry.digest);
        let body = with.get(&place).filter(|_| is_sent)?;
        Some(InventoryEntry {
            digest: digest::object(&gathered.key, body),
            body: (*body).clone(),
            ..entry.clone()
        })
    };
    for entry in &mut bare.inventory {
        match replaced(entry) {
            Some(with) => *entry = with,
            None => is_clean = false,
        }
    }
    Some((bare, is_clean))
}

/// All that a plan with placeholders is made of; `None` where it is one cluster's alone.
fn made_of(bare: &Gathered, made: &Made) -> Option<Digest> {
    if made.before.is_own || made.render.is_own || bare.cluster.change.is_some() || !bare.orphans.is_empty() {
        return None;
    }
    let mut wanted = made.composition.clone()?;
    make::put_placeholders(&mut wanted, &bare.placeholders, &bare.contents);
    let read = json!([made.before.facts_read, made.render.facts_read]);
    let document = json!([
        bare.applied.as_ref()?.digest(&bare.key),
        wanted.digest(&bare.key),
        read,
        bare.cluster.infrastructure,
        bare.cluster.kubernetes_version,
        bare.cluster.phase.value,
        // What findings and conflicts say was made of the values.
        made.plan.findings,
        made.plan.conflicts,
    ]);
    Some(bare.key.document("effect of", &document))
}
