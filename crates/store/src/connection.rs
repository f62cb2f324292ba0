//! Connections to clusters (sealed kubeconfigs) and the facts read of them (sealed: lookups may hold secrets).

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, sea_query::OnConflict};
use strata_model::{
    digest::{Digest, DigestKey},
    fact::Facts,
    id::{ClusterId, ProjectId},
    secret::SecretText,
};

use crate::{
    document::{instant, parsed},
    entity::{cluster_facts, connection},
    error::StoreError,
    page::ID_BATCH,
    scope::Scoped,
    seal::Place,
    transaction::Tx,
};

/// Facts with when they were read.
#[derive(Debug, Clone, PartialEq)]
pub struct FactsRecord {
    /// What is known.
    pub facts: Facts,
    /// Keyed digest of it.
    pub digest: Digest,
    /// When it was read.
    pub read_at: Timestamp,
}

impl Scoped<'_> {
    /// The kubeconfig of a cluster.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn connection_get(&self, cluster: ClusterId) -> Result<SecretText, StoreError> {
        let row = connection::Entity::find_by_id(cluster.uuid())
            .filter(connection::Column::Project.eq(self.project.uuid()))
            .one(&self.connection)
            .await?
            .ok_or_else(|| StoreError::not_found("connection", cluster))?;
        let id = cluster.to_string();
        let place = Place { table: "connection", column: "content", row: &id };
        let plain = self.core.sealer.open(place, &row.content)?;
        std::str::from_utf8(&plain)
            .map(SecretText::new)
            .map_err(|_| StoreError::corrupt("connection", cluster, "not text"))
    }

    /// What was read of a cluster last, if anything was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn facts_get(&self, cluster: ClusterId) -> Result<Option<FactsRecord>, StoreError> {
        let row = cluster_facts::Entity::find_by_id(cluster.uuid())
            .filter(cluster_facts::Column::Project.eq(self.project.uuid()))
            .one(&self.connection)
            .await?;
        row.map(|row| self.facts_of(&row)).transpose()
    }

    /// The keyed digest of what was read of a cluster last ([`facts_digest`]), without opening it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn facts_digest(&self, cluster: ClusterId) -> Result<Option<Digest>, StoreError> {
        let digest: Option<String> = cluster_facts::Entity::find_by_id(cluster.uuid())
            .filter(cluster_facts::Column::Project.eq(self.project.uuid()))
            .select_only()
            .column(cluster_facts::Column::Digest)
            .into_tuple()
            .one(&self.connection)
            .await?;
        digest.map(|digest| parsed("cluster_facts", &digest)).transpose()
    }

    /// What was read of clusters last: those of which anything was, in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn facts_of_clusters(
        &self,
        clusters: &[ClusterId],
    ) -> Result<Vec<(ClusterId, FactsRecord)>, StoreError> {
        let mut found = Vec::with_capacity(clusters.len());
        for batch in clusters.chunks(ID_BATCH) {
            let rows = cluster_facts::Entity::find()
                .filter(cluster_facts::Column::Project.eq(self.project.uuid()))
                .filter(cluster_facts::Column::Cluster.is_in(batch.iter().map(|id| id.uuid())))
                .all(&self.connection)
                .await?;
            for row in &rows {
                found.push((ClusterId::new(row.cluster), self.facts_of(row)?));
            }
        }
        Ok(found)
    }

    fn facts_of(&self, row: &cluster_facts::Model) -> Result<FactsRecord, StoreError> {
        let id = row.cluster.to_string();
        let place = Place { table: "cluster_facts", column: "content", row: &id };
        Ok(FactsRecord {
            facts: self.core.sealer.open_document(place, &row.content)?,
            digest: parsed("cluster_facts", &row.digest)?,
            read_at: instant("cluster_facts", row.read_at)?,
        })
    }
}

/// The keyed digest that facts are kept with.
///
/// # Errors
/// When they cannot be written as a document.
pub fn facts_digest(key: &DigestKey, facts: &Facts) -> Result<Digest, StoreError> {
    let document =
        serde_json::to_value(facts).map_err(|error| StoreError::corrupt("cluster_facts", "facts", error))?;
    Ok(key.document("facts", &document))
}

impl Tx {
    /// Seals the kubeconfig of a cluster, in place of a former one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn connection_put(
        &self,
        project: ProjectId,
        cluster: ClusterId,
        kubeconfig: &SecretText,
    ) -> Result<(), StoreError> {
        use connection::Column;
        self.project(project).cluster_get(cluster).await?;
        let id = cluster.to_string();
        let place = Place { table: "connection", column: "content", row: &id };
        let row = connection::Model {
            cluster: cluster.uuid(),
            project: project.uuid(),
            content: self.core.sealer.seal(place, kubeconfig.expose().as_bytes())?,
            updated_at: self.now().as_microsecond(),
        };
        connection::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(Column::Cluster)
                    .update_columns([Column::Content, Column::UpdatedAt])
                    .to_owned(),
            )
            .exec_without_returning(&self.connection)
            .await?;
        Ok(())
    }

    /// Forgets the kubeconfig of a cluster, if there is one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn connection_remove(&self, project: ProjectId, cluster: ClusterId) -> Result<(), StoreError> {
        connection::Entity::delete_many()
            .filter(connection::Column::Cluster.eq(cluster.uuid()))
            .filter(connection::Column::Project.eq(project.uuid()))
            .exec(&self.connection)
            .await?;
        Ok(())
    }

    /// Keeps what was read of a cluster, in place of what was read before. Its keyed digest.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn facts_put(
        &self,
        project: ProjectId,
        cluster: ClusterId,
        facts: &Facts,
        read_at: Timestamp,
    ) -> Result<Digest, StoreError> {
        use cluster_facts::Column;
        self.project(project).cluster_get(cluster).await?;
        let digest = facts_digest(&self.core.digest_key, facts)?;
        let id = cluster.to_string();
        let place = Place { table: "cluster_facts", column: "content", row: &id };
        let row = cluster_facts::Model {
            cluster: cluster.uuid(),
            project: project.uuid(),
            content: self.core.sealer.seal_document(place, facts)?,
            digest: digest.to_string(),
            read_at: read_at.as_microsecond(),
        };
        cluster_facts::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::column(Column::Cluster)
                    .update_columns([Column::Content, Column::Digest, Column::ReadAt])
                    .to_owned(),
            )
            .exec_without_returning(&self.connection)
            .await?;
        Ok(digest)
    }
}
