//! Compositions and the seeds of generated values: sealed, never changed.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use strata_model::{
    composition::Composition,
    digest::Digest,
    id::{ClusterId, CompositionId, ProjectId},
    profile::LayerName,
};
use zeroize::Zeroizing;

use crate::{
    document::{instant, parsed},
    entity::{
        composition::{Column, Entity, Model},
        composition_attachment, composition_macro, generation_seed,
    },
    error::StoreError,
    macros::value_digest,
    page::ID_BATCH,
    scope::Scoped,
    seal::{Place, random},
    transaction::Tx,
};

/// A composition with its row.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredComposition {
    /// Its id.
    pub id: CompositionId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its keyed digest.
    pub digest: Digest,
    /// When it was kept.
    pub created_at: Timestamp,
    /// What it says.
    pub composition: Composition,
}

/// What generated values of one cluster and layer are drawn from.
#[derive(Clone, PartialEq, Eq)]
pub struct GenerationSeed {
    /// Random; never printed, wiped on drop.
    pub seed: Zeroizing<[u8; 32]>,
    /// What `now` is in templates.
    pub instant: Timestamp,
}

impl fmt::Debug for GenerationSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerationSeed").field("seed", &"‹secret›").field("instant", &self.instant).finish()
    }
}

/// The sealed form of a seed.
#[derive(Serialize, Deserialize)]
struct SealedSeed {
    seed: [u8; 32],
}

fn place(id: &str) -> Place<'_> {
    Place { table: "composition", column: "content", row: id }
}

impl Scoped<'_> {
    /// A composition by id.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn composition_get(&self, id: CompositionId) -> Result<StoredComposition, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::Project.eq(self.project.uuid()))
            .one(&self.connection)
            .await?
            .ok_or_else(|| StoreError::not_found("composition", id))?;
        self.composition_of(&row)
    }

    /// Compositions by id, those that there are, in no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn compositions_get(
        &self,
        ids: &[CompositionId],
    ) -> Result<Vec<StoredComposition>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(ID_BATCH) {
            let rows = Entity::find()
                .filter(Column::Project.eq(self.project.uuid()))
                .filter(Column::Id.is_in(batch.iter().map(|id| id.uuid())))
                .all(&self.connection)
                .await?;
            for row in &rows {
                found.push(self.composition_of(row)?);
            }
        }
        Ok(found)
    }

    /// The keyed digests of compositions, those that there are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn composition_digests(
        &self,
        ids: &[CompositionId],
    ) -> Result<BTreeMap<CompositionId, Digest>, StoreError> {
        let mut found = BTreeMap::new();
        for batch in ids.chunks(ID_BATCH) {
            let rows: Vec<(uuid::Uuid, String)> = Entity::find()
                .select_only()
                .columns([Column::Id, Column::Digest])
                .filter(Column::Project.eq(self.project.uuid()))
                .filter(Column::Id.is_in(batch.iter().map(|id| id.uuid())))
                .into_tuple()
                .all(&self.connection)
                .await?;
            for (id, digest) in rows {
                found.insert(CompositionId::new(id), parsed("composition", &digest)?);
            }
        }
        Ok(found)
    }

    fn composition_of(&self, row: &Model) -> Result<StoredComposition, StoreError> {
        Ok(StoredComposition {
            id: CompositionId::new(row.id),
            cluster: ClusterId::new(row.cluster),
            digest: parsed("composition", &row.digest)?,
            created_at: instant("composition", row.created_at)?,
            composition: self.core.sealer.open_document(place(&row.id.to_string()), &row.content)?,
        })
    }

    /// The seed of a cluster's layer in a generation, if there is one: a preview that finds none has [`Tx::seed_get_or_create`]
    /// make it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seed_get(
        &self,
        cluster: ClusterId,
        layer: &LayerName,
        generation: u32,
    ) -> Result<Option<GenerationSeed>, StoreError> {
        let id = (cluster.uuid(), layer.to_string(), i64::from(generation));
        let row = generation_seed::Entity::find_by_id(id)
            .filter(generation_seed::Column::Project.eq(self.project.uuid()))
            .one(&self.connection)
            .await?;
        row.map(|row| self.seed_of(&row, cluster, layer, generation)).transpose()
    }

    /// All seeds of several clusters, with layer and generation. In no order.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seeds_of_clusters(
        &self,
        clusters: &[ClusterId],
    ) -> Result<Vec<(ClusterId, LayerName, u32, GenerationSeed)>, StoreError> {
        let mut found = Vec::new();
        for batch in clusters.chunks(ID_BATCH) {
            let rows = generation_seed::Entity::find()
                .filter(generation_seed::Column::Project.eq(self.project.uuid()))
                .filter(generation_seed::Column::Cluster.is_in(batch.iter().map(|id| id.uuid())))
                .all(&self.connection)
                .await?;
            for row in &rows {
                let cluster = ClusterId::new(row.cluster);
                let layer: LayerName = parsed("generation_seed", &row.layer)?;
                let generation = u32::try_from(row.generation)
                    .map_err(|error| StoreError::corrupt("generation_seed", cluster, error))?;
                let seed = self.seed_of(row, cluster, &layer, generation)?;
                found.push((cluster, layer, generation, seed));
            }
        }
        Ok(found)
    }

    fn seed_of(
        &self,
        row: &generation_seed::Model,
        cluster: ClusterId,
        layer: &LayerName,
        generation: u32,
    ) -> Result<GenerationSeed, StoreError> {
        let id = seed_row(cluster, layer, generation);
        let SealedSeed { seed } = self.core.sealer.open_document(seed_place(&id), &row.content)?;
        let instant = instant("generation_seed", row.instant)?;
        Ok(GenerationSeed { seed: Zeroizing::new(seed), instant })
    }
}

fn seed_row(cluster: ClusterId, layer: &LayerName, generation: u32) -> String {
    format!("{cluster}/{layer}/{generation}")
}

fn seed_place(id: &str) -> Place<'_> {
    Place { table: "generation_seed", column: "content", row: id }
}

impl Tx {
    /// Keeps a composition of a cluster.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn composition_insert(
        &self,
        project: ProjectId,
        cluster: ClusterId,
        composition: &Composition,
    ) -> Result<StoredComposition, StoreError> {
        let id = self.new_id();
        let row = Model {
            id,
            project: project.uuid(),
            cluster: cluster.uuid(),
            digest: composition.digest(&self.core.digest_key).to_string(),
            content: self.core.sealer.seal_document(place(&id.to_string()), composition)?,
            created_at: self.now().as_microsecond(),
        };
        Entity::insert(row.clone().into_active_model()).exec_without_returning(&self.connection).await?;
        let attachments = composition.attachments.iter().zip(0_i64..).map(|(attachment, ordinal)| {
            composition_attachment::Model {
                composition: id,
                project: project.uuid(),
                ordinal,
                profile: attachment.profile_id.uuid(),
                profile_name: attachment.revision.profile.to_string(),
                version: attachment.revision.version.to_string(),
                revision: i64::from(attachment.revision.revision),
                content_digest: attachment.content_digest.to_string(),
            }
            .into_active_model()
        });
        if !composition.attachments.is_empty() {
            composition_attachment::Entity::insert_many(attachments)
                .exec_without_returning(&self.connection)
                .await?;
        }
        let key = &self.core.digest_key;
        let macros = composition.macros.iter().map(|(name, value)| {
            composition_macro::Model {
                composition: id,
                project: project.uuid(),
                name: name.to_string(),
                digest: value_digest(key, value.as_ref()),
            }
            .into_active_model()
        });
        for batch in macros.collect::<Vec<_>>().chunks(ID_BATCH) {
            composition_macro::Entity::insert_many(batch.to_vec())
                .exec_without_returning(&self.connection)
                .await?;
        }
        Ok(StoredComposition {
            id: CompositionId::new(id),
            cluster,
            digest: parsed("composition", &row.digest)?,
            created_at: instant("composition", row.created_at)?,
            composition: composition.clone(),
        })
    }

    /// The seed of a cluster's layer in a generation; made on first asking, the same ever after.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn seed_get_or_create(
        &self,
        project: ProjectId,
        cluster: ClusterId,
        layer: &LayerName,
        generation: u32,
    ) -> Result<GenerationSeed, StoreError> {
        if let Some(seed) = self.project(project).seed_get(cluster, layer, generation).await? {
            return Ok(seed);
        }
        let seed = Zeroizing::new(random::<32>()?);
        let instant = self.now();
        let id = seed_row(cluster, layer, generation);
        let row = generation_seed::Model {
            cluster: cluster.uuid(),
            layer: layer.to_string(),
            generation: i64::from(generation),
            project: project.uuid(),
            content: self.core.sealer.seal_document(seed_place(&id), &SealedSeed { seed: *seed })?,
            instant: instant.as_microsecond(),
        };
        generation_seed::Entity::insert(row.into_active_model())
            .exec_without_returning(&self.connection)
            .await?;
        Ok(GenerationSeed { seed, instant })
    }
}
