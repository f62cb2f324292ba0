//! The installation, projects, people, tokens and idempotency keys.

use sea_orm_migration::prelude::*;

use crate::sql;

/// The installation, projects, people, tokens and idempotency keys.
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
CREATE TABLE installation (
    id UUID NOT NULL PRIMARY KEY,
    only_one NUMBER NOT NULL UNIQUE CHECK (only_one = 1),
    created_at NUMBER NOT NULL,
    scheme NUMBER NOT NULL,
    salt BYTES NOT NULL,
    root BYTES NOT NULL
);
CREATE TABLE project (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at NUMBER NOT NULL
);
CREATE TABLE principal (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created_at NUMBER NOT NULL
);
CREATE TABLE role_binding (
    project UUID NOT NULL REFERENCES project (id),
    principal UUID NOT NULL REFERENCES principal (id),
    role TEXT NOT NULL,
    created_at NUMBER NOT NULL,
    PRIMARY KEY (principal, project, role)
);
CREATE INDEX role_binding_project ON role_binding (project, principal);
CREATE TABLE token (
    id UUID NOT NULL PRIMARY KEY,
    project UUID NOT NULL REFERENCES project (id),
    principal UUID NOT NULL REFERENCES principal (id),
    name TEXT NOT NULL,
    prefix TEXT NOT NULL UNIQUE,
    hash BYTES NOT NULL,
    created_at NUMBER NOT NULL,
    expires_at NUMBER,
    revoked_at NUMBER,
    last_used NUMBER
);
CREATE INDEX token_principal ON token (principal);
CREATE TABLE idempotency_key (
    project UUID NOT NULL REFERENCES project (id),
    principal UUID NOT NULL,
    operation TEXT NOT NULL,
    key_text TEXT NOT NULL,
    input TEXT NOT NULL,
    response BYTES NOT NULL,
    expires_at NUMBER NOT NULL,
    PRIMARY KEY (principal, operation, key_text)
);
CREATE INDEX idempotency_key_expiry ON idempotency_key (expires_at)
";
