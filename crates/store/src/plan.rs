//! Plans with their renders, and with what the living cluster said to them: sealed, never changed, forgotten when they expire
//! and no change carries them out.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strata_model::{
    digest::Digest,
    evidence::Evidence,
    id::{ClusterId, CompositionId, PlanId, ProjectId},
    plan::Plan,
    render::Render,
};

use crate::{
    document::{instant, parsed},
    entity::{
        blob, change,
        plan::{Column, Entity, Model},
    },
    error::StoreError,
    scope::Scoped,
    seal::Place,
    transaction::Tx,
};

/// How many plans are forgotten in one transaction at most.
const EXPIRE_BATCH: u64 = 200;

/// A plan with its row.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredPlan {
    /// Its id.
    pub id: PlanId,
    /// Its project.
    pub project: ProjectId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// The composition it starts from.
    pub from: Option<CompositionId>,
    /// The composition it leads to.
    pub to: CompositionId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is kept, unless a change carries it out.
    pub expires_at: Timestamp,
    /// What it says.
    pub plan: Plan,
    /// What was asked for, as the caller wrote it: to plan anew.
    pub intent: Value,
    /// Under which digest its render is sealed.
    pub render: Digest,
    /// What the living cluster said to it, if it was asked.
    pub evidence: Option<Evidence>,
}

/// A plan to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewPlan<'a> {
    /// Its project.
    pub project: ProjectId,
    /// The composition it starts from.
    pub from: Option<CompositionId>,
    /// The composition it leads to.
    pub to: CompositionId,
    /// What it says.
    pub plan: &'a Plan,
    /// What was asked for; sealed with the plan.
    pub intent: &'a Value,
    /// The wanted render: the very bytes that will be sent.
    pub render: &'a Render,
    /// What the living cluster says to it, if it was asked; sealed beside the plan.
    pub evidence: Option<&'a Evidence>,
    /// Until when it is kept, unless a change carries it out.
    pub expires_at: Timestamp,
}

/// What is sealed in a plan's row.
#[derive(Serialize, Deserialize)]
struct Document<P> {
    plan: P,
    intent: Value,
}

fn place(id: &str) -> Place<'_> {
    Place { table: "plan", column: "content", row: id }
}

fn evidence_place(id: &str) -> Place<'_> {
    Place { table: "plan", column: "evidence", row: id }
}

impl Scoped<'_> {
    /// A plan by id; also one that has expired, as long as it is there.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn plan_get(&self, id: PlanId) -> Result<StoredPlan, StoreError> {
        let row = Entity::find_by_id(id.uuid())
            .filter(Column::Project.eq(self.project.uuid()))
            .one(&self.connection)
            .await?
            .ok_or_else(|| StoreError::not_found("plan", id))?;
        self.plan_of(row)
    }

    /// The newest plan of a cluster with this digest, if there is one.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn plan_by_digest(
        &self,
        cluster: ClusterId,
        digest: &Digest,
    ) -> Result<Option<StoredPlan>, StoreError> {
        let row = Entity::find()
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(Column::Cluster.eq(cluster.uuid()))
            .filter(Column::Digest.eq(digest.as_str()))
            .order_by_desc(Column::Id)
            .limit(1)
            .one(&self.connection)
            .await?;
        row.map(|row| self.plan_of(row)).transpose()
    }

    /// The render of a plan. Its secrets are not in it as such: whoever opens it collects them anew.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Corrupt`] when it cannot be read.
    pub async fn plan_render(&self, plan: &StoredPlan) -> Result<Render, StoreError> {
        let bytes = self.blob_of(&[self.project.uuid()], plan.render.as_str()).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let at = format!("not of the expected form at line {} column {}", error.line(), error.column());
            StoreError::corrupt("render", plan.id, at)
        })
    }

    fn plan_of(&self, row: Model) -> Result<StoredPlan, StoreError> {
        let text = row.id.to_string();
        let document: Document<Plan> = self.core.sealer.open_document(place(&text), &row.content)?;
        let evidence = row.evidence.as_deref();
        let evidence = evidence
            .map(|sealed| self.core.sealer.open_document(evidence_place(&text), sealed))
            .transpose()?;
        Ok(StoredPlan {
            id: PlanId::new(row.id),
            project: ProjectId::new(row.project),
            cluster: ClusterId::new(row.cluster),
            from: row.from_composition.map(CompositionId::new),
            to: CompositionId::new(row.to_composition),
            created_at: instant("plan", row.created_at)?,
            expires_at: instant("plan", row.expires_at)?,
            plan: document.plan,
            intent: document.intent,
            render: parsed("plan", &row.render)?,
            evidence,
        })
    }
}

impl Tx {
    /// Keeps a plan and its render.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn plan_insert(&self, new: NewPlan<'_>) -> Result<StoredPlan, StoreError> {
        let id = self.new_id();
        let text = id.to_string();
        let bytes = zeroize::Zeroizing::new(
            serde_json::to_vec(new.render).map_err(|error| StoreError::corrupt("render", id, error))?,
        );
        let render = self.blob_put(new.project, &bytes).await?;
        let created_at = self.now();
        let row = Model {
            id,
            project: new.project.uuid(),
            cluster: new.plan.cluster.uuid(),
            digest: new.plan.digest.to_string(),
            from_composition: new.from.map(CompositionId::uuid),
            to_composition: new.to.uuid(),
            content: self
                .core
                .sealer
                .seal_document(place(&text), &Document { plan: new.plan, intent: new.intent.clone() })?,
            render: render.to_string(),
            created_at: created_at.as_microsecond(),
            expires_at: new.expires_at.as_microsecond(),
            evidence: new
                .evidence
                .map(|evidence| self.core.sealer.seal_document(evidence_place(&text), evidence))
                .transpose()?,
        };
        Entity::insert(row.into_active_model()).exec_without_returning(&self.connection).await?;
        Ok(StoredPlan {
            id: PlanId::new(id),
            project: new.project,
            cluster: new.plan.cluster,
            from: new.from,
            to: new.to,
            created_at,
            expires_at: new.expires_at,
            plan: new.plan.clone(),
            intent: new.intent.clone(),
            render,
            evidence: new.evidence.cloned(),
        })
    }

    /// Forgets some plans that have expired and that no change carries or carried out, with renders that nothing else
    /// uses. How many; call again while it is not 0.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn plan_expire(&self) -> Result<u64, StoreError> {
        let carried = change::Entity::find().select_only().column(change::Column::Plan).into_query();
        let rows = Entity::find()
            .filter(Column::ExpiresAt.lte(self.now().as_microsecond()))
            .filter(Column::Id.not_in_subquery(carried))
            .order_by_asc(Column::ExpiresAt)
            .limit(EXPIRE_BATCH)
            .all(&self.connection)
            .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        Entity::delete_many()
            .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
            .exec(&self.connection)
            .await?;
        for row in &rows {
            let used = Entity::find()
                .select_only()
                .column(Column::Render)
                .filter(Column::Project.eq(row.project))
                .filter(Column::Render.eq(row.render.as_str()))
                .into_query();
            let packed = crate::entity::pack::Entity::find()
                .select_only()
                .column(crate::entity::pack::Column::Blob)
                .filter(crate::entity::pack::Column::Project.eq(row.project))
                .filter(crate::entity::pack::Column::Blob.eq(row.render.as_str()))
                .into_query();
            blob::Entity::delete_many()
                .filter(blob::Column::Project.eq(row.project))
                .filter(blob::Column::Digest.eq(row.render.as_str()))
                .filter(blob::Column::Digest.not_in_subquery(used))
                .filter(blob::Column::Digest.not_in_subquery(packed))
                .exec(&self.connection)
                .await?;
        }
        Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
    }
}
