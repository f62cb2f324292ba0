//! Steps: actions that go together and are waited for together.
//!
//! Infrastructure first: the control plane, then each pool; then what infrastructure layers put into the cluster itself
//! (a CNI's or CSI's manifests), as add-ons of priority `i32::MIN`; then add-ons by priority, lowest first; then orphans.

use std::collections::BTreeMap;

use serde_json::Value;
use strata_model::{
    object::{Destination, ObjectKey},
    plan::{Action, PlannedAction, PlannedStep, Repave, RepaveScope, StepKind},
    render::{Render, RenderedObject},
};

use crate::order::{infrastructure_rank, rank};

/// The label that names the pool of a Cluster API object.
pub(crate) const POOL_LABEL: &str = "strata.dev/pool";

/// The priority of what infrastructure layers put into the cluster itself.
pub(crate) const INFRASTRUCTURE_PRIORITY: i32 = i32::MIN;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    ControlPlane,
    Pool(usize, String),
    AddOns(i32),
    Orphans,
}

/// Sorts the actions into the order in which they happen, and cuts them into steps.
pub(crate) fn arrange(actions: &mut [PlannedAction], render: &Render, repave: &Repave) -> Vec<PlannedStep> {
    let pools = pools(render);
    let rendered: BTreeMap<(Destination, &ObjectKey), (usize, &RenderedObject)> = render
        .objects
        .iter()
        .enumerate()
        .rev()
        .map(|(index, object)| ((object.destination, &object.key), (index, object)))
        .collect();
    let place = |action: &PlannedAction| -> (Slot, u16, usize) {
        let found = rendered.get(&(action.destination, &action.key));
        match found {
            Some((index, object)) if action.action != Action::Orphan => {
                let slot = slot(object, &pools);
                let rank = match slot {
                    Slot::ControlPlane | Slot::Pool(..) => infrastructure_rank(&object.key),
                    _ => rank(&object.key),
                };
                (slot, rank, *index)
            }
            _ => (Slot::Orphans, rank(&action.key), usize::MAX),
        }
    };
    // Within a rank the order of the render counts: it is layer order.
    actions.sort_by_cached_key(|action| (place(action), action.key.clone()));
    let mut steps: Vec<PlannedStep> = Vec::new();
    for (index, action) in (0_u32..).zip(actions.iter()) {
        let kind = match place(action).0 {
            Slot::ControlPlane => StepKind::ControlPlane,
            Slot::Pool(_, pool) => StepKind::WorkerPool { pool },
            Slot::AddOns(priority) => StepKind::AddOns { priority },
            Slot::Orphans => StepKind::Orphans,
        };
        match steps.last_mut() {
            Some(step) if step.kind == kind => step.actions.push(index),
            _ => steps.push(PlannedStep { repaves: repaves(&kind, repave), kind, actions: vec![index] }),
        }
    }
    steps
}

fn repaves(kind: &StepKind, repave: &Repave) -> bool {
    match kind {
        StepKind::ControlPlane => matches!(repave.scope, RepaveScope::ControlPlane | RepaveScope::Full),
        StepKind::WorkerPool { pool } => repave.pools.contains(pool),
        StepKind::AddOns { .. } | StepKind::Orphans => false,
    }
}

fn slot(object: &RenderedObject, pools: &Pools) -> Slot {
    match (object.destination, object.layer_kind.is_infrastructure()) {
        (Destination::Management, _) => match pools.of(object) {
            Some(pool) => {
                let order = pools.order.iter().position(|known| *known == pool).unwrap_or(usize::MAX);
                Slot::Pool(order, pool)
            }
            None => Slot::ControlPlane,
        },
        (Destination::Workload, true) => Slot::AddOns(INFRASTRUCTURE_PRIORITY),
        (Destination::Workload, false) => Slot::AddOns(object.install_priority),
    }
}

/// Which pool a Cluster API object belongs to.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    /// Names in render order.
    order: Vec<String>,
    /// (kind, name) of what a pool refers to, e.g. its machine template.
    referred: BTreeMap<(String, String), String>,
}

impl Pools {
    /// The pool of an object, by label, by kind, or because a pool refers to it.
    pub(crate) fn of(&self, object: &RenderedObject) -> Option<String> {
        pool_name(&object.key, &object.body)
            .or_else(|| self.referred.get(&(object.key.kind.clone(), object.key.name.clone())).cloned())
    }
}

/// Whether the kind stands for a pool of machines.
pub(crate) fn is_pool(key: &ObjectKey) -> bool {
    key.group == "cluster.x-k8s.io" && matches!(key.kind.as_str(), "MachineDeployment" | "MachinePool")
}

/// The pool that an object names itself: by label, or by being one.
pub(crate) fn pool_name(key: &ObjectKey, body: &Value) -> Option<String> {
    body.get("metadata")
        .and_then(|metadata| metadata.get("labels"))
        .and_then(|labels| labels.get(POOL_LABEL))
        .and_then(Value::as_str)
        .map(str::to_owned)
        .or_else(|| is_pool(key).then(|| key.name.clone()))
}

pub(crate) fn pools(render: &Render) -> Pools {
    let mut pools = Pools::default();
    let management = || render.objects.iter().filter(|object| object.destination == Destination::Management);
    for object in management() {
        let Some(pool) = pool_name(&object.key, &object.body) else { continue };
        if !pools.order.contains(&pool) {
            pools.order.push(pool.clone());
        }
        if is_pool(&object.key) {
            for pointer in
                ["/spec/template/spec/bootstrap/configRef", "/spec/template/spec/infrastructureRef"]
            {
                let Some(reference) = object.body.pointer(pointer) else { continue };
                let field = |name| reference.get(name).and_then(Value::as_str).map(str::to_owned);
                if let (Some(kind), Some(name)) = (field("kind"), field("name")) {
                    pools.referred.entry((kind, name)).or_insert_with(|| pool.clone());
                }
            }
        }
    }
    // What the control plane refers to as well must be there before it.
    for object in management().filter(|object| object.key.group == "controlplane.cluster.x-k8s.io") {
        for pointer in
            ["/spec/machineTemplate/infrastructureRef", "/spec/machineTemplate/spec/infrastructureRef"]
        {
            let Some(reference) = object.body.pointer(pointer) else { continue };
            let field = |name| reference.get(name).and_then(Value::as_str).map(str::to_owned);
            if let (Some(kind), Some(name)) = (field("kind"), field("name")) {
                pools.referred.remove(&(kind, name));
            }
        }
    }
    pools
}
