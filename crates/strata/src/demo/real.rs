//! Real clusters that the reader named: whether the demo can be played on them, and where it leaves traces.
//!
//! Looked at before anything is done to them: that they answer, that the demo's namespace is not there yet, and that the
//! management cluster serves the kinds that the example packs render. Which provider makes the machines follows from the
//! kinds that are served.
//!
//! *Caveats.* Definitions without their controllers look like Cluster API from here. That is found out when the first
//! `Cluster` stays without a status ([`Real::until_nobody_answers`]).

use std::{fs, path::Path, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, PostParams},
    core::GroupVersionKind,
    runtime::wait::await_condition,
};
use serde_json::json;
use strata_model::{object::marks, ports::IdSource as _};
use strata_store::SystemIds;

use super::{
    fleet::client,
    terminal::Step,
    traces::{Place, Traces},
};
use crate::{arguments::DemoArguments, exit::Failed};

/// How long a cluster may take to answer a question.
const ANSWER: Duration = Duration::from_secs(30);
/// How long Cluster API's controllers may take to notice a new `Cluster`; they take about a second.
const NOTICE: Duration = Duration::from_secs(60);

/// The version of Cluster API's kinds that the example packs render.
const VERSION: &str = "v1beta2";
/// Those that every provider needs, by group.
const KINDS: [(&str, &[&str]); 3] = [
    ("cluster.x-k8s.io", &["Cluster", "MachineDeployment"]),
    ("controlplane.cluster.x-k8s.io", &["KubeadmControlPlane"]),
    ("bootstrap.cluster.x-k8s.io", &["KubeadmConfigTemplate"]),
];
const INFRASTRUCTURE: &str = "infrastructure.cluster.x-k8s.io";
/// The providers that the example packs know: what they call it, and its kinds.
const PROVIDERS: [(&str, [&str; 2]); 2] =
    [("docker", ["DockerCluster", "DockerMachineTemplate"]), ("aws", ["AWSCluster", "AWSMachineTemplate"])];

/// Why the demo cannot be played on the clusters that were named.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsuitable {
    /// It does not answer, or not what an API server would.
    #[error("the cluster of {file} cannot be asked")]
    NoAnswer {
        /// The kubeconfig.
        file: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something else has the name.
    #[error("the cluster of {file} already has a namespace {namespace}, which is not the demo's")]
    Taken {
        /// The kubeconfig.
        file: String,
        /// Its name.
        namespace: String,
    },
    /// Cluster API, or the version of it that the packs are written for, is missing.
    #[error("the management cluster of {file} does not serve {}", missing.join(", "))]
    NoClusterApi {
        /// The kubeconfig.
        file: String,
        /// The kinds.
        missing: Vec<String>,
    },
    /// Nobody there makes machines.
    #[error(
        "the management cluster of {file} has no infrastructure provider that the demo knows: it serves neither \
         DockerCluster and DockerMachineTemplate nor AWSCluster and AWSMachineTemplate ({INFRASTRUCTURE}/{VERSION})"
    )]
    NoProvider {
        /// The kubeconfig.
        file: String,
    },
    /// The kinds are there and nobody works on them.
    #[error(
        "nobody takes care of the Cluster {name}: it still has no status after {} seconds",
        NOTICE.as_secs()
    )]
    NoControllers {
        /// The `Cluster`.
        name: String,
    },
}

impl Unsuitable {
    /// The way out.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::NoAnswer { .. } => "see that `kubectl --kubeconfig FILE get namespaces` works",
            Self::Taken { .. } => "start the demo again: it takes another name each time",
            Self::NoClusterApi { .. } => {
                "install Cluster API 1.11 or later with the kubeadm providers, for example by `clusterctl init \
                 --infrastructure docker`; or leave --management-kubeconfig out"
            }
            Self::NoProvider { .. } => {
                "install one, for example by `clusterctl init --infrastructure docker`; or leave --management-kubeconfig out"
            }
            Self::NoControllers { .. } => {
                "see that the controllers of Cluster API run: `kubectl get deployments --all-namespaces --selector \
                 cluster.x-k8s.io/provider`"
            }
        }
    }
}

/// One of them.
#[derive(Clone)]
pub(super) struct Site {
    /// The kubeconfig, as a full path.
    pub(super) file: String,
    pub(super) client: Client,
}

/// The clusters that were named.
#[derive(Clone)]
pub(super) struct Real {
    pub(super) imported: Site,
    pub(super) management: Option<Site>,
    /// The name of everything of the demo that needs one: the namespaces, and the cluster that Cluster API makes.
    pub(super) name: String,
}

impl std::fmt::Debug for Real {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Real").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Real {
    /// Reads the kubeconfigs that were named, if any; asks nobody.
    ///
    /// # Errors
    /// When one cannot be used.
    pub(super) async fn open(arguments: &DemoArguments) -> Result<Option<Self>, Failed> {
        let Some(imported) = &arguments.kubeconfig else { return Ok(None) };
        let imported = site(imported).await?;
        let management = match &arguments.management_kubeconfig {
            None => None,
            Some(file) => Some(site(file).await?),
        };
        // The end of an id is random; its beginning is the time.
        let random = SystemIds.next().simple().to_string();
        let name = format!("strata-demo-{}", random.get(24..).unwrap_or(&random));
        Ok(Some(Self { imported, management, name }))
    }

    /// Where an installation with this id leaves traces.
    pub(super) fn traces(&self, installation: &str) -> Traces {
        let place =
            |site: &Site, manages| Place { file: site.file.clone(), client: site.client.clone(), manages };
        let management = self.management.iter().map(|site| place(site, true));
        // The machines go first: they take longest.
        let places = management.chain([place(&self.imported, false)]).collect();
        Traces { places, namespace: self.name.clone(), installation: installation.to_owned() }
    }

    /// Looks whether the demo can be played on them; answers with the provider that makes machines.
    ///
    /// # Errors
    /// When it cannot.
    pub(super) async fn check(&self) -> Result<Option<&'static str>, Unsuitable> {
        self.imported.has_no_namespace(&self.name).await?;
        let Some(management) = &self.management else { return Ok(None) };
        management.has_no_namespace(&self.name).await?;
        let mut missing = Vec::new();
        for (group, kinds) in KINDS {
            let served = management.kinds(group).await?;
            let lacks = kinds.iter().filter(|kind| !served.iter().any(|served| served == *kind));
            missing.extend(lacks.map(|kind| format!("{kind} ({group}/{VERSION})")));
        }
        let file = management.file.clone();
        if !missing.is_empty() {
            return Err(Unsuitable::NoClusterApi { file, missing });
        }
        let served = management.kinds(INFRASTRUCTURE).await?;
        let has = |kinds: &[&str]| kinds.iter().all(|kind| served.iter().any(|served| served == kind));
        let provider = PROVIDERS.iter().find(|(_, kinds)| has(kinds)).map(|(provider, _)| *provider);
        provider.map(Some).ok_or(Unsuitable::NoProvider { file })
    }

    /// Makes the namespace of the Cluster API objects, with the mark of the installation: what carries it is removed.
    ///
    /// # Errors
    /// When the management cluster refuses.
    pub(super) async fn make_namespace(&self, installation: &str) -> Step {
        let Some(management) = &self.management else { return Ok(()) };
        let namespace = serde_json::from_value(json!({
            "metadata": { "name": self.name, "labels": { marks::INSTALLATION: installation } },
        }))?;
        let namespaces = Api::<Namespace>::all(management.client.clone());
        tokio::time::timeout(ANSWER, namespaces.create(&PostParams::default(), &namespace)).await??;
        Ok(())
    }

    /// Ends only if nobody takes care of the new `Cluster`.
    pub(super) async fn until_nobody_answers(&self) -> Unsuitable {
        let Some(management) = &self.management else { return std::future::pending().await };
        let api =
            Api::<DynamicObject>::namespaced_with(management.client.clone(), &self.name, &cluster_kind());
        let there = |object: Option<&DynamicObject>| object.is_some();
        let noticed = |object: Option<&DynamicObject>| {
            object.is_some_and(|object| {
                object
                    .data
                    .get("status")
                    .is_some_and(|status| status.as_object().is_some_and(|s| !s.is_empty()))
            })
        };
        // Trouble with the watch is not what is looked for here; whoever waits for the change will see it.
        if await_condition(api.clone(), &self.name, there).await.is_ok()
            && tokio::time::timeout(NOTICE, await_condition(api, &self.name, noticed)).await.is_err()
        {
            return Unsuitable::NoControllers { name: self.name.clone() };
        }
        std::future::pending().await
    }
}

/// The kind of all kinds of Cluster API.
pub(super) fn cluster_kind() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("cluster.x-k8s.io", VERSION, "Cluster"))
}

async fn site(file: &Path) -> Result<Site, Failed> {
    let unreadable = |source| Failed::File { operation: "read", path: file.display().to_string(), source };
    let file = file.canonicalize().map_err(unreadable)?;
    let text = fs::read_to_string(&file).map_err(unreadable)?;
    let file = file.display().to_string();
    match client(&text).await {
        Ok(client) => Ok(Site { file, client }),
        Err(error) => Err(Failed::Settings {
            message: format!("{file} is no kubeconfig that can be used: {error}"),
            help: "take one with its credentials in it: `kubectl config view --minify --flatten --raw`",
        }),
    }
}

impl Site {
    fn no_answer(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Unsuitable {
        Unsuitable::NoAnswer { file: self.file.clone(), source: source.into() }
    }

    async fn has_no_namespace(&self, namespace: &str) -> Result<(), Unsuitable> {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let found = tokio::time::timeout(ANSWER, namespaces.get_opt(namespace))
            .await
            .map_err(|late| self.no_answer(late))?
            .map_err(|error| self.no_answer(error))?;
        if found.is_some() {
            return Err(Unsuitable::Taken { file: self.file.clone(), namespace: namespace.to_owned() });
        }
        Ok(())
    }

    /// The kinds that are served of a group in the version of the packs.
    async fn kinds(&self, group: &str) -> Result<Vec<String>, Unsuitable> {
        let version = format!("{group}/{VERSION}");
        let resources = tokio::time::timeout(ANSWER, self.client.list_api_group_resources(&version))
            .await
            .map_err(|late| self.no_answer(late))?;
        match resources {
            Ok(list) => Ok(list.resources.into_iter().map(|resource| resource.kind).collect()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
            Err(error) => Err(self.no_answer(error)),
        }
    }
}
