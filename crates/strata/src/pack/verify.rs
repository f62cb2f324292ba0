//! `strata pack verify`: a chart, or each chart of a pack, rendered here and by the `helm` that is installed.
//!
//! Helm renders twice: what differs between the two is random, and only its presence is compared. Objects are compared as
//! Helm would send them; their order is not.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use strata_cli::arguments::Format;
use strata_render::{
    chart::{
        Chart, ChartRelease, DEFAULT_KUBE_VERSION,
        compare::{self, Difference, shorten},
    },
    pack_charts, releases_alone,
};
use strata_values::{ParseOptions, parse::parse_documents_with};
use tokio::process::Command;

use super::{
    input,
    render::{chart_objects, does_not_render},
    source::{self, Source},
};
use crate::{
    arguments::{RenderArguments, VerifyArguments},
    exit::Failed,
    program::write_out,
};

/// How long one call of Helm may take: it reads files, and no network.
const HELM_DEADLINE: Duration = Duration::from_secs(120);

/// One chart to be held against Helm.
struct Case {
    /// What Helm is given.
    path: PathBuf,
    chart: Chart,
    values: Value,
    release: ChartRelease,
}

/// What came of it.
struct Outcome {
    chart: String,
    release: String,
    namespace: String,
    objects: usize,
    differences: Vec<Difference>,
}

/// Renders both ways, and tells what differs.
///
/// # Errors
/// When something cannot be read or rendered, Helm cannot be run, or the two differ.
pub(crate) async fn run(arguments: &VerifyArguments, format: Format) -> Result<(), Failed> {
    let folder = tempfile::tempdir().map_err(|source| file_failed("make", "a temporary folder", source))?;
    let helm = Helm { program: &arguments.helm, folder: folder.path(), render: &arguments.render };
    let version = helm.version().await?;
    let mut outcomes = Vec::new();
    for case in cases(&arguments.render, folder.path())? {
        outcomes.push(helm.verify(&case).await?);
    }
    if outcomes.is_empty() {
        return Err(Failed::Settings {
            message: format!("{} holds no chart", arguments.render.path.display()),
            help: "Helm knows charts only; look at the rest with `strata pack render`",
        });
    }
    write_out(&match format {
        Format::Table => for_people(&outcomes, &version),
        Format::Yaml => strata_values::emit(&for_machines(&outcomes, &version)),
        Format::Json => format!("{:#}\n", for_machines(&outcomes, &version)),
    });
    match outcomes.iter().map(|outcome| outcome.differences.len()).sum::<usize>() {
        0 => Ok(()),
        count => Err(Failed::Differs { count }),
    }
}

/// The charts at a path. Those of a pack are written out: Helm reads files.
fn cases(arguments: &RenderArguments, folder: &Path) -> Result<Vec<Case>, Failed> {
    let pack = match source::open(&arguments.path)? {
        Source::Chart(chart) => {
            return Ok(vec![Case {
                path: arguments.path.clone(),
                chart: *chart,
                values: Value::Object(input::merged_values(&arguments.values)?),
                release: input::release(arguments)?,
            }]);
        }
        Source::Pack(pack) => *pack,
    };
    let fails = |problems| does_not_render(arguments, problems);
    let charts = pack_charts(&pack).map_err(fails)?;
    let archives: Vec<Vec<u8>> = pack.charts.iter().map(|chart| chart.archive.clone()).collect();
    let alone = input::alone(arguments, &pack)?;
    let releases = releases_alone(pack, &alone).map_err(fails)?;
    let mut cases = Vec::new();
    for (index, ((chart, archive), release)) in charts.into_iter().zip(archives).zip(releases).enumerate() {
        let path = folder.join(format!("{index}.tgz"));
        write(&path, &archive)?;
        cases.push(Case { path, chart, values: release.values, release: release.release });
    }
    Ok(cases)
}

struct Helm<'a> {
    program: &'a Path,
    folder: &'a Path,
    render: &'a RenderArguments,
}

impl Helm<'_> {
    async fn version(&self) -> Result<String, Failed> {
        let mut command = Command::new(self.program);
        command.args(["version", "--template", "{{ .Version }}"]);
        match self.output(command).await? {
            Ok(version) => Ok(version.trim().to_owned()),
            Err(message) => Err(Failed::Settings { message, help: INSTALL }),
        }
    }

    async fn verify(&self, case: &Case) -> Result<Outcome, Failed> {
        let ours =
            chart_objects(self.render, &case.chart, &case.values, &case.release).and_then(|rendered| {
                rendered.objects().map_err(|problems| does_not_render(self.render, problems))
            });
        let theirs = match self.template(case).await? {
            Ok(first) => match self.template(case).await? {
                Ok(second) => Ok([first, second]),
                Err(message) => Err(message),
            },
            Err(message) => Err(message),
        };
        let name = &case.chart.metadata.name;
        let (objects, differences) = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                let theirs = [self.objects(&theirs[0])?, self.objects(&theirs[1])?];
                (theirs[0].len(), compare::objects([&theirs[0], &theirs[1]], &ours))
            }
            // Neither renders it: that is ours to tell, with a place.
            (Err(failed), Err(_)) => return Err(failed),
            (Ok(_), Err(message)) => (0, vec![refused(name, message, "renders it".to_owned())]),
            (Err(failed), Ok(_)) => {
                failed.print();
                (0, vec![refused(name, "renders it".to_owned(), "does not render it".to_owned())])
            }
        };
        Ok(Outcome {
            chart: format!("{name}-{}", case.chart.metadata.version),
            release: case.release.name.clone(),
            namespace: case.release.namespace.clone(),
            objects,
            differences,
        })
    }

    /// What `helm template` prints, or the words with which it refuses.
    async fn template(&self, case: &Case) -> Result<Result<String, String>, Failed> {
        let values = self.folder.join("values.json");
        write(&values, case.values.to_string().as_bytes())?;
        let version = self.render.kube_version.as_deref().unwrap_or(DEFAULT_KUBE_VERSION);
        let mut command = Command::new(self.program);
        command.args(["template", "--include-crds"]);
        command.arg(format!("--namespace={}", case.release.namespace));
        command.arg(format!("--kube-version={version}"));
        command.arg("--values").arg(&values);
        for api in &self.render.api_versions {
            command.arg(format!("--api-versions={api}"));
        }
        // What the pack says is never taken for a flag.
        command.arg("--").arg(&case.release.name).arg(&case.path);
        self.output(command).await
    }

    /// The objects in YAML documents, read as Helm reads them.
    fn objects(&self, documents: &str) -> Result<Vec<Value>, Failed> {
        let options = ParseOptions { resolve_keys: true, ..ParseOptions::MANIFESTS };
        let documents = parse_documents_with(documents, "helm", &options)
            .map_err(|problem| does_not_render(self.render, vec![problem]))?;
        let objects = documents.into_iter().map(|document| document.value);
        Ok(objects.filter(|object| object.as_object().is_some_and(|map| !map.is_empty())).collect())
    }

    /// What a call writes, or what it complains.
    async fn output(&self, mut command: Command) -> Result<Result<String, String>, Failed> {
        let program = self.program.display();
        let unusable = |message: String| Failed::Settings { message, help: INSTALL };
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(HELM_DEADLINE, command.output())
            .await
            .map_err(|_| unusable(format!("`{program}` did not end within {} s", HELM_DEADLINE.as_secs())))?
            .map_err(|error| unusable(format!("`{program}` cannot be run: {error}")))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(shorten(text(&output.stderr).trim()))
        })
    }
}

const INSTALL: &str = "install Helm 3, or name its program with --helm";

fn refused(chart: &str, expected: String, got: String) -> Difference {
    Difference { what: format!("the chart {chart}"), path: String::new(), expected, got }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    std::fs::write(path, bytes).map_err(|source| file_failed("write", &path.display().to_string(), source))
}

fn file_failed(operation: &'static str, path: &str, source: std::io::Error) -> Failed {
    Failed::File { operation, path: path.to_owned(), source }
}

fn for_people(outcomes: &[Outcome], version: &str) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let Outcome { chart, release, namespace, objects, differences } = outcome;
        let verdict = match differences.len() {
            0 => format!("equal to those of Helm {version}"),
            1 => format!("one differs from that of Helm {version}"),
            count => format!("{count} differ from those of Helm {version}"),
        };
        let noun = if *objects == 1 { "object" } else { "objects" };
        text.push_str(&format!("{chart} as {release} in {namespace}: {objects} {noun}, {verdict}\n"));
        for Difference { what, path, expected, got } in differences {
            let path = if path.is_empty() { String::new() } else { format!(" {path}") };
            text.push_str(&format!("  {what}{path}\n    helm    {expected}\n    strata  {got}\n"));
        }
    }
    text
}

fn for_machines(outcomes: &[Outcome], version: &str) -> Value {
    let difference = |it: &Difference| json!({ "object": it.what, "path": it.path, "helm": it.expected, "strata": it.got });
    let chart = |it: &Outcome| {
        json!({
            "chart": it.chart, "release": it.release, "namespace": it.namespace, "objects": it.objects,
            "differences": it.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    };
    json!({ "helm": version, "charts": outcomes.iter().map(chart).collect::<Vec<_>>() })
}
