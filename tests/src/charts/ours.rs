//! What this workspace makes of a case, in process.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::Value;
use strata_model::diagnostic::Diagnostic;
use strata_render::{
    chart::{Chart, ChartInput, ChartRelease, DefaultFacts, RenderedChart, render_chart},
    template::{SeededGenerator, with_large_stack},
};

use super::corpus::Case;

/// One render.
#[derive(Debug, Clone, Default)]
pub struct Ours {
    /// The files with definitions, one after the other.
    pub definitions: String,
    /// Ordinary objects and hooks.
    pub objects: Vec<Value>,
    /// The text of each template.
    pub texts: BTreeMap<String, String>,
}

/// Reads the chart and renders it.
///
/// # Errors
/// The diagnostics, one a line.
pub fn render(case: &Case, files: &BTreeMap<String, Vec<u8>>) -> Result<Ours, String> {
    let rendered = with_large_stack(|| load_and_render(case, files)).map_err(|error| error.to_string())?;
    Ok(collected(rendered.map_err(|diagnostics| described(&diagnostics))?))
}

/// Reads the chart and renders it: on a thread with a large stack.
///
/// # Errors
/// The diagnostics.
pub fn load_and_render(
    case: &Case,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<RenderedChart, Vec<Diagnostic>> {
    let chart = Chart::from_files(files)?;
    let release =
        ChartRelease { is_upgrade: case.upgrade, ..ChartRelease::install(&case.release, &case.namespace) };
    render_chart(&ChartInput {
        chart: &chart,
        values: &case.values,
        release: &release,
        facts: Rc::new(
            DefaultFacts::new().with_kube_version(&case.kube_version).with_api_versions(&case.api_versions),
        ),
        generator: Rc::new(SeededGenerator::new([7; 32], jiff::Timestamp::UNIX_EPOCH)),
    })
}

fn collected(rendered: RenderedChart) -> Ours {
    let definitions = rendered.crds.iter().map(|file| format!("---\n{}\n", file.text)).collect();
    let objects =
        rendered.manifests.into_iter().chain(rendered.hooks).map(|manifest| manifest.value).collect();
    let texts = rendered.texts.into_iter().map(|file| (file.path, file.text)).collect();
    Ours { definitions, objects, texts }
}

fn described(diagnostics: &[Diagnostic]) -> String {
    let lines = diagnostics.iter().map(|diagnostic| {
        let place = [
            diagnostic.file.clone(),
            diagnostic.line.map(|line| line.to_string()),
            diagnostic.column.map(|column| column.to_string()),
        ];
        let place = place.into_iter().flatten().collect::<Vec<_>>().join(":");
        format!("{place}: {} {}", diagnostic.code, diagnostic.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}
