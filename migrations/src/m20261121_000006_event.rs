//! The event log.

use sea_orm_migration::prelude::*;

use crate::sql;

/// The event log.
#[derive(DeriveMigrationName)]
pub(crate) struct Step;

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::freeze(manager, "event").await
    }
}

const TABLES: &str = "
CREATE TABLE event (
    position NUMBER NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    stream TEXT NOT NULL,
    subject UUID NOT NULL,
    seq NUMBER NOT NULL,
    event_type TEXT NOT NULL,
    version NUMBER NOT NULL,
    at NUMBER NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT,
    payload TEXT NOT NULL,
    UNIQUE (stream, subject, seq)
);
CREATE INDEX event_project ON event (project, position);
CREATE INDEX event_stream ON event (project, stream, position);
CREATE INDEX event_subject ON event (stream, subject, position)
";
