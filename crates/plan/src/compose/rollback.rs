//! Going back to an earlier composition, as a forward change.
//!
//! What cannot go back is *held*: a Kubernetes version. The composition keeps that layer at its present revision,
//! visibly, and the rest goes back.

use strata_model::{
    composition::{Composition, HeldLayer},
    error::Refusal,
    profile::LayerKind,
    version::KubernetesVersion,
};

use strata_render::layer_macros;

use super::{Contents, contents::layers};

/// The composition that goes back to `earlier` as far as it can. `running` and `then` are the Kubernetes versions of the
/// applied and of the earlier render, where known.
///
/// # Errors
/// `NOT_FOUND` when a revision or pack is not among the contents.
pub fn roll_back(
    applied: &Composition,
    earlier: &Composition,
    running: Option<&KubernetesVersion>,
    then: Option<&KubernetesVersion>,
    contents: &dyn Contents,
) -> Result<Composition, Refusal> {
    let mut wanted = earlier.clone();
    // Generated values do not come back with a generation: passwords rotated since stay rotated.
    wanted.generation = earlier.generation.max(applied.generation);
    let downgrade = match (running, then) {
        (Some(running), Some(then)) => running.compare(then).is_gt(),
        _ => false,
    };
    if !downgrade {
        return Ok(wanted);
    }
    // The present version may come from a macro: it is held with the layer.
    let now = layers(applied, contents)?;
    for present in now.iter().filter(|present| present.layer.kind == LayerKind::Kubernetes) {
        let named = layer_macros(present.layer, present.pack, &present.revision).unwrap_or_default();
        for name in named {
            if let Some(value) = applied.macros.get(&name) {
                wanted.macros.insert(name, value.clone());
            }
        }
    }
    for layer in layers(earlier, contents)?.iter().filter(|layer| layer.layer.kind == LayerKind::Kubernetes) {
        let Some(present) = now.iter().find(|present| present.layer.name == layer.layer.name) else {
            continue;
        };
        if present.revision != layer.revision && present.layer != layer.layer {
            wanted.held.retain(|held| held.layer != layer.layer.name);
            wanted.held.push(HeldLayer {
                layer: layer.layer.name.clone(),
                revision: present.revision.clone(),
                reason: "Kubernetes cannot go back to an earlier version".to_owned(),
            });
        }
    }
    Ok(wanted)
}
