//! Which charts of a tree count, and by what names.
//!
//! *Idea.* A chart's declared dependencies are looked up among the charts that it holds: the first of the name whose
//! version fits, under its alias, as often as it is declared. Charts that it holds and does not declare stay. Tags, then
//! conditions, take declared ones out again, on the values of the whole tree. Then the same one level further in, with
//! the name of the level before the paths of conditions.
//!
//! *Caveats.* As in Helm, charts below one that declares nothing are taken as they are, and tags of inner charts are
//! looked up at the root of all values.

use strata_model::{diagnostic::Diagnostic, pack::CHART_FILE};

use super::{
    Chart, Dependency,
    coalesce::{Notes, Nulls, coalesce, leaf, table},
};
use crate::{
    functions::semver,
    template::{Map, Numbers, Value},
};

/// Most charts of one tree; every alias counts.
const MAX_CHARTS: usize = 200;

/// A chart in its place.
#[derive(Debug)]
pub(super) struct Node<'c> {
    pub(super) chart: &'c Chart,
    /// Its alias or its own name.
    pub(super) name: String,
    /// Its default values; imports are added to them.
    pub(super) values: Map,
    /// The declared dependencies that count, under their aliases.
    pub(super) declared: Option<Vec<Dependency>>,
    pub(super) children: Vec<Self>,
}

/// Chooses the charts that count for the user's values.
pub(super) fn choose<'c>(chart: &'c Chart, user: &Map) -> Result<Node<'c>, Vec<Diagnostic>> {
    missing(chart)?;
    let mut left = MAX_CHARTS;
    let mut root = node(chart, &chart.metadata.name, &mut left)?;
    enable(&mut root, user, "", &mut left).map_err(|problem| vec![problem])?;
    Ok(root)
}

/// What is declared must be there, at least by name.
fn missing(chart: &Chart) -> Result<(), Vec<Diagnostic>> {
    let declared = chart.metadata.dependencies.as_deref().unwrap_or_default();
    let gone = declared
        .iter()
        .filter(|wanted| !chart.subcharts.iter().any(|own| own.metadata.name == wanted.name))
        .map(|wanted| {
            let message = format!("the dependency `{}` is not in the folder charts", wanted.name);
            Diagnostic::new("CHART_DEPENDENCY_MISSING", message)
                .in_file(CHART_FILE)
                .with_help("run `helm dependency build` before packing the chart")
        });
    let gone: Vec<Diagnostic> = gone.collect();
    if gone.is_empty() { Ok(()) } else { Err(gone) }
}

/// A chart with all that it holds, nothing declared looked at yet.
fn node<'c>(chart: &'c Chart, name: &str, left: &mut usize) -> Result<Node<'c>, Vec<Diagnostic>> {
    *left = left.checked_sub(1).ok_or_else(|| vec![too_many()])?;
    let mut children = Vec::with_capacity(chart.subcharts.len());
    for inner in &chart.subcharts {
        children.push(node(inner, &inner.metadata.name, left)?);
    }
    let Value::Map(values) =
        Value::from_json(&serde_json::Value::Object(chart.values.clone()), Numbers::Float)
    else {
        return Ok(Node { chart, name: name.to_owned(), values: Map::empty(), declared: None, children });
    };
    Ok(Node { chart, name: name.to_owned(), values, declared: chart.metadata.dependencies.clone(), children })
}

fn too_many() -> Diagnostic {
    let message = format!("the chart has more than {MAX_CHARTS} charts inside it, aliases counted");
    Diagnostic::new("CHART_TOO_LARGE", message).in_file(CHART_FILE).with_help("split the chart")
}

fn fits(dependency: &Dependency, chart: &Chart) -> bool {
    // A dependency without a version fits nothing: the chart stays, as one that is not declared.
    chart.metadata.name == dependency.name && semver::satisfies(&dependency.version, &chart.metadata.version)
}

fn enable(node: &mut Node<'_>, values: &Map, path: &str, left: &mut usize) -> Result<(), Diagnostic> {
    let Some(mut declared) = node.declared.take() else { return Ok(()) };
    let chart = node.chart;
    node.children.retain(|child| !declared.iter().any(|dependency| fits(dependency, child.chart)));
    for dependency in &mut declared {
        let found = chart.subcharts.iter().find(|own| fits(dependency, own));
        if !dependency.alias.is_empty() {
            dependency.name.clone_from(&dependency.alias);
        }
        if let Some(found) = found {
            let child = self::node(found, &dependency.name, left)
                .map_err(|mut problems| problems.pop().unwrap_or_else(too_many))?;
            node.children.push(child);
        }
    }
    let values = coalesce(node, values, Nulls::Remove, &mut Notes::default()).map_err(|message| {
        Diagnostic::new("CHART_VALUES_INVALID", message).with_help("give the subchart a mapping, or none")
    })?;
    let off: Vec<String> = declared
        .iter()
        .filter(|dependency| !counts(dependency, &values, path))
        .map(|dependency| dependency.name.clone())
        .collect();
    node.children.retain(|child| !off.contains(&child.name));
    declared.retain(|dependency| !off.contains(&dependency.name));
    for child in &mut node.children {
        let path = format!("{path}{}.", child.name);
        enable(child, &values, &path, left)?;
    }
    node.declared = Some(declared).filter(|declared| !declared.is_empty());
    Ok(())
}

/// A condition decides before tags; without either the chart counts.
fn counts(dependency: &Dependency, values: &Map, path: &str) -> bool {
    for condition in dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
        if let Some(Value::Bool(truth)) = leaf(values, &format!("{path}{condition}")) {
            return truth;
        }
    }
    let Some(tags) = table(values, "tags") else { return true };
    let said = dependency.tags.iter().filter_map(|tag| match tags.get(tag.as_bytes()) {
        Some(Value::Bool(truth)) => Some(truth),
        _ => None,
    });
    let said: Vec<bool> = said.collect();
    said.is_empty() || said.contains(&true)
}
