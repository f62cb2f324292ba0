//! Verdicts on Cluster API objects, in the status forms of v1beta1 and v1beta2.
//!
//! v1beta2 counts `upToDateReplicas` and speaks through `Available`; v1beta1 counts `updatedReplicas` and speaks through
//! `Ready` and `phase`, and newer controllers repeat the new form under `status.v1beta2`.

use serde_json::Value;

use super::{
    Health, Live,
    conditions::{condition, require},
};

/// A count in the status, under any of its names, in the newer form first.
fn counted(live: &Live<'_>, names: &[&str]) -> Option<i64> {
    names.iter().find_map(|name| {
        let here = live.at("/status").and_then(|status| status.get(*name));
        here.or_else(|| live.at("/status/v1beta2").and_then(|status| status.get(*name)))?.as_i64()
    })
}

fn failure(live: &Live<'_>) -> Option<Health> {
    let text = |name: &str| {
        ["/status", "/status/deprecated/v1beta1"]
            .into_iter()
            .find_map(|root| live.at(root)?.get(name).and_then(Value::as_str))
    };
    let message = text("failureMessage").or_else(|| text("failureReason"));
    if live.text("/status/phase") == Some("Failed") || message.is_some() {
        return Some(Health::Failed(format!("it failed: {}", message.unwrap_or("no reason given"))));
    }
    None
}

/// The condition that sums an object up.
fn summed_up(live: &Live<'_>) -> Health {
    for name in ["Available", "Ready"] {
        if condition(live, name).is_some() {
            return require(live, name);
        }
    }
    match live.text("/status/phase") {
        Some("Provisioned" | "Running") => Health::Ready,
        Some(phase) => Health::Progressing(format!("it is {phase}")),
        None => Health::progressing("its controller has not seen it yet"),
    }
}

pub(super) fn cluster(live: &Live<'_>) -> Health {
    if live.is_true("/spec/paused") {
        return Health::progressing("its reconciliation is paused");
    }
    failure(live).unwrap_or_else(|| summed_up(live))
}

pub(super) fn machine(live: &Live<'_>) -> Health {
    match live.text("/status/phase") {
        Some("Running") => Health::Ready,
        phase => failure(live).unwrap_or_else(|| {
            Health::Progressing(format!("it is {}", phase.unwrap_or("not seen by its controller yet")))
        }),
    }
}

pub(super) fn machines(live: &Live<'_>) -> Health {
    if live.is_true("/spec/paused") {
        return Health::progressing("its rollout is paused");
    }
    failure(live).unwrap_or_else(|| replicas(live))
}

pub(super) fn control_plane(live: &Live<'_>) -> Health {
    if let Some(health) = failure(live) {
        return health;
    }
    let health = replicas(live);
    if !health.is_ready() {
        return health;
    }
    match (live.text("/spec/version"), live.text("/status/version")) {
        (Some(wanted), Some(has)) if wanted.trim_start_matches('v') != has.trim_start_matches('v') => {
            Health::Progressing(format!("its oldest machine runs {has}, and {wanted} is wanted"))
        }
        (Some(_), None) => Health::progressing("no machine reports its version yet"),
        _ => Health::Ready,
    }
}

fn replicas(live: &Live<'_>) -> Health {
    if !live.at("/status").is_some_and(Value::is_object) {
        return Health::progressing("its controller has not seen it yet");
    }
    let wanted = live.number("/spec/replicas").unwrap_or(1);
    let up_to_date = counted(live, &["upToDateReplicas", "updatedReplicas"]);
    let present = counted(live, &["replicas"]).unwrap_or(0);
    let ready = counted(live, &["availableReplicas", "readyReplicas"]).unwrap_or(0);
    if let Some(updated) = up_to_date
        && updated < wanted
    {
        return Health::Progressing(format!("{updated} of {wanted} machines replaced"));
    }
    if up_to_date.is_none() && present > 0 && wanted > 0 && live.text("/kind") != Some("MachinePool") {
        return Health::progressing("it does not say how many machines are up to date");
    }
    if present > wanted {
        return Health::Progressing(format!("{} old machines are still there", present - wanted));
    }
    if ready < wanted {
        return Health::Progressing(format!("{ready} of {wanted} machines ready"));
    }
    Health::Ready
}
