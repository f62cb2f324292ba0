//! A layer's Helm charts, rendered.
//!
//! *Idea.* Each chart is a release of its own: `<pack>-<chart>` in the layer's namespace, or what
//! `pack.releaseNameOverride` says, with the values below `charts.<chart>`. Files below `crds/` are objects of the layer
//! like any other.
//!
//! Hooks of installing and upgrading are run around them; those of other moments (tests, deletions, rollbacks) are told by
//! name and left out.

use std::{borrow::Cow, rc::Rc};

use serde_json::Value;
use strata_model::{
    diagnostic::Diagnostic,
    pack::{Pack, PackChart},
    render::{HookDeletePolicy, HookEvent},
};

use crate::{
    base::layer_file,
    capabilities::Capabilities,
    chart::{self, Chart, ChartInput, ChartManifest, ChartRelease, RenderedChart, render_chart},
    input::RenderInput,
    layer_values::{Prepared, context},
    manifests::Allowance,
    objects::{self, Hook, Manifest},
    pack::load_chart,
};

/// Most hooks that a warning names.
const MAX_NAMED: usize = 10;

/// What the charts of a layer gave.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// All charts of a pack, read. May be kept and shared by all renders of the pack.
///
/// # Errors
/// `CHART_*` for each that is no chart; packs that were loaded by [`crate::load_pack`] have none.
pub fn pack_charts(pack: &Pack) -> Result<Vec<Chart>, Vec<Diagnostic>> {
    let (mut charts, mut problems) = (Vec::new(), Vec::new());
    for chart in &pack.charts {
        match load_chart(&chart.path, &chart.archive) {
            Ok(chart) => charts.push(chart),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(charts) } else { Err(problems) }
}

/// One chart of a layer, as the release that it becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct PackRelease {
    /// The name that the chart gives itself.
    pub chart: String,
    /// Its archive's path in the pack.
    pub path: String,
    /// The release.
    pub release: ChartRelease,
    /// What the layer says over the chart's own values: a mapping, or null for nothing.
    pub values: Value,
}

/// The releases of a layer, in the order of the pack's charts.
pub(crate) fn releases(prepared: &Prepared<'_>) -> Vec<PackRelease> {
    let pack = prepared.layer.pack;
    let release = |source: &PackChart| {
        let values = prepared.value.get("charts").and_then(|charts| charts.get(&source.name));
        let name = release_name(pack, &source.name, &prepared.value);
        PackRelease {
            chart: source.name.clone(),
            path: source.path.clone(),
            release: ChartRelease::install(name, prepared.settings.namespace.as_str()),
            values: values.cloned().unwrap_or_default(),
        }
    };
    pack.charts.iter().map(release).collect()
}

/// Renders the charts of a layer.
pub(crate) fn run(
    input: &RenderInput<'_>,
    capabilities: &Rc<Capabilities>,
    prepared: &Prepared<'_>,
    allowance: &mut Allowance,
) -> Result<Written, Vec<Diagnostic>> {
    let (layer, pack) = (prepared.layer.layer, prepared.layer.pack);
    let mut written = Written::default();
    if pack.charts.is_empty() {
        return Ok(written);
    }
    let Some(seed) = input.seeds.get(&layer.name) else {
        let message = format!("the layer `{}` has no seed for generated values", layer.name);
        return Err(vec![Diagnostic::new("SEED_MISSING", message).with_help("plan the change again")]);
    };
    let in_layer = |mut problem: Diagnostic| {
        problem.file = Some(layer_file(layer, problem.file.as_deref().unwrap_or("charts")));
        problem
    };
    let in_layer = |problems: Vec<Diagnostic>| problems.into_iter().map(in_layer).collect::<Vec<_>>();
    let charts = match prepared.layer.charts {
        Some(charts) => Cow::Borrowed(charts),
        None => Cow::Owned(pack_charts(pack).map_err(in_layer)?),
    };
    let mut problems = Vec::new();
    for (chart, source) in charts.iter().zip(releases(prepared)) {
        let context = context(capabilities, Some(seed));
        let rendered = render_chart(&ChartInput {
            chart,
            values: &source.values,
            release: &source.release,
            facts: Rc::clone(capabilities) as Rc<_>,
            generator: Rc::clone(&context.generator),
        });
        match rendered {
            Ok(rendered) => {
                let bytes: usize = rendered.texts.iter().map(|file| file.text.len()).sum();
                allowance.take_bytes(bytes, &layer_file(layer, &source.path))?;
                let (run, left_out): (Vec<_>, Vec<_>) = rendered
                    .hooks
                    .iter()
                    .map(|hook| (hook, settings(hook)))
                    .partition(|(_, hook)| hook.is_some());
                let hooks: Vec<(&ChartManifest, Hook)> =
                    run.into_iter().filter_map(|(hook, settings)| Some((hook, settings?))).collect();
                match objects_of(&rendered, &hooks, &source.path, |file| layer_file(layer, file)) {
                    Ok(read) => {
                        allowance.take_objects(read.len(), &layer_file(layer, &source.path))?;
                        written.manifests.extend(read);
                    }
                    Err(more) => problems.extend(more),
                }
                let left_out: Vec<&ChartManifest> = left_out.into_iter().map(|(hook, _)| hook).collect();
                written.warnings.extend(hooks_left_out(&left_out, &source.chart));
                written.warnings.extend(rendered.warnings);
            }
            Err(more) => problems.extend(in_layer(more)),
        }
    }
    written.warnings = in_layer(written.warnings);
    if problems.is_empty() { Ok(written) } else { Err(problems) }
}

/// A text names the release of the pack's only chart, a mapping those of several.
fn release_name(pack: &Pack, chart: &str, values: &Value) -> String {
    let said = values.get("pack").and_then(|pack| pack.get("releaseNameOverride"));
    let own = match said {
        Some(Value::String(name)) => Some(name),
        Some(Value::Object(names)) => match names.get(chart) {
            Some(Value::String(name)) => Some(name),
            _ => None,
        },
        _ => None,
    };
    match own.filter(|name| !name.is_empty()) {
        Some(name) => name.clone(),
        None => format!("{}-{chart}", pack.name),
    }
}

/// How a hook is run, if it is one of those that are.
fn settings(manifest: &ChartManifest) -> Option<Hook> {
    let hook = manifest.hook.as_ref()?;
    let event = |event: &chart::HookEvent| match event {
        chart::HookEvent::PreInstall => Some(HookEvent::PreInstall),
        chart::HookEvent::PostInstall => Some(HookEvent::PostInstall),
        chart::HookEvent::PreUpgrade => Some(HookEvent::PreUpgrade),
        chart::HookEvent::PostUpgrade => Some(HookEvent::PostUpgrade),
        chart::HookEvent::PreDelete
        | chart::HookEvent::PostDelete
        | chart::HookEvent::PreRollback
        | chart::HookEvent::PostRollback
        | chart::HookEvent::Test => None,
    };
    let events: Vec<HookEvent> = hook.events.iter().filter_map(event).collect();
    let delete = hook.delete_policies.iter().map(|policy| match policy {
        chart::DeletePolicy::HookSucceeded => HookDeletePolicy::HookSucceeded,
        chart::DeletePolicy::HookFailed => HookDeletePolicy::HookFailed,
        chart::DeletePolicy::BeforeHookCreation => HookDeletePolicy::BeforeHookCreation,
    });
    let mut delete: Vec<HookDeletePolicy> = delete.collect();
    if delete.is_empty() {
        // What Helm does where a hook says nothing.
        delete.push(HookDeletePolicy::BeforeHookCreation);
    }
    (!events.is_empty()).then_some(Hook { events, weight: hook.weight, delete })
}

fn objects_of(
    rendered: &RenderedChart,
    hooks: &[(&ChartManifest, Hook)],
    source: &str,
    file: impl Fn(&str) -> String,
) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    let mut keep = |result: Result<Vec<Manifest>, Vec<Diagnostic>>| match result {
        Ok(manifests) => read.extend(manifests),
        Err(more) => problems.extend(more),
    };
    for definitions in &rendered.crds {
        keep(objects::read(&definitions.text, &file(&definitions.path), source));
    }
    for manifest in &rendered.manifests {
        let place = format!("{} (rendered)", file(&manifest.path));
        keep(objects::read_values([(manifest.value.clone(), manifest.line)], &place, source));
    }
    for (manifest, hook) in hooks {
        let place = format!("{} (rendered)", file(&manifest.path));
        let read = objects::read_values([(manifest.value.clone(), manifest.line)], &place, source);
        keep(read.map(|read| {
            read.into_iter().map(|read| Manifest { hook: Some(hook.clone()), ..read }).collect()
        }));
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

fn hooks_left_out(hooks: &[&ChartManifest], chart: &str) -> Option<Diagnostic> {
    let named = hooks.iter().take(MAX_NAMED).map(|hook| {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
        let name = hook.value.get("metadata").and_then(|metadata| metadata.get("name"));
        format!("{} `{}`", text(hook.value.get("kind")), text(name))
    });
    let named: Vec<String> = named.collect();
    let rest = hooks.len().checked_sub(named.len()).filter(|rest| *rest > 0);
    let more = rest.map(|rest| format!(" and {rest} more")).unwrap_or_default();
    (!named.is_empty()).then(|| {
        let message = format!("hooks of the chart `{chart}` are left out: {}{more}", named.join(", "));
        Diagnostic::new("CHART_HOOKS_LEFT_OUT", message).in_file(chart).with_help(
            "only hooks that install or upgrade are run: tests, deletions and rollbacks have none here",
        )
    })
}
