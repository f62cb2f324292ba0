//! Sending objects: server-side apply, and what to do when another manager holds a field.
//!
//! *Idea.* One PATCH in the ordinary case. On a conflict: fields that an autoscaler holds are always left to it;
//! the rest by the layer's policy is an error, left to the other manager, or taken. Strata's own managers never
//! conflict with each other: what only they hold is taken over.
//!
//! *Guarantees.* Force is never sent blindly: first the resource version is read, then the conflicts are asked for
//! once more, and only if all of them may be taken is force sent, bound to that resource version. If anything else
//! moved in between, the server refuses and it begins anew.
//!
//! Nor is somebody else's object changed by mistake. What our inventory does not know is looked at first; what it
//! knows is bound to its UID, which costs nothing, and is looked at only if the server says that it is another object.
//!
//! *Caveats.* Both need [`ApplyOptions::check`]; without it whatever has the name is changed.

use std::{fmt, time::Duration};

use http::{Method, StatusCode};
use serde_json::Value;
use strata_model::{
    object::{ObjectKey, split_api_version},
    profile::ConflictPolicy,
};

use crate::{
    MANAGER,
    client::{ClusterClient, Version},
    deadline::Deadline,
    delete::Preconditions,
    error::{Call, ClusterError, FieldConflict},
    field_path, is_own_manager,
    objects::{Metadata, ObjectReference},
    ownership::{Marks, Ownership, ownership},
    paths::with_query,
    transport::{APPLY_PATCH, Answer, Ask, METADATA, Refusal, backoff},
};

/// Most rounds of sending one object: each ends it, leaves fields out, or reads anew.
const MAX_ROUNDS: usize = 10;
/// Most of them that only wait: together three seconds.
const MAX_WAITS: u32 = 4;

/// How to apply an object.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// The field manager.
    pub manager: String,
    /// What to do about fields that others hold.
    pub on_conflict: ConflictPolicy,
    /// Whether the server only says what it would do.
    pub dry_run: bool,
    /// Refuse with [`ClusterError::NotOurs`] if the object exists without these marks. Costs one small request, unless
    /// the UID is given.
    pub check: Option<Marks>,
    /// The UID that the object had when it was last applied, for [`Self::check`].
    pub uid: Option<String>,
    /// The resource version that the object had, if known: then it is known whether the apply changed it.
    pub before: Option<String>,
    /// How long to wait for a kind that is not served yet (its CRD was just applied).
    pub patience: Duration,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            manager: MANAGER.to_owned(),
            on_conflict: ConflictPolicy::default(),
            dry_run: false,
            check: None,
            uid: None,
            before: None,
            patience: Duration::from_secs(10),
        }
    }
}

/// What an apply did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The object is new.
    Created,
    /// Its resource version moved.
    Changed,
    /// It was as wanted.
    Unchanged,
    /// It was sent; whether that changed anything is not known, as the former version was not.
    Sent,
}

/// An object as it is after an apply.
#[derive(Clone)]
pub struct Applied {
    /// UID.
    pub uid: String,
    /// Resource version.
    pub resource_version: String,
    /// Generation, for kinds that count it: health evidence must have seen it.
    pub generation: Option<i64>,
    /// What happened.
    pub effect: Effect,
    /// Fields left to other managers, as Kubernetes writes them.
    pub yielded_fields: Vec<String>,
    /// The object as the server answered it; may hold secrets.
    pub live: Value,
}

impl Applied {
    /// Whether something changed, as far as known.
    #[must_use]
    pub const fn changed(&self) -> bool {
        !matches!(self.effect, Effect::Unchanged)
    }
}

impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Applied")
            .field("uid", &self.uid)
            .field("resource_version", &self.resource_version)
            .field("generation", &self.generation)
            .field("effect", &self.effect)
            .field("yielded_fields", &self.yielded_fields)
            .finish_non_exhaustive()
    }
}

/// One object on its way.
struct Sending<'a> {
    key: ObjectKey,
    api_version: String,
    call: Call,
    options: &'a ApplyOptions,
    deadline: Deadline,
    body: Value,
    yielded: Vec<String>,
    /// The UID that the apply is bound to.
    uid: Option<String>,
    /// The resource version that a takeover is bound to.
    guard: Option<String>,
    force: bool,
}

impl ClusterClient {
    /// Applies an object, or says what applying would do.
    ///
    /// # Errors
    /// [`ClusterError::FieldConflict`] by the policy; [`ClusterError::NotOurs`]; [`ClusterError::ImmutableField`];
    /// [`ClusterError::UnknownKind`] when its kind is not served within the patience; as every request.
    pub async fn apply(&self, body: &Value, options: &ApplyOptions) -> Result<Applied, ClusterError> {
        self.apply_until(body, options, self.transport.deadline()).await
    }

    async fn apply_until(
        &self,
        body: &Value,
        options: &ApplyOptions,
        deadline: Deadline,
    ) -> Result<Applied, ClusterError> {
        let verb = if options.dry_run { "dry-run" } else { "apply" };
        let (Some(key), Some(api_version)) =
            (ObjectKey::of(body), body.get("apiVersion").and_then(Value::as_str))
        else {
            return Err(ClusterError::Invalid {
                call: Call::about(verb, "an object"),
                fields: vec![],
                message: "the manifest lacks apiVersion, kind or name".to_owned(),
            });
        };
        let call = Call::on(verb, &key);
        let mut before = options.before.clone();
        let mut is_new = false;
        if let (Some(marks), None) = (&options.check, &options.uid) {
            let reference = ObjectReference::new(key.clone(), api_version);
            let existing = self.read(&reference, METADATA, deadline).await?.as_ref().map(Metadata::of);
            match ours(existing, marks, &call)? {
                None => is_new = true,
                Some(metadata) => before = Some(metadata.resource_version),
            }
        }
        let mut body = body.clone();
        // Manifests exported from a cluster carry these; the first is refused, the others would bind the apply to the past.
        if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in ["managedFields", "resourceVersion", "uid"] {
                metadata.shift_remove(field);
            }
        }
        let mut sending = Sending {
            api_version: api_version.to_owned(),
            key,
            call,
            options,
            deadline,
            body,
            yielded: Vec::new(),
            uid: options.uid.clone().filter(|_| options.check.is_some()),
            guard: None,
            force: false,
        };
        let answer = self.apply_rounds(&mut sending).await?;
        sending.yielded.sort();
        let metadata = Metadata::of(&answer.body);
        let effect = match (&before, answer.status) {
            (_, StatusCode::CREATED) => Effect::Created,
            _ if is_new => Effect::Changed,
            (Some(before), _) if *before == metadata.resource_version => Effect::Unchanged,
            (Some(_), _) => Effect::Changed,
            (None, _) => Effect::Sent,
        };
        if sending.key.kind == "CustomResourceDefinition" && !options.dry_run {
            self.forget_discovery().await;
        }
        Ok(Applied {
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            generation: metadata.generation,
            effect,
            yielded_fields: sending.yielded,
            live: answer.body,
        })
    }

    /// Deletes an object that cannot be changed in place and applies it anew. `uid` is that of the object to go.
    ///
    /// Sent again after a crash it does the same: what is gone is not deleted twice, and a new object of another UID
    /// is not deleted but applied to; give [`ApplyOptions::check`], so that this is not somebody else's.
    ///
    /// # Errors
    /// [`ClusterError::TimedOut`] when the object is not gone within `patience`; as [`Self::apply`].
    pub async fn replace(
        &self,
        body: &Value,
        uid: &str,
        options: &ApplyOptions,
        patience: Duration,
    ) -> Result<Applied, ClusterError> {
        let (Some(key), Some(api_version)) =
            (ObjectKey::of(body), body.get("apiVersion").and_then(Value::as_str))
        else {
            return self.apply(body, options).await;
        };
        let reference = ObjectReference::new(key, api_version);
        let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        match self.delete(&reference, &preconditions).await {
            Ok(_) => self.wait_gone(&reference, Some(uid), patience).await?,
            // Another object has taken its name already.
            Err(ClusterError::Stale { .. }) => {}
            Err(error) => return Err(error),
        }
        self.apply(body, options).await
    }

    async fn apply_rounds(&self, sending: &mut Sending<'_>) -> Result<Answer, ClusterError> {
        let mut last = None;
        // Rounds that only wait for the server to catch up.
        let mut waits = 0;
        for _ in 0..MAX_ROUNDS {
            match self.send(sending).await {
                Ok(answer) => return Ok(answer),
                Err(Refusal { error: ClusterError::FieldConflict { fields, .. }, .. }) => {
                    let error =
                        ClusterError::FieldConflict { call: sending.call.clone(), fields: fields.clone() };
                    self.settle(sending, fields).await?;
                    last = Some(error);
                }
                // The object moved, or went, under a takeover: from the beginning, with what is there now.
                Err(Refusal {
                    error: error @ (ClusterError::Stale { .. } | ClusterError::NotFound { .. }),
                    ..
                }) if sending.guard.is_some() => {
                    sending.guard = None;
                    sending.force = false;
                    last = Some(error);
                }
                // It is not the object that was applied before, or it moved at this instant.
                Err(Refusal { error, .. })
                    if sending.uid.is_some() && waits < MAX_WAITS && is_other_object(&error) =>
                {
                    if !self.rebind(sending).await? {
                        waits += 1;
                        tokio::time::sleep(backoff(waits).min(sending.deadline.remaining())).await;
                    }
                    last = Some(error);
                }
                // Created by another at this instant, or a path that one of several servers does not serve yet.
                Err(refusal)
                    if waits < MAX_WAITS
                        && (refusal.unknown_path || matches!(refusal.error, ClusterError::Stale { .. })) =>
                {
                    if refusal.unknown_path {
                        self.forget_discovery().await;
                    }
                    waits += 1;
                    tokio::time::sleep(backoff(waits).min(sending.deadline.remaining())).await;
                    last = Some(refusal.error);
                }
                Err(refusal) => return Err(refusal.error),
            }
            if sending.deadline.is_over() {
                break;
            }
        }
        Err(last.unwrap_or_else(|| ClusterError::TimedOut {
            call: sending.call.clone(),
            reason: "the time was over before it could be sent".to_owned(),
        }))
    }

    /// Looks at what has the name now, and binds the apply to that if it is ours. Says whether it is another object.
    async fn rebind(&self, sending: &mut Sending<'_>) -> Result<bool, ClusterError> {
        let reference = ObjectReference::new(sending.key.clone(), sending.api_version.clone());
        let live = self.read(&reference, METADATA, sending.deadline).await?.as_ref().map(Metadata::of);
        let former = sending.uid.take();
        if live.as_ref().map(|live| &live.uid) == former.as_ref() {
            sending.uid = former;
            return Ok(false);
        }
        if let Some(marks) = &sending.options.check {
            sending.uid = ours(live, marks, &sending.call)?.map(|live| live.uid);
        }
        sending.guard = None;
        sending.force = false;
        Ok(true)
    }

    async fn send(&self, sending: &Sending<'_>) -> Result<Answer, Refusal> {
        let (group, version) = split_api_version(&sending.api_version);
        let patience = sending.options.patience;
        let info = self
            .kind(group, &sending.key.kind, Version::Exactly(version), patience, sending.deadline)
            .await
            .map_err(|error| Refusal { error, unknown_path: false })?;
        let mut parameters = vec![("fieldManager", sending.options.manager.as_str())];
        if sending.force {
            parameters.push(("force", "true"));
        }
        if sending.options.dry_run {
            parameters.push(("dryRun", "All"));
        }
        let path = with_query(&info.object(sending.key.namespace.as_deref(), &sending.key.name), &parameters);
        let bound;
        let body = if sending.uid.is_none() && sending.guard.is_none() {
            &sending.body
        } else {
            let mut body = sending.body.clone();
            if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
                let bonds = [("uid", &sending.uid), ("resourceVersion", &sending.guard)];
                for (field, value) in
                    bonds.into_iter().filter_map(|(field, value)| Some((field, value.as_ref()?)))
                {
                    metadata.insert(field.to_owned(), value.clone().into());
                }
            }
            bound = body;
            &bound
        };
        let call = sending.call.clone();
        self.transport.ask(&Ask::send(call, Method::PATCH, path, APPLY_PATCH, body, sending.deadline)).await
    }

    /// Decides what the next round sends.
    async fn settle(
        &self,
        sending: &mut Sending<'_>,
        fields: Vec<FieldConflict>,
    ) -> Result<(), ClusterError> {
        let (own, others): (Vec<_>, Vec<_>) =
            fields.into_iter().partition(|conflict| is_own_manager(&conflict.manager));
        let mut left = Vec::new();
        let mut contested = Vec::new();
        for conflict in others {
            if self.is_autoscaled(&sending.key, &conflict, sending.deadline).await {
                left.push(conflict);
            } else {
                contested.push(conflict);
            }
        }
        match sending.options.on_conflict {
            ConflictPolicy::Fail if !contested.is_empty() => {
                return Err(ClusterError::FieldConflict { call: sending.call.clone(), fields: contested });
            }
            ConflictPolicy::Yield => left.append(&mut contested),
            ConflictPolicy::Fail | ConflictPolicy::Force => {}
        }
        if !left.is_empty() {
            let stuck: Vec<FieldConflict> = left
                .into_iter()
                .filter(|conflict| {
                    if sending.yielded.contains(&conflict.field) {
                        // Several managers may hold one field.
                        return false;
                    }
                    let removed = field_path::remove(&mut sending.body, &conflict.field);
                    if removed {
                        sending.yielded.push(conflict.field.clone());
                    }
                    !removed
                })
                .collect();
            if !stuck.is_empty() {
                return Err(ClusterError::FieldConflict { call: sending.call.clone(), fields: stuck });
            }
            sending.guard = None;
            sending.force = false;
            return Ok(());
        }
        debug_assert!(!own.is_empty() || !contested.is_empty());
        if sending.guard.is_some() {
            sending.force = true;
            return Ok(());
        }
        let reference = ObjectReference::new(sending.key.clone(), sending.api_version.clone());
        let fresh = self.read(&reference, METADATA, sending.deadline).await?;
        sending.guard = fresh.as_ref().map(|object| Metadata::of(object).resource_version);
        Ok(())
    }
}

/// How a server refuses an apply that is bound to the UID of another object: a conflict where there is no object, and
/// otherwise the refusal to change the UID. A conflict may also mean that the object moved at this instant.
fn is_other_object(error: &ClusterError) -> bool {
    match error {
        ClusterError::Stale { .. } => true,
        ClusterError::ImmutableField { fields, .. } => fields.iter().any(|field| field == "metadata.uid"),
        _ => false,
    }
}

/// What exists, if it is ours; none if nothing does.
fn ours(existing: Option<Metadata>, marks: &Marks, call: &Call) -> Result<Option<Metadata>, ClusterError> {
    let managers = match ownership(existing.as_ref(), marks) {
        Ownership::Absent | Ownership::Ours => return Ok(existing),
        Ownership::OtherCluster { cluster } => vec![format!("strata for cluster {cluster}")],
        Ownership::NotOurs { managers } => managers,
    };
    Err(ClusterError::NotOurs { call: call.clone(), managers })
}
