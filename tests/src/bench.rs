//! An engine on a database of its own, with one cluster registered: for tests that look at what becomes of objects.
//!
//! Profiles are made of [`Part`]s, each a pack with one layer on it. Other people's doings in the cluster go through
//! [`Bench::send`], by paths of the Kubernetes API.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use http::{Method, Request, header::CONTENT_TYPE};
use kube::Client;
use serde_json::{Value, json};
use strata_cluster::{
    ApplyOptions, ClusterClient, ConnectOptions, KubeconfigPolicy, MANAGER, ObjectReference,
};
use strata_engine::{
    Adopted, DraftContent, DraftLayer, Engine, EngineError, EngineOptions, Page, RegisterCluster,
    RegisterInfrastructure, RequestOptions, RevisionWish, Session, Wish,
};
use strata_model::{
    change::{Change, ChangeState},
    inventory::InventoryEntry,
    object::ObjectKey,
    pack::PackFiles,
    plan::Plan,
    profile::{ConflictPolicy, ImmutablePolicy, ProfileType},
    secret::SecretText,
};
use strata_store::{
    DatabaseUrl, Store, StoreSettings, SystemClock, SystemIds,
    seal::{MasterKey, SealKeys},
};

use crate::control_plane;

/// How long nothing at all may happen to a change that is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// The name that the cluster is registered by.
const CLUSTER: &str = "edge";

/// One layer and its pack.
#[derive(Debug, Clone)]
pub struct Part {
    name: String,
    values: String,
    manifests: String,
    /// Templates of a Helm chart in the pack; none where there are none.
    chart: String,
    priority: Option<i32>,
    on_conflict: ConflictPolicy,
    on_immutable: ImmutablePolicy,
}

impl Part {
    /// A layer of this name whose objects go to this namespace unless they name another.
    #[must_use]
    pub fn new(name: &str, namespace: &str) -> Self {
        Self {
            name: name.to_owned(),
            values: format!("pack:\n  namespace: {namespace}\n"),
            manifests: String::new(),
            chart: String::new(),
            priority: None,
            on_conflict: ConflictPolicy::default(),
            on_immutable: ImmutablePolicy::default(),
        }
    }

    /// With this object too.
    #[must_use]
    pub fn object(self, object: &Value) -> Self {
        // JSON is YAML, and never has two braces together that open.
        self.template(&object.to_string())
    }

    /// With this template too.
    #[must_use]
    pub fn template(mut self, text: &str) -> Self {
        self.manifests = format!("{}---\n{text}\n", self.manifests);
        self
    }

    /// With this object too, in a Helm chart of the pack.
    #[must_use]
    pub fn chart_object(mut self, object: &Value) -> Self {
        self.chart = format!("{}---\n{object}\n", self.chart);
        self
    }

    /// With these labels (`a=b,c=d`) on a namespace of its own.
    #[must_use]
    pub fn namespace_labels(mut self, namespace: &str, labels: &str) -> Self {
        self.values = format!("{}  namespaceLabels:\n    {namespace}: \"{labels}\"\n", self.values);
        self
    }

    /// With this install priority.
    #[must_use]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// With this policy for fields that others hold.
    #[must_use]
    pub const fn on_conflict(mut self, policy: ConflictPolicy) -> Self {
        self.on_conflict = policy;
        self
    }

    /// With this policy for what cannot be changed in place.
    #[must_use]
    pub const fn on_immutable(mut self, policy: ImmutablePolicy) -> Self {
        self.on_immutable = policy;
        self
    }

    fn pack(&self, name: &str, version: &str) -> PackFiles {
        let description = json!({"name": name, "displayName": name, "version": version, "layer": "addon", "cloudTypes": ["all"]});
        let mut files = PackFiles::from([
            ("pack.json".to_owned(), description.to_string().into_bytes()),
            ("values.yaml".to_owned(), self.values.clone().into_bytes()),
            ("manifests/objects.yaml".to_owned(), self.manifests.clone().into_bytes()),
        ]);
        if !self.chart.is_empty() {
            let chart = "apiVersion: v2\nname: chart\nversion: 1.0.0\n";
            files.insert("charts/chart/Chart.yaml".to_owned(), chart.as_bytes().to_vec());
            files.insert("charts/chart/templates/all.yaml".to_owned(), self.chart.clone().into_bytes());
        }
        files
    }

    fn layer(&self, pack: &str, version: &str) -> DraftLayer {
        DraftLayer {
            install_priority: self.priority,
            on_conflict: self.on_conflict,
            on_immutable: self.on_immutable,
            ..DraftLayer::new(&self.name, pack, version)
        }
    }
}

/// An engine with one cluster.
pub struct Bench {
    /// The administrator's session.
    pub session: Session,
    engine: Engine,
    cluster: ClusterClient,
    client: Client,
    _folder: tempfile::TempDir,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Bench {
    /// Starts an engine and registers the cluster of this kubeconfig.
    ///
    /// # Errors
    /// When the database cannot be made, or the cluster does not answer.
    pub async fn start(kubeconfig: &str) -> Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::Builder::new().prefix("strata-bench-").tempdir()?;
        let keys = SealKeys::new(MasterKey::new([7; 32]));
        let settings = StoreSettings::new(DatabaseUrl::Sqlite(folder.path().join("strata.db")), keys);
        let store = Store::open(settings).await?;
        let connect = ConnectOptions {
            policy: KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() },
            ..ConnectOptions::default()
        };
        let options = EngineOptions {
            connect: connect.clone(),
            step_deadline: Duration::from_secs(150),
            ..EngineOptions::default()
        };
        let engine = Engine::new(store, Arc::new(SystemClock), Arc::new(SystemIds), options);
        engine.start();
        let first = engine.first_start().await?.context("the database is not fresh")?;
        let caller = engine.authenticate(&first.secret).await?;
        let session = engine.project(&caller, None)?;
        let registered = session
            .register_cluster(RegisterCluster {
                name: CLUSTER.to_owned(),
                labels: BTreeMap::new(),
                infrastructure: RegisterInfrastructure::Imported { kubeconfig: SecretText::new(kubeconfig) },
                cloud: None,
                region: None,
            })
            .await?;
        ensure!(registered.uid.is_some(), "the cluster does not answer: {registered:?}");
        let client = control_plane::client(kubeconfig).await?;
        let cluster = ClusterClient::new(client.clone(), connect);
        Ok(Self { session, engine, cluster, client, _folder: folder })
    }

    /// Publishes a version of an add-on profile with these parts as layers.
    ///
    /// # Errors
    /// When a verb refuses.
    pub async fn publish(&self, profile: &str, version: &str, parts: &[Part]) -> Result<()> {
        if self.session.profile(profile).await?.is_none() {
            self.session.create_profile(profile.to_owned(), ProfileType::Addon).await?;
        }
        let mut layers = Vec::new();
        for part in parts {
            let pack = format!("{profile}-{}", part.name);
            self.session.publish_pack(part.pack(&pack, version), Adopted::default()).await?;
            layers.push(part.layer(&pack, version));
        }
        let (profile, version) = (profile.to_owned(), version.to_owned());
        self.session.create_profile_version(profile.clone(), version.clone(), None).await?;
        let content = DraftContent { layers, variables: Vec::new() };
        self.session.update_draft(profile.clone(), version.clone(), None, content).await?;
        self.session.publish_profile_version(profile, version).await?;
        Ok(())
    }

    /// The wish to run a version of a profile besides what the cluster runs.
    #[must_use]
    pub fn wish(&self, profile: &str, version: &str) -> Wish {
        let revision =
            RevisionWish { profile: profile.to_owned(), version: version.to_owned(), revision: None };
        Wish { attach: vec![revision], ..self.nothing() }
    }

    /// The wish to run a profile no more.
    #[must_use]
    pub fn without(&self, profile: &str) -> Wish {
        Wish { detach: vec![profile.to_owned()], ..self.nothing() }
    }

    /// The wish to stay as it is.
    #[must_use]
    pub fn nothing(&self) -> Wish {
        Wish { cluster: CLUSTER.to_owned(), ..Wish::default() }
    }

    /// Requests a change and asks for it to be applied as soon as it may.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn request(&self, wish: Wish) -> Result<Change, EngineError> {
        let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
        self.session.request_upgrade(wish, options).await
    }

    /// Approves whatever a change requires.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn approve(&self, change: &Change) -> Result<Change, EngineError> {
        self.session.approve(change.id, change.plan_digest.clone(), "it was looked at".to_owned(), None).await
    }

    /// Requests a change, approves what it requires, and follows it to its end.
    ///
    /// # Errors
    /// When a verb refuses, or findings block it.
    pub async fn run(&self, wish: Wish) -> Result<Change> {
        let change = self.request(wish).await?;
        ensure!(change.blocked_by.is_empty(), "blocked: {:?}", self.plan(&change).await?.findings);
        if change.state == ChangeState::AwaitingApproval {
            self.approve(&change).await?;
        }
        self.ended(&change).await
    }

    /// As [`Self::run`], and it must succeed.
    ///
    /// # Errors
    /// When it does not.
    pub async fn succeed(&self, wish: Wish) -> Result<Change> {
        let change = self.run(wish).await?;
        ensure!(change.state == ChangeState::Succeeded, "{}: {:?}", change.state, change.failure);
        Ok(change)
    }

    /// Tries a failed change again and follows it to its end.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn retry(&self, change: &Change) -> Result<Change> {
        let change = self.session.retry_change(change.id).await?;
        self.ended(&change).await
    }

    /// Follows a change to its end.
    ///
    /// # Errors
    /// When nothing happens to it for a long time.
    pub async fn ended(&self, change: &Change) -> Result<Change> {
        self.until(change, |change| change.ended_at.is_some()).await
    }

    /// Follows a change, by the event log, until it is as wanted.
    ///
    /// # Errors
    /// When nothing happens to it for a long time.
    pub async fn until(&self, change: &Change, wanted: impl Fn(&Change) -> bool) -> Result<Change> {
        let mut positions = self.engine.last_position();
        loop {
            positions.mark_unchanged();
            let change = self.session.change(change.id).await?.context("the change is gone")?;
            if wanted(&change) {
                return Ok(change);
            }
            let moved = tokio::time::timeout(PATIENCE, positions.changed()).await;
            if moved.is_err() {
                bail!("nothing happens any more: {change:#?}");
            }
        }
    }

    /// The plan of a change.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn plan(&self, change: &Change) -> Result<Plan> {
        Ok(self.session.plan(change.plan).await?.context("the plan is gone")?.plan)
    }

    /// What Strata has sent to the cluster.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn inventory(&self) -> Result<Vec<InventoryEntry>> {
        let cluster = self.session.cluster(CLUSTER).await?.context("the cluster is gone")?;
        let page = self.session.inventory(cluster.id, Page { first: 100, after: None }).await?;
        ensure!(!page.has_next, "more objects than a test has");
        Ok(page.items.into_iter().map(|(_, entry)| entry).collect())
    }

    /// The law of a change that has succeeded: planning again gives an empty plan, an empty change moves nothing, and
    /// sending everything once more, short of what others hold, moves nothing either.
    ///
    /// # Errors
    /// Names what differs.
    pub async fn holds_still(&self) -> Result<()> {
        let plan = self.session.preview_upgrade(&self.nothing()).await?.plan;
        ensure!(plan.is_empty(), "planning again is not empty: {:#?}", plan.actions);
        let before = self.stamps().await?;
        ensure!(
            usize::try_from(plan.unchanged)? == before.len(),
            "{} objects of {before:#?}",
            plan.unchanged
        );
        self.succeed(self.nothing()).await?;
        let after = self.stamps().await?;
        ensure!(before == after, "an empty change moved something: {before:#?} became {after:#?}");
        for entry in self.inventory().await? {
            let options = ApplyOptions { on_conflict: ConflictPolicy::Yield, ..ApplyOptions::default() };
            self.cluster.apply(&entry.body, &options).await?;
        }
        let after = self.stamps().await?;
        ensure!(before == after, "sending again moved something: {before:#?} became {after:#?}");
        Ok(())
    }

    /// What moves when an object is changed, for all that Strata has sent. Where controllers write a status at any
    /// time, it is what they do not move: generation, and what Strata's manager holds since when.
    async fn stamps(&self) -> Result<BTreeMap<ObjectKey, Value>> {
        let mut stamps = BTreeMap::new();
        for entry in self.inventory().await? {
            let reference = ObjectReference::new(entry.key.clone(), entry.api_version);
            let live =
                self.cluster.get(&reference).await?.with_context(|| format!("{} is gone", entry.key))?;
            let metadata = &live["metadata"];
            let managers = metadata["managedFields"].as_array().into_iter().flatten();
            let own: Vec<&Value> = managers.filter(|fields| fields["manager"] == MANAGER).collect();
            let mut stamp = json!({"uid": metadata["uid"], "generation": metadata["generation"], "own": own});
            if live.get("status").is_none() {
                stamp["resourceVersion"] = metadata["resourceVersion"].clone();
            }
            stamps.insert(entry.key, stamp);
        }
        Ok(stamps)
    }

    /// Reads an object of the cluster; none when it is not there.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn look(&self, reference: &ObjectReference) -> Result<Option<Value>> {
        Ok(self.cluster.get(reference).await?)
    }

    /// A client of the cluster.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Stops the engine.
    pub async fn stop(self) {
        self.engine.stop().await;
    }

    /// Sends a request to the cluster as somebody else; the content type of a PATCH must be given.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Value, kube::Error> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request =
            Request::builder().method(method).uri(path).header(CONTENT_TYPE, content_type).body(body);
        self.client.request(request.map_err(kube::Error::HttpError)?).await
    }

    /// Reads an object by its path.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn read(&self, path: &str) -> Result<Value, kube::Error> {
        self.send(Method::GET, path, "application/json", &Value::Null).await
    }

    /// Creates an object as this field manager.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn create(&self, path: &str, manager: &str, object: &Value) -> Result<Value, kube::Error> {
        let path = format!("{path}?fieldManager={manager}");
        self.send(Method::POST, &path, "application/json", object).await
    }

    /// Changes an object as this field manager, as `kubectl edit` does.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn edit(&self, path: &str, manager: &str, patch: &Value) -> Result<Value, kube::Error> {
        let path = format!("{path}?fieldManager={manager}");
        self.send(Method::PATCH, &path, "application/merge-patch+json", patch).await
    }

    /// Applies an object with force as this field manager, as `kubectl apply --server-side --force-conflicts` does.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn force(&self, path: &str, manager: &str, object: &Value) -> Result<Value, kube::Error> {
        let path = format!("{path}?fieldManager={manager}&force=true");
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", object).await
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// As the server answers.
    pub async fn delete(&self, path: &str) -> Result<Value, kube::Error> {
        self.send(Method::DELETE, path, "application/json", &Value::Null).await
    }
}
