//! What references mean for one layer of one cluster.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::{
    fact::FactKey,
    macros::MacroName,
    profile::{LayerName, RevisionReference},
    render::Origin,
    secret::{Fingerprint, SecretText},
    value_path::ValuePath,
    variable::{VariableDefinition, VariableValue},
};

use crate::{
    capabilities::Capabilities,
    input::ClusterIdentity,
    references::{Lookup, Meaning, Unknown},
    variable_value::judge_value,
};

/// What references of one layer mean.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) cluster: &'a ClusterIdentity,
    pub(crate) layer: &'a LayerName,
    pub(crate) revision: &'a RevisionReference,
    pub(crate) definitions: &'a [VariableDefinition],
    pub(crate) variables: &'a BTreeMap<String, VariableValue>,
    pub(crate) secrets: &'a BTreeMap<Fingerprint, SecretText>,
    pub(crate) macros: &'a BTreeMap<MacroName, Option<VariableValue>>,
    /// Values by pack name.
    pub(crate) packs: &'a BTreeMap<String, Value>,
    /// Secrets that are in these values.
    pub(crate) known: &'a [SecretText],
    pub(crate) capabilities: &'a Capabilities,
    /// The version to answer with; none while it is being found out.
    pub(crate) kubernetes_version: Option<String>,
}

impl Lookup for Scope<'_> {
    fn meaning(&self, path: &[&str], optional: bool) -> Result<Meaning, Unknown> {
        match path {
            ["spectro" | "strata", "var", name] => self.variable(path, name),
            ["spectro" | "strata", "macro", name] => self.macro_named(path, name, optional),
            ["spectro" | "strata", "pack", pack, rest @ ..] => Ok(self.pack(pack, rest)),
            ["spectro", "system", rest @ ..] | ["strata", rest @ ..] => match self.system(rest) {
                Some(meaning) if optional || !meaning.value.is_null() => Ok(meaning),
                Some(_) => Err(self.unknown(path, "it is not known for this cluster", "give it a default: `| default \"…\"`")),
                None => Err(self.unknown(
                    path,
                    "there is no such name",
                    "known are cluster.name, cluster.id, kubernetes.version, cloud.type, cloud.region, profile.name, \
                     profile.version and project.name",
                )),
            },
            _ => Err(self.unknown(
                path,
                "there is no such name",
                "references begin with .spectro.var, .spectro.macro, .spectro.system, .spectro.pack, or the same with .strata",
            )),
        }
    }
}

impl Scope<'_> {
    fn unknown(&self, path: &[&str], reason: &str, help: &str) -> Unknown {
        Unknown {
            code: "UNRESOLVED_VARIABLE",
            message: format!("`.{}` of layer `{}` cannot be resolved: {reason}", path.join("."), self.layer),
            help: help.to_owned(),
        }
    }

    fn variable(&self, path: &[&str], name: &str) -> Result<Meaning, Unknown> {
        let Some(definition) = self.definitions.iter().find(|definition| definition.name == name) else {
            let reason = format!("the profile defines no variable `{name}`");
            let help = "define the variable in the profile version, or correct the name";
            return Err(self.unknown(path, &reason, help));
        };
        // Clusters may not change an immutable one, so a value that is there all the same does not count.
        let own = if definition.immutable { None } else { self.variables.get(name) };
        let (text, default, sealed) = match own {
            Some(VariableValue::Plain(text)) => (text.clone(), false, false),
            Some(VariableValue::Sensitive(fingerprint)) => match self.secrets.get(fingerprint) {
                Some(secret) => (secret.expose().to_owned(), false, true),
                None => return Err(self.unknown(path, "its secret is not there", "set the variable again")),
            },
            None => match &definition.default_value {
                Some(text) => (text.clone(), true, false),
                None if definition.required => {
                    return Err(self.unknown(
                        path,
                        "it is required and has no value",
                        "set the variable for this cluster",
                    ));
                }
                None => {
                    let origin = Origin::Variable { name: name.to_owned(), default: true };
                    return Ok(Meaning { origin: Some(origin), ..Meaning::default() });
                }
            },
        };
        if let Err(reason) = judge_value(definition, &text) {
            return Err(Unknown {
                code: "INVALID_VARIABLE",
                message: format!("{reason} (layer `{}`)", self.layer),
                help: "set the variable to a value of the right form".to_owned(),
            });
        }
        Ok(Meaning {
            value: Value::String(text),
            secret: sealed || definition.sensitive,
            origin: Some(Origin::Variable { name: name.to_owned(), default }),
        })
    }

    fn macro_named(&self, path: &[&str], name: &str, optional: bool) -> Result<Meaning, Unknown> {
        let value =
            name.parse::<MacroName>().ok().and_then(|name| self.macros.get(&name)).and_then(Option::as_ref);
        let (text, secret) = match value {
            Some(VariableValue::Plain(text)) => (text.clone(), false),
            Some(VariableValue::Sensitive(fingerprint)) => match self.secrets.get(fingerprint) {
                Some(secret) => (secret.expose().to_owned(), true),
                None => return Err(self.unknown(path, "its secret is not there", "set the macro again")),
            },
            None if optional => return Ok(Meaning::default()),
            None => {
                let help = format!(
                    "define it with `strata macro set {name} VALUE`, or give it a default: `| default \"…\"`"
                );
                return Err(self.unknown(path, "no macro has this name", &help));
            }
        };
        let origin = Some(Origin::Macro { name: name.to_owned() });
        Ok(Meaning { value: Value::String(text), secret, origin })
    }

    /// Empty if undefined, as in Palette.
    fn pack(&self, pack: &str, rest: &[&str]) -> Meaning {
        let path = ValuePath::of_keys(rest.iter().copied());
        let value = self.packs.get(pack).and_then(|values| path.find(values)).cloned().unwrap_or_default();
        let secret = self.known.iter().any(|secret| holds(&value, secret.expose()));
        Meaning { value, secret, origin: None }
    }

    /// `None` for a name that nobody knows, null for what is not known of this cluster.
    fn system(&self, path: &[&str]) -> Option<Meaning> {
        let own = |meaning: Meaning| Meaning { origin: Some(Origin::Cluster), ..meaning };
        let fact = |key| own(Meaning { value: self.capabilities.read(key), ..Meaning::default() });
        Some(match path {
            ["cluster", "name"] => {
                self.capabilities.read(FactKey::ClusterName);
                own(text_meaning(self.cluster.name.to_string()))
            }
            ["cluster", "uid" | "id"] => {
                self.capabilities.note_own();
                own(text_meaning(self.cluster.id.to_string()))
            }
            ["kubernetes", "version"] => match &self.kubernetes_version {
                Some(version) => own(text_meaning(version.trim_start_matches('v').to_owned())),
                None => Meaning::default(),
            },
            ["cloud", "type"] => fact(FactKey::Cloud),
            ["cloud", "region"] => fact(FactKey::Region),
            ["clusterprofile" | "profile", "name"] => text_meaning(self.revision.profile.to_string()),
            ["clusterprofile" | "profile", "version"] => text_meaning(self.revision.version.to_string()),
            ["project", "name"] | ["project"] => text_meaning(self.cluster.project.clone()),
            _ => return None,
        })
    }
}

/// Whether a secret is a part of some text in a value.
fn holds(value: &Value, secret: &str) -> bool {
    match value {
        Value::String(text) => !secret.is_empty() && text.contains(secret),
        Value::Array(items) => items.iter().any(|item| holds(item, secret)),
        Value::Object(map) => map.values().any(|item| holds(item, secret)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn text_meaning(text: String) -> Meaning {
    Meaning { value: Value::String(text), ..Meaning::default() }
}
