//! What is stored of many clusters, read together.

use std::collections::BTreeMap;

use strata_model::{
    cluster::Cluster,
    digest::Digest,
    fact::Facts,
    id::{ClusterId, CompositionId},
    inventory::InventoryEntry,
    orphan::Orphan,
};
use strata_plan::fleet::Candidate;
use strata_store::Stored;

use crate::{error::EngineError, facts::with_own, session::Session};

/// One cluster.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) cluster: Stored<Cluster>,
    /// The digest of what it runs.
    pub(super) applied: Option<Digest>,
    facts: Facts,
    /// Without bodies.
    inventory: Vec<InventoryEntry>,
    orphans: Vec<Orphan>,
}

impl Row {
    /// As a cluster whose plan may follow from another's; `None` where it runs nothing yet.
    pub(super) fn candidate(&self) -> Option<Candidate<'_>> {
        Some(Candidate {
            cluster: &self.cluster.value,
            applied: self.applied.as_ref()?,
            facts: &self.facts,
            inventory: &self.inventory,
            orphans: &self.orphans,
        })
    }
}

impl Session {
    /// In the order of the ids; what is gone is left out.
    pub(super) async fn fleet_rows(&self, ids: &[ClusterId]) -> Result<Vec<Row>, EngineError> {
        let rows = self.rows();
        let mut clusters: BTreeMap<ClusterId, Stored<Cluster>> =
            rows.clusters_get(ids).await?.into_iter().map(|cluster| (cluster.value.id, cluster)).collect();
        let applied: Vec<CompositionId> =
            clusters.values().filter_map(|cluster| cluster.value.applied).collect();
        let applied = rows.composition_digests(&applied).await?;
        let mut facts: BTreeMap<ClusterId, Facts> =
            rows.facts_of_clusters(ids).await?.into_iter().map(|(id, record)| (id, record.facts)).collect();
        let mut inventory: BTreeMap<ClusterId, Vec<InventoryEntry>> = BTreeMap::new();
        for (id, entry) in rows.inventory_outlines(ids).await? {
            inventory.entry(id).or_default().push(entry);
        }
        let mut orphans: BTreeMap<ClusterId, Vec<Orphan>> = BTreeMap::new();
        for orphan in rows.orphans_of_clusters(ids).await? {
            orphans.entry(orphan.cluster).or_default().push(orphan);
        }
        let row = |id: &ClusterId| {
            let cluster = clusters.remove(id)?;
            Some(Row {
                applied: cluster.value.applied.and_then(|id| applied.get(&id).cloned()),
                facts: with_own(facts.remove(id).unwrap_or_default(), &cluster.value),
                inventory: inventory.remove(id).unwrap_or_default(),
                orphans: orphans.remove(id).unwrap_or_default(),
                cluster,
            })
        };
        Ok(ids.iter().filter_map(row).collect())
    }
}
