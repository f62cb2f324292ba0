//! Idempotency keys: what an operation answered, for whoever sends it again.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde_json::Value;
use strata_model::{
    digest::Digest,
    id::{PrincipalId, ProjectId},
};

use crate::{
    document::{instant, parsed},
    entity::idempotency_key::{Column, Entity, Model},
    error::{StoreError, on_unique},
    scope::Scoped,
    seal::Place,
    transaction::Tx,
};

/// The scope of an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// Who sent it.
    pub principal: PrincipalId,
    /// To which operation.
    pub operation: String,
    /// The key.
    pub key: String,
}

impl IdempotencyKey {
    fn row(&self) -> String {
        format!("{}/{}/{}", self.principal, self.operation, self.key)
    }
}

/// What an operation answered.
#[derive(Debug, Clone, PartialEq)]
pub struct IdempotentAnswer {
    /// Keyed digest of the input that it answered.
    pub input: Digest,
    /// The answer.
    pub response: Value,
    /// Until when it is kept.
    pub expires_at: Timestamp,
}

impl Scoped<'_> {
    /// What an operation answered to a key, if it did and the answer has not expired.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn idempotency_get(
        &self,
        key: &IdempotencyKey,
    ) -> Result<Option<IdempotentAnswer>, StoreError> {
        let id = (key.principal.uuid(), key.operation.clone(), key.key.clone());
        let row = Entity::find_by_id(id)
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(Column::ExpiresAt.gt(self.core.now().as_microsecond()))
            .one(&self.connection)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let place = Place { table: "idempotency_key", column: "response", row: &key.row() };
        Ok(Some(IdempotentAnswer {
            input: parsed("idempotency_key", &row.input)?,
            response: self.core.sealer.open_document(place, &row.response)?,
            expires_at: instant("idempotency_key", row.expires_at)?,
        }))
    }
}

impl Tx {
    /// Keeps an answer.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when one is kept for this key and has not expired.
    pub async fn idempotency_put(
        &self,
        project: ProjectId,
        key: &IdempotencyKey,
        answer: &IdempotentAnswer,
    ) -> Result<(), StoreError> {
        let id = (key.principal.uuid(), key.operation.clone(), key.key.clone());
        Entity::delete_by_id(id)
            .filter(Column::ExpiresAt.lte(self.now().as_microsecond()))
            .exec(&self.connection)
            .await?;
        let place = Place { table: "idempotency_key", column: "response", row: &key.row() };
        let row = Model {
            project: project.uuid(),
            principal: key.principal.uuid(),
            operation: key.operation.clone(),
            key_text: key.key.clone(),
            input: answer.input.to_string(),
            response: self.core.sealer.seal_document(place, &answer.response)?,
            expires_at: answer.expires_at.as_microsecond(),
        };
        Entity::insert(row.into_active_model()).exec_without_returning(&self.connection).await.map_err(
            |error| {
                on_unique(error, || StoreError::Duplicate { noun: "idempotency key", name: key.key.clone() })
            },
        )?;
        Ok(())
    }

    /// Forgets answers that have expired. How many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn idempotency_expire(&self) -> Result<u64, StoreError> {
        let gone = Entity::delete_many()
            .filter(Column::ExpiresAt.lte(self.now().as_microsecond()))
            .exec(&self.connection)
            .await?;
        Ok(gone.rows_affected)
    }
}
