//! The Helm charts of a pack, in the order in which they render.

use strata_model::{
    diagnostic::Diagnostic,
    pack::{PackChart, PackFiles},
};

use super::{DESCRIPTION, Findings};
use crate::chart::{Chart, ChartType};

/// Where charts lie.
const FOLDER: &str = "charts/";
/// Most charts of a pack.
const MAX_CHARTS: usize = 50;

/// Reads the charts: those listed in `pack.json` in that order, or all by path.
pub(super) fn read(files: &PackFiles, listed: Option<&[String]>, findings: &mut Findings) -> Vec<PackChart> {
    let present: Vec<&String> = files.keys().filter(|path| path.starts_with(FOLDER)).collect();
    if let Some(path) = present.iter().find(|path| !is_archive(path)) {
        let message = "a chart lies in the pack as a folder, or something else lies beside the charts";
        let problem = Diagnostic::new("CHART_ARCHIVE_INVALID", message).in_file(path.as_str());
        findings
            .error(problem.with_help("pack the chart with `helm package`, and put the .tgz into charts/"));
    }
    let mut order: Vec<String> = Vec::new();
    match listed.filter(|listed| !listed.is_empty()) {
        None => order.extend(present.iter().filter(|path| is_archive(path)).map(|path| (*path).clone())),
        Some(listed) => {
            for name in listed {
                let path = name.strip_prefix("./").unwrap_or(name);
                let path = if path.starts_with(FOLDER) { path.to_owned() } else { format!("{FOLDER}{path}") };
                if !files.contains_key(&path) {
                    let shown: String = name.chars().take(100).collect();
                    let message = format!("charts names `{shown}`, which the pack does not have");
                    let problem = Diagnostic::new("PACK_FILE_MISSING", message).in_file(DESCRIPTION);
                    findings.error(problem.with_help("add the file, or take its name out of charts"));
                } else if !order.contains(&path) {
                    order.push(path);
                }
            }
            for path in present.iter().filter(|path| is_archive(path) && !order.contains(path)) {
                let message = "the chart is not rendered: charts in pack.json leaves it out";
                findings.warning(
                    Diagnostic::new("CHART_NOT_LISTED", message)
                        .in_file(path.as_str())
                        .with_help("add it to charts in pack.json, or remove the file"),
                );
            }
        }
    }
    if order.len() > MAX_CHARTS {
        let problem =
            Diagnostic::new("CHART_TOO_LARGE", format!("the pack has more than {MAX_CHARTS} charts"));
        findings.error(problem.in_file(DESCRIPTION).with_help("split the pack"));
        return Vec::new();
    }
    let mut charts: Vec<PackChart> = Vec::with_capacity(order.len());
    for path in order {
        let Some(archive) = files.get(&path) else { continue };
        match load(&path, archive) {
            Ok(chart) if chart.metadata.kind == ChartType::Library => {
                let message = "a library chart renders nothing by itself";
                let problem = Diagnostic::new("CHART_IS_LIBRARY", message).in_file(path.as_str());
                findings.error(problem.with_help("leave it out; the charts that use it hold it themselves"));
            }
            Ok(chart) if charts.iter().any(|other| other.name == chart.metadata.name) => {
                let message = format!("two charts of the pack are called `{}`", chart.metadata.name);
                let problem = Diagnostic::new("CHART_DUPLICATE", message).in_file(path.as_str());
                findings.error(problem.with_help("keep one of them"));
            }
            Ok(chart) => {
                charts.push(PackChart { name: chart.metadata.name, path, archive: archive.clone() });
            }
            Err(problems) => findings.errors.extend(problems),
        }
    }
    charts
}

fn is_archive(path: &str) -> bool {
    path.strip_prefix(FOLDER).is_some_and(|name| name.ends_with(".tgz") && !name.contains('/'))
}

/// A chart from its archive; problems are placed in the pack.
pub(crate) fn load(path: &str, archive: &[u8]) -> Result<Chart, Vec<Diagnostic>> {
    Chart::from_archive(archive).map_err(|problems| {
        let inside = |mut problem: Diagnostic| {
            problem.file = Some(match problem.file {
                Some(file) => format!("{path}/{file}"),
                None => path.to_owned(),
            });
            problem
        };
        problems.into_iter().map(inside).collect()
    })
}
