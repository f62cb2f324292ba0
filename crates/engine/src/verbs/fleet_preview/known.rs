//! Clusters from whose plans those of others follow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use strata_model::{
    digest::{Digest, DigestKey},
    fleet_preview::FleetMember,
};
use strata_plan::fleet::{Original, Unfollowed};

use super::{
    groups::{Looked, Planned},
    rows::Row,
};

/// How many originals are kept of one composition.
const ORIGINALS: usize = 16;
/// How many are kept at all: each holds what was sent to its cluster. The oldest go first.
const MOST_ORIGINALS: usize = 500;

/// Those whose plans others may follow from, by what they run.
#[derive(Debug, Default)]
pub(super) struct Known {
    originals: BTreeMap<Digest, Vec<(Original, Looked)>>,
    /// What renders so that nothing can follow from any cluster that runs it.
    alone: BTreeSet<Digest>,
    /// What the originals that are kept run, the oldest first.
    kept: VecDeque<Digest>,
}

impl Known {
    /// Whether a cluster that runs this may follow from another.
    pub(super) fn may_follow(&self, applied: &Digest) -> bool {
        !self.alone.contains(applied)
    }

    pub(super) fn learn(&mut self, row: &Row, planned: &Planned) {
        let Some(applied) = &row.applied else { return };
        let original = match &planned.original {
            Ok(original) => original,
            Err(Unfollowed::ByRender) => {
                self.alone.insert(applied.clone());
                return;
            }
            Err(Unfollowed::ByState) => return,
        };
        let originals = self.originals.entry(applied.clone()).or_default();
        if originals.len() < ORIGINALS {
            originals.push((original.clone(), planned.looked.clone()));
            self.kept.push_back(applied.clone());
        }
        while self.kept.len() > MOST_ORIGINALS {
            let Some(oldest) = self.kept.pop_front() else { break };
            if let Some(originals) = self.originals.get_mut(&oldest) {
                originals.remove(0);
                if originals.is_empty() {
                    self.originals.remove(&oldest);
                }
            }
        }
    }

    pub(super) fn follow(&self, row: &Row, key: &DigestKey) -> Option<Looked> {
        let candidate = row.candidate()?;
        self.originals.get(candidate.applied)?.iter().find_map(|(original, looked)| {
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
