//! Control plane and pools.

use std::collections::BTreeSet;

use strata_model::{
    composition::Composition,
    error::{Refusal, RefusalCode},
    profile::is_dns_label,
};

/// Most machines of one pool.
const MAX_REPLICAS: u32 = 10_000;

pub(super) fn check(wanted: &Composition, refusals: &mut Vec<Refusal>) {
    let mut refuse = |field: &str, message: String, help: &str| {
        refusals.push(Refusal::new(RefusalCode::InvalidInput, message, help).at(field));
    };
    if let Some(control_plane) = &wanted.control_plane
        && ![1, 3, 5].contains(&control_plane.replicas)
    {
        refuse(
            "controlPlane",
            format!("a control plane of {} machines keeps no quorum well", control_plane.replicas),
            "use 1, 3 or 5",
        );
    }
    let mut names = BTreeSet::new();
    for pool in &wanted.node_pools {
        if !is_dns_label(&pool.name) {
            refuse(
                "nodePools",
                format!("`{}` cannot name a pool", pool.name.chars().take(100).collect::<String>()),
                "use 1 to 63 lower-case letters, digits and `-`",
            );
        }
        if !names.insert(pool.name.as_str()) {
            refuse(
                "nodePools",
                format!("two pools are named `{}`", pool.name),
                "give each a name of its own",
            );
        }
        if pool.replicas > MAX_REPLICAS {
            refuse(
                "nodePools",
                format!("pool `{}` has {} machines", pool.name, pool.replicas),
                "use at most 10000 in one pool",
            );
        }
    }
}
