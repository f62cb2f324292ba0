//! An engine on a database of its own, with a simulator beside it.
#![expect(dead_code, unreachable_pub, reason = "each test uses a part of it")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where its bench does")]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use strata_cluster::{ConnectOptions, KubeconfigPolicy};
use strata_engine::{
    Adopted, DraftContent, DraftLayer, Engine, EngineOptions, OverrideEdit, OverrideWish, RegisterCluster,
    RegisterInfrastructure, RequestOptions, RevisionWish, Session, Wish,
};
use strata_model::{
    Timestamp,
    change::{Change, ChangeState},
    id::ChangeId,
    overrides::Patch,
    pack::PackFiles,
    ports::Clock,
    profile::{ImmutablePolicy, PresetChoice, ProfileType},
    secret::SecretText,
    variable::{VariableDefinition, VariableFormat},
};
use strata_sim::{ClusterOptions, SimCluster, Simulator, SimulatorOptions};
use strata_store::{
    DatabaseUrl, Store, StoreSettings, SystemClock, SystemIds,
    seal::{MasterKey, SealKeys},
};

/// The system's clock, which a test can put forward.
#[derive(Debug, Default)]
pub struct TestClock {
    ahead: AtomicI64,
}

impl TestClock {
    pub fn forward(&self, by: Duration) {
        self.ahead.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now().as_microsecond() + self.ahead.load(Ordering::SeqCst);
        Timestamp::from_microsecond(now).unwrap()
    }
}

/// A pack of one templated manifest.
pub fn pack(name: &str, version: &str, values: &str, manifest: &str) -> PackFiles {
    let description = serde_json::json!({
        "name": name, "displayName": name, "version": version, "layer": "addon", "cloudTypes": ["all"],
    });
    PackFiles::from([
        ("pack.json".to_owned(), description.to_string().into_bytes()),
        ("values.yaml".to_owned(), values.as_bytes().to_vec()),
        (format!("manifests/{name}.yaml"), manifest.as_bytes().to_vec()),
    ])
}

pub fn layer(
    name: &str,
    pack: &str,
    version: &str,
    values: &str,
    on_immutable: ImmutablePolicy,
) -> DraftLayer {
    DraftLayer { values: Some(values.into()), on_immutable, ..DraftLayer::new(name, pack, version) }
}

pub fn content(layers: Vec<DraftLayer>, variables: Vec<VariableDefinition>) -> DraftContent {
    DraftContent { layers, variables }
}

pub fn variable(name: &str, default: Option<&str>) -> VariableDefinition {
    VariableDefinition {
        name: name.into(),
        display_name: None,
        description: None,
        format: VariableFormat::String,
        default_value: default.map(str::to_owned),
        regex: None,
        required: false,
        immutable: false,
        hidden: false,
        sensitive: false,
        multiline: false,
        options: vec![],
    }
}

pub struct Bench {
    pub session: Session,
    pub clock: Arc<TestClock>,
    pub engine: Engine,
    simulator: Simulator,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// With other options than the usual ones.
    pub async fn start_with(adjust: impl FnOnce(&mut EngineOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = SealKeys::new(MasterKey::new([7; 32]));
        let clock = Arc::new(TestClock::default());
        let mut settings = StoreSettings::new(DatabaseUrl::Sqlite(folder.path().join("strata.db")), keys);
        settings.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let store = Store::open(settings).await.unwrap();
        let mut options = EngineOptions {
            connect: ConnectOptions {
                policy: KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() },
                ..ConnectOptions::default()
            },
            ..EngineOptions::default()
        };
        adjust(&mut options);
        let engine = Engine::new(store, Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(SystemIds), options);
        engine.start();
        let first = engine.first_start().await.unwrap().unwrap();
        let caller = engine.authenticate(&first.secret).await.unwrap();
        let session = engine.project(&caller, None).unwrap();
        let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
        Self { session, clock, engine, simulator, _folder: folder }
    }

    pub async fn cluster(&self, name: &str) -> SimCluster {
        self.simulator.add_cluster(ClusterOptions::new(name)).await.unwrap()
    }

    pub async fn publish_packs(&self) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/packs");
        for pack in strata_registry::list_packs(&folder).unwrap().packs {
            let files = strata_registry::read_pack(&pack.path).unwrap();
            self.session.publish_pack(files, Adopted::default()).await.unwrap();
        }
    }

    pub async fn publish(&self, files: PackFiles) {
        self.session.publish_pack(files, Adopted::default()).await.unwrap();
    }

    pub async fn publish_content(
        &self,
        name: &str,
        version: &str,
        layers: Vec<DraftLayer>,
        variables: Vec<VariableDefinition>,
    ) {
        if self.session.profile(name).await.unwrap().is_none() {
            self.session.create_profile(name.into(), ProfileType::Addon).await.unwrap();
        }
        self.session.create_profile_version(name.into(), version.into(), None).await.unwrap();
        let content = content(layers, variables);
        self.session.update_draft(name.into(), version.into(), None, content).await.unwrap();
        self.session.publish_profile_version(name.into(), version.into()).await.unwrap();
    }

    pub async fn register(&self, name: &str, sim: &SimCluster) {
        self.register_with(name, sim, &[]).await;
    }

    pub async fn register_with(&self, name: &str, sim: &SimCluster, labels: &[(&str, &str)]) {
        let wish = RegisterCluster {
            name: name.into(),
            labels: labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            infrastructure: RegisterInfrastructure::Imported {
                kubeconfig: SecretText::new(sim.kubeconfig()),
            },
            cloud: None,
            region: None,
        };
        self.session.register_cluster(wish).await.unwrap();
    }

    pub fn override_wish(&self, cluster: &str, layer: &str, patch: Patch) -> Wish {
        let wanted = OverrideWish { layer: layer.into(), edit: OverrideEdit::Patch(patch) };
        Wish { cluster: cluster.into(), overrides: vec![wanted], ..Wish::default() }
    }

    /// A client of a simulated cluster: somebody else than Strata.
    pub async fn somebody(&self, sim: &SimCluster) -> kube::Client {
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&sim.kubeconfig()).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        kube::Client::try_from(config).unwrap()
    }

    /// Somebody adds a custom resource definition.
    pub async fn define(&self, sim: &SimCluster, plural: &str, kind: &str, group: &str) {
        let definition = serde_json::json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")},
            "spec": {
                "group": group, "scope": "Namespaced",
                "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                }}}],
            },
        });
        self.send(
            sim,
            http::Method::POST,
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            Some(definition),
        )
        .await;
    }

    pub async fn delete_a_node(&self, sim: &SimCluster) {
        let nodes = self.send(sim, http::Method::GET, "/api/v1/nodes", None).await;
        let name = nodes["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
        self.send(sim, http::Method::DELETE, &format!("/api/v1/nodes/{name}"), None).await;
    }

    pub async fn touch_a_status(&self, sim: &SimCluster) {
        let path = "/apis/batch/v1/namespaces/work/jobs/work";
        let mut job = self.send(sim, http::Method::GET, path, None).await;
        let noticed =
            serde_json::json!({"type": "Noticed", "status": "True", "reason": "Somebody", "message": ""});
        job["status"]["conditions"].as_array_mut().unwrap().push(noticed.clone());
        let after = self.send(sim, http::Method::PUT, &format!("{path}/status"), Some(job.clone())).await;
        assert!(after["status"]["conditions"].as_array().unwrap().iter().any(|it| it["type"] == "Noticed"));
        assert_ne!(after["metadata"]["resourceVersion"], job["metadata"]["resourceVersion"]);
    }

    pub async fn send(
        &self,
        sim: &SimCluster,
        method: http::Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> serde_json::Value {
        let client = self.somebody(sim).await;
        let body = body.map_or_else(Vec::new, |body| serde_json::to_vec(&body).unwrap());
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        client.request(request).await.unwrap()
    }

    /// An add-on profile with the one layer `hello`.
    pub async fn publish_profile(&self, name: &str, version: &str, preset: &str) {
        if self.session.profile(name).await.unwrap().is_none() {
            self.session.create_profile(name.into(), ProfileType::Addon).await.unwrap();
        }
        self.session.create_profile_version(name.into(), version.into(), None).await.unwrap();
        let content = DraftContent {
            layers: vec![DraftLayer {
                presets: vec![PresetChoice { group: "Backend".into(), name: preset.into() }],
                ..DraftLayer::new("hello", "hello-universe", "1.2.0")
            }],
            variables: vec![],
        };
        self.session.update_draft(name.into(), version.into(), None, content).await.unwrap();
        self.session.publish_profile_version(name.into(), version.into()).await.unwrap();
    }

    pub fn wish(&self, cluster: &str, attach: &[(&str, &str)]) -> Wish {
        let attach = attach.iter().map(|(profile, version)| RevisionWish {
            profile: (*profile).into(),
            version: (*version).into(),
            revision: None,
        });
        Wish { cluster: cluster.into(), attach: attach.collect(), ..Wish::default() }
    }

    pub async fn attach(&self, cluster: &str, profile: &str, version: &str) {
        let wish = self.wish(cluster, &[(profile, version)]);
        self.session.edit_cluster("attachProfile", wish, RequestOptions::default()).await.unwrap();
    }

    pub async fn apply(&self, cluster: &str, attach: &[(&str, &str)]) -> Change {
        let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
        let change = self.session.request_upgrade(self.wish(cluster, attach), options).await.unwrap();
        self.ended(change.id).await
    }

    /// Waits until something is there, asking again after each commit.
    pub async fn when<T>(&self, ask: impl AsyncFn() -> Option<T>) -> T {
        let mut positions = self.engine.last_position();
        loop {
            positions.mark_unchanged();
            if let Some(found) = ask().await {
                return found;
            }
            let moved = tokio::time::timeout(Duration::from_secs(20), positions.changed());
            if moved.await.is_err() {
                let page = strata_engine::Page { first: 100, after: None };
                let changes =
                    self.session.changes(&strata_engine::ChangeFilter::default(), page).await.unwrap();
                panic!("nothing happens any more: {changes:#?}");
            }
        }
    }

    pub async fn change_when(&self, wanted: impl Fn(&Change) -> bool) -> Change {
        self.when(async || {
            let page = strata_engine::Page { first: 100, after: None };
            let changes = self.session.changes(&strata_engine::ChangeFilter::default(), page).await.unwrap();
            changes.items.into_iter().map(|(_, change)| change).find(|change| wanted(change))
        })
        .await
    }

    /// Waits until a change has ended.
    pub async fn ended(&self, id: ChangeId) -> Change {
        self.until(id, |change| change.ended_at.is_some() || !change.blocked_by.is_empty()).await
    }

    /// Waits until a change has ended or is stale.
    pub async fn settled(&self, id: ChangeId) -> Change {
        self.until(id, |change| change.ended_at.is_some() || change.state == ChangeState::Stale).await
    }

    /// Waits by the log and not by the clock.
    pub async fn until(&self, id: ChangeId, wanted: impl Fn(&Change) -> bool) -> Change {
        let mut positions = self.engine.last_position();
        loop {
            let change = self.session.change(id).await.unwrap().unwrap();
            if wanted(&change) {
                return change;
            }
            let moved = tokio::time::timeout(Duration::from_secs(20), positions.changed());
            if moved.await.is_err() {
                panic!("nothing happens any more: {change:#?}");
            }
        }
    }

    pub async fn stop(self) {
        self.engine.stop().await;
        self.simulator.shutdown().await;
    }
}
