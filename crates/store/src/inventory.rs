//! The inventory: what was last sent to a cluster. Bodies are sealed.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::OnConflict,
};
use serde_json::Value;
use strata_model::{
    id::{ClusterId, ProjectId},
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
};

use serde::{Deserialize, Serialize};

use crate::{
    document::{from_text, name_of, to_text},
    entity::inventory::{Column, Entity, Model},
    error::StoreError,
    page::ID_BATCH,
    scope::Scoped,
    seal::Place,
    transaction::Tx,
};

/// What is sealed of an entry.
#[derive(Serialize, Deserialize)]
struct Bodies {
    body: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Value>,
}

/// How many rows one statement writes: 11 values each, far below what either database binds.
const BATCH: usize = 500;

fn row_id(cluster: ClusterId, destination: &str, key: &ObjectKey) -> String {
    let namespace = key.namespace.as_deref().unwrap_or("");
    format!("{cluster}/{destination}/{}/{}/{namespace}/{}", key.group, key.kind, key.name)
}

fn place(id: &str) -> Place<'_> {
    Place { table: "inventory", column: "body", row: id }
}

fn at(cluster: ClusterId, destination: &str, key: &ObjectKey) -> Condition {
    Condition::all()
        .add(Column::Cluster.eq(cluster.uuid()))
        .add(Column::Destination.eq(destination))
        .add(Column::ApiGroup.eq(key.group.as_str()))
        .add(Column::Kind.eq(key.kind.as_str()))
        .add(Column::Namespace.eq(key.namespace.as_deref().unwrap_or("")))
        .add(Column::Name.eq(key.name.as_str()))
}

impl Scoped<'_> {
    fn inventory(&self, cluster: ClusterId) -> Select<Entity> {
        Entity::find()
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(Column::Cluster.eq(cluster.uuid()))
    }

    fn entry(&self, cluster: ClusterId, row: &Model) -> Result<InventoryEntry, StoreError> {
        let mut entry: InventoryEntry = from_text("inventory", cluster, &row.document)?;
        let id = row_id(cluster, &row.destination, &entry.key);
        Bodies { body: entry.body, earlier: entry.earlier } =
            self.core.sealer.open_document(place(&id), &row.body)?;
        Ok(entry)
    }

    /// All that was sent for a cluster, by destination, group, kind, namespace and name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inventory_list(&self, cluster: ClusterId) -> Result<Vec<InventoryEntry>, StoreError> {
        let rows = self
            .inventory(cluster)
            .order_by_asc(Column::Destination)
            .order_by_asc(Column::ApiGroup)
            .order_by_asc(Column::Kind)
            .order_by_asc(Column::Namespace)
            .order_by_asc(Column::Name)
            .all(&self.connection)
            .await?;
        rows.iter().map(|row| self.entry(cluster, row)).collect()
    }

    /// All that was sent for several clusters; an object's cluster stands beside it. By cluster, else in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inventory_of_clusters(
        &self,
        clusters: &[ClusterId],
    ) -> Result<Vec<(ClusterId, InventoryEntry)>, StoreError> {
        let mut found = Vec::new();
        for batch in clusters.chunks(ID_BATCH) {
            let rows = Entity::find()
                .filter(Column::Project.eq(self.project.uuid()))
                .filter(Column::Cluster.is_in(batch.iter().map(|id| id.uuid())))
                .order_by_asc(Column::Cluster)
                .all(&self.connection)
                .await?;
            for row in &rows {
                let cluster = ClusterId::new(row.cluster);
                found.push((cluster, self.entry(cluster, row)?));
            }
        }
        Ok(found)
    }

    /// What was sent for several clusters, without the bodies: nothing is opened. Each earlier body is a null. By cluster,
    /// else in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inventory_outlines(
        &self,
        clusters: &[ClusterId],
    ) -> Result<Vec<(ClusterId, InventoryEntry)>, StoreError> {
        let mut found = Vec::new();
        for batch in clusters.chunks(ID_BATCH) {
            let rows: Vec<(uuid::Uuid, String)> = Entity::find()
                .select_only()
                .columns([Column::Cluster, Column::Document])
                .filter(Column::Project.eq(self.project.uuid()))
                .filter(Column::Cluster.is_in(batch.iter().map(|id| id.uuid())))
                .order_by_asc(Column::Cluster)
                .into_tuple()
                .all(&self.connection)
                .await?;
            for (cluster, document) in rows {
                let cluster = ClusterId::new(cluster);
                found.push((cluster, from_text("inventory", cluster, &document)?));
            }
        }
        Ok(found)
    }

    /// How many objects were sent for a cluster.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inventory_count(&self, cluster: ClusterId) -> Result<u64, StoreError> {
        Ok(self.inventory(cluster).count(&self.connection).await?)
    }

    /// What was sent of one object, if it was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inventory_get(
        &self,
        cluster: ClusterId,
        destination: Destination,
        key: &ObjectKey,
    ) -> Result<Option<InventoryEntry>, StoreError> {
        let destination = name_of("inventory", &destination)?;
        let row =
            self.inventory(cluster).filter(at(cluster, &destination, key)).one(&self.connection).await?;
        row.map(|row| self.entry(cluster, &row)).transpose()
    }
}

impl Tx {
    /// Records what was sent for a cluster, each entry in place of a former one of its object.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inventory_put(
        &self,
        project: ProjectId,
        cluster: ClusterId,
        entries: &[InventoryEntry],
    ) -> Result<(), StoreError> {
        // The last one of an object counts: one statement may not write a row twice.
        let mut latest = std::collections::BTreeMap::new();
        for entry in entries {
            latest.insert((entry.destination, &entry.key), entry);
        }
        let rows = latest.into_values().map(|entry| {
            let destination = name_of("inventory", &entry.destination)?;
            let id = row_id(cluster, &destination, &entry.key);
            let earlier = vec![Value::Null; entry.earlier.len()];
            let open = InventoryEntry { body: Value::Null, earlier, ..entry.clone() };
            let bodies = Bodies { body: entry.body.clone(), earlier: entry.earlier.clone() };
            Ok(Model {
                cluster: cluster.uuid(),
                destination,
                api_group: entry.key.group.clone(),
                kind: entry.key.kind.clone(),
                namespace: entry.key.namespace.clone().unwrap_or_default(),
                name: entry.key.name.clone(),
                project: project.uuid(),
                layer: entry.layer.to_string(),
                digest: entry.digest.to_string(),
                body: self.core.sealer.seal_document(place(&id), &bodies)?,
                document: to_text("inventory", &open)?,
            }
            .into_active_model())
        });
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        for batch in rows.chunks(BATCH) {
            Entity::insert_many(batch.to_vec())
                .on_conflict(
                    OnConflict::columns([
                        Column::Cluster,
                        Column::Destination,
                        Column::ApiGroup,
                        Column::Kind,
                        Column::Namespace,
                        Column::Name,
                    ])
                    .update_columns([Column::Layer, Column::Digest, Column::Body, Column::Document])
                    .to_owned(),
                )
                .exec_without_returning(&self.connection)
                .await?;
        }
        Ok(())
    }

    /// Takes an object off the inventory of a cluster, if it is there.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inventory_remove(
        &self,
        project: ProjectId,
        cluster: ClusterId,
        destination: Destination,
        key: &ObjectKey,
    ) -> Result<(), StoreError> {
        let destination = name_of("inventory", &destination)?;
        Entity::delete_many()
            .filter(Column::Project.eq(project.uuid()))
            .filter(at(cluster, &destination, key))
            .exec(&self.connection)
            .await?;
        Ok(())
    }
}
