//! What a change's move means for its cluster.

use jiff::Timestamp;
use strata_model::{
    change::{Change, ChangeState, RequirementKind},
    cluster::ClusterEvent,
};

use crate::reduce::open_requirements;

/// The cluster events that belong into the transaction in which a change moved from `before` to `after`.
///
/// They keep two facts in step: which change holds the cluster, and whether one waits for the approval of a repave.
#[must_use]
pub fn cluster_events(before: Option<&Change>, after: &Change, now: Timestamp) -> Vec<ClusterEvent> {
    let held = before.is_some_and(|change| change.state.holds_cluster());
    let holds = after.state.holds_cluster();
    let waited = before.is_some_and(|change| waits_for_repave(change, now));
    let waits = waits_for_repave(after, now);
    let mut events = Vec::new();
    if waited && !waits {
        events.push(ClusterEvent::RepavePending { pending: false, change: after.id });
    }
    if !held && holds {
        events.push(ClusterEvent::ChangeTookHold { change: after.id, wanted: after.to });
    }
    if held && !holds {
        let applied = (after.state == ChangeState::Succeeded).then_some(after.to);
        events.push(ClusterEvent::ChangeLetGo { change: after.id, applied });
    }
    if waits && !waited {
        events.push(ClusterEvent::RepavePending { pending: true, change: after.id });
    }
    events
}

fn waits_for_repave(change: &Change, now: Timestamp) -> bool {
    change.state == ChangeState::AwaitingApproval
        && open_requirements(change, now).any(|requirement| requirement.kind == RequirementKind::Repave)
}
