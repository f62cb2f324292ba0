//! The Cluster API stand-in, against a simulated management cluster and, when `SIM_CLUSTER_API_KUBECONFIG` names a file,
//! against the API server it speaks of, which must serve the real definitions (with AWS as provider).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at what it cannot have")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use strata_sim::{ClusterOptions, Simulator, SimulatorOptions, cluster_api};
use tokio_util::sync::CancellationToken;

const CORE: &str = "cluster.x-k8s.io";
const PLANE: &str = "controlplane.cluster.x-k8s.io";
const BOOTSTRAP: &str = "bootstrap.cluster.x-k8s.io";
const AWS: &str = "infrastructure.cluster.x-k8s.io";

/// More passes than anything here takes; a pass moves a pool by one machine.
const PASSES: usize = 100;

type Versions = Arc<Mutex<Vec<String>>>;

/// A management cluster with a workload cluster `w` described in it, in a namespace of its own.
struct Management {
    client: Client,
    namespace: String,
    options: cluster_api::Options,
    versions: Versions,
}

async fn client(kubeconfig: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = kube::config::Kubeconfig::from_yaml(kubeconfig).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

async fn simulated() -> (Simulator, Client) {
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let cluster = simulator.add_cluster(ClusterOptions::new("management")).await.unwrap();
    let client = client(&cluster.kubeconfig()).await;
    let kind = GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let crds: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&kind));
    for definition in cluster_api::definitions() {
        crds.create(&PostParams::default(), &serde_json::from_value(definition).unwrap()).await.unwrap();
    }
    (simulator, client)
}

fn reference(group: &str, kind: &str, name: &str) -> Value {
    json!({"apiGroup": group, "kind": kind, "name": name})
}

impl Management {
    async fn prepare(client: Client, namespace: &str) -> Self {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let made = serde_json::from_value(json!({"metadata": {"name": namespace}})).unwrap();
        namespaces.create(&PostParams::default(), &made).await.unwrap();
        let versions = Versions::default();
        let sink = versions.clone();
        let mine = namespace.to_owned();
        let options = cluster_api::Options::new(
            |_, name| Some(format!("kubeconfig of {name}")),
            move |namespace, _, version| {
                if namespace == mine {
                    sink.lock().unwrap().push(version.to_owned());
                }
            },
        );
        Self { client, namespace: namespace.to_owned(), options, versions }
    }

    fn api(&self, group: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1beta2", kind));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    async fn apply(&self, group: &str, kind: &str, name: &str, spec: Value) {
        let object = json!({
            "apiVersion": format!("{group}/v1beta2"), "kind": kind, "metadata": {"name": name}, "spec": spec,
        });
        let params = PatchParams::apply("test");
        self.api(group, kind).patch(name, &params, &Patch::Apply(object)).await.unwrap();
    }

    async fn get(&self, group: &str, kind: &str, name: &str) -> Value {
        serde_json::to_value(self.api(group, kind).get(name).await.unwrap()).unwrap()
    }

    async fn machines(&self) -> Vec<Value> {
        let list = self.api(CORE, "Machine").list(&ListParams::default()).await.unwrap();
        list.items.into_iter().map(|machine| serde_json::to_value(machine).unwrap()).collect()
    }

    async fn describe(&self, version: &str) {
        let cidrs = |cidr: &str| json!({"cidrBlocks": [cidr]});
        self.apply(
            CORE,
            "Cluster",
            "w",
            json!({
                "clusterNetwork": {"pods": cidrs("192.168.0.0/16"), "services": cidrs("10.96.0.0/12"), "serviceDomain": "cluster.local"},
                "controlPlaneRef": reference(PLANE, "KubeadmControlPlane", "w-control-plane"),
                "infrastructureRef": reference(AWS, "AWSCluster", "w"),
            }),
        )
        .await;
        self.apply(AWS, "AWSCluster", "w", json!({"region": "eu-central-1"})).await;
        for name in ["w-control-plane-1", "w-md-1"] {
            let machine = json!({"template": {"spec": {"instanceType": "t3.large"}}});
            self.apply(AWS, "AWSMachineTemplate", name, machine).await;
        }
        let registration = json!({"nodeRegistration": {
            "criSocket": "unix:///run/containerd/containerd.sock", "kubeletExtraArgs": [{"name": "event-qps", "value": "0"}],
        }});
        let join = json!({"template": {"spec": {"joinConfiguration": registration}}});
        self.apply(BOOTSTRAP, "KubeadmConfigTemplate", "w-md-1", join).await;
        self.upgrade_plane(version, &registration).await;
        self.upgrade_pool(version, 2).await;
    }

    async fn upgrade_plane(&self, version: &str, registration: &Value) {
        self.apply(
            PLANE,
            "KubeadmControlPlane",
            "w-control-plane",
            json!({
                "replicas": 3, "version": version,
                "machineTemplate": {"spec": {
                    "infrastructureRef": reference(AWS, "AWSMachineTemplate", "w-control-plane-1"),
                    "deletion": {"nodeDrainTimeoutSeconds": 300},
                }},
                "kubeadmConfigSpec": {
                    "clusterConfiguration": {"apiServer": {"extraArgs": [{"name": "profiling", "value": "false"}]}},
                    "initConfiguration": registration,
                    "joinConfiguration": registration,
                },
                "rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
            }),
        )
        .await;
    }

    async fn upgrade_pool(&self, version: &str, replicas: u32) {
        let labels =
            json!({"cluster.x-k8s.io/cluster-name": "w", "cluster.x-k8s.io/deployment-name": "w-md"});
        self.apply(
            CORE,
            "MachineDeployment",
            "w-md",
            json!({
                "clusterName": "w", "replicas": replicas,
                "selector": {"matchLabels": labels},
                "rollout": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}},
                "template": {"metadata": {"labels": labels}, "spec": {
                    "clusterName": "w", "version": version,
                    "bootstrap": {"configRef": reference(BOOTSTRAP, "KubeadmConfigTemplate", "w-md-1")},
                    "infrastructureRef": reference(AWS, "AWSMachineTemplate", "w-md-1"),
                    "deletion": {"nodeDrainTimeoutSeconds": 300},
                }},
            }),
        )
        .await;
    }

    /// Passes, none of which may be refused, until the object's status satisfies `check`.
    async fn until(&self, group: &str, kind: &str, name: &str, check: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..PASSES {
            if let Err(error) = cluster_api::pass(&self.client, &self.options).await {
                panic!("a pass was refused: {error:?}");
            }
            let status = self.get(group, kind, name).await["status"].take();
            if check(&status) {
                return status;
            }
        }
        panic!("{kind} {name} did not get there: {}", self.get(group, kind, name).await)
    }
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a str> {
    let all = status["conditions"].as_array()?;
    all.iter().find(|condition| condition["type"] == kind)?["status"].as_str()
}

fn settled(version: &'static str) -> impl Fn(&Value) -> bool {
    move |status| {
        status["version"] == version
            && condition(status, "RollingOut") == Some("False")
            && status["replicas"] == 3
    }
}

async fn check(management: Management) {
    management.describe("v1.32.1").await;
    let plane = management.until(PLANE, "KubeadmControlPlane", "w-control-plane", settled("v1.32.1")).await;
    for count in ["readyReplicas", "availableReplicas", "upToDateReplicas"] {
        assert_eq!(plane[count], 3, "{count}");
    }
    assert_eq!(plane["observedGeneration"], 1);
    assert_eq!(plane["initialization"], json!({"controlPlaneInitialized": true}));
    let pool = management.until(CORE, "MachineDeployment", "w-md", |s| s["phase"] == "Running").await;
    assert_eq!((pool["replicas"].as_i64(), pool["upToDateReplicas"].as_i64()), (Some(2), Some(2)));
    assert_eq!(condition(&pool, "Available"), Some("True"));
    let cluster = management.until(CORE, "Cluster", "w", |s| s["phase"] == "Provisioned").await;
    assert_eq!(
        cluster["initialization"],
        json!({"controlPlaneInitialized": true, "infrastructureProvisioned": true})
    );
    assert_eq!(cluster["controlPlane"]["upToDateReplicas"], 3);
    assert_eq!(cluster["workers"]["readyReplicas"], 2);
    let secrets: Api<Secret> = Api::namespaced(management.client.clone(), &management.namespace);
    let secret = secrets.get("w-kubeconfig").await.unwrap();
    assert_eq!(secret.data.unwrap()["value"].0, b"kubeconfig of w");
    assert_eq!(*management.versions.lock().unwrap(), ["v1.32.1"]);

    // Nothing of what was written may have been dropped on the way in.
    let first = management.machines().await;
    assert_eq!(first.len(), 5);
    for machine in &first {
        let name = machine["metadata"]["name"].as_str().unwrap();
        assert_eq!(machine["status"]["phase"], "Running");
        assert_eq!(machine["status"]["nodeRef"]["name"], name);
        assert_eq!(machine["status"]["nodeInfo"]["kubeletVersion"], "v1.32.1");
        assert_eq!(condition(&machine["status"], "Ready"), Some("True"));
        assert_eq!(machine["spec"]["infrastructureRef"], reference(AWS, "AWSMachine", name));
    }

    // The control plane first; the version shows only once the last old machine is gone.
    let registration =
        management.get(PLANE, "KubeadmControlPlane", "w-control-plane").await["spec"]["kubeadmConfigSpec"]["joinConfiguration"]
            .take();
    management.upgrade_plane("v1.33.0", &registration).await;
    let rolling = management
        .until(PLANE, "KubeadmControlPlane", "w-control-plane", |s| s["upToDateReplicas"] == 2)
        .await;
    assert_eq!(rolling["version"], "v1.32.1");
    assert_eq!(condition(&rolling, "RollingOut"), Some("True"));
    management.until(PLANE, "KubeadmControlPlane", "w-control-plane", settled("v1.33.0")).await;
    assert_eq!(*management.versions.lock().unwrap(), ["v1.32.1", "v1.33.0"]);
    management.upgrade_pool("v1.33.0", 1).await;
    let down = management.until(CORE, "MachineDeployment", "w-md", |s| s["phase"] == "ScalingDown").await;
    assert_eq!(condition(&down, "RollingOut"), Some("True"));
    management.until(CORE, "MachineDeployment", "w-md", |s| s["phase"] == "Running").await;
    let machines = management.machines().await;
    assert_eq!(machines.len(), 4);
    for machine in &machines {
        assert_eq!(machine["spec"]["version"], "v1.33.0");
        assert!(first.iter().all(|old| old["metadata"]["uid"] != machine["metadata"]["uid"]));
    }

    // At rest it writes nothing.
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    let before = version(&management.get(CORE, "Cluster", "w").await);
    cluster_api::pass(&management.client, &management.options).await.unwrap();
    assert_eq!(version(&management.get(CORE, "Cluster", "w").await), before);
    let namespaces: Api<Namespace> = Api::all(management.client.clone());
    namespaces.delete(&management.namespace, &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
async fn rolls_machines_on_a_simulated_cluster() {
    let (simulator, client) = simulated().await;
    check(Management::prepare(client, "fleet").await).await;
    simulator.shutdown().await;
}

#[tokio::test]
async fn rolls_machines_on_another_server() {
    let Ok(path) = std::env::var("SIM_CLUSTER_API_KUBECONFIG") else { return };
    let client = client(&std::fs::read_to_string(path).unwrap()).await;
    check(Management::prepare(client, &format!("stand-in-{}", std::process::id())).await).await;
}

#[tokio::test]
async fn runs_until_it_is_stopped() {
    let (simulator, client) = simulated().await;
    let management = Management::prepare(client.clone(), "fleet").await;
    management.describe("v1.33.0").await;
    let (sender, mut versions) = tokio::sync::mpsc::unbounded_channel();
    let mut options = cluster_api::Options::new(
        |_, _| None,
        move |_, _, version| {
            let _ = sender.send(version.to_owned());
        },
    );
    options.machine_time = Duration::from_millis(1);
    let stop = CancellationToken::new();
    let tracker = tokio_util::task::TaskTracker::new();
    let task = tracker.spawn(cluster_api::run(client, options, stop.clone()));
    let told = tokio::time::timeout(Duration::from_secs(30), versions.recv()).await.unwrap();
    assert_eq!(told.unwrap(), "v1.33.0");
    stop.cancel();
    task.await.unwrap();
    simulator.shutdown().await;
}
