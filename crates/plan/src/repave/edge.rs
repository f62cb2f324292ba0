//! Edge hosts: what a change of values of an infrastructure layer does to them.
//!
//! The operating system's image, and whatever its address refers to, replaces hosts; stages that run at boot restart
//! them; the rest is taken over while they run. Stages of RKE2 replace hosts too.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::{object::ObjectKey, plan::RepaveReason, profile::LayerKind, render::LayerValues};
use strata_values::diff_values;

use super::reason;
use crate::plan::PlanInput;

/// What a change does to the hosts; the gravest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// Services restart.
    Restart,
    /// Hosts restart.
    Reboot,
    /// Hosts are replaced.
    Repave,
}

/// Every path of an infrastructure layer that changes, with what that does.
pub(crate) fn effects<'a>(input: &PlanInput<'a>) -> Vec<(&'a LayerValues, String, Effect)> {
    let Some(applied) = input.applied else { return Vec::new() };
    let current: BTreeMap<_, &LayerValues> =
        applied.values.iter().map(|values| (&values.layer, values)).collect();
    let mut effects = Vec::new();
    for pending in input.render.layers.iter().filter(|values| values.kind.is_infrastructure()) {
        let Some(current) = current.get(&pending.layer) else { continue };
        for change in diff_values(&current.value, &pending.value) {
            let path = change.path.to_string();
            let effect = effect(pending, current, &path);
            effects.push((pending, input.redactor.mask_text(&path), effect));
        }
    }
    effects
}

pub(super) fn reasons(input: &PlanInput<'_>) -> Vec<RepaveReason> {
    effects(input)
        .into_iter()
        .filter(|(_, _, effect)| *effect == Effect::Repave)
        .map(|(layer, path, _)| {
            let object = ObjectKey {
                group: String::new(),
                kind: "Layer".to_owned(),
                namespace: None,
                name: layer.layer.to_string(),
            };
            let message = format!("{path} of layer \"{}\" changes", layer.layer);
            reason("EDGE_IMAGE_EVERYWHERE", &object, &path, message, None)
        })
        .collect()
}

fn effect(pending: &LayerValues, current: &LayerValues, path: &str) -> Effect {
    let below =
        |root: &str| path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with(['.', '[']));
    match pending.kind {
        LayerKind::Os | LayerKind::Kubernetes if below("stages.reconcile") => Effect::Restart,
        LayerKind::Kubernetes if below("stages") && pending.pack.contains("rke2") => Effect::Repave,
        LayerKind::Os | LayerKind::Kubernetes if below("stages") => Effect::Reboot,
        LayerKind::Os if below("options.system.uri") => Effect::Repave,
        LayerKind::Os if below("options.system") => {
            if refers_to(current, path) || refers_to(pending, path) {
                Effect::Repave
            } else {
                Effect::None
            }
        }
        // The whole options went or came: the image with them.
        LayerKind::Os if path == "options" => Effect::Repave,
        LayerKind::Kubernetes if below("cluster") => Effect::Restart,
        LayerKind::Cni | LayerKind::Csi => Effect::Restart,
        _ => Effect::None,
    }
}

/// Whether the image's address refers to this path.
fn refers_to(layer: &LayerValues, path: &str) -> bool {
    let address = layer.value.pointer("/options/system/uri").and_then(Value::as_str).unwrap_or_default();
    address
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-')))
        .any(|word| word.trim_start_matches('.').trim_start_matches("Values.") == path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn layer(kind: LayerKind, pack: &str, value: Value) -> LayerValues {
        LayerValues {
            layer: "os".parse().unwrap(),
            kind,
            pack: pack.to_owned(),
            revision: strata_model::profile::RevisionReference {
                profile: "edge".parse().unwrap(),
                version: "1.0.0".parse().unwrap(),
                revision: 1,
            },
            text: String::new(),
            value,
            origins: BTreeMap::new(),
        }
    }

    #[test]
    fn the_table_of_effects() {
        let os = layer(
            LayerKind::Os,
            "edge-native-byoi 2.1.0",
            json!({"options": {"system": {"uri": "{{ .options.system.registry }}/os:{{ .options.system.tag }}"}}}),
        );
        let k3s = layer(LayerKind::Kubernetes, "edge-k3s 1.33.2", json!({}));
        let rke2 = layer(LayerKind::Kubernetes, "edge-rke2 1.33.2", json!({}));
        let cni = layer(LayerKind::Cni, "cni-calico 3.30.0", json!({}));
        for (values, path, expected) in [
            (&os, "options.system.uri", Effect::Repave),
            (&os, "options.system.tag", Effect::Repave),
            (&os, "options.system.note", Effect::None),
            (&os, "stages.boot[0]", Effect::Reboot),
            (&os, "stages.reconcile", Effect::Restart),
            (&os, "pack.content", Effect::None),
            (&k3s, "cluster.config", Effect::Restart),
            (&k3s, "stages.initramfs", Effect::Reboot),
            (&rke2, "stages.initramfs", Effect::Repave),
            (&k3s, "clientConfig.x", Effect::None),
            (&cni, "charts.calico", Effect::Restart),
        ] {
            assert_eq!(effect(values, values, path), expected, "{path}");
        }
    }
}
