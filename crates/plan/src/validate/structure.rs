//! What can be said of layers without looking into packs.

use std::collections::BTreeSet;

use strata_model::{
    diagnostic::Diagnostic,
    problem::Problem,
    profile::{Layer, LayerKind, ProfileContent, ProfileType, is_dns_label},
};

/// Kinds of which a cluster has one.
const SINGLE: [LayerKind; 4] = [LayerKind::Os, LayerKind::Kubernetes, LayerKind::Cni, LayerKind::Csi];

pub(super) fn problems(profile_type: ProfileType, content: &ProfileContent) -> Vec<Problem> {
    let mut problems = Vec::new();
    if content.layers.is_empty() {
        let problem = Diagnostic::new("NO_LAYERS", "the profile has no layers");
        problems.push(Problem::error(None, problem.with_help("give it at least one, under `layers`")));
    }
    let mut names = BTreeSet::new();
    for layer in &content.layers {
        let mut tell = |code: &str, message: String, help: &str| {
            problems.push(error(layer, Diagnostic::new(code, message).with_help(help)));
        };
        if !names.insert(&layer.name) {
            tell(
                "DUPLICATE_LAYER",
                format!("the layer `{}` is there twice", layer.name),
                "rename one of them",
            );
        }
        let fits = match profile_type {
            ProfileType::Full => true,
            ProfileType::Infra => layer.kind.is_infrastructure(),
            ProfileType::Addon => !layer.kind.is_infrastructure(),
        };
        if !fits {
            tell(
                "LAYER_KIND",
                format!("a layer of kind {} does not belong into a profile of this type", layer.kind),
                "INFRA profiles have infrastructure layers, ADDON profiles have add-on layers, FULL ones both",
            );
        }
    }
    for layer in &content.layers {
        let mut names = BTreeSet::new();
        for manifest in layer.manifests.iter().filter(|manifest| !names.insert(&manifest.name)) {
            let message = format!("there are two manifests `{}`", manifest.name);
            let problem = Diagnostic::new("DUPLICATE_MANIFEST", message).with_help("rename one of them");
            problems.push(error(layer, problem));
        }
        for manifest in layer.manifests.iter().filter(|manifest| !is_dns_label(&manifest.name)) {
            let message = format!("`{}` cannot name a manifest", manifest.name);
            let help = "use lower-case letters, digits and `-`, at most 63";
            problems.push(error(layer, Diagnostic::new("MANIFEST_NAME", message).with_help(help)));
        }
    }
    for kind in SINGLE {
        let of_kind: Vec<&Layer> = content.layers.iter().filter(|layer| layer.kind == kind).collect();
        for layer in of_kind.iter().skip(1) {
            let first = of_kind.first().map_or("another", |first| first.name.as_str());
            let message = format!("there is a layer of kind {kind} already: `{first}`");
            let problem = Diagnostic::new("LAYER_KIND", message).with_help("keep one of them");
            problems.push(error(layer, problem));
        }
    }
    problems
}

fn error(layer: &Layer, problem: Diagnostic) -> Problem {
    Problem::error(Some(layer.name.clone()), problem.in_file(format!("layer `{}`", layer.name)))
}
