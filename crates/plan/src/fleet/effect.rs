//! What a plan does, without what is a cluster's own: so that ten thousand plans are told as the few things that happen.
//!
//! *Idea.* Of each plan a document is made of what happens: packs that change, values path by path, objects with their
//! fields or their content, nodes, findings, conflicts. The cluster's id and the fingerprints of secrets are taken out of it;
//! the digest of what is left names the effect. What else is a cluster's own is taken out before, where it comes in: see
//! [`super::placeholders`].
//!
//! *Guarantees.* Pure. Plans of one [`Effect`] differ in nothing but ids and secrets. One that is made with placeholders tells of a
//! real plan only where that says all that the placeholders left alone; elsewhere the real is put in: [`Effect::told_of`].
//!
//! *Caveats.* Of a plan that no placeholders can stand for, [`Effect::digest_by_words`] takes the name out wherever it stands as a
//! word: who is called like something else in its objects may share an effect with who is called like that. What is
//! made of a cluster's own so that it does not show any more (a hash, base64) may be anything.

use std::{cell::Cell, collections::BTreeMap};

use serde_json::{Map, Value, json};
use strata_model::{
    cluster::Cluster,
    digest::{Digest, DigestKey},
    id::ClusterId,
    plan::{Action, MergeConflict, Plan},
    render::Render,
    secret::MASK_PREFIX,
};
use strata_values::Redactor;

use super::placeholders::Placeholders;

/// What a plan does, as a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect(Value);

/// What two effects with placeholders tell of a real one.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The first of them, with the real in it where a name or a value has decided something.
    pub effect: Effect,
    /// Whether something in it stands for whatever is made of a cluster's own so that it does not show: a hash, what is generated.
    pub derived: bool,
}

impl Effect {
    /// What a plan does to a cluster. `render` is the one that the plan was made of.
    #[must_use]
    pub fn of(plan: &Plan, render: &Render, cluster: ClusterId, key: &DigestKey) -> Self {
        let redactor = Redactor::new(key, render.secrets.iter().cloned());
        let document = document(plan, render, &redactor);
        Self(bare(document, &|text| without_masks(&text.replace(&cluster.to_string(), "‹id›"))))
    }

    /// Names it.
    #[must_use]
    pub fn digest(&self, key: &DigestKey) -> Digest {
        key.document("effect", &self.0)
    }

    /// The same without the name of the cluster, wherever it stands as a word.
    #[must_use]
    pub fn digest_by_words(&self, cluster: &Cluster, key: &DigestKey) -> Digest {
        let words = bare(self.0.clone(), &|text| without_word(text, cluster.name.as_str(), "‹name›"));
        key.document("effect", &words)
    }

    /// This effect, made with placeholders, as far as it tells of the real one of a cluster: what this and `second`, made with
    /// other placeholders, say alike must be what it really says, and what they say with a placeholder it must say with what
    /// that stands for. Where it is otherwise, a name or a value has decided something, and the real is put in its place.
    #[must_use]
    pub fn told_of(&self, second: &Self, with: [&Placeholders; 2], real: &Self, cluster: &Cluster) -> Told {
        let teller = Teller { with, cluster, derived: Cell::new(false) };
        let effect = Self(told(&self.0, &second.0, &real.0, &teller));
        Told { effect, derived: teller.derived.get() }
    }
}

struct Teller<'a> {
    with: [&'a Placeholders; 2],
    cluster: &'a Cluster,
    derived: Cell<bool>,
}

fn told(first: &Value, second: &Value, real: &Value, teller: &Teller<'_>) -> Value {
    let with = teller.with;
    let really = || bare(real.clone(), &|text| without_word(text, teller.cluster.name.as_str(), "‹name›"));
    match (first, second, real) {
        (Value::Object(first), Value::Object(second), Value::Object(real)) => {
            let second: BTreeMap<String, &Value> =
                second.iter().map(|(key, value)| (with[1].put_real(key), value)).collect();
            let mut whole = Map::new();
            for (key, first) in first {
                let named = with[0].put_real(key);
                let (Some(second), Some(real)) = (second.get(&named), real.get(&named)) else {
                    return really();
                };
                whole.insert(key.clone(), told(first, second, real, teller));
            }
            let all = whole.len() == second.len() && whole.len() == real.len();
            if all { Value::Object(whole) } else { really() }
        }
        (Value::Array(first), Value::Array(second), Value::Array(real))
            if first.len() == real.len() && second.len() == real.len() =>
        {
            let items = first.iter().zip(second).zip(real);
            Value::Array(items.map(|((one, two), real)| told(one, two, real, teller)).collect())
        }
        _ if first == real && second == real => first.clone(),
        _ => {
            let (Some(one), Some(two), Some(is)) = (scalar(first), scalar(second), scalar(real)) else {
                return really();
            };
            let (put, other) = (with[0].put_real(&one), with[1].put_real(&two));
            // Made of something of the cluster's own, and nothing of that shows: a hash, what is generated. A choice between
            // a few is none of these.
            let derived = put != other && is != one && is != two && !real.is_boolean();
            if put == is && other == is {
                first.clone()
            } else if derived {
                teller.derived.set(true);
                first.clone()
            } else {
                really()
            }
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value with all its texts changed, keys included.
fn bare(value: Value, text: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(own) => Value::String(text(&own)),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| bare(item, text)).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(key, value)| (text(&key), bare(value, text))).collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

/// A text without what is a cluster's own: its id, its name wherever it stands as a word, secrets.
#[must_use]
pub fn without_own(text: &str, cluster: &Cluster) -> String {
    let text = text.replace(&cluster.id.to_string(), "‹id›");
    without_masks(&without_word(&text, cluster.name.as_str(), "‹name›"))
}

fn document(plan: &Plan, render: &Render, redactor: &Redactor) -> Value {
    // By place: in which order equals come is decided by their names.
    let mut actions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for action in &plan.actions {
        let place = json!([action.destination, action.key]).to_string();
        let told = {
            // What changes is told field by field; what is sent as a whole, by what it is.
            let whole = matches!(action.action, Action::Create | Action::RunHook | Action::Replace);
            let object = render.object(action.destination, &action.key);
            let hook = render.hook(action.destination, &action.key).map(|hook| &hook.object);
            let content = object
                .or(hook)
                .filter(|_| whole)
                .map(|object| without_secret_data(redactor.mask_value(&object.body)));
            json!({
                "action": action.action,
                "apiVersion": action.api_version,
                "layer": action.layer,
                "changes": action.changes,
                "note": action.note,
                "content": content,
            })
        };
        actions.entry(place).or_default().push(told);
    }
    let layers: BTreeMap<String, Value> = plan
        .layers
        .iter()
        .filter(|layer| layer.current_pack != layer.pending_pack || !layer.changes.is_empty())
        .map(|layer| {
            let told =
                json!({ "from": layer.current_pack, "to": layer.pending_pack, "changes": layer.changes });
            (layer.layer.to_string(), told)
        })
        .collect();
    let reasons: Vec<Value> = plan
        .repave
        .reasons
        .iter()
        .map(|reason| json!([reason.code, reason.pool, reason.path, reason.message]))
        .collect();
    // Whose an override is, and what it says, is a cluster's own; not whether it says anything.
    let conflict = |it: &MergeConflict| MergeConflict {
        ours: it.ours.as_ref().map(|_| json!("‹own›")),
        ours_origin: None,
        ..it.clone()
    };
    let conflicts: Vec<MergeConflict> = plan.conflicts.iter().map(conflict).collect();
    let mut findings: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for it in &plan.findings {
        let what = json!([it.code, it.severity, it.layer, it.object, it.path]).to_string();
        findings.entry(what).or_default().push(&it.message);
    }
    json!({
        "kind": plan.kind,
        "actions": actions,
        "layers": layers,
        "repave": [plan.repave.scope, plan.repave.pools, reasons],
        "findings": findings,
        "conflicts": conflicts,
        "reversible": plan.reversible,
    })
}

/// An object without the values that a Secret holds.
fn without_secret_data(mut body: Value) -> Value {
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
