//! Clusters: projections of their events, with labels in a table of their own for selectors.

use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, Order, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use strata_model::{
    access::Actor,
    cluster::{Activity, Cluster, ClusterEvent, Connectivity, Health, Infrastructure, Phase},
    event::StreamId,
    id::{ClusterId, CompositionId, ProfileId},
    profile::ClusterName,
    version::{KubernetesVersion, Version},
};

use crate::{
    cluster_filter::{ClusterFilter, ClusterOrder, after},
    document::{Stored, from_text, name_of, to_text},
    entity::{
        cluster::{Column, Entity, Model},
        cluster_label, composition_attachment,
    },
    error::{StoreError, on_unique},
    event::new_events,
    page::{Cursor, Edge, ID_BATCH, Page, PageOf},
    scope::Scoped,
    transaction::Tx,
};

/// How many clusters there are by state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterCount {
    /// Phase.
    pub phase: Phase,
    /// Connectivity.
    pub connectivity: Connectivity,
    /// Health.
    pub health: Health,
    /// Activity.
    pub activity: Activity,
    /// How many.
    pub clusters: u64,
}

fn row_of(cluster: &Cluster, seq: i64) -> Result<Model, StoreError> {
    let management = match &cluster.infrastructure {
        Infrastructure::ClusterApi { management_cluster, .. } => Some(management_cluster.uuid()),
        Infrastructure::None | Infrastructure::Edge => None,
    };
    Ok(Model {
        id: cluster.id.uuid(),
        project: cluster.project.uuid(),
        name: cluster.name.to_string(),
        phase: name_of("cluster", &cluster.phase.value)?,
        connectivity: name_of("cluster", &cluster.connectivity.value)?,
        health: name_of("cluster", &cluster.health.value)?,
        activity: name_of("cluster", &cluster.activity.value)?,
        infrastructure: cluster.infrastructure.as_str().to_owned(),
        management_cluster: management,
        kubernetes_minor: cluster.kubernetes_version.as_ref().map(KubernetesVersion::series),
        applied: cluster.applied.map(CompositionId::uuid),
        wanted: cluster.wanted.map(CompositionId::uuid),
        deleted: cluster.phase.value == Phase::Deleted,
        created_at: cluster.created_at.as_microsecond(),
        seq,
        document: to_text("cluster", cluster)?,
    })
}

fn read(row: &Model) -> Result<Stored<Cluster>, StoreError> {
    Ok(Stored { seq: row.seq, value: from_text("cluster", row.id, &row.document)? })
}

impl Tx {
    /// Appends events of a cluster and keeps its new state, which contains them. The last position. The labels for
    /// selectors follow when a `LabelsChanged` is among the events.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the cluster has moved; [`StoreError::Duplicate`] when its name is taken.
    pub async fn cluster_append(
        &self,
        cluster: &Cluster,
        expected_seq: i64,
        events: &[ClusterEvent],
        actor: &Actor,
        cause: Option<&str>,
    ) -> Result<i64, StoreError> {
        let relabelled = events.iter().any(|event| matches!(event, ClusterEvent::LabelsChanged { .. }));
        // Only these move what it runs.
        let moves = |event: &ClusterEvent| {
            matches!(event, ClusterEvent::ChangeLetGo { .. } | ClusterEvent::Deregistered)
        };
        let counted = if events.iter().any(moves) { Some(self.counted(cluster.id).await?) } else { None };
        let events = new_events(events)?;
        let seq = expected_seq + i64::try_from(events.len()).unwrap_or(i64::MAX);
        self.cluster_save(cluster, expected_seq, seq).await?;
        if relabelled && expected_seq > 0 {
            cluster_label::Entity::delete_many()
                .filter(cluster_label::Column::Cluster.eq(cluster.id.uuid()))
                .filter(cluster_label::Column::Project.eq(cluster.project.uuid()))
                .exec(&self.connection)
                .await?;
            self.labels_insert(cluster).await?;
        }
        if let Some(before) = counted {
            let after = cluster.applied.filter(|_| cluster.phase.value != Phase::Deleted);
            self.counts_move(cluster.project, before, after.map(CompositionId::uuid)).await?;
        }
        let stream = StreamId::from(cluster.id);
        self.append_guarded(cluster.project, stream, expected_seq, events, actor, cause).await
    }

    async fn cluster_save(&self, cluster: &Cluster, expected: i64, seq: i64) -> Result<(), StoreError> {
        let duplicate = || StoreError::Duplicate { noun: "cluster", name: cluster.name.to_string() };
        let row = row_of(cluster, seq)?;
        if expected == 0 {
            Entity::insert(row.into_active_model())
                .exec_without_returning(&self.connection)
                .await
                .map_err(|error| on_unique(error, duplicate))?;
            return self.labels_insert(cluster).await;
        }
        let saved = Entity::update_many()
            .set(row.into_active_model().reset_all())
            .filter(Column::Id.eq(cluster.id.uuid()))
            .filter(Column::Project.eq(cluster.project.uuid()))
            .filter(Column::Seq.eq(expected))
            .exec(&self.connection)
            .await
            .map_err(|error| on_unique(error, duplicate))?;
        if saved.rows_affected == 0 {
            return Err(StoreError::stale("cluster", cluster.id));
        }
        Ok(())
    }

    async fn labels_insert(&self, cluster: &Cluster) -> Result<(), StoreError> {
        if cluster.labels.is_empty() {
            return Ok(());
        }
        let rows = cluster.labels.iter().map(|(key, value)| {
            cluster_label::Model {
                cluster: cluster.id.uuid(),
                project: cluster.project.uuid(),
                key_text: key.clone(),
                value_text: value.clone(),
            }
            .into_active_model()
        });
        cluster_label::Entity::insert_many(rows).exec_without_returning(&self.connection).await?;
        Ok(())
    }
}

impl Scoped<'_> {
    /// A cluster by id, also a deleted one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn cluster_get(&self, id: ClusterId) -> Result<Stored<Cluster>, StoreError> {
        let row = self.clusters().filter(Column::Id.eq(id.uuid())).one(&self.connection).await?;
        read(&row.ok_or_else(|| StoreError::not_found("cluster", id))?)
    }

    /// Clusters by id, those that there are, in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn clusters_get(&self, ids: &[ClusterId]) -> Result<Vec<Stored<Cluster>>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(ID_BATCH) {
            let batch = batch.iter().map(|id| id.uuid());
            let rows = self.clusters().filter(Column::Id.is_in(batch)).all(&self.connection).await?;
            for row in &rows {
                found.push(read(row)?);
            }
        }
        Ok(found)
    }

    /// A cluster by name, among those that are not deleted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn cluster_by_name(&self, name: &ClusterName) -> Result<Stored<Cluster>, StoreError> {
        let row = self
            .clusters()
            .filter(Column::Name.eq(name.as_str()))
            .filter(Column::Deleted.eq(false))
            .one(&self.connection)
            .await?;
        read(&row.ok_or_else(|| StoreError::not_found("cluster", name))?)
    }

    /// Clusters, filtered and ordered in SQL.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn cluster_list(
        &self,
        filter: &ClusterFilter,
        order: ClusterOrder,
        page: &Page,
    ) -> Result<PageOf<Stored<Cluster>>, StoreError> {
        let column = order.column();
        let direction = if order.descends() { Order::Desc } else { Order::Asc };
        let mut query = self
            .clusters_filtered(filter)?
            .order_by(column, direction.clone())
            .order_by(Column::Id, direction)
            .limit(page.limit());
        if let Some(cursor) = &page.after {
            query = query.filter(match column {
                Column::Name => {
                    let (name, id) = cursor.text_and_id()?;
                    after(column, name, Column::Id, id, order.descends())
                }
                _ => {
                    let (at, id) = cursor.number_and_id()?;
                    after(column, at, Column::Id, id, order.descends())
                }
            });
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows.into_iter().map(|row| {
            let cursor = match column {
                Column::Name => Cursor::of(row.name.clone(), row.id),
                _ => Cursor::of(row.created_at, row.id),
            };
            Ok(Edge { cursor, node: read(&row)? })
        });
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many clusters a filter lets through.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn cluster_count(&self, filter: &ClusterFilter) -> Result<u64, StoreError> {
        Ok(self.clusters_filtered(filter)?.count(&self.connection).await?)
    }

    /// The ids of all clusters that a filter lets through, by name; at most `limit`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn cluster_ids(
        &self,
        filter: &ClusterFilter,
        limit: u64,
    ) -> Result<Vec<ClusterId>, StoreError> {
        let ids: Vec<uuid::Uuid> = self
            .clusters_filtered(filter)?
            .select_only()
            .column(Column::Id)
            .order_by_asc(Column::Name)
            .order_by_asc(Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.connection)
            .await?;
        Ok(ids.into_iter().map(ClusterId::new).collect())
    }

    /// How many clusters that are not deleted stand where.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn cluster_summary(&self) -> Result<Vec<ClusterCount>, StoreError> {
        use crate::document::named;
        let rows: Vec<(String, String, String, String, i64)> = self
            .clusters()
            .filter(Column::Deleted.eq(false))
            .select_only()
            .column(Column::Phase)
            .column(Column::Connectivity)
            .column(Column::Health)
            .column(Column::Activity)
            .column_as(Column::Id.count(), "clusters")
            .group_by(Column::Phase)
            .group_by(Column::Connectivity)
            .group_by(Column::Health)
            .group_by(Column::Activity)
            .into_tuple()
            .all(&self.connection)
            .await?;
        let counts = rows.into_iter().map(|(phase, connectivity, health, activity, clusters)| {
            Ok(ClusterCount {
                phase: named("cluster", &phase)?,
                connectivity: named("cluster", &connectivity)?,
                health: named("cluster", &health)?,
                activity: named("cluster", &activity)?,
                clusters: u64::try_from(clusters).unwrap_or(0),
            })
        });
        counts.collect()
    }

    /// How many clusters of other projects that are not deleted have an applied or wanted composition that attaches a version of
    /// a profile. A number is all that leaves the other projects: the shared project has no other way to know.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn clusters_using_elsewhere(
        &self,
        profile: ProfileId,
        version: &Version,
    ) -> Result<u64, StoreError> {
        use composition_attachment::Column as Attached;
        let attached = composition_attachment::Entity::find()
            .filter(Attached::Profile.eq(profile.uuid()))
            .filter(Attached::Version.eq(version.to_string()))
            .select_only()
            .column(Attached::Composition)
            .into_query();
        let users = Entity::find()
            .filter(Column::Project.ne(self.project.uuid()))
            .filter(Column::Deleted.eq(false))
            .filter(
                Condition::any()
                    .add(Column::Applied.in_subquery(attached.clone()))
                    .add(Column::Wanted.in_subquery(attached)),
            );
        Ok(users.count(&self.connection).await?)
    }

    /// The clusters that are not deleted whose applied or wanted composition attaches a profile, by name; at most
    /// `limit`. With a version and a revision as narrow as wanted.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn clusters_using(
        &self,
        profile: ProfileId,
        version: Option<&Version>,
        revision: Option<u32>,
        limit: u64,
    ) -> Result<Vec<Stored<Cluster>>, StoreError> {
        use composition_attachment::Column as Attached;
        let mut attached =
            composition_attachment::Entity::find().filter(Attached::Profile.eq(profile.uuid()));
        if let Some(version) = version {
            attached = attached.filter(Attached::Version.eq(version.to_string()));
        }
        if let Some(revision) = revision {
            attached = attached.filter(Attached::Revision.eq(i64::from(revision)));
        }
        let attached = attached.select_only().column(Attached::Composition).into_query();
        let rows = self
            .clusters()
            .filter(Column::Deleted.eq(false))
            .filter(
                Condition::any()
                    .add(Column::Applied.in_subquery(attached.clone()))
                    .add(Column::Wanted.in_subquery(attached)),
            )
            .order_by_asc(Column::Name)
            .limit(limit)
            .all(&self.connection)
            .await?;
        rows.iter().map(read).collect()
    }
}
