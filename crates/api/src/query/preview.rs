//! Previews: plans that nobody has requested yet.

use async_graphql::{Context, ID, InputObject, Object};
use strata_engine::{EngineError, RevisionWish, Session};

use crate::{
    context::session,
    error::answer,
    query::cluster::ClusterFilter,
    types::{
        fleet_preview::FleetPreview,
        orphan::{Decision, ids},
        plan::Plan,
        wish::{PreviewUpgradeInput, RevisionInput},
    },
};

/// Which decision about which orphans to preview.
#[derive(Debug, InputObject)]
pub struct PreviewOrphanCleanupInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// The cluster's name.
    cluster: String,
    /// The orphans; all that the decision fits when empty or left out.
    orphan_ids: Option<Vec<ID>>,
    /// What to do with them.
    decision: Decision,
}

/// Which target to preview on which clusters.
#[derive(Debug, InputObject)]
pub struct PreviewFleetUpgradeInput {
    /// The project; may be left out when the token sees one only.
    project: Option<String>,
    /// What clusters would be brought to; the newest revision when none is named.
    to: RevisionInput,
    /// Which clusters; those that run any version of the profile when no profile is named in it.
    filter: Option<ClusterFilter>,
}

impl PreviewFleetUpgradeInput {
    /// Who asks, for which target, on which clusters.
    pub(crate) fn target(
        self,
        ctx: &Context<'_>,
    ) -> Result<(Session, RevisionWish, strata_engine::ClusterFilter), EngineError> {
        let session = session(ctx, self.project.as_deref())?;
        let filter = self.filter.map(TryInto::try_into).transpose()?.unwrap_or_default();
        Ok((session, self.to.wish(), filter))
    }
}

/// Previews: plans that nobody has requested yet.
#[derive(Debug, Default)]
pub struct PreviewQuery;

#[Object]
impl PreviewQuery {
    /// Exactly what a wish would do to a cluster: the very plan that `requestUpgrade` would carry out. With `live`, the cluster
    /// is asked what it says to that, too; see `Plan.evidence`.
    #[graphql(complexity = "500 + child_complexity")]
    async fn preview_upgrade(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What the cluster should become.")] input: PreviewUpgradeInput,
    ) -> async_graphql::Result<Plan> {
        let outcome: Result<Plan, EngineError> = async {
            let session = session(ctx, input.wish.project.as_deref())?;
            let live = input.live;
            let wish = input.wish.wish()?;
            let record = if live {
                Box::pin(session.preview_upgrade_live(&wish)).await?
            } else {
                Box::pin(session.preview_upgrade(&wish)).await?
            };
            Ok(Plan::new(session, record))
        }
        .await;
        outcome.map_err(answer)
    }

    /// What a target would do to many clusters, grouped by what happens. It looks at them for 20 s at most and counts whom it
    /// did not get to; `fleetPreviewProgress` takes its time, and tells how far it is.
    #[graphql(complexity = "1000 + child_complexity")]
    async fn preview_fleet_upgrade(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The target, and which clusters.")] input: PreviewFleetUpgradeInput,
    ) -> async_graphql::Result<FleetPreview> {
        let outcome: Result<FleetPreview, EngineError> = async {
            let (session, to, filter) = input.target(ctx)?;
            let preview = Box::pin(session.preview_fleet_upgrade(&to, filter)).await?;
            Ok(FleetPreview::new(session, preview))
        }
        .await;
        outcome.map_err(answer)
    }

    /// Exactly what a decision about orphans would do to a cluster.
    #[graphql(complexity = "500 + child_complexity")]
    async fn preview_orphan_cleanup(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The decision.")] input: PreviewOrphanCleanupInput,
    ) -> async_graphql::Result<Plan> {
        let outcome: Result<Plan, EngineError> = async {
            let session = session(ctx, input.project.as_deref())?;
            let orphans = ids(input.orphan_ids.as_deref().unwrap_or_default())?;
            let record =
                Box::pin(session.preview_clean_up(&input.cluster, orphans, input.decision.into())).await?;
            Ok(Plan::new(session, record))
        }
        .await;
        outcome.map_err(answer)
    }
}
