//! Which minor of Kubernetes a cluster runs, to be looked for. Clusters that were there before have theirs with the next thing
//! that happens to them.

use sea_orm_migration::prelude::*;

use crate::sql;

/// Which minor of Kubernetes a cluster runs, to be looked for.
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
ALTER TABLE cluster ADD COLUMN kubernetes_minor TEXT;
CREATE INDEX cluster_kubernetes ON cluster (project, kubernetes_minor)
";
