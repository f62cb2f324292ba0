//! How many clusters run which revision, counted as they move.

use sea_orm_migration::prelude::*;

use crate::sql;

/// How many clusters run which revision, counted as they move.
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
CREATE TABLE profile_count (
    project UUID NOT NULL REFERENCES project (id),
    profile_name TEXT NOT NULL,
    version TEXT NOT NULL,
    revision NUMBER NOT NULL,
    clusters NUMBER NOT NULL,
    PRIMARY KEY (project, profile_name, version, revision)
);
INSERT INTO profile_count (project, profile_name, version, revision, clusters)
SELECT cluster.project, held.profile_name, held.version, held.revision, COUNT(*)
FROM cluster JOIN composition_attachment held ON held.composition = cluster.applied
WHERE NOT cluster.deleted
GROUP BY cluster.project, held.profile_name, held.version, held.revision
";
