//! What plans with placeholders are made of, named by a digest: where it is equal, so are the plans.
//!
//! *Idea.* Where clusters have their names in what they run, each has texts of its own, and still the plans with placeholders
//! are one and the same. So that they are made once for all, what goes into them is named before anything is rendered.
//!
//! *Guarantees.* Pure. All that a plan depends on is in it, but the facts: which of them count is known only when something
//! was rendered, so they are compared then. So are secrets of variables ([`secrets`]), and what the objects are called that
//! were sent: here they count by their places among what is rendered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strata_model::{
    cluster::Cluster,
    composition::Composition,
    digest::{Digest, DigestKey},
    fact::Facts,
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    orphan::Orphan,
    render::{Render, RenderedObject},
    secret::Fingerprint,
    variable::VariableValue,
};

use super::original::{comparable, known};
use crate::{digest, plan::is_listed};

/// What a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct LikenessInput<'a> {
    /// The cluster, with placeholders where its names are taken out.
    pub cluster: &'a Cluster,
    /// What it runs, with placeholders for its variables.
    pub applied: Option<&'a Composition>,
    /// The same of what is wanted.
    pub wanted: Option<&'a Composition>,
    /// The variables that the composition has which the request started from.
    pub variables: &'a BTreeSet<&'a String>,
    /// What is known of it.
    pub facts: &'a Facts,
    /// The render of what it runs, without placeholders.
    pub before: &'a Render,
    /// What was sent, with bodies.
    pub inventory: &'a [InventoryEntry],
    /// All its orphans.
    pub orphans: &'a [Orphan],
}

/// Names what a plan is made of.
#[must_use]
pub fn likeness(input: &LikenessInput<'_>, key: &DigestKey) -> Digest {
    // How often a cluster has drawn generated values before is its own.
    let first = input.applied.map_or(0, |applied| applied.generation);
    let composition = |composition: &Composition| {
        let mut bare = composition.clone();
        bare.generation = bare.generation.wrapping_sub(first);
        for value in bare.variables.values_mut().filter(|value| value.secret().is_some()) {
            *value = VariableValue::Plain(String::new());
        }
        json!([bare.digest(key), secrets(composition).into_keys().collect::<Vec<_>>()])
    };
    let rendered: BTreeMap<(Destination, &ObjectKey), (usize, &RenderedObject)> = input
        .before
        .objects
        .iter()
        .enumerate()
        .map(|(place, object)| ((object.destination, &object.key), (place, object)))
        .collect();
    let id = input.cluster.id.to_string();
    let mut sent: Vec<String> = input
        .inventory
        .iter()
        .map(|entry| {
            let object = rendered.get(&(entry.destination, &entry.key));
            let object = object.filter(|(_, object)| is_as_rendered(entry, object, key));
            let what = match object {
                Some((place, _)) => json!(place),
                None => {
                    let bodies: Vec<&Value> = entry.possible_bodies().collect();
                    let bodies = json!([entry.destination, entry.key, bodies]).to_string();
                    json!(bodies.replace(&id, ""))
                }
            };
            let of = json!([
                entry.api_version,
                entry.layer,
                entry.revision,
                entry.orphan_policy,
                entry.adopted,
                what
            ]);
            of.to_string()
        })
        .collect();
    sent.sort_unstable();
    let listed: Vec<Orphan> = input.orphans.iter().filter(|orphan| is_listed(orphan)).cloned().collect();
    let document = json!({
        "infrastructure": input.cluster.infrastructure,
        "kubernetesVersion": input.cluster.kubernetes_version,
        "phase": input.cluster.phase.value,
        "change": input.cluster.change,
        "applied": input.applied.map(composition),
        "wanted": input.wanted.map(composition),
        "variables": input.variables,
        "known": known(input.facts),
        "sent": sent,
        "orphans": json!(comparable(&listed)).to_string().replace(&id, ""),
    });
    key.document("likeness", &document)
}

/// Whether an object is on the cluster as it is rendered, and nothing else may be.
#[must_use]
pub fn is_as_rendered(entry: &InventoryEntry, object: &RenderedObject, key: &DigestKey) -> bool {
    entry.earlier.is_empty() && digest::object(key, &object.body) == entry.digest
}

/// The secrets that the variables of a composition are worth, by name.
#[must_use]
pub fn secrets(composition: &Composition) -> BTreeMap<&String, &Fingerprint> {
    composition.variables.iter().filter_map(|(name, value)| Some((name, value.secret()?))).collect()
}
