//! Which charts are rendered, and with which values: `corpus.yaml` and `variations.yaml` of `tests/charts`.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::left_out::Part;

/// How the absence of the corpus is spoken of.
pub const PART: Part = Part { name: "chart corpus", required_by: "STRATA_REQUIRE_CHARTS" };

/// The environment variable that names the folder; `tests/charts/build.sh` prints its value.
pub const VARIABLE: &str = "STRATA_CHARTS";

/// The variation that has no values of ours.
pub const DEFAULTS: &str = "defaults";

/// One chart, rendered in one way.
#[derive(Debug, Clone)]
pub struct Case {
    /// The chart's id.
    pub chart: String,
    /// Who makes the chart.
    pub maker: String,
    /// The variation's name.
    pub variation: String,
    /// Where the chart lies.
    pub folder: PathBuf,
    /// What is laid over the chart's values.
    pub values: Value,
    /// The cluster's version.
    pub kube_version: String,
    /// What the cluster serves besides the usual.
    pub api_versions: Vec<String>,
    /// The release's name.
    pub release: String,
    /// The release's namespace.
    pub namespace: String,
    /// Whether a former revision is replaced.
    pub upgrade: bool,
    /// A part of the message by which this is refused.
    pub refused: Option<String>,
}

impl Case {
    /// The name in lists and messages.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} ({})", self.chart, self.variation)
    }

    /// The chart's files, by their paths in it.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn files(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let mut files = BTreeMap::new();
        collect(&self.folder, &self.folder, &mut files)?;
        Ok(files)
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let relative = path.strip_prefix(root)?.to_str().context("a path that is no text")?;
            files.insert(relative.to_owned(), fs::read(&path)?);
        }
    }
    Ok(())
}

/// The corpus, fetched.
#[derive(Debug)]
pub struct Corpus {
    /// The folder that `build.sh` made.
    pub folder: PathBuf,
    /// What is rendered, by chart and variation.
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Listed {
    modules: Vec<Module>,
}

#[derive(Deserialize)]
struct Module {
    maker: String,
    charts: Vec<Chart>,
}

#[derive(Deserialize)]
struct Chart {
    id: String,
    maker: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variations {
    kube_version: String,
    release: String,
    namespace: String,
    charts: BTreeMap<String, BTreeMap<String, Variation>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Variation {
    values: Value,
    kube_version: Option<String>,
    api_versions: Vec<String>,
    release: Option<String>,
    namespace: Option<String>,
    upgrade: bool,
    refused: Option<String>,
}

impl Corpus {
    /// The corpus, or none with a word about it where it was not fetched.
    ///
    /// # Errors
    /// When the lists and the folder do not fit together.
    pub fn open_or_leave_out() -> Result<Option<Self>> {
        locate_or_leave_out().map(Self::open).transpose()
    }

    fn open(folder: PathBuf) -> Result<Self> {
        let listed: Listed = read_list("corpus.yaml")?;
        let mut variations: Variations = read_list("variations.yaml")?;
        let mut cases = Vec::new();
        for (chart, maker) in listed.modules.into_iter().flat_map(|module| {
            let maker = module.maker;
            module
                .charts
                .into_iter()
                .map(move |chart| (chart.id, chart.maker.unwrap_or_else(|| maker.clone())))
        }) {
            let mut of_chart = variations.charts.remove(&chart).unwrap_or_default();
            of_chart.entry(DEFAULTS.to_owned()).or_default();
            let path = folder.join("charts").join(&chart);
            ensure!(path.is_dir(), "{} has no chart {chart}", folder.display());
            for (name, variation) in of_chart {
                cases.push(Case {
                    chart: chart.clone(),
                    maker: maker.clone(),
                    variation: name,
                    folder: path.clone(),
                    values: variation.values,
                    kube_version: variation.kube_version.unwrap_or_else(|| variations.kube_version.clone()),
                    api_versions: variation.api_versions,
                    release: variation.release.unwrap_or_else(|| variations.release.clone()),
                    namespace: variation.namespace.unwrap_or_else(|| variations.namespace.clone()),
                    upgrade: variation.upgrade,
                    refused: variation.refused,
                });
            }
        }
        if let Some(chart) = variations.charts.keys().next() {
            bail!("variations.yaml has the chart {chart}, corpus.yaml has not");
        }
        Ok(Self { folder, cases })
    }
}

/// `tests/charts`.
#[must_use]
pub fn lists() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts")
}

/// Reads one of the lists in `tests/charts`.
///
/// # Errors
/// When there is no such file, or it is not of that form.
pub fn read_list<T: DeserializeOwned>(name: &str) -> Result<T> {
    let path = lists().join(name);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let options = serde_saphyr::options! { emit_comments: false };
    serde_saphyr::from_str_with_options(&text, options).with_context(|| path.display().to_string())
}

/// The folder of the corpus, or none with a word about it where it was not fetched.
pub(super) fn locate_or_leave_out() -> Option<PathBuf> {
    locate().inspect_err(|reason| PART.leave_out(reason)).ok()
}

fn locate() -> Result<PathBuf, String> {
    let folder = if let Some(folder) = env::var_os(VARIABLE) {
        PathBuf::from(folder)
    } else {
        let output = Command::new(lists().join("build.sh")).arg("folder").output();
        let output = output.map_err(|error| format!("tests/charts/build.sh: {error}"))?;
        if !output.status.success() {
            return Err("tests/charts/build.sh does not say where it is: is Go there?".to_owned());
        }
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    };
    let missing = ["helm", "reference", "charts"].into_iter().find(|part| !folder.join(part).exists());
    match missing {
        None => Ok(folder),
        Some(part) => Err(format!("{} has no {part}; tests/charts/build.sh fetches it", folder.display())),
    }
}
