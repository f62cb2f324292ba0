//! Previews as Markdown, fit for a pull request.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use super::{
    super::{field_change, list, place, text},
    exit, fleet, live,
    plan::{repaved, required, restarted, sides},
};

/// The plan of one cluster.
pub(in crate::commands) fn plan(plan: &Value) -> String {
    let mut page = format!("## `{}`\n\n", text(plan, "cluster"));
    parts(&mut page, plan);
    push(&mut page, format_args!("plan `{}`", text(plan, "planDigest")));
    page
}

/// A fleet preview.
pub(super) fn fleet(preview: &Value) -> String {
    let mut page = format!("## {}\n", fleet::headline(preview));
    for (group, in_full) in fleet::told(preview) {
        push(&mut page, format_args!("\n### {} — {}\n", fleet::title(group), fleet::names(group)));
        let own = fleet::own(group);
        for line in &own {
            push(&mut page, format_args!("- {}", inline(line)));
        }
        if !own.is_empty() {
            page.push('\n');
        }
        let reason = text(group, "reason");
        if !reason.is_empty() {
            fenced(&mut page, "", reason);
        }
        match group.get("example").filter(|example| !example.is_null()) {
            Some(example) if in_full => parts(&mut page, example),
            _ if reason.is_empty() => push(&mut page, format_args!("{}", fleet::IN_SHORT)),
            _ => {}
        }
    }
    if let Some(rest) = fleet::rest(preview) {
        push(&mut page, format_args!("\n{rest}"));
    }
    page
}

fn parts(page: &mut String, plan: &Value) {
    push(page, format_args!("{}\n", summary(plan)));
    for finding in list(plan, "findings") {
        let (severity, code) = (text(finding, "severity"), text(finding, "code"));
        push(page, format_args!("- **{severity}** {} `{code}`", inline(text(finding, "message"))));
        let help = text(finding, "help");
        if severity != "INFO" && !help.is_empty() {
            push(page, format_args!("  - {}", inline(help)));
        }
    }
    for conflict in list(plan, "conflicts") {
        let place = format!("{}:{}", text(conflict, "layer"), text(conflict, "path"));
        push(page, format_args!("- **conflict** `{place}` {}", inline(text(conflict, "message"))));
        for (side, what) in sides(conflict) {
            push(page, format_args!("  - {side}: {}", inline(&what)));
        }
    }
    for reason in repaved(plan).into_iter().flat_map(|(_, reasons)| reasons) {
        push(page, format_args!("- **nodes are replaced** {}", inline(&reason)));
    }
    for restart in restarted(plan) {
        push(page, format_args!("- **Pods are replaced** {}", inline(&restart)));
    }
    for layer in list(plan, "layers") {
        let diff = text(layer, "diff");
        if diff.is_empty() {
            continue;
        }
        let (from, to) = (text(layer, "currentPack"), text(layer, "pendingPack"));
        let packs = match (from, to) {
            (from, to) if from == to => from.to_owned(),
            ("", to) => format!("new, {to}"),
            (from, "") => format!("{from}, goes"),
            (from, to) => format!("{from} → {to}"),
        };
        let title = format!("{} ({})", text(layer, "layer"), packs);
        push(page, format_args!("\n<details><summary>{}</summary>\n", inline(&title)));
        fenced(page, "diff", diff);
        push(page, format_args!("</details>"));
    }
    let actions = list(plan, "actions");
    if !actions.is_empty() {
        push(page, format_args!("\n| | object | layer | fields |\n|---|---|---|---|"));
    }
    for action in actions {
        let object = action.get("object").cloned().unwrap_or_default();
        let at = place(&object);
        let changes = list(action, "changes");
        let fields: Vec<String> =
            changes.iter().take(5).map(|change| code(&short(&field_change(change)))).collect();
        let more = if changes.len() > 5 { format!(" and {} more", changes.len() - 5) } else { String::new() };
        push(
            page,
            format_args!(
                "| {} | {} {} | {} | {}{more} |",
                text(action, "action").to_lowercase().replace('_', " "),
                cell(text(&object, "kind")),
                cell(&at),
                cell(text(action, "layer")),
                fields.join("<br>"),
            ),
        );
    }
    if let Some(evidence) = live::evidence(plan) {
        push(page, format_args!("\n**{}**\n", live::heading(evidence)));
        for remark in live::remarks(plan, evidence) {
            push(page, format_args!("- **{}** {}", remark.word, inline(&remark.what)));
            for field in &remark.fields {
                push(page, format_args!("  - {}", inline(field)));
            }
        }
        for line in live::summary(evidence) {
            push(page, format_args!("- {}", inline(&line)));
        }
    }
    page.push('\n');
}

/// `Objects: 2 change, 1 create; **nodes are replaced**: WORKER_POOLS (pool "blue"); needs approval: REPAVE: …`.
fn summary(plan: &Value) -> String {
    if let Some(idle) = exit::idle(plan) {
        return idle.to_owned();
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for action in list(plan, "actions") {
        *counts.entry(text(action, "action").to_lowercase().replace('_', " ")).or_default() += 1;
    }
    let counts: Vec<String> = counts.into_iter().map(|(action, count)| format!("{count} {action}")).collect();
    let mut parts = vec![format!("Objects: {}", counts.join(", "))];
    if let Some((what, _)) = repaved(plan) {
        parts.push(format!("**nodes are replaced**: {what}"));
    }
    let restarts = list(plan, "restarts").len();
    if restarts > 0 {
        let of = if restarts == 1 { "workload" } else { "workloads" };
        parts.push(format!("Pods of {restarts} {of} are replaced"));
    }
    if list(plan, "findings").iter().any(exit::blocks) {
        parts.push("**blocked**: nobody can approve it".to_owned());
    } else {
        parts.extend(required(plan).iter().map(|line| format!("needs approval: {line}")));
    }
    if plan.get("reversible") == Some(&json!(false)) {
        parts.push("**cannot be taken back as a whole**".to_owned());
    }
    parts.join("; ")
}

/// A text in a fence that it cannot close.
fn fenced(page: &mut String, language: &str, text: &str) {
    let longest = text
        .lines()
        .map(|line| line.trim_start_matches([' ', '+', '-']).chars())
        .map(|line| line.take_while(|letter| *letter == '`').count());
    let fence = "`".repeat(longest.max().unwrap_or(0).max(2) + 1);
    push(page, format_args!("{fence}{language}\n{}\n{fence}", text.trim_end_matches('\n')));
}

/// A text that stays in its line and brings no markup, links or pictures; what it says to be code is code.
fn inline(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('<', "&lt;").replace('>', "&gt;").replace("](", "]\\(")
}

/// A text as code in a table: what stands there is no markup.
fn code(text: &str) -> String {
    format!("`{}`", text.replace(['\n', '\r'], " ").replace('|', "\\|").replace('`', "'"))
}

/// A text that fits a table.
fn short(text: &str) -> String {
    const LONGEST: usize = 120;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn cell(text: &str) -> String {
    inline(text).replace('|', "\\|").replace('`', "'")
}

fn push(page: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a text never fails.
    writeln!(page, "{line}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_page() {
        let page = plan(&json!({
            "cluster": "eu-1", "planDigest": "hmac:1", "isEmpty": false, "reversible": true,
            "layers": [{ "layer": "app", "currentPack": "web 1.0.0", "pendingPack": "web 1.1.0", "diff": "-a\n+```\n" }],
            "actions": [{
                "action": "CHANGE", "layer": "app", "object": { "kind": "ConfigMap", "namespace": "shop", "name": "a|b" },
                "changes": [{ "path": "data.a", "before": "1", "after": "2" }],
            }],
            "repave": {
                "required": true, "scope": "WORKER_POOLS", "pools": ["blue"],
                "reasons": [{ "code": "TEMPLATE", "pool": "blue", "message": "its image changes" }],
            },
            "restarts": [{ "object": { "kind": "Deployment", "namespace": "shop", "name": "web" }, "paths": ["spec.template"] }],
            "requirements": [{ "kind": "REPAVE", "scope": "pool \"blue\"", "quorum": 1, "role": "APPROVER" }],
            "conflicts": [{ "layer": "app", "path": "a", "message": "both changed it", "base": 1, "ours": "<2>", "theirs": null }],
            "findings": [
                { "severity": "INFO", "code": "LEFT_BEHIND", "message": "<b>\nleft [here](http://x)", "help": "none" },
                { "severity": "BLOCK", "code": "MERGE_CONFLICT", "message": "they differ", "help": "decide" },
            ],
        }));
        assert_eq!(
            page,
            "## `eu-1`\n\nObjects: 1 change; **nodes are replaced**: WORKER_POOLS (pool \"blue\"); \
             Pods of 1 workload are replaced; **blocked**: nobody can approve it\n\n\
             - **INFO** &lt;b&gt; left [here]\\(http://x) `LEFT_BEHIND`\n\
             - **BLOCK** they differ `MERGE_CONFLICT`\n  - decide\n\
             - **conflict** `app:a` both changed it\n  - running: 1\n  - override: \"&lt;2&gt;\"\n  - new: nothing\n\
             - **nodes are replaced** pool \"blue\": its image changes [TEMPLATE]\n\
             - **Pods are replaced** Deployment shop/web: spec.template\n\
             \n<details><summary>app (web 1.0.0 → web 1.1.0)</summary>\n\n````diff\n-a\n+```\n````\n</details>\n\
             \n| | object | layer | fields |\n|---|---|---|---|\n\
             | change | ConfigMap shop/a\\|b | app | `~ data.a: \"1\" → \"2\"` |\n\nplan `hmac:1`\n"
        );
    }
}
