//! Fleet previews: what one target would do to many clusters.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Fleet previews: what one target would do to many clusters.
#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::refuse(manager, "fleet_preview", "UPDATE", None).await?;
        sql::refuse(manager, "fleet_preview_member", "UPDATE", None).await
    }
}

const TABLES: &str = "
CREATE TABLE fleet_preview (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    document TEXT NOT NULL,
    expires_at NUMBER NOT NULL
);
CREATE INDEX fleet_preview_expiry ON fleet_preview (expires_at);
CREATE TABLE fleet_preview_member (
    preview UUID NOT NULL REFERENCES fleet_preview (id),
    effect TEXT NOT NULL,
    ordinal NUMBER NOT NULL,
    project UUID NOT NULL REFERENCES project (id),
    document TEXT NOT NULL,
    PRIMARY KEY (preview, effect, ordinal)
)
";
