//! Values before and after, layer by layer, as people may see them.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::{
    overrides::{ConflictResolution, ItemKey, OverrideSource, Patch, PatchOperation, ResolutionChoice},
    plan::{LayerPreview, MergeConflict, ValueOrigin},
    profile::LayerName,
    render::LayerValues,
    value_path::{Segment, ValuePath},
};
use strata_values::{Labels, Redactor, unified};

use crate::{diff::field_changes, plan::PlanInput};

/// The layers of the wanted composition in order, then those that go.
pub(crate) fn layers(input: &PlanInput<'_>) -> Vec<LayerPreview> {
    let current = input.applied.map(|applied| applied.values).unwrap_or_default();
    let by_name: BTreeMap<&LayerName, &LayerValues> =
        current.iter().map(|values| (&values.layer, values)).collect();
    let wanted = &input.render.layers;
    let stays = |name: &LayerName| wanted.iter().any(|values| values.layer == *name);
    let mut previews: Vec<LayerPreview> = wanted
        .iter()
        .map(|pending| preview(input, by_name.get(&pending.layer).copied(), Some(pending), pending))
        .collect();
    previews.extend(
        current
            .iter()
            .filter(|values| !stays(&values.layer))
            .map(|gone| preview(input, Some(gone), None, gone)),
    );
    previews
}

fn preview(
    input: &PlanInput<'_>,
    current: Option<&LayerValues>,
    pending: Option<&LayerValues>,
    either: &LayerValues,
) -> LayerPreview {
    let redactor = input.redactor;
    let text = |values: Option<&LayerValues>| values.map(|v| redactor.mask_text(&v.text)).unwrap_or_default();
    let (current_text, pending_text) = (text(current), text(pending));
    let label = |values: Option<&LayerValues>| {
        values.map_or_else(|| "none".to_owned(), |v| format!("{} ({})", v.layer, v.revision))
    };
    let (from, to) = (label(current), label(pending));
    let empty = serde_json::Value::Object(serde_json::Map::new());
    let value = |values: Option<&LayerValues>| values.map_or_else(|| empty.clone(), |v| v.value.clone());
    let provenance = pending
        .map(|values| &values.origins)
        .into_iter()
        .flatten()
        .map(|(path, origin)| ValueOrigin { path: redactor.mask_text(path), origin: origin.clone() })
        .collect();
    LayerPreview {
        layer: either.layer.clone(),
        display_name: display_name(&either.value, redactor),
        kind: either.kind,
        current_pack: current.map(|values| values.pack.clone()),
        pending_pack: pending.map(|values| values.pack.clone()),
        current_revision: current.map(|values| values.revision.clone()),
        pending_revision: pending.map(|values| values.revision.clone()),
        diff: unified(&current_text, &pending_text, Labels { current: &from, pending: &to }),
        current: current_text,
        pending: pending_text,
        changes: field_changes(&value(current), &value(pending), redactor),
        provenance,
        override_patch: mask_patch(&override_of(input, &either.layer), redactor),
        redundant: input.composed.redundant.get(&either.layer).cloned().unwrap_or_default(),
    }
}

/// What people call a layer: `pack.displayName`, or as Palette has it.
fn display_name(values: &serde_json::Value, redactor: &Redactor) -> Option<String> {
    let pack = values.get("pack")?;
    let keys = ["displayName", "spectrocloud.com/display-name"];
    let name = keys.iter().find_map(|key| pack.get(key)?.as_str())?;
    Some(redactor.mask_text(name))
}

fn override_of(input: &PlanInput<'_>, layer: &LayerName) -> Patch {
    let operations = input
        .composed
        .composition
        .overrides
        .iter()
        .flat_map(OverrideSource::layers)
        .filter(|candidate| candidate.layer == *layer)
        .flat_map(|candidate| candidate.patch.0.clone())
        .collect();
    Patch(operations)
}

fn mask_patch(patch: &Patch, redactor: &Redactor) -> Patch {
    Patch(patch.0.iter().map(|operation| mask_operation(operation, redactor)).collect())
}

fn mask_operation(operation: &PatchOperation, redactor: &Redactor) -> PatchOperation {
    let path = |path: &ValuePath| mask_path(path, redactor);
    let item =
        |item: &ItemKey| ItemKey { field: item.field.clone(), value: redactor.mask_value(&item.value) };
    match operation {
        PatchOperation::Set { path: at, value } => {
            PatchOperation::Set { path: path(at), value: redactor.mask_value(value) }
        }
        PatchOperation::Remove { path: at } => PatchOperation::Remove { path: path(at) },
        PatchOperation::Insert { list, value, key, before } => PatchOperation::Insert {
            list: path(list),
            value: redactor.mask_value(value),
            key: key.clone(),
            before: before.as_ref().map(item),
        },
        PatchOperation::RemoveItem { list, item: which } => {
            PatchOperation::RemoveItem { list: path(list), item: item(which) }
        }
        PatchOperation::Move { list, item: which, before } => {
            PatchOperation::Move { list: path(list), item: item(which), before: before.as_ref().map(item) }
        }
    }
}

fn mask_path(path: &ValuePath, redactor: &Redactor) -> ValuePath {
    let segments = path.0.iter().map(|segment| match segment {
        Segment::Key(key) => Segment::Key(redactor.mask_text(key)),
        Segment::Index(index) => Segment::Index(*index),
        Segment::Item(fields) => Segment::Item(
            fields.iter().map(|(name, value)| (name.clone(), redactor.mask_value(value))).collect(),
        ),
    });
    ValuePath(segments.collect())
}

/// A decision as a plan may hold it: a masked value still differs when the secret does.
pub(crate) fn mask_resolution(resolution: &ConflictResolution, redactor: &Redactor) -> ConflictResolution {
    let choice = match &resolution.choice {
        ResolutionChoice::Edit { value } => ResolutionChoice::Edit { value: redactor.mask_value(value) },
        other => other.clone(),
    };
    ConflictResolution {
        layer: resolution.layer.clone(),
        path: mask_path(&resolution.path, redactor),
        choice,
    }
}

/// Open conflicts as a plan may hold them: what the new render knows to be secret is masked as well.
pub(crate) fn conflicts(input: &PlanInput<'_>) -> Vec<MergeConflict> {
    let mask = |value: &Option<Value>| value.as_ref().map(|value| input.redactor.mask_value(value));
    let conflict = |conflict: &MergeConflict| MergeConflict {
        base: mask(&conflict.base),
        ours: mask(&conflict.ours),
        theirs: mask(&conflict.theirs),
        ..conflict.clone()
    };
    input.composed.conflicts.iter().map(conflict).collect()
}
