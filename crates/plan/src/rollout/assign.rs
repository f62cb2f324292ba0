//! Which cluster belongs to which stage.

use std::collections::{BTreeMap, BTreeSet};

use strata_model::{
    id::ClusterId,
    rollout::{Rollout, RolloutEvent, Stage},
};

/// Puts each cluster into the first stage whose selector matches its labels. Clusters that no stage wants are left
/// out. The order is by stage and then as given: it is the order in which clusters take their turn.
#[must_use]
pub fn assign<'a>(
    stages: &[Stage],
    clusters: impl IntoIterator<Item = (ClusterId, &'a BTreeMap<String, String>)>,
) -> Vec<(ClusterId, u32)> {
    let mut targets: Vec<(ClusterId, u32)> = clusters
        .into_iter()
        .filter_map(|(cluster, labels)| {
            let stage = stages.iter().position(|stage| stage.selector.matches(labels))?;
            Some((cluster, u32::try_from(stage).ok()?))
        })
        .collect();
    targets.sort_by_key(|(_, stage)| *stage);
    targets
}

/// The events that let clusters join which match a stage and are not part of the rollout yet. Who was once part of it
/// stays where it is, whatever its labels say now.
///
/// Nobody joins by itself: a rollout goes to the clusters that were there when it was made, which is what people saw and
/// approved. This says who would join when somebody asks for it.
#[must_use]
pub fn join<'a>(
    rollout: &Rollout,
    clusters: impl IntoIterator<Item = (ClusterId, &'a BTreeMap<String, String>)>,
) -> Vec<RolloutEvent> {
    let known: BTreeSet<ClusterId> = rollout.targets.iter().map(|target| target.cluster).collect();
    if rollout.state.is_final() {
        return Vec::new();
    }
    assign(&rollout.stages, clusters.into_iter().filter(|(cluster, _)| !known.contains(cluster)))
        .into_iter()
        .map(|(cluster, stage)| RolloutEvent::TargetAdded { cluster, stage })
        .collect()
}
