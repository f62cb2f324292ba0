//! A plan, readable in a terminal.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    super::{field_change, list, origin, place, requirement_named, text},
    exit, live,
};
use crate::output::{Output, out};

/// How many findings of one kind that ask for nothing are told one by one.
const OF_ONE_KIND: usize = 3;

/// Shows a plan.
pub(in crate::commands) fn show(output: &Output, plan: &Value) {
    if !output.is_for_people() {
        output.document(plan);
        return;
    }
    let cluster = text(plan, "cluster");
    if !cluster.is_empty() {
        out!("{}\n", output.paint(cluster, "1;4"));
    }
    parts(output, plan);
    let digest = text(plan, "planDigest");
    // Of what is blocked the findings say so.
    let is_blocked = list(plan, "findings").iter().any(exit::blocks);
    if let Some(idle) = exit::idle(plan).filter(|_| !is_blocked) {
        out!("{}", output.paint(idle, "1"));
    }
    out!("\n{} {digest}", output.paint("plan", "1"));
}

/// Shows what a plan does, whichever cluster's it is.
pub(super) fn parts(output: &Output, plan: &Value) {
    layers(output, plan);
    objects(output, plan);
    live::show(output, plan);
    restarts(output, plan);
    repave(output, plan);
    findings(output, plan);
}

fn layers(output: &Output, plan: &Value) {
    for layer in list(plan, "layers") {
        let (current, pending) = (text(layer, "currentPack"), text(layer, "pendingPack"));
        let (before, after) = (text(layer, "currentRevision"), text(layer, "pendingRevision"));
        let diff = text(layer, "diff");
        if current == pending && before == after && diff.is_empty() {
            continue;
        }
        let step = |from: &str, to: &str| match (from, to) {
            ("", to) => format!("new, {to}"),
            (from, "") => format!("{from}, goes"),
            (from, to) if from == to => from.to_owned(),
            (from, to) => format!("{from} → {to}"),
        };
        let name = match text(layer, "displayName") {
            "" => text(layer, "layer").to_owned(),
            shown => format!("{} “{shown}”", text(layer, "layer")),
        };
        let title = format!("{name} ({})", step(current, pending));
        out!("{}  {}", output.paint(&title, "1"), step(before, after));
        output.diff(diff);
        let redundant = list(layer, "redundant");
        if !redundant.is_empty() {
            let paths: Vec<&str> = redundant.iter().filter_map(Value::as_str).collect();
            out!("    the profile now says the same as the override of {}", paths.join(", "));
        }
    }
    for conflict in list(plan, "conflicts") {
        out!(
            "{} {}:{} {}",
            output.paint("conflict", "31;1"),
            text(conflict, "layer"),
            text(conflict, "path"),
            text(conflict, "message")
        );
        for (side, what) in sides(conflict) {
            out!("    {side:8} {what}");
        }
    }
}

/// What each side of a conflict says, and from where.
pub(super) fn sides(conflict: &Value) -> [(&'static str, String); 3] {
    [("running", "base", "baseOrigin"), ("override", "ours", "oursOrigin"), ("new", "theirs", "theirsOrigin")]
        .map(|(side, value, from)| {
            let is = conflict.get(value).filter(|value| !value.is_null());
            let is = is.map_or_else(|| "nothing".to_owned(), Value::to_string);
            let mut from = conflict.get(from).cloned().unwrap_or_default();
            if let Some(from) = from.as_object_mut() {
                from.shift_remove("at");
            }
            let from = if from.is_null() { String::new() } else { format!(", from {}", origin(&from)) };
            (side, format!("{is}{from}"))
        })
}

fn objects(output: &Output, plan: &Value) {
    let actions = list(plan, "actions");
    if !actions.is_empty() {
        out!("\n{}", output.paint("Objects", "1"));
    }
    for action in actions {
        let word = text(action, "action");
        let sgr = match word {
            "CREATE" | "RESTORE" => "32",
            "CHANGE" => "33",
            "ORPHAN" | "KEEP" => "36",
            _ => "31",
        };
        let object = action.get("object").cloned().unwrap_or_default();
        let place = place(&object);
        let side = if text(action, "destination") == "MANAGEMENT" { " (management)" } else { "" };
        let word = output.paint(&format!("{word:14}"), sgr);
        out!("  {word} {} {place}{side}", text(&object, "kind"));
        for change in list(action, "changes") {
            out!("      {}", field_change(change));
        }
        let note = text(action, "note");
        if !note.is_empty() {
            out!("      {note}");
        }
    }
    if let Some(unchanged) = plan.get("unchanged").and_then(Value::as_u64).filter(|unchanged| *unchanged > 0)
    {
        out!("  {unchanged} unchanged");
    }
}

fn restarts(output: &Output, plan: &Value) {
    let restarts = restarted(plan);
    if !restarts.is_empty() {
        out!("\n{}", output.paint("Pods are replaced", "1"));
    }
    for line in restarts {
        out!("  {line}");
    }
}

/// Whose Pods are replaced, and why, a line each.
pub(super) fn restarted(plan: &Value) -> Vec<String> {
    let line = |restart: &Value| {
        let object = restart.get("object").cloned().unwrap_or_default();
        let paths = list(restart, "paths");
        let paths: Vec<&str> = paths.iter().filter_map(Value::as_str).collect();
        let why = if paths.is_empty() { "all of it is replaced".to_owned() } else { paths.join(", ") };
        format!("{} {}: {why}", text(&object, "kind"), place(&object))
    };
    list(plan, "restarts").iter().map(line).collect()
}

fn repave(output: &Output, plan: &Value) {
    let Some((what, reasons)) = repaved(plan) else { return };
    out!("\n{} {what}", output.paint("Nodes are replaced:", "33;1"));
    for reason in reasons {
        out!("  {reason}");
    }
}

/// Which nodes are replaced, and why, a line for each reason.
pub(super) fn repaved(plan: &Value) -> Option<(String, Vec<String>)> {
    let repave = plan.get("repave").filter(|repave| repave.get("required") == Some(&Value::Bool(true)))?;
    let scope = text(repave, "scope");
    let plane = ["FULL", "CONTROL_PLANE"].contains(&scope).then(|| "control plane".to_owned());
    let pools = list(repave, "pools");
    let pools = pools.iter().filter_map(Value::as_str).map(|pool| format!("pool \"{pool}\""));
    let what: Vec<String> = plane.into_iter().chain(pools).collect();
    let reason = |reason: &Value| {
        let place = match text(reason, "pool") {
            "" => "control plane".to_owned(),
            pool => format!("pool \"{pool}\""),
        };
        format!("{place}: {} [{}]", text(reason, "message"), text(reason, "code"))
    };
    Some((format!("{scope} ({})", what.join(", ")), list(repave, "reasons").iter().map(reason).collect()))
}

/// What must be approved, by whom: `REPAVE: control plane and pool "blue", by 1 APPROVER`.
pub(super) fn required(plan: &Value) -> Vec<String> {
    let line = |requirement: &Value| {
        let quorum = requirement.get("quorum").and_then(Value::as_u64).unwrap_or(1);
        format!("{}, by {quorum} {}", requirement_named(requirement), text(requirement, "role"))
    };
    list(plan, "requirements").iter().map(line).collect()
}

fn findings(output: &Output, plan: &Value) {
    let findings = list(plan, "findings");
    let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for finding in findings {
        let severity = text(finding, "severity");
        // What is only good to know is told a few times; the objects say it each.
        let kind = (severity, text(finding, "code"));
        let number = told.entry(kind).or_default();
        *number += 1;
        if severity == "INFO" && *number > OF_ONE_KIND {
            let all = findings.iter().filter(|it| (text(it, "severity"), text(it, "code")) == kind).count();
            if *number == OF_ONE_KIND + 1 {
                out!("\n{} and {} more [{}]", output.paint(severity, "36"), all - OF_ONE_KIND, kind.1);
            }
            continue;
        }
        let sgr = match severity {
            "BLOCK" => "31;1",
            "ACKNOWLEDGE" => "33",
            _ => "36",
        };
        out!("\n{} {} [{}]", output.paint(severity, sgr), text(finding, "message"), text(finding, "code"));
        let help = text(finding, "help");
        if !help.is_empty() {
            out!("  {help}");
        }
    }
    if findings.iter().any(exit::blocks) {
        out!("\n{} nobody can approve it: mend what is told above", output.paint("blocked:", "31;1"));
        return;
    }
    for line in required(plan) {
        out!("\n{} {line}", output.paint("needs approval:", "33;1"));
    }
}
