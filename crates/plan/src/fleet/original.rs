//! A cluster that was planned, and all those whose plan follows from it.
//!
//! *Idea.* A plan depends on few things of a cluster: the compositions, the answers to the facts that were read, what was
//! sent before. Where another cluster has all of them equal, its plan differs in the marks on its objects alone; so its digest
//! is made of the original's, with other marks, and nothing is rendered again.
//!
//! *Guarantees.* Pure. The digest is the one that planning the cluster by itself gives. Where anything is in doubt (values
//! generated for one cluster, a sending that was not confirmed, an orphan that comes back) there is no original; whether that
//! is so of all clusters that run the same is said.
//!
//! *Caveats.* Clusters whose objects name them have nothing in common here.

use std::collections::BTreeMap;

use strata_model::{
    Timestamp,
    cluster::Cluster,
    digest::{Digest, DigestKey, canonical},
    fact::{FactKey, Facts, FactsRead},
    id::{ChangeId, ClusterId, OrphanId, ProjectId},
    inventory::InventoryEntry,
    orphan::Orphan,
    plan::Plan,
    render::{Render, RenderedObject},
};

use crate::{digest, plan::is_listed};

/// What was planned, and what of.
#[derive(Debug, Clone, Copy)]
pub struct OriginalInput<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The keyed digest of what it runs.
    pub applied: &'a Digest,
    /// The facts that both renders read.
    pub facts: &'a Facts,
    /// The render of what it runs.
    pub before: &'a Render,
    /// The render of what is wanted.
    pub after: &'a Render,
    /// What was sent, with bodies.
    pub inventory: &'a [InventoryEntry],
    /// All its orphans.
    pub orphans: &'a [Orphan],
    /// The plan.
    pub plan: &'a Plan,
}

/// Another cluster.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The keyed digest of what it runs.
    pub applied: &'a Digest,
    /// What is known of it.
    pub facts: &'a Facts,
    /// What was sent, in any order; without bodies, and with any value for each earlier one.
    pub inventory: &'a [InventoryEntry],
    /// All its orphans.
    pub orphans: &'a [Orphan],
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Original {
    cluster: Cluster,
    applied: Digest,
    facts_seen: FactsRead,
    known: [bool; 2],
    /// Without bodies, by place.
    sent: Vec<InventoryEntry>,
    /// By the digest that each has on the original.
    bodies: BTreeMap<Digest, MarkedText>,
    listed: Vec<Orphan>,
    /// Without bodies.
    render: Render,
    /// The digests of the render's objects and hooks, in this order.
    rendered: Vec<Digest>,
    plan: Plan,
}

/// A body in canonical form, around the id of its cluster.
#[derive(Debug, Clone)]
struct MarkedText {
    before: String,
    after: String,
}

impl MarkedText {
    /// `None` where the id stands anywhere but in the mark.
    fn of(object: &serde_json::Value, id: &str) -> Option<Self> {
        let text = canonical(object);
        let (before, after) = text.split_once(id)?;
        (!after.contains(id)).then(|| Self { before: before.to_owned(), after: after.to_owned() })
    }

    fn digest(&self, key: &DigestKey, id: &str) -> Digest {
        digest::object_text(key, &[&self.before, id, &self.after].concat())
    }
}

/// Why no other plan follows from that of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfollowed {
    /// What is rendered holds something of each cluster: from none that runs the same anything follows.
    ByRender,
    /// The state of this one cluster: from the next one much may follow.
    ByState,
}

impl Original {
    /// # Errors
    /// Where no other plan can follow from it.
    pub fn new(input: &OriginalInput<'_>, key: &DigestKey) -> Result<Self, Unfollowed> {
        let facts_seen: FactsRead =
            [input.before, input.after].iter().flat_map(|render| render.facts_seen.clone()).collect();
        let unanswered = |(fact, answer): (&FactKey, &_)| {
            matches!(fact, FactKey::Lookup { .. }) && answer == &serde_json::Value::Null
        };
        if input.before.is_own || input.after.is_own || facts_seen.contains_key(&FactKey::ClusterName) {
            return Err(Unfollowed::ByRender);
        }
        let in_doubt = input.cluster.change.is_some()
            || facts_seen.iter().any(unanswered)
            || input.inventory.iter().any(|entry| !entry.earlier.is_empty());
        if in_doubt {
            return Err(Unfollowed::ByState);
        }
        let listed: Vec<Orphan> = input.orphans.iter().filter(|orphan| is_listed(orphan)).cloned().collect();
        let comes_back = |orphan: &Orphan| input.after.object(orphan.destination, &orphan.key).is_some();
        if listed.iter().any(comes_back) {
            return Err(Unfollowed::ByState);
        }
        let id = input.cluster.id.to_string();
        let mut bodies = BTreeMap::new();
        for entry in input.inventory {
            bodies.insert(entry.digest.clone(), MarkedText::of(&entry.body, &id).ok_or(Unfollowed::ByState)?);
        }
        let mut rendered = Vec::new();
        for object in all(input.after) {
            let digest = digest::object(key, &object.body);
            bodies.insert(digest.clone(), MarkedText::of(&object.body, &id).ok_or(Unfollowed::ByRender)?);
            rendered.push(digest);
        }
        // A digest that was not made of its body would be carried over wrongly.
        let holds = |(digest, text): (&Digest, &MarkedText)| text.digest(key, &id) == *digest;
        if !bodies.iter().all(holds) || input.plan.actions.iter().any(|it| !bodies.contains_key(&it.body)) {
            return Err(Unfollowed::ByState);
        }
        Ok(Self {
            cluster: input.cluster.clone(),
            applied: input.applied.clone(),
            facts_seen,
            known: known(input.facts),
            sent: outlines(input.inventory),
            bodies,
            listed: comparable(&listed),
            render: without_bodies(input.after),
            rendered,
            plan: Plan { layers: Vec::new(), ..input.plan.clone() },
        })
    }

    /// The digest of the plan of another cluster, if it follows.
    #[must_use]
    pub fn plan_digest_of(&self, other: &Candidate<'_>, key: &DigestKey) -> Option<Digest> {
        let same = other.applied == &self.applied
            && other.cluster.infrastructure == self.cluster.infrastructure
            && other.cluster.kubernetes_version == self.cluster.kubernetes_version
            && other.cluster.phase.value == self.cluster.phase.value
            && other.cluster.change.is_none()
            && known(other.facts) == self.known
            && other.inventory.len() == self.sent.len()
            && self.facts_seen.iter().all(|(fact, answer)| other.facts.answer(fact) == *answer);
        if !same {
            return None;
        }
        let listed: Vec<Orphan> = other.orphans.iter().filter(|orphan| is_listed(orphan)).cloned().collect();
        if comparable(&listed) != self.listed {
            return None;
        }
        let id = other.cluster.id.to_string();
        let digests: BTreeMap<&Digest, Digest> =
            self.bodies.iter().map(|(digest, text)| (digest, text.digest(key, &id))).collect();
        let mut sent: Vec<&InventoryEntry> = other.inventory.iter().collect();
        sent.sort_by(|a, b| place(a).cmp(&place(b)));
        let equal = |(ours, theirs): (&InventoryEntry, &&InventoryEntry)| {
            ours.destination == theirs.destination
                && ours.key == theirs.key
                && ours.api_version == theirs.api_version
                && ours.layer == theirs.layer
                && ours.revision == theirs.revision
                && ours.orphan_policy == theirs.orphan_policy
                && ours.adopted == theirs.adopted
                && theirs.earlier.is_empty()
                && digests.get(&ours.digest) == Some(&theirs.digest)
        };
        if !self.sent.iter().zip(&sent).all(equal) {
            return None;
        }
        let mut plan = self.plan.clone();
        plan.cluster = other.cluster.id;
        let mut rendered = self.rendered.iter();
        let marked = |digest: &Digest| digests.get(digest).cloned().unwrap_or_else(|| digest.clone());
        plan.render = digest::render_with(key, &self.render, |object| match rendered.next() {
            Some(digest) => marked(digest),
            None => digest::object(key, &object.body),
        });
        for action in &mut plan.actions {
            action.body = marked(&action.body);
        }
        Some(digest::plan(key, &plan))
    }
}

fn all(render: &Render) -> impl Iterator<Item = &RenderedObject> {
    render.objects.iter().chain(render.hooks.iter().map(|hook| &hook.object))
}

/// What a render asks without its being a fact that was read: whether the version is known, and whether anything is. A cluster
/// of which nothing is known is assumed to serve what every Kubernetes serves.
pub(super) fn known(facts: &Facts) -> [bool; 2] {
    [facts.kubernetes_version.is_some(), !facts.api_versions.is_empty()]
}

fn place(entry: &InventoryEntry) -> impl Ord + '_ {
    (entry.destination, &entry.key)
}

fn outlines(inventory: &[InventoryEntry]) -> Vec<InventoryEntry> {
    let mut sent: Vec<InventoryEntry> = inventory
        .iter()
        .map(|entry| InventoryEntry { body: serde_json::Value::Null, ..entry.clone() })
        .collect();
    sent.sort_by(|a, b| place(a).cmp(&place(b)));
    sent
}

fn without_bodies(render: &Render) -> Render {
    let mut render = Render { layers: Vec::new(), secrets: Vec::new(), ..render.clone() };
    for object in &mut render.objects {
        object.body = serde_json::Value::Null;
    }
    for hook in &mut render.hooks {
        hook.object.body = serde_json::Value::Null;
    }
    render
}

/// Orphans as a plan looks at those that stay: their own ids and times made alike.
pub(super) fn comparable(orphans: &[Orphan]) -> Vec<Orphan> {
    let mut alike: Vec<Orphan> = orphans
        .iter()
        .map(|orphan| Orphan {
            id: OrphanId::NIL,
            project: ProjectId::NIL,
            cluster: ClusterId::NIL,
            note: String::new(),
            restore: None,
            left_by: ChangeId::NIL,
            since: Timestamp::UNIX_EPOCH,
            state_since: Timestamp::UNIX_EPOCH,
            ..orphan.clone()
        })
        .collect();
    alike.sort_by(|a, b| (a.destination, &a.key).cmp(&(b.destination, &b.key)));
    alike
}
