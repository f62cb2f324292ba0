//! What is stored of clusters and a plan starts from, read for several at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use strata_model::{
    cluster::Cluster,
    composition::Composition,
    digest::Digest,
    fact::Facts,
    id::{ClusterId, CompositionId},
    inventory::InventoryEntry,
    macros::MacroName,
    orphan::Orphan,
    profile::LayerName,
    variable::VariableValue,
};
use strata_render::LayerSeed;
use strata_store::Stored;

use crate::{error::EngineError, facts::with_own, session::Session};

/// What is the same for all clusters of a project.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    pub(super) project: String,
    /// As they are now.
    pub(super) macros: Arc<BTreeMap<MacroName, VariableValue>>,
}

/// What is stored of one cluster.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// What it runs.
    pub(super) applied: Option<Composition>,
    pub(super) facts: Facts,
    /// As they are kept.
    pub(super) facts_digest: Option<Digest>,
    /// By destination and key.
    pub(super) inventory: Vec<InventoryEntry>,
    pub(super) orphans: Vec<Orphan>,
    /// By generation.
    pub(super) seeds: BTreeMap<u32, BTreeMap<LayerName, LayerSeed>>,
}

impl Session {
    /// What the clusters of this project have in common.
    pub(crate) async fn common(&self) -> Result<Common, EngineError> {
        Ok(Common {
            project: self.engine.store().project_get(self.project).await?.name,
            macros: Arc::new(self.rows().macro_values().await?),
        })
    }

    /// What is stored of clusters, by id. All of it is held in memory: ask for a few at a time.
    pub(crate) async fn records(
        &self,
        clusters: impl IntoIterator<Item = &Stored<Cluster>> + Send,
    ) -> Result<BTreeMap<ClusterId, Records>, EngineError> {
        let rows = self.rows();
        let clusters: Vec<&Cluster> = clusters.into_iter().map(|cluster| &cluster.value).collect();
        let ids: Vec<ClusterId> = clusters.iter().map(|cluster| cluster.id).collect();
        let mut records: BTreeMap<ClusterId, Records> =
            ids.iter().map(|id| (*id, Records::default())).collect();
        let applied: BTreeSet<CompositionId> =
            clusters.iter().filter_map(|cluster| cluster.applied).collect();
        for stored in rows.compositions_get(&applied.into_iter().collect::<Vec<_>>()).await? {
            if let Some(of) = records.get_mut(&stored.cluster) {
                of.applied = Some(stored.composition);
            }
        }
        for (id, record) in rows.facts_of_clusters(&ids).await? {
            if let Some(of) = records.get_mut(&id) {
                (of.facts, of.facts_digest) = (record.facts, Some(record.digest));
            }
        }
        for (id, entry) in rows.inventory_of_clusters(&ids).await? {
            if let Some(of) = records.get_mut(&id) {
                of.inventory.push(entry);
            }
        }
        for orphan in rows.orphans_of_clusters(&ids).await? {
            if let Some(of) = records.get_mut(&orphan.cluster) {
                of.orphans.push(orphan);
            }
        }
        for (id, layer, generation, kept) in rows.seeds_of_clusters(&ids).await? {
            if let Some(of) = records.get_mut(&id) {
                let seed = LayerSeed { seed: *kept.seed, instant: kept.instant };
                of.seeds.entry(generation).or_default().insert(layer, seed);
            }
        }
        for cluster in clusters {
            let Some(of) = records.get_mut(&cluster.id) else { continue };
            if cluster.applied.is_some() && of.applied.is_none() {
                return Err(EngineError::internal(format!("what `{}` runs is not there", cluster.name)));
            }
            of.facts = with_own(std::mem::take(&mut of.facts), cluster);
            of.inventory
                .sort_by(|one, other| (one.destination, &one.key).cmp(&(other.destination, &other.key)));
        }
        Ok(records)
    }
}
