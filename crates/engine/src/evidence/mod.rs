//! Asking a living cluster what a plan would do to it.
//!
//! *Idea.* What is asked for, and what an answer means, is decided in [`strata_plan::evidence`]; here it is carried out: each
//! object is looked at, then sent as the change would send it, as a dry run. Namespaces, definitions and what admits objects
//! go first, the others after them. Nodes, Pods, machines and figures of the API server are read meanwhile.
//!
//! *Guarantees.* Nothing changes: dry runs are never kept by the API server. Bounded in objects, in requests at a time and in
//! time as a whole; what was not answered by then is said so. A cluster that does not answer is no error. Whatever the cluster
//! says is masked, as the plan is.
//!
//! *Caveats.* Webhooks are asked too, if they say that a dry run has no side effects; they are told that it is one.

mod objects;
mod surroundings;

use std::collections::BTreeMap;

use strata_cluster::{ClusterClient, Marks};
use strata_model::{
    cluster::{Cluster, Connectivity, Infrastructure},
    evidence::{
        ApiInUse, Capacity, EVIDENCE_SCHEME, Evidence, Known, LiveOutcome, MachineCount, NodeCount, Reached,
    },
    object::{Destination, ObjectKey},
    plan::Plan,
    render::Render,
};
use strata_plan::evidence::{self, Question};
use strata_values::{Redactor, secret_object::secret_values};
use tokio::time::Instant;

use self::{objects::Found, surroundings::NodesAndPods};
use crate::{error::EngineError, reach::ReachError, session::Session, words::WITHHELD};

/// Why something is missing when the time is over.
const TOO_LATE: &str = "there was no answer in time";

/// A client, or why there is none, in words that may be shown.
type Reach = Result<ClusterClient, String>;

/// All that asking needs.
struct Asking {
    workload: Reach,
    management: Option<Reach>,
    marks: Marks,
    redactor: Redactor,
    until: Instant,
}

impl Session {
    /// Asks the cluster what a plan would do to it now.
    ///
    /// # Errors
    /// When what Strata itself knows cannot be read.
    pub(crate) async fn take_evidence(
        &self,
        cluster: &Cluster,
        plan: &Plan,
        render: &Render,
    ) -> Result<Evidence, EngineError> {
        let taken_at = self.now();
        let redactor = match self.words_redactor(cluster, &[]).await {
            Ok(known) => {
                let bodies = render.objects.iter().chain(render.hooks.iter().map(|hook| &hook.object));
                let own = bodies.flat_map(|object| secret_values(&object.body));
                known.with(render.secrets.iter().cloned().chain(own))
            }
            Err(error) => {
                tracing::warn!(cluster = %cluster.name, %error, "a cluster is not asked: its secrets are not known");
                return Ok(Evidence::not_reached(taken_at, WITHHELD));
            }
        };
        if cluster.connectivity.value == Connectivity::Offline {
            let why = format!("the cluster is OFFLINE: {}", cluster.connectivity.reason);
            return Ok(Evidence::not_reached(taken_at, redactor.mask_text(&why)));
        }
        let inventory = self.rows().inventory_list(cluster.id).await?;
        let (questions, left_out) = evidence::questions(plan, render, &inventory, evidence::MOST_OBJECTS);
        let until = Instant::now() + self.engine.options().live_deadline;
        let on_management = questions.iter().any(|it| it.destination == Destination::Management);
        let wants_management = on_management || plan.repave.required();
        let provided = matches!(cluster.infrastructure, Infrastructure::ClusterApi { .. });
        let (workload, management) = tokio::join!(
            self.reached(until, &redactor, async {
                let client = self.reach(cluster).await?;
                Self::check_identity(&client, cluster).await?;
                Ok(client)
            }),
            async {
                if !wants_management || !provided {
                    return Ok(None);
                }
                self.reached(until, &redactor, self.reach_management(cluster)).await.map(Some)
            }
        );
        let marks = Marks { installation: self.engine.store().installation().id, cluster: cluster.id };
        let asking = Asking { workload: workload?, management: management?, marks, redactor, until };
        let (found, nodes, machines, removed_apis) = tokio::join!(
            asking.objects(&questions),
            asking.nodes_and_pods(),
            asking.machines(cluster, plan),
            asking.removed_apis(cluster, render.kubernetes_version.as_ref()),
        );
        Ok(asking.evidence(taken_at, &questions, left_out, found, nodes, machines, removed_apis))
    }

    /// Opens a connection while there is time. A cluster that does not answer is told in words.
    async fn reached(
        &self,
        until: Instant,
        redactor: &Redactor,
        reaching: impl Future<Output = Result<ClusterClient, ReachError>>,
    ) -> Result<Reach, EngineError> {
        match tokio::time::timeout_at(until, Box::pin(reaching)).await {
            Ok(Ok(client)) => Ok(Ok(client)),
            Ok(Err(ReachError::Engine(error @ EngineError::Internal(_)))) => Err(error),
            Ok(Err(error)) => Ok(Err(redactor.mask_text(&error.to_string()))),
            Err(_elapsed) => Ok(Err(TOO_LATE.to_owned())),
        }
    }
}

impl Asking {
    #[expect(clippy::too_many_arguments, reason = "all that was found out, each told by another request")]
    fn evidence(
        &self,
        taken_at: strata_model::Timestamp,
        questions: &[Question<'_>],
        left_out: u32,
        mut found: BTreeMap<usize, Found>,
        seen: NodesAndPods,
        machines: Option<Known<Vec<MachineCount>>>,
        removed_apis: Option<Known<Vec<ApiInUse>>>,
    ) -> Evidence {
        let mut replicas: BTreeMap<ObjectKey, u64> = BTreeMap::new();
        let mut objects = Vec::new();
        let mut as_sent: u32 = 0;
        for question in questions {
            let Some(Found { evidence, replicas: count }) = found.remove(&question.place) else {
                objects.push(evidence::unread(question, None, TOO_LATE, &self.redactor));
                continue;
            };
            if let (Destination::Workload, Some(count)) = (question.destination, count) {
                replicas.insert(question.key.clone(), count);
            }
            let as_it_was = evidence.action.is_none()
                && evidence.outcome == LiveOutcome::Unchanged
                && evidence.drift.is_empty()
                && evidence.message.is_none();
            if as_it_was {
                as_sent = as_sent.saturating_add(1);
            } else {
                objects.push(evidence);
            }
        }
        let (nodes, capacity): (Known<NodeCount>, Known<Vec<Capacity>>) = match (seen.nodes, seen.pods) {
            (Known::Unknown { reason }, _) => {
                (Known::Unknown { reason: reason.clone() }, Known::Unknown { reason })
            }
            (Known::Told { value: nodes }, pods) => {
                let capacity = match pods {
                    Known::Told { value: pods } => {
                        Known::Told { value: evidence::capacity(&nodes, &pods, questions, &replicas) }
                    }
                    Known::Unknown { reason } => Known::Unknown { reason },
                };
                (Known::Told { value: evidence::nodes(&nodes) }, capacity)
            }
        };
        let reached = |reach: &Reach| match reach {
            Ok(_) => Reached::yes(),
            Err(why) => Reached { reached: false, reason: Some(why.clone()) },
        };
        Evidence {
            scheme: EVIDENCE_SCHEME,
            taken_at,
            cluster: reached(&self.workload),
            management: self.management.as_ref().map(reached),
            objects,
            as_sent,
            left_out,
            nodes,
            machines,
            capacity,
            removed_apis,
        }
    }
}
