//! Changes and orphans: projections of their events.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Changes and orphans: projections of their events.
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
CREATE TABLE change (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    cluster UUID NOT NULL REFERENCES cluster (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    holds_cluster FLAG NOT NULL,
    running FLAG NOT NULL,
    awaits_repave FLAG NOT NULL,
    apply_requested FLAG NOT NULL,
    approval_expires_at NUMBER,
    rollout UUID,
    plan UUID NOT NULL,
    created_at NUMBER NOT NULL,
    state_since NUMBER NOT NULL,
    seq NUMBER NOT NULL,
    document TEXT NOT NULL
);
CREATE UNIQUE INDEX change_holds_cluster ON change (cluster) WHERE holds_cluster;
CREATE INDEX change_due ON change (id) WHERE holds_cluster;
CREATE INDEX change_expiry ON change (approval_expires_at) WHERE approval_expires_at IS NOT NULL;
CREATE INDEX change_order ON change (project, created_at, id);
CREATE INDEX change_state ON change (project, state, created_at, id);
CREATE INDEX change_cluster ON change (cluster, created_at, id);
CREATE INDEX change_rollout ON change (rollout);
CREATE INDEX change_plan ON change (plan);
CREATE INDEX change_repave ON change (project, created_at, id) WHERE awaits_repave;
CREATE TABLE orphan (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    cluster UUID NOT NULL REFERENCES cluster (id),
    state TEXT NOT NULL,
    layer TEXT NOT NULL,
    kind TEXT NOT NULL,
    policy_due FLAG NOT NULL,
    since NUMBER NOT NULL,
    seq NUMBER NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX orphan_policy ON orphan (since) WHERE policy_due;
CREATE INDEX orphan_order ON orphan (project, since, id);
CREATE INDEX orphan_cluster ON orphan (cluster, state)
";
