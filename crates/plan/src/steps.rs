//! Steps: actions that go together and are waited for together.
//!
//! Infrastructure first: the control plane, then each pool; then what infrastructure layers put into the cluster itself
//! (a CNI's or CSI's manifests), as add-ons of priority `i32::MIN`; then add-ons by priority, lowest first; then orphans.
//! Where hooks run before the add-ons of a priority, its namespaces and definitions go before them, as a step of their own.
//!
//! Each step is waited for before the next one begins, but for one case: a cluster that is being made. Its nodes become
//! ready only with the network that infrastructure layers put into it, so that its machines and this network are sent
//! first, and then waited for together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use strata_model::{
    composition::POOL_LABEL,
    object::{Destination, ObjectKey},
    plan::{Action, PlannedAction, PlannedStep, Repave, RepaveScope, StepKind},
    render::{Render, RenderedObject},
};

use crate::{
    hooks::{HookRun, Moment},
    order::{infrastructure_rank, rank},
};

/// The priority of what infrastructure layers put into the cluster itself.
pub(crate) const INFRASTRUCTURE_PRIORITY: i32 = i32::MIN;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    ControlPlane,
    Pool(usize, String),
    AddOns(i32, Phase),
    Orphans,
}

/// The parts of a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Foundations,
    HooksBefore,
    Objects,
    HooksAfter,
}

/// Kinds of a lower rank are what hooks may stand on: namespaces and definitions.
const FOUNDATIONS_BELOW: u16 = 200;

/// Puts actions and hooks into the order in which they happen, and cuts them into steps. `first` says that the cluster
/// runs nothing yet.
pub(crate) fn arrange(
    actions: Vec<PlannedAction>,
    hooks: Vec<HookRun<'_>>,
    render: &Render,
    repave: &Repave,
    first: bool,
) -> (Vec<PlannedAction>, Vec<PlannedStep>) {
    let pools = pools(render);
    let rendered: BTreeMap<(Destination, &ObjectKey), (usize, &RenderedObject)> = render
        .objects
        .iter()
        .enumerate()
        .rev()
        .map(|(index, object)| ((object.destination, &object.key), (index, object)))
        .collect();
    let hooked: BTreeSet<i32> = hooks
        .iter()
        .filter(|run| run.moment == Moment::Before)
        .map(|run| priority(&run.hook.object))
        .collect();
    let place = |action: &PlannedAction| -> (Slot, u16, usize) {
        match rendered.get(&(action.destination, &action.key)) {
            Some((index, object)) if action.action != Action::Orphan => match slot(object, &pools) {
                Slot::AddOns(priority, _)
                    if hooked.contains(&priority) && rank(&object.key) < FOUNDATIONS_BELOW =>
                {
                    (Slot::AddOns(priority, Phase::Foundations), rank(&object.key), *index)
                }
                slot @ (Slot::ControlPlane | Slot::Pool(..)) => {
                    (slot, infrastructure_rank(&object.key), *index)
                }
                slot => (slot, rank(&object.key), *index),
            },
            _ => (Slot::Orphans, rank(&action.key), usize::MAX),
        }
    };
    let mut placed: Vec<((Slot, u16, usize), PlannedAction)> =
        actions.into_iter().map(|action| (place(&action), action)).collect();
    placed.extend(hooks.into_iter().enumerate().map(|(index, run)| {
        let phase = match run.moment {
            Moment::Before => Phase::HooksBefore,
            Moment::After => Phase::HooksAfter,
        };
        // Their own order counts: by layer, weight and kind.
        ((Slot::AddOns(priority(&run.hook.object), phase), 0, index), run.action)
    }));
    // Within a rank the order of the render counts: it is layer order.
    placed.sort_by(|(a, one), (b, other)| (a, &one.key).cmp(&(b, &other.key)));
    let mut actions = Vec::with_capacity(placed.len());
    let mut steps: Vec<PlannedStep> = Vec::new();
    for (index, ((slot, ..), action)) in (0_u32..).zip(placed) {
        let kind = match slot {
            Slot::ControlPlane => StepKind::ControlPlane,
            Slot::Pool(_, pool) => StepKind::WorkerPool { pool },
            Slot::AddOns(priority, Phase::Foundations) => StepKind::Foundations { priority },
            Slot::AddOns(priority, Phase::HooksBefore) => StepKind::HooksBefore { priority },
            Slot::AddOns(priority, Phase::Objects) => StepKind::AddOns { priority },
            Slot::AddOns(priority, Phase::HooksAfter) => StepKind::HooksAfter { priority },
            Slot::Orphans => StepKind::Orphans,
        };
        match steps.last_mut() {
            Some(step) if step.kind == kind => step.actions.push(index),
            _ => steps.push(PlannedStep {
                repaves: repaves(&kind, repave),
                kind,
                actions: vec![index],
                settled_with: None,
            }),
        }
        actions.push(action);
    }
    if first {
        wait_for_machines_with_network(&mut steps);
    }
    (actions, steps)
}

/// Lets the machines of a new cluster be waited for only once what infrastructure layers put into it is there.
fn wait_for_machines_with_network(steps: &mut [PlannedStep]) {
    let network = |step: &PlannedStep| step.kind == StepKind::AddOns { priority: INFRASTRUCTURE_PRIORITY };
    let Some(network) = steps.iter().position(network).and_then(|index| u32::try_from(index).ok()) else {
        return;
    };
    for step in steps {
        if matches!(step.kind, StepKind::ControlPlane | StepKind::WorkerPool { .. }) {
            step.settled_with = Some(network);
        }
    }
}

fn repaves(kind: &StepKind, repave: &Repave) -> bool {
    match kind {
        StepKind::ControlPlane => matches!(repave.scope, RepaveScope::ControlPlane | RepaveScope::Full),
        StepKind::WorkerPool { pool } => repave.pools.contains(pool),
        StepKind::Foundations { .. }
        | StepKind::HooksBefore { .. }
        | StepKind::AddOns { .. }
        | StepKind::HooksAfter { .. }
        | StepKind::Orphans => false,
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
        (Destination::Workload, _) => Slot::AddOns(priority(object), Phase::Objects),
    }
}

/// The priority that an object of the cluster itself goes with.
fn priority(object: &RenderedObject) -> i32 {
    if object.layer_kind.is_infrastructure() { INFRASTRUCTURE_PRIORITY } else { object.install_priority }
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
