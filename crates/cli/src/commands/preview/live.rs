//! What the living cluster says to a plan: first what differs from the plan, then counts, nodes and room.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::{field_change, list, place, text};
use crate::output::{Output, out};

/// Something to know about one object.
pub(super) struct Remark {
    /// One word, or a few.
    pub(super) word: &'static str,
    /// How it is painted.
    sgr: &'static str,
    /// The object, and why.
    pub(super) what: String,
    /// Field by field.
    pub(super) fields: Vec<String>,
}

/// Shows the evidence of a plan, if there is any.
pub(super) fn show(output: &Output, plan: &Value) {
    let Some(evidence) = evidence(plan) else { return };
    out!("\n{}", output.paint(&heading(evidence), "1"));
    for remark in remarks(plan, evidence) {
        let word = output.paint(&format!("{:14}", remark.word), remark.sgr);
        out!("  {word} {}", remark.what);
        for field in &remark.fields {
            out!("      {field}");
        }
    }
    for line in summary(evidence) {
        out!("  {line}");
    }
}

/// The evidence of a plan, if there is any.
pub(super) fn evidence(plan: &Value) -> Option<&Value> {
    plan.get("evidence").filter(|evidence| !evidence.is_null())
}

/// `Live, as of 2026-01-01T12:00:00Z`.
pub(super) fn heading(evidence: &Value) -> String {
    let at = text(evidence, "takenAt");
    // What is smaller than a second says nothing here.
    let at = at.split_once('.').map_or_else(|| at.to_owned(), |(whole, _)| format!("{whole}Z"));
    format!("Live, as of {at}")
}

/// What differs from the plan, the gravest first.
pub(super) fn remarks(plan: &Value, evidence: &Value) -> Vec<Remark> {
    let mut remarks: Vec<(u8, Remark)> = Vec::new();
    for found in list(evidence, "objects") {
        let object = name(found.get("object").unwrap_or(&Value::Null), text(found, "destination"));
        let message = text(found, "message");
        let told = match (message, text(found, "code")) {
            ("", "") => String::new(),
            (message, "") => format!(": {message}"),
            ("", code) => format!(" [{code}]"),
            (message, code) => format!(": {message} [{code}]"),
        };
        let mut say = |rank, word, sgr, what: String, fields: Vec<String>| {
            remarks.push((rank, Remark { word, sgr, what, fields }));
        };
        let planned = text(found, "action");
        match text(found, "outcome") {
            "REFUSED" => say(0, "refused", "31;1", format!("{object}{told}"), Vec::new()),
            "FIELD_CONFLICT" => {
                let held = list(found, "conflicts").iter();
                let held = held.map(|it| format!("{} is held by {}", text(it, "field"), text(it, "manager")));
                say(1, "conflict", "31;1", format!("{object}{told}"), held.collect());
            }
            "NOT_OURS" => say(2, "not ours", "31;1", format!("{object}{told}"), Vec::new()),
            "GONE" if planned.is_empty() => say(3, "gone", "33", format!("{object}{told}"), Vec::new()),
            "GONE" => say(4, "gone", "36", format!("{object}: nothing is left behind"), Vec::new()),
            "UNCHANGED" if planned.is_empty() && !message.is_empty() => {
                say(6, "not known", "36", format!("{object}{told}"), Vec::new());
            }
            "UNCHANGED" if !planned.is_empty() => {
                say(4, "unchanged", "36", format!("{object}: it is already as planned"), Vec::new());
            }
            "CHANGED" => {
                let beyond = beyond(plan, found);
                if planned == "CREATE" {
                    say(4, "changed", "33", format!("{object}: it is there already"), beyond);
                } else if !beyond.is_empty() {
                    say(4, "changed", "33", format!("{object}, beyond what was planned"), beyond);
                }
            }
            "CREATED" if ["CHANGE", "REPLACE", "RESTORE"].contains(&planned) => {
                say(4, "created", "33", format!("{object}: it is not there any more"), Vec::new());
            }
            "NOT_KNOWN_YET" => {
                let waits = found.get("waitsFor").filter(|waits| !waits.is_null());
                let waits = waits.map_or_else(String::new, |waits| format!(" ({})", name(waits, "")));
                say(6, "not known yet", "36", format!("{object}{told}{waits}"), Vec::new());
            }
            "REPLACED" if !message.is_empty() => {
                say(6, "not known yet", "36", format!("{object}, created anew{told}"), Vec::new());
            }
            "NOT_ASKED" => say(7, "not asked", "36", format!("{object}{told}"), Vec::new()),
            _ => {}
        }
        let yielded = list(found, "yielded");
        if !yielded.is_empty() {
            let fields: Vec<&str> = yielded.iter().filter_map(Value::as_str).collect();
            let what = format!("{object}: left to other managers: {}", fields.join(", "));
            say(5, "yielded", "36", what, Vec::new());
        }
        let drift = list(found, "drift");
        if !drift.is_empty() {
            let fields = drift.iter().map(|field| {
                let value = |key: &str| field.get(key).filter(|value| !value.is_null()).map(Value::to_string);
                let live = value("live").map_or_else(|| "is gone".to_owned(), |live| format!("is {live}"));
                format!("{}: sent {}, {live}", text(field, "path"), value("sent").unwrap_or_default())
            });
            say(3, "drift", "33", object, fields.collect());
        }
    }
    // The order of the plan stays within a rank.
    remarks.sort_by_key(|(rank, _)| *rank);
    remarks.into_iter().map(|(_, remark)| remark).collect()
}

/// The fields that the API server would change and the plan does not have.
fn beyond(plan: &Value, found: &Value) -> Vec<String> {
    let same = |action: &&Value| {
        action.get("object") == found.get("object") && action.get("destination") == found.get("destination")
    };
    let planned = list(plan, "actions").iter().find(same).map(|action| list(action, "changes"));
    let planned: Vec<&str> = planned.unwrap_or_default().iter().map(|change| text(change, "path")).collect();
    let live = list(found, "changes").iter();
    // A field above or below a planned one is the same change, seen more or less closely.
    let near = |one: &str, other: &str| {
        one == other || one.strip_prefix(other).is_some_and(|rest| rest.starts_with(['.', '[']))
    };
    live.filter(|change| {
        let path = text(change, "path");
        !planned.iter().any(|planned| near(path, planned) || near(planned, path))
    })
    .map(field_change)
    .collect()
}

/// `Deployment shop/web`.
fn name(object: &Value, destination: &str) -> String {
    let side = if destination == "MANAGEMENT" { " (management)" } else { "" };
    format!("{} {}{side}", text(object, "kind"), place(object))
}

/// Counts, nodes and room, a line each.
pub(super) fn summary(evidence: &Value) -> Vec<String> {
    let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
    if evidence.get("reached") == Some(&Value::Bool(false)) && list(evidence, "objects").is_empty() {
        return vec![format!("the cluster was not asked: {}", text(evidence, "reason"))];
    }
    let mut lines = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    // What the plan leaves as it is and is as it was sent is counted by itself.
    let told = |found: &&Value| {
        !text(found, "action").is_empty() || !["", "UNCHANGED"].contains(&text(found, "outcome"))
    };
    for found in list(evidence, "objects").iter().filter(told) {
        *counts.entry(text(found, "outcome").to_lowercase().replace('_', " ")).or_default() += 1;
    }
    let mut parts: Vec<String> =
        counts.into_iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let drifted = list(evidence, "objects").iter().filter(|found| !list(found, "drift").is_empty()).count();
    for (count, word) in [
        (u64::try_from(drifted).unwrap_or(u64::MAX), "drifted"),
        (number(evidence, "asSent"), "as last sent"),
        (number(evidence, "leftOut"), "left out"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    if !parts.is_empty() {
        lines.push(format!("objects: {}", parts.join(", ")));
    }
    let mut room = Vec::new();
    if let Some(nodes) = evidence.get("nodes").filter(|nodes| !nodes.is_null()) {
        room.push(format!(
            "nodes: {} of {} ready, {} for any Pod",
            number(nodes, "ready"),
            number(nodes, "nodes"),
            number(nodes, "schedulable")
        ));
    }
    for resource in list(evidence, "capacity") {
        let more = match text(resource, "additional") {
            "0" => String::new(),
            less if less.starts_with('-') => format!(", {} less", less.trim_start_matches('-')),
            more => format!(", {more} more"),
        };
        let short = if resource.get("fits") == Some(&Value::Bool(false)) { ": not enough" } else { "" };
        room.push(format!(
            "{}: {} of {}{more}{short}",
            text(resource, "resource"),
            text(resource, "requested"),
            text(resource, "allocatable")
        ));
    }
    if !room.is_empty() {
        lines.push(room.join("; "));
    }
    let machines =
        list(evidence, "machines").iter().filter(|it| it.get("repaved") == Some(&Value::Bool(true)));
    let machines: Vec<String> = machines
        .map(|it| {
            let place = match text(it, "pool") {
                "" => "control plane".to_owned(),
                pool => format!("pool \"{pool}\""),
            };
            format!("{place} {} of {} ready", number(it, "ready"), number(it, "present"))
        })
        .collect();
    if !machines.is_empty() {
        lines.push(format!("machines that are replaced: {}", machines.join(", ")));
    }
    for api in list(evidence, "removedApis") {
        let group = text(api, "group");
        let group = if group.is_empty() { String::new() } else { format!("{group}/") };
        lines.push(format!(
            "still asked for: {group}{} {}, gone in {}",
            text(api, "version"),
            text(api, "resource"),
            text(api, "removedIn")
        ));
    }
    for missing in list(evidence, "unknown") {
        lines.push(format!("{} not known: {}", text(missing, "field"), text(missing, "reason")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_comes_first_and_the_rest_is_counted() {
        let object = |name: &str| json!({ "kind": "ConfigMap", "namespace": "shop", "name": name });
        let plan = json!({
            "actions": [{ "object": object("d"), "destination": "WORKLOAD", "changes": [{ "path": "data.a" }] }],
            "evidence": {
                "takenAt": "2026-01-01T12:00:00.123456Z", "reached": true, "asSent": 3, "leftOut": 0,
                "objects": [
                    { "object": object("a"), "action": "CREATE", "outcome": "CREATED" },
                    { "object": object("e"), "outcome": "UNCHANGED", "drift": [{ "path": "data.x", "sent": "1", "live": null }] },
                    { "object": object("d"), "destination": "WORKLOAD", "action": "CHANGE", "outcome": "CHANGED",
                      "changes": [{ "path": "data.a", "before": "1", "after": "2" }, { "path": "data.b", "before": "x" }] },
                    { "object": object("c"), "action": "CHANGE", "outcome": "FIELD_CONFLICT", "code": "FIELD_CONFLICT",
                      "conflicts": [{ "field": ".data.k", "manager": "kubectl" }] },
                    { "object": object("b"), "action": "CREATE", "outcome": "REFUSED", "code": "INVALID_OBJECT", "message": "no" },
                ],
                "nodes": { "nodes": 3, "ready": 2, "schedulable": 2 },
                "capacity": [{ "resource": "cpu", "allocatable": "8", "requested": "1500m", "additional": "250m", "fits": true }],
                "unknown": [{ "field": "removedApis", "reason": "forbidden" }],
            },
        });
        let evidence = evidence(&plan).unwrap();
        assert_eq!(heading(evidence), "Live, as of 2026-01-01T12:00:00Z");
        let said: Vec<String> = remarks(&plan, evidence)
            .into_iter()
            .map(|it| format!("{} {} {}", it.word, it.what, it.fields.join("|")))
            .collect();
        assert_eq!(
            said,
            [
                "refused ConfigMap shop/b: no [INVALID_OBJECT] ",
                "conflict ConfigMap shop/c [FIELD_CONFLICT] .data.k is held by kubectl",
                "drift ConfigMap shop/e data.x: sent \"1\", is gone",
                "changed ConfigMap shop/d, beyond what was planned - data.b: \"x\"",
            ]
        );
        assert_eq!(
            summary(evidence),
            [
                "objects: 1 changed, 1 created, 1 field conflict, 1 refused, 1 drifted, 3 as last sent",
                "nodes: 2 of 3 ready, 2 for any Pod; cpu: 1500m of 8, 250m more",
                "removedApis not known: forbidden",
            ]
        );
        let silent = json!({ "reached": false, "reason": "connection refused", "objects": [] });
        assert_eq!(summary(&silent), ["the cluster was not asked: connection refused"]);
    }
}
