//! Effects: what happens to a cluster, without what is its own, worked out once for all clusters that are alike.
//!
//! *Idea.* Two plans are made with placeholders for what is a cluster's own; together they tell of the real one what in it is
//! common ([`Effect::told_of`]). They are kept by what they are made of ([`fleet::likeness`]): for the next cluster that is
//! like it only its very plan is made.
//!
//! *Guarantees.* Which cluster comes first decides nothing: what is kept serves another cluster only if its own plans with
//! placeholders would be the same, or if all it says is already what the other says, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use strata_model::{
    digest::Digest,
    fact::{FactKey, Facts, FactsRead},
    secret::Fingerprint,
};
use strata_plan::fleet::{self, Effect, Placeholders, Turn};

use super::{
    Intent,
    gather::Gathered,
    make::{self, Made},
    own::Own,
};

/// How many pairs of plans are kept of what is alike: they differ in what was read of their clusters, and in secrets.
const MOST_OF_ALIKE: usize = 16;
/// How many are kept at all.
const MOST_PAIRS: usize = 500;

/// What is known of effects, for one fleet preview.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// By likeness.
    pairs: Mutex<BTreeMap<Digest, Vec<Arc<Pair>>>>,
}

/// What two plans with placeholders do.
#[derive(Debug)]
struct Pair {
    effects: [Effect; 2],
    /// That of the first.
    named: Digest,
    /// What was read of the cluster for both.
    read: Read,
    /// What variables of its cluster were worth in secret.
    secrets: BTreeSet<Fingerprint>,
}

/// What renders took of a cluster.
#[derive(Debug)]
struct Read {
    facts: FactsRead,
    /// What it serves and which labels it has, where a template may have listed them.
    lists: Option<Lists>,
}

#[derive(Debug, PartialEq, Eq)]
struct Lists {
    api_versions: BTreeSet<String>,
    labels: BTreeSet<String>,
}

impl Effects {
    /// Names what a plan does to a cluster, without what is its own.
    pub(super) fn effect(&self, gathered: &Gathered, intent: &Intent, made: &Made) -> Digest {
        let (key, cluster) = (&gathered.key, &gathered.cluster);
        let real = Effect::of(&made.plan, &made.render, cluster.id, key);
        let Some(own) = Own::of(gathered, made) else { return real.digest(key) };
        let with = [Turn::First, Turn::Second].map(|turn| own.placeholders(gathered, turn));
        let tell = |[first, second]: &[Effect; 2]| {
            first.told_of(second, [&with[0], &with[1]], &real, cluster).digest(key)
        };
        let Some(likeness) = own.likeness(gathered, made) else {
            return real.digest_by_words(cluster, key);
        };
        let secrets = secrets(gathered, made);
        for pair in self.of(&likeness).iter().filter(|pair| pair.read.fits(&own, &gathered.facts)) {
            let told = tell(&pair.effects);
            // Of other secrets it may tell no more than what holds of these as well.
            if pair.secrets == secrets || told == pair.named {
                return told;
            }
        }
        let planned = |placeholders| planned(&own, gathered, intent, made, placeholders);
        let (Some((first, read)), Some((second, also))) = (planned(&with[0]), planned(&with[1])) else {
            return real.digest_by_words(cluster, key);
        };
        let effects = [first, second];
        let told = tell(&effects);
        if let (Some(read), Some(also)) = (read, also) {
            let named = effects[0].digest(key);
            self.learn(likeness, Pair { effects, named, read: read.and(also), secrets });
        }
        told
    }

    fn of(&self, likeness: &Digest) -> Vec<Arc<Pair>> {
        let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.get(likeness).cloned().unwrap_or_default()
    }

    fn learn(&self, likeness: Digest, pair: Pair) {
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if pairs.values().map(Vec::len).sum::<usize>() >= MOST_PAIRS {
            return;
        }
        let alike = pairs.entry(likeness).or_default();
        if alike.len() < MOST_OF_ALIKE {
            alike.push(Arc::new(pair));
        }
    }
}

impl Read {
    /// `None` where nobody knows what was read, or where something was taken that no other cluster has.
    fn of(own: &Own, made: &Made, facts: &Facts) -> Option<Self> {
        if made.render.layers.is_empty() || made.runs_unrendered() {
            return None;
        }
        let renders = [&made.before, &made.render];
        let is_own = renders.iter().any(|render| render.is_own);
        (!is_own || own.seeds()).then(|| Self {
            facts: renders.iter().flat_map(|render| render.facts_read.clone()).collect(),
            lists: is_own.then(|| Lists::of(facts)),
        })
    }

    fn and(mut self, other: Self) -> Self {
        self.facts.extend(other.facts);
        Self { lists: self.lists.or(other.lists), ..self }
    }

    /// Whether another cluster would have given the same answers.
    fn fits(&self, own: &Own, facts: &Facts) -> bool {
        let same = |(fact, answer): (&FactKey, &serde_json::Value)| {
            (*fact == FactKey::ClusterName && own.names()) || facts.answer(fact) == *answer
        };
        self.facts.iter().all(same) && self.lists.as_ref().is_none_or(|lists| *lists == Lists::of(facts))
    }
}

impl Lists {
    fn of(facts: &Facts) -> Self {
        Self {
            api_versions: facts.api_versions.iter().cloned().collect(),
            labels: facts.labels.keys().cloned().collect(),
        }
    }
}

fn secrets(gathered: &Gathered, made: &Made) -> BTreeSet<Fingerprint> {
    let compositions = [&gathered.applied, &gathered.base, &made.composition];
    fleet::secrets(compositions.into_iter().flatten()).into_iter().cloned().collect()
}

/// What a plan with placeholders does, and what was read for it; `None` where there is no such plan.
fn planned(
    own: &Own,
    gathered: &Gathered,
    intent: &Intent,
    made: &Made,
    placeholders: &Placeholders,
) -> Option<(Effect, Option<Read>)> {
    let bare = own.taken_out(gathered, made, placeholders)?;
    let made = match make::make(&bare, intent) {
        Ok(made) => made,
        Err(unmade) => *unmade.plan?,
    };
    let effect = Effect::of(&made.plan, &made.render, bare.cluster.id, &bare.key);
    Some((effect, Read::of(own, &made, &gathered.facts)))
}
