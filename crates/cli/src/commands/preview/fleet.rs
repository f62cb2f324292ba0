//! A fleet preview, readable in a terminal.

use serde_json::Value;

use super::{
    super::{list, text},
    plan,
};
use crate::output::{Output, out};

/// Shows what a target does to many clusters, group by group.
pub(super) fn show(output: &Output, preview: &Value) {
    if !output.is_for_people() {
        output.document(preview);
        return;
    }
    out!("{}", output.paint(&headline(preview), "1"));
    for group in groups(preview) {
        let sgr = match text(group, "outcome") {
            "UNCHANGED" => "32;1",
            "CHANGES" => "33;1",
            _ => "31;1",
        };
        out!("\n{}  {}", output.paint(&title(group), sgr), names(group));
        for line in own(group) {
            out!("  {line}");
        }
        let reason = text(group, "reason");
        if !reason.is_empty() {
            out!("  {}", reason.replace('\n', "\n  "));
        }
        match group.get("example").filter(|example| !example.is_null()) {
            Some(example) => plan::parts(output, example),
            None if reason.is_empty() => {
                out!("  too many groups to show each: preview one of its clusters");
            }
            None => {}
        }
    }
    let shown = groups(preview).len();
    let all = number(preview.pointer("/groups/totalCount"));
    if all > u64::try_from(shown).unwrap_or(u64::MAX) {
        out!(
            "\n{} more groups: see them with `-o json` of fewer clusters",
            all - u64::try_from(shown).unwrap_or(0)
        );
    }
}

/// `web@1.1.0#1 on 10000 clusters: 9871 change in 2 ways, 129 unchanged`.
pub(super) fn headline(preview: &Value) -> String {
    let left_out = match number(preview.get("leftOut")) {
        0 => String::new(),
        left_out => format!("; {left_out} were not looked at"),
    };
    let clusters = number(preview.get("lookedAt"));
    let outcomes = outcomes(preview);
    let what = if outcomes.is_empty() { String::new() } else { format!(": {outcomes}") };
    format!("{} on {clusters} clusters{what}{left_out}", text(preview, "to"))
}

/// `9871 change in 2 ways, 129 unchanged`.
pub(super) fn outcomes(preview: &Value) -> String {
    let outcomes = list(preview, "outcomes").iter().map(|counted| {
        let clusters = number(counted.get("clusters"));
        let groups = number(counted.get("groups"));
        let ways = if groups > 1 { format!(" in {groups} ways") } else { String::new() };
        format!("{clusters} {}{ways}", word(text(counted, "outcome")))
    });
    outcomes.collect::<Vec<_>>().join(", ")
}

/// What a group is called: `9871 change`.
pub(super) fn title(group: &Value) -> String {
    format!("{} {}", number(group.get("clusters")), word(text(group, "outcome")))
}

fn word(outcome: &str) -> &str {
    match outcome {
        "UNCHANGED" => "unchanged",
        "CHANGES" => "change",
        "CONFLICTS" => "conflict",
        "BLOCKED" => "blocked",
        "REFUSED" => "without a plan",
        other => other,
    }
}

/// The first of its clusters, by name.
pub(super) fn names(group: &Value) -> String {
    let members = members(group);
    let mut names: Vec<&str> = members.iter().map(|member| text(member, "cluster")).collect();
    if number(group.get("clusters")) > u64::try_from(names.len()).unwrap_or(u64::MAX) {
        names.push("…");
    }
    names.join(", ")
}

/// What clusters that are shown have of their own.
fn own(group: &Value) -> Vec<String> {
    let lines = members(group).iter().filter_map(|member| {
        let variables = list(member, "variables");
        let variables = variables.iter().map(|own| format!("{}={}", text(own, "key"), text(own, "value")));
        let overridden = list(member, "overridden");
        let overridden =
            overridden.iter().filter_map(Value::as_str).map(|layer| format!("overrides of {layer}"));
        let own: Vec<String> = variables.chain(overridden).collect();
        (!own.is_empty()).then(|| format!("{}: {}", text(member, "cluster"), own.join(", ")))
    });
    lines.collect()
}

pub(super) fn groups(preview: &Value) -> &[Value] {
    preview.pointer("/groups/nodes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn members(group: &Value) -> &[Value] {
    group.pointer("/members/nodes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(Value::as_u64).unwrap_or(0)
}
