//! Content of profile versions, as clients write it.

use async_graphql::{InputObject, Json};
use serde_json::Value;
use strata_engine::{DraftContent, DraftLayer, DraftPack};
use strata_model::{
    error::{Refusal, RefusalCode},
    profile, variable,
};

use super::{
    state::{ConflictPolicy, ImmutablePolicy, LayerKind, OrphanPolicy, VariableFormat},
    wish::each,
};

/// All content of a profile version.
#[derive(Debug, InputObject)]
pub struct ProfileContentInput {
    /// Its layers, in order.
    pub layers: Option<Vec<LayerInput>>,
    /// What a cluster may or must set.
    pub variables: Option<Vec<VariableInput>>,
}

impl ProfileContentInput {
    /// As the engine takes it.
    ///
    /// # Errors
    /// `INVALID_INPUT` for values that are neither a text nor a mapping.
    pub fn content(self) -> Result<DraftContent, Refusal> {
        Ok(DraftContent {
            layers: each("layers", self.layers, LayerInput::layer)
                .map_err(|refusal| refusal.at("content"))?,
            variables: self.variables.unwrap_or_default().into_iter().map(Into::into).collect(),
        })
    }
}

/// One pack in a profile, with the profile's own values for it.
#[derive(Debug, InputObject)]
pub struct LayerInput {
    /// Unique over all profiles of a cluster.
    pub name: String,
    /// What it is; that of the pack when left out.
    pub kind: Option<LayerKind>,
    /// The pack. It is pinned by digest.
    pub pack: PackReferenceInput,
    /// The profile's own values: a YAML text, whose comments are kept, or a mapping.
    pub values: Option<Json<Value>>,
    /// Chosen presets, at most one of a group.
    pub presets: Option<Vec<PresetChoiceInput>>,
    /// Manifests of the profile's own, beside those of the pack.
    pub manifests: Option<Vec<AttachedManifestInput>>,
    /// Lowest first, equal numbers together; the pack's when left out.
    pub install_priority: Option<i32>,
    /// Where its objects go; the pack's when left out.
    pub namespace: Option<String>,
    /// When another field manager holds a field.
    pub on_conflict: Option<ConflictPolicy>,
    /// When a change cannot be made in place.
    pub on_immutable: Option<ImmutablePolicy>,
    /// When an object is no longer rendered.
    pub orphan_policy: Option<OrphanPolicy>,
}

impl LayerInput {
    fn layer(self) -> Result<DraftLayer, Refusal> {
        let values =
            self.values.map(|values| text(values.0)).transpose().map_err(|refusal| refusal.at("values"))?;
        let presets = self.presets.unwrap_or_default().into_iter();
        Ok(DraftLayer {
            name: self.name,
            kind: self.kind.map(Into::into),
            pack: DraftPack { name: self.pack.name, version: self.pack.version },
            values: values.flatten(),
            presets: presets
                .map(|choice| profile::PresetChoice { group: choice.group, name: choice.name })
                .collect(),
            manifests: self
                .manifests
                .unwrap_or_default()
                .into_iter()
                .map(|manifest| profile::AttachedManifest { name: manifest.name, text: manifest.text })
                .collect(),
            install_priority: self.install_priority,
            namespace: self.namespace,
            on_conflict: self.on_conflict.map(Into::into).unwrap_or_default(),
            on_immutable: self.on_immutable.map(Into::into).unwrap_or_default(),
            orphan_policy: self.orphan_policy.map(Into::into).unwrap_or_default(),
        })
    }
}

/// A manifest of a profile's own. References in it are resolved; it is no template.
#[derive(Debug, InputObject)]
pub struct AttachedManifestInput {
    /// Unique in its layer.
    pub name: String,
    /// Kubernetes objects in YAML.
    pub text: String,
}

/// Values as text: a text stays what it is, a mapping is written as YAML.
fn text(values: Value) -> Result<Option<String>, Refusal> {
    match values {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Object(_) => Ok(Some(strata_values::emit(&values))),
        other => Err(Refusal::new(
            RefusalCode::InvalidInput,
            format!("values cannot be {}", strata_values::parse::kind_of(&other)),
            "give a YAML text, or a mapping",
        )),
    }
}

/// Which version of which pack.
#[derive(Debug, InputObject)]
pub struct PackReferenceInput {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A preset to choose.
#[derive(Debug, InputObject)]
pub struct PresetChoiceInput {
    /// Its group.
    pub group: String,
    /// Its name.
    pub name: String,
}

/// Something that a cluster may or must set.
#[derive(Debug, InputObject)]
pub struct VariableInput {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub display_name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The form that its value must have; STRING when left out.
    pub format: Option<VariableFormat>,
    /// What counts when the cluster sets nothing.
    #[graphql(secret)]
    pub default_value: Option<String>,
    /// What its value must match.
    pub regex: Option<String>,
    /// Whether there must be a value.
    #[graphql(default)]
    pub required: bool,
    /// Whether it cannot be changed once a cluster runs with it.
    #[graphql(default)]
    pub immutable: bool,
    /// Whether consoles leave it out.
    #[graphql(default)]
    pub hidden: bool,
    /// Whether its value is a secret.
    #[graphql(default)]
    pub sensitive: bool,
    /// Whether forms give room for several lines.
    #[graphql(default)]
    pub multiline: bool,
    /// The values that can be chosen; any when left out.
    pub options: Option<Vec<VariableOptionInput>>,
}

/// A value that can be chosen.
#[derive(Debug, InputObject)]
pub struct VariableOptionInput {
    /// The value.
    pub value: String,
    /// What people see; the value when left out.
    pub label: Option<String>,
    /// What it means.
    pub description: Option<String>,
}

impl From<VariableInput> for variable::VariableDefinition {
    fn from(input: VariableInput) -> Self {
        Self {
            name: input.name,
            display_name: input.display_name,
            description: input.description,
            format: input.format.map(Into::into).unwrap_or_default(),
            default_value: input.default_value,
            regex: input.regex,
            required: input.required,
            immutable: input.immutable,
            hidden: input.hidden,
            sensitive: input.sensitive,
            multiline: input.multiline,
            options: input
                .options
                .unwrap_or_default()
                .into_iter()
                .map(|VariableOptionInput { value, label, description }| variable::VariableOption {
                    value,
                    label,
                    description,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_a_text_or_a_mapping() {
        assert_eq!(text(json!("a: 1 # why\n")).unwrap().as_deref(), Some("a: 1 # why\n"));
        let emitted = text(json!({ "a": { "b": [1, "x"] } })).unwrap().unwrap();
        assert_eq!(strata_values::parse(&emitted, "values").unwrap(), json!({ "a": { "b": [1, "x"] } }));
        assert_eq!(text(json!(null)).unwrap(), None);
        assert!(text(json!([1])).is_err() && text(json!(3)).is_err());
    }
}
