//! From a rendered text to objects: what every manifest must have, and what is done to it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use strata_model::{
    diagnostic::Diagnostic,
    object::{ObjectKey, marks, split_api_version},
    render::{HookDeletePolicy, HookEvent},
};

use crate::{capabilities::Capabilities, scope};

/// Deepest nesting of lists of objects.
const MAX_LISTS: usize = 4;

/// An object as a template wrote it, found to be one.
#[derive(Debug, Clone)]
pub(crate) struct Manifest {
    /// The object.
    pub(crate) body: Map<String, Value>,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    /// As written; what becomes of it depends on the scope of the kind.
    pub(crate) namespace: Option<String>,
    /// The file of the pack.
    pub(crate) source: String,
    /// The line of the rendered text.
    pub(crate) line: u32,
    /// Set for what is run and not kept.
    pub(crate) hook: Option<Hook>,
}

/// What makes an object a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) events: Vec<HookEvent>,
    pub(crate) weight: i64,
    pub(crate) delete: Vec<HookDeletePolicy>,
}

impl Manifest {
    pub(crate) fn group(&self) -> &str {
        split_api_version(&self.api_version).0
    }

    /// Puts the object where it belongs, and gives its key: namespaced kinds get `namespace` if they name none, others
    /// lose theirs.
    pub(crate) fn place(&mut self, namespace: &str, capabilities: &Capabilities) -> ObjectKey {
        let scoped = scope::is_cluster_scoped(self.group(), &self.kind, capabilities);
        let target = (!scoped).then(|| self.namespace.clone().unwrap_or_else(|| namespace.to_owned()));
        if let Some(Value::Object(metadata)) = self.body.get_mut("metadata") {
            match &target {
                Some(name) => drop(metadata.insert("namespace".to_owned(), Value::String(name.clone()))),
                None => drop(metadata.shift_remove("namespace")),
            }
        }
        ObjectKey {
            group: self.group().to_owned(),
            kind: self.kind.clone(),
            namespace: target,
            name: self.name.clone(),
        }
    }
}

/// Who an object belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    pub(crate) installation: String,
    pub(crate) cluster: String,
    pub(crate) layer: String,
}

impl Marks {
    /// Puts the marks on an object's labels.
    pub(crate) fn put_on(&self, body: &mut Map<String, Value>) {
        let metadata = body.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(metadata) = metadata else { return };
        let labels = metadata.entry("labels").or_insert_with(|| Value::Object(Map::new()));
        if labels.is_null() {
            *labels = Value::Object(Map::new());
        }
        let Value::Object(labels) = labels else { return };
        for (name, value) in [
            (marks::INSTALLATION, &self.installation),
            (marks::CLUSTER, &self.cluster),
            (marks::LAYER, &self.layer),
        ] {
            labels.insert(name.to_owned(), Value::String(value.clone()));
        }
    }
}

/// Reads a rendered text. `file` names it in diagnostics, `source` is the pack's file.
pub(crate) fn read(text: &str, file: &str, source: &str) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
    let documents = strata_values::parse_documents(text, file).map_err(|problem| vec![problem])?;
    let mut reader = Reader { file, source, manifests: Vec::new(), problems: Vec::new() };
    for document in documents {
        reader.object(document.value, document.line, 0);
    }
    if reader.problems.is_empty() { Ok(reader.manifests) } else { Err(reader.problems) }
}

/// The same for objects that were read already, each with its line.
pub(crate) fn read_values(
    values: impl IntoIterator<Item = (Value, u32)>,
    file: &str,
    source: &str,
) -> Result<Vec<Manifest>, Vec<Diagnostic>> {
    let mut reader = Reader { file, source, manifests: Vec::new(), problems: Vec::new() };
    for (value, line) in values {
        reader.object(value, line, 0);
    }
    if reader.problems.is_empty() { Ok(reader.manifests) } else { Err(reader.problems) }
}

struct Reader<'a> {
    file: &'a str,
    source: &'a str,
    manifests: Vec<Manifest>,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn problem(&mut self, line: u32, code: &str, message: String, help: &str) {
        self.problems.push(Diagnostic::new(code, message).in_file(self.file).at(line, 1).with_help(help));
    }

    fn object(&mut self, value: Value, line: u32, depth: usize) {
        let mut body = match value {
            Value::Null => return,
            Value::Object(body) if body.is_empty() => return,
            Value::Object(body) => body,
            other => {
                let message =
                    format!("a manifest must be a mapping, found {}", strata_values::parse::kind_of(&other));
                self.problem(line, "OBJECT_INVALID", message, "begin it with apiVersion, kind and metadata");
                return;
            }
        };
        let field = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (Some(api_version), Some(kind)) = (field("apiVersion"), field("kind")) else {
            let missing: Vec<&str> =
                ["apiVersion", "kind"].into_iter().filter(|name| field(name).is_none()).collect();
            let message = format!("the manifest has no {}", missing.join(" and no "));
            self.problem(
                line,
                "OBJECT_INVALID",
                message,
                "give every document apiVersion, kind and metadata.name",
            );
            return;
        };
        let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
        if kind.ends_with("List") && body.get("items").is_some_and(Value::is_array) {
            if depth >= MAX_LISTS {
                let message = "lists of objects are nested too deeply".to_owned();
                self.problem(line, "OBJECT_INVALID", message, "write the objects as documents of their own");
                return;
            }
            if let Some(Value::Array(items)) = body.remove("items") {
                for item in items {
                    self.object(item, line, depth + 1);
                }
            }
            return;
        }
        let Some(name) =
            body.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str)
        else {
            let message = format!("the {kind} has no metadata.name");
            self.problem(
                line,
                "OBJECT_INVALID",
                message,
                "give it a name; generateName cannot be applied twice",
            );
            return;
        };
        let name = name.to_owned();
        if name.is_empty()
            || name.len() > 253
            || name.contains(['/', '%'])
            || name.chars().any(char::is_control)
        {
            let message = format!("the name of a {kind} is not a name that Kubernetes takes");
            self.problem(
                line,
                "OBJECT_INVALID",
                message,
                "use up to 253 lower-case letters, digits, `-` and `.`",
            );
            return;
        }
        let namespace = match body.get("metadata").and_then(|metadata| metadata.get("namespace")) {
            None | Some(Value::Null) => None,
            Some(Value::String(namespace)) if namespace.is_empty() => None,
            Some(Value::String(namespace)) => Some(namespace.clone()),
            Some(_) => {
                let message = format!("{kind} `{name}`: metadata.namespace is not a text");
                self.problem(line, "OBJECT_INVALID", message, "put it in quotes");
                None
            }
        };
        self.check_pairs(&body, &kind, &name, line);
        if api_version == "v1" && kind == "Secret" {
            self.check_secret(&body, &name, line);
        }
        let source = self.source.to_owned();
        self.manifests.push(Manifest { body, api_version, kind, name, namespace, source, line, hook: None });
    }

    /// Kubernetes takes only texts for labels and annotations; a template easily writes `true` or `1`.
    fn check_pairs(&mut self, body: &Map<String, Value>, kind: &str, name: &str, line: u32) {
        for field in ["labels", "annotations"] {
            let wrong = match body.get("metadata").and_then(|metadata| metadata.get(field)) {
                None | Some(Value::Null) => continue,
                Some(Value::Object(map)) => map
                    .iter()
                    .find(|(_, value)| !value.is_string() && !value.is_null())
                    .map(|(key, _)| key.clone()),
                Some(_) => Some(String::new()),
            };
            let Some(key) = wrong else { continue };
            let what = if key.is_empty() { field.to_owned() } else { format!("{field}.{key}") };
            let message = format!("{kind} `{name}`: metadata.{what} is not a text");
            self.problem(line, "OBJECT_INVALID", message, "quote it in the template: `{{ … | quote }}`");
        }
    }

    fn check_secret(&mut self, body: &Map<String, Value>, name: &str, line: u32) {
        for (key, value) in body.get("data").and_then(Value::as_object).into_iter().flatten() {
            let encoded = match value {
                Value::Null => continue,
                Value::String(text) => {
                    let bare: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
                    STANDARD.decode(bare).is_ok()
                }
                _ => false,
            };
            if !encoded {
                let message = format!("Secret `{name}`: data.{key} is not base64");
                let help = "encode it with `| b64enc`, or put the clear text under stringData";
                self.problem(line, "SECRET_DATA_NOT_BASE64", message, help);
            }
        }
        for (key, value) in body.get("stringData").and_then(Value::as_object).into_iter().flatten() {
            if !value.is_string() && !value.is_null() {
                let message = format!("Secret `{name}`: stringData.{key} is not a text");
                self.problem(line, "OBJECT_INVALID", message, "quote it in the template: `{{ … | quote }}`");
            }
        }
    }
}

/// Where a kind stands in the order inside a layer: namespaces, definitions, configuration and access, workloads, the rest.
pub(crate) fn phase(group: &str, kind: &str) -> u8 {
    match (group, kind) {
        ("", "Namespace") => 0,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => 1,
        (
            "",
            "ServiceAccount"
            | "Secret"
            | "ConfigMap"
            | "LimitRange"
            | "ResourceQuota"
            | "PersistentVolume"
            | "PersistentVolumeClaim",
        )
        | ("rbac.authorization.k8s.io" | "storage.k8s.io" | "scheduling.k8s.io" | "node.k8s.io", _) => 2,
        ("networking.k8s.io", "NetworkPolicy" | "IngressClass") => 2,
        // What machine templates are needed by comes after them.
        (group, kind) if scope::is_cluster_api(group) => match kind {
            kind if kind.ends_with("Template") => 2,
            "Cluster" => 4,
            kind if kind.ends_with("ControlPlane") => 5,
            "MachineDeployment" | "MachinePool" | "MachineSet" | "MachineHealthCheck" => 6,
            _ => 3,
        },
        // A workload finds its services by environment variables, too.
        ("", "Service") => 3,
        ("" | "apps" | "batch", _) => 4,
        _ => 5,
    }
}
