//! A plan as a document for people.

use std::fmt::{self, Write as _};

use serde_json::Value;
use strata_model::{
    change::RequirementKind,
    finding::Severity,
    object::Destination,
    plan::{Action, FieldChange, LayerPreview, Plan, PlannedAction},
};

use crate::requirements::{repave_scope, requirements};

/// Longest value shown on a line, in characters.
const LONGEST_VALUE: usize = 60;
/// Most fields shown of one object or layer; the rest is counted.
const MOST_FIELDS: usize = 20;

/// The plan as text: what happens, in which order, to which nodes, what stays behind, what must be decided. Contains no
/// colour and no clear secret, and ends in a line break.
#[must_use]
pub fn report(plan: &Plan) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    write(&mut out, plan).unwrap_or_default();
    out
}

fn write(out: &mut String, plan: &Plan) -> fmt::Result {
    writeln!(out, "Plan {}", plan.digest.short())?;
    let blocked = plan.findings.iter().any(|finding| finding.severity == Severity::Block);
    if plan.is_empty() && blocked {
        writeln!(out, "Nothing can be done before what blocks it is mended.")?;
    } else if plan.is_empty() {
        writeln!(out, "Nothing changes: {} are as they should be.", count(plan.unchanged, "object"))?;
    } else {
        writeln!(out, "{}", summary(plan))?;
    }
    values(out, plan)?;
    conflicts(out, plan)?;
    steps(out, plan)?;
    repave(out, plan)?;
    findings(out, plan)?;
    let requirements = requirements(plan);
    if !requirements.is_empty() {
        writeln!(out, "\nNeeds approval")?;
        for requirement in requirements {
            let kind = match requirement.kind {
                RequirementKind::Repave => "repave",
                RequirementKind::BreakingApi => "breaking API",
                RequirementKind::Guard => "guard",
            };
            writeln!(
                out,
                "  {kind}: {} (by {} with role {})",
                requirement.scope, requirement.quorum, requirement.role
            )?;
        }
    }
    if !plan.is_empty() {
        let text = if plan.reversible {
            "All of it can be taken back by a later change."
        } else {
            "Not all of it can be taken back by a later change."
        };
        writeln!(out, "\n{text}")?;
    }
    Ok(())
}

fn summary(plan: &Plan) -> String {
    let number = |action: Action| plan.actions.iter().filter(|planned| planned.action == action).count();
    let mut parts = Vec::new();
    for (action, verb) in [
        (Action::Create, "to create"),
        (Action::Change, "to change"),
        (Action::Replace, "to replace"),
        (Action::Restore, "to bring back"),
        (Action::ScaleToZero, "to scale to zero"),
        (Action::Delete, "to delete"),
        (Action::Keep, "to keep"),
        (Action::Orphan, "left behind"),
        (Action::RunHook, "hooks to run"),
    ] {
        let number = number(action);
        if number > 0 {
            parts.push(format!("{number} {verb}"));
        }
    }
    parts.push(format!("{} unchanged", plan.unchanged));
    parts.join(", ")
}

fn values(out: &mut String, plan: &Plan) -> fmt::Result {
    let changed: Vec<&LayerPreview> = plan
        .layers
        .iter()
        .filter(|layer| !layer.changes.is_empty() || layer.current_pack != layer.pending_pack)
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nValues")?;
    for layer in changed {
        let pack = match (&layer.current_pack, &layer.pending_pack) {
            (None, Some(pending)) => format!("{pending}, new"),
            (Some(current), None) => format!("{current}, goes"),
            (Some(current), Some(pending)) if current != pending => format!("{current} → {pending}"),
            (_, pending) => pending.clone().unwrap_or_default(),
        };
        writeln!(out, "  layer {} ({pack})", layer.layer)?;
        if layer.current_pack.is_some() && layer.pending_pack.is_some() {
            fields(out, &layer.changes, "    ")?;
        }
        if !layer.override_patch.is_empty() {
            let paths: Vec<String> = layer.override_patch.0.iter().map(|op| op.path().to_string()).collect();
            writeln!(out, "    override kept: {}", paths.join(", "))?;
        }
    }
    Ok(())
}

fn conflicts(out: &mut String, plan: &Plan) -> fmt::Result {
    if plan.conflicts.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nConflicts to decide")?;
    for conflict in &plan.conflicts {
        writeln!(out, "  {}", conflict.message)?;
        for (side, value) in
            [("before", &conflict.base), ("override", &conflict.ours), ("profile", &conflict.theirs)]
        {
            writeln!(out, "    {side}: {}", shown(value.as_ref()))?;
        }
    }
    Ok(())
}

fn steps(out: &mut String, plan: &Plan) -> fmt::Result {
    for (number, step) in plan.steps.iter().enumerate() {
        let title = match &step.kind {
            strata_model::plan::StepKind::AddOns { priority }
                if *priority == crate::steps::INFRASTRUCTURE_PRIORITY =>
            {
                "network and storage".to_owned()
            }
            kind => kind.title(),
        };
        let repaves = if step.repaves { ", replaces nodes" } else { "" };
        writeln!(out, "\nStep {}: {title}{repaves}", number + 1)?;
        for index in &step.actions {
            let action = usize::try_from(*index).ok().and_then(|index| plan.actions.get(index));
            if let Some(action) = action {
                self::action(out, action)?;
            }
        }
    }
    Ok(())
}

fn action(out: &mut String, action: &PlannedAction) -> fmt::Result {
    let sign = match action.action {
        Action::Create => '+',
        Action::Change => '~',
        Action::Replace => '!',
        Action::Orphan => '?',
        Action::ScaleToZero => '0',
        Action::Restore => '^',
        Action::Delete => '-',
        Action::Keep => '=',
        Action::RunHook => '>',
    };
    let destination =
        if action.destination == Destination::Management { " on the management cluster" } else { "" };
    writeln!(out, "  {sign} {}{destination} [{}]", action.key, action.layer)?;
    if let Some(note) = &action.note {
        writeln!(out, "      {note}")?;
    }
    fields(out, &action.changes, "      ")
}

fn fields(out: &mut String, changes: &[FieldChange], indent: &str) -> fmt::Result {
    for change in changes.iter().take(MOST_FIELDS) {
        let (before, after) = (shown(change.before.as_ref()), shown(change.after.as_ref()));
        writeln!(out, "{indent}{}: {before} → {after}", change.path)?;
    }
    match changes.len().checked_sub(MOST_FIELDS) {
        Some(more) if more > 0 => writeln!(out, "{indent}and {more} more"),
        _ => Ok(()),
    }
}

fn repave(out: &mut String, plan: &Plan) -> fmt::Result {
    if !plan.repave.required() {
        return Ok(());
    }
    writeln!(out, "\nReplaces the nodes of: {}", repave_scope(plan))?;
    for reason in &plan.repave.reasons {
        writeln!(out, "  {}: {}", reason.object, reason.message)?;
    }
    Ok(())
}

fn findings(out: &mut String, plan: &Plan) -> fmt::Result {
    for (severity, title) in [
        (Severity::Block, "Blocked by"),
        (Severity::Acknowledge, "To acknowledge"),
        (Severity::Info, "Good to know"),
    ] {
        let mut findings = plan.findings.iter().filter(|finding| finding.severity == severity).peekable();
        if findings.peek().is_none() {
            continue;
        }
        writeln!(out, "\n{title}")?;
        for finding in findings {
            writeln!(out, "  {}: {}", finding.code, finding.message)?;
            if severity != Severity::Info && !finding.help.is_empty() {
                writeln!(out, "    {}", finding.help)?;
            }
        }
    }
    Ok(())
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => return "none".to_owned(),
        Some(Value::String(text)) if !text.is_empty() && !text.contains('\n') => text.clone(),
        Some(value) => value.to_string(),
    };
    if text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    let start: String = text.chars().take(LONGEST_VALUE).collect();
    format!("{start}…")
}

fn count(number: u32, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
