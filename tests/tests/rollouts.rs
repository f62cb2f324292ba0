//! Rollouts over a stage of many clusters, end to end: how many are under way at once, when failures halt it, what is
//! skipped and retried, that a pause stops the sending, and what counts as proof.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use http::Method;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};
use strata_cli::operations;
use strata_sim::Which;
use strata_tests::{
    Database, Fleet, Server, Subscription, control_plane, program,
    scenario::{Person, admin, describe, example_packs, refused_with, web},
};

const CLUSTERS: [&str; 8] = ["shop-1", "shop-2", "shop-3", "shop-4", "shop-5", "shop-6", "shop-7", "shop-8"];
/// Those whose API servers refuse the new version: the first within the budget, the second beyond it.
const BROKEN: [&str; 2] = ["shop-2", "shop-4"];
const AT_ONCE: u64 = 2;

const MANIFEST: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: greeting}
data: {text: "{{ .Values.text }}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: greeting}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: greeting}}
  template:
    metadata: {labels: {app: greeting}}
    spec: {containers: [{name: main, image: "busybox:1.36"}]}
"#;

/// Counts what writes to a fleet.
struct Writes(BTreeMap<&'static str, Arc<AtomicUsize>>);

impl Writes {
    fn watch(fleet: &Fleet) -> Result<Self> {
        let mut counts = BTreeMap::new();
        for name in CLUSTERS {
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            fleet.simulated_cluster(name).context("no cluster")?.on_request(move |request| {
                if request.method == Method::PATCH {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            });
            counts.insert(name, count);
        }
        Ok(Self(counts))
    }

    fn now(&self) -> BTreeMap<&'static str, usize> {
        self.0.iter().map(|(name, count)| (*name, count.load(Ordering::SeqCst))).collect()
    }
}

struct Stage {
    server: Server,
    fleet: Fleet,
    admin: Person,
    rollout: String,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_of_many_keeps_its_limits() -> Result<()> {
    let stage = Stage::prepare().await?;
    let writes = Writes::watch(&stage.fleet)?;
    for name in CLUSTERS {
        stage.cluster(name)?.faults().slow(Duration::from_millis(20));
    }
    for name in BROKEN {
        let which =
            Which { method: Some(Method::PATCH), resource: Some("deployments".into()), ..Which::default() };
        stage.cluster(name)?.faults().refuse(403, which, None);
    }
    let mut progress = stage.admin.watch_rollout(&stage.rollout).await?;
    stage.act(operations::ROLLOUT_START, "startRollout").await.map_err(describe)?;
    let halted = until(&mut progress, |rollout| rollout["state"] == "HALTED").await?;
    assert_eq!(count(&halted, "FAILED"), 2, "{halted:#}");
    ensure!(
        halted["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("2 clusters failed; 1 were tolerated")),
        "{halted:#}"
    );
    ensure!(count(&halted, "WAITING") >= 2, "it went on beyond the budget: {halted:#}");

    // What halted it is still so, until somebody decides about it.
    refused_with(stage.act(operations::ROLLOUT_RESUME, "resumeRollout").await, "ILLEGAL_STATE")?;
    let nobody = stage.server.run(&["rollout", "skip", &stage.rollout, "--reason", "x"]).await?;
    assert_eq!(nobody.status.code(), Some(64), "{nobody:?}");
    let skip = ["rollout", "skip", &stage.rollout, BROKEN[0], "--reason", "closed for repairs"];
    let skipped = stage.server.run(&skip).await?;
    ensure!(skipped.status.success(), "{skipped:?}");
    let target = stage.target(BROKEN[0]).await?;
    assert_eq!((&target["state"], &target["reason"]), (&json!("SKIPPED"), &json!("closed for repairs")));
    stage.cluster(BROKEN[1])?.faults().clear();
    let retried = stage.server.run(&["rollout", "retry", &stage.rollout]).await?;
    ensure!(retried.status.success(), "{retried:?}");
    stage.act(operations::ROLLOUT_RESUME, "resumeRollout").await.map_err(describe)?;

    // Nothing is sent while it rests, however busy the server is elsewhere.
    until(&mut progress, |rollout| rollout["state"] == "RUNNING" && count(rollout, "IN_FLIGHT") > 0).await?;
    stage.act(operations::ROLLOUT_PAUSE, "pauseRollout").await.map_err(describe)?;
    let paused = until(&mut progress, |rollout| rollout["state"] == "PAUSED").await?;
    assert_eq!(count(&paused, "IN_FLIGHT"), 0, "{paused:#}");
    ensure!(count(&paused, "WAITING") > 0, "there is nothing left to hold back: {paused:#}");
    let before = writes.now();
    for version in ["1.0.0", "1.1.0"] {
        stage.apply("branch-1", version).await?;
    }
    assert_eq!(writes.now(), before, "something was sent while it was paused");

    stage.act(operations::ROLLOUT_RESUME, "resumeRollout").await.map_err(describe)?;
    let last = until(&mut progress, |rollout| rollout["state"] == "SUCCEEDED").await?;
    assert_eq!((count(&last, "SUCCEEDED"), count(&last, "SKIPPED")), (7, 1), "{last:#}");
    for name in CLUSTERS {
        let expected = if name == BROKEN[0] { "1.0.0" } else { "1.1.0" };
        let cluster = stage.admin.cluster(name).await.map_err(describe)?;
        assert_eq!(cluster["applied"]["attachments"][0]["version"], expected, "{name}");
    }
    Ok(())
}

/// Reads on until something holds, and never sees more under way than the stage allows.
async fn until(progress: &mut Subscription, holds: impl Fn(&Value) -> bool) -> Result<Value> {
    loop {
        let item = progress.next().await?.context("the rollout has ended")?;
        let rollout = &item["rollout"];
        ensure!(count(rollout, "IN_FLIGHT") <= AT_ONCE, "too many are under way: {rollout:#}");
        if holds(rollout) {
            return Ok(rollout.clone());
        }
    }
}

fn count(rollout: &Value, state: &str) -> u64 {
    let counts = rollout["counts"].as_array().into_iter().flatten();
    counts.filter(|count| count["state"] == state).find_map(|count| count["count"].as_u64()).unwrap_or(0)
}

impl Stage {
    /// Clusters that run 1.0.0, and a rollout to 1.1.0 that nobody has started.
    async fn prepare() -> Result<Self> {
        let fleet = Fleet::simulated(&CLUSTERS).await?;
        let server = Server::start(program!(), Database::Sqlite).await?;
        let admin = admin(&server)?;
        let values = "pack:\n  namespace: greeting\ntext: hello\nreplicas: 1\n";
        admin.publish_manifest("greeting", "1.0.0", MANIFEST, values).await?;
        admin.create_profile("greeting", "ADDON").await?;
        for (version, replicas) in [("1.0.0", 1), ("1.1.0", 2)] {
            let values = format!("text: {version}\nreplicas: {replicas}\n");
            let pack = json!({"name": "greeting", "version": "1.0.0"});
            let content = json!({"layers": [{"name": "greeting", "pack": pack, "values": values}]});
            admin.publish_version("greeting", version, content).await.map_err(describe)?;
        }
        let mut stage = Self { server, fleet, admin, rollout: String::new() };
        let imported = stage.fleet.imported();
        stage.admin.import("branch-1", imported, "branch").await.map_err(describe)?;
        for name in CLUSTERS {
            let kubeconfig = stage.fleet.kubeconfig(name)?;
            stage.admin.import(name, kubeconfig, "shop").await.map_err(describe)?;
        }
        futures::future::try_join_all(CLUSTERS.map(|name| stage.apply(name, "1.0.0"))).await?;
        stage.rollout = stage.create("greeting", "shop", AT_ONCE, 1, 0).await?;
        Ok(stage)
    }

    async fn create(
        &self,
        profile: &str,
        label: &str,
        at_once: u64,
        budget: u32,
        soak: u32,
    ) -> Result<String> {
        let input = json!({
            "name": "spring", "target": {"profile": profile, "version": "1.1.0"}, "failureBudget": budget,
            "stages": [{"name": label, "selector": [{"key": "stage", "value": label}], "maxConcurrency": at_once,
                        "soakSeconds": soak, "requiresApproval": false}],
        });
        let made = self.admin.client.mutate(operations::ROLLOUT_CREATE, "createRollout", input).await;
        let made = made.map_err(describe)?;
        Ok(made["rollout"]["id"].as_str().context("no rollout")?.to_owned())
    }

    async fn apply(&self, cluster: &str, version: &str) -> Result<()> {
        let attach = json!([{"profile": "greeting", "version": version}]);
        let input = json!({"cluster": cluster, "attach": attach, "reason": "a test"});
        self.admin.apply(input).await.with_context(|| format!("{version} on {cluster}"))?;
        Ok(())
    }

    async fn act(
        &self,
        operation: operations::Operation,
        field: &str,
    ) -> Result<Value, strata_cli::exit::CliError> {
        let input = json!({"rolloutId": self.rollout, "reason": "a test"});
        let payload = self.admin.client.mutate(operation, field, input).await?;
        Ok(payload.get("rollout").cloned().unwrap_or_default())
    }

    async fn target(&self, cluster: &str) -> Result<Value> {
        let variables = json!({"id": self.rollout});
        let targets = self.admin.client.all(operations::ROLLOUT_SHOW, variables, "/rollout/targets").await;
        let targets = targets.map_err(describe)?;
        let names: BTreeSet<&str> = targets.iter().filter_map(|target| target["cluster"].as_str()).collect();
        ensure!(names.len() == CLUSTERS.len(), "{names:?}");
        targets.into_iter().find(|target| target["cluster"] == cluster).context("it is not part of it")
    }

    fn cluster(&self, name: &str) -> Result<strata_sim::SimCluster> {
        self.fleet.simulated_cluster(name).with_context(|| format!("no cluster {name}"))
    }
}

/// A cluster that runs the target already is proved by its objects as they are now; those that make its machines, on the
/// management cluster, are among them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_that_are_missing_are_no_proof() -> Result<()> {
    let fleet = Fleet::simulated(&["shop-1"]).await?;
    let server = Server::start(program!(), Database::Sqlite).await?;
    let admin = admin(&server)?;
    admin.publish_packs(&example_packs()).await?;
    admin.create_profile("web", "FULL").await?;
    let content = web("1.33.4", fleet.versions()[0], fleet.provider(), "disable-api");
    admin.publish_version("web", "1.1.0", content).await.map_err(describe)?;
    admin.import("management", fleet.management(), "management").await.map_err(describe)?;
    admin.register("shop-1", fleet.namespace(), "shop").await.map_err(describe)?;
    let input = json!({
        "cluster": "shop-1", "attach": [{"profile": "web", "version": "1.1.0"}], "reason": "first version",
        "controlPlane": {"replicas": 1, "attributes": []},
        "nodePools": [{"name": "workers", "replicas": 2, "attributes": []}],
    });
    admin.apply(input).await.context("the first apply")?;

    // Somebody wants more machines, and nobody makes them.
    fleet.stop_controllers();
    let kind = GroupVersionKind::gvk("cluster.x-k8s.io", "v1beta2", "MachineDeployment");
    let pools = Api::<DynamicObject>::namespaced_with(
        control_plane::client(fleet.management()).await?,
        fleet.namespace(),
        &ApiResource::from_gvk(&kind),
    );
    let found = pools.list(&Default::default()).await?.items;
    let pool = found.first().and_then(|pool| pool.metadata.name.clone()).context("no pool")?;
    let more = json!({"spec": {"replicas": 9}});
    pools.patch(&pool, &PatchParams::default(), &Patch::Merge(more)).await?;

    let mut stage = Stage { server, fleet, admin, rollout: String::new() };
    stage.rollout = stage.create("web", "shop", 1, 0, 0).await?;
    let mut progress = stage.admin.watch_rollout(&stage.rollout).await?;
    stage.act(operations::ROLLOUT_START, "startRollout").await.map_err(describe)?;
    let end =
        until(&mut progress, |rollout| ["HALTED", "SUCCEEDED"].map(Value::from).contains(&rollout["state"]));
    let end = end.await?;
    assert_eq!((&end["state"], count(&end, "FAILED")), (&json!("HALTED"), 1), "{end:#}");
    let cluster = stage.admin.cluster("shop-1").await.map_err(describe)?;
    ensure!(cluster["health"]["reason"].as_str().is_some_and(|reason| reason.contains(&pool)), "{cluster:#}");
    Ok(())
}
