//! Stopping what runs without deleting it, and starting it again.
//!
//! *Idea.* Three ways, by kind: the scale subresource, `suspend` (`CronJob`, `Job`), and for a DaemonSet a node selector that no
//! node has. [`ClusterClient::former_state`] reads what is needed to undo it; the caller makes that durable as a
//! [`RestoreRecord`], and only then calls [`ClusterClient::stop`] with it.
//!
//! *Guarantees.* Each change is bound to the UID of the record and to the resource version just read; what was recorded must
//! still be so, else [`ClusterError::Stale`]: record anew. Sent twice, both do nothing the second time. Starting never
//! undoes what somebody else did meanwhile.
//!
//! *Autoscalers.* A `HorizontalPodAutoscaler` rests while its target has no replicas. A `ScaledObject` of KEDA does not, and is
//! paused first and resumed afterwards.

use std::{sync::Arc, time::Duration};

use http::Method;
use serde_json::{Value, json};
use strata_model::{
    object::ObjectKey,
    orphan::{Reach, RestoreRecord},
};

use crate::{
    CLEANUP_MANAGER,
    client::ClusterClient,
    deadline::Deadline,
    discovery::KindInfo,
    error::{Call, ClusterError},
    objects::{Metadata, ObjectReference},
    paths::with_query,
    transport::{Ask, MERGE_PATCH},
};

/// The node selector that parks a DaemonSet: no node has this label.
pub const PARKED_SELECTOR: &str = "strata.dev/parked";
const KEDA_PAUSED: &str = "autoscaling.keda.sh/paused";
/// How often a change is tried again when the object moves under it: status updates of a busy workload do that.
const MAX_ROUNDS: usize = 8;

/// What is to be recorded before an object is stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct FormerState {
    /// The UID of the object.
    pub uid: String,
    /// How it can be stopped; never [`Reach::None`].
    pub reach: Reach,
    /// What [`ClusterClient::start`] needs.
    pub former: Value,
    /// Autoscalers that have it as their target.
    pub autoscalers: Vec<ObjectKey>,
    /// Whether it is stopped already: nothing to do, and nothing of ours to undo.
    pub is_stopped: bool,
}

struct Target {
    key: ObjectKey,
    info: Arc<KindInfo>,
    reach: Reach,
    deadline: Deadline,
}

impl Target {
    fn path(&self) -> String {
        let path = self.info.object(self.key.namespace.as_deref(), &self.key.name);
        if self.reach == Reach::Scale { format!("{path}/scale") } else { path }
    }
}

/// How objects of a kind can be stopped, from its group, name, and whether it has a scale subresource.
#[must_use]
pub fn reach_of(group: &str, kind: &str, has_scale: bool) -> Reach {
    match (group, kind) {
        ("batch", "CronJob" | "Job") => Reach::Suspend,
        ("apps", "DaemonSet") => Reach::Park,
        _ if has_scale => Reach::Scale,
        _ => Reach::None,
    }
}

impl ClusterClient {
    /// How an object can be stopped, as far as its kind tells.
    ///
    /// # Errors
    /// As every request; a kind that is not served is [`Reach::None`].
    pub async fn reach(&self, reference: &ObjectReference) -> Result<Reach, ClusterError> {
        match self.target(reference, "stop").await {
            Ok(target) => Ok(target.reach),
            Err(ClusterError::NotStoppable { .. } | ClusterError::UnknownKind { .. }) => Ok(Reach::None),
            Err(error) => Err(error),
        }
    }

    /// Reads what must be recorded before an object is stopped; `None` when it does not exist.
    ///
    /// # Errors
    /// [`ClusterError::NotStoppable`] when its kind cannot be stopped; as every request.
    pub async fn former_state(
        &self,
        reference: &ObjectReference,
    ) -> Result<Option<FormerState>, ClusterError> {
        let target = self.target(reference, "stop").await?;
        let live = match self.current(&target, "read").await {
            Ok(live) => live,
            Err(ClusterError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if target.reach == Reach::Suspend && is_finished(&live) {
            let reason = "it has finished already".to_owned();
            return Err(ClusterError::NotStoppable { call: Call::on("stop", &target.key), reason });
        }
        let mut former = state(target.reach, &live);
        let mut autoscalers = Vec::new();
        if target.reach == Reach::Scale {
            let mut to_pause = Vec::new();
            for (key, object) in self.autoscalers(&target.key, target.deadline).await? {
                if key.group == "keda.sh" && annotation(&object, KEDA_PAUSED).is_none() {
                    to_pause.push(Value::String(key.name.clone()));
                }
                autoscalers.push(key);
            }
            if !to_pause.is_empty() {
                former["pausedScaledObjects"] = Value::Array(to_pause);
            }
        }
        let is_stopped = is_stopped(target.reach, &state(target.reach, &live));
        Ok(Some(FormerState {
            uid: Metadata::of(&live).uid,
            reach: target.reach,
            former,
            autoscalers,
            is_stopped,
        }))
    }

    /// Stops an object whose former state is recorded.
    ///
    /// # Errors
    /// [`ClusterError::Stale`] when the object is another one or no longer as recorded; [`ClusterError::NotFound`];
    /// as every request.
    pub async fn stop(
        &self,
        reference: &ObjectReference,
        record: &RestoreRecord,
    ) -> Result<(), ClusterError> {
        let target = self.target(reference, "stop").await?;
        self.pause_scaled_objects(&target, record, true).await?;
        self.change(&target, "stop", record, |live| {
            let now = state(target.reach, live);
            if is_stopped(target.reach, &now) {
                return Ok(None);
            }
            if !agrees(&now, &record.former) {
                return Err(format!("it is {now} by now"));
            }
            Ok(Some(match target.reach {
                Reach::Suspend => json!({"suspend": true}),
                Reach::Park => json!({"template": {"spec": {"nodeSelector": {PARKED_SELECTOR: "true"}}}}),
                Reach::Scale | Reach::None => json!({"replicas": 0}),
            }))
        })
        .await
    }

    /// Gives a stopped object its former state back. What somebody else started meanwhile stays as it is.
    ///
    /// # Errors
    /// [`ClusterError::Stale`] when the object is another one; [`ClusterError::NotFound`]; as every request.
    pub async fn start(
        &self,
        reference: &ObjectReference,
        record: &RestoreRecord,
    ) -> Result<(), ClusterError> {
        let target = self.target(reference, "start").await?;
        self.change(&target, "start", record, |live| {
            if !is_stopped(target.reach, &state(target.reach, live)) {
                return Ok(None);
            }
            let former = &record.former;
            Ok(Some(match target.reach {
                Reach::Suspend => json!({"suspend": former.get("suspend").cloned().unwrap_or(Value::Null)}),
                Reach::Park => json!({"template": {"spec": {"nodeSelector": {PARKED_SELECTOR: null}}}}),
                Reach::Scale | Reach::None => {
                    json!({"replicas": former.get("replicas").cloned().unwrap_or_else(|| json!(1))})
                }
            }))
        })
        .await?;
        self.pause_scaled_objects(&target, record, false).await
    }

    /// Sets the replicas of whatever has a scale subresource; answers the former number.
    ///
    /// # Errors
    /// [`ClusterError::NotStoppable`] without a scale subresource; [`ClusterError::Stale`] when it is another object than
    /// `uid`; [`ClusterError::NotFound`]; as every request.
    pub async fn scale(
        &self,
        reference: &ObjectReference,
        replicas: u32,
        uid: Option<&str>,
    ) -> Result<u32, ClusterError> {
        let target = self.target(reference, "scale").await?;
        if target.reach != Reach::Scale {
            let reason = "its kind has no scale subresource".to_owned();
            return Err(ClusterError::NotStoppable { call: Call::on("scale", &target.key), reason });
        }
        let mut former = 0;
        self.patch(&target, "scale", uid, |live| {
            let now = live.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(0);
            former = u32::try_from(now).unwrap_or(u32::MAX);
            Ok((former != replicas).then(|| json!({"replicas": replicas})))
        })
        .await?;
        Ok(former)
    }

    async fn target(&self, reference: &ObjectReference, verb: &'static str) -> Result<Target, ClusterError> {
        let deadline = self.transport.deadline();
        let key = reference.key.clone();
        let info = self.kind_of(&key, reference.api_version.as_deref(), deadline).await?;
        let reach = reach_of(&key.group, &key.kind, info.has_subresource("scale"));
        if reach == Reach::None {
            let reason = "its kind can neither be scaled nor suspended nor parked".to_owned();
            return Err(ClusterError::NotStoppable { call: Call::on(verb, &key), reason });
        }
        Ok(Target { key, info, reach, deadline })
    }

    async fn current(&self, target: &Target, verb: &'static str) -> Result<Value, ClusterError> {
        let ask = Ask::get(Call::on(verb, &target.key), target.path(), target.deadline);
        Ok(self.transport.ask(&ask).await?.body)
    }

    async fn change(
        &self,
        target: &Target,
        verb: &'static str,
        record: &RestoreRecord,
        decide: impl Fn(&Value) -> Result<Option<Value>, String>,
    ) -> Result<(), ClusterError> {
        if record.reach != target.reach {
            let reason = format!("the record is of another way to stop it ({:?})", record.reach);
            return Err(ClusterError::NotStoppable { call: Call::on(verb, &target.key), reason });
        }
        self.patch(target, verb, Some(&record.uid), decide).await
    }

    /// Reads, decides, patches the spec bound to what was read; again if it moved.
    async fn patch(
        &self,
        target: &Target,
        verb: &'static str,
        uid: Option<&str>,
        mut decide: impl FnMut(&Value) -> Result<Option<Value>, String>,
    ) -> Result<(), ClusterError> {
        let call = Call::on(verb, &target.key);
        let stale = |message: String| ClusterError::Stale { call: call.clone(), message };
        let mut last = None;
        for round in 0..MAX_ROUNDS {
            let live = self.current(target, verb).await?;
            let metadata = Metadata::of(&live);
            if uid.is_some_and(|uid| uid != metadata.uid) {
                return Err(stale("it is another object of the same name".to_owned()));
            }
            let Some(spec) = decide(&live).map_err(stale)? else { return Ok(()) };
            let body = json!({"metadata": {"resourceVersion": metadata.resource_version}, "spec": spec});
            let path = with_query(&target.path(), &[("fieldManager", CLEANUP_MANAGER)]);
            let ask = Ask::send(call.clone(), Method::PATCH, path, MERGE_PATCH, &body, target.deadline);
            match self.transport.ask(&ask).await {
                Ok(_) => return Ok(()),
                Err(refusal) => match refusal.error {
                    error @ ClusterError::Stale { .. } => last = Some(error),
                    error => return Err(error),
                },
            }
            let pause = Duration::from_millis(50 * (1 << round.min(5)));
            tokio::time::sleep(pause.min(target.deadline.remaining())).await;
        }
        Err(last.unwrap_or_else(|| stale("it moved again and again".to_owned())))
    }

    async fn pause_scaled_objects(
        &self,
        target: &Target,
        record: &RestoreRecord,
        pause: bool,
    ) -> Result<(), ClusterError> {
        let names = record.former.get("pausedScaledObjects").and_then(Value::as_array);
        for name in names.into_iter().flatten().filter_map(Value::as_str) {
            let key = ObjectKey {
                group: "keda.sh".to_owned(),
                kind: "ScaledObject".to_owned(),
                namespace: target.key.namespace.clone(),
                name: name.to_owned(),
            };
            let info = self.kind_of(&key, None, target.deadline).await?;
            let path = info.object(key.namespace.as_deref(), &key.name);
            let path = with_query(&path, &[("fieldManager", CLEANUP_MANAGER)]);
            let value = if pause { json!("true") } else { Value::Null };
            let body = json!({"metadata": {"annotations": {KEDA_PAUSED: value}}});
            let call = Call::on(if pause { "pause" } else { "resume" }, &key);
            match self
                .transport
                .ask(&Ask::send(call, Method::PATCH, path, MERGE_PATCH, &body, target.deadline))
                .await
            {
                Ok(_) => {}
                // It went meanwhile, and scales nothing any more.
                Err(refusal) if matches!(refusal.error, ClusterError::NotFound { .. }) => {}
                Err(refusal) => return Err(refusal.error),
            }
        }
        Ok(())
    }
}

/// The part of an object that stopping it changes.
fn state(reach: Reach, live: &Value) -> Value {
    let at = |pointer: &str| live.pointer(pointer).cloned().unwrap_or(Value::Null);
    match reach {
        Reach::Suspend => json!({"suspend": at("/spec/suspend")}),
        Reach::Park => json!({"nodeSelector": at("/spec/template/spec/nodeSelector")}),
        // The API leaves zero out.
        Reach::Scale | Reach::None => {
            json!({"replicas": live.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(0)})
        }
    }
}

fn is_stopped(reach: Reach, state: &Value) -> bool {
    match reach {
        Reach::Suspend => state.get("suspend") == Some(&Value::Bool(true)),
        Reach::Park => {
            state.pointer("/nodeSelector").is_some_and(|selector| selector.get(PARKED_SELECTOR).is_some())
        }
        Reach::Scale | Reach::None => state.get("replicas").and_then(Value::as_u64) == Some(0),
    }
}

/// Whether what is there now is what the record says, in the part that stopping changes.
fn agrees(now: &Value, former: &Value) -> bool {
    now.as_object()
        .is_some_and(|now| now.iter().all(|(key, value)| former.get(key).unwrap_or(&Value::Null) == value))
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(name)?.as_str()
}

fn is_finished(job: &Value) -> bool {
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        matches!(condition.get("type").and_then(Value::as_str), Some("Complete" | "Failed"))
            && condition.get("status").and_then(Value::as_str) == Some("True")
    })
}
