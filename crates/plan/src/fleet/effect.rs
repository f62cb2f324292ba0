//! What a plan does, without what is a cluster's own: so that ten thousand plans are told as the few things that happen.
//!
//! *Idea.* Of each plan a document is made of what happens: packs that change, values path by path, objects with their
//! fields or their content, nodes, findings, conflicts. The cluster's id and the fingerprints of secrets are taken out of it;
//! the digest of what is left names the effect. What else is a cluster's own is taken out before, where it comes in: see
//! [`super::placeholders`].
//!
//! *Guarantees.* Pure. Plans of one [`effect`] differ in nothing but ids and secrets.
//!
//! *Caveats.* Of a plan that no placeholders can stand for, [`effect_by_words`] takes the name out wherever it stands as a
//! word: who is called like something else in its objects may share an effect with who is called like that.

use serde_json::{Value, json};
use strata_model::{
    cluster::Cluster,
    digest::{Digest, DigestKey},
    id::ClusterId,
    plan::{Action, MergeConflict, Plan},
    render::Render,
    secret::MASK_PREFIX,
};
use strata_values::Redactor;

/// Names what a plan does to a cluster. `render` is the one that the plan was made of.
#[must_use]
pub fn effect(plan: &Plan, render: &Render, cluster: ClusterId, key: &DigestKey) -> Digest {
    let text = text(plan, render, key).replace(&cluster.to_string(), "‹id›");
    key.bytes("effect", without_masks(&text).as_bytes())
}

/// The same without the name of the cluster, wherever it stands as a word.
#[must_use]
pub fn effect_by_words(plan: &Plan, render: &Render, cluster: &Cluster, key: &DigestKey) -> Digest {
    key.bytes("effect", without_own(&text(plan, render, key), cluster).as_bytes())
}

/// A text without what is a cluster's own: its id, its name wherever it stands as a word, secrets.
#[must_use]
pub fn without_own(text: &str, cluster: &Cluster) -> String {
    let text = text.replace(&cluster.id.to_string(), "‹id›");
    without_masks(&without_word(&text, cluster.name.as_str(), "‹name›"))
}

fn text(plan: &Plan, render: &Render, key: &DigestKey) -> String {
    let redactor = Redactor::new(key, render.secrets.iter().cloned());
    document(plan, render, &redactor).to_string()
}

fn document(plan: &Plan, render: &Render, redactor: &Redactor) -> Value {
    let actions: Vec<Value> = plan
        .actions
        .iter()
        .map(|action| {
            // What changes is told field by field; what is sent as a whole, by what it is.
            let whole = matches!(action.action, Action::Create | Action::RunHook | Action::Replace);
            let object = render.object(action.destination, &action.key);
            let hook = render.hook(action.destination, &action.key).map(|hook| &hook.object);
            let content =
                object.or(hook).filter(|_| whole).map(|object| bare(redactor.mask_value(&object.body)));
            json!({
                "action": action.action,
                "destination": action.destination,
                "object": action.key,
                "apiVersion": action.api_version,
                "layer": action.layer,
                "changes": action.changes,
                "note": action.note,
                "content": content,
            })
        })
        .collect();
    let layers: Vec<Value> = plan
        .layers
        .iter()
        .filter(|layer| layer.current_pack != layer.pending_pack || !layer.changes.is_empty())
        .map(|layer| {
            json!({
                "layer": layer.layer,
                "from": layer.current_pack,
                "to": layer.pending_pack,
                "changes": layer.changes,
            })
        })
        .collect();
    let reasons: Vec<Value> = plan
        .repave
        .reasons
        .iter()
        .map(|reason| json!([reason.code, reason.pool, reason.path, reason.message]))
        .collect();
    // Whose an override is, is a cluster's own.
    let conflicts: Vec<MergeConflict> =
        plan.conflicts.iter().map(|it| MergeConflict { ours_origin: None, ..it.clone() }).collect();
    json!({
        "kind": plan.kind,
        "actions": actions,
        "layers": layers,
        "repave": [plan.repave.scope, plan.repave.pools, reasons],
        "findings": plan.findings,
        "conflicts": conflicts,
        "reversible": plan.reversible,
    })
}

/// An object without the values that a Secret holds.
fn bare(mut body: Value) -> Value {
    if body.get("kind").and_then(Value::as_str) == Some("Secret") {
        for part in ["data", "stringData"] {
            for value in body.get_mut(part).and_then(Value::as_object_mut).into_iter().flatten() {
                *value.1 = Value::Null;
            }
        }
    }
    body
}

/// A text with a word replaced, where no letter or digit stands beside it.
fn without_word(text: &str, word: &str, by: &str) -> String {
    if word.is_empty() {
        return text.to_owned();
    }
    let beside = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, from) = rest.split_at(at);
        let after = from.get(word.len()..).unwrap_or_default();
        out.push_str(before);
        let inside = beside(out.chars().next_back()) || beside(after.chars().next());
        out.push_str(if inside { word } else { by });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A text with all masks of secrets made one.
fn without_masks(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(MASK_PREFIX) {
        out.push_str(before);
        out.push_str("‹secret›");
        rest = from.split_once('›').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_out_as_words() {
        assert_eq!(
            without_word("eu-1, eu-11, xeu-1 and eu-1-workers", "eu-1", "#"),
            "#, eu-11, xeu-1 and #-workers"
        );
        assert_eq!(without_masks("a ‹secret:0123› b ‹secret:4567›"), "a ‹secret› b ‹secret›");
    }
}
