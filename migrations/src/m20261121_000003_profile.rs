//! Profiles, their versions, drafts, lifecycle and frozen revisions.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Profiles, their versions, drafts, lifecycle and frozen revisions.
#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::freeze(manager, "revision").await?;
        sql::freeze(manager, "profile_version_lifecycle").await?;
        // A version string is never used again: its row stays as the tombstone.
        sql::refuse(manager, "profile_version", "DELETE", None).await
    }
}

const TABLES: &str = "
CREATE TABLE profile (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    profile_type TEXT NOT NULL,
    description TEXT NOT NULL,
    created_at NUMBER NOT NULL,
    UNIQUE (project, name)
);
CREATE TABLE profile_version (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    profile UUID NOT NULL REFERENCES profile (id),
    version TEXT NOT NULL,
    version_without_build TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at NUMBER NOT NULL,
    UNIQUE (profile, version_without_build)
);
CREATE INDEX profile_version_order ON profile_version (profile, sort_key, id);
CREATE TABLE profile_version_lifecycle (
    project UUID NOT NULL REFERENCES project (id),
    profile_version UUID NOT NULL REFERENCES profile_version (id),
    seq NUMBER NOT NULL,
    state TEXT NOT NULL,
    at NUMBER NOT NULL,
    actor TEXT NOT NULL,
    sunset NUMBER,
    successor TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (profile_version, seq)
);
CREATE TABLE draft (
    profile_version UUID NOT NULL PRIMARY KEY REFERENCES profile_version (id),
    project UUID NOT NULL REFERENCES project (id),
    content BYTES NOT NULL,
    generation NUMBER NOT NULL,
    updated_at NUMBER NOT NULL,
    updated_by TEXT NOT NULL
);
CREATE TABLE revision (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    profile_version UUID NOT NULL REFERENCES profile_version (id),
    number NUMBER NOT NULL,
    digest TEXT NOT NULL,
    content BYTES NOT NULL,
    created_at NUMBER NOT NULL,
    created_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (profile_version, number)
)
";
