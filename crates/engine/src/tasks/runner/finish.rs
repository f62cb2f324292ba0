//! The end of a successful change: one transaction moves the applied composition, lists what was left behind, and lets
//! the cluster go.

use strata_model::{
    change::ChangeEvent,
    cluster::{ClusterEvent, Health},
    id::OrphanId,
    inventory::InventoryEntry,
    orphan::{Orphan, OrphanEvent, OrphanState},
    plan::Action,
};

use super::{Run, Stop};

impl Run {
    pub(super) async fn succeed(&mut self) -> Result<(), Stop> {
        let inventory = self.session.rows().inventory_list(self.cluster.id).await?;
        let orphans = self.session.rows().orphans_of_cluster(self.cluster.id, &[]).await?;
        let events = self.orphan_events(&inventory, orphans.into_iter().map(|orphan| orphan.value).collect());
        let gone: Vec<_> = self
            .plan
            .actions
            .iter()
            .filter(|action| action.action == Action::Delete)
            .map(|action| (action.destination, action.key.clone()))
            .collect();
        // A change that sent nothing has looked at nothing.
        let looked = self.plan.actions.iter().any(|action| super::send::sends(action.action));
        let (project, cluster) = (self.session.project, self.cluster.id);
        self.record_with(vec![ChangeEvent::Succeeded], move |tx, ledger| {
            Box::pin(async move {
                for (id, events) in events {
                    ledger.orphan(id, &events).await?;
                }
                for (destination, key) in gone {
                    tx.inventory_remove(project, cluster, destination, &key).await?;
                }
                if looked {
                    let reason = "what its last change sent was verified".to_owned();
                    ledger
                        .cluster(cluster, &[ClusterEvent::HealthJudged { health: Health::Healthy, reason }])
                        .await?;
                }
                Ok(())
            })
        })
        .await?;
        self.note_facts().await;
        Ok(())
    }

    /// What the change did to the list of orphans: what it left behind, what it renders again, what it deleted.
    fn orphan_events(
        &self,
        inventory: &[InventoryEntry],
        orphans: Vec<Orphan>,
    ) -> Vec<(OrphanId, Vec<OrphanEvent>)> {
        let change = self.change.id;
        let mut events = Vec::new();
        for action in &self.plan.actions {
            let listed = orphans.iter().find(|orphan| {
                orphan.destination == action.destination
                    && orphan.key == action.key
                    && !matches!(orphan.state, OrphanState::Deleted | OrphanState::Reclaimed)
            });
            match (action.action, listed) {
                (Action::Orphan, None) => {
                    let entry = inventory
                        .iter()
                        .find(|entry| entry.destination == action.destination && entry.key == action.key);
                    let Some(entry) = entry else { continue };
                    let (reach, note) = strata_plan::reach::of(&entry.key, &entry.body);
                    let id = OrphanId::new(self.session.engine.ids().next());
                    let left = OrphanEvent::LeftBehind {
                        project: self.session.project,
                        cluster: self.cluster.id,
                        destination: entry.destination,
                        key: entry.key.clone(),
                        api_version: entry.api_version.clone(),
                        layer: entry.layer.clone(),
                        revision: entry.revision.clone(),
                        policy: entry.orphan_policy,
                        reach,
                        note,
                        change,
                    };
                    events.push((id, vec![left]));
                }
                (Action::Create | Action::Change | Action::Replace | Action::Restore, Some(orphan))
                    if self.render.object(action.destination, &action.key).is_some() =>
                {
                    events.push((orphan.id, vec![OrphanEvent::Reclaimed { change }]));
                }
                (Action::Delete, Some(orphan)) => {
                    events.push((orphan.id, vec![OrphanEvent::Deleted { change }]))
                }
                _ => {}
            }
        }
        events
    }

    /// Reads version and facts once more: a change of Kubernetes shows. A failure here is the next poll's business.
    async fn note_facts(&self) {
        let Ok(cluster) = self.session.rows().cluster_get(self.cluster.id).await else { return };
        let read = match self.session.reach(&cluster).await {
            Ok(client) => self.session.read_facts(&cluster, &client).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            let error = self.masked(&error.to_string()).await;
            tracing::debug!(cluster = %cluster.name, error, "the facts could not be read after a change");
        }
    }
}
