//! The clusters of the demo: simulated ones, or real ones that were named; and a look into the first of them.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, Config,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
    runtime::wait::await_condition,
};

use super::{
    real::{Real, Unsuitable},
    simulated::Simulated,
    terminal::{Step, Terminal},
};

/// How long the clusters may take to show what was done.
const PATIENCE: Duration = Duration::from_secs(120);

/// A cluster that Cluster API provides.
#[derive(Debug, Clone)]
pub(super) struct Workload {
    pub(super) name: String,
    pub(super) stage: &'static str,
}

/// What the story is about at the moment. On real clusters it has two chapters, because they are not alike: one cluster
/// that is there, and one that is made for the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chapter {
    /// Machines and add-ons of simulated clusters.
    Whole,
    /// Add-ons on the cluster that somebody else provides.
    AddOns,
    /// The machines of a cluster that Cluster API makes.
    Machines,
}

/// The clusters.
pub(super) struct Fleet {
    /// Kept running as long as the story is told.
    _simulated: Option<Simulated>,
    /// The real ones, if it is those.
    real: Option<Real>,
    chapter: Chapter,
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
        let write = |name: &str, text: &str| terminal.write_secret(name, text).map(|_| name.to_owned());
        let management = write("management.kubeconfig", &simulated.management_kubeconfig())?;
        let imported = write("branch-1.kubeconfig", &simulated.imported_kubeconfig())?;
        let view = client(&simulated.workload_kubeconfig(names.first().ok_or("no clusters")?)?).await?;
        Ok(Self {
            _simulated: Some(simulated),
            real: None,
            chapter: Chapter::Whole,
            management: Some(management),
            workloads,
            imported: Some(("branch-1".to_owned(), imported)),
            api_namespace,
            namespace: "hello-universe".to_owned(),
            view,
        })
    }

    /// The real clusters that were named, with the provider of machines where they are wanted.
    pub(super) fn real(real: Real, provider: Option<&str>) -> Self {
        let workload = |_| Workload { name: real.name.clone(), stage: "pilot" };
        Self {
            _simulated: None,
            chapter: Chapter::AddOns,
            management: real.management.as_ref().map(|site| site.file.clone()),
            workloads: provider.map(workload).into_iter().collect(),
            imported: Some(("mine".to_owned(), real.imported.file.clone())),
            api_namespace: real.name.clone(),
            namespace: real.name.clone(),
            view: real.imported.client.clone(),
            real: Some(real),
        }
    }

    /// What the story is about.
    pub(super) const fn chapter(&self) -> Chapter {
        self.chapter
    }

    /// Goes on to the machines; false where nobody makes any, or they had their part.
    pub(super) fn turn_to_machines(&mut self) -> bool {
        let turns = self.chapter == Chapter::AddOns && !self.workloads.is_empty();
        if turns {
            self.chapter = Chapter::Machines;
        }
        turns
    }

    /// The clusters of this chapter that Cluster API provides.
    pub(super) fn workloads(&self) -> &[Workload] {
        if self.chapter == Chapter::AddOns { &[] } else { &self.workloads }
    }

    /// Name and kubeconfig of the cluster that somebody else provides, if it is in this chapter.
    pub(super) fn imported(&self) -> Option<(&str, &str)> {
        let (name, kubeconfig) = self.imported.as_ref().filter(|_| self.chapter != Chapter::Machines)?;
        Some((name, kubeconfig))
    }

    /// The kubeconfig of the management cluster, if it is in this chapter.
    pub(super) fn management(&self) -> Option<&str> {
        self.management.as_deref().filter(|_| self.chapter != Chapter::AddOns)
    }

    /// Where the Cluster API objects are.
    pub(super) fn api_namespace(&self) -> &str {
        &self.api_namespace
    }

    /// How many workers a cluster begins with. Real ones may cost money.
    pub(super) const fn workers(&self) -> &'static str {
        match self.chapter {
            Chapter::Machines => "workers=1",
            Chapter::Whole | Chapter::AddOns => "workers=2",
        }
    }

    /// Ends only when it is clear that nobody makes the machines that were asked for.
    pub(super) async fn until_nobody_answers(&self) -> Unsuitable {
        match &self.real {
            Some(real) if self.chapter == Chapter::Machines => real.until_nobody_answers().await,
            _ => std::future::pending().await,
        }
    }

    /// The cluster that the story looks at.
    pub(super) fn first(&self) -> &str {
        match (self.workloads().first(), self.imported()) {
            (Some(workload), _) => &workload.name,
            (None, Some((name, _))) => name,
            (None, None) => "",
        }
    }

    /// The profile that the first cluster gets, and its type.
    pub(super) const fn profile(&self) -> (&'static str, &'static str) {
        match self.chapter {
            Chapter::Whole => ("web", "full"),
            Chapter::AddOns => ("greeting", "addon"),
            Chapter::Machines => ("machines", "infra"),
        }
    }

    /// A version of that profile, as commands want it.
    pub(super) fn target(&self, version: &str) -> String {
        format!("{}@{version}", self.profile().0)
    }

    /// Whether nodes can be replaced.
    pub(super) fn has_machines(&self) -> bool {
        !self.workloads().is_empty()
    }

    /// Whether there is a fleet to roll out to.
    pub(super) fn has_stages(&self) -> bool {
        self.workloads().len() > 1
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
}

pub(super) async fn client(kubeconfig: &str) -> Step<Client> {
    let config =
        Config::from_custom_kubeconfig(Kubeconfig::from_yaml(kubeconfig)?, &KubeConfigOptions::default())
            .await?;
    Ok(Client::try_from(config)?)
}
