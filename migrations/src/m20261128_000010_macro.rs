//! Macros, and which content and compositions name them; which content names which pack.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Macros, and which content and compositions name them; which content names which pack.
#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::freeze(manager, "composition_macro").await
    }
}

// The digest of a value is keyed; it is empty where there was no such macro.
const TABLES: &str = "
CREATE TABLE macro (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    content BYTES NOT NULL,
    digest TEXT NOT NULL,
    generation NUMBER NOT NULL,
    updated_at NUMBER NOT NULL,
    updated_by TEXT NOT NULL,
    UNIQUE (project, name)
);
CREATE TABLE composition_macro (
    composition UUID NOT NULL REFERENCES composition (id),
    project UUID NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (composition, name)
);
CREATE INDEX composition_macro_name ON composition_macro (project, name, composition);
CREATE TABLE profile_use (
    profile_version UUID NOT NULL REFERENCES profile_version (id),
    revision NUMBER NOT NULL,
    noun TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    project UUID NOT NULL REFERENCES project (id),
    PRIMARY KEY (profile_version, revision, noun, name, version)
);
CREATE INDEX profile_use_name ON profile_use (project, noun, name, version)
";
