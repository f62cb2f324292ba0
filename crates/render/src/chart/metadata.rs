//! `Chart.yaml` and `requirements.yaml`: who the chart is and what it depends on.
//!
//! *Idea.* Read as leniently as Helm reads: unknown keys are no matter, numbers may stand where texts are wanted. What
//! Helm's check of a loaded chart refuses is refused here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use strata_model::diagnostic::Diagnostic;
use strata_values::parse::kind_of;

use crate::{functions::semver, yaml::scalar_text};

/// Most dependencies of one chart.
const MAX_DEPENDENCIES: usize = 500;

/// What a chart is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChartType {
    /// It renders objects.
    #[default]
    Application,
    /// It only defines templates for others.
    Library,
}

/// Somebody who looks after a chart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Maintainer {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// A page.
    pub url: String,
}

/// Values of a subchart that its parent takes as its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportValues {
    /// The path in the subchart's values.
    pub child: String,
    /// The path in the parent's values; `.` for the root.
    pub parent: String,
}

/// A chart that another one depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// A constraint on its version.
    pub version: String,
    /// Where it came from.
    pub repository: String,
    /// Paths of values, with commas between; the first that holds a truth decides whether it counts.
    pub condition: String,
    /// Names below `tags:` that decide where no condition does.
    pub tags: Vec<String>,
    /// Values that the parent takes over.
    pub import_values: Vec<ImportValues>,
    /// The name that it has in this chart.
    pub alias: String,
}

/// What a chart says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// `v1` or `v2`.
    pub api_version: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// A constraint on the version of Kubernetes.
    pub kube_version: String,
    /// The version of what it installs.
    pub app_version: String,
    /// One sentence.
    pub description: String,
    /// What it is for.
    pub kind: ChartType,
    /// `type` as written, often empty.
    pub kind_text: String,
    /// Search words.
    pub keywords: Vec<String>,
    /// A page.
    pub home: String,
    /// Where its sources are.
    pub sources: Vec<String>,
    /// A picture.
    pub icon: String,
    /// A condition of Helm 2; shown to templates, never looked at.
    pub condition: String,
    /// Tags of Helm 2; shown to templates, never looked at.
    pub tags: String,
    /// Who looks after it.
    pub maintainers: Vec<Maintainer>,
    /// Not to be used any more.
    pub deprecated: bool,
    /// Anything else.
    pub annotations: BTreeMap<String, String>,
    /// What it depends on; none is not the same as an empty list, see `tree`.
    pub dependencies: Option<Vec<Dependency>>,
}

/// Reads `Chart.yaml`.
pub(super) fn read(map: Map<String, Value>, file: &str) -> Result<Metadata, Vec<Diagnostic>> {
    let mut fields = Fields { map, file, place: String::new(), problems: Vec::new() };
    let kind_text = fields.text("type");
    let metadata = Metadata {
        api_version: Some(fields.text("apiVersion"))
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "v1".to_owned()),
        name: fields.text("name"),
        version: fields.text("version"),
        kube_version: fields.text("kubeVersion"),
        app_version: fields.text("appVersion"),
        description: fields.text("description"),
        kind: if kind_text == "library" { ChartType::Library } else { ChartType::Application },
        kind_text,
        keywords: fields.texts("keywords"),
        home: fields.text("home"),
        sources: fields.texts("sources"),
        icon: fields.text("icon"),
        condition: fields.text("condition"),
        tags: fields.text("tags"),
        maintainers: fields.maintainers(),
        deprecated: fields.truth("deprecated"),
        annotations: fields.pairs("annotations"),
        dependencies: fields.dependencies(),
    };
    fields.check(&metadata);
    if fields.problems.is_empty() { Ok(metadata) } else { Err(fields.problems) }
}

/// Reads the dependencies of a `requirements.yaml`.
pub(super) fn read_requirements(
    map: Map<String, Value>,
    file: &str,
) -> Result<Option<Vec<Dependency>>, Vec<Diagnostic>> {
    let mut fields = Fields { map, file, place: String::new(), problems: Vec::new() };
    let dependencies = fields.dependencies();
    fields.check_dependencies(dependencies.as_deref().unwrap_or_default());
    if fields.problems.is_empty() { Ok(dependencies) } else { Err(fields.problems) }
}

struct Fields<'f> {
    map: Map<String, Value>,
    file: &'f str,
    /// Where the map lies, for messages.
    place: String,
    problems: Vec<Diagnostic>,
}

impl Fields<'_> {
    fn refuse(&mut self, message: String, help: &str) {
        self.problems
            .push(Diagnostic::new("CHART_METADATA_INVALID", message).in_file(self.file).with_help(help));
    }

    fn wrong(&mut self, key: &str, expected: &str, found: &Value) {
        let message = format!("`{}{key}` must be {expected}, found {}", self.place, kind_of(found));
        self.refuse(message, "correct the value");
    }

    fn text(&mut self, key: &str) -> String {
        match self.map.get(key).cloned() {
            None | Some(Value::Null) => String::new(),
            Some(value) => scalar_text(&value).unwrap_or_else(|| {
                self.wrong(key, "a text", &value);
                String::new()
            }),
        }
    }

    fn truth(&mut self, key: &str) -> bool {
        match self.map.get(key).cloned() {
            None | Some(Value::Null) => false,
            Some(Value::Bool(truth)) => truth,
            Some(other) => {
                self.wrong(key, "true or false", &other);
                false
            }
        }
    }

    fn items(&mut self, key: &str) -> Option<Vec<Value>> {
        match self.map.get(key).cloned() {
            None | Some(Value::Null) => None,
            Some(Value::Array(items)) => Some(items),
            Some(other) => {
                self.wrong(key, "a list", &other);
                None
            }
        }
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let items = self.items(key).unwrap_or_default();
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match scalar_text(&item) {
                Some(text) => texts.push(text),
                None if item.is_null() => texts.push(String::new()),
                None => self.wrong(key, "a list of texts", &item),
            }
        }
        texts
    }

    fn pairs(&mut self, key: &str) -> BTreeMap<String, String> {
        let map = match self.map.get(key).cloned() {
            None | Some(Value::Null) => return BTreeMap::new(),
            Some(Value::Object(map)) => map,
            Some(other) => {
                self.wrong(key, "a mapping", &other);
                return BTreeMap::new();
            }
        };
        let mut pairs = BTreeMap::new();
        for (name, value) in map {
            match scalar_text(&value) {
                Some(text) => drop(pairs.insert(name, text)),
                None if value.is_null() => drop(pairs.insert(name, String::new())),
                None => self.wrong(key, "a mapping of texts", &value),
            }
        }
        pairs
    }

    /// The maps of a list, each as fields of its own.
    fn each<T>(&mut self, key: &str, read: impl Fn(&mut Fields<'_>) -> T) -> Option<Vec<T>> {
        let items = self.items(key)?;
        if items.len() > MAX_DEPENDENCIES {
            self.refuse(format!("`{key}` has more than {MAX_DEPENDENCIES} entries"), "take some out");
            return None;
        }
        let mut all = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let Value::Object(map) = item else {
                self.wrong(&format!("{key}[{index}]"), "a mapping", &item);
                continue;
            };
            let place = format!("{key}[{index}].");
            let mut fields = Fields { map, file: self.file, place, problems: Vec::new() };
            all.push(read(&mut fields));
            self.problems.append(&mut fields.problems);
        }
        Some(all)
    }

    fn maintainers(&mut self) -> Vec<Maintainer> {
        let read = |fields: &mut Fields<'_>| Maintainer {
            name: fields.text("name"),
            email: fields.text("email"),
            url: fields.text("url"),
        };
        self.each("maintainers", read).unwrap_or_default()
    }

    fn dependencies(&mut self) -> Option<Vec<Dependency>> {
        self.each("dependencies", |fields| Dependency {
            name: fields.text("name"),
            version: fields.text("version"),
            repository: fields.text("repository"),
            condition: fields.text("condition"),
            tags: fields.texts("tags"),
            import_values: fields.imports(),
            alias: fields.text("alias"),
        })
    }

    /// Both forms: a name below `exports`, or a pair of paths. What is neither is skipped, as in Helm.
    fn imports(&mut self) -> Vec<ImportValues> {
        let items = self.items("import-values").unwrap_or_default();
        let import = |item: Value| match item {
            Value::String(name) => {
                Some(ImportValues { child: format!("exports.{name}"), parent: ".".to_owned() })
            }
            Value::Object(map) => {
                let path = |key| map.get(key).and_then(scalar_text).unwrap_or_default();
                Some(ImportValues { child: path("child"), parent: path("parent") })
            }
            _ => None,
        };
        items.into_iter().filter_map(import).collect()
    }

    fn check(&mut self, metadata: &Metadata) {
        if metadata.name.is_empty() {
            self.refuse("the chart has no name".to_owned(), "give it a `name`");
        } else if metadata.name.contains(['/', '\\']) || matches!(metadata.name.as_str(), "." | "..") {
            self.refuse("the chart's name is not a name".to_owned(), "use a name without slashes");
        }
        if metadata.version.is_empty() {
            self.refuse("the chart has no version".to_owned(), "give it a `version` such as 1.2.3");
        } else if !semver::is_version(&metadata.version) {
            let shown: String = metadata.version.chars().take(60).collect();
            self.refuse(format!("`{shown}` is not a version"), "write it like 1.2.3");
        }
        if !matches!(metadata.kind_text.as_str(), "" | "application" | "library") {
            self.refuse(
                "the chart's type is neither application nor library".to_owned(),
                "use one of the two, or leave `type` out",
            );
        }
        self.check_dependencies(metadata.dependencies.as_deref().unwrap_or_default());
    }

    fn check_dependencies(&mut self, dependencies: &[Dependency]) {
        let mut names = BTreeSet::new();
        for dependency in dependencies {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if !dependency.alias.chars().all(allowed) {
                let message = format!("the alias of the dependency `{}` is not a name", dependency.name);
                self.refuse(message, "use letters, digits, `-` and `_`");
            }
            let name = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            if !names.insert(name) {
                let message = format!("two dependencies are called `{name}`");
                self.refuse(message, "give one of them an `alias`");
            }
        }
    }
}
