//! From the folder of a chart to its archive.

use std::collections::BTreeMap;

use strata_archive::write_tgz;
use strata_model::diagnostic::Diagnostic;

use super::{Chart, load};

/// A chart and its archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Packaged {
    /// The chart.
    pub chart: Chart,
    /// A `.tgz` that holds it in a folder of its name.
    pub archive: Vec<u8>,
}

/// Packs the chart of a folder as `helm package` does: without what `.helmignore` names. The same files give the same
/// bytes.
///
/// # Errors
/// As [`Chart::from_files`], and `CHART_ARCHIVE_INVALID` when a path does not fit into an archive.
pub fn package(files: &BTreeMap<String, Vec<u8>>) -> Result<Packaged, Vec<Diagnostic>> {
    let chart = Chart::from_files(files)?;
    let rules = load::rules(files)?;
    let archive = write_tgz(&chart.metadata.name, rules.keep(files)).map_err(|error| {
        let problem =
            Diagnostic::new("CHART_ARCHIVE_INVALID", format!("the chart cannot be packed: {error}"));
        vec![problem.with_help("shorten the paths of its files")]
    })?;
    Ok(Packaged { chart, archive })
}
