//! What many tests do first, in a line each: packs, profiles, clusters, changes that succeed.
//!
//! All of it goes through the operations that clients send. Nothing is judged here beyond "it worked"; tests that look at
//! how something is refused send the operation themselves.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use strata_cli::{client::Client, exit::CliError, operations};
use strata_model::pack::PackFiles;

use crate::{server::Server, subscription::Subscription};

/// Somebody with a token.
#[derive(Debug)]
pub struct Person {
    /// Their client.
    pub client: Client,
    /// The token, for subscriptions.
    pub token: String,
    url: String,
}

/// The folder of the example packs.
#[must_use]
pub fn example_packs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples/packs")
}

/// The codes of a refusal; none for other errors.
#[must_use]
pub fn codes(error: &CliError) -> Vec<&str> {
    match error {
        CliError::Refused(errors) => errors.iter().map(|error| error.code.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// Requires that something was refused with this code, by an error with a way out.
///
/// # Errors
/// When it was not.
pub fn refused_with(outcome: Result<Value, CliError>, code: &str) -> Result<()> {
    match outcome {
        Ok(answer) => anyhow::bail!("not refused with {code}: {answer}"),
        Err(error) => {
            ensure!(codes(&error).first() == Some(&code), "not {code}: {error:?}");
            let CliError::Refused(errors) = &error else { anyhow::bail!("{error:?}") };
            ensure!(
                errors.iter().all(|error| !error.message.is_empty() && !error.help.is_empty()),
                "{errors:?}"
            );
            Ok(())
        }
    }
}

/// Whoever got the first token.
///
/// # Errors
/// When the token's file is gone.
pub fn admin(server: &Server) -> Result<Person> {
    let token = std::fs::read_to_string(server.token_file())?;
    Ok(Person { client: server.client()?, token, url: server.url() })
}

impl Person {
    /// Makes another person with these roles and a token.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn hire(&self, server: &Server, name: &str, roles: &[&str]) -> Result<Self> {
        let input = json!({"name": name, "kind": "PERSON"});
        self.client.mutate(operations::PRINCIPAL_CREATE, "createPrincipal", input).await?;
        for role in roles {
            let input = json!({"principal": name, "role": role});
            self.client.mutate(operations::ROLE_GRANT, "grantRole", input).await?;
        }
        let input = json!({"principal": name, "name": "test"});
        let payload = self.client.mutate(operations::TOKEN_CREATE, "createToken", input).await?;
        let token = payload["secret"].as_str().context("no secret")?.to_owned();
        Ok(Self { client: server.client_with(name, &token)?, token, url: server.url() })
    }

    /// Publishes all packs of a folder.
    ///
    /// # Errors
    /// When one is refused.
    pub async fn publish_packs(&self, folder: &Path) -> Result<()> {
        for pack in strata_registry::list_packs(folder)?.packs {
            self.publish_pack(&strata_registry::read_pack(&pack.path)?).await.map_err(describe)?;
        }
        Ok(())
    }

    /// Publishes one pack.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn publish_pack(&self, files: &PackFiles) -> Result<Value, CliError> {
        let files: Vec<Value> = files
            .iter()
            .map(|(path, bytes)| json!({"path": path, "contentBase64": STANDARD.encode(bytes)}))
            .collect();
        self.client.mutate(operations::PACK_PUBLISH, "publishPack", json!({"files": files})).await
    }

    /// Publishes a pack of one manifest, of the layer `addon`, with its text and values.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn publish_manifest(
        &self,
        name: &str,
        version: &str,
        manifest: &str,
        values: &str,
    ) -> Result<()> {
        let description = json!({
            "name": name, "displayName": name, "version": version, "layer": "addon", "cloudTypes": ["all"],
            "kubeManifests": ["manifests/all.yaml"],
        });
        let files = PackFiles::from([
            ("pack.json".to_owned(), description.to_string().into_bytes()),
            ("values.yaml".to_owned(), values.as_bytes().to_vec()),
            ("manifests/all.yaml".to_owned(), manifest.as_bytes().to_vec()),
        ]);
        self.publish_pack(&files).await.map_err(describe)?;
        Ok(())
    }

    /// Makes a profile.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_profile(&self, name: &str, kind: &str) -> Result<()> {
        let input = json!({"name": name, "type": kind});
        self.client.mutate(operations::PROFILE_CREATE, "createProfile", input).await.map_err(describe)?;
        Ok(())
    }

    /// Drafts and publishes a version with this content.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn publish_version(
        &self,
        profile: &str,
        version: &str,
        content: Value,
    ) -> Result<Value, CliError> {
        let input = json!({"profile": profile, "version": version});
        let payload =
            self.client.mutate(operations::PROFILE_VERSION_CREATE, "createProfileVersion", input).await?;
        let input = json!({
            "profile": profile, "version": version, "content": content,
            "expectedGeneration": payload["profileVersion"]["generation"],
        });
        self.client.mutate(operations::PROFILE_DRAFT_UPDATE, "updateDraft", input).await?;
        let input = json!({"profile": profile, "version": version});
        self.client.mutate(operations::PROFILE_PUBLISH, "publishProfileVersion", input).await
    }

    /// Registers a cluster by its kubeconfig.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn import(&self, name: &str, kubeconfig: &str, stage: &str) -> Result<Value, CliError> {
        let input = json!({
            "name": name, "labels": [{"key": "stage", "value": stage}],
            "infrastructure": {"imported": {"kubeconfig": kubeconfig}},
        });
        self.client.mutate(operations::CLUSTER_REGISTER, "registerCluster", input).await
    }

    /// Registers a cluster that Cluster API provides, by the management cluster `management`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn register(&self, name: &str, namespace: &str, stage: &str) -> Result<Value, CliError> {
        let input = json!({
            "name": name, "labels": [{"key": "stage", "value": stage}],
            "infrastructure": {"clusterApi": {"managementCluster": "management", "namespace": namespace, "name": name}},
        });
        self.client.mutate(operations::CLUSTER_REGISTER, "registerCluster", input).await
    }

    /// A preview of what [`Self::request`] would be asked for; the reason is left out.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn preview(&self, mut input: Value) -> Result<Value, CliError> {
        if let Some(map) = input.as_object_mut() {
            map.shift_remove("reason");
        }
        let data = self.client.send(operations::PREVIEW_UPGRADE, json!({"input": input})).await?;
        Ok(data.get("previewUpgrade").cloned().unwrap_or_default())
    }

    /// Requests a change that is applied as soon as its requirements are met.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn request(&self, mut input: Value) -> Result<Value, CliError> {
        if let Some(map) = input.as_object_mut() {
            map.entry("applyWhenReady").or_insert(json!(true));
        }
        let payload = self.client.mutate(operations::CHANGE_REQUEST, "requestUpgrade", input).await?;
        Ok(payload.get("change").cloned().unwrap_or_default())
    }

    /// Approves all that a change requires.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn approve(&self, change: &Value) -> Result<Value, CliError> {
        let input = json!({"changeId": change["id"], "planDigest": change["planDigest"], "reason": "agreed"});
        let payload = self.client.mutate(operations::CHANGE_APPROVE, "approveChange", input).await?;
        Ok(payload.get("change").cloned().unwrap_or_default())
    }

    /// What a change looks like now.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn change(&self, id: &str) -> Result<Value, CliError> {
        let data = self.client.send(operations::CHANGE_SHOW, json!({"id": id})).await?;
        Ok(data.get("change").cloned().unwrap_or_default())
    }

    /// What a cluster looks like now.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn cluster(&self, name: &str) -> Result<Value, CliError> {
        let data = self.client.query(operations::CLUSTER_SHOW, json!({"name": name})).await?;
        Ok(data.get("cluster").cloned().unwrap_or_default())
    }

    /// The orphans of a cluster in these states.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn orphans(&self, cluster: &str, states: &[&str]) -> Result<Vec<Value>, CliError> {
        let filter = json!({"filter": {"cluster": cluster, "states": states}});
        self.client.all(operations::ORPHAN_LIST, filter, "/orphans").await
    }

    /// Follows a change.
    ///
    /// # Errors
    /// When the server does not take the connection.
    pub async fn watch_change(&self, id: &str) -> Result<Subscription> {
        let variables = json!({"id": id});
        Subscription::start(&self.url, &self.token, operations::CHANGE_PROGRESS, "changeProgress", variables)
            .await
    }

    /// Follows a rollout.
    ///
    /// # Errors
    /// When the server does not take the connection.
    pub async fn watch_rollout(&self, id: &str) -> Result<Subscription> {
        let variables = json!({"id": id});
        Subscription::start(
            &self.url,
            &self.token,
            operations::ROLLOUT_PROGRESS,
            "rolloutProgress",
            variables,
        )
        .await
    }

    /// Follows a change to its end and answers with it.
    ///
    /// # Errors
    /// When the subscription breaks.
    pub async fn end_of(&self, change: &Value) -> Result<Value> {
        let id = change["id"].as_str().with_context(|| format!("no change: {change}"))?;
        let items = self.watch_change(id).await?.rest().await?;
        let last = items.last().with_context(|| format!("the subscription to {id} was empty"))?;
        Ok(last["change"].clone())
    }

    /// Requests a change, approves what it requires, follows it to its end, which must be success.
    ///
    /// # Errors
    /// When it is refused or does not succeed.
    pub async fn apply(&self, input: Value) -> Result<Value> {
        let change = self.request(input).await.map_err(describe)?;
        let open = change["requirements"].as_array().into_iter().flatten().any(|r| r["satisfied"] == false);
        if open {
            self.approve(&change).await.map_err(describe)?;
        }
        let ended = self.end_of(&change).await?;
        ensure!(ended["state"] == "SUCCEEDED", "the change ended {ended:#}");
        Ok(ended)
    }
}

/// An error of a client with all that the server said.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub fn describe(error: CliError) -> anyhow::Error {
    anyhow::anyhow!("{error:#?}")
}

/// The content of the example profile: this pack of Kubernetes, told this version and infrastructure provider, and this
/// preset of the application.
#[must_use]
pub fn web(pack: &str, kubernetes: &str, provider: &str, preset: &str) -> Value {
    let values =
        format!("pack:\n  kubernetesVersion: \"{kubernetes}\"\ninfrastructure:\n  provider: {provider}\n");
    json!({"layers": [
        {"name": "os", "pack": {"name": "ubuntu", "version": "22.4.1"}},
        {"name": "kubernetes", "pack": {"name": "kubernetes", "version": pack}, "values": values},
        {"name": "network", "pack": {"name": "cni-demo", "version": "1.0.0"}},
        {"name": "storage", "pack": {"name": "csi-demo", "version": "1.0.0"}},
        application(preset),
    ]})
}

/// The layer of the application alone.
#[must_use]
pub fn application(preset: &str) -> Value {
    json!({"name": "hello-universe", "pack": {"name": "hello-universe", "version": "1.2.0"},
           "presets": [{"group": "Backend", "name": preset}]})
}
