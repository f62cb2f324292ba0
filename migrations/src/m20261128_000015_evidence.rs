//! What the living cluster said to a plan, beside it.

use sea_orm_migration::prelude::*;

use crate::sql;

/// What the living cluster said to a plan, beside it.
#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, COLUMN).await
    }
}

// None for plans of before, and for those that nobody asked a cluster about.
const COLUMN: &str = "ALTER TABLE plan ADD COLUMN evidence BYTES";
