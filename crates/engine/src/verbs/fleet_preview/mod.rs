//! Previewing one target on many clusters.
//!
//! *Idea.* Each cluster gets the very plan that a request would make, and clusters to which the same happens are one group:
//! see [`strata_plan::fleet`]. What several have in common is worked out once: where what a plan is made of is equal, its
//! digest follows from that of the first. The plan of the first of a group is kept, to be looked at; of the others the
//! digest is.
//!
//! *Guarantees.* Nothing changes. Bounded in clusters, in time and in plans that are kept; what was not looked at is counted.
//! A cluster that has no plan is a group of its own and keeps none of the others from having one.

mod rows;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use strata_model::{
    access::Permission,
    composition::Composition,
    digest::{Digest, DigestKey},
    fleet_preview::{FleetGroup, FleetMember, FleetOutcome, FleetPreview},
    id::FleetPreviewId,
    overrides::OverrideSource,
    plan::RepaveScope,
};
use strata_plan::{
    CompositionRequest,
    fleet::{self, Original, Unfollowed},
};
use strata_store::{ClusterFilter, ProfileFilter};
use tokio::time::Instant;

use self::rows::Row;
use crate::{
    error::EngineError,
    session::Session,
    wish::{RevisionWish, Wish},
    workbench::{Assembled, Common, Effects, Records, Surveyed},
};

/// How many clusters one preview looks at.
const MOST_CLUSTERS: u64 = 20_000;
/// Of how many groups a plan is kept.
const EXAMPLES: usize = 100;

/// How many clusters are looked at together.
const CHUNK: usize = 200;
/// Of how many all is read at once that a plan is made of.
const BATCH: usize = 25;
/// How often those of a chunk that nothing follows for yet are tried again, each time with more to follow from; then they are
/// planned by themselves.
const ROUNDS: usize = 4;
/// How many originals are kept of one composition.
const ORIGINALS: usize = 16;
/// How many are kept at all: each holds what was sent to its cluster. The oldest go first.
const MOST_ORIGINALS: usize = 500;

/// What comes of the target on one cluster.
#[derive(Clone)]
struct Looked {
    outcome: FleetOutcome,
    effect: Digest,
    member: FleetMember,
}

/// A cluster that was planned by itself.
struct Planned {
    looked: Looked,
    /// None where there is no plan.
    assembled: Option<Assembled>,
    reason: Option<String>,
    original: Result<Original, Unfollowed>,
}

/// Those whose plans others may follow from, by what they run.
#[derive(Default)]
struct Known {
    originals: BTreeMap<Digest, Vec<(Original, Looked)>>,
    /// What renders so that nothing can follow from any cluster that runs it.
    alone: BTreeSet<Digest>,
    /// What the originals that are kept run, the oldest first.
    kept: VecDeque<Digest>,
}

/// What is known of the groups so far.
#[derive(Default)]
struct Groups {
    groups: BTreeMap<(FleetOutcome, Digest), FleetGroup>,
    members: Vec<(Digest, FleetMember)>,
    planned: u32,
}

impl Session {
    /// What a target would do to all clusters that a filter lets through; to those that run the profile, when the filter names
    /// none.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_VERSION`.
    pub async fn preview_fleet_upgrade(
        &self,
        to: &RevisionWish,
        mut filter: ClusterFilter,
    ) -> Result<FleetPreview, EngineError> {
        self.permit(Permission::Read)?;
        let wish = Wish { attach: vec![to.clone()], ..Wish::default() };
        let request = self.composition_request(&wish).await?;
        let target = self.resolve_revision(to).await?.revision;
        if let Some(running) = &filter.profile {
            // A name that nobody has would be taken for one that nobody runs.
            self.rows().profile_by_name(&running.profile).await?;
        }
        filter.profile.get_or_insert_with(|| ProfileFilter {
            profile: target.profile.clone(),
            version: None,
            revision: None,
        });
        let all = self.rows().cluster_count(&filter).await?;
        let clusters = self.rows().cluster_ids(&filter, MOST_CLUSTERS).await?;
        let until = Instant::now() + self.engine.options().fleet_preview_patience;
        let (mut known, mut groups) = (Known::default(), Groups::default());
        let effects = Arc::new(Effects::default());
        for chunk in clusters.chunks(CHUNK) {
            if Instant::now() >= until {
                break;
            }
            let rows = self.fleet_rows(chunk).await?;
            let surveying = self.survey_rows(rows, &request, &effects, until, &mut known, &mut groups);
            Box::pin(surveying).await?;
        }
        let Groups { groups, mut members, planned } = groups;
        members.sort_by(|(_, one), (_, other)| (&one.name, one.cluster).cmp(&(&other.name, other.cluster)));
        let mut groups: Vec<FleetGroup> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.clusters));
        let created_at = self.now();
        let looked_at = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let preview = FleetPreview {
            id: FleetPreviewId::new(self.engine.ids().next()),
            project: self.project,
            to: target,
            looked_at,
            planned,
            left_out: all.saturating_sub(u64::from(looked_at)),
            groups,
            created_at,
            expires_at: created_at + self.engine.options().plan_lifetime,
        };
        let kept = preview.clone();
        self.engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move { Ok(tx.fleet_preview_insert(&kept, &members).await?) })
            })
            .await?;
        Ok(preview)
    }

    /// Looks at some clusters: those that follow from what is known, and of the others first one of each kind.
    async fn survey_rows(
        &self,
        rows: Vec<Row>,
        request: &CompositionRequest,
        effects: &Arc<Effects>,
        until: Instant,
        known: &mut Known,
        groups: &mut Groups,
    ) -> Result<(), EngineError> {
        let mut rows = self.follow(rows, known, groups).await?;
        for round in 1.. {
            let (mut first, mut later) = (Vec::new(), Vec::new());
            let mut seen = BTreeSet::new();
            for row in rows {
                let follows =
                    round < ROUNDS && row.applied.as_ref().is_some_and(|it| !known.alone.contains(it));
                let is_first =
                    !follows || row.applied.as_ref().is_some_and(|applied| seen.insert(applied.clone()));
                if is_first { first.push(row) } else { later.push(row) }
            }
            if first.is_empty() {
                break;
            }
            let side_by_side = std::thread::available_parallelism().map_or(2, usize::from) * 2;
            let common = &self.common().await?;
            let mut first = first.into_iter();
            while Instant::now() < until {
                let batch: Vec<Row> = first.by_ref().take(BATCH).collect();
                if batch.is_empty() {
                    break;
                }
                let mut records = self.records(batch.iter().map(|row| &row.cluster)).await?;
                let given: Vec<(Row, Records)> = batch
                    .into_iter()
                    .map(|row| {
                        let records = records.remove(&row.cluster.value.id).unwrap_or_default();
                        (row, records)
                    })
                    .collect();
                let planned: Vec<(Row, Option<Planned>)> = stream::iter(given)
                    .map(|(row, records)| async move {
                        let given = (common, records);
                        let planned =
                            self.look(&row, given, request.clone(), Arc::clone(effects), until).await?;
                        Ok::<_, EngineError>((row, planned))
                    })
                    .buffered(side_by_side)
                    .try_collect()
                    .await?;
                // Who has not answered in time counts as not looked at.
                for (row, planned) in planned {
                    let Some(planned) = planned else { continue };
                    known.learn(&row, &planned);
                    self.count(planned, groups).await?;
                }
            }
            rows = self.follow(later, known, groups).await?;
        }
        Ok(())
    }

    /// Counts the clusters whose plans follow from known ones; gives back the others.
    async fn follow(
        &self,
        rows: Vec<Row>,
        known: &mut Known,
        groups: &mut Groups,
    ) -> Result<Vec<Row>, EngineError> {
        let key = self.engine.store().digest_key().clone();
        let given = std::mem::take(known);
        let (given, followed) = tokio::task::spawn_blocking(move || {
            let followed: Vec<Result<Looked, Row>> =
                rows.into_iter().map(|row| given.follow(&row, &key).ok_or(row)).collect();
            (given, followed)
        })
        .await
        .map_err(EngineError::internal)?;
        *known = given;
        let mut others = Vec::new();
        for result in followed {
            match result {
                Ok(looked) => groups.add(looked),
                Err(row) => others.push(row),
            }
        }
        Ok(others)
    }

    async fn look(
        &self,
        row: &Row,
        given: (&Common, Records),
        request: CompositionRequest,
        effects: Arc<Effects>,
        until: Instant,
    ) -> Result<Option<Planned>, EngineError> {
        let cluster = &row.cluster;
        let key = self.engine.store().digest_key();
        let member = |composition: Option<&Composition>, plan_digest| FleetMember {
            cluster: cluster.value.id,
            name: cluster.value.name.clone(),
            plan_digest,
            variables: composition.map(variables).unwrap_or_default(),
            overridden: composition.map(overridden).unwrap_or_default(),
        };
        match self.survey(cluster, given, request, effects, until).await {
            Ok(None) => Ok(None),
            Ok(Some(Surveyed { assembled, effect, original })) => Ok(Some(Planned {
                looked: Looked {
                    outcome: FleetOutcome::of(&assembled.plan),
                    effect,
                    member: member(assembled.composition.as_ref(), Some(assembled.plan.digest.clone())),
                },
                assembled: Some(assembled),
                reason: None,
                original,
            })),
            Err(EngineError::Refused(refusals)) => {
                let mut reasons = Vec::new();
                for refusal in &refusals {
                    reasons.push(refusal.message.clone());
                    reasons.extend(refusal.diagnostics.iter().map(ToString::to_string));
                }
                let reason = reasons.join("\n");
                let bare = fleet::without_own(&reason, &cluster.value);
                Ok(Some(Planned {
                    looked: Looked {
                        outcome: FleetOutcome::Refused,
                        effect: key.bytes("effect", bare.as_bytes()),
                        member: member(None, None),
                    },
                    assembled: None,
                    reason: Some(reason),
                    original: Err(Unfollowed::ByState),
                }))
            }
            Err(error @ EngineError::Internal(_)) => Err(error),
        }
    }

    async fn count(&self, planned: Planned, groups: &mut Groups) -> Result<(), EngineError> {
        let key = (planned.looked.outcome, planned.looked.effect.clone());
        if !groups.groups.contains_key(&key) {
            let group = self.group(&planned, groups.groups.len() < EXAMPLES).await?;
            groups.groups.insert(key, group);
        }
        groups.planned += 1;
        groups.add(planned.looked);
        Ok(())
    }

    async fn group(&self, first: &Planned, keep: bool) -> Result<FleetGroup, EngineError> {
        let plan = first.assembled.as_ref().map(|assembled| &assembled.plan);
        let mut findings: Vec<_> =
            plan.iter().flat_map(|plan| &plan.findings).map(|it| (it.code, it.severity)).collect();
        findings.sort_by_key(|(code, severity)| (std::cmp::Reverse(*severity), *code));
        findings.dedup();
        let example = match &first.assembled {
            Some(assembled) if keep => Some(self.keep_preview(assembled.clone()).await?.id),
            _ => None,
        };
        Ok(FleetGroup {
            outcome: first.looked.outcome,
            effect: first.looked.effect.clone(),
            clusters: 0,
            example,
            reason: first.reason.clone(),
            repave: plan.map_or(RepaveScope::None, |plan| plan.repave.scope.clone()),
            findings,
        })
    }
}

impl Known {
    fn learn(&mut self, row: &Row, planned: &Planned) {
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

    fn follow(&self, row: &Row, key: &DigestKey) -> Option<Looked> {
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

impl Groups {
    /// Counts a cluster of a group that is there.
    fn add(&mut self, looked: Looked) {
        if let Some(group) = self.groups.get_mut(&(looked.outcome, looked.effect.clone())) {
            group.clusters += 1;
            self.members.push((looked.effect, looked.member));
        }
    }
}

fn variables(composition: &Composition) -> Vec<(String, String)> {
    composition.variables.iter().map(|(name, value)| (name.clone(), value.masked())).collect()
}

fn overridden(composition: &Composition) -> Vec<String> {
    let layers = composition.overrides.iter().flat_map(OverrideSource::layers);
    layers.map(|own| own.layer.to_string()).collect()
}
