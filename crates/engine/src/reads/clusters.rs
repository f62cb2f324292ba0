//! Clusters: what they run, what was sent to them, and how many there are.

use std::collections::BTreeMap;

use strata_model::{
    cluster::Cluster,
    composition::{Attachment, ControlPlane, HeldLayer, NodePool},
    digest::Digest,
    id::{ClusterId, CompositionId},
    inventory::InventoryEntry,
    overrides::LayerOverride,
};
use strata_store::{ClusterFilter, ClusterOrder, Optional as _, PendingUpdate, ProfileCount};

use super::{Page, PageOf, shown};
use crate::{error::EngineError, session::Session};

/// What a composition shows; secrets are masked.
#[derive(Debug, Clone)]
pub struct CompositionView {
    /// Its digest.
    pub digest: Digest,
    /// Attached revisions.
    pub attachments: Vec<Attachment>,
    /// Layers kept at another revision.
    pub held: Vec<HeldLayer>,
    /// The cluster's overrides.
    pub overrides: Vec<LayerOverride>,
    /// The cluster's variables, by name.
    pub variables: Vec<(String, String)>,
    /// The macros that its values name, as they were when it was made; none where there was no such macro.
    pub macros: Vec<(String, Option<String>)>,
    /// The control plane.
    pub control_plane: Option<ControlPlane>,
    /// The pools.
    pub node_pools: Vec<NodePool>,
}

/// Totals over a project's clusters.
#[derive(Debug, Clone, Default)]
pub struct FleetSummary {
    /// How many.
    pub total: u64,
    /// By phase.
    pub phases: Vec<(String, u64)>,
    /// By connectivity.
    pub connectivity: Vec<(String, u64)>,
    /// By health.
    pub health: Vec<(String, u64)>,
    /// By activity.
    pub activity: Vec<(String, u64)>,
    /// By what they run.
    pub profiles: Vec<ProfileCount>,
}

impl Session {
    /// Clusters.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn clusters(
        &self,
        filter: &ClusterFilter,
        order: ClusterOrder,
        page: Page,
    ) -> Result<PageOf<Cluster>, EngineError> {
        Ok(shown(self.readable()?.cluster_list(filter, order, &page.into()).await?, |stored| stored.value))
    }

    /// How many clusters there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn clusters_count(&self, filter: &ClusterFilter) -> Result<u64, EngineError> {
        Ok(self.readable()?.cluster_count(filter).await?)
    }

    /// One cluster, by name.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn cluster(&self, name: &str) -> Result<Option<Cluster>, EngineError> {
        let rows = self.readable()?;
        let Ok(name) = name.parse() else { return Ok(None) };
        Ok(rows.cluster_by_name(&name).await.optional()?.map(|stored| stored.value))
    }

    /// One cluster, by id.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn cluster_by_id(&self, id: ClusterId) -> Result<Option<Cluster>, EngineError> {
        Ok(self.readable()?.cluster_get(id).await.optional()?.map(|stored| stored.value))
    }

    /// A composition, secrets masked.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn composition(&self, id: CompositionId) -> Result<CompositionView, EngineError> {
        let stored = self.readable()?.composition_get(id).await?;
        let composition = stored.composition;
        let overrides: Vec<LayerOverride> =
            composition.overrides.iter().flat_map(|source| source.layers().iter().cloned()).collect();
        let overrides = if overrides.is_empty() {
            overrides
        } else {
            let redactor = self.redactor_for(stored.cluster, &composition).await?;
            overrides
                .into_iter()
                .map(|it| mask_override(it, &redactor))
                .collect::<Result<_, EngineError>>()?
        };
        Ok(CompositionView {
            digest: stored.digest,
            attachments: composition.attachments,
            held: composition.held,
            overrides,
            variables: composition
                .variables
                .into_iter()
                .map(|(name, value)| (name, value.masked()))
                .collect(),
            macros: composition
                .macros
                .into_iter()
                .map(|(name, value)| (name.into(), value.map(|value| value.masked())))
                .collect(),
            control_plane: composition.control_plane,
            node_pools: composition.node_pools,
        })
    }

    /// What a cluster runs and is another by now: revised versions and macros.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn pending_updates(&self, applied: CompositionId) -> Result<Vec<PendingUpdate>, EngineError> {
        Ok(self.readable()?.pending_updates(&[applied]).await?.remove(&applied).unwrap_or_default())
    }

    /// What Strata last sent to a cluster.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn inventory(
        &self,
        cluster: ClusterId,
        page: Page,
    ) -> Result<PageOf<InventoryEntry>, EngineError> {
        let mut entries = self.readable()?.inventory_list(cluster).await?;
        let start =
            page.after.and_then(|cursor| cursor.parse::<usize>().ok()).unwrap_or(0).min(entries.len());
        let count = usize::try_from(page.first.clamp(1, strata_store::PAGE_LIMIT)).unwrap_or(1);
        let has_next = entries.len() > start.saturating_add(count);
        let items = entries.drain(start..).take(count).enumerate();
        Ok(PageOf {
            items: items.map(|(index, entry)| ((start + index + 1).to_string(), entry)).collect(),
            has_next,
        })
    }

    /// How many objects Strata sent to a cluster.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn inventory_count(&self, cluster: ClusterId) -> Result<u64, EngineError> {
        Ok(self.readable()?.inventory_count(cluster).await?)
    }

    /// Totals over all clusters.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn fleet_summary(&self) -> Result<FleetSummary, EngineError> {
        let counts = self.readable()?.cluster_summary().await?;
        let mut by: [BTreeMap<String, u64>; 4] = Default::default();
        let mut total = 0;
        for count in counts {
            total += count.clusters;
            let names = [
                serde_json::to_value(count.phase)?,
                serde_json::to_value(count.connectivity)?,
                serde_json::to_value(count.health)?,
                serde_json::to_value(count.activity)?,
            ];
            for (totals, name) in by.iter_mut().zip(names) {
                *totals.entry(name.as_str().unwrap_or_default().to_owned()).or_default() += count.clusters;
            }
        }
        let [phases, connectivity, health, activity] = by.map(|totals| totals.into_iter().collect());
        let profiles = self.rows().profile_counts().await?;
        Ok(FleetSummary { total, phases, connectivity, health, activity, profiles })
    }
}

fn mask_override(
    mut layer: LayerOverride,
    redactor: &strata_values::Redactor,
) -> Result<LayerOverride, EngineError> {
    let masked = redactor.mask_value(&serde_json::to_value(&layer.patch)?);
    layer.patch = serde_json::from_value(masked)?;
    Ok(layer)
}
