//! Sealed content by digest, secrets by fingerprint, and packs.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Sealed content by digest, secrets by fingerprint, and packs.
#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::freeze(manager, "pack").await?;
        sql::refuse(manager, "blob", "UPDATE", None).await?;
        let held_by_pack =
            "EXISTS (SELECT 1 FROM pack WHERE pack.project = OLD.project AND pack.blob = OLD.digest)";
        sql::refuse(manager, "blob", "DELETE", Some(held_by_pack)).await
    }
}

const TABLES: &str = "
CREATE TABLE blob (
    project UUID NOT NULL REFERENCES project (id),
    digest TEXT NOT NULL,
    content BYTES NOT NULL,
    created_at NUMBER NOT NULL,
    PRIMARY KEY (project, digest)
);
CREATE TABLE secret (
    project UUID NOT NULL REFERENCES project (id),
    fingerprint TEXT NOT NULL,
    content BYTES NOT NULL,
    created_at NUMBER NOT NULL,
    PRIMARY KEY (project, fingerprint)
);
CREATE TABLE pack (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    layer TEXT NOT NULL,
    display_name TEXT NOT NULL,
    digest TEXT NOT NULL,
    blob TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at NUMBER NOT NULL,
    UNIQUE (project, name, version),
    FOREIGN KEY (project, blob) REFERENCES blob (project, digest)
);
CREATE INDEX pack_digest ON pack (project, digest);
CREATE INDEX pack_blob ON pack (project, blob);
CREATE INDEX pack_order ON pack (project, name, sort_key, id)
";
