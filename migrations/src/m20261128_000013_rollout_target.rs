//! Which revision a rollout brings, to be looked for.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Which revision a rollout brings, to be looked for.
#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await
    }
}

// Rollouts that were there before have theirs with their next step.
const TABLES: &str = "
ALTER TABLE rollout ADD COLUMN profile_name TEXT;
ALTER TABLE rollout ADD COLUMN version TEXT;
ALTER TABLE rollout ADD COLUMN revision NUMBER;
CREATE INDEX rollout_profile ON rollout (project, profile_name, version, revision)
";
