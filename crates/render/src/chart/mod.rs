//! Helm charts, rendered in process: a small library of its own.
//!
//! *Idea.* A [`Chart`] is read once from files or an archive (`load`, `metadata`, `ignore`). [`render_chart`] then walks
//! the way that `helm template` walks: choose the dependencies that count (`tree`), bring the values of chart, subcharts
//! and user together (`coalesce`, `imports`), check them (`schema`), execute every template in Helm's order (`execute`,
//! `objects`), and cut the texts into manifests and hooks (`manifest`, `hook`, `order`).
//!
//! *Guarantees.* Pure: no I/O, no clock, no randomness; the same input gives the same bytes. Sizes, counts and depths of
//! archives are bounded, nested archives included; all templates of a chart and of its subcharts share one budget of
//! steps, output and memory. Every problem is a [`Diagnostic`] with the file of the chart, and with a line where there is
//! one.
//!
//! *Caveats.* Call [`render_chart`] inside [`crate::template::with_large_stack`] where charts are not one's own: charts
//! include templates deeper than an ordinary stack allows. Links inside archives and references of a schema to other
//! places are refused, where Helm follows them. Signatures and lock files are not looked at.

mod coalesce;
pub mod compare;
mod execute;
mod facts;
mod hook;
mod ignore;
mod imports;
mod load;
mod manifest;
mod metadata;
mod objects;
mod order;
mod package;
mod schema;
mod schema_depth;
mod tree;

use std::{collections::BTreeMap, rc::Rc};

use strata_model::diagnostic::Diagnostic;
use strata_values::ParseOptions;

use crate::template::{FactReader, Generator};

pub use coalesce::overlay_values;
pub use execute::render_chart;
pub use facts::{DEFAULT_KUBE_VERSION, DefaultFacts};
pub use hook::{DeletePolicy, HookEvent, HookInfo};
pub use load::CHART_BUDGET;
pub use metadata::{ChartType, Dependency, ImportValues, Maintainer, Metadata};
pub use package::{Packaged, package};

/// A chart with its subcharts, read and checked; may be kept and shared by many renders.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What `Chart.yaml` (and `requirements.yaml`) says.
    pub metadata: Metadata,
    /// The default values.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// `values.schema.json`, if any, as it came.
    pub schema: Option<Vec<u8>>,
    /// The texts below `templates/`, by path in the chart.
    pub templates: BTreeMap<String, String>,
    /// All other files, by path in the chart; those below `crds/` too.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The charts below `charts/`, by the names of their folders and archives.
    pub subcharts: Vec<Self>,
}

impl Chart {
    /// Reads a chart from the files of its folder, paths relative to it. `.helmignore` counts.
    ///
    /// # Errors
    /// All problems of its files: `CHART_*`, and those of `strata_values::parse`.
    pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, Vec<Diagnostic>> {
        load::from_files(files)
    }

    /// Reads a chart from a `.tgz`, in which it lies in one folder.
    ///
    /// # Errors
    /// As [`Chart::from_files`], and `CHART_ARCHIVE_INVALID`.
    pub fn from_archive(bytes: &[u8]) -> Result<Self, Vec<Diagnostic>> {
        load::from_archive(bytes)
    }
}

impl Chart {
    /// The size of its texts and files, those of the charts inside included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let templates = self.templates.values().map(String::len);
        let files = self.files.values().map(Vec::len);
        let schema = self.schema.as_ref().map_or(0, Vec::len);
        schema + templates.chain(files).chain(self.subcharts.iter().map(Self::bytes)).sum::<usize>()
    }
}

/// Reads the values of a user as Helm reads a values file: the first document, plain keys by what they mean.
///
/// # Errors
/// Those of `strata_values::parse`.
pub fn parse_values(
    text: &str,
    file: &str,
) -> Result<serde_json::Map<String, serde_json::Value>, Diagnostic> {
    crate::yaml::first_mapping(text, file, &ParseOptions::VALUES)
}

/// What templates see as `.Release`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartRelease {
    /// Its name.
    pub name: String,
    /// The namespace that it goes to.
    pub namespace: String,
    /// Whether a former revision is replaced.
    pub is_upgrade: bool,
    /// Counts from 1.
    pub revision: i64,
    /// Who renders: `Helm` for charts that look.
    pub service: String,
}

impl ChartRelease {
    /// A first installation, as `helm template` has it.
    #[must_use]
    pub fn install(name: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            namespace: namespace.into(),
            is_upgrade: false,
            revision: 1,
            service: "Helm".to_owned(),
        }
    }
}

/// All that a render of a chart depends on.
#[derive(Debug)]
pub struct ChartInput<'a> {
    /// The chart.
    pub chart: &'a Chart,
    /// The user's values: a mapping, or null for none.
    pub values: &'a serde_json::Value,
    /// The release.
    pub release: &'a ChartRelease,
    /// What may be asked of the cluster.
    pub facts: Rc<dyn FactReader>,
    /// Where generated values come from.
    pub generator: Rc<dyn Generator>,
}

/// A file of a chart and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// The path from the outermost chart's name on, e.g. `web/charts/cache/templates/service.yaml`.
    pub path: String,
    /// The text.
    pub text: String,
}

/// One document that a template wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartManifest {
    /// The template's path, as in [`RenderedFile`].
    pub path: String,
    /// The document's text.
    pub text: String,
    /// The line of the template's text that it begins at, from 1.
    pub line: u32,
    /// The document, read; always a mapping.
    pub value: serde_json::Value,
    /// What makes it a hook, if it is one.
    pub hook: Option<HookInfo>,
}

/// What came of a render.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderedChart {
    /// The files below `crds/` of the chart and its subcharts, never templated.
    pub crds: Vec<RenderedFile>,
    /// The final text of every template but partials, in the order of execution; notes too.
    pub texts: Vec<RenderedFile>,
    /// The documents that are no hooks, in Helm's order of installation.
    pub manifests: Vec<ChartManifest>,
    /// The hooks, in the same order; their weights are not looked at for it.
    pub hooks: Vec<ChartManifest>,
    /// What does not stop the render.
    pub warnings: Vec<Diagnostic>,
}

impl RenderedChart {
    /// All objects: definitions first, then manifests, then hooks; nothing is added to them.
    ///
    /// # Errors
    /// Those of `strata_values::parse`, for a file below `crds/` that is no YAML.
    pub fn objects(&self) -> Result<Vec<serde_json::Value>, Vec<Diagnostic>> {
        let mut objects = manifest::definitions(&self.crds)?;
        objects.extend(self.manifests.iter().chain(&self.hooks).map(|manifest| manifest.value.clone()));
        Ok(objects)
    }
}
