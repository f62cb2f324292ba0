//! Carrying out decisions about orphans. The restore record is durable before anything is scaled.

use strata_cluster::{Expectation, ObjectReference, Preconditions};
use strata_model::{
    orphan::{Orphan, OrphanEvent, RestoreRecord},
    plan::{Action, PlannedAction},
};

use super::{
    Run, Stop, failed,
    send::{Sent, about},
};
use crate::error::EngineError;

impl Run {
    /// Carries one decision out.
    pub(super) async fn decide_orphan(
        &self,
        number: u32,
        action: &PlannedAction,
        sent: &mut Sent,
    ) -> Result<(), Stop> {
        let orphan = self.orphan(number, action).await?;
        let change = self.change.id;
        let reference = ObjectReference::new(action.key.clone(), action.api_version.clone());
        match action.action {
            Action::ScaleToZero => {
                let client = self.client(action.destination).await.map_err(|error| failed(number, error))?;
                let former =
                    client.former_state(&reference).await.map_err(|error| failed(number, error.into()))?;
                let Some(former) = former else {
                    // It went by itself: there is nothing to scale, and nothing to restore.
                    return self.record_orphan(&orphan, vec![OrphanEvent::Deleted { change }]).await;
                };
                let record = match &orphan.restore {
                    Some(record) if record.uid == former.uid => record.clone(),
                    _ => {
                        let record = RestoreRecord {
                            uid: former.uid,
                            reach: former.reach,
                            former: former.former,
                            at: self.session.now(),
                        };
                        self.record_orphan(
                            &orphan,
                            vec![OrphanEvent::RestoreRecorded { record: record.clone() }],
                        )
                        .await?;
                        record
                    }
                };
                client.stop(&reference, &record).await.map_err(|error| failed(number, error.into()))?;
                self.record_orphan(&orphan, vec![OrphanEvent::ScaledToZero { change }]).await
            }
            Action::Restore => {
                self.restart_orphan(number, action).await?;
                sent.entry(action.destination).or_default().push(Expectation::ready(reference, None));
                self.record_orphan(&orphan, vec![OrphanEvent::Restored { change }]).await
            }
            Action::Delete => {
                let client = self.client(action.destination).await.map_err(|error| failed(number, error))?;
                let entry = self
                    .session
                    .rows()
                    .inventory_get(self.cluster.id, action.destination, &action.key)
                    .await?;
                let uid = entry.and_then(|entry| entry.uid);
                let preconditions = Preconditions { uid: uid.clone(), resource_version: None };
                client
                    .delete(&reference, &preconditions)
                    .await
                    .map_err(|error| failed(number, error.into()))?;
                sent.entry(action.destination)
                    .or_default()
                    .push(Expectation::gone(reference, uid.as_deref()));
                Ok(())
            }
            Action::Keep => self.record_orphan(&orphan, vec![OrphanEvent::Kept { change }]).await,
            Action::Create | Action::Change | Action::Replace | Action::Orphan => Ok(()),
        }
    }

    /// Gives a stopped orphan its recorded state back.
    pub(super) async fn restart_orphan(&self, number: u32, action: &PlannedAction) -> Result<(), Stop> {
        let orphan = self.orphan(number, action).await?;
        let Some(record) = &orphan.restore else { return Ok(()) };
        let client = self.client(action.destination).await.map_err(|error| failed(number, error))?;
        let reference = ObjectReference::new(action.key.clone(), action.api_version.clone());
        client.start(&reference, record).await.map_err(|error| failed(number, error.into()))
    }

    async fn orphan(&self, number: u32, action: &PlannedAction) -> Result<Orphan, Stop> {
        let found =
            self.session.rows().orphan_of_object(self.cluster.id, action.destination, &action.key).await?;
        found.map(|orphan| orphan.value).ok_or_else(|| {
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
