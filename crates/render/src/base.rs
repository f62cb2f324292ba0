//! The base of a layer: the pack's values with the layer's presets and its own values on top.
//!
//! *Idea.* What an override is relative to, and what a person edits. It depends on pack and layer alone, so it may be
//! kept and shared by all clusters that run the revision. References to variables are still in it.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::{
    diagnostic::Diagnostic,
    pack::Pack,
    profile::{Layer, RevisionReference},
    render::Origin,
};
use strata_values::Layered;

use crate::preset;

/// Merged values of a layer, before overrides.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerBase {
    /// For people: the pack's text changed in place, its comments and key order kept; the layer's own text where the
    /// pack has no values.
    pub text: String,
    /// The value of that text; a mapping.
    pub value: Value,
    /// Path → where the value comes from, for every scalar, empty mapping and empty list.
    pub origins: BTreeMap<String, Origin>,
    /// False when comments were lost because the text had to be written anew.
    pub comments_kept: bool,
    pub(crate) layered: Layered<Origin>,
}

/// Whether some text that the values of a layer are made of mentions a macro. Cheap: most mention none, and then nothing
/// needs to be merged to know which.
#[must_use]
pub fn mentions_macros(layer: &Layer, pack: &Pack) -> bool {
    let presets = pack.presets.iter().map(|preset| &preset.add);
    [&pack.values, &layer.values].into_iter().chain(presets).any(|text| text.contains(".macro."))
}

/// What a diagnostic calls a file of a layer.
pub(crate) fn layer_file(layer: &Layer, file: &str) -> String {
    format!("layer `{}` {file}", layer.name)
}

/// What names a manifest of a profile's own in diagnostics and as the source of its objects: ``layer `x` manifest `y` ``.
#[must_use]
pub fn attached_source(layer: &Layer, manifest: &str) -> String {
    layer_file(layer, &format!("manifest `{manifest}`"))
}

/// The base of a layer. `revision` is only named as the origin of the layer's own values.
///
/// # Errors
/// All problems of the texts and of the choice of presets, placed in ``layer `x` values.yaml`` (the layer's own text)
/// or ``layer `x` pack values.yaml``.
pub fn layer_base(
    layer: &Layer,
    pack: &Pack,
    revision: &RevisionReference,
) -> Result<LayerBase, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut keep = |result: Result<Value, Diagnostic>| {
        result
            .map_err(|problem| problems.push(problem))
            .unwrap_or_else(|()| Value::Object(serde_json::Map::new()))
    };
    let mapping = |text: &str, file: &str| {
        strata_values::parse_mapping(text, &layer_file(layer, file)).map(Value::Object)
    };
    let pack_values = keep(mapping(&pack.values, "pack values.yaml"));
    let own_values = keep(mapping(&layer.values, "values.yaml"));
    let presets = match preset::chosen(&pack.presets, &layer.presets) {
        Ok(presets) => presets,
        Err(more) => {
            problems.extend(more.into_iter().map(|problem| problem.in_file(layer_file(layer, "presets"))));
            Vec::new()
        }
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let origin = Origin::Pack { pack: format!("{} {}", pack.name, pack.version) };
    let mut layered = Layered::of([(origin, &pack_values)]);
    for preset in presets {
        let origin = Origin::Preset { preset: format!("{}:{}", preset.group, preset.name) };
        let removal = preset::removal(preset).map_err(|problem| vec![problem])?;
        if let Err(error) = layered.push_patch(&origin, &removal) {
            let problem =
                Diagnostic::new("PRESET_DOES_NOT_FIT", format!("preset `{}`: {error}", preset.name))
                    .in_file(layer_file(layer, "pack values.yaml"))
                    .with_help(
                        "the preset removes a path that the values do not have; the pack must be corrected",
                    );
            return Err(vec![problem]);
        }
        layered.push(origin, &preset::addition(preset).map_err(|problem| vec![problem])?);
    }
    layered.push(Origin::Profile { revision: revision.clone() }, &own_values);
    let value = layered.value().clone();
    // Without values of the pack the layer's own text says all, in its author's words.
    let speaks = !layer.values.trim().is_empty();
    let source = if speaks && *layered.value() == own_values && !pack.values.contains('#') {
        &layer.values
    } else {
        &pack.values
    };
    let written = preset::rewritten(source, value).map_err(|problem| vec![problem])?;
    let origins =
        layered.leaves().into_iter().map(|(path, origin)| (path.to_string(), origin.clone())).collect();
    Ok(LayerBase {
        text: written.text,
        value: written.value,
        origins,
        comments_kept: written.comments_kept,
        layered,
    })
}
