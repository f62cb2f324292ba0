//! Waiting until what a step sent is healthy, and proving it once more at the end.

use std::{sync::Mutex, time::Duration};

use strata_cluster::{
    Absence, ClusterClient, ClusterError, Expectation, WatchError, WatchOptions, goes_when_done,
};
use strata_model::{
    change::{ChangeEvent, ChangeState, Failure},
    object::Destination,
};

use super::{Run, Stop, failed, send::Sent};
use crate::reach::ReachError;

/// How often progress is recorded at most: every record is an event that somebody may watch.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// How long the end-of-change proof may take: everything was healthy a moment ago.
const PROOF_DEADLINE: Duration = Duration::from_secs(120);
/// How long to wait before a cluster that is being made is asked again.
const BIRTH_PAUSE: Duration = Duration::from_millis(500);

impl Run {
    /// Waits until all that a step sent is healthy, in the generation that was sent.
    pub(super) async fn settle_step(&mut self, number: u32, sent: Sent) -> Result<(), Stop> {
        let deadline = self.session.engine.options().step_deadline;
        for (destination, expectations) in sent {
            let client = self.client_when_there(number, destination).await?.clone();
            let expectations = self.absences(destination, expectations, Absence::DoneOnceReady);
            self.wait(Some(number), &client, expectations, deadline).await?;
        }
        self.record(vec![ChangeEvent::StepSucceeded { step: number }]).await?;
        Ok(())
    }

    /// Proves the health of everything that the change sent, with evidence newer than the sending.
    pub(super) async fn verify(&mut self) -> Result<(), Stop> {
        // After a restart the change may be at it already.
        if self.change.state != ChangeState::Verifying {
            self.record(vec![ChangeEvent::VerificationStarted]).await?;
        }
        let mut sent = Sent::new();
        let sends = |action: strata_model::plan::Action| {
            use strata_model::plan::Action;
            matches!(action, Action::Create | Action::Change | Action::Replace | Action::Restore)
        };
        for action in self.plan.actions.iter().filter(|action| sends(action.action)) {
            let reference =
                strata_cluster::ObjectReference::new(action.key.clone(), action.api_version.clone());
            // The health rules compare the observed generation with the present one; no older state can pass.
            sent.entry(action.destination).or_default().push(Expectation::ready(reference, None));
        }
        for (destination, expectations) in sent {
            let client = match self.client_when_there(0, destination).await {
                Ok(client) => client.clone(),
                // No step is to blame: all of them are done.
                Err(Stop::Failed { failure, .. }) => return Err(Stop::Failed { step: None, failure }),
                Err(stop) => return Err(stop),
            };
            // Its step has seen it ready.
            let expectations = self.absences(destination, expectations, Absence::Done);
            self.wait(None, &client, expectations, PROOF_DEADLINE).await?;
        }
        Ok(())
    }

    /// Says of objects that go by themselves what it means when they are not there.
    fn absences(
        &self,
        destination: Destination,
        expectations: Vec<Expectation>,
        absence: Absence,
    ) -> Vec<Expectation> {
        let goes = |expectation: &Expectation| {
            let object = self.render.object(destination, &expectation.reference.key);
            object.is_some_and(|object| goes_when_done(&object.body))
        };
        expectations.into_iter().map(|it| if goes(&it) { it.with_absence(absence) } else { it }).collect()
    }

    pub(super) async fn wait(
        &mut self,
        step: Option<u32>,
        client: &ClusterClient,
        expectations: Vec<Expectation>,
        deadline: Duration,
    ) -> Result<(), Stop> {
        let options = WatchOptions {
            deadline,
            label_selector: Some(self.marks().selector()),
            ..WatchOptions::default()
        };
        let options = if expectations.iter().all(|e| e.uid.is_none()) {
            options
        } else {
            // What is being deleted may have lost its marks.
            WatchOptions { label_selector: None, ..options }
        };
        let latest: Mutex<Option<String>> = Mutex::new(None);
        let on_progress = |key: &strata_model::object::ObjectKey, health: &strata_cluster::Health| {
            let mut latest = latest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *latest = Some(if health.is_ready() {
                format!("{key} is ready")
            } else {
                format!("{key}: {}", health.reason())
            });
        };
        let mut watching = Box::pin(client.watch_until(expectations, &options, &on_progress));
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                result = &mut watching => {
                    return result.map_err(|error| unhealthy(step, error));
                }
                () = stop.cancelled() => return Err(Stop::Cancelled),
                () = tokio::time::sleep(PROGRESS_EVERY) => {
                    let message = latest.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
                    if let (Some(step), Some(message)) = (step, message) {
                        let message = self.masked(&message).await;
                        self.record(vec![ChangeEvent::StepProgress { step, message }]).await?;
                    }
                }
            }
        }
    }

    /// The client for a destination; waits for a cluster that Cluster API is still making.
    pub(super) async fn client_when_there(
        &self,
        step: u32,
        destination: Destination,
    ) -> Result<&ClusterClient, Stop> {
        let waited = tokio::time::timeout(self.session.engine.options().step_deadline, async {
            loop {
                match self.client(destination).await {
                    Err(ReachError::NoKubeconfig { .. }) => {}
                    // One that is being made may answer before it has anything to say.
                    Err(ReachError::Cluster(error))
                        if self.cluster.applied.is_none()
                            && (error.is_passing() || matches!(error, ClusterError::NotFound { .. })) => {}
                    other => return other,
                }
                tokio::select! {
                    () = tokio::time::sleep(BIRTH_PAUSE) => {}
                    () = self.stop.cancelled() => {}
                }
                if self.stop.is_cancelled() {
                    return self.client(destination).await;
                }
            }
        })
        .await;
        match waited {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(_)) if self.stop.is_cancelled() => Err(Stop::Cancelled),
            Ok(Err(error)) => Err(failed(step, error)),
            Err(_) => Err(Stop::Failed {
                step: Some(step),
                failure: Failure {
                    code: "CLUSTER_UNREACHABLE".to_owned(),
                    message: "the cluster did not come up in time".to_owned(),
                    help: "see how far Cluster API is, then retry the change".to_owned(),
                    object: None,
                },
            }),
        }
    }
}

fn unhealthy(step: Option<u32>, error: WatchError) -> Stop {
    let failure = match error {
        WatchError::Cluster(error) => error.to_failure(),
        WatchError::Unhealthy(unhealthy) => Failure {
            code: "NOT_HEALTHY".to_owned(),
            message: WatchError::Unhealthy(unhealthy.clone()).to_string(),
            help:
                "look at the objects named; mend them or the profile, then retry the change or roll it back"
                    .to_owned(),
            object: unhealthy.pending.first().map(|(key, _)| key.clone()),
        },
    };
    Stop::Failed { step, failure }
}
