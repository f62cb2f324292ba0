//! Clusters, their labels, connections and facts.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Clusters, their labels, connections and facts.
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
CREATE TABLE cluster (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    name TEXT NOT NULL,
    phase TEXT NOT NULL,
    connectivity TEXT NOT NULL,
    health TEXT NOT NULL,
    activity TEXT NOT NULL,
    infrastructure TEXT NOT NULL,
    management_cluster UUID,
    applied UUID,
    wanted UUID,
    deleted FLAG NOT NULL,
    created_at NUMBER NOT NULL,
    seq NUMBER NOT NULL,
    document TEXT NOT NULL
);
CREATE UNIQUE INDEX cluster_name ON cluster (project, name) WHERE NOT deleted;
CREATE INDEX cluster_order ON cluster (project, name, id);
CREATE INDEX cluster_created ON cluster (project, created_at, id);
CREATE INDEX cluster_applied ON cluster (applied);
CREATE INDEX cluster_wanted ON cluster (wanted);
CREATE TABLE cluster_label (
    cluster UUID NOT NULL REFERENCES cluster (id),
    project UUID NOT NULL REFERENCES project (id),
    key_text TEXT NOT NULL,
    value_text TEXT NOT NULL,
    PRIMARY KEY (cluster, key_text)
);
CREATE INDEX cluster_label_value ON cluster_label (project, key_text, value_text, cluster);
CREATE TABLE connection (
    cluster UUID NOT NULL PRIMARY KEY REFERENCES cluster (id),
    project UUID NOT NULL REFERENCES project (id),
    content BYTES NOT NULL,
    updated_at NUMBER NOT NULL
);
CREATE TABLE cluster_facts (
    cluster UUID NOT NULL PRIMARY KEY REFERENCES cluster (id),
    project UUID NOT NULL REFERENCES project (id),
    content BYTES NOT NULL,
    digest TEXT NOT NULL,
    read_at NUMBER NOT NULL
)
";
