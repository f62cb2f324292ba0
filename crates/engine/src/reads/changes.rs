//! Changes, plans, and what changes left behind.

use strata_model::{
    Timestamp,
    change::Change,
    evidence::Evidence,
    id::{ChangeId, OrphanId, PlanId},
    orphan::Orphan,
    plan::Plan,
};
use strata_store::{ChangeFilter, Optional as _, OrphanFilter, StoredPlan};

use super::{Page, PageOf, shown};
use crate::{error::EngineError, session::Session};

/// A stored plan.
#[derive(Debug, Clone)]
pub struct PlanRecord {
    /// Its id.
    pub id: PlanId,
    /// What it says; masked.
    pub plan: Plan,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is kept, unless a change carries it out.
    pub expires_at: Timestamp,
    /// What the living cluster said to it, if it was asked; masked.
    pub evidence: Option<Evidence>,
}

impl From<StoredPlan> for PlanRecord {
    fn from(stored: StoredPlan) -> Self {
        Self {
            id: stored.id,
            plan: stored.plan,
            created_at: stored.created_at,
            expires_at: stored.expires_at,
            evidence: stored.evidence,
        }
    }
}

impl Session {
    /// Changes, newest first.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn changes(&self, filter: &ChangeFilter, page: Page) -> Result<PageOf<Change>, EngineError> {
        Ok(shown(self.readable()?.change_list(filter, &page.into()).await?, |stored| stored.value))
    }

    /// How many changes there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn changes_count(&self, filter: &ChangeFilter) -> Result<u64, EngineError> {
        Ok(self.readable()?.change_count(filter).await?)
    }

    /// One change.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn change(&self, id: ChangeId) -> Result<Option<Change>, EngineError> {
        Ok(self.readable()?.change_get(id).await.optional()?.map(|stored| stored.value))
    }

    /// A stored plan.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn plan(&self, id: PlanId) -> Result<Option<PlanRecord>, EngineError> {
        Ok(self.readable()?.plan_get(id).await.optional()?.map(PlanRecord::from))
    }

    /// Orphans.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn orphans(&self, filter: &OrphanFilter, page: Page) -> Result<PageOf<Orphan>, EngineError> {
        Ok(shown(self.readable()?.orphan_list(filter, &page.into()).await?, |stored| stored.value))
    }

    /// How many orphans there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn orphans_count(&self, filter: &OrphanFilter) -> Result<u64, EngineError> {
        Ok(self.readable()?.orphan_count(filter).await?)
    }

    /// One orphan.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn orphan(&self, id: OrphanId) -> Result<Option<Orphan>, EngineError> {
        Ok(self.readable()?.orphan_get(id).await.optional()?.map(|stored| stored.value))
    }
}
