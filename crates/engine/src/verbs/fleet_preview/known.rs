//! Clusters from whose plans those of others follow.

use std::collections::BTreeSet;

use strata_model::{
    digest::{Digest, DigestKey},
    fleet_preview::FleetMember,
};
use strata_plan::fleet::{Original, Unfollowed};

use super::{
    groups::{Looked, Planned},
    rows::Row,
};
use crate::recent::Recent;

/// How many originals are kept of one composition.
const ORIGINALS: usize = 16;
/// How many are kept at all: each holds what was sent to its cluster.
const MOST_ORIGINALS: usize = 500;

/// Those whose plans others may follow from.
#[derive(Debug)]
pub(super) struct Known {
    /// By what they run.
    originals: Recent<(Original, Looked)>,
    /// What renders so that nothing can follow from any cluster that runs it.
    alone: BTreeSet<Digest>,
}

impl Default for Known {
    fn default() -> Self {
        Self { originals: Recent::new(ORIGINALS, MOST_ORIGINALS), alone: BTreeSet::new() }
    }
}

impl Known {
    /// Whether a cluster that runs this may follow from another.
    pub(super) fn may_follow(&self, applied: &Digest) -> bool {
        !self.alone.contains(applied)
    }

    pub(super) fn learn(&mut self, row: &Row, planned: &Planned) {
        let Some(applied) = &row.applied else { return };
        match &planned.original {
            Ok(original) => self.originals.keep(applied, (original.clone(), planned.looked.clone())),
            Err(Unfollowed::ByRender) => {
                self.alone.insert(applied.clone());
            }
            Err(Unfollowed::ByState) => {}
        }
    }

    pub(super) fn follow(&self, row: &Row, key: &DigestKey) -> Option<Looked> {
        let candidate = row.candidate()?;
        self.originals.of(candidate.applied).iter().find_map(|(original, looked)| {
            let plan_digest = original.plan_digest_of(&candidate, key)?;
            let cluster = &row.cluster.value;
            let member = FleetMember {
                cluster: cluster.id,
                name: cluster.name.clone(),
                plan_digest: Some(plan_digest),
                ..looked.member.clone()
            };
            Some(Looked { member, ..looked.clone() })
        })
    }
}
