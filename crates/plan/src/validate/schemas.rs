//! The rendered objects held against what an API server publishes.

use std::collections::BTreeSet;

use strata_model::{
    diagnostic::Diagnostic,
    object::Destination,
    problem::Problem,
    profile::ProfileContent,
    render::{Render, RenderedObject},
    value_path::ValuePath,
};
use strata_render::attached_source;
use strata_values::{parse_documents, place::Places};

use crate::{
    diff::first_layer,
    schema::{ApiSchemas, Violation},
};

/// Most violations of one profile that are told.
const MAX_TOLD: usize = 100;

/// Objects that an API server of the cluster itself gets. Those of Cluster API go to another cluster, of another version.
fn of_the_cluster(render: &Render) -> impl Iterator<Item = &RenderedObject> {
    let hooks = render.hooks.iter().map(|hook| &hook.object);
    render.objects.iter().chain(hooks).filter(|object| object.destination == Destination::Workload)
}

fn defined(render: &Render, mut schemas: ApiSchemas) -> ApiSchemas {
    for object in of_the_cluster(render) {
        schemas.define(&object.body);
    }
    schemas
}

pub(super) fn group_versions(render: &Render) -> BTreeSet<String> {
    defined(render, ApiSchemas::default()).missing(of_the_cluster(render).map(|object| &object.body))
}

pub(super) fn problems(content: &ProfileContent, render: &Render, schemas: ApiSchemas) -> Vec<Problem> {
    let schemas = defined(render, schemas);
    let mut problems = Vec::new();
    for object in of_the_cluster(render) {
        for violation in schemas.check(&object.body).into_iter().flatten() {
            let layer = first_layer(object);
            let problem = located(content, object, &violation);
            problems.push(if violation.certain {
                Problem::error(Some(layer), problem)
            } else {
                Problem::warning(Some(layer), problem)
            });
        }
    }
    problems.truncate(MAX_TOLD);
    problems
}

/// A violation where its author can mend it: in a manifest of the profile's own at its line, else in the file of the pack that
/// wrote the object.
fn located(content: &ProfileContent, object: &RenderedObject, violation: &Violation) -> Diagnostic {
    let layer = first_layer(object);
    let message = format!("{}: {}", object.key, violation.message);
    let mut problem = Diagnostic::new("OBJECT_SCHEMA", message);
    problem.help.clone_from(&violation.help);
    let own = content.layers.iter().filter(|own| own.name == layer).flat_map(|own| {
        own.manifests.iter().map(move |manifest| (attached_source(own, &manifest.name), &manifest.text))
    });
    for (file, text) in own {
        if file == object.source {
            let problem = problem.in_file(file);
            return match place_of(text, object, &violation.path) {
                Some((line, column)) => problem.at(line, column),
                None => problem,
            };
        }
    }
    problem.in_file(format!("layer `{layer}` {}", object.source))
}

/// Where a path of an object stands in a text of several documents. Names may be written with references, so that what tells
/// documents apart is their kind, and their name where more than one has it.
fn place_of(text: &str, object: &RenderedObject, path: &ValuePath) -> Option<(u32, u32)> {
    let documents = parse_documents(text, "").ok()?;
    let of_kind = || {
        documents.iter().filter(|document| {
            document.value.get("kind").and_then(|kind| kind.as_str()) == Some(object.key.kind.as_str())
        })
    };
    let named = of_kind().find(|document| {
        document.value.pointer("/metadata/name").and_then(|name| name.as_str())
            == Some(object.key.name.as_str())
    });
    let document = named.or_else(|| of_kind().next())?;
    let before = usize::try_from(document.line.checked_sub(1)?).ok()?;
    let from: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let place = Places::of(text.get(from..)?).nearest(path)?;
    Some((place.line.saturating_add(document.line - 1), place.column))
}
