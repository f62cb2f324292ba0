//! Asking for each object what the change would do to it.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, future::BoxFuture, stream};
use serde_json::Value;
use strata_cluster::{
    Applied, ApplyOptions, ClusterClient, ClusterError, Effect, Metadata, ObjectReference, Ownership,
    ownership,
};
use strata_model::{
    evidence::{HeldField, ObjectEvidence},
    inventory::InventoryEntry,
    object::Destination,
    profile::ConflictPolicy,
};
use strata_plan::evidence::{self, Answer, Coming, Next, Question, Whose};

use super::Asking;
use crate::tasks::{hooks, send};

/// How many objects are asked for at a time; with what is read meanwhile there are at most eight requests.
const AT_A_TIME: usize = 5;
/// What stands in a hook's mark while nobody runs it.
const NO_RUN: &str = "preview";

/// What was found out about one object.
pub(super) struct Found {
    pub(super) evidence: ObjectEvidence,
    /// What it has now, of a workload that counts its replicas.
    pub(super) replicas: Option<u64>,
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
    pub(super) async fn objects(&self, questions: &[Question<'_>]) -> BTreeMap<usize, Found> {
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
            Next::DryRunOfCopy => {
                let answer = self.dry_run_of_copy(client, question).await;
                evidence::read_copy(question, answer, coming, redactor)
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

    /// Asks what sending a copy would do of an object that is deleted first.
    async fn dry_run_of_copy(&self, client: &ClusterClient, question: &Question<'_>) -> Option<Answer> {
        let body = match (question.hook, question.object) {
            (Some(hook), _) => evidence::copy(&hooks::marked(&hook.object.body, NO_RUN)),
            (None, Some(object)) => evidence::copy(&object.body),
            (None, None) => None,
        };
        Some(match client.apply(&body?, &asked(ApplyOptions::default())).await {
            Ok(applied) => done(applied),
            Err(error) => answer_of(error),
        })
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
