//! Previewing one target on many clusters.
//!
//! *Idea.* Each cluster gets the very plan that a request would make, and clusters to which the same happens are one group:
//! see [`strata_plan::fleet`]. What several have in common is worked out once: where what a plan is made of is equal, its
//! digest follows from that of the first. The plan of the first of a group is kept, to be looked at; of the others the
//! digest is. A survey goes on step by step, as long as somebody waits for what comes of it.
//!
//! *Guarantees.* Nothing changes. Bounded in clusters, in time and in plans that are kept; what was not looked at is counted.
//! A cluster that has no plan is a group of its own and keeps none of the others from having one. Only a few surveys are made
//! at once; who asks for more is refused.

mod groups;
mod known;
pub(crate) mod look;
mod rows;

use std::{sync::Arc, time::Duration};

use strata_model::{
    access::Permission,
    error::RefusalCode,
    fleet_preview::{FleetGroup, FleetPreview},
    id::{ClusterId, FleetPreviewId},
    profile::{ClusterName, RevisionReference},
};
use strata_plan::CompositionRequest;
use strata_store::{ClusterFilter, ProfileFilter};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use self::{groups::Groups, known::Known};
use crate::{
    error::EngineError,
    session::Session,
    wish::{RevisionWish, Wish},
    workbench::Effects,
};

/// How many clusters one preview looks at.
const MOST_CLUSTERS: u64 = 20_000;
/// How many it looks at in its first step.
const FIRST_STRIDE: usize = 25;
/// How long a step takes, about: who follows is told something that often.
const STEP: Duration = Duration::from_secs(1);

/// A fleet preview that is being made.
#[derive(Debug)]
pub struct FleetSurvey {
    session: Session,
    request: CompositionRequest,
    target: RevisionReference,
    /// How many clusters the filter lets through.
    all: u64,
    /// Those that are not looked at yet.
    clusters: std::vec::IntoIter<ClusterId>,
    effects: Arc<Effects>,
    known: Known,
    groups: Groups,
    /// Those of the last step.
    found: Vec<(FleetGroup, ClusterName)>,
    planned: u32,
    /// How many clusters the next step looks at.
    stride: usize,
    until: Instant,
    /// Given back when the survey is over, or nobody follows it any more.
    _permit: OwnedSemaphorePermit,
}

impl Session {
    /// What a target would do to all clusters that a filter lets through; to those that run the profile, when the filter names
    /// none. What is not looked at within [`crate::EngineOptions::fleet_preview_patience`] is left out.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID_VERSION`, `LIMIT_EXCEEDED` when too many are made already.
    pub async fn preview_fleet_upgrade(
        &self,
        to: &RevisionWish,
        filter: ClusterFilter,
    ) -> Result<FleetPreview, EngineError> {
        let patience = self.engine.options().fleet_preview_patience;
        let mut survey = self.survey_for(to, filter, patience).await?;
        while survey.step(self).await? {}
        survey.keep().await
    }

    /// Begins the same for somebody who follows it; what is not looked at within
    /// [`crate::EngineOptions::fleet_survey_patience`] is left out.
    ///
    /// # Errors
    /// As [`Self::preview_fleet_upgrade`].
    pub async fn survey_fleet(
        &self,
        to: &RevisionWish,
        filter: ClusterFilter,
    ) -> Result<FleetSurvey, EngineError> {
        self.survey_for(to, filter, self.engine.options().fleet_survey_patience).await
    }

    async fn survey_for(
        &self,
        to: &RevisionWish,
        mut filter: ClusterFilter,
        patience: Duration,
    ) -> Result<FleetSurvey, EngineError> {
        self.permit(Permission::Read)?;
        let Ok(permit) = Arc::clone(self.engine.surveys()).try_acquire_owned() else {
            return Err(EngineError::refuse(
                RefusalCode::LimitExceeded,
                "as many fleet previews are being made as this server makes at once",
                "try again when one of them is done",
            ));
        };
        let until = Instant::now() + patience;
        let wish = Wish { attach: vec![to.clone()], ..Wish::default() };
        let request = self.composition_request(&wish).await?;
        let target = self.resolve_revision(to).await?.revision;
        if let Some(running) = &filter.profile {
            // A name that nobody has would be taken for one that nobody runs.
            self.rows().profile_by_name(&running.profile).await?;
            if let Some(version) = &running.version {
                self.rows().revision_find(&running.profile, version, running.revision).await?;
            }
        }
        filter.profile.get_or_insert_with(|| ProfileFilter {
            profile: target.profile.clone(),
            version: None,
            revision: None,
        });
        Ok(FleetSurvey {
            all: self.rows().cluster_count(&filter).await?,
            clusters: self.rows().cluster_ids(&filter, MOST_CLUSTERS).await?.into_iter(),
            session: self.clone(),
            request,
            target,
            effects: Arc::new(Effects::default()),
            known: Known::default(),
            groups: Groups::default(),
            found: Vec::new(),
            planned: 0,
            stride: FIRST_STRIDE.min(self.engine.options().fleet_survey_step.max(1)),
            until,
            _permit: permit,
        })
    }
}

impl FleetSurvey {
    /// Looks at some more clusters, as `session`: who asks may have lost a role meanwhile. False when all were looked at that
    /// there is time for.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn step(&mut self, session: &Session) -> Result<bool, EngineError> {
        session.permit(Permission::Read)?;
        self.session = session.clone();
        self.found.clear();
        let begun = Instant::now();
        let chunk: Vec<ClusterId> = self.clusters.by_ref().take(self.stride).collect();
        if chunk.is_empty() || begun >= self.until {
            return Ok(false);
        }
        let rows = session.fleet_rows(&chunk).await?;
        self.look_at(rows).await?;
        let took = begun.elapsed();
        if took < STEP / 2 {
            let most = session.engine.options().fleet_survey_step.max(1);
            self.stride = self.stride.saturating_mul(2).min(most);
        } else if took > STEP {
            // Within a step several are looked at side by side.
            self.stride = (self.stride / 2).max(look::side_by_side()).min(self.stride);
        }
        Ok(true)
    }

    /// How many clusters the filter lets through.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.all
    }

    /// How many were looked at.
    #[must_use]
    pub fn looked_at(&self) -> u32 {
        self.groups.clusters()
    }

    /// How many of them were planned by themselves.
    #[must_use]
    pub const fn planned(&self) -> u32 {
        self.planned
    }

    /// How many pairs of plans were made to tell apart what is common from what is a cluster's own.
    #[must_use]
    pub fn pairs(&self) -> u32 {
        self.effects.made()
    }

    /// The groups so far, in no order.
    pub fn groups(&self) -> impl Iterator<Item = &FleetGroup> {
        self.groups.iter()
    }

    /// Those that the last step found, each with its first cluster.
    #[must_use]
    pub fn found(&self) -> &[(FleetGroup, ClusterName)] {
        &self.found
    }

    /// Keeps what was found as a fleet preview.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn keep(self) -> Result<FleetPreview, EngineError> {
        let Self { session, target, all, groups, planned, .. } = self;
        let looked_at = groups.clusters();
        let (groups, members) = groups.settled();
        let created_at = session.now();
        let preview = FleetPreview {
            id: FleetPreviewId::new(session.engine.ids().next()),
            project: session.project,
            to: target,
            looked_at,
            planned,
            left_out: all.saturating_sub(u64::from(looked_at)),
            groups,
            created_at,
            expires_at: created_at + session.engine.options().plan_lifetime,
        };
        let kept = preview.clone();
        session
            .engine
            .store()
            .try_write::<_, EngineError, _>(move |tx| {
                Box::pin(async move { Ok(tx.fleet_preview_insert(&kept, &members).await?) })
            })
            .await?;
        Ok(preview)
    }
}
