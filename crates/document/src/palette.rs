//! Profiles as Palette exports them: JSON of `metadata` and `spec`.
//!
//! *Idea.* Packs are named as they are there, and must be here under the same names and versions; a layer is called as its
//! pack, or as its display name says. Layers without a pack, of manifests alone, are told and not taken.
//!
//! Sources of the form: the export of a profile and `v1ClusterProfile` in Palette's API.

use serde_json::{Map, Value};
use strata_model::{
    diagnostic::Diagnostic,
    profile::{
        AttachedManifest, ConflictPolicy, ImmutablePolicy, LayerKind, OrphanPolicy, ProfileType, is_dns_label,
    },
    variable::{VariableDefinition, VariableFormat, VariableOption},
};

use crate::{DocumentLayer, DocumentPack, ProfileDocument};

/// Whether a document is one of Palette's.
pub(crate) fn is_palette(root: &Map<String, Value>) -> bool {
    root.get("metadata").is_some_and(Value::is_object) && root.get("spec").is_some_and(Value::is_object)
}

/// Reads one of Palette's.
///
/// # Errors
/// `PALETTE_UNREADABLE`: all that cannot be taken as it is.
pub(crate) fn read(root: &Map<String, Value>, file: &str) -> Result<ProfileDocument, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut tell = |message: String, help: &str| {
        problems.push(Diagnostic::new("PALETTE_UNREADABLE", message).in_file(file).with_help(help));
    };
    let (metadata, spec) = (&root["metadata"], &root["spec"]);
    let template =
        ["template", "published", "draft"].iter().find_map(|key| spec.get(key).filter(|it| it.is_object()));
    let Some(template) = template else {
        tell("the profile has no template".to_owned(), "export it from Palette as a whole");
        return Err(problems);
    };
    let said = template.get("type").or_else(|| spec.get("type")).and_then(Value::as_str).unwrap_or("cluster");
    let profile_type = match said {
        "cluster" | "system" => ProfileType::Full,
        "infra" => ProfileType::Infra,
        "add-on" => ProfileType::Addon,
        other => {
            tell(format!("`{other}` is no type of a profile"), "known are cluster, infra and add-on");
            ProfileType::Full
        }
    };
    let text = |value: &Value, keys: &[&str]| {
        keys.iter()
            .find_map(|key| value.get(key)?.as_str())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let mut layers: Vec<DocumentLayer> = Vec::new();
    for pack in template.get("packs").and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = text(pack, &["name"]) else {
            tell("a pack has no name".to_owned(), "export it from Palette as a whole");
            continue;
        };
        if pack.get("type").and_then(Value::as_str) == Some("manifest") {
            tell(
                format!("the layer `{name}` has no pack, only manifests"),
                "make a pack of them with `strata pack add FOLDER --name NAME --version VERSION`, and name it instead",
            );
            continue;
        }
        let mut manifests: Vec<AttachedManifest> = Vec::new();
        for manifest in pack.get("manifests").and_then(Value::as_array).into_iter().flatten() {
            let (called, content) = (text(manifest, &["name"]), text(manifest, &["content"]));
            let (Some(called), Some(content)) = (called, content) else {
                tell(
                    format!("a manifest of the layer `{name}` has no name or no content"),
                    "export the profile from Palette as a whole",
                );
                continue;
            };
            manifests.push(AttachedManifest { name: plain(&called), text: content });
        }
        let Some(version) = text(pack, &["version", "tag"]) else {
            tell(format!("the pack `{name}` has no version"), "give it one under `version`");
            continue;
        };
        let kind = match text(pack, &["layer"]).as_deref() {
            Some("os") => Some(LayerKind::Os),
            Some("k8s") => Some(LayerKind::Kubernetes),
            Some("cni") => Some(LayerKind::Cni),
            Some("csi") => Some(LayerKind::Csi),
            Some("addon") => Some(LayerKind::Addon),
            _ => None,
        };
        let values = text(pack, &["values"]).unwrap_or_default();
        layers.push(DocumentLayer {
            name: layer_name(&name, &values, &layers),
            kind,
            pack: DocumentPack { name, version, digest: None },
            values,
            presets: Vec::new(),
            manifests,
            install_priority: None,
            namespace: None,
            on_conflict: ConflictPolicy::default(),
            on_immutable: ImmutablePolicy::default(),
            orphan_policy: OrphanPolicy::default(),
        });
    }
    let mut variables = Vec::new();
    let said = spec.get("variables").or_else(|| template.get("variables"));
    for variable in said.and_then(Value::as_array).into_iter().flatten() {
        let Some(name) = text(variable, &["name"]) else {
            tell("a variable has no name".to_owned(), "export the profile from Palette as a whole");
            continue;
        };
        let flag = |key: &str| variable.get(key).and_then(Value::as_bool).unwrap_or(false);
        let format = match text(variable, &["format"]) {
            None => VariableFormat::String,
            Some(format) => match serde_json::from_value(Value::String(format.clone())) {
                Ok(format) => format,
                Err(_) => {
                    tell(
                        format!("`{format}` is no format of a variable (`{name}`)"),
                        "take the nearest that there is",
                    );
                    continue;
                }
            },
        };
        let options = variable.get("options").and_then(Value::as_array).into_iter().flatten();
        let sensitive = flag("isSensitive") || flag("sensitive");
        variables.push(VariableDefinition {
            display_name: text(variable, &["displayName"]),
            description: text(variable, &["description"]),
            format,
            // What Palette exports of a secret is its mask.
            default_value: text(variable, &["defaultValue"]).filter(|_| !sensitive),
            regex: text(variable, &["regex"]),
            required: flag("required"),
            immutable: flag("immutable"),
            hidden: flag("hidden"),
            sensitive,
            multiline: text(variable, &["inputType"]).as_deref() == Some("multiline"),
            options: options
                .filter_map(|option| {
                    let value = text(option, &["value"]).or_else(|| option.as_str().map(str::to_owned))?;
                    let (label, description) = (text(option, &["label"]), text(option, &["description"]));
                    Some(VariableOption { label: label.filter(|label| *label != value), description, value })
                })
                .collect(),
            name,
        });
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(ProfileDocument {
        name: text(metadata, &["name"]),
        profile_type: Some(profile_type),
        version: text(spec, &["version"]).or_else(|| Some("1.0.0".to_owned())),
        layers,
        variables,
        macros: Vec::new(),
    })
}

/// What a layer is called: as its display name or its pack, made into a name that no other layer has.
fn layer_name(pack: &str, values: &str, taken: &[DocumentLayer]) -> String {
    let values = strata_values::parse_mapping(values, "").unwrap_or_default();
    let display = values
        .get("pack")
        .and_then(|pack| pack.get("spectrocloud.com/display-name"))
        .and_then(Value::as_str)
        .filter(|name| is_dns_label(name));
    let name = display.map_or_else(|| plain(pack), str::to_owned);
    let is_free = |name: &str| taken.iter().all(|layer| layer.name != name);
    if is_free(&name) {
        return name;
    }
    (2..).map(|number| format!("{name}-{number}")).find(|name| is_free(name)).unwrap_or(name)
}

/// A text made into a name.
fn plain(text: &str) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let plain: String = text.to_lowercase().chars().map(letter).take(60).collect();
    plain.trim_matches('-').to_owned()
}
