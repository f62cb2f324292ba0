//! Carrying out one change.
//!
//! *Idea.* The runner makes no choices: it does what the stored plan says, step by step, and reports. Where it begins
//! is read from the change itself, so a crash at any instant goes on where it was: a step that was under way is sent
//! again, which changes nothing.
//!
//! *Guarantees.* Before a step sends anything, what it is about to send is in the inventory. Every record is made in a
//! transaction that checks the lease. A failure ends the change with a stable code and a way out.
//!
//! *Caveats.* A cluster that does not answer before the change has started keeps it waiting, not failing: the runner
//! gives it back at once, and whoever calls it decides when it is tried again.

mod finish;
pub(crate) mod hooks;
mod orphans;
pub(crate) mod send;
mod settle;
mod start;

use std::sync::Arc;

use futures::future::BoxFuture;
use strata_cluster::{ClusterClient, ClusterError, Marks};
use strata_model::{
    access::Actor,
    change::{Change, ChangeEvent, ChangeState, Failure, StepState},
    cluster::Cluster,
    id::{ChangeId, ProjectId},
    object::Destination,
    plan::Plan,
    render::Render,
};
use strata_store::{Lease, Tx};
use strata_values::Redactor;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::{
    Engine, error::EngineError, ledger::Ledger, reach::ReachError, session::Session, words::WITHHELD,
};

/// How far a change was carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    /// To its end, or to where somebody else has to move it.
    On,
    /// Nowhere: its cluster does not answer, and nothing was sent.
    Nowhere,
}

/// Why carrying out stopped before its end.
#[derive(Debug)]
enum Stop {
    /// The change has failed, for this reason, in this step.
    Failed { step: Option<u32>, failure: Failure },
    /// Somebody asked to stop.
    Cancelled,
    /// The cluster does not answer and nothing was sent: the change stays as it is and is taken up again.
    Silent,
    /// Something inside: the change stays as it is and is taken up again.
    Error(EngineError),
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Error(error)
    }
}

impl From<strata_store::StoreError> for Stop {
    fn from(error: strata_store::StoreError) -> Self {
        Self::Error(error.into())
    }
}

/// One change being carried out.
#[derive(Debug)]
struct Run {
    session: Session,
    lease: Lease,
    stop: CancellationToken,
    change: Change,
    cluster: Cluster,
    plan: Plan,
    render: Arc<Render>,
    workload: OnceCell<ClusterClient>,
    management: OnceCell<ClusterClient>,
    /// Knows the secrets of what is sent; none when it could not be made.
    redactor: OnceCell<Option<Redactor>>,
}

/// Carries a change out, from wherever it stands, to its end or until it must wait.
pub(super) async fn carry_out(
    engine: &Engine,
    project: ProjectId,
    id: ChangeId,
    lease: Lease,
    stop: CancellationToken,
) -> Result<Carried, EngineError> {
    let session = engine.system_session(project, Some(format!("change/{id}")));
    let change = session.rows().change_get(id).await?.value;
    if !change.state.holds_cluster() {
        return Ok(Carried::On);
    }
    let stored = session.rows().plan_get(change.plan).await?;
    let render = Arc::new(session.rows().plan_render(&stored).await?);
    let cluster = session.rows().cluster_get(change.cluster).await?.value;
    let mut run = Run {
        session,
        lease,
        stop,
        change,
        cluster,
        plan: stored.plan,
        render,
        workload: OnceCell::new(),
        management: OnceCell::new(),
        redactor: OnceCell::new(),
    };
    match run.carry_to_end().await {
        Err(Stop::Silent) => Ok(Carried::Nowhere),
        ended => run.record_end(ended).await.map(|()| Carried::On),
    }
}

impl Run {
    async fn carry_to_end(&mut self) -> Result<(), Stop> {
        if self.change.state == ChangeState::Cancelling {
            return Err(Stop::Cancelled);
        }
        if self.change.state == ChangeState::Scheduled && !self.begin().await? {
            return Ok(());
        }
        // Steps that were sent and are waited for with a later one.
        let mut open: Vec<(u32, u32, send::Sent)> = Vec::new();
        for index in 0..self.plan.steps.len() {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            if self.change.steps.get(index).is_none_or(|step| step.state != StepState::Succeeded) {
                self.check_stop()?;
                if self.plan.steps.get(index).is_some_and(|step| step.kind.runs_hooks()) {
                    self.run_hooks(number).await?;
                } else {
                    let sent = self.send_step(number).await?;
                    match self.plan.steps.get(index).and_then(|step| step.settled_with) {
                        Some(with) => open.push((with, number, sent)),
                        None => self.settle_step(number, sent).await?,
                    }
                }
            }
            for (_, earlier, sent) in open.extract_if(.., |(with, ..)| *with <= number) {
                self.settle_step(earlier, sent).await?;
            }
        }
        self.verify().await?;
        self.succeed().await
    }

    fn check_stop(&self) -> Result<(), Stop> {
        if self.stop.is_cancelled() { Err(Stop::Cancelled) } else { Ok(()) }
    }

    async fn record_end(&mut self, ended: Result<(), Stop>) -> Result<(), EngineError> {
        match ended {
            Ok(()) | Err(Stop::Silent) => Ok(()),
            Err(Stop::Error(error)) => self.record_overtaken(error).await,
            Err(Stop::Cancelled) => self.record(vec![ChangeEvent::Cancelled]).await,
            Err(Stop::Failed { step, failure }) => {
                // What an API server says may quote what it was sent.
                let failure = Failure { message: self.masked(&failure.message).await, ..failure };
                tracing::info!(change = %self.change.id, code = failure.code, "a change has failed: {}", failure.message);
                let failed = self.record(vec![ChangeEvent::Failed { step, failure }]).await;
                match failed {
                    Err(error) => self.record_overtaken(error).await,
                    recorded => recorded,
                }
            }
        }
    }

    /// Between two records somebody may have asked to stop it: then the next record was refused.
    async fn record_overtaken(&mut self, error: EngineError) -> Result<(), EngineError> {
        if !matches!(error, EngineError::Refused(_)) {
            return Err(error);
        }
        match self.session.rows().change_get(self.change.id).await?.state {
            ChangeState::Cancelling => self.record(vec![ChangeEvent::Cancelled]).await,
            state if !state.holds_cluster() => Ok(()),
            _ => Err(error),
        }
    }

    /// A text that comes from the cluster, without the secrets that were sent there.
    async fn masked(&self, text: &str) -> String {
        let made = self.redactor.get_or_init(|| async {
            let made = self.session.words_redactor(&self.cluster, &[self.change.to]).await;
            if let Err(error) = &made {
                tracing::warn!(change = %self.change.id, %error, "what the cluster says is withheld: its secrets are not known");
            }
            made.ok()
        });
        match made.await {
            Some(redactor) => redactor.mask_text(text),
            None => WITHHELD.to_owned(),
        }
    }

    /// Appends events to the change, if the lease still holds.
    async fn record(&mut self, events: Vec<ChangeEvent>) -> Result<(), EngineError> {
        self.record_with(events, |_, _| Box::pin(async { Ok(()) })).await
    }

    /// The same, with more in the same transaction; that comes first, so that what follows from the events sees it.
    async fn record_with<F>(&mut self, events: Vec<ChangeEvent>, more: F) -> Result<(), EngineError>
    where
        F: for<'t> FnOnce(&'t Tx, Ledger<'t>) -> BoxFuture<'t, Result<(), EngineError>> + Send + 'static,
    {
        let (id, project, lease) = (self.change.id, self.session.project, self.lease.clone());
        let cause = self.session.caller.cause.clone();
        self.change = self
            .session
            .engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move {
                    tx.lease_check(&lease).await?;
                    let actor = Actor::system();
                    let ledger = Ledger::new(tx, project, &actor, cause.as_deref());
                    more(tx, ledger).await?;
                    ledger.change(id, &events).await
                })
            })
            .await?;
        Ok(())
    }

    /// The client for objects of a destination; the cluster's identity is checked when it is made. It ends long waits when
    /// somebody asks to stop.
    async fn client(&self, destination: Destination) -> Result<&ClusterClient, ReachError> {
        match destination {
            Destination::Management => {
                self.management
                    .get_or_try_init(|| async {
                        let client = self.session.reach_management(&self.cluster).await?;
                        Ok(client.until(self.stop.clone()))
                    })
                    .await
            }
            Destination::Workload => {
                self.workload
                    .get_or_try_init(|| async {
                        let client = self.session.reach(&self.cluster).await?;
                        Session::check_identity(&client, &self.cluster).await?;
                        Ok(client.until(self.stop.clone()))
                    })
                    .await
            }
        }
    }

    fn marks(&self) -> Marks {
        Marks { installation: self.session.engine.store().installation().id, cluster: self.cluster.id }
    }
}

/// A failure of a change, from a cluster that cannot be reached or refuses.
fn failed(step: u32, error: ReachError) -> Stop {
    let failure = match error {
        ReachError::Cluster(ClusterError::Interrupted { .. }) => return Stop::Cancelled,
        ReachError::Cluster(error) => error.to_failure(),
        ReachError::Engine(error) => return Stop::Error(error),
        other @ ReachError::OtherCluster { .. } => Failure {
            code: "CLUSTER_IDENTITY_CHANGED".to_owned(),
            message: other.to_string(),
            help: "register the new cluster under a name of its own, or mend the kubeconfig".to_owned(),
            object: None,
        },
        other @ ReachError::NoKubeconfig { .. } => Failure {
            code: "CLUSTER_UNREACHABLE".to_owned(),
            message: other.to_string(),
            help: "see how far Cluster API is, then retry the change".to_owned(),
            object: None,
        },
    };
    Stop::Failed { step: Some(step), failure }
}
