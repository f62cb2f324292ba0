//! Previewing one target on many clusters.
//!
//! *Idea.* Each cluster gets the very plan that a request would make, and clusters to which the same happens are one group:
//! see [`strata_plan::fleet`]. The plan of the first of a group is kept, to be looked at; of the others the digest is.
//!
//! *Guarantees.* Nothing changes. Bounded in clusters, in time and in plans that are kept; what was not looked at is counted.
//! A cluster that has no plan is a group of its own and keeps none of the others from having one.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream};
use strata_model::{
    access::Permission,
    composition::Composition,
    digest::Digest,
    fleet_preview::{FleetGroup, FleetMember, FleetOutcome, FleetPreview},
    id::{ClusterId, FleetPreviewId},
    overrides::OverrideSource,
    plan::RepaveScope,
};
use strata_plan::{CompositionRequest, fleet};
use strata_store::{ClusterFilter, ProfileFilter};
use tokio::time::Instant;

use crate::{
    error::EngineError,
    session::Session,
    wish::{RevisionWish, Wish},
    workbench::Assembled,
};

/// How many clusters one preview looks at.
const MOST_CLUSTERS: u64 = 20_000;
/// How long it looks.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of how many groups a plan is kept.
const EXAMPLES: usize = 100;

/// What comes of the target on one cluster.
struct Looked {
    outcome: FleetOutcome,
    effect: Digest,
    member: FleetMember,
    /// None where there is no plan.
    assembled: Option<Assembled>,
    reason: Option<String>,
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
        let request = &self.composition_request(&wish).await?;
        let target = self.resolve_revision(to).await?.revision;
        filter.profile.get_or_insert_with(|| ProfileFilter {
            profile: target.profile.clone(),
            version: None,
            revision: None,
        });
        let all = self.rows().cluster_count(&filter).await?;
        let clusters = self.rows().cluster_ids(&filter, MOST_CLUSTERS).await?;
        let until = Instant::now() + PATIENCE;
        let side_by_side = std::thread::available_parallelism().map_or(2, usize::from) * 2;
        let mut looks = stream::iter(clusters)
            .map(|id| async move {
                if Instant::now() >= until {
                    return Ok(None);
                }
                self.look(id, request.clone()).await.map(Some)
            })
            .buffered(side_by_side);
        let mut groups: BTreeMap<(FleetOutcome, Digest), FleetGroup> = BTreeMap::new();
        let mut members = Vec::new();
        while let Some(looked) = looks.next().await {
            let Some(looked) = looked? else { continue };
            let known = groups.len();
            let key = (looked.outcome, looked.effect.clone());
            let group = match groups.get_mut(&key) {
                Some(group) => group,
                None => {
                    let group = self.group(&looked, known < EXAMPLES).await?;
                    groups.entry(key).or_insert(group)
                }
            };
            group.clusters += 1;
            members.push((looked.effect, looked.member));
        }
        let mut groups: Vec<FleetGroup> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.clusters));
        let created_at = self.now();
        let looked_at = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let preview = FleetPreview {
            id: FleetPreviewId::new(self.engine.ids().next()),
            project: self.project,
            to: target,
            looked_at,
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

    async fn look(&self, id: ClusterId, request: CompositionRequest) -> Result<Looked, EngineError> {
        let cluster = self.rows().cluster_get(id).await?;
        let key = self.engine.store().digest_key();
        let member = |composition: Option<&Composition>, plan_digest| FleetMember {
            cluster: id,
            name: cluster.value.name.clone(),
            plan_digest,
            variables: composition.map(variables).unwrap_or_default(),
            overridden: composition.map(overridden).unwrap_or_default(),
        };
        match self.assemble_preview(&cluster, request).await {
            Ok(assembled) => Ok(Looked {
                outcome: FleetOutcome::of(&assembled.plan),
                effect: fleet::effect(&assembled.plan, &assembled.render, &cluster.value, key),
                member: member(assembled.composition.as_ref(), Some(assembled.plan.digest.clone())),
                assembled: Some(assembled),
                reason: None,
            }),
            Err(EngineError::Refused(refusals)) => {
                let mut reasons = Vec::new();
                for refusal in &refusals {
                    reasons.push(refusal.message.clone());
                    reasons.extend(refusal.diagnostics.iter().map(ToString::to_string));
                }
                let reason = reasons.join("\n");
                let bare = fleet::without_own(&reason, &cluster.value);
                Ok(Looked {
                    outcome: FleetOutcome::Refused,
                    effect: key.bytes("effect", bare.as_bytes()),
                    member: member(None, None),
                    assembled: None,
                    reason: Some(reason),
                })
            }
            Err(error @ EngineError::Internal(_)) => Err(error),
        }
    }

    async fn group(&self, first: &Looked, keep: bool) -> Result<FleetGroup, EngineError> {
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
            outcome: first.outcome,
            effect: first.effect.clone(),
            clusters: 0,
            example,
            reason: first.reason.clone(),
            repave: plan.map_or(RepaveScope::None, |plan| plan.repave.scope.clone()),
            findings,
        })
    }
}

fn variables(composition: &Composition) -> Vec<(String, String)> {
    composition.variables.iter().map(|(name, value)| (name.clone(), value.masked())).collect()
}

fn overridden(composition: &Composition) -> Vec<String> {
    let layers = composition.overrides.iter().flat_map(OverrideSource::layers);
    layers.map(|own| own.layer.to_string()).collect()
}
