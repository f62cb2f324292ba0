//! Verdicts on workloads.

use serde_json::Value;

use super::{
    Health, Live,
    conditions::{Says, condition},
};

/// The controllers of workloads write `observedGeneration` on their first look; without it nothing was looked at.
fn unseen(live: &Live<'_>) -> Option<Health> {
    (live.generation.is_some() && live.number("/status/observedGeneration").is_none())
        .then(|| Health::progressing("its controller has not seen it yet"))
}

fn of(done: i64, wanted: i64, what: &str) -> Option<Health> {
    (done < wanted).then(|| Health::Progressing(format!("{done} of {wanted} {what}")))
}

pub(super) fn deployment(live: &Live<'_>) -> Health {
    if let Some(health) = unseen(live) {
        return health;
    }
    if live.is_true("/spec/paused") {
        return Health::progressing("its rollout is paused");
    }
    if let Some(Says::False { reason: "ProgressDeadlineExceeded", message }) = condition(live, "Progressing")
    {
        return Health::Failed(format!("it did not progress in time: {message}"));
    }
    let wanted = live.number("/spec/replicas").unwrap_or(1);
    let updated = live.count("updatedReplicas");
    let waiting = of(updated, wanted, "replicas updated")
        .or_else(|| {
            let old = live.count("replicas") - updated;
            (old > 0).then(|| Health::Progressing(format!("{old} old replicas are still there")))
        })
        .or_else(|| of(live.count("availableReplicas"), wanted, "replicas available"));
    match (waiting, condition(live, "ReplicaFailure")) {
        (Some(Health::Progressing(reason)), Some(Says::True)) => {
            let message = replica_failure(live).unwrap_or_default();
            Health::Progressing(format!("{reason}; pods cannot be created: {message}"))
        }
        (Some(health), _) => health,
        (None, _) => Health::Ready,
    }
}

fn replica_failure(live: &Live<'_>) -> Option<String> {
    let conditions = live.at("/status/conditions")?.as_array()?;
    let found = conditions
        .iter()
        .find(|entry| entry.get("type").and_then(Value::as_str) == Some("ReplicaFailure"))?;
    Some(found.get("message")?.as_str()?.to_owned())
}

pub(super) fn stateful_set(live: &Live<'_>) -> Health {
    if let Some(health) = unseen(live) {
        return health;
    }
    let wanted = live.number("/spec/replicas").unwrap_or(1);
    if let Some(health) = of(live.count("readyReplicas"), wanted, "replicas ready") {
        return health;
    }
    if live.text("/spec/updateStrategy/type") == Some("OnDelete") {
        return Health::Ready;
    }
    let partition = live.number("/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    let to_update = (wanted - partition).max(0);
    let (current, update) = (live.text("/status/currentRevision"), live.text("/status/updateRevision"));
    // When all are on one revision, some servers leave `updatedReplicas` out.
    if current != update || live.number("/status/updatedReplicas").is_some() {
        if let Some(health) = of(live.count("updatedReplicas"), to_update, "replicas updated") {
            return health;
        }
        if partition == 0 && current != update {
            return Health::progressing("its last replicas are being updated");
        }
    }
    match live.count("replicas") - wanted {
        more if more > 0 => Health::Progressing(format!("{more} replicas too many are still there")),
        _ => Health::Ready,
    }
}

pub(super) fn daemon_set(live: &Live<'_>) -> Health {
    if let Some(health) = unseen(live) {
        return health;
    }
    let wanted = live.count("desiredNumberScheduled");
    if live.text("/spec/updateStrategy/type") != Some("OnDelete")
        && let Some(health) = of(live.count("updatedNumberScheduled"), wanted, "nodes updated")
    {
        return health;
    }
    of(live.count("numberAvailable"), wanted, "nodes available").unwrap_or(Health::Ready)
}

pub(super) fn replica_set(live: &Live<'_>) -> Health {
    if let Some(health) = unseen(live) {
        return health;
    }
    let wanted = live.number("/spec/replicas").unwrap_or(1);
    match live.count("replicas") - wanted {
        more if more > 0 => Health::Progressing(format!("{more} replicas too many are still there")),
        _ => of(live.count("availableReplicas"), wanted, "replicas available").unwrap_or(Health::Ready),
    }
}

pub(super) fn pod(live: &Live<'_>) -> Health {
    match live.text("/status/phase") {
        Some("Succeeded") => Health::Ready,
        Some("Failed") => {
            let text = |pointer| live.text(pointer).unwrap_or_default();
            Health::Failed(
                format!("it failed: {} {}", text("/status/reason"), text("/status/message"))
                    .trim_end()
                    .to_owned(),
            )
        }
        Some("Running") if matches!(condition(live, "Ready"), Some(Says::True)) => Health::Ready,
        phase => Health::Progressing(match waiting_container(live) {
            Some(reason) => reason,
            None => format!("it is {} and not ready", phase.unwrap_or("Pending")),
        }),
    }
}

fn waiting_container(live: &Live<'_>) -> Option<String> {
    ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .filter_map(|pointer| live.at(pointer)?.as_array())
        .flatten()
        .find_map(|container| {
            let name = container.get("name")?.as_str()?;
            let reason = container.pointer("/state/waiting/reason")?.as_str()?;
            Some(format!("container `{name}` waits: {reason}"))
        })
}

pub(super) fn job(live: &Live<'_>) -> Health {
    if let Some(Says::True) = condition(live, "Failed") {
        let message = live
            .at("/status/conditions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .find(|entry| entry.get("type").and_then(Value::as_str) == Some("Failed"))
            .and_then(|entry| entry.get("message")?.as_str())
            .unwrap_or_default();
        return Health::Failed(format!("it failed: {message}"));
    }
    if matches!(condition(live, "Complete"), Some(Says::True)) || live.is_true("/spec/suspend") {
        return Health::Ready;
    }
    let wanted = live.number("/spec/completions").unwrap_or(1);
    Health::Progressing(format!(
        "{} of {wanted} completions, {} pods failed",
        live.count("succeeded"),
        live.count("failed")
    ))
}

pub(super) fn claim(live: &Live<'_>) -> Health {
    match live.text("/status/phase") {
        Some("Bound") => Health::Ready,
        Some("Lost") => Health::Failed("its volume is lost".to_owned()),
        _ => Health::progressing(
            "it is not bound: it waits for its first consumer, or no storage class provides it",
        ),
    }
}
