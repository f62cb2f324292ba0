//! What is deleted and created anew is asked for as a copy of it under another name: the API server, its webhooks and policies
//! judge a new object, and what is there is in nobody's way.
//!
//! *Caveats.* What is judged by its name is judged by another one; kinds whose name says what they are have no copy.

use serde_json::Value;
use strata_model::{
    evidence::{LiveOutcome, ObjectEvidence},
    object::ObjectKey,
};
use strata_values::Redactor;

use super::{answer::Answer, coming::Coming, question::Question};

/// What the name of a copy ends with.
const SUFFIX: &str = "-strata-preview";
/// How long the name of a copy is at most: what names of labels and of Jobs may have.
const LONGEST: usize = 63;

/// The object under another name, without what only one can have; `None` where the name cannot be another.
#[must_use]
pub fn copy(body: &Value) -> Option<Value> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    if matches!(text("/kind")?, "CustomResourceDefinition" | "APIService" | "Namespace") {
        return None;
    }
    let name = text("/metadata/name")?;
    let mut kept = name.len().min(LONGEST - SUFFIX.len());
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    let kept = name.get(..kept)?.trim_end_matches(['-', '.', ':']);
    let mut copy = body.clone();
    *copy.pointer_mut("/metadata/name")? = Value::String(format!("{kept}{SUFFIX}"));
    if let Some(fields) = copy.as_object_mut().filter(|_| text("/kind") == Some("PriorityClass")) {
        // There is one default.
        fields.shift_remove("globalDefault");
    }
    if text("/kind") == Some("Service") {
        if let Some(spec) = copy.get_mut("spec").and_then(Value::as_object_mut) {
            for field in ["clusterIP", "clusterIPs", "healthCheckNodePort", "loadBalancerIP"] {
                // A Service without an address is another thing than one with any.
                if spec.get(field).and_then(Value::as_str) != Some("None") {
                    spec.shift_remove(field);
                }
            }
        }
        let ports = copy.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten();
        for port in ports.filter_map(Value::as_object_mut) {
            port.shift_remove("nodePort");
        }
    }
    Some(copy)
}

/// What the answer about a copy says of the object; none where there is no copy.
#[must_use]
pub fn read_copy(
    question: &Question<'_>,
    answer: Option<Answer>,
    coming: &Coming,
    redactor: &Redactor,
) -> ObjectEvidence {
    let told = |outcome, code: Option<String>, message: &str| ObjectEvidence {
        code,
        message: Some(redactor.mask_text(message)),
        ..question.says(outcome)
    };
    let refused = |code: String, message: &str| {
        let message = format!("it would be deleted, and a copy of it is not taken: {message}");
        told(LiveOutcome::Refused, Some(code), &message)
    };
    let waits = |key: &ObjectKey| ObjectEvidence {
        waits_for: Some(key.clone()),
        ..told(LiveOutcome::Replaced, None, "it needs what comes with the same change")
    };
    let Some(answer) = answer else {
        let message = "its name says what it is: whether it is taken cannot be asked while it is there";
        return told(LiveOutcome::Replaced, None, message);
    };
    match answer {
        Answer::Done { .. } => question.says(LiveOutcome::Replaced),
        Answer::Refused { message, .. } if message.contains("does not support dry run") => {
            let message = format!("what admits it does not answer dry runs: {message}");
            told(LiveOutcome::Replaced, None, &message)
        }
        // What is there counts, too, until it is deleted.
        Answer::Refused { message, .. } if message.contains("exceeded quota") => {
            let message = format!("whether it is taken is not known while it is there: {message}");
            told(LiveOutcome::Replaced, None, &message)
        }
        Answer::Refused { code, message } => match coming.missed(question, &message) {
            Some(key) => waits(key),
            None => refused(code, &message),
        },
        Answer::NotFound { code, message } => match coming.namespace(question) {
            Some(key) => waits(key),
            None => refused(code, &message),
        },
        Answer::UnknownKind { message } => refused("UNKNOWN_KIND".to_owned(), &message),
        Answer::Conflict(_) | Answer::NotOurs { .. } => told(
            LiveOutcome::Replaced,
            None,
            "whether it is taken is not known: something has the name of its copy",
        ),
        Answer::Silent { code, message } => {
            told(LiveOutcome::Replaced, Some(code), &format!("whether it is taken is not known: {message}"))
        }
    }
}
