//! Portable SQL for steps: one text for both databases, and the triggers that freeze rows.
//!
//! Types in the texts: `UUID`, `BYTES`, `TEXT`, `NUMBER` (64 bits; also instants in microseconds), `FLAG`.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

/// Runs statements separated by `;`, translated for the database at hand.
///
/// # Errors
/// When the database refuses one of them.
pub async fn run(manager: &SchemaManager<'_>, statements: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    for statement in statements.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        connection.execute_unprepared(&translated(manager.get_database_backend(), statement)).await?;
    }
    Ok(())
}

/// One portable statement in the words of a database.
#[must_use]
pub fn translated(backend: DbBackend, statement: &str) -> String {
    let sqlite = backend == DbBackend::Sqlite;
    let word = |word: &str| -> Option<&'static str> {
        Some(match (word, sqlite) {
            ("UUID", true) | ("BYTES", true) => "BLOB",
            ("UUID", false) => "UUID",
            ("BYTES", false) => "BYTEA",
            // The same order on both databases, whatever the locale of the server.
            ("TEXT", false) => "TEXT COLLATE \"C\"",
            ("NUMBER", true) | ("FLAG", true) => "INTEGER",
            ("NUMBER", false) => "BIGINT",
            ("FLAG", false) => "BOOLEAN",
            _ => return None,
        })
    };
    let mut out = String::with_capacity(statement.len() + 64);
    let mut rest = statement;
    while !rest.is_empty() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let inside = rest.starts_with(is_word);
        let end = rest.find(|c: char| is_word(c) != inside).unwrap_or(rest.len());
        let (token, tail) = rest.split_at(end);
        out.push_str(word(token).unwrap_or(token));
        rest = tail;
    }
    if sqlite && statement.starts_with("CREATE TABLE") {
        out.push_str(" STRICT");
    }
    out
}

/// Makes the database refuse to change or delete rows of a table.
///
/// # Errors
/// When the database refuses the triggers.
pub async fn freeze(manager: &SchemaManager<'_>, table: &str) -> Result<(), DbErr> {
    refuse(manager, table, "UPDATE", None).await?;
    refuse(manager, table, "DELETE", None).await
}

/// Makes the database refuse one operation on rows of a table, where `condition` over `OLD` holds.
///
/// # Errors
/// When the database refuses the trigger.
pub async fn refuse(
    manager: &SchemaManager<'_>,
    table: &str,
    operation: &str,
    condition: Option<&str>,
) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let name = format!("{table}_no_{}", operation.to_lowercase());
    let message = format!("rows of {table} are frozen: {operation} refused");
    let condition = condition.unwrap_or("1 = 1");
    match manager.get_database_backend() {
        DbBackend::Sqlite => {
            let sql = format!(
                "CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW WHEN {condition} \
                 BEGIN SELECT RAISE(ABORT, '{message}'); END"
            );
            connection.execute_unprepared(&sql).await?;
        }
        _ => {
            // Sub-queries are not allowed in the WHEN of a trigger here, so the function decides.
            let function = format!(
                "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ \
                 BEGIN IF {condition} THEN RAISE EXCEPTION '{message}'; END IF; \
                 IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
            );
            connection.execute_unprepared(&function).await?;
            let trigger = format!(
                "CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
            );
            connection.execute_unprepared(&trigger).await?;
            if condition == "1 = 1" {
                let truncate = format!(
                    "CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} \
                     FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
                );
                connection.execute_unprepared(&truncate).await?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_translated_and_names_are_not() {
        let text = "CREATE TABLE t (id UUID, a TEXT, UUIDS BYTES, flag FLAG, n NUMBER)";
        assert_eq!(
            translated(DbBackend::Sqlite, text),
            "CREATE TABLE t (id BLOB, a TEXT, UUIDS BLOB, flag INTEGER, n INTEGER) STRICT"
        );
        assert_eq!(
            translated(DbBackend::Postgres, text),
            "CREATE TABLE t (id UUID, a TEXT COLLATE \"C\", UUIDS BYTEA, flag BOOLEAN, n BIGINT)"
        );
    }
}
