//! Clusters: what is registered, and the four axes of its state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{ChangeId, ClusterId, CompositionId, ProjectId},
    profile::ClusterName,
    version::KubernetesVersion,
};

/// Who provides the machines of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Infrastructure {
    /// Somebody else: an imported cluster.
    None,
    /// Cluster API, through objects in a management cluster.
    ClusterApi {
        /// The management cluster, itself registered; may be the cluster itself.
        management_cluster: ClusterId,
        /// The namespace of its Cluster API objects.
        namespace: String,
        /// The name of its Cluster API `Cluster`.
        name: String,
    },
    /// Edge hosts.
    Edge,
}

impl Infrastructure {
    /// The name in the API and the database.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::ClusterApi { .. } => "CLUSTER_API",
            Self::Edge => "EDGE",
        }
    }
}

/// How Strata reaches a cluster. The secret part is sealed in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionKind {
    /// A kubeconfig sealed in the store.
    Kubeconfig,
    /// The Secret `<name>-kubeconfig` in the management cluster.
    ManagementSecret,
    /// The cluster that Strata runs in.
    InCluster,
}

/// The life of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    /// Registered; nothing applied.
    Pending,
    /// Its first change is under way.
    Provisioning,
    /// It runs an applied composition.
    Running,
    /// It is being let go.
    Deleting,
    /// It is gone, but for its history.
    Deleted,
}

/// Whether Strata reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Connectivity {
    /// Never tried.
    Unknown,
    /// The last attempt succeeded.
    Online,
    /// The last attempt failed.
    Offline,
}

/// Whether what it runs is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Health {
    /// Not known.
    Unknown,
    /// All is ready.
    Healthy,
    /// Something is not.
    Degraded,
}

/// What Strata does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Activity {
    /// Nothing.
    Idle,
    /// A change is under way.
    Updating,
    /// A change waits for the approval of a repave.
    RepavePending,
}

/// One axis of the state: a value, since when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Axis<T> {
    /// The value.
    pub value: T,
    /// Since when.
    pub since: Timestamp,
    /// Why, for people; may be empty.
    pub reason: String,
}

impl<T: PartialEq> Axis<T> {
    /// A value since an instant.
    pub fn new(value: T, since: Timestamp, reason: impl Into<String>) -> Self {
        Self { value, since, reason: reason.into() }
    }

    /// Moves the axis; `since` stays when the value does.
    pub fn moved(&mut self, value: T, at: Timestamp, reason: impl Into<String>) {
        if self.value != value {
            self.since = at;
            self.value = value;
        }
        self.reason = reason.into();
    }
}

/// A cluster, as its events tell it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// Its project.
    pub project: ProjectId,
    /// Unique in the project among clusters that are not deleted.
    pub name: ClusterName,
    /// For selectors.
    pub labels: BTreeMap<String, String>,
    /// Who provides its machines.
    pub infrastructure: Infrastructure,
    /// How it is reached.
    pub connection: ConnectionKind,
    /// The cloud, if known.
    pub cloud: Option<String>,
    /// The region, if known.
    pub region: Option<String>,
    /// The UID of its `kube-system` namespace: its identity, compared before each change.
    pub uid: Option<String>,
    /// What its API server, or its control-plane object, reported last.
    pub kubernetes_version: Option<KubernetesVersion>,
    /// What it runs.
    pub applied: Option<CompositionId>,
    /// What its change under way leads to; on a PENDING cluster the first composition being edited.
    pub wanted: Option<CompositionId>,
    /// The change that holds it.
    pub change: Option<ChangeId>,
    /// Life.
    pub phase: Axis<Phase>,
    /// Reach.
    pub connectivity: Axis<Connectivity>,
    /// Well-being.
    pub health: Axis<Health>,
    /// What is being done.
    pub activity: Axis<Activity>,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What happens to a cluster. Serialised as event payloads: fields may be added, never renamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClusterEvent {
    /// It was registered.
    Registered {
        /// Its project.
        project: ProjectId,
        /// Its name.
        name: ClusterName,
        /// Its labels.
        labels: BTreeMap<String, String>,
        /// Who provides its machines.
        infrastructure: Infrastructure,
        /// How it is reached.
        connection: ConnectionKind,
        /// The cloud, if known.
        cloud: Option<String>,
        /// The region, if known.
        region: Option<String>,
    },
    /// Its labels were replaced.
    LabelsChanged {
        /// All of them.
        labels: BTreeMap<String, String>,
    },
    /// Its first composition was edited.
    Composed {
        /// The composition.
        composition: CompositionId,
    },
    /// It answered.
    Reached {
        /// The UID of its `kube-system` namespace.
        uid: String,
        /// The version it reported.
        kubernetes_version: KubernetesVersion,
    },
    /// It did not answer.
    Lost {
        /// Why.
        reason: String,
    },
    /// Its health was judged.
    HealthJudged {
        /// The verdict.
        health: Health,
        /// Why.
        reason: String,
    },
    /// A change took hold of it.
    ChangeTookHold {
        /// Which.
        change: ChangeId,
        /// What the change leads to.
        wanted: CompositionId,
    },
    /// A change waits for the approval of a repave, or waits no more.
    RepavePending {
        /// Whether one waits.
        pending: bool,
        /// Which change.
        change: ChangeId,
    },
    /// The change let go of it.
    ChangeLetGo {
        /// Which.
        change: ChangeId,
        /// What it runs now, if the change succeeded.
        applied: Option<CompositionId>,
    },
    /// It was let go.
    Deregistered,
}
