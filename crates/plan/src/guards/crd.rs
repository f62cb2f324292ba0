//! Definitions of custom resources: changes that break stored objects or clients.
//!
//! What the API server refuses itself blocks; what it accepts, and what then hurts somebody, asks for an approval.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::finding::{Finding, FindingCode, Severity};

use super::crd_schema;
use crate::{
    diff::{Pair, first_layer},
    finding::finding,
    plan::about_object,
};

/// Most findings told of one definition.
const MOST_TOLD: usize = 50;

pub(super) fn findings(pairs: &[Pair<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for pair in pairs {
        let is_definition = pair.after.key.group == "apiextensions.k8s.io"
            && pair.after.key.kind == "CustomResourceDefinition";
        let Some(before) = pair.before.filter(|_| is_definition) else { continue };
        let breaks: Vec<Break> =
            before.possible_bodies().flat_map(|body| compare(body, &pair.after.body)).collect();
        let layer = first_layer(pair.after);
        for found in breaks.into_iter().take(MOST_TOLD) {
            let name = &pair.after.key.name;
            let help = if found.severity == Severity::Block {
                "the API server refuses this: keep it, or give the definition another name"
            } else {
                "acknowledge it once the stored objects and their clients are known to bear it"
            };
            let code = FindingCode::CrdBreaking;
            let told = finding(code, found.severity, format!("{name}: {}", found.message), help);
            let mut told = about_object(told, &layer, &pair.after.key);
            told.path = Some(found.path.clone());
            findings.push(told);
            if found.loses_data {
                let told = finding(
                    FindingCode::NotReversible,
                    Severity::Info,
                    format!("{name}: what {} held is lost with the next write of an object", found.path),
                    "a later rollback brings the field back, but not its values",
                );
                let mut told = about_object(told, &layer, &pair.after.key);
                told.path = Some(found.path);
                findings.push(told);
            }
        }
    }
    findings
}

/// One thing that breaks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Break {
    pub(super) severity: Severity,
    pub(super) path: String,
    pub(super) message: String,
    pub(super) loses_data: bool,
}

impl Break {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Acknowledge,
            path: path.into(),
            message: message.into(),
            loses_data: false,
        }
    }
}

fn compare(before: &Value, after: &Value) -> Vec<Break> {
    let mut breaks = Vec::new();
    for field in ["/spec/group", "/spec/scope", "/spec/names/plural", "/spec/names/kind"] {
        let (old, new) = (before.pointer(field), after.pointer(field));
        if old != new {
            let path = field.trim_start_matches('/').replace('/', ".");
            let shown = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("none").to_owned();
            let message = format!("{path} changes from {} to {}", shown(old), shown(new));
            breaks.push(Break { severity: Severity::Block, ..Break::new(path, message) });
        }
    }
    let (old, new) = (versions(before), versions(after));
    for (name, former) in &old {
        let path = format!("spec.versions[name={name}]");
        let flag =
            |version: &Value, field: &str| version.get(field).and_then(Value::as_bool).unwrap_or(false);
        let Some(now) = new.get(name) else {
            // Objects are stored in it, so the API server keeps it until they are rewritten.
            let severity = if flag(former, "storage") { Severity::Block } else { Severity::Acknowledge };
            let message = format!("version {name} is taken away");
            breaks.push(Break { severity, ..Break::new(path, message) });
            continue;
        };
        if flag(former, "served") && !flag(now, "served") {
            breaks.push(Break::new(format!("{path}.served"), format!("version {name} is no longer served")));
        }
        if flag(former, "storage") && !flag(now, "storage") {
            breaks.push(Break::new(
                format!("{path}.storage"),
                format!("objects are no longer stored as {name}; those that are must be rewritten before it can go"),
            ));
        }
        let schema =
            |version: &Value| version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or_default();
        let root = format!("{name}: ");
        crd_schema::compare(&root, &schema(former), &schema(now), &mut breaks);
    }
    breaks
}

fn versions(definition: &Value) -> BTreeMap<String, &Value> {
    definition
        .pointer("/spec/versions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|version| Some((version.get("name")?.as_str()?.to_owned(), version)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(versions: &Value) -> Value {
        json!({"spec": {"group": "a.example", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"}, "versions": versions}})
    }

    fn told(before: &Value, after: &Value) -> Vec<(Severity, String)> {
        compare(before, after).into_iter().map(|found| (found.severity, found.message)).collect()
    }

    #[test]
    fn versions_that_go() {
        let both = definition(
            &json!([{"name": "v1", "served": true, "storage": true}, {"name": "v1beta1", "served": true}]),
        );
        let without_old = definition(&json!([{"name": "v1", "served": true, "storage": true}]));
        let without_stored = definition(&json!([{"name": "v1beta1", "served": true, "storage": true}]));
        assert_eq!(told(&both, &both), []);
        assert_eq!(told(&without_old, &both), []);
        assert_eq!(
            told(&both, &without_old),
            [(Severity::Acknowledge, "version v1beta1 is taken away".to_owned())]
        );
        assert_eq!(told(&both, &without_stored), [(Severity::Block, "version v1 is taken away".to_owned())]);
    }

    #[test]
    fn what_a_schema_takes_away() {
        let schema = |schema: &Value| {
            definition(
                &json!([{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]),
            )
        };
        let before = schema(&json!({"type": "object", "properties": {
            "gone": {"type": "string"}, "size": {"type": "integer", "maximum": 10}, "mode": {"type": "string", "enum": ["a", "b"]},
            "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "string"}}}}}}));
        let after = schema(&json!({"type": "object", "required": ["mode"], "properties": {
            "size": {"type": "string"}, "mode": {"type": "string", "enum": ["a"]},
            "list": {"type": "array", "items": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}}},
            "new": {"type": "object", "required": ["y"], "properties": {"y": {"type": "string"}}}}}));
        let found = compare(&before, &after);
        let messages: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "v1: mode is now required",
                "v1: gone is taken away",
                "v1: size changes its type from integer to string",
                "v1: mode no longer allows \"b\"",
                "v1: list[].x is now required",
            ]
        );
        assert_eq!(found.iter().filter(|found| found.loses_data).count(), 1);
        assert_eq!(told(&after, &after), []);
    }
}
