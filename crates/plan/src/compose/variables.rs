//! Variables: one rule. The cluster's value stays if the variable is still there and the value still valid; else the
//! profile's default takes its place, to be acknowledged; required and without either blocks the change by name.

use std::collections::BTreeMap;

use strata_model::{
    composition::Composition,
    error::{Refusal, RefusalCode},
    finding::{Finding, FindingCode, Severity},
    variable::{VariableDefinition, VariableValue},
};

use strata_render::judge_value;

use super::{CompositionRequest, Contents};

/// The longest value, in bytes, that a finding quotes.
const LONGEST_SHOWN: usize = 60;

/// What became of all variables.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) values: BTreeMap<String, VariableValue>,
    pub(super) findings: Vec<Finding>,
}

pub(super) fn carry(
    before: &Composition,
    wanted: &Composition,
    request: &CompositionRequest,
    contents: &dyn Contents,
) -> Result<Carried, Vec<Refusal>> {
    let definitions: Vec<&VariableDefinition> = wanted
        .attachments
        .iter()
        .filter_map(|attachment| contents.profile(&attachment.revision))
        .flat_map(|profile| &profile.variables)
        .collect();
    let mut carried = Carried::default();
    let mut refusals = Vec::new();
    for name in request.variables.keys().filter(|name| !definitions.iter().any(|d| d.name == **name)) {
        refusals.push(invalid(format!("no attached profile has a variable `{name}`")));
    }
    for name in before.variables.keys() {
        let wished = request.variables.contains_key(name);
        if !wished && !definitions.iter().any(|definition| definition.name == *name) {
            carried.findings.push(finding(
                FindingCode::VariableDefaulted,
                Severity::Info,
                name,
                format!("no attached profile has the variable `{name}` any more; the cluster's value goes"),
                "nothing to do",
            ));
        }
    }
    for definition in definitions {
        match settle(definition, before, request, contents, &mut carried.findings) {
            Ok(Some(value)) => {
                carried.values.insert(definition.name.clone(), value);
            }
            Ok(None) => {}
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() { Ok(carried) } else { Err(refusals) }
}

/// The cluster's own value of one variable, if it has one.
fn settle(
    definition: &VariableDefinition,
    before: &Composition,
    request: &CompositionRequest,
    contents: &dyn Contents,
    findings: &mut Vec<Finding>,
) -> Result<Option<VariableValue>, Refusal> {
    let name = &definition.name;
    let check = |value: &VariableValue| match value {
        VariableValue::Plain(text) => judge_value(definition, text),
        // Without its text a secret is taken as it is: it was checked when it came in.
        VariableValue::Sensitive(fingerprint) => {
            contents.secret(fingerprint).map_or(Ok(()), |secret| judge_value(definition, secret.expose()))
        }
    };
    match request.variables.get(name) {
        Some(Some(value)) => {
            if definition.immutable {
                return Err(invalid(format!("the variable `{name}` cannot be changed by clusters")));
            }
            if definition.sensitive && matches!(value, VariableValue::Plain(_)) {
                return Err(invalid(format!("the variable `{name}` is a secret and must be given as one")));
            }
            check(value).map_err(|error| invalid(error.to_string()))?;
            return Ok(Some(value.clone()));
        }
        Some(None) => {}
        None => {
            if let Some(value) = before.variables.get(name) {
                let why = match check(value) {
                    _ if definition.immutable => format!("clusters may not set `{name}` any more"),
                    Ok(()) => return Ok(Some(value.clone())),
                    Err(error) => error.to_string(),
                };
                let shown = |value: &str| {
                    let is_short = value.len() <= LONGEST_SHOWN && !definition.sensitive;
                    if is_short { format!(" `{value}`") } else { String::new() }
                };
                let instead = match (&definition.default_value, definition.required) {
                    (Some(default), _) => Some(format!("the profile's default{} is used", shown(default))),
                    (None, false) => Some("it goes, and there is no default".to_owned()),
                    (None, true) => None,
                };
                let was = match value {
                    VariableValue::Plain(text) => shown(text),
                    VariableValue::Sensitive(_) => String::new(),
                };
                if let Some(instead) = instead {
                    findings.push(finding(
                        FindingCode::VariableDefaulted,
                        Severity::Acknowledge,
                        name,
                        format!("the cluster's value{was} is no longer valid: {why}; {instead}"),
                        "acknowledge it, or set a valid value",
                    ));
                    return Ok(None);
                }
            }
        }
    }
    if definition.required && definition.default_value.is_none() {
        findings.push(finding(
            FindingCode::UnresolvedVariable,
            Severity::Block,
            name,
            format!("the variable `{name}` is required and has no value"),
            "set it for this cluster, or give it a default in the profile",
        ));
    }
    Ok(None)
}

fn invalid(message: String) -> Refusal {
    Refusal::new(RefusalCode::InvalidVariable, message, "look at the variables of the attached profiles")
        .at("variables")
}

fn finding(code: FindingCode, severity: Severity, name: &str, message: String, help: &str) -> Finding {
    Finding {
        code,
        severity,
        message,
        help: help.to_owned(),
        layer: None,
        object: None,
        path: Some(name.to_owned()),
    }
}
