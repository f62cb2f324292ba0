//! `CustomResourceDefinitions` from files: Cluster API's, or those of a test.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    runtime::wait::{await_condition, conditions::is_crd_established},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::assets::Assets;

/// How long a definition may take to be served.
const PATIENCE: Duration = Duration::from_secs(60);

/// Definitions on their way at the same time.
const AT_ONCE: usize = 4;

/// Why a definition is not served.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{path} is not YAML of the expected shape")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<serde_saphyr::Error>,
    },
    /// The file holds another kind of object.
    #[error("{path} holds no CustomResourceDefinition with a name")]
    NotADefinition {
        /// The file.
        path: PathBuf,
    },
    /// The API server does not take it.
    #[error("cannot apply {name}")]
    Apply {
        /// The definition.
        name: String,
        /// Why not.
        source: Box<kube::Error>,
    },
    /// The watch on it broke.
    #[error("cannot watch {name}")]
    Watch {
        /// The definition.
        name: String,
        /// Why not.
        source: Box<kube::runtime::wait::Error>,
    },
    /// The API server took it and does not serve it.
    #[error("{name} is not established after {} seconds", PATIENCE.as_secs())]
    NotEstablished {
        /// The definition.
        name: String,
    },
}

/// The definitions of Cluster API in the folder of assets: core, kubeadm bootstrap, kubeadm control plane, and the
/// provider for AWS as a real infrastructure provider.
///
/// # Errors
/// When the folder holds none, as a folder made by another tool does not.
pub fn cluster_api_crds(assets: &Assets) -> Result<Vec<PathBuf>, DefinitionError> {
    let folder = assets.path("crds");
    let mut files = Vec::new();
    for provider in entries(&folder)? {
        files.extend(entries(&provider)?.into_iter().filter(|file| {
            file.extension().is_some_and(|extension| extension == "yaml")
                && !file.ends_with("kustomization.yaml")
        }));
    }
    files.sort();
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, DefinitionError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
    };
    read().map_err(|source| DefinitionError::Read { path: folder.to_path_buf(), source })
}

/// Applies the definitions in these files and waits until each is served. Answers with their names.
///
/// Two things differ from the files. Conversion is set to `None`: the webhooks that convert between versions run in
/// controllers that are not there, and with a webhook named each read of another version than the stored one would
/// fail; so the versions differ in name only, and fields that one of them lacks are pruned when read through it. And a
/// `kustomization.yaml` beside the files adds its labels, as the released manifests have them: Cluster API finds the
/// versions that keep its contract by them.
///
/// # Errors
/// When a file is no definition, or the API server does not serve it in time.
pub async fn install_crds(client: &Client, files: &[PathBuf]) -> Result<Vec<String>, DefinitionError> {
    let definitions = files.iter().map(|file| load(file)).collect::<Result<Vec<_>, _>>()?;
    stream::iter(definitions.into_iter().map(|(name, definition)| install(client, name, definition)))
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn install(client: &Client, name: String, definition: Value) -> Result<String, DefinitionError> {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let parameters = PatchParams::apply("strata-tests").force();
    definitions
        .patch(&name, &parameters, &Patch::Apply(&definition))
        .await
        .map_err(|source| DefinitionError::Apply { name: name.clone(), source: Box::new(source) })?;
    match tokio::time::timeout(PATIENCE, await_condition(definitions, &name, is_crd_established())).await {
        Ok(Ok(_)) => Ok(name),
        Ok(Err(source)) => Err(DefinitionError::Watch { name, source: Box::new(source) }),
        Err(_) => Err(DefinitionError::NotEstablished { name }),
    }
}

fn load(path: &Path) -> Result<(String, Value), DefinitionError> {
    let mut definition: Value = read(path)?;
    let name = match (definition["kind"].as_str(), definition["metadata"]["name"].as_str()) {
        (Some("CustomResourceDefinition"), Some(name)) => name.to_owned(),
        _ => return Err(DefinitionError::NotADefinition { path: path.to_path_buf() }),
    };
    definition["spec"]["conversion"] = json!({"strategy": "None"});
    if let Some(object) = definition.as_object_mut() {
        object.remove("status");
    }
    let kustomization = path.with_file_name("kustomization.yaml");
    if kustomization.is_file() {
        for (key, value) in read::<Kustomization>(&kustomization)?.into_labels() {
            definition["metadata"]["labels"][key] = Value::String(value);
        }
    }
    Ok((name, definition))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, DefinitionError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| DefinitionError::Read { path: path.to_path_buf(), source })?;
    // The parser's own limit on comments is below what real files hold.
    let options = serde_saphyr::options! { emit_comments: false };
    serde_saphyr::from_str_with_options(&text, options)
        .map_err(|source| DefinitionError::Parse { path: path.to_path_buf(), source: Box::new(source) })
}

/// Of a kustomization, the labels that it adds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kustomization {
    #[serde(default)]
    labels: Vec<Labels>,
    #[serde(default)]
    common_labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Labels {
    pairs: BTreeMap<String, String>,
}

impl Kustomization {
    fn into_labels(self) -> impl Iterator<Item = (String, String)> {
        self.labels.into_iter().flat_map(|labels| labels.pairs).chain(self.common_labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_go_and_contract_labels_come() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("things.yaml");
        let text = "kind: CustomResourceDefinition\nmetadata: {name: things.example.org}\n\
                    spec: {conversion: {strategy: Webhook, webhook: {}}}\nstatus: {}\n";
        std::fs::write(&file, text).unwrap();
        std::fs::write(
            folder.path().join("kustomization.yaml"),
            "labels:\n- pairs: {contract: v1}\ncommonLabels: {common: v2}\nresources: [things.yaml]\n",
        )
        .unwrap();
        let (name, definition) = load(&file).unwrap();
        assert_eq!(name, "things.example.org");
        assert_eq!(
            definition,
            json!({
                "kind": "CustomResourceDefinition",
                "metadata": {"name": "things.example.org", "labels": {"contract": "v1", "common": "v2"}},
                "spec": {"conversion": {"strategy": "None"}},
            })
        );
    }

    #[test]
    fn another_kind_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pod.yaml");
        std::fs::write(&file, "kind: Pod\nmetadata: {name: p}\n").unwrap();
        assert!(matches!(load(&file), Err(DefinitionError::NotADefinition { .. })));
    }
}
