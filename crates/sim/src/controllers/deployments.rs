//! Deployments: one replica set for each template, and from the old ones to the new.

use serde_json::{Value, json};

use super::{
    condition, owned, owner_reference, rewrite,
    sets::{delete, replicas, short_hash},
    spawn, write_status,
};
use crate::{
    resource::Resource,
    store::State,
    value::{child, integer, set, text},
};

const HASH: &str = "pod-template-hash";

fn scale_to(state: &mut State, resource: &Resource, set_object: &Value, wanted: i64) {
    if replicas(set_object) != wanted {
        let mut scaled = set_object.clone();
        set(&mut scaled, &["spec", "replicas"], wanted);
        rewrite(state, resource, set_object, scaled, "");
    }
}

pub(super) fn deployment(state: &mut State, resource: &Resource, deployment: &Value) {
    let Some(sets) = state.catalog.find("apps", "replicasets") else { return };
    if deployment.pointer("/metadata/deletionTimestamp").is_some() {
        return;
    }
    let namespace = text(deployment, "/metadata/namespace").to_owned();
    let name = text(deployment, "/metadata/name").to_owned();
    let wanted = replicas(deployment);
    let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    let hash = short_hash(&template);
    let all = owned(state, &sets, deployment);
    let current = all.iter().find(|rs| text(rs, "/metadata/labels/pod-template-hash") == hash).cloned();
    let old: Vec<&Value> =
        all.iter().filter(|rs| text(rs, "/metadata/labels/pod-template-hash") != hash).collect();
    let paused = deployment.pointer("/spec/paused") == Some(&json!(true));
    let old_replicas: i64 = old.iter().map(|rs| replicas(rs)).sum();
    let revision_of = |rs: &Value| -> i64 {
        text(rs, "/metadata/annotations/deployment.kubernetes.io~1revision").parse().unwrap_or(0)
    };
    let newest_old = old.iter().map(|rs| revision_of(rs)).max().unwrap_or(0);
    let mut revision = current.as_ref().map_or(newest_old + 1, revision_of);
    match &current {
        None if paused && !old.is_empty() => {}
        None => {
            // While the old pods run, the new set starts with what may surge.
            let start = if old_replicas > 0 { wanted.min(((wanted + 3) / 4).max(1)) } else { wanted };
            let mut template = template.clone();
            set(&mut template, &["metadata", "labels", HASH], hash.as_str());
            let labels = template.pointer("/metadata/labels").cloned().unwrap_or_default();
            let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
            set(&mut selector, &["matchLabels", HASH], hash.as_str());
            let object = json!({
                "metadata": {
                    "name": format!("{name}-{hash}"), "labels": labels,
                    "annotations": {"deployment.kubernetes.io/desired-replicas": wanted.to_string(), "deployment.kubernetes.io/revision": revision.to_string()},
                    "ownerReferences": owner_reference(resource, deployment),
                },
                "spec": {"replicas": start, "selector": selector, "template": template},
            });
            spawn(state, &sets, &namespace, &format!("{name}-{hash}"), object, super::MANAGER);
            // Continued when the set reports.
            if start > 0 {
                return;
            }
        }
        Some(set_object) => {
            let ready = integer(set_object, "/status/readyReplicas").unwrap_or(0);
            let settled = ready >= replicas(set_object);
            if revision < newest_old {
                revision = newest_old + 1;
                let mut renewed = set_object.clone();
                set(
                    child(child(&mut renewed, "metadata"), "annotations"),
                    &["deployment.kubernetes.io/revision"],
                    revision.to_string(),
                );
                rewrite(state, &sets, set_object, renewed, "");
                return;
            }
            if !paused || old_replicas == 0 {
                if old_replicas == 0 {
                    scale_to(state, &sets, set_object, wanted);
                } else if settled {
                    scale_to(state, &sets, set_object, wanted);
                    if replicas(set_object) == wanted {
                        for rs in &old {
                            scale_to(state, &sets, rs, 0);
                        }
                    }
                }
            }
        }
    }
    // Beyond the history limit, old sets go.
    let limit = integer(deployment, "/spec/revisionHistoryLimit").unwrap_or(10);
    let mut idle: Vec<&Value> = old.iter().copied().filter(|rs| replicas(rs) == 0).collect();
    idle.sort_by_key(|rs| revision_of(rs));
    let excess = usize::try_from(i64::try_from(idle.len()).unwrap_or(0) - limit).unwrap_or(0);
    for rs in idle.into_iter().take(excess) {
        delete(state, &sets, rs);
    }

    let Some(live) = state.get(resource, &namespace, &name) else { return };
    if text(&live, "/metadata/annotations/deployment.kubernetes.io~1revision") != revision.to_string()
        && !paused
    {
        let mut annotated = live.clone();
        set(
            child(child(&mut annotated, "metadata"), "annotations"),
            &["deployment.kubernetes.io/revision"],
            revision.to_string(),
        );
        rewrite(state, resource, &live, annotated, "");
    }
    let all = owned(state, &sets, deployment);
    let sum = |pointer: &str| all.iter().map(|rs| integer(rs, pointer).unwrap_or(0)).sum::<i64>();
    let total = sum("/status/replicas");
    let ready = sum("/status/readyReplicas");
    let updated = all
        .iter()
        .filter(|rs| text(rs, "/metadata/labels/pod-template-hash") == hash)
        .map(|rs| integer(rs, "/status/replicas").unwrap_or(0))
        .sum::<i64>();
    let complete = updated == wanted && total == wanted && ready == wanted;
    let available = ready >= wanted - wanted / 4;
    let set_name = format!("{name}-{hash}");
    let progressing = if complete {
        condition(
            &live,
            "Progressing",
            true,
            "NewReplicaSetAvailable",
            &format!("ReplicaSet \"{set_name}\" has successfully progressed."),
            true,
        )
    } else {
        condition(
            &live,
            "Progressing",
            true,
            "ReplicaSetUpdated",
            &format!("ReplicaSet \"{set_name}\" is progressing."),
            true,
        )
    };
    let availability = if available {
        condition(
            &live,
            "Available",
            true,
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
            true,
        )
    } else {
        condition(
            &live,
            "Available",
            false,
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
            true,
        )
    };
    let mut status = json!({"observedGeneration": integer(&live, "/metadata/generation"), "conditions": [availability, progressing]});
    for (key, value) in [
        ("replicas", total),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", ready),
        ("unavailableReplicas", (wanted.max(total) - ready).max(0)),
    ] {
        if value != 0 {
            set(&mut status, &[key], value);
        }
    }
    write_status(state, resource, &live, status);
}
