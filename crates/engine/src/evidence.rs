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

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, future::BoxFuture, stream};
use serde_json::Value;
use strata_cluster::{
    Applied, ApplyOptions, ClusterClient, ClusterError, Effect, ListOptions, Marks, Metadata,
    ObjectReference, Ownership, ownership,
};
use strata_model::{
    cluster::{Cluster, Connectivity, Infrastructure},
    evidence::{
        ApiInUse, Capacity, EVIDENCE_SCHEME, Evidence, HeldField, Known, LiveOutcome, MachineCount,
        NodeCount, ObjectEvidence, Reached,
    },
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    plan::{Plan, RepaveScope},
    profile::ConflictPolicy,
    render::Render,
    version::KubernetesVersion,
};
use strata_plan::evidence::{self, Answer, Coming, Next, Question, Whose};
use strata_values::{Redactor, secret_object::secret_values};
use tokio::time::Instant;

use crate::{
    error::EngineError,
    reach::ReachError,
    session::Session,
    tasks::{hooks, send},
    words::WITHHELD,
};

/// How many objects are asked for at a time; with what is read meanwhile there are at most eight requests.
const AT_A_TIME: usize = 5;
/// What stands in a hook's mark while nobody runs it.
const NO_RUN: &str = "preview";
/// Why something is missing when the time is over.
const TOO_LATE: &str = "there was no answer in time";

/// A client, or why there is none, in words that may be shown.
type Reach = Result<ClusterClient, String>;

/// What was found out about one object.
struct Found {
    evidence: ObjectEvidence,
    /// What it has now, of a workload that counts its replicas.
    replicas: Option<u64>,
}

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

/// Nodes and Pods, as far as they were told.
struct NodesAndPods {
    nodes: Known<Vec<Value>>,
    pods: Known<Vec<Value>>,
}

impl Asking {
    fn client(&self, destination: Destination) -> Result<&ClusterClient, &str> {
        match (destination, &self.management) {
            (Destination::Workload, _) => self.workload.as_ref().map_err(String::as_str),
            (Destination::Management, Some(reach)) => reach.as_ref().map_err(String::as_str),
            (Destination::Management, None) => Err("the cluster has no management cluster"),
        }
    }

    /// Asks for all objects, those first on which others stand. What is not answered in time is missing.
    async fn objects(&self, questions: &[Question<'_>]) -> BTreeMap<usize, Found> {
        let nothing = Coming::default();
        let (first, rest): (Vec<_>, Vec<_>) =
            questions.iter().copied().partition(|question| question.is_foundation());
        let mut found = self.round(first.clone(), &nothing).await;
        let known = first.iter().filter_map(|it| Some((it, &found.get(&it.place)?.evidence)));
        let coming = Coming::new(questions, known);
        // A foundation may itself wait for another; what is said of it then is another outcome.
        for question in &first {
            if let Some(found) = found.get_mut(&question.place) {
                found.evidence = coming.reconsidered(question, found.evidence.clone());
            }
        }
        found.extend(self.round(rest, &coming).await);
        found
    }

    async fn round(&self, questions: Vec<Question<'_>>, coming: &Coming) -> BTreeMap<usize, Found> {
        let mut asking: Vec<BoxFuture<'_, (usize, Found)>> = Vec::with_capacity(questions.len());
        for question in questions {
            asking.push(Box::pin(async move { (question.place, self.ask(&question, coming).await) }));
        }
        let mut answers = stream::iter(asking).buffer_unordered(AT_A_TIME);
        let mut found = BTreeMap::new();
        while let Ok(Some((place, answer))) = tokio::time::timeout_at(self.until, answers.next()).await {
            found.insert(place, answer);
        }
        found
    }

    async fn ask(&self, question: &Question<'_>, coming: &Coming) -> Found {
        let redactor = &self.redactor;
        let client = match self.client(question.destination) {
            Ok(client) => client,
            Err(why) => {
                return Found { evidence: evidence::unread(question, None, why, redactor), replicas: None };
            }
        };
        let reference = ObjectReference::new(question.key.clone(), question.api_version);
        let mut live = match client.get(&reference).await {
            Ok(live) => live,
            Err(error) => {
                let (code, words) = (error.code().to_owned(), error.to_string());
                let evidence = evidence::unread(question, Some(code), &words, redactor);
                return Found { evidence, replicas: None };
            }
        };
        let replicas = live.as_ref().and_then(evidence::live_replicas);
        let whose = self.whose(live.as_ref());
        let mut said = match evidence::next(question, live.as_ref(), &whose, coming, redactor) {
            Next::Said(said) => *said,
            Next::DryRun => {
                let answer = match self.dry_run(client, question).await {
                    Ok(applied) => {
                        // Somebody changed it between the two: what it is compared with is read once more.
                        let moved = live
                            .as_ref()
                            .map(Metadata::of)
                            .is_some_and(|before| before.resource_version != applied.resource_version);
                        if moved && let Ok(again) = client.get(&reference).await {
                            live = again;
                        }
                        done(applied)
                    }
                    Err(error) => answer_of(error),
                };
                evidence::read(question, live.as_ref(), answer, coming, redactor)
            }
        };
        if let (Some(sent), Some(live)) = (question.sent(), &live)
            && whose_was_sent(question, live, &whose)
        {
            match self.dry_run_of_sent(client, question, sent).await {
                Ok(applied) => said.drift = evidence::drift(sent, live, &applied.live, redactor),
                Err(error) if question.action.is_none() => {
                    let words =
                        format!("whether it is as it was last sent is not known: {}", words_of(&error));
                    said.code = Some(error.code().to_owned());
                    said.message = Some(redactor.mask_text(&words));
                }
                // What the change itself would meet is told already.
                Err(_) => {}
            }
        }
        Found { evidence: said, replicas }
    }

    fn whose(&self, live: Option<&Value>) -> Whose {
        match ownership(live.map(Metadata::of).as_ref(), &self.marks) {
            Ownership::Absent => Whose::Nobodys,
            Ownership::Ours => Whose::Ours,
            Ownership::OtherCluster { cluster } => {
                Whose::Others { managers: vec![format!("strata for cluster {cluster}")] }
            }
            Ownership::NotOurs { managers } => Whose::Others { managers },
        }
    }

    /// Asks what sending an object would do, with the options of the change.
    async fn dry_run(
        &self,
        client: &ClusterClient,
        question: &Question<'_>,
    ) -> Result<Applied, ClusterError> {
        match (question.hook, question.object, question.action) {
            (Some(hook), ..) => {
                let body = hooks::marked(&hook.object.body, NO_RUN);
                client.apply(&body, &asked(hooks::options(hook, self.marks.clone()))).await
            }
            (None, Some(object), Some(action)) => {
                let uid = question.known.and_then(|known| known.uid.as_deref());
                let options = send::options(object, action, uid, self.marks.clone());
                client.apply(&object.body, &asked(options)).await
            }
            _ => Err(ClusterError::UnknownKind {
                api_version: question.api_version.to_owned(),
                kind: question.key.kind.clone(),
            }),
        }
    }

    /// Asks what sending would do that was sent last. What others hold by right stays theirs; what they took is told.
    async fn dry_run_of_sent(
        &self,
        client: &ClusterClient,
        question: &Question<'_>,
        sent: &Value,
    ) -> Result<Applied, ClusterError> {
        let policy = question.object.map_or(ConflictPolicy::Fail, |object| object.on_conflict);
        let on_conflict =
            if policy == ConflictPolicy::Yield { ConflictPolicy::Yield } else { ConflictPolicy::Force };
        client.apply(sent, &asked(ApplyOptions { on_conflict, ..ApplyOptions::default() })).await
    }

    async fn nodes_and_pods(&self) -> NodesAndPods {
        let client = match &self.workload {
            Ok(client) => client,
            Err(why) => {
                let unknown = || Known::Unknown { reason: why.clone() };
                return NodesAndPods { nodes: unknown(), pods: unknown() };
            }
        };
        let unended = ListOptions {
            field_selector: Some("status.phase!=Succeeded,status.phase!=Failed".to_owned()),
            ..ListOptions::default()
        };
        let nodes = self.known(client.list("v1", "Node", &ListOptions::default())).await;
        NodesAndPods { nodes, pods: self.known(client.list("v1", "Pod", &unended)).await }
    }

    /// The machines of the control plane and of pools, when they are replaced and Cluster API tells.
    async fn machines(&self, cluster: &Cluster, plan: &Plan) -> Option<Known<Vec<MachineCount>>> {
        let Infrastructure::ClusterApi { namespace, name, .. } = &cluster.infrastructure else { return None };
        let client = match self.management.as_ref().filter(|_| plan.repave.required())? {
            Ok(client) => client,
            Err(why) => return Some(Known::Unknown { reason: why.clone() }),
        };
        let status = match self.known(client.cluster_api_status(namespace, name)).await {
            Known::Told { value: Some(status) } => status,
            Known::Told { value: None } => {
                return Some(Known::Unknown { reason: "Cluster API has no such cluster yet".to_owned() });
            }
            Known::Unknown { reason } => return Some(Known::Unknown { reason }),
        };
        let plane_goes = matches!(plan.repave.scope, RepaveScope::ControlPlane | RepaveScope::Full);
        let count =
            |pool: Option<String>, machines: strata_cluster::cluster_api::Machines, repaved| MachineCount {
                pool,
                wanted: machines.wanted,
                present: machines.present,
                ready: machines.ready,
                repaved,
            };
        let plane = status.control_plane.iter().map(|plane| count(None, plane.machines, plane_goes));
        let pools = status.pools.iter().map(|(name, pool)| {
            let goes = plan.repave.scope == RepaveScope::Full || plan.repave.pools.contains(name);
            count(Some(name.clone()), pool.machines, goes)
        });
        Some(Known::Told { value: plane.chain(pools).collect() })
    }

    /// Which APIs are in use that a higher Kubernetes minor does not have any more.
    async fn removed_apis(
        &self,
        cluster: &Cluster,
        target: Option<&KubernetesVersion>,
    ) -> Option<Known<Vec<ApiInUse>>> {
        let (target, present) = (target?, cluster.kubernetes_version.as_ref()?);
        if target.minors_ahead_of(present) <= 0 {
            return None;
        }
        let told = match &self.workload {
            Ok(client) => self.known(client.deprecated_apis_in_use()).await,
            Err(why) => Known::Unknown { reason: why.clone() },
        };
        Some(match told {
            Known::Told { value } => Known::Told { value: evidence::removed(value, target) },
            unknown @ Known::Unknown { .. } => unknown,
        })
    }

    /// What is told in time.
    async fn known<T>(&self, asked: impl Future<Output = Result<T, ClusterError>>) -> Known<T> {
        match tokio::time::timeout_at(self.until, Box::pin(asked)).await {
            Ok(Ok(value)) => Known::Told { value },
            Ok(Err(error)) => Known::Unknown { reason: self.redactor.mask_text(&error.to_string()) },
            Err(_elapsed) => Known::Unknown { reason: TOO_LATE.to_owned() },
        }
    }

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

/// The options of a change, for a dry run. Nothing is waited for.
fn asked(options: ApplyOptions) -> ApplyOptions {
    ApplyOptions { dry_run: true, patience: Duration::ZERO, ..options }
}

/// Whether what is there is what was sent, so that differences are drift.
fn whose_was_sent(question: &Question<'_>, live: &Value, whose: &Whose) -> bool {
    let uid = question.known.and_then(|known: &InventoryEntry| known.uid.as_deref());
    *whose == Whose::Ours || (uid.is_some() && uid == live.pointer("/metadata/uid").and_then(Value::as_str))
}

fn done(applied: Applied) -> Answer {
    Answer::Done {
        created: applied.effect == Effect::Created,
        object: applied.live,
        yielded: applied.yielded_fields,
    }
}

/// What a refusal says, without what was being done.
fn words_of(error: &ClusterError) -> String {
    match error {
        ClusterError::AdmissionDenied { message, .. }
        | ClusterError::Forbidden { message, .. }
        | ClusterError::Invalid { message, .. }
        | ClusterError::ImmutableField { message, .. }
        | ClusterError::Rejected { message, .. }
        | ClusterError::NotFound { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

fn answer_of(error: ClusterError) -> Answer {
    let (code, message) = (error.code().to_owned(), words_of(&error));
    match error {
        ClusterError::FieldConflict { fields, .. } => {
            let held = |it: strata_cluster::FieldConflict| HeldField { field: it.field, manager: it.manager };
            Answer::Conflict(fields.into_iter().map(held).collect())
        }
        ClusterError::NotOurs { managers, .. } => Answer::NotOurs { managers },
        ClusterError::UnknownKind { .. } => Answer::UnknownKind { message },
        ClusterError::NotFound { .. } => Answer::NotFound { code, message },
        ClusterError::AdmissionDenied { .. }
        | ClusterError::Forbidden { .. }
        | ClusterError::Invalid { .. }
        | ClusterError::ImmutableField { .. }
        | ClusterError::Rejected { .. }
        | ClusterError::TooLarge { .. } => Answer::Refused { code, message },
        // An object that cannot be read as one of its kind: the server answers 500, and always will.
        ClusterError::Unavailable { status: 500, message: said, .. }
            if said.starts_with("failed to create typed") =>
        {
            Answer::Refused { code, message: said }
        }
        _ => Answer::Silent { code, message },
    }
}
