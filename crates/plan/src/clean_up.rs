//! Plans about orphans: scale them to zero, bring them back, delete them, keep them.
//!
//! Whatever a decision cannot reach is listed as a finding and left out: what scaling does not reach, what is in use
//! still, what the decision has been carried out on already.

use serde::{Deserialize, Serialize};
use strata_model::{
    change::ChangeKind,
    cluster::Cluster,
    digest::{Digest, DigestKey},
    fact::FactsRead,
    finding::{Finding, FindingCode, Severity},
    inventory::InventoryEntry,
    object::ObjectKey,
    orphan::{Orphan, OrphanState, Reach},
    plan::{Action, PLAN_SCHEME, Plan, PlannedAction, PlannedStep, Repave, StepKind},
};

use crate::{
    digest,
    finding::finding,
    order::rank,
    plan::{about_object, is_listed, settle},
};

/// What shall become of orphans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    /// Stop them, restorably.
    ScaleToZero,
    /// Give them their former state back.
    Restore,
    /// Delete them.
    Delete,
    /// Take them off the list and leave them alone.
    Keep,
}

/// A plan about these orphans of a cluster. `applied` is the digest of the applied composition, which stays; `inventory` is
/// all that Strata last sent to the cluster, to see what is in use.
#[must_use]
pub fn clean_up(
    cluster: &Cluster,
    applied: Option<&Digest>,
    orphans: &[Orphan],
    decision: Decision,
    inventory: &[InventoryEntry],
    key: &DigestKey,
) -> Plan {
    let mut actions = Vec::new();
    let mut findings = Vec::new();
    let mut chosen: Vec<&Orphan> = orphans.iter().collect();
    // What was applied last goes first: workloads before what they use, and that before its namespace.
    chosen.sort_by(|a, b| {
        let place = |orphan: &Orphan| (rank(&orphan.key), orphan.key.clone());
        match decision {
            Decision::Restore => place(a).cmp(&place(b)),
            _ => place(b).cmp(&place(a)),
        }
    });
    for orphan in chosen {
        match judge(orphan, decision, orphans, inventory) {
            Ok(note) => actions.push(action(orphan, decision, note, inventory, key)),
            Err(reason) => findings.push(left_out(orphan, &reason)),
        }
    }
    settle(&mut findings);
    let steps = if actions.is_empty() {
        Vec::new()
    } else {
        let indices = (0_u32..).zip(&actions).map(|(index, _)| index).collect();
        vec![PlannedStep { kind: StepKind::Orphans, actions: indices, repaves: false, settled_with: None }]
    };
    let reversible = decision != Decision::Delete || actions.is_empty();
    let composition =
        applied.cloned().unwrap_or_else(|| key.document("composition", &serde_json::Value::Null));
    let mut plan = Plan {
        scheme: PLAN_SCHEME,
        cluster: cluster.id,
        kind: if decision == Decision::Restore { ChangeKind::Restore } else { ChangeKind::CleanUp },
        from: applied.cloned(),
        to: composition,
        // Nothing is rendered: the objects are what was last sent.
        render: key.document("render", &serde_json::Value::Null),
        facts_read: FactsRead::new(),
        actions,
        unchanged: 0,
        steps,
        repave: Repave::default(),
        findings,
        layers: Vec::new(),
        conflicts: Vec::new(),
        resolutions: Vec::new(),
        reversible,
        digest: Digest::of_content(&[]),
    };
    plan.digest = digest::plan(key, &plan);
    plan
}

/// A note for an orphan that the decision reaches, or why it does not.
fn judge(
    orphan: &Orphan,
    decision: Decision,
    chosen: &[Orphan],
    inventory: &[InventoryEntry],
) -> Result<Option<String>, String> {
    if !is_listed(orphan) {
        return Err(format!("it is {} already", orphan.state.as_str()));
    }
    match decision {
        Decision::ScaleToZero => match (orphan.reach, orphan.state) {
            (Reach::None, _) => Err(orphan.note.clone()),
            (_, OrphanState::ScaledToZero) => Err("it is scaled to zero already".to_owned()),
            (Reach::Scale, _) => Ok(None),
            (Reach::Suspend, _) => Ok(Some("it is suspended".to_owned())),
            (Reach::Park, _) => Ok(Some("it is parked: no node fits its selector".to_owned())),
        },
        Decision::Restore if orphan.state != OrphanState::ScaledToZero => {
            Err("it was not scaled to zero".to_owned())
        }
        Decision::Restore => Ok(None),
        Decision::Keep if orphan.state != OrphanState::Left => {
            Err(format!("it is {}", orphan.state.as_str()))
        }
        Decision::Keep => Ok(None),
        Decision::Delete => match users(orphan, chosen, inventory) {
            0 => Ok(consequence(&orphan.key)),
            1 => Err("one object that Strata applied still needs it".to_owned()),
            users => Err(format!("{users} objects that Strata applied still need it")),
        },
    }
}

/// How many objects would be deleted along with it and were not decided about.
fn users(orphan: &Orphan, chosen: &[Orphan], inventory: &[InventoryEntry]) -> usize {
    let belongs: Box<dyn Fn(&ObjectKey) -> bool> = match (orphan.key.group.as_str(), orphan.key.kind.as_str())
    {
        ("", "Namespace") => {
            let name = orphan.key.name.clone();
            Box::new(move |key| key.namespace.as_deref() == Some(name.as_str()))
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            let sent = inventory
                .iter()
                .find(|entry| entry.key == orphan.key && entry.destination == orphan.destination);
            let text = |pointer| sent.and_then(|entry| entry.body.pointer(pointer)).and_then(|v| v.as_str());
            let (group, kind) =
                (text("/spec/group").map(str::to_owned), text("/spec/names/kind").map(str::to_owned));
            Box::new(move |key| Some(&key.group) == group.as_ref() && Some(&key.kind) == kind.as_ref())
        }
        _ => return 0,
    };
    inventory
        .iter()
        .filter(|entry| entry.destination == orphan.destination && belongs(&entry.key))
        .filter(|entry| {
            !chosen.iter().any(|other| other.destination == entry.destination && other.key == entry.key)
        })
        .count()
}

/// What else goes with an object that is deleted.
fn consequence(key: &ObjectKey) -> Option<String> {
    let text = match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") => "all that is in it goes too, also what Strata did not apply",
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            "all objects of its kind go too, also those that Strata did not apply"
        }
        ("", "PersistentVolumeClaim") => "its data may go too, as its storage class says",
        ("cluster.x-k8s.io", "Cluster" | "MachineDeployment" | "MachinePool" | "MachineSet") => {
            "its machines go too"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn action(
    orphan: &Orphan,
    decision: Decision,
    note: Option<String>,
    inventory: &[InventoryEntry],
    key: &DigestKey,
) -> PlannedAction {
    let sent =
        inventory.iter().find(|entry| entry.destination == orphan.destination && entry.key == orphan.key);
    PlannedAction {
        action: match decision {
            Decision::ScaleToZero => Action::ScaleToZero,
            Decision::Restore => Action::Restore,
            Decision::Delete => Action::Delete,
            Decision::Keep => Action::Keep,
        },
        destination: orphan.destination,
        key: orphan.key.clone(),
        api_version: orphan.api_version.clone(),
        layer: orphan.layer.clone(),
        revision: orphan.revision.clone(),
        body: sent
            .map_or_else(|| digest::object(key, &serde_json::Value::Null), |entry| entry.digest.clone()),
        changes: Vec::new(),
        note,
    }
}

fn left_out(orphan: &Orphan, reason: &str) -> Finding {
    let told = finding(
        FindingCode::LeftBehind,
        Severity::Info,
        format!("{} is left out: {reason}", orphan.key),
        "delete or keep it by a decision of its own",
    );
    about_object(told, &orphan.layer, &orphan.key)
}
