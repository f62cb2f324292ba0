//! Which clusters, and in which order: filters in SQL.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, SelectStatement},
};
use strata_model::{
    cluster::{Activity, Connectivity, Health, Phase},
    id::ClusterId,
    macros::MacroName,
    profile::ProfileName,
    version::Version,
};

use crate::{
    document::name_of,
    entity::{
        cluster::{Column, Entity},
        cluster_label, composition_attachment, composition_macro,
    },
    error::StoreError,
    scope::Scoped,
};

/// Which clusters. Deleted ones are left out unless their phase is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterFilter {
    /// Labels that must all match.
    pub labels: BTreeMap<String, String>,
    /// A part of the name.
    pub name_contains: Option<String>,
    /// Any of these phases; all when empty.
    pub phases: Vec<Phase>,
    /// Any of these; all when empty.
    pub connectivity: Vec<Connectivity>,
    /// Any of these; all when empty.
    pub health: Vec<Health>,
    /// Any of these; all when empty.
    pub activity: Vec<Activity>,
    /// The Kubernetes minor that they run, as [`strata_model::version::KubernetesVersion::series`] writes it.
    pub kubernetes: Option<String>,
    /// What their applied composition attaches.
    pub profile: Option<ProfileFilter>,
    /// Those whose applied composition names this macro.
    pub named_macro: Option<MacroName>,
    /// Those that run something of which there is a newer revision, or a macro that moved; or those that do not.
    pub pending_updates: Option<bool>,
    /// Those whose Cluster API objects live in this management cluster.
    pub management_cluster: Option<ClusterId>,
}

/// An attached profile, as narrow as wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFilter {
    /// Its name.
    pub profile: ProfileName,
    /// Its version.
    pub version: Option<Version>,
    /// The revision of that version.
    pub revision: Option<u32>,
}

/// The order of a list of clusters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClusterOrder {
    /// By name.
    #[default]
    Name,
    /// By name, from the end.
    NameDescending,
    /// The newest first.
    Newest,
    /// The oldest first.
    Oldest,
}

impl ClusterOrder {
    pub(crate) const fn column(self) -> Column {
        match self {
            Self::Name | Self::NameDescending => Column::Name,
            Self::Newest | Self::Oldest => Column::CreatedAt,
        }
    }

    pub(crate) const fn descends(self) -> bool {
        matches!(self, Self::NameDescending | Self::Newest)
    }
}

impl Scoped<'_> {
    pub(crate) fn clusters(&self) -> Select<Entity> {
        Entity::find().filter(Column::Project.eq(self.project.uuid()))
    }

    /// The compositions that attach a profile.
    pub(crate) fn attaching(&self, profile: &ProfileFilter) -> SelectStatement {
        use composition_attachment::Column as Attached;
        let mut attached = composition_attachment::Entity::find()
            .filter(Attached::Project.eq(self.project.uuid()))
            .filter(Attached::ProfileName.eq(profile.profile.as_str()));
        if let Some(version) = &profile.version {
            attached = attached.filter(Attached::Version.eq(version.to_string()));
        }
        if let Some(revision) = profile.revision {
            attached = attached.filter(Attached::Revision.eq(i64::from(revision)));
        }
        attached.select_only().column(Attached::Composition).into_query()
    }

    pub(crate) fn clusters_filtered(&self, filter: &ClusterFilter) -> Result<Select<Entity>, StoreError> {
        let mut query = self.clusters();
        if filter.phases.is_empty() {
            query = query.filter(Column::Deleted.eq(false));
        } else {
            query = query.filter(Column::Phase.is_in(names(&filter.phases)?));
        }
        if !filter.connectivity.is_empty() {
            query = query.filter(Column::Connectivity.is_in(names(&filter.connectivity)?));
        }
        if !filter.health.is_empty() {
            query = query.filter(Column::Health.is_in(names(&filter.health)?));
        }
        if !filter.activity.is_empty() {
            query = query.filter(Column::Activity.is_in(names(&filter.activity)?));
        }
        if let Some(part) = &filter.name_contains {
            // Names have no upper case and none of LIKE's own characters but `_`, which no name has.
            query = query.filter(Column::Name.contains(part.to_lowercase().replace(['%', '_', '\\'], "")));
        }
        if let Some(management) = filter.management_cluster {
            query = query.filter(Column::ManagementCluster.eq(management.uuid()));
        }
        if let Some(series) = &filter.kubernetes {
            query = query.filter(Column::KubernetesMinor.eq(series.as_str()));
        }
        for (key, value) in &filter.labels {
            let labelled = cluster_label::Entity::find()
                .select_only()
                .column(cluster_label::Column::Cluster)
                .filter(cluster_label::Column::Project.eq(self.project.uuid()))
                .filter(cluster_label::Column::KeyText.eq(key.as_str()))
                .filter(cluster_label::Column::ValueText.eq(value.as_str()))
                .into_query();
            query = query.filter(Column::Id.in_subquery(labelled));
        }
        if let Some(profile) = &filter.profile {
            query = query.filter(Column::Applied.in_subquery(self.attaching(profile)));
        }
        if let Some(name) = &filter.named_macro {
            use composition_macro::Column as Held;
            let held = composition_macro::Entity::find()
                .filter(Held::Project.eq(self.project.uuid()))
                .filter(Held::Name.eq(name.as_str()))
                .select_only()
                .column(Held::Composition)
                .into_query();
            query = query.filter(Column::Applied.in_subquery(held));
        }
        if let Some(pending) = filter.pending_updates {
            let has = self.has_pending_updates();
            query = query.filter(if pending { has } else { has.not() });
        }
        Ok(query)
    }
}

fn names<T: serde::Serialize>(values: &[T]) -> Result<Vec<String>, StoreError> {
    values.iter().map(|value| name_of("cluster", value)).collect()
}

/// What comes after a place in an order by `column`, then `id`.
pub(crate) fn after<C: ColumnTrait>(
    column: C,
    key: impl Into<sea_orm::Value>,
    id_column: C,
    id: uuid::Uuid,
    descends: bool,
) -> Condition {
    let key = key.into();
    let equal = Expr::col((column.entity_name(), column)).eq(Expr::val(key.clone()));
    let (beyond, id_beyond) = if descends {
        (Expr::col((column.entity_name(), column)).lt(Expr::val(key)), id_column.lt(id))
    } else {
        (Expr::col((column.entity_name(), column)).gt(Expr::val(key)), id_column.gt(id))
    };
    Condition::any().add(beyond).add(Condition::all().add(equal).add(id_beyond))
}
