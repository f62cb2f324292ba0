//! Groups: clusters to which the same happens.

use std::{cmp::Reverse, collections::BTreeMap};

use strata_model::{
    cluster::Cluster,
    composition::Composition,
    digest::Digest,
    fleet_preview::{FleetGroup, FleetMember, FleetOutcome, OwnValue},
    id::PlanId,
    overrides::OverrideSource,
    plan::RepaveScope,
    profile::ClusterName,
};
use strata_plan::fleet::{Original, Unfollowed};

use crate::workbench::Assembled;

/// What comes of the target on one cluster.
#[derive(Debug, Clone)]
pub(super) struct Looked {
    pub(super) outcome: FleetOutcome,
    pub(super) effect: Digest,
    pub(super) member: FleetMember,
}

/// A cluster that was planned by itself.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) looked: Looked,
    /// None where there is no plan.
    pub(super) assembled: Option<Assembled>,
    pub(super) reason: Option<String>,
    pub(super) original: Result<Original, Unfollowed>,
}

/// What is known of the groups so far.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<(FleetOutcome, Digest), FleetGroup>,
    members: Vec<(Digest, FleetMember)>,
}

impl Groups {
    /// Of how many groups of this kind a plan is kept.
    pub(super) fn examples(&self, outcome: FleetOutcome) -> usize {
        self.groups.values().filter(|group| group.outcome == outcome && group.example.is_some()).count()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &FleetGroup> {
        self.groups.values()
    }

    /// How many clusters are in them.
    pub(super) fn clusters(&self) -> u32 {
        u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn has(&self, looked: &Looked) -> bool {
        self.groups.contains_key(&(looked.outcome, looked.effect.clone()))
    }

    /// A new one, as its first cluster has it.
    pub(super) fn found(&mut self, first: &Planned, example: Option<PlanId>) -> FleetGroup {
        let plan = first.assembled.as_ref().map(|assembled| &assembled.plan);
        let mut findings: Vec<_> =
            plan.iter().flat_map(|plan| &plan.findings).map(|it| (it.code, it.severity)).collect();
        findings.sort_by_key(|(code, severity)| (Reverse(*severity), *code));
        findings.dedup();
        let Looked { outcome, effect, .. } = &first.looked;
        let group = FleetGroup {
            outcome: *outcome,
            effect: effect.clone(),
            clusters: 0,
            example,
            reason: first.reason.clone(),
            repave: plan.map_or(RepaveScope::None, |plan| plan.repave.scope.clone()),
            findings,
        };
        self.groups.insert((*outcome, effect.clone()), group.clone());
        group
    }

    /// Counts a cluster of a group that is there.
    pub(super) fn add(&mut self, looked: Looked) {
        if let Some(group) = self.groups.get_mut(&(looked.outcome, looked.effect.clone())) {
            group.clusters += 1;
            self.members.push((looked.effect, looked.member));
        }
    }

    /// The gravest first, of these the largest, of these by the names of their clusters; and the clusters by name, each with
    /// the effect of its group.
    pub(super) fn settled(self) -> (Vec<FleetGroup>, Vec<(Digest, FleetMember)>) {
        let mut members = self.members;
        members.sort_by(|(_, one), (_, other)| (&one.name, one.cluster).cmp(&(&other.name, other.cluster)));
        let mut firsts: BTreeMap<&Digest, &ClusterName> = BTreeMap::new();
        for (effect, member) in &members {
            firsts.entry(effect).or_insert(&member.name);
        }
        let mut groups: Vec<FleetGroup> = self.groups.into_values().collect();
        groups.sort_by_key(|group| {
            (Reverse(group.outcome), Reverse(group.clusters), firsts.get(&group.effect).copied())
        });
        (groups, members)
    }
}

/// What a cluster of a group has of its own.
pub(super) fn member(cluster: &Cluster, assembled: Option<&Assembled>) -> FleetMember {
    let composition = assembled.and_then(|assembled| assembled.composition.as_ref());
    let plan = assembled.map(|assembled| &assembled.plan);
    let disagrees = plan.iter().flat_map(|plan| &plan.conflicts).map(|conflict| OwnValue {
        layer: conflict.layer.clone(),
        path: conflict.path.clone(),
        value: conflict.ours.clone(),
    });
    FleetMember {
        cluster: cluster.id,
        name: cluster.name.clone(),
        plan_digest: plan.map(|plan| plan.digest.clone()),
        variables: composition.map(variables).unwrap_or_default(),
        overridden: composition.map(overridden).unwrap_or_default(),
        disagrees: disagrees.collect(),
    }
}

fn variables(composition: &Composition) -> Vec<(String, String)> {
    composition.variables.iter().map(|(name, value)| (name.clone(), value.masked())).collect()
}

fn overridden(composition: &Composition) -> Vec<String> {
    let layers = composition.overrides.iter().flat_map(OverrideSource::layers);
    layers.map(|own| own.layer.to_string()).collect()
}
