//! Groups of machines: counted, and taken one machine further.

use kube::{
    ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{MANAGER, PassError, limited, pass::Pass};
use crate::{
    controllers::condition,
    value::{integer, list, set, text},
};

/// A group of machines with one owner.
pub(super) struct Pool<'a> {
    pub(super) resource: &'a ApiResource,
    pub(super) owner: &'a Value,
    pub(super) cluster: String,
    pub(super) version: String,
    pub(super) infrastructure: Value,
    pub(super) bootstrap: Value,
    pub(super) labels: Value,
}

/// What there is of a group.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) wanted: i64,
    pub(super) total: i64,
    pub(super) current: i64,
    /// Machines whose node is ready: all of them, or none where nodes have no network.
    pub(super) ready: i64,
    /// The lowest version among the machines; "" while there are none.
    pub(super) lowest: String,
}

impl Tally {
    /// As many machines as wanted, all ready, and none of an old kind.
    pub(super) fn is_complete(&self) -> bool {
        self.current == self.wanted && self.total == self.wanted && self.ready == self.wanted
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.wanted += other.wanted;
        self.total += other.total;
        self.current += other.current;
        self.ready += other.ready;
    }

    /// As a Cluster shows it.
    pub(super) fn counts(&self) -> Value {
        json!({
            "desiredReplicas": self.wanted, "replicas": self.total, "readyReplicas": self.ready,
            "availableReplicas": self.ready, "upToDateReplicas": self.current,
        })
    }
}

impl Pass {
    /// Takes a pool at most one machine further, and counts.
    pub(super) async fn roll(&self, pool: &Pool<'_>, machines: &[Value]) -> Result<Tally, PassError> {
        let uid = text(pool.owner, "/metadata/uid");
        let namespace = text(pool.owner, "/metadata/namespace");
        let wanted = integer(pool.owner, "/spec/replicas").unwrap_or(1);
        let deleting = pool.owner.pointer("/metadata/deletionTimestamp").is_some();
        let digest = format!(
            "{:016x}",
            crate::store::hash_text(&format!("{}|{}|{}", pool.version, pool.infrastructure, pool.bootstrap))
        );
        let mark = "sim.cluster-api/template";
        let is_current =
            |m: &Value| m.pointer("/metadata/annotations").and_then(|a| a.get(mark)) == Some(&json!(digest));
        let mut own: Vec<&Value> = machines
            .iter()
            .filter(|m| list(m, "/metadata/ownerReferences").iter().any(|owner| text(owner, "/uid") == uid))
            .filter(|m| m.pointer("/metadata/deletionTimestamp").is_none())
            .collect();
        own.sort_by_key(|m| text(m, "/metadata/creationTimestamp").to_owned());
        let total = i64::try_from(own.len()).unwrap_or(i64::MAX);
        let outdated: Vec<&Value> = own.iter().copied().filter(|m| !is_current(m)).collect();
        let api = self.api(&self.kinds.machine, namespace);
        let mut tally = Tally {
            wanted,
            total,
            current: total - i64::try_from(outdated.len()).unwrap_or(0),
            ready: 0,
            lowest: String::new(),
        };
        let mut gone = None;
        if deleting {
            return Ok(tally);
        }
        // As with a surge of one: a new machine first, then an old one goes.
        if total < wanted || (total == wanted && !outdated.is_empty()) {
            let machine = self.machine(pool, &digest, mark);
            if let Ok(machine) = serde_json::from_value::<DynamicObject>(machine.clone()) {
                limited(api.create(
                    &PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() },
                    &machine,
                ))
                .await?;
                let name = machine.name_any();
                let status = json!({"status": machine_status(&name, &pool.version, self.kinds.modern)});
                limited(api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status))).await?;
                tally.total += 1;
                tally.current += 1;
            }
        } else if total > wanted {
            gone = outdated.first().copied().or_else(|| own.last().copied());
            if let Some(machine) = gone {
                limited(api.delete(text(machine, "/metadata/name"), &DeleteParams::background())).await?;
                tally.total -= 1;
                if is_current(machine) {
                    tally.current -= 1;
                }
            }
        }
        if (self.options.has_network)(namespace, &pool.cluster) {
            tally.ready = tally.total;
        }
        let left =
            own.iter().filter(|m| gone.is_none_or(|gone| gone != **m)).map(|m| text(m, "/spec/version"));
        let newest = (tally.total > 0).then_some(pool.version.as_str());
        tally.lowest =
            left.chain(newest).min_by_key(|version| numbers(version)).unwrap_or_default().to_owned();
        Ok(tally)
    }

    fn machine(&self, pool: &Pool<'_>, digest: &str, mark: &str) -> Value {
        let owner = text(pool.owner, "/metadata/name");
        let suffix =
            crate::store::mix(crate::store::hash_text(&format!("{digest}{}", crate::clock::now_micro())));
        let name = format!("{owner}-{:05x}", suffix % 0x10_0000);
        let Pool { resource, .. } = pool;
        // Each machine has a thing of its own, made from the template that the pool names.
        let mut infrastructure = pool.infrastructure.clone();
        let kind = text(&infrastructure, "/kind").trim_end_matches("Template").to_owned();
        set(&mut infrastructure, &["kind"], kind);
        set(&mut infrastructure, &["name"], name.as_str());
        let mut machine = json!({
            "apiVersion": self.kinds.machine.api_version, "kind": "Machine",
            "metadata": {
                "name": name, "namespace": text(pool.owner, "/metadata/namespace"), "labels": pool.labels,
                "annotations": {mark: digest},
                "ownerReferences": [{
                    "apiVersion": resource.api_version, "kind": resource.kind, "name": owner,
                    "uid": text(pool.owner, "/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": {
                "clusterName": pool.cluster,
                "bootstrap": {"dataSecretName": format!("{name}-bootstrap")},
                "infrastructureRef": infrastructure, "providerID": format!("sim:///{name}"),
            },
        });
        // A pool need not say a version, and "" is none.
        if !pool.version.is_empty() {
            set(&mut machine, &["spec", "version"], pool.version.as_str());
        }
        machine
    }
}

fn numbers(version: &str) -> Vec<u64> {
    version.trim_start_matches('v').split(['.', '-', '+']).filter_map(|part| part.parse().ok()).collect()
}

fn machine_status(name: &str, version: &str, modern: bool) -> Value {
    let mut status = json!({
        "phase": "Running",
        "nodeRef": {"name": name},
        "nodeInfo": {
            "kubeletVersion": version, "kubeProxyVersion": version, "architecture": "amd64", "operatingSystem": "linux",
            "osImage": "Simulated Linux", "kernelVersion": "6.8.0", "containerRuntimeVersion": "containerd://2.1.0",
            "machineID": name, "systemUUID": name, "bootID": name,
        },
    });
    if modern {
        set(
            &mut status,
            &["initialization"],
            json!({"infrastructureProvisioned": true, "bootstrapDataSecretCreated": true}),
        );
        let conditions =
            ["Available", "Ready"].map(|kind| condition(&Value::Null, kind, true, kind, "", false));
        set(&mut status, &["conditions"], json!(conditions));
    } else {
        set(&mut status, &["infrastructureReady"], true);
        set(&mut status, &["bootstrapReady"], true);
    }
    status
}
