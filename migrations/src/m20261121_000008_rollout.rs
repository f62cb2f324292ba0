//! Rollouts and their targets: projections of their events.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Rollouts and their targets: projections of their events.
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

const TABLES: &str = "
CREATE TABLE rollout (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    final FLAG NOT NULL,
    created_at NUMBER NOT NULL,
    seq NUMBER NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (project, name)
);
CREATE INDEX rollout_order ON rollout (project, created_at, id);
CREATE INDEX rollout_due ON rollout (id) WHERE NOT final;
CREATE TABLE rollout_target (
    rollout UUID NOT NULL REFERENCES rollout (id),
    cluster UUID NOT NULL,
    project UUID NOT NULL REFERENCES project (id),
    ordinal NUMBER NOT NULL,
    stage NUMBER NOT NULL,
    state TEXT NOT NULL,
    change UUID,
    document TEXT NOT NULL,
    PRIMARY KEY (rollout, cluster)
);
CREATE INDEX rollout_target_order ON rollout_target (rollout, ordinal);
CREATE INDEX rollout_target_cluster ON rollout_target (cluster);
CREATE INDEX rollout_target_state ON rollout_target (rollout, state, ordinal)
";
