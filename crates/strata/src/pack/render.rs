//! `strata pack render`: the objects of a pack, a chart or plain manifests.
//!
//! A pack is rendered by itself ([`written_alone`]), a chart as by `helm template --include-crds`; nothing is added to what
//! their templates write. No cluster is asked, and generated values are the same at every call.

use std::rc::Rc;
use strata_cli::output::write_error;

use serde_json::Value;
use strata_cli::arguments::Format;
use strata_model::{Timestamp, diagnostic::Diagnostic};
use strata_render::{
    chart::{Chart, ChartInput, ChartRelease, RenderedChart, render_chart},
    template::{SeededGenerator, with_large_stack},
    written_alone,
};

use super::{
    input,
    source::{self, Source},
};
use crate::{arguments::RenderArguments, exit::Failed, program::write_out};

/// Renders and prints.
///
/// # Errors
/// When a file cannot be read, or the pack has problems.
pub(crate) fn run(arguments: &RenderArguments, format: Format) -> Result<(), Failed> {
    let fails = |problems| does_not_render(arguments, problems);
    let (objects, warnings) = match source::open(&arguments.path)? {
        Source::Chart(chart) => {
            let release = input::release(arguments)?;
            let values = Value::Object(input::merged_values(&arguments.values)?);
            let rendered = chart_objects(arguments, &chart, &values, &release)?;
            (rendered.objects().map_err(fails)?, rendered.warnings)
        }
        Source::Pack(pack) => {
            let alone = input::alone(arguments, &pack)?;
            let written = written_alone(*pack, &alone).map_err(fails)?;
            if !written.namespaces.is_empty() {
                write_error(
                    format_args!("note: namespaces that are made for it: {}", written.namespaces.join(", ")),
                    "\n",
                );
            }
            (written.objects, written.warnings)
        }
    };
    for warning in &warnings {
        write_error(format_args!("warning: {warning}"), "\n");
    }
    write_objects(objects, format);
    Ok(())
}

/// Renders one chart, as `helm template` does.
///
/// # Errors
/// When it does not render.
pub(super) fn chart_objects(
    arguments: &RenderArguments,
    chart: &Chart,
    values: &Value,
    release: &ChartRelease,
) -> Result<RenderedChart, Failed> {
    let rendered = with_large_stack(|| {
        render_chart(&ChartInput {
            chart,
            values,
            release,
            facts: Rc::new(input::facts(arguments)),
            generator: Rc::new(SeededGenerator::new([0; 32], Timestamp::UNIX_EPOCH)),
        })
    });
    rendered
        .map_err(|source| Failed::File {
            operation: "render",
            path: arguments.path.display().to_string(),
            source,
        })?
        .map_err(|problems| does_not_render(arguments, problems))
}

pub(super) fn does_not_render(arguments: &RenderArguments, problems: Vec<Diagnostic>) -> Failed {
    Failed::Pack { message: format!("{} does not render", arguments.path.display()), problems }
}

/// Prints objects: one JSON array, or a stream of YAML documents.
fn write_objects(bodies: Vec<Value>, format: Format) {
    let text = match format {
        Format::Json => format!("{:#}\n", Value::from(bodies)),
        Format::Table | Format::Yaml => {
            let documents =
                bodies.iter().map(|body| format!("---\n{}\n", strata_values::emit(body).trim_end()));
            documents.collect()
        }
    };
    write_out(&text);
}
