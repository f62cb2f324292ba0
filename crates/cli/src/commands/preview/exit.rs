//! What a preview ends with: 0 nothing to do, 2 changes, 3 conflicts, blocking findings, or what `--fail-on` names.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strata_model::finding::FindingCode;

use super::super::{list, text};
use crate::{
    exit::{CliError, Code},
    output::tell,
};

const REPAVE: &str = "repave";
const CONFLICT: &str = "conflict";
/// The living cluster would refuse an object, others hold its fields, or it is not Strata's.
const REFUSED: &str = "refused";

/// The reasons that somebody named: `repave`, `conflict`, `refused`, or a finding's code.
pub(super) fn reasons(named: &[String], live: bool) -> Result<Vec<String>, CliError> {
    if !live && named.iter().any(|name| name == REFUSED) {
        let message = "what a cluster refuses is known with `--live` only, which asks one cluster: name it";
        return Err(CliError::Usage(message.to_owned()));
    }
    let known: Vec<String> = FindingCode::ALL.iter().map(|code| reason(code.as_str())).collect();
    for name in named {
        if ![REPAVE, CONFLICT, REFUSED].contains(&name.as_str()) && !known.contains(name) {
            return Err(CliError::Usage(format!(
                "`{name}` is nothing to fail on: name repave, conflict, refused, or a finding like {}",
                known.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
            )));
        }
    }
    Ok(named.to_vec())
}

/// `CRD_BREAKING` → `crd-breaking`.
fn reason(code: &str) -> String {
    code.to_lowercase().replace('_', "-")
}

fn code(blocked: bool, nothing: bool, reasons: &BTreeSet<String>, fail_on: &[String]) -> Code {
    let met: Vec<&str> =
        fail_on.iter().filter(|named| reasons.contains(*named)).map(String::as_str).collect();
    if !met.is_empty() {
        tell!("failed on: {}", met.join(", "));
    }
    if blocked || !met.is_empty() {
        Code::Blocked
    } else if nothing {
        Code::Ok
    } else {
        Code::Changes
    }
}

pub(super) fn blocks(finding: &Value) -> bool {
    text(finding, "severity") == "BLOCK"
}

/// What the preview of one cluster ends with.
pub(in crate::commands) fn of_plan(plan: &Value, fail_on: &[String]) -> Code {
    let findings = list(plan, "findings");
    let mut reasons: BTreeSet<String> =
        findings.iter().map(|finding| reason(text(finding, "code"))).collect();
    if plan.pointer("/repave/required") == Some(&json!(true)) {
        reasons.insert(REPAVE.to_owned());
    }
    if !list(plan, "conflicts").is_empty() {
        reasons.insert(CONFLICT.to_owned());
    }
    let objects = plan.pointer("/evidence/objects").and_then(Value::as_array).into_iter().flatten();
    if objects.into_iter().any(|found| found.get("stops") == Some(&json!(true))) {
        reasons.insert(REFUSED.to_owned());
    }
    // A gate is not passed because nobody could be asked.
    if plan.pointer("/evidence/reached") == Some(&json!(false)) {
        reasons.insert(REFUSED.to_owned());
    }
    code(findings.iter().any(blocks), plan.get("isEmpty") == Some(&json!(true)), &reasons, fail_on)
}

/// What there is to say of a plan that does nothing.
pub(super) fn idle(plan: &Value) -> Option<&'static str> {
    let blocked = list(plan, "findings").iter().any(blocks);
    (plan.get("isEmpty") == Some(&json!(true))).then_some(if blocked {
        "Nothing can be done: it is blocked."
    } else {
        "Nothing to do."
    })
}

/// What the preview of many ends with.
pub(super) fn of_fleet(preview: &Value, fail_on: &[String]) -> Code {
    let mut reasons: BTreeSet<String> =
        list(preview, "findings").iter().map(|finding| reason(text(finding, "code"))).collect();
    let outcomes: BTreeSet<&str> =
        list(preview, "outcomes").iter().map(|counted| text(counted, "outcome")).collect();
    if !list(preview, "repaves").is_empty() {
        reasons.insert(REPAVE.to_owned());
    }
    if outcomes.contains("CONFLICTS") {
        reasons.insert(CONFLICT.to_owned());
    }
    let left_out = preview.get("leftOut").and_then(Value::as_u64).unwrap_or(0);
    if left_out > 0 {
        tell!("{left_out} clusters were not looked at: nobody knows what happens to them");
    }
    let blocked = ["CONFLICTS", "BLOCKED", "REFUSED"].iter().any(|outcome| outcomes.contains(outcome));
    code(blocked || left_out > 0, !outcomes.contains("CHANGES"), &reasons, fail_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_fit_for_ci() {
        let plan = |severity: &str, code: &str, nothing: bool, repave: bool| {
            json!({
                "isEmpty": nothing, "repave": { "required": repave },
                "findings": [{ "severity": severity, "code": code }],
            })
        };
        let nothing = json!({ "isEmpty": true, "findings": [] });
        let blocked =
            json!({ "isEmpty": true, "findings": [{ "code": "RENDER_FAILED", "severity": "BLOCK" }] });
        assert_eq!(idle(&nothing), Some("Nothing to do."));
        assert_eq!(idle(&blocked), Some("Nothing can be done: it is blocked."));
        assert_eq!(of_plan(&nothing, &[]), Code::Ok);
        assert_eq!(of_plan(&plan("INFO", "LEFT_BEHIND", false, true), &[]), Code::Changes);
        assert_eq!(of_plan(&plan("BLOCK", "MERGE_CONFLICT", false, false), &[]), Code::Blocked);
        assert_eq!(of_plan(&plan("INFO", "LEFT_BEHIND", false, true), &["repave".into()]), Code::Blocked);
        let breaking = plan("ACKNOWLEDGE", "CRD_BREAKING", false, false);
        assert_eq!(of_plan(&breaking, &["repave".into()]), Code::Changes);
        assert_eq!(of_plan(&breaking, &["repave".into(), "crd-breaking".into()]), Code::Blocked);
        assert!(reasons(&["crd-breaking".into(), "repave".into(), "conflict".into()], false).is_ok());
        assert!(reasons(&["everything".into()], true).is_err());
        assert!(reasons(&["refused".into()], true).is_ok());
        assert!(reasons(&["refused".into()], false).is_err());
        // Evidence counts when somebody asks for it to count.
        let mut live = plan("INFO", "LEFT_BEHIND", false, false);
        live["evidence"] = json!({ "objects": [{ "stops": false }, { "stops": true }] });
        assert_eq!(of_plan(&live, &[]), Code::Changes);
        assert_eq!(of_plan(&live, &["refused".into()]), Code::Blocked);
    }

    #[test]
    fn many_end_as_the_gravest_of_them() {
        let fleet = |outcomes: &[&str]| {
            let counted: Vec<Value> =
                outcomes.iter().map(|outcome| json!({ "outcome": outcome, "clusters": 1 })).collect();
            json!({ "outcomes": counted, "findings": [], "repaves": [{ "scope": "FULL" }] })
        };
        assert_eq!(of_fleet(&fleet(&["UNCHANGED"]), &[]), Code::Ok);
        assert_eq!(of_fleet(&fleet(&["UNCHANGED", "CHANGES"]), &[]), Code::Changes);
        assert_eq!(of_fleet(&fleet(&["CHANGES", "REFUSED"]), &[]), Code::Blocked);
        assert_eq!(of_fleet(&fleet(&["CHANGES"]), &["repave".into()]), Code::Blocked);
    }
}
