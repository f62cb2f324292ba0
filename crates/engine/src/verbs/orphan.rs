//! Deciding about what an upgrade left behind.

use serde_json::json;
use strata_model::{
    access::Permission,
    change::Change,
    cluster::Cluster,
    error::{Refusal, RefusalCode},
    id::OrphanId,
    orphan::{Orphan, OrphanState},
};
use strata_store::Stored;

pub use strata_plan::Decision as OrphanDecision;

use crate::{error::EngineError, reads::PlanRecord, session::Session, wish::RequestOptions};

impl Session {
    /// What a decision about orphans would do. Without ids: about all that the decision fits.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `ILLEGAL_STATE` when there is nothing to decide about.
    pub async fn preview_clean_up(
        &self,
        cluster: &str,
        ids: Vec<OrphanId>,
        decision: OrphanDecision,
    ) -> Result<PlanRecord, EngineError> {
        self.permit(Permission::Read)?;
        let cluster = self.cluster_named(cluster).await?;
        let orphans = self.chosen_orphans(&cluster, ids, decision).await?;
        let assembled = self.assemble_clean_up(&cluster, orphans, decision).await?;
        self.keep_preview(assembled).await
    }

    /// Requests a change that carries a decision about orphans out.
    ///
    /// # Errors
    /// As [`Session::preview_clean_up`], and `STALE_PLAN`.
    pub async fn clean_up(
        &self,
        cluster: String,
        ids: Vec<OrphanId>,
        decision: OrphanDecision,
        options: RequestOptions,
    ) -> Result<Change, EngineError> {
        let operation = match decision {
            OrphanDecision::ScaleToZero => "scaleOrphansToZero",
            OrphanDecision::Restore => "restoreOrphans",
            OrphanDecision::Delete => "deleteOrphans",
            OrphanDecision::Keep => "keepOrphans",
        };
        let session = self.clone();
        self.audited(Permission::Operate, operation, format!("cluster/{cluster}"), async move {
            let key = session.request_key(operation, &options, &json!([cluster, ids]));
            if let Some(change) = session.replayed(key.as_ref()).await? {
                return Ok(change);
            }
            let stored = session.cluster_named(&cluster).await?;
            let orphans = session.chosen_orphans(&stored, ids, decision).await?;
            let assembled = session.assemble_clean_up(&stored, orphans, decision).await?;
            session.request(&stored, assembled, options, None, operation, key).await
        })
        .await
    }

    async fn chosen_orphans(
        &self,
        cluster: &Stored<Cluster>,
        ids: Vec<OrphanId>,
        decision: OrphanDecision,
    ) -> Result<Vec<OrphanId>, EngineError> {
        let all = self.rows().orphans_of_cluster(cluster.value.id, &[]).await?;
        if let Some(unknown) = ids.iter().find(|id| !all.iter().any(|orphan| orphan.value.id == **id)) {
            return Err(Refusal::not_found("orphan", unknown).at("orphanIds").into());
        }
        let chosen: Vec<OrphanId> = all
            .iter()
            .map(|orphan| &orphan.value)
            .filter(|orphan| if ids.is_empty() { fits(orphan, decision) } else { ids.contains(&orphan.id) })
            .map(|orphan| orphan.id)
            .collect();
        if chosen.is_empty() {
            return Err(EngineError::refuse(
                RefusalCode::IllegalState,
                format!("there is nothing on `{}` that this decision fits", cluster.value.name),
                format!(
                    "list what was left behind with `strata orphans list --cluster {}`",
                    cluster.value.name
                ),
            ));
        }
        Ok(chosen)
    }
}

fn fits(orphan: &Orphan, decision: OrphanDecision) -> bool {
    match decision {
        // What scaling does not reach is named by the plan, not left out in silence.
        OrphanDecision::ScaleToZero => orphan.state == OrphanState::Left,
        OrphanDecision::Restore => orphan.state == OrphanState::ScaledToZero,
        OrphanDecision::Delete => {
            matches!(orphan.state, OrphanState::Left | OrphanState::ScaledToZero | OrphanState::Kept)
        }
        OrphanDecision::Keep => orphan.state == OrphanState::Left,
    }
}
