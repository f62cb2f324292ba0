//! Surveying: one cluster of many, planned, with what is needed to tell it together with the others.
//!
//! *Idea.* Beside the plan two things are made of it: the effect, from a plan with placeholders for variables, and the
//! original from which the plans of clusters with equal inputs follow. Both are pure; see [`strata_plan::fleet`].

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use strata_model::{
    change::ChangeKind,
    cluster::Cluster,
    composition::Composition,
    digest::Digest,
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
};
use strata_plan::{
    CompositionRequest, digest,
    fleet::{self, Original, OriginalInput},
};
use strata_store::Stored;

use super::{
    Assembled, Common, Intent, Records, assembled,
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

/// The effects of plans without their variables, by what they are with them: for one fleet preview.
#[derive(Debug, Default)]
pub(crate) struct Effects(Mutex<BTreeMap<Digest, Digest>>);

impl Effects {
    fn get(&self, own: &Digest) -> Option<Digest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(own).cloned()
    }

    fn put(&self, own: Digest, effect: Digest) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(own, effect);
    }
}

impl Session {
    /// Plans a request to be looked at, among many.
    pub(crate) async fn survey(
        &self,
        cluster: &Stored<Cluster>,
        (common, records): (&Common, Records),
        request: CompositionRequest,
        effects: Arc<Effects>,
    ) -> Result<Surveyed, EngineError> {
        let intent = Intent::compose(&cluster.value, request);
        let gathered = self.gather_from(common, records, cluster, ChangeKind::Apply, None, &intent).await?;
        let (gathered, made) = self.make_of(cluster, gathered, &intent).await?;
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
    // What happens with the values in it: where that is the same, it is the same without them.
    let own = fleet::effect(&made.plan, &made.render, &gathered.cluster, &gathered.key);
    if let Some(effect) = effects.get(&own) {
        return effect;
    }
    let effect = without_variables(gathered, intent, made).unwrap_or_else(|| own.clone());
    effects.put(own, effect.clone());
    effect
}

/// The effect of a plan with placeholders for variables; `None` where that does not tell of the real one.
fn without_variables(gathered: &Gathered, intent: &Intent, made: &Made) -> Option<Digest> {
    let bare = with_placeholders(gathered, made)?;
    let made_bare = make::make(&bare, intent).ok()?;
    fleet::same_shape(&made_bare.plan, &made.plan)
        .then(|| fleet::effect(&made_bare.plan, &made_bare.render, &bare.cluster, &bare.key))
}

/// The same cluster with placeholders for variables in what it runs, in what was sent to it and in what is wanted. `None` where
/// there are no variables to be replaced.
fn with_placeholders(gathered: &Gathered, made: &Made) -> Option<Gathered> {
    let (applied, wanted) = (gathered.applied.as_ref()?, made.composition.as_ref()?);
    let defined = make::defined(applied, &gathered.contents).chain(make::defined(wanted, &gathered.contents));
    let mut placeholders = fleet::placeholders(defined);
    // What a variable is worth may change with its default: that is no cluster's own.
    let worth = |composition: &Composition, name: &str| match composition.variables.get(name) {
        Some(own) => Some(own.masked()),
        None => make::defined(composition, &gathered.contents)
            .find(|definition| definition.name == name)
            .and_then(|definition| definition.default_value.clone()),
    };
    placeholders.retain(|name, _| {
        let is_new = !make::defined(applied, &gathered.contents).any(|definition| definition.name == *name);
        is_new || worth(applied, name) == worth(wanted, name)
    });
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
        if let Some(with) = replaced(entry) {
            *entry = with;
        }
    }
    Some(bare)
}
