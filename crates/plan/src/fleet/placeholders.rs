//! Placeholders: what takes the place of the values of variables when effects are compared.
//!
//! *Idea.* What a variable makes of a plan is found by giving it another value: everything that then differs came from the
//! variable. A plan that is made with the same placeholders on each cluster says what happens apart from their variables, and
//! where it has the shape of the real one, it says so truly.
//!
//! *Caveats.* Switches (`BOOLEAN`) and secrets keep their values: the first decide what is rendered, the others are masked. So do those with options or a
//! regular expression that a placeholder is not one of. One that a template or a schema refuses leaves the effect with the values in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strata_model::{
    plan::Plan,
    variable::{VariableDefinition, VariableFormat, VariableValue},
};
use strata_render::judge_value;

/// The first number that stands for one. Valid as a port and as a count.
const FIRST_NUMBER: u32 = 7001;
/// How many numbers there are from it on; the name of the variable decides which.
const NUMBERS: u32 = 2000;

/// A value for each variable, of its format. Only its name and format decide which: it is the same beside other variables.
#[must_use]
pub fn placeholders<'a>(
    definitions: impl IntoIterator<Item = &'a VariableDefinition>,
) -> BTreeMap<String, VariableValue> {
    let open = definitions.into_iter().filter(|definition| !definition.sensitive);
    open.filter_map(|definition| {
        let text = placeholder(&definition.name, definition.format)?;
        judge_value(definition, &text).ok()?;
        Some((definition.name.clone(), VariableValue::Plain(text)))
    })
    .collect()
}

fn placeholder(name: &str, format: VariableFormat) -> Option<String> {
    let number = name.bytes().fold(0, |sum, byte| (sum * 31 + u32::from(byte)) % NUMBERS);
    // Documentation addresses (RFC 5737, RFC 3849) and the networks for benchmarks (RFC 2544): nobody's.
    let host = number % 250 + 1;
    Some(match format {
        VariableFormat::Boolean => return None,
        VariableFormat::Number => (FIRST_NUMBER + number).to_string(),
        VariableFormat::Ipv4 => format!("192.0.2.{host}"),
        VariableFormat::Ipv4cidr => format!("198.18.{host}.0/24"),
        VariableFormat::Ipv6 => format!("2001:db8::{host:x}"),
        VariableFormat::Version => format!("0.0.{}", FIRST_NUMBER + number),
        VariableFormat::Base64 => "cGxhY2Vob2xkZXI=".to_owned(),
        VariableFormat::String => {
            let name = name.to_ascii_lowercase();
            let letters = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
            format!("value-of-{}", letters.collect::<String>())
        }
    })
}

/// Whether two plans do the same to the same places, whatever the values there.
#[must_use]
pub fn same_shape(one: &Plan, other: &Plan) -> bool {
    shape(one) == shape(other)
}

fn shape(plan: &Plan) -> Value {
    let actions: Vec<Value> = plan
        .actions
        .iter()
        .map(|action| {
            let paths: Vec<[Value; 3]> = action
                .changes
                .iter()
                .map(|it| [json!(it.path), json!(it.before.is_some()), json!(it.after.is_some())])
                .collect();
            json!([action.action, action.destination, action.key, action.api_version, action.layer, paths])
        })
        .collect();
    let layers: Vec<Value> = plan
        .layers
        .iter()
        .map(|layer| {
            let paths: Vec<&str> = layer.changes.iter().map(|change| change.path.as_str()).collect();
            json!([layer.layer, layer.current_pack, layer.pending_pack, paths])
        })
        .collect();
    let reasons = plan.repave.reasons.iter().map(|reason| json!([reason.code, reason.pool, reason.path]));
    // A render may tell the same of several places; its words may hold values.
    let findings: BTreeSet<String> = plan
        .findings
        .iter()
        .map(|it| json!([it.code, it.severity, it.layer, it.object, it.path]).to_string())
        .collect();
    json!({
        "actions": actions,
        "unchanged": plan.unchanged,
        "layers": layers,
        "repave": [plan.repave.scope, plan.repave.pools, reasons.collect::<Vec<_>>()],
        "findings": findings,
        "conflicts": plan.conflicts.len(),
        "reversible": plan.reversible,
    })
}

#[cfg(test)]
mod tests {
    use strata_model::variable::VariableOption;

    use super::*;

    fn definition(name: &str, format: VariableFormat) -> VariableDefinition {
        VariableDefinition {
            name: name.to_owned(),
            display_name: None,
            description: None,
            format,
            default_value: None,
            regex: None,
            required: false,
            immutable: false,
            hidden: false,
            sensitive: false,
            multiline: false,
            options: Vec::new(),
        }
    }

    #[test]
    fn each_placeholder_has_the_format_of_its_variable() {
        use VariableFormat::{Base64, Ipv4, Ipv4cidr, Ipv6, Number, String, Version};
        let mut definitions: Vec<VariableDefinition> =
            [String, Number, Ipv4, Ipv4cidr, Ipv6, Version, Base64]
                .into_iter()
                .enumerate()
                .map(|(number, format)| definition(&format!("v{number}"), format))
                .collect();
        definitions.push(definition("switch", VariableFormat::Boolean));
        definitions.push(VariableDefinition { sensitive: true, ..definition("secret", String) });
        let options = vec![VariableOption { value: "small".to_owned(), label: None, description: None }];
        definitions.push(VariableDefinition { options, ..definition("size", String) });
        let values = placeholders(&definitions);
        assert_eq!(values.len(), 7, "{values:?}");
        for definition in definitions.iter().take(7) {
            let VariableValue::Plain(text) = &values[&definition.name] else { panic!("{definition:?}") };
            assert_eq!(judge_value(definition, text), Ok(()));
        }
        definitions.reverse();
        assert_eq!(placeholders(&definitions), values);
    }
}
