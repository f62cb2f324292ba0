//! Which nodes would be replaced, and why.
//!
//! For Cluster API the answer lies in which fields change: those that it answers with a rollout, as against those that it
//! carries over to machines in place. For edge hosts it lies in which values of infrastructure layers change.
//!
//! Where a sending was never confirmed, an object may be in one of several states: nodes are replaced if any of them
//! says so.

mod cluster_api;
mod edge;

use std::collections::BTreeSet;

use strata_model::{
    cluster::Infrastructure,
    object::{Destination, ObjectKey},
    plan::{Repave, RepaveReason, RepaveScope},
};

use crate::{diff::Pair, plan::PlanInput, steps::pools};

pub(crate) use edge::{Effect, effects as edge_effects};

pub(crate) fn impact(input: &PlanInput<'_>, pairs: &[Pair<'_>]) -> Repave {
    let reasons = if matches!(input.cluster.infrastructure, Infrastructure::Edge) {
        edge::reasons(input)
    } else {
        let pools = pools(input.render);
        pairs
            .iter()
            .filter(|pair| pair.after.destination == Destination::Management)
            .filter_map(|pair| Some((pair.before?, pair.after)))
            .flat_map(|(before, after)| before.possible_bodies().map(move |body| (body, after)))
            .flat_map(|(before, after)| {
                cluster_api::reasons(before, after, pools.of(after).as_deref(), input.redactor)
            })
            .collect()
    };
    summary(reasons)
}

/// How codes of reasons end that stand for all nodes: of edge hosts, and of topologies.
pub(crate) const EVERYWHERE: &str = "_EVERYWHERE";

fn summary(found: Vec<RepaveReason>) -> Repave {
    // Two bodies that an object may have can give the same reason.
    let mut reasons: Vec<RepaveReason> = Vec::with_capacity(found.len());
    for reason in found {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let pools: BTreeSet<String> = reasons.iter().filter_map(|reason| reason.pool.clone()).collect();
    let control_plane = reasons.iter().any(|reason| reason.pool.is_none());
    let everywhere = reasons.iter().any(|reason| reason.code.ends_with(EVERYWHERE));
    let scope = match (control_plane, pools.is_empty()) {
        _ if everywhere => RepaveScope::Full,
        (true, true) => RepaveScope::ControlPlane,
        (true, false) => RepaveScope::Full,
        (false, false) => RepaveScope::WorkerPools,
        (false, true) => RepaveScope::None,
    };
    Repave { scope, pools: pools.into_iter().collect(), reasons }
}

pub(crate) fn reason(
    code: &str,
    object: &ObjectKey,
    path: &str,
    message: String,
    pool: Option<&str>,
) -> RepaveReason {
    RepaveReason {
        code: code.to_owned(),
        message,
        object: object.clone(),
        path: path.to_owned(),
        pool: pool.map(str::to_owned),
    }
}
