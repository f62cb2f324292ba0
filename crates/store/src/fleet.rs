//! How many clusters run which revision.
//!
//! Counted as clusters move, in the transaction that moves them, so that reading the numbers costs the same for ten clusters
//! and for ten thousand.

use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use strata_model::{
    id::{ClusterId, ProjectId},
    profile::{ProfileName, RevisionReference},
    version::Version,
};
use uuid::Uuid;

use crate::{
    document::{parsed, small},
    entity::{
        cluster, composition_attachment,
        profile_count::{Column, Entity, Model},
    },
    error::StoreError,
    scope::Scoped,
    transaction::Tx,
};

/// How many clusters run a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileCount {
    /// Which.
    pub revision: RevisionReference,
    /// How many.
    pub clusters: u64,
}

impl Scoped<'_> {
    /// How many clusters of this project run which revision; by profile, version and revision.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn profile_counts(&self) -> Result<Vec<ProfileCount>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(Column::Clusters.gt(0))
            .order_by_asc(Column::ProfileName)
            .all(&self.connection)
            .await?;
        let counts = rows.into_iter().map(|row| {
            Ok(ProfileCount {
                revision: RevisionReference {
                    profile: parsed::<ProfileName>("profile", &row.profile_name)?,
                    version: parsed::<Version>("profile_version", &row.version)?,
                    revision: small("revision", row.revision)?,
                },
                clusters: u64::try_from(row.clusters).unwrap_or(0),
            })
        });
        let mut counts = counts.collect::<Result<Vec<_>, StoreError>>()?;
        counts.sort_by(|a, b| a.revision.cmp(&b.revision));
        Ok(counts)
    }
}

impl Tx {
    /// The composition that a cluster counts for: what it runs, while it is there.
    pub(crate) async fn counted(&self, cluster: ClusterId) -> Result<Option<Uuid>, StoreError> {
        let row = cluster::Entity::find_by_id(cluster.uuid()).one(&self.connection).await?;
        Ok(row.filter(|row| !row.deleted).and_then(|row| row.applied))
    }

    /// A cluster that counted for one composition counts for another.
    pub(crate) async fn counts_move(
        &self,
        project: ProjectId,
        before: Option<Uuid>,
        after: Option<Uuid>,
    ) -> Result<(), StoreError> {
        if before == after {
            return Ok(());
        }
        for (composition, step) in [(before, -1), (after, 1)] {
            let Some(composition) = composition else { continue };
            let attached = composition_attachment::Entity::find()
                .filter(composition_attachment::Column::Composition.eq(composition))
                .order_by_asc(composition_attachment::Column::Ordinal)
                .all(&self.connection)
                .await?;
            for attached in attached {
                let row = Model {
                    project: project.uuid(),
                    profile_name: attached.profile_name,
                    version: attached.version,
                    revision: attached.revision,
                    clusters: step,
                };
                let key = [Column::Project, Column::ProfileName, Column::Version, Column::Revision];
                let add = Expr::col((Entity, Column::Clusters)).add(step);
                let on_conflict = OnConflict::columns(key).value(Column::Clusters, add).to_owned();
                Entity::insert(row.into_active_model())
                    .on_conflict(on_conflict)
                    .exec_without_returning(&self.connection)
                    .await?;
            }
        }
        Ok(())
    }
}
