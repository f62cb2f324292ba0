//! The clusters of the demo: simulated ones, or real ones that were named; and a look into the first of them.

use std::{path::Path, time::Duration};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Namespace};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams},
    config::{KubeConfigOptions, Kubeconfig},
    runtime::wait::{await_condition, conditions::is_deleted},
};

use serde_json::json;
use strata_cli::operations;

use super::{
    simulated::Simulated,
    story::Story,
    terminal::{Step, Terminal, text},
};

/// How long the clusters may take to show what was done.
const PATIENCE: Duration = Duration::from_secs(120);

/// A cluster that Cluster API provides.
#[derive(Debug, Clone)]
pub(super) struct Workload {
    pub(super) name: String,
    pub(super) stage: &'static str,
}

/// The clusters.
pub(super) struct Fleet {
    /// Kept running as long as the story is told.
    _simulated: Option<Simulated>,
    /// The file with the kubeconfig of the management cluster.
    management: Option<String>,
    workloads: Vec<Workload>,
    /// Name and file with the kubeconfig of the cluster that somebody else provides.
    imported: Option<(String, String)>,
    /// Where the Cluster API objects are.
    api_namespace: String,
    /// Where the application is.
    namespace: String,
    /// Into the first cluster.
    view: Client,
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("workloads", &self.workloads).finish_non_exhaustive()
    }
}

impl Fleet {
    /// A simulated management cluster, `count` clusters that it provides, and an imported one.
    ///
    /// # Errors
    /// When the simulator does not start.
    pub(super) async fn simulate(terminal: &Terminal, count: u32) -> Step<Self> {
        // One goes ahead of the stages; a third of the rest, at least one, are canaries.
        let canaries = ((count - 1) / 3).max(1);
        let workload =
            |stage: &'static str| move |number| Workload { name: format!("{stage}-{number}"), stage };
        let workloads: Vec<Workload> = std::iter::once(workload("pilot")(1))
            .chain((1..=canaries).map(workload("canary")))
            .chain((1..count - canaries).map(workload("prod")))
            .collect();
        let api_namespace = "fleet".to_owned();
        let names: Vec<&str> = workloads.iter().map(|workload| workload.name.as_str()).collect();
        let simulated = Simulated::start(&api_namespace, &names).await?;
        let write =
            |name: &str, text: &str| terminal.write_secret(name, text).map(|path| path.display().to_string());
        let management = write("management.kubeconfig", &simulated.management_kubeconfig())?;
        let imported = write("branch-1.kubeconfig", &simulated.imported_kubeconfig())?;
        let view = client(&simulated.workload_kubeconfig(names.first().ok_or("no clusters")?)?).await?;
        Ok(Self {
            _simulated: Some(simulated),
            management: Some(management),
            workloads,
            imported: Some(("branch-1".to_owned(), imported)),
            api_namespace,
            namespace: "hello-universe".to_owned(),
            view,
        })
    }

    /// A real cluster, in a namespace of its own.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub(super) async fn real(kubeconfig: &Path, namespace: String) -> Step<Self> {
        let text = std::fs::read_to_string(kubeconfig)?;
        Ok(Self {
            _simulated: None,
            management: None,
            workloads: Vec::new(),
            imported: Some(("mine".to_owned(), kubeconfig.display().to_string())),
            api_namespace: namespace.clone(),
            namespace,
            view: client(&text).await?,
        })
    }

    /// The cluster that the story looks at.
    pub(super) fn first(&self) -> &str {
        match (self.workloads.first(), &self.imported) {
            (Some(workload), _) => &workload.name,
            (None, Some((name, _))) => name,
            (None, None) => "",
        }
    }

    /// The profile that the first cluster gets.
    pub(super) fn profile(&self) -> &'static str {
        if self.has_machines() { "web" } else { "greeting" }
    }

    /// A version of that profile, as commands want it.
    pub(super) fn target(&self, version: &str) -> String {
        format!("{}@{version}", self.profile())
    }

    /// Whether nodes can be replaced.
    pub(super) fn has_machines(&self) -> bool {
        !self.workloads.is_empty()
    }

    /// Whether there is somebody else's cluster too.
    pub(super) const fn has_imported(&self) -> bool {
        self.imported.is_some()
    }

    /// Whether there is a fleet to roll out to.
    pub(super) fn has_stages(&self) -> bool {
        self.workloads.len() > 1
    }

    /// Where the application is.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The deployments of the application, as a table with its heading.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub(super) async fn deployments(&self) -> Step<Vec<String>> {
        let api = Api::<Deployment>::namespaced(self.view.clone(), &self.namespace);
        let list = tokio::time::timeout(PATIENCE, api.list(&ListParams::default())).await??;
        let row = |deployment: Deployment| {
            let wanted = deployment.spec.and_then(|spec| spec.replicas).unwrap_or(1);
            let ready = deployment.status.and_then(|status| status.ready_replicas).unwrap_or(0);
            format!("{:28} {ready}/{wanted}", deployment.metadata.name.unwrap_or_default())
        };
        Ok(std::iter::once(format!("{:28} READY", "NAME")).chain(list.items.into_iter().map(row)).collect())
    }

    /// Waits until a deployment has so many replicas and pods.
    ///
    /// # Errors
    /// When it does not get there in time.
    pub(super) async fn until_replicas(&self, name: &str, replicas: i32) -> Step {
        let api = Api::<Deployment>::namespaced(self.view.clone(), &self.namespace);
        let reached = move |deployment: Option<&Deployment>| {
            deployment.is_some_and(|deployment| {
                let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
                let there = deployment.status.as_ref().and_then(|status| status.replicas).unwrap_or(0);
                wanted == Some(replicas) && there == replicas
            })
        };
        match tokio::time::timeout(PATIENCE, await_condition(api, name, reached)).await {
            Ok(outcome) => Ok(outcome.map(drop)?),
            Err(_) => Err(format!("the deployment {name} does not get to {replicas} replicas").into()),
        }
    }

    /// Removes the namespace of a real cluster, and waits until it is gone.
    ///
    /// # Errors
    /// When it does not go.
    pub(super) async fn remove_namespace(&self) -> Step {
        let api = Api::<Namespace>::all(self.view.clone());
        match api.get_opt(&self.namespace).await? {
            None => return Ok(()),
            Some(namespace) => {
                let uid = namespace.metadata.uid.unwrap_or_default();
                drop(api.delete(&self.namespace, &DeleteParams::default()).await?);
                tokio::time::timeout(PATIENCE, await_condition(api, &self.namespace, is_deleted(&uid)))
                    .await??;
            }
        }
        Ok(())
    }
}

pub(super) async fn client(kubeconfig: &str) -> Step<Client> {
    let config =
        Config::from_custom_kubeconfig(Kubeconfig::from_yaml(kubeconfig)?, &KubeConfigOptions::default())
            .await?;
    Ok(Client::try_from(config)?)
}

impl Story {
    pub(super) async fn register_clusters(&mut self) -> Step {
        self.terminal
            .step("Clusters: a management cluster, clusters that it provides, and one that is imported");
        if let Some(kubeconfig) = self.fleet.management.clone() {
            self.alice(&["cluster", "register", "management", "--kubeconfig", &kubeconfig]).await?;
        }
        for workload in self.fleet.workloads.clone() {
            let label = format!("stage={}", workload.stage);
            let namespace = self.fleet.api_namespace.clone();
            let register = [
                "cluster",
                "register",
                &workload.name,
                "--management-cluster",
                "management",
                "--namespace",
                &namespace,
                "--label",
                &label,
            ];
            self.alice(&register).await?;
        }
        if let Some((name, kubeconfig)) = self.fleet.imported.clone() {
            self.alice(&[
                "cluster",
                "register",
                &name,
                "--kubeconfig",
                &kubeconfig,
                "--label",
                "stage=branch",
            ])
            .await?;
        }
        Ok(())
    }

    pub(super) async fn apply_first_version(&mut self) -> Step {
        let machines = if self.fleet.has_machines() {
            ": machines, then network and storage, then the application"
        } else {
            ""
        };
        self.terminal.step(&format!("The first apply{machines}"));
        self.terminal.say(
            "Each step waits for the health of the one before; the change ends when everything is healthy.",
        );
        for workload in self.fleet.workloads.clone() {
            let apply = [
                "apply",
                &workload.name,
                "--profile",
                "web@1.0.0",
                "--control-plane",
                "1",
                "--pool",
                "workers=2",
                "--reason",
                "first version",
                "--watch",
            ];
            self.alice(&apply).await?;
        }
        if let Some((name, _)) = self.fleet.imported.clone() {
            self.alice(&[
                "apply",
                &name,
                "--profile",
                "greeting@1.0.0",
                "--reason",
                "first version",
                "--watch",
            ])
            .await?;
        }
        self.alice(&["cluster", "list"]).await
    }

    /// Takes everything away from a real cluster again, the way anybody would; the namespace at last.
    pub(super) async fn clean_up(&mut self) -> Step {
        let cluster = self.fleet.first().to_owned();
        self.terminal.step("Leaving no trace: detached objects are orphans, and orphans can be deleted");
        let detach = ["apply", &cluster, "--detach", self.fleet.profile(), "--reason", "the demo is over"];
        self.alice(&detach).await?;
        self.approve_and_watch(&cluster).await?;
        self.alice(&["orphans", "delete", &cluster, "--reason", "the demo is over"]).await?;
        self.approve_and_watch(&cluster).await?;
        self.alice(&["cluster", "deregister", &cluster, "--reason", "the demo is over"]).await
    }

    /// Has the newest change of a cluster approved where it asks for that, and follows it to its end.
    async fn approve_and_watch(&self, cluster: &str) -> Step {
        let (change, digest) = self.newest_change(cluster).await?;
        let data = self.terminal.ask(&self.alice, operations::CHANGE_SHOW, json!({ "id": change })).await?;
        if text(&data, "/change/state") == "AWAITING_APPROVAL" {
            let approve = ["approve", &change, "--plan", &digest, "--reason", "it is only a demo"];
            self.terminal.succeed(&self.bob, &approve).await?;
        }
        self.alice(&["change", "watch", &change]).await
    }
}
