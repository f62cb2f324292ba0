//! How what a cluster answers is read.

use serde_json::{Map, Value};
use strata_model::{
    evidence::{HeldField, LiveOutcome, ObjectEvidence},
    plan::Action,
    render::HookDeletePolicy,
};
use strata_values::Redactor;

use super::{coming::Coming, question::Question};
use crate::diff::field_changes;

/// What stands for a value that the API server chooses when an object is sent: it is another in each dry run.
const CHOSEN: &str = "‹chosen by the API server›";

/// Whose the object that is there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// There is none.
    Nobodys,
    /// Strata's, of this cluster.
    Ours,
    /// Somebody else's.
    Others {
        /// Its field managers.
        managers: Vec<String>,
    },
}

/// What the cluster answers to a dry run, or to being asked at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It would be done.
    Done {
        /// The object as it would be; may hold secrets.
        object: Value,
        /// Whether it would be new.
        created: bool,
        /// Fields left to other managers.
        yielded: Vec<String>,
    },
    /// Other managers hold fields.
    Conflict(Vec<HeldField>),
    /// It is there and somebody else's.
    NotOurs {
        /// Its field managers.
        managers: Vec<String>,
    },
    /// The cluster serves no such kind.
    UnknownKind {
        /// What it says.
        message: String,
    },
    /// Its namespace is not there.
    NotFound {
        /// A stable code.
        code: String,
        /// What it says.
        message: String,
    },
    /// It would not be done.
    Refused {
        /// A stable code.
        code: String,
        /// What it says.
        message: String,
    },
    /// There is no answer.
    Silent {
        /// A stable code.
        code: String,
        /// Why.
        message: String,
    },
}

/// What to do after an object was looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Nothing more: this is what there is to say.
    Said(Box<ObjectEvidence>),
    /// Ask what sending it would do.
    DryRun,
    /// It is deleted first: ask what sending a copy of it would do.
    DryRunOfCopy,
}

/// What to do once it is known what is there.
#[must_use]
pub fn next(
    question: &Question<'_>,
    live: Option<&Value>,
    whose: &Whose,
    coming: &Coming,
    redactor: &Redactor,
) -> Next {
    let said = |outcome| Next::Said(Box::new(question.says(outcome)));
    let told = |outcome, code: Option<&str>, message: String| {
        Next::Said(Box::new(ObjectEvidence {
            code: code.map(str::to_owned),
            message: Some(message),
            ..question.says(outcome)
        }))
    };
    let there_before = question.known.and_then(|known| known.uid.as_deref());
    let same = live.and_then(uid).is_some_and(|uid| Some(uid) == there_before);
    match (question.action, whose) {
        (None, Whose::Nobodys) => {
            told(LiveOutcome::Gone, None, "it was deleted, and the plan does not send it again".to_owned())
        }
        (None, Whose::Others { managers }) if !same => {
            Next::Said(Box::new(not_ours(question, managers, redactor)))
        }
        (None, _) => said(LiveOutcome::Unchanged),
        (Some(Action::Orphan), Whose::Nobodys) => said(LiveOutcome::Gone),
        (Some(Action::Orphan), Whose::Others { .. }) if !same => {
            told(LiveOutcome::LeftBehind, None, "what is there is not Strata's any more".to_owned())
        }
        (Some(Action::Orphan), _) => said(LiveOutcome::LeftBehind),
        (Some(Action::RunHook), Whose::Others { managers }) => {
            Next::Said(Box::new(not_ours(question, managers, redactor)))
        }
        (Some(Action::RunHook), Whose::Ours) => {
            let deleted = |hook: &strata_model::render::RenderedHook| {
                hook.delete.contains(&HookDeletePolicy::BeforeHookCreation)
                    || hook.delete.contains(&HookDeletePolicy::HookSucceeded)
            };
            if question.hook.is_some_and(deleted) {
                anew(question, coming)
            } else {
                told(
                    LiveOutcome::Refused,
                    Some("HOOK_EXISTS"),
                    "it is there from an earlier run, and its policy does not delete it".to_owned(),
                )
            }
        }
        (Some(Action::Replace), _) if same => anew(question, coming),
        (Some(Action::Create | Action::Change | Action::Replace | Action::Restore | Action::RunHook), _)
            if question.object.is_some() =>
        {
            match coming.before(question) {
                Some((key, why)) => Next::Said(Box::new(ObjectEvidence {
                    message: Some(why.to_owned()),
                    waits_for: Some(key.clone()),
                    ..question.says(LiveOutcome::NotKnownYet)
                })),
                None => Next::DryRun,
            }
        }
        _ => told(LiveOutcome::NotAsked, None, "it is not sent".to_owned()),
    }
}

/// What is there is deleted first.
fn anew(question: &Question<'_>, coming: &Coming) -> Next {
    match coming.before(question) {
        Some((key, why)) => Next::Said(Box::new(ObjectEvidence {
            message: Some(why.to_owned()),
            waits_for: Some(key.clone()),
            ..question.says(LiveOutcome::Replaced)
        })),
        None => Next::DryRunOfCopy,
    }
}

fn not_ours(question: &Question<'_>, managers: &[String], redactor: &Redactor) -> ObjectEvidence {
    let message = format!("it is there and not Strata's; managed by {}", managers.join(", "));
    ObjectEvidence {
        code: Some("NOT_OURS".to_owned()),
        message: Some(redactor.mask_text(&message)),
        ..question.says(LiveOutcome::NotOurs)
    }
}

fn uid(object: &Value) -> Option<&str> {
    object.pointer("/metadata/uid")?.as_str()
}

/// What the answer to a dry run means. `live` is what was there when it was asked for.
#[must_use]
pub fn read(
    question: &Question<'_>,
    live: Option<&Value>,
    answer: Answer,
    coming: &Coming,
    redactor: &Redactor,
) -> ObjectEvidence {
    match answer {
        Answer::Done { created: true, yielded, .. } => {
            ObjectEvidence { yielded: masked(&yielded, redactor), ..question.says(LiveOutcome::Created) }
        }
        Answer::Done { object, yielded, .. } => {
            let yielded = masked(&yielded, redactor);
            let Some(live) = live else {
                let message = Some("it has come to be while it was asked for".to_owned());
                return ObjectEvidence { yielded, message, ..question.says(LiveOutcome::Changed) };
            };
            changed(question, live, &object, yielded, redactor)
        }
        Answer::Conflict(fields) => {
            let conflicts = fields.into_iter().map(|held| HeldField {
                field: redactor.mask_text(&held.field),
                manager: redactor.mask_text(&held.manager),
            });
            ObjectEvidence {
                conflicts: conflicts.collect(),
                code: Some("FIELD_CONFLICT".to_owned()),
                ..question.says(LiveOutcome::FieldConflict)
            }
        }
        Answer::NotOurs { managers } => not_ours(question, &managers, redactor),
        Answer::UnknownKind { message } => refused(question, "UNKNOWN_KIND", &message, redactor),
        Answer::NotFound { code, message } => match coming.namespace(question) {
            Some(key) => ObjectEvidence {
                message: Some("its namespace comes with the same change".to_owned()),
                waits_for: Some(key.clone()),
                ..question.says(LiveOutcome::NotKnownYet)
            },
            None => refused(question, &code, &message, redactor),
        },
        Answer::Refused { message, .. } if message.contains("does not support dry run") => ObjectEvidence {
            message: Some(redactor.mask_text(&format!("what admits it does not answer dry runs: {message}"))),
            ..question.says(LiveOutcome::NotKnownYet)
        },
        Answer::Refused { code, message } => match coming.missed(question, &message) {
            Some(key) => ObjectEvidence {
                message: Some("it needs what comes with the same change".to_owned()),
                waits_for: Some(key.clone()),
                ..question.says(LiveOutcome::NotKnownYet)
            },
            None => refused(question, &code, &message, redactor),
        },
        Answer::Silent { code, message } => unread(question, Some(code), &message, redactor),
    }
}

/// What there is to say of an object that could not be asked for.
#[must_use]
pub fn unread(
    question: &Question<'_>,
    code: Option<String>,
    why: &str,
    redactor: &Redactor,
) -> ObjectEvidence {
    ObjectEvidence { code, message: Some(redactor.mask_text(why)), ..question.says(LiveOutcome::NotAsked) }
}

fn refused(question: &Question<'_>, code: &str, message: &str, redactor: &Redactor) -> ObjectEvidence {
    ObjectEvidence {
        code: Some(code.to_owned()),
        message: Some(redactor.mask_text(message)),
        ..question.says(LiveOutcome::Refused)
    }
}

fn masked(texts: &[String], redactor: &Redactor) -> Vec<String> {
    texts.iter().map(|text| redactor.mask_text(text)).collect()
}

fn changed(
    question: &Question<'_>,
    live: &Value,
    object: &Value,
    yielded: Vec<String>,
    redactor: &Redactor,
) -> ObjectEvidence {
    let (before, mut after) = (content(live), content(object));
    if let Some(sent) = question.object {
        hide_chosen(&before, &mut after, &sent.body);
    }
    let changes = field_changes(&before, &after, redactor);
    let (outcome, message) = if question.action == Some(Action::Restore) {
        (LiveOutcome::Changed, Some("what it was scaled down from comes back before it is sent".to_owned()))
    } else if !changes.is_empty() {
        (LiveOutcome::Changed, None)
    } else if owners(live) == owners(object) {
        (LiveOutcome::Unchanged, None)
    } else {
        (LiveOutcome::Changed, Some("no field changes, only who manages which".to_owned()))
    };
    ObjectEvidence { changes, yielded, message, ..question.says(outcome) }
}

/// An object without what the server keeps book of.
pub(super) fn content(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            for field in
                ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"]
            {
                metadata.shift_remove(field);
            }
        }
    }
    object
}

/// Who manages which fields, without since when: the server keeps the time if nothing else changes.
fn owners(object: &Value) -> Vec<String> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let mut owners: Vec<String> = entries
        .map(|entry| {
            let mut entry = entry.as_object().cloned().unwrap_or_default();
            entry.shift_remove("time");
            sorted(&Value::Object(entry)).to_string()
        })
        .collect();
    owners.sort();
    owners
}

/// The same value with the keys of all mappings in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let pairs = keys.into_iter().filter_map(|key| Some((key.clone(), sorted(map.get(key)?))));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Addresses and ports of a Service that nobody names are chosen anew for each request.
fn hide_chosen(before: &Value, after: &mut Value, sent: &Value) {
    if after.get("kind").and_then(Value::as_str) != Some("Service") {
        return;
    }
    for field in ["/spec/clusterIP", "/spec/clusterIPs", "/spec/healthCheckNodePort"] {
        if sent.pointer(field).is_none()
            && before.pointer(field) != after.pointer(field)
            && let Some(value) = after.pointer_mut(field)
        {
            *value = Value::String(CHOSEN.to_owned());
        }
    }
    let ports = |object: &Value| -> Vec<Value> {
        let ports = object.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten();
        ports.filter_map(|port| port.get("nodePort").cloned()).collect()
    };
    let known: Vec<Value> = ports(before).into_iter().chain(ports(sent)).collect();
    let ports = after.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten();
    for port in ports.filter_map(|port| port.get_mut("nodePort")) {
        if !known.contains(port) {
            *port = Value::String(CHOSEN.to_owned());
        }
    }
}
