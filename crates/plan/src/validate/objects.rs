//! What the rendered objects say: one object of two layers, API versions that are gone, and what the renderer noted.

use strata_model::{
    diagnostic::Diagnostic, object::Destination, problem::Problem, profile::ProfileContent, render::Render,
};

use super::layer_of;
use crate::{diff::first_layer, guards::apis::removed};

pub(super) fn problems(content: &ProfileContent, render: &Render) -> Vec<Problem> {
    let mut problems = Vec::new();
    for duplicate in &render.duplicates {
        let names: Vec<String> = duplicate.layers.iter().map(|layer| format!("`{layer}`")).collect();
        let last = duplicate.layers.last().cloned();
        let problem = Diagnostic::new(
            "DUPLICATE_OBJECT",
            format!("the layers {} both render {}", names.join(" and "), duplicate.key),
        )
        .in_file(last.as_ref().map_or_else(String::new, |layer| format!("layer `{layer}`")))
        .with_help("let one of the layers go without it");
        problems.push(Problem::error(last, problem));
    }
    for object in render.objects.iter().filter(|object| object.destination == Destination::Workload) {
        let Some(target) = &render.kubernetes_version else { break };
        let Some(removal) = removed(&object.api_version, &object.key.kind, target) else { continue };
        let layer = first_layer(object);
        let message = format!(
            "{} is rendered as {}, which Kubernetes 1.{} no longer serves, and the profile asks for {target}",
            object.key, object.api_version, removal.since
        );
        let help = if removal.instead.is_empty() {
            "nothing takes its place: take the object out".to_owned()
        } else {
            format!("let the pack render it as {}", removal.instead)
        };
        let problem = Diagnostic::new("REMOVED_API", message).in_file(format!("layer `{layer}`"));
        problems.push(Problem::error(Some(layer), problem.with_help(help)));
    }
    let noted = render.warnings.iter().cloned();
    problems.extend(noted.map(|noted| Problem::warning(layer_of(content, &noted), noted)));
    problems
}
