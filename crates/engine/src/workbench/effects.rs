//! Effects: what happens to a cluster, without what is its own, worked out once for all clusters that are alike.
//!
//! *Idea.* Two plans are made with placeholders for what is a cluster's own; together they tell of the real one what in it is
//! common ([`Effect::told_of`]). They are kept by what they are made of ([`fleet::likeness`]): for the next cluster that is
//! like it only its very plan is made.
//!
//! *Guarantees.* Which cluster comes first decides nothing: what is kept serves another cluster only if its own plans with
//! placeholders would be the same, or if that has other secrets and really does what is told, word by word.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use strata_model::{
    composition::Composition,
    digest::Digest,
    fact::{FactKey, Facts, FactsRead},
    object::ObjectKey,
    secret::Fingerprint,
};
use strata_plan::fleet::{self, Effect, Placeholders, Told, Turn};

use super::{
    Intent,
    gather::Gathered,
    make::{self, Made},
    own::{Own, TakenOut},
};
use crate::recent::Recent;

/// How many pairs of plans are kept of what is alike: they differ in what was read of their clusters, and in secrets.
const MOST_OF_ALIKE: usize = 16;
/// How many are kept at all.
const MOST_PAIRS: usize = 500;

/// What is known of effects, for one fleet preview.
#[derive(Debug)]
pub(crate) struct Effects {
    /// By likeness.
    pairs: Mutex<Recent<Arc<Pair>>>,
    /// How many were made at all.
    made: AtomicU32,
}

impl Default for Effects {
    fn default() -> Self {
        Self { pairs: Mutex::new(Recent::new(MOST_OF_ALIKE, MOST_PAIRS)), made: AtomicU32::new(0) }
    }
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
    secrets: Secrets,
    /// The objects that were sent to it, as each is called in the two.
    sent: [Vec<(usize, ObjectKey)>; 2],
}

/// By name, of what runs and of what is wanted.
type Secrets = [BTreeMap<String, Fingerprint>; 2];

/// What renders took of a cluster.
#[derive(Debug, PartialEq, Eq)]
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
    /// How many pairs of plans with placeholders were made.
    pub(crate) fn made(&self) -> u32 {
        self.made.load(Ordering::Relaxed)
    }

    /// Names what a plan does to a cluster, without what is its own.
    pub(super) fn effect(&self, gathered: &Gathered, intent: &Intent, made: &Made) -> Digest {
        let (key, cluster) = (&gathered.key, &gathered.cluster);
        let real = Effect::of(&made.plan, &made.render, cluster.id, key);
        let Some(own) = Own::of(gathered, made) else { return real.digest(key) };
        let with = [Turn::First, Turn::Second].map(|turn| own.placeholders(gathered, turn));
        let tell =
            |[first, second]: &[Effect; 2]| first.told_of(second, [&with[0], &with[1]], &real, cluster);
        let Some(likeness) = own.likeness(gathered, made) else {
            return real.digest_by_words(cluster, key);
        };
        let secrets = secrets(gathered, made);
        for pair in self.like(&likeness) {
            if !pair.read.fits(&own, &gathered.facts) || !pair.is_sent_alike(&with, made) {
                continue;
            }
            let Told { effect, derived } = tell(&pair.effects);
            let told = effect.digest(key);
            // Made with other secrets, it holds only if it says nothing but what is really there.
            if pair.secrets == secrets || (told == pair.named && !derived) {
                return told;
            }
        }
        let planned = |placeholders| planned(&own, gathered, intent, made, placeholders);
        let (Some(first), Some(second)) = (planned(&with[0]), planned(&with[1])) else {
            return real.digest_by_words(cluster, key);
        };
        let effects = [first.effect, second.effect];
        let told = tell(&effects).effect.digest(key);
        self.made.fetch_add(1, Ordering::Relaxed);
        let known = (first.read, second.read, first.sent, second.sent);
        if let (Some(read), Some(also), Some(first), Some(second)) = known {
            let named = effects[0].digest(key);
            let pair = Pair { effects, named, read: read.and(also), secrets, sent: [first, second] };
            self.learn(&likeness, pair);
        }
        told
    }

    fn pairs(&self) -> MutexGuard<'_, Recent<Arc<Pair>>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn like(&self, likeness: &Digest) -> Vec<Arc<Pair>> {
        self.pairs().of(likeness).to_vec()
    }

    fn learn(&self, likeness: &Digest, pair: Pair) {
        let mut pairs = self.pairs();
        // Those who are looked at side by side may have made the same.
        let same = |it: &Arc<Pair>| {
            it.named == pair.named
                && it.read == pair.read
                && it.secrets == pair.secrets
                && it.sent == pair.sent
        };
        if !pairs.of(likeness).iter().any(same) {
            pairs.keep(likeness, Arc::new(pair));
        }
    }
}

impl Pair {
    /// Whether what was sent to a cluster is called like what was sent to the one that this was made for.
    fn is_sent_alike(&self, with: &[Placeholders; 2], made: &Made) -> bool {
        let objects = &made.before.objects;
        self.sent.iter().zip(with).all(|(sent, with)| {
            sent.iter().all(|(place, key)| {
                objects.get(*place).is_some_and(|object| with.real_key(key) == object.key)
            })
        })
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
            facts: renders.iter().flat_map(|render| render.facts_seen.clone()).collect(),
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

fn secrets(gathered: &Gathered, made: &Made) -> Secrets {
    let of = |composition: &Option<Composition>| {
        let secrets = composition.iter().flat_map(fleet::secrets);
        secrets.map(|(name, secret)| (name.clone(), secret.clone())).collect()
    };
    [&gathered.applied, &made.composition].map(of)
}

/// A plan with placeholders.
struct Planned {
    effect: Effect,
    /// What was read for it, where that is known.
    read: Option<Read>,
    /// See [`TakenOut`].
    sent: Option<Vec<(usize, ObjectKey)>>,
}

/// `None` where there is no such plan.
fn planned(
    own: &Own,
    gathered: &Gathered,
    intent: &Intent,
    made: &Made,
    placeholders: &Placeholders,
) -> Option<Planned> {
    let TakenOut { gathered: bare, sent } = own.taken_out(gathered, made, placeholders)?;
    let made = match make::make(&bare, intent) {
        Ok(made) => made,
        Err(unmade) => *unmade.plan?,
    };
    let effect = Effect::of(&made.plan, &made.render, bare.cluster.id, &bare.key);
    Some(Planned { effect, read: Read::of(own, &made, &gathered.facts), sent })
}
