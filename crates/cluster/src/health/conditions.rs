//! Verdicts from `status.conditions`.

use serde_json::Value;

use super::{Health, Live};

/// What one condition says.
pub(super) enum Says<'a> {
    True,
    False {
        reason: &'a str,
        message: &'a str,
    },
    /// It is about an older generation, unknown, or missing.
    Nothing,
}

pub(super) fn condition<'a>(live: &Live<'a>, name: &str) -> Option<Says<'a>> {
    let conditions = live.at("/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|entry| entry.get("type").and_then(Value::as_str) == Some(name))?;
    let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
    let observed = found.get("observedGeneration").and_then(Value::as_i64);
    if let (Some(observed), Some(generation)) = (observed, live.generation)
        && observed < generation
    {
        return Some(Says::Nothing);
    }
    Some(match text("status") {
        "True" => Says::True,
        "False" => Says::False { reason: text("reason"), message: text("message") },
        _ => Says::Nothing,
    })
}

pub(super) fn sentence(name: &str, reason: &str, message: &str) -> String {
    match (reason.is_empty(), message.is_empty()) {
        (true, true) => format!("it is not {name}"),
        (false, true) => format!("it is not {name}: {reason}"),
        (true, false) => format!("it is not {name}: {message}"),
        (false, false) => format!("it is not {name}: {reason}: {message}"),
    }
}

/// Ready when the condition is true.
pub(super) fn require(live: &Live<'_>, name: &str) -> Health {
    match condition(live, name) {
        Some(Says::True) => Health::Ready,
        Some(Says::False { reason, message }) => Health::Progressing(sentence(name, reason, message)),
        Some(Says::Nothing) | None => Health::Progressing(format!("it is not {name} yet")),
    }
}

pub(super) fn definition(live: &Live<'_>) -> Health {
    if let Some(Says::False { reason, message }) = condition(live, "NamesAccepted") {
        return Health::Failed(sentence("NamesAccepted", reason, message));
    }
    require(live, "Established")
}

/// Kinds that Strata knows nothing of: `Stalled` and `Reconciling` as many controllers write them, then `Ready`, then
/// `Available`.
pub(super) fn generic(live: &Live<'_>) -> Health {
    if let Some(Says::True) = condition(live, "Stalled") {
        return Health::Failed("it is stalled".to_owned());
    }
    if let Some(Says::True) = condition(live, "Reconciling") {
        return Health::progressing("it is being reconciled");
    }
    for name in ["Ready", "Available"] {
        if condition(live, name).is_some() {
            return require(live, name);
        }
    }
    Health::Ready
}
