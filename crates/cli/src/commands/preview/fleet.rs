//! A fleet preview, readable in a terminal.

use std::collections::BTreeMap;

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
    for (group, in_full) in told(preview) {
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
            Some(example) if in_full => plan::parts(output, example),
            _ if reason.is_empty() => out!("  {IN_SHORT}"),
            _ => {}
        }
    }
    if let Some(rest) = rest(preview) {
        out!("\n{rest}");
    }
}

/// How many groups of one kind are shown in full.
const IN_FULL: usize = 10;
/// What is said of the others.
pub(super) const IN_SHORT: &str = "one of many groups: preview one of its clusters";

/// The groups, and whether each is shown in full.
pub(super) fn told(preview: &Value) -> Vec<(&Value, bool)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let told = groups(preview).iter().map(|group| {
        let number = seen.entry(text(group, "outcome")).or_default();
        *number += 1;
        (group, *number <= IN_FULL)
    });
    told.collect()
}

/// What is said of groups that were not read.
pub(super) fn rest(preview: &Value) -> Option<String> {
    let shown = u64::try_from(groups(preview).len()).unwrap_or(u64::MAX);
    let more = number(preview.pointer("/groups/totalCount")).saturating_sub(shown);
    let what = if more == 1 { "group" } else { "groups" };
    (more > 0).then(|| {
        format!("{more} more {what}: look at fewer clusters with `--label`, `--running` or `--kubernetes`")
    })
}

/// `web@1.1.0#1 on 10000 clusters: 9871 change in 2 ways, 129 unchanged`.
pub(super) fn headline(preview: &Value) -> String {
    let left_out = match number(preview.get("leftOut")) {
        0 => String::new(),
        left_out => format!("; {left_out} were not looked at"),
    };
    let looked_at = number(preview.get("lookedAt"));
    let clusters = if looked_at == 1 { "cluster" } else { "clusters" };
    let outcomes = outcomes(preview);
    let what = if outcomes.is_empty() { String::new() } else { format!(": {outcomes}") };
    format!("{} on {looked_at} {clusters}{what}{left_out}", text(preview, "to"))
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
pub(super) fn own(group: &Value) -> Vec<String> {
    let lines = members(group).iter().filter_map(|member| {
        let variables = list(member, "variables");
        let variables = variables.iter().map(|own| format!("{}={}", text(own, "key"), text(own, "value")));
        let overridden = list(member, "overridden");
        let overridden =
            overridden.iter().filter_map(Value::as_str).map(|layer| format!("overrides of {layer}"));
        let disagrees = list(member, "disagrees").iter().map(|own| {
            let value = own.get("value").filter(|value| !value.is_null());
            let value = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            format!("{}:{} is {value}", text(own, "layer"), text(own, "path"))
        });
        let own: Vec<String> = variables.chain(overridden).chain(disagrees).collect();
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
