//! What is a cluster's own, taken out of everything that its plan is made of.
//!
//! *Idea.* Placeholders take the place of its variables, its names and its seeds in what it runs, in what was sent to it and in
//! what is wanted. The plan that is made of that is the same on every cluster to which the same happens.
//!
//! *Caveats.* What was sent and is not what is rendered now (a change that failed, something handed over) stays as it is.

use std::{borrow::Cow, collections::BTreeMap};

use strata_model::{
    cluster::Infrastructure,
    composition::Composition,
    digest::Digest,
    fact::FactKey,
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    render::RenderedObject,
    variable::{VariableDefinition, VariableValue},
};
use strata_plan::{
    digest,
    fleet::{self, LikenessInput, Placeholders, Turn},
};
use strata_render::stand_in_value;

use super::{
    gather::Gathered,
    make::{self, Made},
};

/// What of a cluster's own a plan may hold.
#[derive(Debug)]
pub(super) struct Own {
    /// Its variables by name, with what each is worth.
    variables: BTreeMap<String, (VariableDefinition, String)>,
    names: bool,
    seeds: bool,
}

/// A cluster without what is its own.
#[derive(Debug)]
pub(super) struct TakenOut {
    pub(super) gathered: Gathered,
    /// The places of the objects that were sent as they are rendered, among those of the real render, and what each is called
    /// with placeholders; `None` where one has no counterpart.
    pub(super) sent: Option<Vec<(usize, ObjectKey)>>,
}

impl Own {
    /// `None` where there is nothing of its own in a plan.
    pub(super) fn of(gathered: &Gathered, made: &Made) -> Option<Self> {
        let renders = [&made.before, &made.render];
        // Of what does not render nobody knows what it would have read.
        let failed = made.render.layers.is_empty();
        let by_api = matches!(gathered.cluster.infrastructure, Infrastructure::ClusterApi { .. });
        let own = Self {
            variables: own_variables(gathered, made),
            names: failed
                || by_api
                || renders.iter().any(|render| render.facts_seen.contains_key(&FactKey::ClusterName)),
            seeds: failed || renders.iter().any(|render| render.is_own),
        };
        (own.names || own.seeds || !own.variables.is_empty()).then_some(own)
    }

    /// Whether its names are taken out.
    pub(super) const fn names(&self) -> bool {
        self.names
    }

    /// Whether the seeds of its generated values are.
    pub(super) const fn seeds(&self) -> bool {
        self.seeds
    }

    /// What takes its place.
    pub(super) fn placeholders(&self, gathered: &Gathered, turn: Turn) -> Placeholders {
        let pairs = self
            .variable_placeholders(turn)
            .into_iter()
            .filter_map(|(name, placeholder)| Some((placeholder, self.variables.get(&name)?.1.clone())));
        Placeholders::new(turn, self.names.then_some(&gathered.cluster), pairs)
    }

    fn variable_placeholders(&self, turn: Turn) -> BTreeMap<String, String> {
        fleet::variable_placeholders(self.variables.values().map(|(definition, _)| definition), turn)
    }

    fn variable_values(&self, turn: Turn) -> BTreeMap<String, VariableValue> {
        let placeholders = self.variable_placeholders(turn).into_iter();
        placeholders.map(|(name, placeholder)| (name, VariableValue::Plain(placeholder))).collect()
    }

    /// Names what the plans with placeholders are made of.
    pub(super) fn likeness(&self, gathered: &Gathered, made: &Made) -> Option<Digest> {
        let variables = self.variable_values(Turn::First);
        let bare = |composition: &Composition| {
            let mut bare = composition.clone();
            make::put_placeholders(&mut bare, &variables, &gathered.contents);
            bare
        };
        let cluster = if self.names {
            fleet::unnamed(&gathered.cluster, Turn::First)?
        } else {
            gathered.cluster.clone()
        };
        let [applied, wanted] = [&gathered.applied, &made.composition].map(|it| it.as_ref().map(bare));
        let input = LikenessInput {
            cluster: &cluster,
            applied: applied.as_ref(),
            wanted: wanted.as_ref(),
            variables: &gathered.base.iter().flat_map(|base| base.variables.keys()).collect(),
            facts: &gathered.facts,
            before: &made.before,
            inventory: &gathered.inventory,
            orphans: &gathered.orphans,
        };
        let likeness = fleet::likeness(&input, &gathered.key);
        let own = format!("{likeness} {} {} {:?}", self.names, self.seeds, variables.keys());
        Some(gathered.key.bytes("likeness", own.as_bytes()))
    }

    /// The same cluster without it.
    pub(super) fn taken_out(
        &self,
        gathered: &Gathered,
        made: &Made,
        placeholders: &Placeholders,
    ) -> Option<TakenOut> {
        let turn = placeholders.turn();
        let variables = self.variable_values(turn);
        let mut bare = Gathered { placeholders: variables.clone(), ..gathered.clone() };
        if self.names {
            bare.cluster = fleet::unnamed(&gathered.cluster, turn)?;
            bare.identity.name = bare.cluster.name.clone();
            bare.identity.infrastructure = bare.cluster.infrastructure.clone();
            bare.facts.cluster_name = bare.cluster.name.to_string();
        }
        if self.seeds {
            let first = gathered.applied.as_ref().map_or(0, |applied| applied.generation);
            for (generation, layers) in &mut bare.seeds {
                layers.values_mut().for_each(|seed| {
                    *seed = fleet::placeholder_seed(*generation, first, turn);
                });
            }
        }
        let Some(applied) = &mut bare.applied else {
            return Some(TakenOut { gathered: bare, sent: Some(Vec::new()) });
        };
        make::put_placeholders(applied, &variables, &bare.contents);
        let before = make::rendered(&bare, bare.applied.as_ref()?).ok()?;
        type Place<'a> = (Destination, Cow<'a, ObjectKey>);
        let really = made.before.objects.iter().enumerate();
        let really: BTreeMap<Place<'_>, (usize, &RenderedObject)> = really
            .map(|(place, object)| ((object.destination, Cow::Borrowed(&object.key)), (place, object)))
            .collect();
        let bare_objects: BTreeMap<Place<'_>, &RenderedObject> = before
            .objects
            .iter()
            .map(|object| ((object.destination, Cow::Owned(placeholders.real_key(&object.key))), object))
            .collect();
        let mut sent = Some(Vec::new());
        for entry in &mut bare.inventory {
            let at = (entry.destination, Cow::Borrowed(&entry.key));
            let found = really.get(&at);
            let Some((place, _)) =
                found.filter(|(_, object)| fleet::is_as_rendered(entry, object, &gathered.key))
            else {
                continue;
            };
            let Some(object) = bare_objects.get(&at) else {
                sent = None;
                continue;
            };
            if let Some(sent) = &mut sent {
                sent.push((*place, object.key.clone()));
            }
            *entry = InventoryEntry {
                key: object.key.clone(),
                digest: digest::object(&gathered.key, &object.body),
                body: object.body.clone(),
                ..entry.clone()
            };
        }
        Some(TakenOut { gathered: bare, sent })
    }
}

/// The variables that a cluster may say for itself, each with what it is worth.
fn own_variables(gathered: &Gathered, made: &Made) -> BTreeMap<String, (VariableDefinition, String)> {
    let Some(wanted) = &made.composition else { return BTreeMap::new() };
    let applied = gathered.applied.as_ref();
    let definition = |composition: &Composition, name: &str| {
        make::defined(composition, &gathered.contents).find(|definition| definition.name == name).cloned()
    };
    let worth = |composition: &Composition, name: &str| match composition.variables.get(name) {
        Some(VariableValue::Plain(own)) => Some(own.clone()),
        Some(VariableValue::Sensitive(_)) => None,
        None => definition(composition, name).and_then(|definition| definition.default_value),
    };
    let of_applied = applied.into_iter().flat_map(|applied| make::defined(applied, &gathered.contents));
    let mut own: BTreeMap<String, (VariableDefinition, String)> = BTreeMap::new();
    for defined in of_applied.chain(make::defined(wanted, &gathered.contents)) {
        let name = &defined.name;
        let [before, after] = [applied, Some(wanted)].map(|composition| {
            composition
                .and_then(|composition| definition(composition, name).map(|_| worth(composition, name)))
        });
        // What a variable is worth may change with its default: that is no cluster's own.
        let changes = matches!((&before, &after), (Some(before), Some(after)) if before != after);
        if !changes && !defined.sensitive && stand_in_value(defined, 0).is_some() {
            let worth = after.or(before).flatten().unwrap_or_default();
            own.insert(name.clone(), (defined.clone(), worth));
        }
    }
    own
}
