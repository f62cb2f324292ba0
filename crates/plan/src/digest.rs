//! Digests of objects, renders and plans, and what moved between two plans.
//!
//! The plan's digest is that of one explicit document, [`plan_document`]. It covers what a person decides about, and
//! nothing else:
//!
//! | moves it | does not |
//! |---|---|
//! | scheme, cluster, kind | time, status, node counts, live differences |
//! | both compositions; resolutions of conflicts | comments that the plan shows, masked texts, unified diffs |
//! | the wanted render: bodies, destinations, priorities, apply policies | provenance, warnings, notes |
//! | facts that were read | facts that were not |
//! | the action and body of each object | the order in which findings were found |
//! | repave scope and pools | the words of reasons and findings |
//! | findings that need a decision | informational findings |

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strata_model::{
    digest::{Digest, DigestKey, canonical},
    finding::Finding,
    object::{Destination, ObjectKey},
    plan::{Plan, PlannedAction},
    render::{Render, RenderedObject},
};

/// The keyed digest of a manifest: what the inventory keeps and plans compare.
#[must_use]
pub fn object(key: &DigestKey, body: &Value) -> Digest {
    object_text(key, &canonical(body))
}

/// The same of a body in canonical form.
pub(crate) fn object_text(key: &DigestKey, body: &str) -> Digest {
    key.bytes("object", body.as_bytes())
}

/// The keyed digest of what a render would send, and how.
#[must_use]
pub fn render(key: &DigestKey, render: &Render) -> Digest {
    render_with(key, render, |rendered| object(key, &rendered.body))
}

/// The same with digests of bodies that are known already.
pub(crate) fn render_with(
    key: &DigestKey,
    render: &Render,
    mut body: impl FnMut(&RenderedObject) -> Digest,
) -> Digest {
    let objects: Vec<Value> = render
        .objects
        .iter()
        .map(|rendered| {
            json!({
                "key": rendered.key,
                "apiVersion": rendered.api_version,
                "layers": rendered.layers,
                "destination": rendered.destination,
                "installPriority": rendered.install_priority,
                "onConflict": rendered.on_conflict,
                "onImmutable": rendered.on_immutable,
                "orphanPolicy": rendered.orphan_policy,
                "body": body(rendered),
            })
        })
        .collect();
    let hooks: Vec<Value> = render
        .hooks
        .iter()
        .map(|hook| {
            json!({
                "key": hook.object.key,
                "apiVersion": hook.object.api_version,
                "layers": hook.object.layers,
                "destination": hook.object.destination,
                "installPriority": hook.object.install_priority,
                "events": hook.events,
                "weight": hook.weight,
                "delete": hook.delete,
                "body": body(&hook.object),
            })
        })
        .collect();
    let document = json!({
        "objects": objects,
        "hooks": hooks,
        "kubernetesVersion": render.kubernetes_version.as_ref().map(ToString::to_string),
    });
    key.document("render", &document)
}

/// The keyed digest of a plan. Its own field `digest` does not count.
#[must_use]
pub fn plan(key: &DigestKey, plan: &Plan) -> Digest {
    key.document("plan", &plan_document(plan))
}

/// The document that is hashed for a plan.
#[must_use]
pub fn plan_document(plan: &Plan) -> Value {
    let mut actions: Vec<Value> = plan.actions.iter().map(action_document).collect();
    actions.sort_by_cached_key(ToString::to_string);
    json!({
        "scheme": plan.scheme,
        "cluster": plan.cluster,
        "kind": plan.kind,
        "from": plan.from,
        "to": plan.to,
        "render": plan.render,
        "facts": plan.facts_read,
        "resolutions": plan.resolutions,
        "actions": actions,
        "repave": { "scope": plan.repave.scope, "pools": plan.repave.pools.iter().collect::<BTreeSet<_>>() },
        "findings": decisions(plan).into_iter().collect::<Vec<_>>(),
    })
}

fn action_document(action: &PlannedAction) -> Value {
    json!({
        "action": action.action,
        "destination": action.destination,
        "key": action.key,
        "apiVersion": action.api_version,
        "layer": action.layer,
        "body": action.body,
    })
}

/// What identifies a finding that needs a decision. Its words do not: better words void no approval.
fn identity(finding: &Finding) -> String {
    json!({
        "code": finding.code,
        "severity": finding.severity,
        "layer": finding.layer,
        "object": finding.object,
        "path": finding.path,
    })
    .to_string()
}

fn decisions(plan: &Plan) -> BTreeSet<String> {
    plan.findings.iter().filter(|finding| finding.needs_decision()).map(identity).collect()
}

/// What differs between two plans in what their digests cover, for people; empty when nothing does.
#[must_use]
pub fn moved(before: &Plan, after: &Plan) -> Vec<String> {
    let mut moved = Vec::new();
    let mut tell = |differs: bool, text: &str| {
        if differs {
            moved.push(text.to_owned());
        }
    };
    tell(before.scheme != after.scheme, "the way plans are made");
    tell(before.cluster != after.cluster || before.kind != after.kind, "what the plan is for");
    tell(before.from != after.from, "what the cluster runs");
    tell(before.to != after.to, "what is wanted");
    tell(before.resolutions != after.resolutions, "decisions about conflicts");
    for fact in before.facts_read.keys().chain(after.facts_read.keys()).collect::<BTreeSet<_>>() {
        let differs = before.facts_read.get(fact) != after.facts_read.get(fact);
        tell(differs, &format!("fact: {fact}"));
    }
    let (old, new) = (actions(before), actions(after));
    let mut objects = BTreeSet::new();
    objects.extend(old.keys().chain(new.keys()));
    for place in objects {
        let differs = old.get(place).map(|action| action_document(action))
            != new.get(place).map(|action| action_document(action));
        tell(differs, &format!("object: {}", place.1));
    }
    let (old, new) = (&before.repave, &after.repave);
    tell(old.scope != new.scope || old.pools != new.pools, "which nodes are replaced");
    let (old, new) = (decisions(before), decisions(after));
    for finding in before.findings.iter().chain(&after.findings).filter(|finding| finding.needs_decision()) {
        let identity = identity(finding);
        tell(old.contains(&identity) != new.contains(&identity), &format!("finding: {}", finding.code));
    }
    if moved.is_empty() && before.render != after.render {
        moved.push("how objects are sent: order or policies".to_owned());
    }
    moved.dedup();
    moved
}

fn actions(plan: &Plan) -> BTreeMap<(Destination, &ObjectKey), &PlannedAction> {
    // A hook may run twice, as the same object both times.
    plan.actions.iter().map(|action| ((action.destination, &action.key), action)).collect()
}
