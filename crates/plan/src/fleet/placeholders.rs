//! Placeholders: what takes the place of what is a cluster's own when effects are compared.
//!
//! *Idea.* What a variable makes of a plan is found by giving it another value: everything that then differs came from the
//! variable. So it is with the name of a cluster and with the seed of its generated values. A plan that is made with the
//! same placeholders on each cluster says what happens apart from all of that, and where it has the shape of the real one, it
//! says so truly.
//!
//! *Caveats.* Switches (`BOOLEAN`) and secrets keep their values: the first decide what is rendered, the others are masked. So do those with options or a
//! regular expression that a placeholder is not one of. One that a template or a schema refuses, or a name that an object carries cut short or
//! as a hash, leaves the effect with the cluster's own in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strata_model::{
    Timestamp,
    cluster::{Cluster, Infrastructure},
    object::ObjectKey,
    plan::Plan,
    profile::ClusterName,
    variable::{VariableDefinition, VariableValue},
};
use strata_render::{LayerSeed, stand_in_value};

/// Stands for the name of a cluster.
const NAME: &str = "this-cluster-by-name";
/// Stands for the name of the Cluster API object that provides it. Neither is a part of the other.
const API_NAME: &str = "its-cluster-api-name";

/// A value for each variable, of its format. Only its name and format decide which: it is the same beside other variables.
#[must_use]
pub fn placeholders<'a>(
    definitions: impl IntoIterator<Item = &'a VariableDefinition>,
) -> BTreeMap<String, VariableValue> {
    let open = definitions.into_iter().filter(|definition| !definition.sensitive);
    open.filter_map(|definition| {
        let text = stand_in_value(definition)?;
        Some((definition.name.clone(), VariableValue::Plain(text)))
    })
    .collect()
}

/// The cluster with placeholders for its names.
#[must_use]
pub fn unnamed(cluster: &Cluster) -> Option<Cluster> {
    let mut unnamed = Cluster { name: NAME.parse::<ClusterName>().ok()?, ..cluster.clone() };
    if let Infrastructure::ClusterApi { name, .. } = &mut unnamed.infrastructure {
        API_NAME.clone_into(name);
    }
    Some(unnamed)
}

/// An object of a cluster whose names are placeholders, as it is called where they are not.
#[must_use]
pub fn named(key: &ObjectKey, cluster: &Cluster) -> ObjectKey {
    ObjectKey {
        namespace: key.namespace.as_deref().map(|namespace| with_names(namespace, cluster)),
        name: with_names(&key.name, cluster),
        ..key.clone()
    }
}

fn with_names(text: &str, cluster: &Cluster) -> String {
    let text = text.replace(NAME, cluster.name.as_str());
    match &cluster.infrastructure {
        Infrastructure::ClusterApi { name, .. } => text.replace(API_NAME, name),
        Infrastructure::None | Infrastructure::Edge => text,
    }
}

/// The seed that stands for that of a generation. `first` is the generation that the cluster runs: how often it has drawn
/// before is its own, too.
#[must_use]
pub fn placeholder_seed(generation: u32, first: u32) -> LayerSeed {
    let mut seed = [0; 32];
    let turn = generation.wrapping_sub(first).to_le_bytes();
    seed.iter_mut().zip(turn).for_each(|(byte, turn)| *byte = turn);
    LayerSeed { seed, instant: Timestamp::UNIX_EPOCH }
}

/// Whether a plan with placeholders does the same to the same places as the real one of a cluster, whatever the values there.
#[must_use]
pub fn same_shape(bare: &Plan, real: &Plan, cluster: &Cluster) -> bool {
    shape(bare, |text| with_names(&text, cluster)) == shape(real, |text| text)
}

fn shape(plan: &Plan, called: impl Fn(String) -> String) -> Value {
    // In the order of their texts: names decide the order in which equals are applied.
    let actions: BTreeSet<String> = plan
        .actions
        .iter()
        .map(|action| {
            let paths: Vec<[Value; 3]> = action
                .changes
                .iter()
                .map(|it| [json!(it.path), json!(it.before.is_some()), json!(it.after.is_some())])
                .collect();
            let what = json!([
                action.action,
                action.destination,
                action.key,
                action.api_version,
                action.layer,
                paths
            ]);
            called(what.to_string())
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
        .map(|it| called(json!([it.code, it.severity, it.layer, it.object, it.path]).to_string()))
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
    use strata_model::variable::{VariableFormat, VariableOption};
    use strata_render::judge_value;

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
