//! Compositions, generation seeds, plans and the inventory.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Compositions, generation seeds, plans and the inventory.
#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::freeze(manager, "composition").await?;
        sql::freeze(manager, "composition_attachment").await?;
        sql::refuse(manager, "generation_seed", "UPDATE", None).await?;
        sql::refuse(manager, "plan", "UPDATE", None).await
    }
}

const TABLES: &str = "
CREATE TABLE composition (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    cluster UUID NOT NULL REFERENCES cluster (id),
    digest TEXT NOT NULL,
    content BYTES NOT NULL,
    created_at NUMBER NOT NULL
);
CREATE INDEX composition_cluster ON composition (cluster, id);
CREATE TABLE composition_attachment (
    composition UUID NOT NULL REFERENCES composition (id),
    project UUID NOT NULL REFERENCES project (id),
    ordinal NUMBER NOT NULL,
    profile UUID NOT NULL,
    profile_name TEXT NOT NULL,
    version TEXT NOT NULL,
    revision NUMBER NOT NULL,
    content_digest TEXT NOT NULL,
    PRIMARY KEY (composition, ordinal)
);
CREATE INDEX composition_attachment_profile ON composition_attachment (profile, version, revision, composition);
CREATE TABLE generation_seed (
    cluster UUID NOT NULL REFERENCES cluster (id),
    layer TEXT NOT NULL,
    generation NUMBER NOT NULL,
    project UUID NOT NULL REFERENCES project (id),
    content BYTES NOT NULL,
    instant NUMBER NOT NULL,
    PRIMARY KEY (cluster, layer, generation)
);
CREATE TABLE plan (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    cluster UUID NOT NULL REFERENCES cluster (id),
    digest TEXT NOT NULL,
    from_composition UUID,
    to_composition UUID NOT NULL,
    content BYTES NOT NULL,
    render TEXT NOT NULL,
    created_at NUMBER NOT NULL,
    expires_at NUMBER NOT NULL,
    FOREIGN KEY (project, render) REFERENCES blob (project, digest)
);
CREATE INDEX plan_expiry ON plan (expires_at);
CREATE INDEX plan_render ON plan (project, render);
CREATE INDEX plan_cluster ON plan (cluster, id);
CREATE TABLE inventory (
    cluster UUID NOT NULL REFERENCES cluster (id),
    destination TEXT NOT NULL,
    api_group TEXT NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    project UUID NOT NULL REFERENCES project (id),
    layer TEXT NOT NULL,
    digest TEXT NOT NULL,
    body BYTES NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (cluster, destination, api_group, kind, namespace, name)
)
";
