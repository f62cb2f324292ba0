//! What a layer's values say about the layer itself, under the key `pack`.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::{
    diagnostic::Diagnostic,
    pack::Pack,
    profile::{Layer, LayerKind, is_dns_label},
    value_path::ValuePath,
    version::KubernetesVersion,
};

use crate::base::layer_file;

/// The namespace of layers that name none.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";
/// Namespaces that every cluster has.
const PRESENT: [&str; 4] = [DEFAULT_NAMESPACE, "kube-system", "kube-public", "kube-node-lease"];
/// Longest name of a release, as in Helm.
const MAX_RELEASE_NAME: usize = 53;
/// Most additional namespaces of a layer.
const MAX_NAMESPACES: usize = 100;

/// A namespace that a layer wants to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedNamespace {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What a layer's values say about the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where its objects go that name no namespace.
    pub(crate) namespace: String,
    /// Namespaces to make: its own, if not every cluster has it, and additional ones.
    pub(crate) namespaces: Vec<WantedNamespace>,
    /// Lowest first; 0 for infrastructure.
    pub(crate) install_priority: i32,
}

/// Reads the settings of a layer from its resolved values.
pub(crate) fn read(layer: &Layer, values: &Value) -> Result<Settings, Vec<Diagnostic>> {
    let mut reader = Reader { layer, values, problems: Vec::new() };
    let settings = reader.settings();
    if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
}

/// The Kubernetes version that a Kubernetes layer asks for: its values, else the version of its pack.
pub(crate) fn kubernetes_version(
    layer: &Layer,
    pack: &Pack,
    values: &Value,
) -> Result<Option<KubernetesVersion>, Diagnostic> {
    if layer.kind != LayerKind::Kubernetes {
        return Ok(None);
    }
    for path in [&["pack", "kubernetesVersion"][..], &["kubernetesVersion"]] {
        let path = ValuePath::of_keys(path.iter().copied());
        let Some(value) = path.find(values).filter(|value| !value.is_null()) else { continue };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return text.parse().map(Some).map_err(|error| {
            Diagnostic::new("INVALID_KUBERNETES_VERSION", format!("`{path}`: {error}"))
                .in_file(layer_file(layer, "values.yaml"))
                .with_help("write it in quotes, e.g. \"1.34.1\"")
        });
    }
    Ok(pack.version.parse().ok())
}

struct Reader<'a> {
    layer: &'a Layer,
    values: &'a Value,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn problem(&mut self, code: &str, message: String, help: &str) {
        let diagnostic = Diagnostic::new(code, message).in_file(layer_file(self.layer, "values.yaml"));
        self.problems.push(diagnostic.with_help(help));
    }

    fn pack(&self, key: &str) -> Option<&Value> {
        self.values.get("pack")?.get(key).filter(|value| !value.is_null())
    }

    fn settings(&mut self) -> Settings {
        let namespace = match (&self.layer.namespace, self.pack("namespace")) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(Value::String(name))) if !name.is_empty() => Some(name.clone()),
            (None, None) => None,
            (None, Some(value)) if value.as_str() == Some("") => None,
            (None, Some(_)) => {
                self.problem(
                    "INVALID_NAMESPACE",
                    "`pack.namespace` is not a text".to_owned(),
                    "put it in quotes",
                );
                None
            }
        };
        let namespace = namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        let mut names = vec![namespace.clone()];
        match self.pack("additionalNamespaces") {
            None => {}
            Some(Value::Array(items))
                if items.len() <= MAX_NAMESPACES && items.iter().all(Value::is_string) =>
            {
                names.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            Some(_) => {
                let message = "`pack.additionalNamespaces` is not a list of at most 100 texts".to_owned();
                self.problem("INVALID_NAMESPACE", message, "write one name per item");
            }
        }
        names.dedup();
        for name in names.iter().filter(|name| !is_dns_label(name)) {
            let shown: String = name.chars().take(70).collect();
            let message = format!("`{shown}` cannot name a namespace");
            let help = "use 1 to 63 lower-case letters, digits and `-`";
            let diagnostic = Diagnostic::new("INVALID_NAMESPACE", message).with_help(help);
            self.problems.push(diagnostic.in_file(layer_file(self.layer, "values.yaml")));
        }
        let mut namespaces = Vec::with_capacity(names.len());
        for name in names {
            let labels = self.pairs("namespaceLabels", &name);
            let annotations = self.pairs("namespaceAnnotations", &name);
            let present = PRESENT.contains(&name.as_str());
            // Nobody makes or marks the namespaces that belong to the cluster.
            if !present && !namespaces.iter().any(|other: &WantedNamespace| other.name == name) {
                namespaces.push(WantedNamespace { name, labels, annotations });
            }
        }
        self.check_release_names();
        Settings { namespace, namespaces, install_priority: self.priority() }
    }

    /// `pack.releaseNameOverride`: one name, or one for each chart. Helm takes no others.
    fn check_release_names(&mut self) {
        let names: Vec<&Value> = match self.pack("releaseNameOverride") {
            None => return,
            Some(Value::Object(names)) => names.values().collect(),
            Some(name) => vec![name],
        };
        let fits = |name: &str| name.len() <= MAX_RELEASE_NAME && name.split('.').all(is_dns_label);
        if names
            .iter()
            .any(|name| !name.is_null() && !name.as_str().is_some_and(|name| name.is_empty() || fits(name)))
        {
            let message = "`pack.releaseNameOverride` holds what cannot name a release".to_owned();
            self.problem(
                "INVALID_RELEASE_NAME",
                message,
                "use up to 53 lower-case letters, digits, `-` and `.`",
            );
        }
    }

    /// `pack.namespaceLabels: { <namespace>: "a=b,c=d" }`; a mapping instead of the text is fine too.
    fn pairs(&mut self, key: &str, namespace: &str) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        let Some(value) = self.pack(key).and_then(|map| map.get(namespace)) else { return pairs };
        let mut well_formed = true;
        match value {
            Value::String(text) => {
                for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                    match part.split_once('=').or_else(|| part.split_once(':')) {
                        Some((name, value)) => {
                            drop(pairs.insert(name.trim().to_owned(), value.trim().to_owned()))
                        }
                        None => well_formed = false,
                    }
                }
            }
            Value::Object(map) => {
                for (name, value) in map {
                    match value {
                        Value::String(text) => drop(pairs.insert(name.clone(), text.clone())),
                        _ => well_formed = false,
                    }
                }
            }
            Value::Null => {}
            _ => well_formed = false,
        }
        if !well_formed {
            let message = format!("`pack.{key}` of the namespace `{namespace}` cannot be read");
            self.problem(
                "INVALID_NAMESPACE",
                message,
                "write `name=value` pairs with commas between, in quotes",
            );
        }
        pairs
    }

    fn priority(&mut self) -> i32 {
        if self.layer.kind.is_infrastructure() {
            return 0;
        }
        if let Some(priority) = self.layer.install_priority {
            return priority;
        }
        for key in ["spectrocloud.com/install-priority", "installPriority"] {
            let Some(value) = self.pack(key) else { continue };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match text.trim().parse() {
                Ok(priority) => return priority,
                Err(_) => {
                    let path = ValuePath::of_keys(["pack", key]);
                    self.problem(
                        "INVALID_PRIORITY",
                        format!("`{path}` is no whole number"),
                        "write e.g. \"10\"",
                    );
                }
            }
        }
        0
    }
}
