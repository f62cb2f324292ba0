//! Carrying out decisions about orphans. The restore record is durable before anything is scaled.

use strata_cluster::{ClusterClient, Expectation, ObjectReference, Ownership, Preconditions, ownership};
use strata_model::{
    orphan::{Orphan, OrphanEvent, OrphanState, RestoreRecord},
    plan::{Action, PlannedAction},
};

use super::{
    Run, Stop, failed,
    send::{Sent, about},
};
use crate::error::EngineError;

impl Run {
    /// Carries one decision out. What was carried out before a restart or a retry is not done again.
    pub(super) async fn decide_orphan(
        &self,
        number: u32,
        action: &PlannedAction,
        sent: &mut Sent,
    ) -> Result<(), Stop> {
        let orphan = self.orphan(number, action).await?;
        let change = self.change.id;
        let reference = ObjectReference::new(action.key.clone(), action.api_version.clone());
        match (action.action, orphan.state) {
            (Action::ScaleToZero, OrphanState::ScaledToZero | OrphanState::Deleted)
            | (Action::Delete, OrphanState::Deleted)
            | (Action::Keep, OrphanState::Kept) => Ok(()),
            (Action::ScaleToZero, _) => self.scale_orphan_to_zero(number, action, &orphan, &reference).await,
            (Action::Restore, OrphanState::ScaledToZero) => {
                self.restart_orphan(number, action).await?;
                sent.entry(action.destination).or_default().push(Expectation::ready(reference, None));
                self.record_orphan(&orphan, vec![OrphanEvent::Restored { change }]).await
            }
            (Action::Restore, _) => {
                sent.entry(action.destination).or_default().push(Expectation::ready(reference, None));
                Ok(())
            }
            (Action::Delete, _) => self.delete_orphan(number, action, reference, sent).await,
            (Action::Keep, _) => self.record_orphan(&orphan, vec![OrphanEvent::Kept { change }]).await,
            (Action::Create | Action::Change | Action::Replace | Action::Orphan | Action::RunHook, _) => {
                Ok(())
            }
        }
    }

    async fn scale_orphan_to_zero(
        &self,
        number: u32,
        action: &PlannedAction,
        orphan: &Orphan,
        reference: &ObjectReference,
    ) -> Result<(), Stop> {
        let change = self.change.id;
        let client = self.client(action.destination).await.map_err(|error| failed(number, error))?;
        let ours = self.check_ours(number, action, client, reference).await?;
        let former = match &ours {
            Some(_) => client.former_state(reference).await.map_err(|error| failed(number, error.into()))?,
            None => None,
        };
        let Some(former) = former else {
            // It went by itself: there is nothing to scale, and nothing to restore.
            return self.record_orphan(orphan, vec![OrphanEvent::Deleted { change }]).await;
        };
        if Some(&former.uid) != ours.as_ref() {
            return Err(not_ours(number, action));
        }
        let record = match &orphan.restore {
            Some(record) if record.uid == former.uid => record.clone(),
            _ => {
                let record = RestoreRecord {
                    uid: former.uid,
                    reach: former.reach,
                    former: former.former,
                    at: self.session.now(),
                };
                self.record_orphan(orphan, vec![OrphanEvent::RestoreRecorded { record: record.clone() }])
                    .await?;
                record
            }
        };
        client.stop(reference, &record).await.map_err(|error| failed(number, error.into()))?;
        self.record_orphan(orphan, vec![OrphanEvent::ScaledToZero { change }]).await
    }

    async fn delete_orphan(
        &self,
        number: u32,
        action: &PlannedAction,
        reference: ObjectReference,
        sent: &mut Sent,
    ) -> Result<(), Stop> {
        let client = self.client(action.destination).await.map_err(|error| failed(number, error))?;
        let uid = match self.check_ours(number, action, client, &reference).await? {
            Some(uid) => uid,
            None => return Ok(()),
        };
        let preconditions = Preconditions { uid: Some(uid.clone()), resource_version: None };
        client.delete(&reference, &preconditions).await.map_err(|error| failed(number, error.into()))?;
        sent.entry(action.destination).or_default().push(Expectation::gone(reference, Some(&uid)));
        Ok(())
    }

    /// The UID of the object meant; none when it is gone. What is not the object that we applied, because it was deleted
    /// and made anew or because no sending of ours was ever confirmed, is somebody else's unless it carries our marks.
    async fn check_ours(
        &self,
        number: u32,
        action: &PlannedAction,
        client: &ClusterClient,
        reference: &ObjectReference,
    ) -> Result<Option<String>, Stop> {
        let entry =
            self.session.rows().inventory_get(self.cluster.id, action.destination, &action.key).await?;
        let applied = entry.and_then(|entry| entry.uid);
        let live = client.metadata(reference).await.map_err(|error| failed(number, error.into()))?;
        let ownership = ownership(live.as_ref(), &self.marks());
        let Some(live) = live else { return Ok(None) };
        if Some(&live.uid) == applied.as_ref() || ownership == Ownership::Ours {
            return Ok(Some(live.uid));
        }
        Err(not_ours(number, action))
    }

    /// Gives a stopped orphan its recorded state back.
    pub(super) async fn restart_orphan(&self, number: u32, action: &PlannedAction) -> Result<(), Stop> {
        let orphan = self.orphan(number, action).await?;
        let Some(record) = &orphan.restore else { return Ok(()) };
        let client = self.client(action.destination).await.map_err(|error| failed(number, error))?;
        let reference = ObjectReference::new(action.key.clone(), action.api_version.clone());
        client.start(&reference, record).await.map_err(|error| failed(number, error.into()))
    }

    /// The newest orphan of the object, also when this very change has dealt with it already.
    async fn orphan(&self, number: u32, action: &PlannedAction) -> Result<Orphan, Stop> {
        let orphans = self.session.rows().orphans_of_cluster(self.cluster.id, &[]).await?;
        let found = orphans.into_iter().map(|orphan| orphan.value).rfind(|orphan| {
            orphan.destination == action.destination
                && orphan.key == action.key
                && orphan.state != OrphanState::Reclaimed
        });
        found.ok_or_else(|| {
            let message = format!("{} is not on the list of orphans any more", action.key);
            about(number, "ORPHAN_GONE", message, "list the orphans again and decide anew", &action.key)
        })
    }

    async fn record_orphan(&self, orphan: &Orphan, events: Vec<OrphanEvent>) -> Result<(), Stop> {
        let (session, id, lease) = (self.session.clone(), orphan.id, self.lease.clone());
        self.session
            .engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    tx.lease_check(&lease).await?;
                    session.ledger(tx).orphan(id, &events).await?;
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }
}

fn not_ours(number: u32, action: &PlannedAction) -> Stop {
    about(
        number,
        "NOT_OURS",
        format!("{} was not applied by Strata for this cluster", action.key),
        "keep it by decision: it is somebody else's",
        &action.key,
    )
}
