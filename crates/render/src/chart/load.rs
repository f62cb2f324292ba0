//! From files to a [`Chart`]: which file is what, and the charts inside charts.
//!
//! *Guarantees.* Files of all nested archives together stay within [`CHART_BUDGET`], nesting within `MAX_NESTING`.
//!
//! *Caveats.* `.helmignore` counts for a folder and all below it, not for archives: Helm left out what it ignores when
//! it packed them.

use std::{collections::BTreeMap, str};

use strata_archive::{ArchiveError, Budget, Tally, Usage, read_tgz};
use strata_model::{diagnostic::Diagnostic, pack::CHART_FILE};
use strata_values::ParseOptions;

use super::{
    Chart,
    ignore::{IGNORE_FILE, Rules},
    metadata,
};
use crate::yaml::{first_document, first_mapping};

/// The limits of a chart with all charts inside it.
pub const CHART_BUDGET: Budget = Budget {
    max_files: 10_000,
    max_file_bytes: 8 * 1024 * 1024,
    max_total_bytes: 64 * 1024 * 1024,
    max_depth: 24,
    max_path_bytes: 512,
};

/// How deep charts may lie inside charts.
const MAX_NESTING: usize = 10;

type Files<'f> = BTreeMap<&'f str, &'f [u8]>;

/// Reads the chart in a folder.
pub(super) fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Chart, Vec<Diagnostic>> {
    let mut usage = Usage::of(files);
    load(rules(files)?.keep(files).collect(), &Place::root(), &mut usage)
}

/// What of a chart's folder is not part of the chart.
pub(super) fn rules(files: &BTreeMap<String, Vec<u8>>) -> Result<Rules, Vec<Diagnostic>> {
    let rules = match files.get(IGNORE_FILE) {
        Some(bytes) => Rules::read(&String::from_utf8_lossy(without_mark(bytes))),
        None => Rules::read(""),
    };
    rules.map_err(|problem| vec![problem])
}

/// Reads the chart in an archive.
pub(super) fn from_archive(bytes: &[u8]) -> Result<Chart, Vec<Diagnostic>> {
    archive(bytes, &Place::root(), &mut Usage::default())
}

/// Where a chart lies inside the outermost one.
struct Place {
    prefix: String,
    depth: usize,
}

impl Place {
    const fn root() -> Self {
        Self { prefix: String::new(), depth: 0 }
    }

    fn inside(&self, name: &str) -> Self {
        Self { prefix: format!("{}charts/{name}/", self.prefix), depth: self.depth + 1 }
    }

    fn file(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    fn refuse(&self, code: &str, path: &str, message: impl Into<String>, help: &str) -> Vec<Diagnostic> {
        vec![Diagnostic::new(code, message).in_file(self.file(path)).with_help(help)]
    }
}

fn archive(bytes: &[u8], place: &Place, usage: &mut Usage) -> Result<Chart, Vec<Diagnostic>> {
    let failed = |error: ArchiveError| {
        let mut problem = Diagnostic::new("CHART_ARCHIVE_INVALID", error.to_string()).with_help(error.help());
        problem.file = place.prefix.strip_suffix('/').map(str::to_owned);
        vec![problem]
    };
    let files = read_tgz(bytes, Tally::new(&CHART_BUDGET, usage, |_| true)).map_err(failed)?;
    let mut inner = Files::new();
    let mut folder = None;
    for (path, bytes) in &files {
        let Some((first, rest)) = path.split_once('/') else {
            return Err(place.refuse(
                "CHART_ARCHIVE_INVALID",
                path,
                "a file lies beside the chart's folder",
                "make the archive with `helm package`: one folder that holds the chart",
            ));
        };
        if *folder.get_or_insert(first) != first {
            // Helm takes what lies in several folders for one chart; nobody can mean that.
            return Err(place.refuse(
                "CHART_ARCHIVE_INVALID",
                path,
                "the archive holds more than one folder",
                "make the archive with `helm package`: one folder that holds the chart",
            ));
        }
        inner.insert(rest, bytes);
    }
    load(inner, place, usage)
}

fn load(files: Files<'_>, place: &Place, usage: &mut Usage) -> Result<Chart, Vec<Diagnostic>> {
    if place.depth > MAX_NESTING {
        let message = format!("charts lie more than {MAX_NESTING} deep inside charts");
        return Err(place.refuse("CHART_TOO_DEEP", CHART_FILE, message, "flatten the dependencies"));
    }
    let mut problems = Vec::new();
    let Some(bytes) = files.get(CHART_FILE) else {
        let message = "the chart has no Chart.yaml";
        return Err(place.refuse(
            "CHART_FILE_MISSING",
            CHART_FILE,
            message,
            "add one with apiVersion, name and version",
        ));
    };
    let description = text(bytes, &place.file(CHART_FILE)).and_then(|text| {
        first_mapping(text, &place.file(CHART_FILE), &ParseOptions::VALUES).map_err(|problem| vec![problem])
    });
    let metadata = description.and_then(|map| metadata::read(map, &place.file(CHART_FILE)));
    let mut chart = Chart {
        metadata: keep(metadata, &mut problems).unwrap_or_default(),
        values: serde_json::Map::new(),
        schema: None,
        templates: BTreeMap::new(),
        files: BTreeMap::new(),
        subcharts: Vec::new(),
    };
    let mut nested: BTreeMap<&str, Files<'_>> = BTreeMap::new();
    for (path, bytes) in files {
        let file = place.file(path);
        if let Some(inner) = path.strip_prefix("charts/")
            && !inner.ends_with(".prov")
        {
            let name = inner.split('/').next().unwrap_or(inner);
            nested.entry(name).or_default().insert(inner, bytes);
        } else if path.starts_with("templates/") {
            if let Some(text) = keep(text(bytes, &file), &mut problems) {
                chart.templates.insert(path.to_owned(), text.to_owned());
            }
        } else {
            match path {
                CHART_FILE | "Chart.lock" => continue,
                "values.yaml" => {
                    let read = text(bytes, &file).and_then(|text| {
                        first_mapping(text, &file, &ParseOptions::VALUES).map_err(|problem| vec![problem])
                    });
                    chart.values = keep(read, &mut problems).unwrap_or_default();
                    continue;
                }
                "values.schema.json" => {
                    chart.schema = Some(without_mark(bytes).to_owned());
                    continue;
                }
                "requirements.yaml" => {
                    let read = requirements(bytes, &file);
                    if let Some(Some(dependencies)) = keep(read, &mut problems) {
                        chart.metadata.dependencies = Some(dependencies);
                    }
                }
                _ => {}
            }
            chart.files.insert(path.to_owned(), without_mark(bytes).to_owned());
        }
    }
    for (name, files) in nested {
        let read = subchart(name, &files, place, usage);
        chart.subcharts.extend(keep(read, &mut problems).flatten());
    }
    if problems.is_empty() { Ok(chart) } else { Err(problems) }
}

/// A chart below `charts/`; none for names that Helm passes over.
fn subchart(
    name: &str,
    files: &Files<'_>,
    outer: &Place,
    usage: &mut Usage,
) -> Result<Option<Chart>, Vec<Diagnostic>> {
    if name.starts_with(['_', '.']) {
        return Ok(None);
    }
    let place = outer.inside(name);
    if name.ends_with(".tgz") {
        return match files.get(name) {
            Some(bytes) => archive(bytes, &place, usage).map(Some),
            None => Err(outer.refuse(
                "CHART_ARCHIVE_INVALID",
                &format!("charts/{name}"),
                "a folder is named as an archive",
                "rename the folder",
            )),
        };
    }
    let inner = files.iter().filter_map(|(path, bytes)| path.split_once('/').map(|(_, rest)| (rest, *bytes)));
    load(inner.collect(), &place, usage).map(Some)
}

fn requirements(bytes: &[u8], file: &str) -> Result<Option<Vec<metadata::Dependency>>, Vec<Diagnostic>> {
    let text = text(bytes, file)?;
    let map = first_document(text, file, &ParseOptions::VALUES).map_err(|problem| vec![problem])?;
    match map {
        serde_json::Value::Object(map) => metadata::read_requirements(map, file),
        serde_json::Value::Null => Ok(None),
        _ => Err(vec![
            Diagnostic::new("YAML_NOT_A_MAPPING", "expected a mapping at the top")
                .in_file(file)
                .with_help("begin the file with `dependencies:`"),
        ]),
    }
}

/// Keeps what was read, or notes why not.
fn keep<T>(result: Result<T, Vec<Diagnostic>>, problems: &mut Vec<Diagnostic>) -> Option<T> {
    result.map_err(|more| problems.extend(more)).ok()
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn text<'b>(bytes: &'b [u8], file: &str) -> Result<&'b str, Vec<Diagnostic>> {
    str::from_utf8(without_mark(bytes)).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        vec![
            Diagnostic::new("CHART_NOT_TEXT", "the file is not UTF-8 text")
                .in_file(file)
                .at(u32::try_from(line).unwrap_or(u32::MAX), 1)
                .with_help("save the file in the encoding UTF-8, or move it out of templates/"),
        ]
    })
}
