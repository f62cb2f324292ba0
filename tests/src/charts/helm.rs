//! What Helm makes of a case: its command, and what only its libraries say.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::corpus::Case;

/// What Helm makes of a case.
#[derive(Debug)]
pub enum Expected {
    /// It refuses it, with this message.
    Refused(String),
    /// It renders it; twice, for what is random differs between the two.
    Rendered(Box<[Rendered; 2]>),
}

/// One render.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    /// All objects: definitions, ordinary ones, hooks.
    pub objects: Vec<Value>,
    /// The text of each template.
    pub texts: BTreeMap<String, String>,
}

/// Helm's command and a process with its libraries, which ends with this.
#[derive(Debug)]
pub struct Helm {
    command: PathBuf,
    libraries: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// Helm's command, for tests that need nothing else of the corpus; none, with a word about it, where it was not fetched.
#[must_use]
pub fn program_or_leave_out() -> Option<PathBuf> {
    super::corpus::locate_or_leave_out().map(|folder| folder.join("helm"))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    texts: BTreeMap<String, String>,
    objects: Vec<Value>,
    error: String,
}

impl Helm {
    /// Starts the process with the libraries.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(folder: &Path) -> Result<Self> {
        let mut libraries = Command::new(folder.join("reference"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("reference")?;
        let input = libraries.stdin.take().context("no input")?;
        let output = BufReader::new(libraries.stdout.take().context("no output")?);
        Ok(Self { command: folder.join("helm"), libraries, input, output })
    }

    fn ask(&mut self, request: &Value) -> Result<Answer> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        self.input.write_all(line.as_bytes()).context("reference")?;
        let mut answer = String::new();
        self.output.read_line(&mut answer).context("reference")?;
        serde_json::from_str(&answer).context("the answer of the reference")
    }

    /// Renders a case twice.
    ///
    /// # Errors
    /// When Helm does not run, or its command and its libraries do not agree.
    pub fn render(&mut self, case: &Case) -> Result<Expected> {
        let first = self.template(case)?;
        let Ok(first) = first else { return Ok(Expected::Refused(first.err().unwrap_or_default())) };
        let Ok(second) = self.template(case)? else { bail!("{}: refused the second time only", case.name()) };
        let request = json!({
            "chart": case.folder, "values": case.values, "release": case.release, "namespace": case.namespace,
            "kubeVersion": case.kube_version, "apiVersions": case.api_versions, "upgrade": case.upgrade,
        });
        let mut both = Vec::new();
        for documents in [first, second] {
            let texts = self.ask(&request)?;
            if !texts.error.is_empty() {
                bail!("{}: Helm's libraries refuse what its command renders: {}", case.name(), texts.error);
            }
            both.push(Rendered { objects: self.objects(&documents)?, texts: texts.texts });
        }
        let both = both.try_into().ok().context("two renders")?;
        Ok(Expected::Rendered(Box::new(both)))
    }

    /// The objects in YAML documents, read as Helm reads them.
    ///
    /// # Errors
    /// When they are no YAML.
    pub fn objects(&mut self, documents: &str) -> Result<Vec<Value>> {
        let answer = self.ask(&json!({"documents": documents}))?;
        if answer.error.is_empty() { Ok(answer.objects) } else { bail!("{}", answer.error) }
    }

    /// What `helm template` prints, or the message with which it fails.
    ///
    /// # Errors
    /// When it does not run.
    pub fn template(&self, case: &Case) -> Result<Result<String, String>> {
        let values = tempfile::Builder::new().suffix(".json").tempfile()?;
        serde_json::to_writer(values.as_file(), &case.values)?;
        let mut command = Command::new(&self.command);
        command.args(["template", &case.release]).arg(&case.folder);
        command.args([
            "--namespace",
            &case.namespace,
            "--kube-version",
            &case.kube_version,
            "--include-crds",
        ]);
        if !case.values.is_null() {
            command.arg("--values").arg(values.path());
        }
        for api in &case.api_versions {
            command.args(["--api-versions", api]);
        }
        if case.upgrade {
            command.arg("--is-upgrade");
        }
        let output = command.output().context("helm")?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) })
    }
}

impl Drop for Helm {
    fn drop(&mut self) {
        let _ = self.libraries.kill();
        let _ = self.libraries.wait();
    }
}
