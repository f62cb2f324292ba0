//! The Helm charts of a pack, in the order in which they render.

use std::collections::BTreeMap;

use strata_model::{
    diagnostic::Diagnostic,
    pack::{PackChart, PackFiles},
};

use super::{DESCRIPTION, Findings, listed::Listing};
use crate::chart::{Chart, ChartType, Packaged, package};

/// Where charts lie.
const FOLDER: &str = "charts/";
/// Most charts of a pack.
const MAX_CHARTS: usize = 50;

/// Reads the charts: those listed in `pack.json` in that order, or all by path. One that lies there as a folder is kept as
/// the archive that `helm package` would make of it.
pub(super) fn read(files: &PackFiles, listed: Option<&[String]>, findings: &mut Findings) -> Vec<PackChart> {
    let mut folders: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    let mut present: Vec<&str> = Vec::new();
    for (path, bytes) in files {
        match path.strip_prefix(FOLDER).map(|inner| inner.split_once('/')) {
            None => {}
            Some(Some((name, inner))) => {
                let folder = folders.entry(format!("{FOLDER}{name}")).or_default();
                folder.insert(inner.to_owned(), bytes.clone());
            }
            Some(None) if path.ends_with(".tgz") => present.push(path),
            Some(None) => {
                let problem = Diagnostic::new("CHART_ARCHIVE_INVALID", "the file lies beside the charts");
                let problem = problem.in_file(path.as_str());
                findings.error(problem.with_help("keep only charts in charts/: each a folder or a .tgz"));
            }
        }
    }
    present.extend(folders.keys().map(String::as_str));
    present.sort_unstable();
    let listing =
        Listing { key: "charts", folder: FOLDER, not_listed: "CHART_NOT_LISTED", noun: "chart", present };
    let order = listing.in_order(listed, findings);
    if order.len() > MAX_CHARTS {
        let problem =
            Diagnostic::new("CHART_TOO_LARGE", format!("the pack has more than {MAX_CHARTS} charts"));
        findings.error(problem.in_file(DESCRIPTION).with_help("split the pack"));
        return Vec::new();
    }
    let mut charts: Vec<PackChart> = Vec::with_capacity(order.len());
    for path in order {
        let read = match (folders.get(&path), files.get(&path)) {
            (Some(folder), _) => package(folder).map_err(|problems| inside(&path, problems)),
            (None, Some(archive)) => {
                load(&path, archive).map(|chart| Packaged { chart, archive: archive.clone() })
            }
            (None, None) => continue,
        };
        match read.map(|Packaged { chart, archive }| (chart, archive)) {
            Ok((chart, _)) if chart.metadata.kind == ChartType::Library => {
                let message = "a library chart renders nothing by itself";
                let problem = Diagnostic::new("CHART_IS_LIBRARY", message).in_file(path.as_str());
                findings.error(problem.with_help("leave it out; the charts that use it hold it themselves"));
            }
            Ok((chart, _)) if charts.iter().any(|other| other.name == chart.metadata.name) => {
                let message = format!("two charts of the pack are called `{}`", chart.metadata.name);
                let problem = Diagnostic::new("CHART_DUPLICATE", message).in_file(path.as_str());
                findings.error(problem.with_help("keep one of them"));
            }
            Ok((chart, archive)) => {
                charts.push(PackChart { name: chart.metadata.name, path, archive });
            }
            Err(problems) => findings.errors.extend(problems),
        }
    }
    charts
}

/// A chart from its archive; problems are placed in the pack.
pub(crate) fn load(path: &str, archive: &[u8]) -> Result<Chart, Vec<Diagnostic>> {
    Chart::from_archive(archive).map_err(|problems| inside(path, problems))
}

/// Problems of a chart, placed in the pack.
fn inside(path: &str, problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let place = |mut problem: Diagnostic| {
        problem.file = Some(match problem.file {
            Some(file) => format!("{path}/{file}"),
            None => path.to_owned(),
        });
        problem
    };
    problems.into_iter().map(place).collect()
}
