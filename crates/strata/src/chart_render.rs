//! `strata pack render` of a Helm chart: the objects that `helm template --include-crds` would print.
//!
//! No cluster is asked; generated values are the same at every call.

use std::{fs, path::Path, rc::Rc};

use serde_json::Value;
use strata_cli::arguments::Format;
use strata_model::{Timestamp, diagnostic::Diagnostic};
use strata_registry::{PACK_FILE, Tally, Usage, read_files, read_tgz};
use strata_render::{
    chart::{
        CHART_BUDGET, CHART_FILE, Chart, ChartInput, ChartRelease, DefaultFacts, RenderedChart, render_chart,
    },
    template::{SeededGenerator, with_large_stack},
};

use crate::{
    arguments::RenderArguments,
    exit::Failed,
    pack_render::{merged_values, write_objects},
};

/// Whether a path holds a chart rather than a pack.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn is_chart(path: &Path) -> Result<bool, Failed> {
    if path.is_dir() {
        return Ok(path.join(CHART_FILE).is_file() && !path.join(PACK_FILE).is_file());
    }
    let bytes = read(path)?;
    // A pack may hold charts, so only what lies at the root or in one folder says what it is.
    let outer = |names: &[&str]| {
        names.len() <= 2 && names.last().is_some_and(|name| [CHART_FILE, PACK_FILE].contains(name))
    };
    let mut usage = Usage::default();
    // What is no archive is told by whoever reads it next.
    let Ok(files) = read_tgz(&bytes, Tally::new(&CHART_BUDGET, &mut usage, outer)) else { return Ok(false) };
    let holds = |file: &str| files.keys().any(|path| path.rsplit('/').next() == Some(file));
    Ok(holds(CHART_FILE) && !holds(PACK_FILE))
}

/// Renders and prints.
///
/// # Errors
/// When a file cannot be read, or the chart does not render.
pub(crate) fn run(arguments: &RenderArguments, format: Format) -> Result<(), Failed> {
    let name = arguments.path.display();
    let problems = |what: &'static str| {
        let message = format!("{name} {what}");
        move |problems: Vec<Diagnostic>| Failed::Pack { message, problems }
    };
    if !arguments.presets.is_empty() {
        return Err(Failed::Settings {
            message: "a chart has no presets".to_owned(),
            help: "leave --preset out, or render a pack",
        });
    }
    let chart = load(&arguments.path)?.map_err(problems("is not a chart"))?;
    let values = Value::Object(merged_values(&arguments.values)?);
    let release = ChartRelease::install(
        arguments.release.as_deref().unwrap_or("release-name"),
        arguments.namespace.as_deref().unwrap_or("default"),
    );
    let rendered = with_large_stack(|| {
        let mut facts = DefaultFacts::new().with_api_versions(&arguments.api_versions);
        if let Some(version) = &arguments.kube_version {
            facts = facts.with_kube_version(version);
        }
        render_chart(&ChartInput {
            chart: &chart,
            values: &values,
            release: &release,
            facts: Rc::new(facts),
            generator: Rc::new(SeededGenerator::new([0; 32], Timestamp::UNIX_EPOCH)),
        })
    });
    let rendered = rendered
        .map_err(|source| Failed::File { operation: "render", path: name.to_string(), source })?
        .map_err(problems("does not render"))?;
    for warning in &rendered.warnings {
        eprintln!("warning: {warning}");
    }
    let objects = RenderedChart::objects(&rendered).map_err(problems("does not render"))?;
    write_objects(objects, format);
    Ok(())
}

fn load(path: &Path) -> Result<Result<Chart, Vec<Diagnostic>>, Failed> {
    if path.is_file() {
        return Ok(Chart::from_archive(&read(path)?));
    }
    let mut usage = Usage::default();
    let wanted = |names: &[&str]| names.first() != Some(&".git");
    let files = read_files(path, Tally::new(&CHART_BUDGET, &mut usage, wanted)).map_err(|error| {
        Failed::Pack { message: format!("{}: {error}", path.display()), problems: Vec::new() }
    })?;
    Ok(Chart::from_files(&files))
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    fs::read(path).map_err(|source| Failed::File {
        operation: "read",
        path: path.display().to_string(),
        source,
    })
}
