//! A chart and values in, texts and manifests out.
//!
//! *Idea.* All templates of the chart and its subcharts are parsed into one set, then those that are no partials are
//! executed one after the other. Both happen in Helm's order, deepest path first and of equal depth from Z to A, since it
//! can be told: later definitions of a name replace earlier ones, and templates may change the values that others see.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::Value as Json;
use strata_model::{diagnostic::Diagnostic, pack::CHART_FILE};

use super::{
    ChartInput, ChartType, RenderedChart, RenderedFile,
    coalesce::{Notes, Nulls, coalesce},
    imports::import,
    manifest,
    objects::{Roots, Shared, is_executable, is_partial, template},
    schema,
    tree::{Node, choose},
};
use crate::{
    functions::semver,
    template::{Budget, Context, Engine, Map, Numbers, Value, strip_no_value},
    template_error,
};

/// Most text of a chart's templates, in bytes.
const MAX_TEMPLATE_BYTES: usize = 32 * 1024 * 1024;

/// What all templates of a chart together may use.
const BUDGET: Budget = Budget { steps: 20_000_000, output: 32 << 20, memory: 1 << 30, depth: 1000 };

/// Renders a chart.
///
/// # Errors
/// All problems of the first step that has some: `CHART_*` for the chart and its values, `TEMPLATE_SYNTAX`,
/// `TEMPLATE_FAILED`, `TEMPLATE_BUDGET` with file and line for its templates.
pub fn render_chart(input: &ChartInput<'_>) -> Result<RenderedChart, Vec<Diagnostic>> {
    let metadata = &input.chart.metadata;
    if metadata.kind == ChartType::Library {
        let message =
            format!("`{}` is a library chart: it defines templates and renders nothing", metadata.name);
        return Err(one("CHART_IS_LIBRARY", message, "render a chart that depends on it"));
    }
    let user = user_values(input.values)?;
    let mut notes = Notes::default();
    let mut tree = choose(input.chart, &user)?;
    let values = import(&mut tree, &mut notes)
        .and_then(|()| coalesce(&tree, &user, Nulls::Remove, &mut notes))
        .map_err(|message| one("CHART_VALUES_INVALID", message, "correct the values"))?;
    let problems = schema::check(&tree, &Value::Map(values.clone()).to_json());
    if !problems.is_empty() {
        return Err(problems);
    }
    check_kube_version(input)?;
    let mut templates = Vec::new();
    let shared = Shared::new(input.release, Rc::clone(&input.facts));
    let roots = shared.roots(&tree, &values);
    collect(&tree, &roots, &tree.name, &mut templates);
    // Z to A within equal depth: the exact reverse of the order by depth and name.
    templates.sort_by(|a, b| {
        let depth = |file: &File<'_>| file.path.matches('/').count();
        (depth(b), &b.path).cmp(&(depth(a), &a.path))
    });
    let engine = parse(&templates)?;
    let context = Context::new(Rc::clone(&input.facts), Rc::clone(&input.generator)).with_budget(BUDGET);
    let texts = execute(&engine, &templates, &context.sharing_budget())?;
    let mut crds = Vec::new();
    definitions(&tree, &tree.name, &mut crds)?;
    let read = manifest::read(&texts)?;
    let warning = |message: String| {
        Diagnostic::new("CHART_VALUES_CONFLICT", message)
            .in_file(format!("{}/values.yaml", tree.name))
            .with_help("give the key the same kind of value in both places")
    };
    let mut warnings: Vec<Diagnostic> = notes.0.into_iter().map(warning).collect();
    warnings.extend(read.warnings);
    Ok(RenderedChart { crds, texts, manifests: read.manifests, hooks: read.hooks, warnings })
}

fn one(code: &str, message: impl Into<String>, help: &str) -> Vec<Diagnostic> {
    vec![Diagnostic::new(code, message).with_help(help)]
}

fn user_values(values: &Json) -> Result<Map, Vec<Diagnostic>> {
    match values {
        Json::Null => Ok(Map::empty()),
        _ => match Value::from_json(values, Numbers::Float) {
            Value::Map(map) => Ok(map),
            _ => Err(one("CHART_VALUES_INVALID", "the values are no mapping", "begin with `key: value`")),
        },
    }
}

fn check_kube_version(input: &ChartInput<'_>) -> Result<(), Vec<Diagnostic>> {
    let wanted = &input.chart.metadata.kube_version;
    if wanted.is_empty() {
        return Ok(());
    }
    let version = input.facts.kube_version().version;
    if semver::satisfies(wanted, &version) {
        return Ok(());
    }
    let name = &input.chart.metadata.name;
    let message = format!("the chart `{name}` wants Kubernetes `{wanted}`, and this is {version}");
    Err(vec![
        Diagnostic::new("CHART_KUBE_VERSION", message)
            .in_file(format!("{name}/{CHART_FILE}"))
            .with_help("take another version of the chart, or of Kubernetes"),
    ])
}

/// A template in its place.
struct File<'r> {
    path: String,
    text: &'r str,
    dot: &'r Map,
    /// The folder of the chart's templates.
    base: Rc<str>,
}

fn collect<'r>(node: &Node<'r>, roots: &'r Roots, path: &str, files: &mut Vec<File<'r>>) {
    for (child, inner) in node.children.iter().zip(&roots.children) {
        collect(child, inner, &format!("{path}/charts/{}", child.name), files);
    }
    let base: Rc<str> = format!("{path}/templates").into();
    for (own, text) in &node.chart.templates {
        if is_executable(&node.chart.metadata, own) {
            files.push(File { path: format!("{path}/{own}"), text, dot: &roots.dot, base: Rc::clone(&base) });
        }
    }
}

fn parse(files: &[File<'_>]) -> Result<Engine, Vec<Diagnostic>> {
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    if bytes > MAX_TEMPLATE_BYTES {
        let message = format!("the templates have more than {MAX_TEMPLATE_BYTES} bytes");
        return Err(one("CHART_TOO_LARGE", message, "split the chart"));
    }
    let mut engine = Engine::new();
    let mut problems = Vec::new();
    for file in files {
        if let Err(error) = engine.parse(&file.path, file.text) {
            problems.push(template_error::diagnose(&error, "TEMPLATE_SYNTAX", |file| file.to_owned()));
        }
    }
    if problems.is_empty() { Ok(engine) } else { Err(problems) }
}

/// Executes all templates; the first failure ends it, since what follows depends on what came before.
fn execute(
    engine: &Engine,
    files: &[File<'_>],
    context: &Context,
) -> Result<Vec<RenderedFile>, Vec<Diagnostic>> {
    // Two dependencies of one name have templates of one path: the last one counts.
    let mut texts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rendered: Vec<RenderedFile> = Vec::new();
    for file in files.iter().filter(|file| !is_partial(&file.path)) {
        file.dot.set("Template", template(&file.path, &file.base));
        let text = engine.execute(&file.path, &Value::Map(file.dot.clone()), context).map_err(|error| {
            vec![template_error::diagnose(&error, "TEMPLATE_FAILED", |file| file.to_owned())]
        })?;
        let text = strip_no_value(&text);
        match texts.get(file.path.as_str()).and_then(|place| rendered.get_mut(*place)) {
            Some(former) => former.text = text,
            None => {
                texts.insert(&file.path, rendered.len());
                rendered.push(RenderedFile { path: file.path.clone(), text });
            }
        }
    }
    Ok(rendered)
}

/// The files below `crds/`, a chart's own before those of its subcharts.
fn definitions(node: &Node<'_>, path: &str, crds: &mut Vec<RenderedFile>) -> Result<(), Vec<Diagnostic>> {
    let is_manifest = |path: &str| [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending));
    for (own, bytes) in &node.chart.files {
        if !own.starts_with("crds/") || !is_manifest(own) {
            continue;
        }
        let path = format!("{path}/{own}");
        match String::from_utf8(bytes.clone()) {
            Ok(text) => crds.push(RenderedFile { path, text }),
            Err(_) => {
                let problem = Diagnostic::new("CHART_NOT_TEXT", "the file is not UTF-8 text").in_file(path);
                return Err(vec![problem.with_help("save the file in the encoding UTF-8")]);
            }
        }
    }
    for child in &node.children {
        definitions(child, &format!("{path}/charts/{}", child.name), crds)?;
    }
    Ok(())
}
