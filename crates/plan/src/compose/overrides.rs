//! Overrides on the way to a new revision.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::{
    composition::Composition,
    diagnostic::Diagnostic,
    error::{Refusal, RefusalCode},
    finding::{Finding, FindingCode, Severity},
    overrides::{ConflictResolution, LayerOverride, OverrideSource, Patch},
    plan::MergeConflict,
    profile::LayerName,
    render::{Origin, origin_of},
};
use strata_render::{LayerBase, layer_base};
use strata_values::{Conflict, ConflictKind, Derived, Redactor, Resolution, apply, derive, three_way};

use super::{CompositionRequest, OverrideChange, ResolvedLayer};

/// What became of all overrides.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) sources: Vec<OverrideSource>,
    pub(super) findings: Vec<Finding>,
    pub(super) conflicts: Vec<MergeConflict>,
    pub(super) redundant: BTreeMap<LayerName, Vec<String>>,
    pub(super) resolutions: Vec<ConflictResolution>,
}

pub(super) fn carry(
    before: &Composition,
    request: &CompositionRequest,
    old_layers: &[ResolvedLayer<'_>],
    new_layers: &[ResolvedLayer<'_>],
    redactor: &Redactor,
) -> Result<Carried, Vec<Refusal>> {
    let mut carried = Carried::default();
    let mut refusals = Vec::new();
    let mut kept: Vec<LayerOverride> = Vec::new();
    for existing in before.overrides.iter().flat_map(OverrideSource::layers) {
        if request.overrides.iter().any(|wish| wish.layer == existing.layer && !is_addition(wish)) {
            continue;
        }
        let old = old_layers.iter().find(|layer| layer.layer.name == existing.layer);
        let new = new_layers.iter().find(|layer| layer.layer.name == existing.layer);
        match (old, new) {
            // The layer is gone; its override goes with it, and says so.
            (_, None) => carried.findings.push(gone(existing, redactor)),
            (Some(old), Some(new)) if old.layer == new.layer => kept.push(existing.clone()),
            (old, Some(new)) => match carry_one(existing, old, new, request, redactor, &mut carried) {
                Ok(Some(layer)) => kept.push(layer),
                Ok(None) => {}
                Err(refusal) => refusals.push(refusal),
            },
        }
    }
    for wish in &request.overrides {
        let Some(new) = new_layers.iter().find(|layer| layer.layer.name == wish.layer) else {
            refusals.push(unknown_layer(&wish.layer));
            continue;
        };
        let existing = kept.iter().position(|layer| layer.layer == wish.layer);
        let former = existing.map(|index| kept.remove(index));
        let former_patch = former.map(|layer| layer.patch).unwrap_or_default();
        match wished(&wish.change, new, &former_patch, before, redactor) {
            Ok(Derived { patch, .. }) if patch.is_empty() => {}
            Ok(Derived { patch, whole_lists }) => {
                carried.findings.extend(whole_lists.iter().map(|list| {
                    let path = redactor.mask_text(&list.to_string());
                    let layer = &wish.layer;
                    finding(
                        FindingCode::ListReplaced,
                        Severity::Info,
                        layer,
                        &path,
                        format!("the override replaces the list `{path}` of layer `{layer}` as a whole: nothing tells its items apart"),
                        "what the profile changes in it later will be a conflict; items with a name are followed one by one",
                    )
                }));
                kept.push(LayerOverride {
                    layer: wish.layer.clone(),
                    patch,
                    author: request.author.clone(),
                    at: request.at,
                });
            }
            Err(refusal) => refusals.push(refusal.at("overrides")),
        }
    }
    for resolution in &request.resolutions {
        if !new_layers.iter().any(|layer| layer.layer.name == resolution.layer) {
            refusals.push(unknown_layer(&resolution.layer).at("resolutions"));
        } else if !carried
            .resolutions
            .iter()
            .any(|used| used.layer == resolution.layer && used.path == resolution.path)
        {
            let path = redactor.mask_text(&resolution.path.to_string());
            carried.findings.push(finding(
                FindingCode::ResolutionUnused,
                Severity::Info,
                &resolution.layer,
                &path,
                format!("there is no conflict at `{path}` in layer `{}` to decide", resolution.layer),
                "write the path as the conflict has it, or leave the decision out",
            ));
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    // In layer order, so that equal wishes give equal compositions.
    kept.sort_by_key(|kept| new_layers.iter().position(|layer| layer.layer.name == kept.layer));
    if !kept.is_empty() {
        carried.sources.push(OverrideSource::Cluster { layers: kept });
    }
    Ok(carried)
}

const fn is_addition(wish: &super::OverrideRequest) -> bool {
    matches!(wish.change, OverrideChange::Add(_))
}

/// Carries an override to another revision of its layer.
fn carry_one(
    existing: &LayerOverride,
    old: Option<&ResolvedLayer<'_>>,
    new: &ResolvedLayer<'_>,
    request: &CompositionRequest,
    redactor: &Redactor,
    carried: &mut Carried,
) -> Result<Option<LayerOverride>, Refusal> {
    let theirs = base_of(new)?;
    // An override of a layer that was not there before: the new values are all there is to compare with.
    let base = old.map(base_of).transpose()?.unwrap_or_else(|| theirs.clone());
    let resolutions: Vec<Resolution> = request
        .resolutions
        .iter()
        .filter(|resolution| resolution.layer == existing.layer)
        .map(|resolution| Resolution { path: resolution.path.clone(), choice: resolution.choice.clone() })
        .collect();
    let merged = three_way(&base.value, &existing.patch, &theirs.value, &resolutions);
    for conflict in &merged.conflicts {
        match &conflict.resolution {
            Some(choice) => carried.resolutions.push(ConflictResolution {
                layer: existing.layer.clone(),
                path: conflict.path.clone(),
                choice: choice.clone(),
            }),
            None => {
                let origins = |of: &LayerBase| origin_of(&conflict.path, &of.origins).cloned();
                let conflict = MergeConflict {
                    base_origin: conflict.base.as_ref().and_then(|_| origins(&base)),
                    ours_origin: Some(Origin::Override {
                        author: existing.author.clone(),
                        at: Some(existing.at),
                    }),
                    theirs_origin: conflict.theirs.as_ref().and_then(|_| origins(&theirs)),
                    ..told(&existing.layer, conflict, redactor)
                };
                carried.findings.push(finding(
                    FindingCode::MergeConflict,
                    Severity::Block,
                    &existing.layer,
                    &conflict.path,
                    conflict.message.clone(),
                    "decide for this path: keep the override, take the profile's value, or give another \
                     (`--resolve LAYER:PATH=keep-override`, `take-profile`, `edit:VALUE`)",
                ));
                carried.conflicts.push(conflict);
            }
        }
    }
    for path in &merged.redundant {
        let path = redactor.mask_text(&path.to_string());
        carried.findings.push(finding(
            FindingCode::RedundantOverride,
            Severity::Info,
            &existing.layer,
            &path,
            format!(
                "the override of `{path}` in layer `{}` says what {} says too",
                existing.layer, new.revision
            ),
            "it stays; clear it if it should follow the profile from now on",
        ));
        carried.redundant.entry(existing.layer.clone()).or_default().push(path);
    }
    Ok((!merged.patch.is_empty()).then(|| LayerOverride { patch: merged.patch, ..existing.clone() }))
}

/// The patch that a wish asks for, checked against the values it is for.
fn wished(
    change: &OverrideChange,
    layer: &ResolvedLayer<'_>,
    former: &Patch,
    before: &Composition,
    redactor: &Redactor,
) -> Result<Derived, Refusal> {
    let base = base_of(layer)?.value;
    let given = |patch| Derived { patch, whole_lists: Vec::new() };
    let name = &layer.layer.name;
    let fits = |patch: &Patch| {
        apply(patch, &base).map_err(|conflict| {
            Refusal::new(
                RefusalCode::InvalidInput,
                redactor.mask_text(&format!(
                    "the override of layer `{name}` does not fit its values: {conflict}"
                )),
                "look at the layer's values; paths name what is there or what is to be added",
            )
        })
    };
    match change {
        OverrideChange::Clear => Ok(Derived::default()),
        OverrideChange::Patch(patch) => {
            let edited = fits(patch)?;
            // As given when it says something; operations without effect are kept, for they pin the value.
            drop(edited);
            Ok(given(patch.clone()))
        }
        OverrideChange::Add(patch) => {
            let mut operations = former.0.clone();
            // A later operation on the very same path takes the place of the earlier one.
            operations.retain(|earlier| !patch.0.iter().any(|later| later.path() == earlier.path()));
            operations.extend(patch.0.iter().cloned());
            let added = Patch(operations);
            fits(&added)?;
            Ok(given(added))
        }
        OverrideChange::Text(text) => {
            let file = format!("layer `{name}` values");
            let edited = strata_values::parse_mapping(text, &file)
                .map(Value::Object)
                .map_err(|problem| invalid_yaml(name, vec![problem]))?;
            // What was shown, in the clear: the values with the override that was there.
            let patch = running_patch(before, name);
            let shown = apply(&patch, &base).unwrap_or_else(|_| base.clone());
            let edited = redactor.unmask(&edited, &shown).map_err(|error| {
                Refusal::new(
                    RefusalCode::InvalidInput,
                    error.to_string(),
                    "write the value itself in place of the mask",
                )
            })?;
            Ok(derive(&base, &edited))
        }
    }
}

fn running_patch(before: &Composition, layer: &LayerName) -> Patch {
    before
        .overrides
        .iter()
        .flat_map(OverrideSource::layers)
        .find(|candidate| candidate.layer == *layer)
        .map(|candidate| candidate.patch.clone())
        .unwrap_or_default()
}

pub(super) fn base_of(layer: &ResolvedLayer<'_>) -> Result<LayerBase, Refusal> {
    layer_base(layer.layer, layer.pack, &layer.revision)
        .map_err(|problems| invalid_yaml(&layer.layer.name, problems))
}

fn invalid_yaml(layer: &LayerName, problems: Vec<Diagnostic>) -> Refusal {
    Refusal::new(
        RefusalCode::InvalidYaml,
        format!("the values of layer `{layer}` cannot be read"),
        "mend the text at the places named",
    )
    .with_diagnostics(problems)
}

fn unknown_layer(layer: &LayerName) -> Refusal {
    Refusal::new(
        RefusalCode::UnknownLayer,
        format!("the cluster has no layer `{layer}`"),
        "look at the layers of the attached profiles",
    )
    .at("overrides")
}

fn gone(existing: &LayerOverride, redactor: &Redactor) -> Finding {
    let paths: Vec<String> =
        existing.patch.0.iter().map(|operation| redactor.mask_text(&operation.path().to_string())).collect();
    let path = paths.join(", ");
    finding(
        FindingCode::MergeConflict,
        Severity::Acknowledge,
        &existing.layer,
        &path,
        format!("layer `{}` is no more, and its override ({path}) goes with it", existing.layer),
        "acknowledge it, and set what is still needed on the layer that takes its place",
    )
}

fn told(layer: &LayerName, conflict: &Conflict, redactor: &Redactor) -> MergeConflict {
    let mask = |value: &Option<Value>| value.as_ref().map(|value| redactor.mask_value(value));
    let path = redactor.mask_text(&conflict.path.to_string());
    let what = match conflict.kind {
        ConflictKind::BothChanged => "both the override and the new revision change it",
        _ => "the new revision has no room for the override",
    };
    MergeConflict {
        layer: layer.clone(),
        base_origin: None,
        ours_origin: None,
        theirs_origin: None,
        message: format!("`{path}` in layer `{layer}`: {what}"),
        path,
        base: mask(&conflict.base),
        ours: mask(&conflict.ours),
        theirs: mask(&conflict.theirs),
    }
}

fn finding(
    code: FindingCode,
    severity: Severity,
    layer: &LayerName,
    path: &str,
    message: String,
    help: &str,
) -> Finding {
    Finding {
        code,
        severity,
        message,
        help: help.to_owned(),
        layer: Some(layer.clone()),
        object: None,
        path: Some(path.to_owned()),
    }
}
