//! Clusters, and the fleet as a whole.

use async_graphql::{Context, Enum, InputObject, Object};
use strata_engine::{ClusterFilter as Filter, ClusterOrder as Order};
use strata_model::{
    error::{Refusal, RefusalCode},
    version::KubernetesVersion,
};

use crate::{
    context::session,
    cost::list,
    error::{answer, refused},
    types::{
        cluster::{Cluster, ClusterConnection, page},
        connection::{self, Total},
        fleet::FleetSummary,
        orphan::{self, OrphanConnection},
        scalar::{KeyValue, SemVerText},
        state::{Activity, Connectivity, Health, OrphanState, Phase},
    },
};

/// Which clusters are wanted; all that fit every part.
#[derive(Debug, Default, InputObject)]
pub struct ClusterFilter {
    /// Labels that they have.
    labels: Option<Vec<KeyValue>>,
    /// Their phase.
    phase: Option<Vec<Phase>>,
    /// Whether Strata reaches them.
    connectivity: Option<Vec<Connectivity>>,
    /// Whether what they run is well.
    health: Option<Vec<Health>>,
    /// What Strata does with them.
    activity: Option<Vec<Activity>>,
    /// A part of their name.
    name_contains: Option<String>,
    /// The Kubernetes version that they run: `1.33`, or any of its patches.
    kubernetes_version: Option<String>,
    /// A profile that they run.
    profile: Option<ProfileFilter>,
    /// A macro that the values which they run with name.
    #[graphql(name = "macro")]
    named_macro: Option<String>,
    /// Whether something that they run with is another by now.
    pending_updates: Option<bool>,
}

/// A profile that clusters run, as narrow as wanted.
#[derive(Debug, InputObject)]
pub struct ProfileFilter {
    /// Its name.
    name: String,
    /// The version; any when left out.
    version: Option<SemVerText>,
    /// The revision of that version; any when left out.
    revision: Option<u32>,
}

impl ProfileFilter {
    pub(super) fn read(self) -> Result<strata_engine::ProfileFilter, Refusal> {
        let unknown =
            |noun: &str, name: &str| Refusal::not_found(noun, name).at(noun).at("profile").at("filter");
        let version =
            self.version.map(|version| version.0.parse().map_err(|_| unknown("version", &version.0)));
        Ok(strata_engine::ProfileFilter {
            profile: self.name.parse().map_err(|_| unknown("name", &self.name))?,
            version: version.transpose()?,
            revision: self.revision,
        })
    }
}

/// The minor that `1.33`, `v1.33.2` and the like are of.
fn series(version: &str) -> Result<String, Refusal> {
    let parsed = version.parse().or_else(|error| format!("{version}.0").parse().map_err(|_| error));
    parsed.map(|version: KubernetesVersion| version.series()).map_err(|error| {
        Refusal::new(RefusalCode::InvalidInput, error.to_string(), "write it like `1.33`")
            .at("kubernetesVersion")
            .at("filter")
    })
}

impl TryFrom<ClusterFilter> for Filter {
    type Error = Refusal;

    fn try_from(filter: ClusterFilter) -> Result<Self, Refusal> {
        let named_macro = filter.named_macro.map(|name| {
            name.parse().map_err(|_| Refusal::not_found("macro", &name).at("macro").at("filter"))
        });
        Ok(Self {
            labels: KeyValue::map(filter.labels),
            name_contains: filter.name_contains,
            phases: filter.phase.unwrap_or_default().into_iter().map(Into::into).collect(),
            connectivity: filter.connectivity.unwrap_or_default().into_iter().map(Into::into).collect(),
            health: filter.health.unwrap_or_default().into_iter().map(Into::into).collect(),
            activity: filter.activity.unwrap_or_default().into_iter().map(Into::into).collect(),
            kubernetes: filter.kubernetes_version.map(|version| series(&version)).transpose()?,
            profile: filter.profile.map(ProfileFilter::read).transpose()?,
            named_macro: named_macro.transpose()?,
            pending_updates: filter.pending_updates,
            ..Self::default()
        })
    }
}

/// What clusters are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ClusterOrderField {
    /// Their name.
    Name,
    /// When they were registered.
    CreatedAt,
}

/// The direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OrderDirection {
    /// Lowest, or oldest, first.
    Asc,
    /// Highest, or newest, first.
    Desc,
}

/// The order of clusters.
#[derive(Debug, InputObject)]
pub struct ClusterOrder {
    /// What they are ordered by.
    field: ClusterOrderField,
    /// In which direction.
    direction: OrderDirection,
}

impl From<ClusterOrder> for Order {
    fn from(order: ClusterOrder) -> Self {
        match (order.field, order.direction) {
            (ClusterOrderField::Name, OrderDirection::Asc) => Self::Name,
            (ClusterOrderField::Name, OrderDirection::Desc) => Self::NameDescending,
            (ClusterOrderField::CreatedAt, OrderDirection::Asc) => Self::Oldest,
            (ClusterOrderField::CreatedAt, OrderDirection::Desc) => Self::Newest,
        }
    }
}

/// Which orphans are wanted; all that fit every part.
#[derive(Debug, Default, InputObject)]
pub struct OrphanFilter {
    /// The name of the cluster that they are in.
    cluster: Option<String>,
    /// Where they stand.
    states: Option<Vec<OrphanState>>,
}

/// Clusters, and the fleet as a whole.
#[derive(Debug, Default)]
pub struct ClusterQuery;

#[Object]
impl ClusterQuery {
    /// The clusters of a project.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn clusters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Which of them; all when left out.")] filter: Option<ClusterFilter>,
        #[graphql(desc = "In which order; by name when left out.")] order_by: Option<ClusterOrder>,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor, of the same filter and order.")] after: Option<String>,
    ) -> async_graphql::Result<ClusterConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let filter = Filter::try_from(filter.unwrap_or_default()).map_err(refused)?;
        let order = order_by.map(Order::from).unwrap_or_default();
        let wanted = connection::page(first, after).map_err(refused)?;
        let found = session.clusters(&filter, order, wanted).await.map_err(answer)?;
        let counted = session.clone();
        let total = Total::new(move || {
            let (session, filter) = (counted.clone(), filter.clone());
            async move { session.clusters_count(&filter).await.map_err(answer) }
        });
        Ok(page(&session, found, total))
    }

    /// A cluster by its name.
    async fn cluster(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Its name.")] name: String,
    ) -> async_graphql::Result<Option<Cluster>> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let found = session.cluster(&name).await.map_err(answer)?;
        Ok(found.map(|cluster| Cluster::new(session, cluster)))
    }

    /// How many clusters there are, and in which states.
    #[graphql(complexity = "20 + child_complexity")]
    async fn fleet_summary(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
    ) -> async_graphql::Result<FleetSummary> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        Ok(session.fleet_summary().await.map_err(answer)?.into())
    }

    /// What versions left behind in the clusters of a project.
    #[graphql(complexity = "list(first, child_complexity)")]
    async fn orphans(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The project; may be left out when the token sees one only.")] project: Option<
            String,
        >,
        #[graphql(desc = "Which of them; all when left out.")] filter: Option<OrphanFilter>,
        #[graphql(desc = "How many, 1 to 100.")] first: Option<u32>,
        #[graphql(desc = "Behind which cursor.")] after: Option<String>,
    ) -> async_graphql::Result<OrphanConnection> {
        let session = session(ctx, project.as_deref()).map_err(answer)?;
        let filter = filter.unwrap_or_default();
        let cluster = super::change::cluster_id(&session, filter.cluster.as_deref()).await.map_err(answer)?;
        let states = filter.states.unwrap_or_default().into_iter().map(Into::into).collect();
        let filter =
            strata_engine::OrphanFilter { cluster, states, ..strata_engine::OrphanFilter::default() };
        let wanted = connection::page(first, after).map_err(refused)?;
        let found = session.orphans(&filter, wanted).await.map_err(answer)?;
        Ok(orphan::page(&session, found, orphan::total(&session, filter)))
    }
}
