//! Packs: whether they are there, go together, and find what they refer to.

use strata_model::{
    diagnostic::Diagnostic,
    pack::Pack,
    problem::Problem,
    profile::{Layer, ProfileType},
    value_path::ValuePath,
};
use strata_render::layer_base;

use crate::{
    compose::ResolvedLayer,
    guards::packs::{Unmet, unmet},
};

pub(super) fn unknown(layer: &Layer) -> Problem {
    let message = format!("there is no pack {} {}", layer.pack.name, layer.pack.version);
    let help = "list what there is with `strata pack list`, or add it with `strata pack add`";
    let problem = Diagnostic::new("UNKNOWN_PACK", message).in_file(format!("layer `{}`", layer.name));
    Problem::error(Some(layer.name.clone()), problem.with_help(help))
}

pub(super) fn problems(profile_type: ProfileType, layers: &[ResolvedLayer<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for layer in layers {
        let at = || Some(layer.layer.name.clone());
        for constraint in &layer.pack.constraints {
            let Some(Unmet { message, help, missing }) = unmet(layer, constraint, layers) else { continue };
            let problem = Diagnostic::new("PACK_CONSTRAINT", message)
                .in_file(format!("layer `{}`", layer.layer.name))
                .with_help(help);
            // What an add-on needs may come with the infrastructure of the cluster, and the other way round.
            problems.push(if missing && profile_type != ProfileType::Full {
                Problem::warning(at(), problem)
            } else {
                Problem::error(at(), problem)
            });
        }
        problems.extend(lost_references(layer));
    }
    problems
}

/// Paths of values by which a pack says what it asks of machines, and that the values do not have.
fn lost_references(layer: &ResolvedLayer<'_>) -> Vec<Problem> {
    if layer.pack.resources.is_empty() {
        return Vec::new();
    }
    let Ok(base) = layer_base(layer.layer, layer.pack, &layer.revision) else { return Vec::new() };
    let lost = references(layer.pack).filter(|path| {
        path.parse::<ValuePath>().ok().and_then(|path| path.find(&base.value).cloned()).is_none()
    });
    lost.map(|path| {
        let message =
            format!("the pack says what it asks of machines by `{path}`, and its values have no such path");
        let problem = Diagnostic::new("RESOURCE_PATH_MISSING", message)
            .in_file(format!("layer `{}` values.yaml", layer.layer.name))
            .with_help("give the path a value, or correct `constraints.resources` of the pack");
        Problem::warning(Some(layer.layer.name.clone()), problem)
    })
    .collect()
}

fn references(pack: &Pack) -> impl Iterator<Item = &str> {
    pack.resources.iter().flat_map(|resource| &resource.components).flat_map(|component| {
        [&component.resource_request_param_ref, &component.replica_count_param_ref]
            .into_iter()
            .filter_map(|path| path.as_deref())
            .filter(|path| !path.is_empty())
    })
}
