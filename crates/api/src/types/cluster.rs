//! Clusters.

use async_graphql::{Context, Description, ID, Object, SimpleObject};
use strata_engine::{ChangeFilter, OrphanFilter, PageOf, Session};
use strata_model::{
    cluster::{self, Axis},
    event::StreamId,
    inventory::InventoryEntry,
};

use super::{
    change::{self, Change, ChangeConnection},
    composition::Composition,
    connection::{self, Total, connection, nodes},
    event::{self, EventConnection},
    global_id, known,
    orphan::{self, OrphanConnection},
    pending::PendingUpdate,
    scalar::{DateTime, KeyValue, KubernetesObject, key_values},
    state::{Activity, ConnectionKind, Connectivity, Destination, Health, OrphanState, Phase},
    summary::Names,
};
use crate::{
    cost::list,
    error::{answer, refused},
};

connection! {
    ClusterConnection, ClusterEdge of Cluster;
    InventoryConnection, InventoryEdge of InventoryObject;
}

/// A registered cluster.
#[derive(Debug, Clone, Description)]
pub struct Cluster {
    session: Session,
    cluster: cluster::Cluster,
}

impl Cluster {
    /// Shows a cluster.
    pub fn new(session: Session, cluster: cluster::Cluster) -> Self {
        Self { session, cluster }
    }

    async fn composition(
        &self,
        id: Option<strata_model::id::CompositionId>,
    ) -> async_graphql::Result<Option<Composition>> {
        let Some(id) = id else { return Ok(None) };
        Ok(Some(self.session.composition(id).await.map_err(answer)?.into()))
    }
}

#[Object(use_type_description)]
impl Cluster {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("cluster", self.cluster.id.uuid())
    }

    /// Its name, unique in its project.
    async fn name(&self) -> &str {
        self.cluster.name.as_str()
    }

    /// Its labels.
    async fn labels(&self) -> Vec<KeyValue> {
        key_values(&self.cluster.labels)
    }

    /// Where its machines come from.
    async fn infrastructure(&self, ctx: &Context<'_>) -> async_graphql::Result<Infrastructure> {
        let kind = self.cluster.infrastructure.as_str().to_owned();
        Ok(match &self.cluster.infrastructure {
            cluster::Infrastructure::ClusterApi { management_cluster, namespace, name } => Infrastructure {
                kind,
                management_cluster: Some(known::cluster_name(ctx, &self.session, *management_cluster).await?),
                namespace: Some(namespace.clone()),
                name: Some(name.clone()),
            },
            cluster::Infrastructure::None | cluster::Infrastructure::Edge => {
                Infrastructure { kind, management_cluster: None, namespace: None, name: None }
            }
        })
    }

    /// How it is reached. What is needed for it is never shown.
    async fn connection(&self) -> ConnectionKind {
        self.cluster.connection.into()
    }

    /// Its cloud, for templates.
    async fn cloud(&self) -> Option<&str> {
        self.cluster.cloud.as_deref()
    }

    /// Its region, for templates.
    async fn region(&self) -> Option<&str> {
        self.cluster.region.as_deref()
    }

    /// The UID of its `kube-system` namespace: its identity.
    async fn uid(&self) -> Option<&str> {
        self.cluster.uid.as_deref()
    }

    /// The version that it reported last.
    async fn kubernetes_version(&self) -> Option<String> {
        self.cluster.kubernetes_version.as_ref().map(ToString::to_string)
    }

    /// When it was registered.
    async fn created_at(&self) -> DateTime {
        self.cluster.created_at.into()
    }

    /// Its life.
    async fn phase(&self) -> PhaseAxis {
        let axis = &self.cluster.phase;
        PhaseAxis { value: axis.value.into(), since: axis.since.into(), reason: axis.reason.clone() }
    }

    /// Whether Strata reaches it.
    async fn connectivity(&self) -> ConnectivityAxis {
        let axis = &self.cluster.connectivity;
        ConnectivityAxis { value: axis.value.into(), since: axis.since.into(), reason: axis.reason.clone() }
    }

    /// Whether what it runs is well.
    async fn health(&self) -> HealthAxis {
        let axis = &self.cluster.health;
        HealthAxis { value: axis.value.into(), since: axis.since.into(), reason: axis.reason.clone() }
    }

    /// What Strata does with it.
    async fn activity(&self) -> ActivityAxis {
        let axis = &self.cluster.activity;
        ActivityAxis { value: axis.value.into(), since: axis.since.into(), reason: axis.reason.clone() }
    }

    /// The four axes in one word: the one that matters most.
    async fn state(&self) -> &'static str {
        state(&self.cluster)
    }

    /// What it runs: moved only by a change that succeeds.
    #[graphql(complexity = "5 + child_complexity")]
    async fn applied(&self) -> async_graphql::Result<Option<Composition>> {
        self.composition(self.cluster.applied).await
    }

    /// What it runs and is another by now: versions that were revised in place, and macros. It keeps what it has until
    /// somebody applies the updates.
    #[graphql(complexity = "5 + child_complexity")]
    async fn pending_updates(&self) -> async_graphql::Result<Vec<PendingUpdate>> {
        let Some(applied) = self.cluster.applied else { return Ok(Vec::new()) };
        let updates = self.session.pending_updates(applied).await.map_err(answer)?;
        Ok(updates.into_iter().map(PendingUpdate::from).collect())
    }

    /// What the change under way leads to, or the first composition of a PENDING cluster.
    #[graphql(complexity = "5 + child_complexity")]
    async fn wanted(&self) -> async_graphql::Result<Option<Composition>> {
        self.composition(self.cluster.wanted).await
    }

    /// The change under way.
    #[graphql(complexity = "5 + child_complexity")]
    async fn change(&self) -> async_graphql::Result<Option<Change>> {
        let Some(id) = self.cluster.change else { return Ok(None) };
        let change = self.session.change(id).await.map_err(answer)?;
        Ok(change.map(|change| Change::new(self.session.clone(), change)))
    }

    /// Its changes, newest first.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn changes(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<ChangeConnection> {
        let filter = ChangeFilter { cluster: Some(self.cluster.id), ..ChangeFilter::default() };
        let page = connection::page(first, after).map_err(refused)?;
        let page = self.session.changes(&filter, page).await.map_err(answer)?;
        Ok(change::page(&self.session, page, change::total(&self.session, filter)))
    }

    /// What earlier versions left behind in it.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn orphans(
        &self,
        #[graphql(desc = "In which states; all when left out.")] states: Option<Vec<OrphanState>>,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<OrphanConnection> {
        let states = states.unwrap_or_default().into_iter().map(Into::into).collect();
        let filter = OrphanFilter { cluster: Some(self.cluster.id), states, ..OrphanFilter::default() };
        let page = connection::page(first, after).map_err(refused)?;
        let page = self.session.orphans(&filter, page).await.map_err(answer)?;
        Ok(orphan::page(&self.session, page, orphan::total(&self.session, filter)))
    }

    /// What Strata last sent to it.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn inventory(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<InventoryConnection> {
        let page = connection::page(first, after).map_err(refused)?;
        let page = self.session.inventory(self.cluster.id, page).await.map_err(answer)?;
        let (session, id) = (self.session.clone(), self.cluster.id);
        let total = Total::new(move || {
            let session = session.clone();
            async move { session.inventory_count(id).await.map_err(answer) }
        });
        Ok(InventoryConnection::new(nodes(page, |entry| InventoryObject::from(&entry)), total))
    }

    /// What happened to it, oldest first.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn history(
        &self,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<EventConnection> {
        event::history(&self.session, StreamId::from(self.cluster.id), &Names::default(), first, after).await
    }
}

/// Where the machines of a cluster come from.
#[derive(Debug, SimpleObject)]
pub struct Infrastructure {
    /// `NONE` (imported), `CLUSTER_API` or `EDGE`.
    pub kind: String,
    /// The name of the cluster that holds its Cluster API objects.
    pub management_cluster: Option<String>,
    /// Their namespace there.
    pub namespace: Option<String>,
    /// The name of the Cluster object there.
    pub name: Option<String>,
}

macro_rules! axes {
    ($($(#[$doc:meta])* $name:ident of $value:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        pub struct $name {
            /// Where it stands.
            pub value: $value,
            /// Since when.
            pub since: DateTime,
            /// Why; empty when it needs no words.
            pub reason: String,
        }
    )*};
}

axes! {
    /// The life of a cluster.
    PhaseAxis of Phase;
    /// Whether Strata reaches a cluster.
    ConnectivityAxis of Connectivity;
    /// Whether what a cluster runs is well.
    HealthAxis of Health;
    /// What Strata does with a cluster.
    ActivityAxis of Activity;
}

/// One object that Strata sent to a cluster.
#[derive(Debug, Clone, SimpleObject)]
pub struct InventoryObject {
    /// Which object.
    pub object: KubernetesObject,
    /// Where it was sent.
    pub destination: Destination,
    /// The API version it was sent in.
    pub api_version: String,
    /// The layer that last rendered it.
    pub layer: String,
    /// The revision that last rendered it.
    pub revision: String,
    /// Whether it existed before Strata and was adopted by decision.
    pub adopted: bool,
    /// The global id of the change that last sent it.
    pub change: ID,
    /// When.
    pub applied_at: DateTime,
}

impl From<&InventoryEntry> for InventoryObject {
    fn from(entry: &InventoryEntry) -> Self {
        Self {
            object: (&entry.key).into(),
            destination: entry.destination.into(),
            api_version: entry.api_version.clone(),
            layer: entry.layer.to_string(),
            revision: entry.revision.to_string(),
            adopted: entry.adopted,
            change: global_id::encode("change", entry.change.uuid()),
            applied_at: entry.applied_at.into(),
        }
    }
}

/// A page of clusters.
pub fn page(session: &Session, page: PageOf<cluster::Cluster>, total: Total) -> ClusterConnection {
    ClusterConnection::new(nodes(page, |cluster| Cluster::new(session.clone(), cluster)), total)
}

/// The four axes in one word: the one that matters most.
fn state(cluster: &cluster::Cluster) -> &'static str {
    fn value<T: Copy>(axis: &Axis<T>) -> T {
        axis.value
    }
    match (
        value(&cluster.phase),
        value(&cluster.activity),
        value(&cluster.connectivity),
        value(&cluster.health),
    ) {
        (cluster::Phase::Deleted, ..) => "DELETED",
        (cluster::Phase::Deleting, ..) => "DELETING",
        (_, _, cluster::Connectivity::Offline, _) => "OFFLINE",
        (_, cluster::Activity::Updating, ..) => "UPDATING",
        (_, cluster::Activity::RepavePending, ..) => "REPAVE_PENDING",
        (cluster::Phase::Pending, ..) => "PENDING",
        (cluster::Phase::Provisioning, ..) => "PROVISIONING",
        (_, _, _, cluster::Health::Degraded) => "DEGRADED",
        (_, _, _, cluster::Health::Healthy) => "HEALTHY",
        (_, _, _, cluster::Health::Unknown) => "RUNNING",
    }
}

#[cfg(test)]
mod tests {
    use strata_model::{
        Timestamp,
        id::{ClusterId, ProjectId},
    };
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_axis_that_matters_most_is_the_state() {
        use cluster::{Activity, Connectivity, Health, Phase};
        let at = Timestamp::UNIX_EPOCH;
        let mut it = cluster::Cluster {
            id: ClusterId::new(Uuid::nil()),
            project: ProjectId::new(Uuid::nil()),
            name: "eu-1".parse().unwrap(),
            labels: std::collections::BTreeMap::new(),
            infrastructure: cluster::Infrastructure::None,
            connection: cluster::ConnectionKind::Kubeconfig,
            cloud: None,
            region: None,
            uid: None,
            kubernetes_version: None,
            applied: None,
            wanted: None,
            change: None,
            phase: Axis::new(Phase::Pending, at, ""),
            connectivity: Axis::new(Connectivity::Unknown, at, ""),
            health: Axis::new(Health::Unknown, at, ""),
            activity: Axis::new(Activity::Idle, at, ""),
            created_at: at,
        };
        assert_eq!(state(&it), "PENDING");
        it.phase.value = Phase::Running;
        assert_eq!(state(&it), "RUNNING");
        it.health.value = Health::Degraded;
        assert_eq!(state(&it), "DEGRADED");
        it.activity.value = Activity::RepavePending;
        assert_eq!(state(&it), "REPAVE_PENDING");
        it.connectivity.value = Connectivity::Offline;
        assert_eq!(state(&it), "OFFLINE");
        it.phase.value = Phase::Deleted;
        assert_eq!(state(&it), "DELETED");
    }
}
