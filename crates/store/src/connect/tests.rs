//! Durability as Strata's own connections have it: that of a connection beside them would prove nothing.

use sea_orm::{Statement, TryGetable};
use strata_fixtures::Postgres;
use strata_model::secret::SecretText;

use super::*;

async fn ask<T: TryGetable>(connection: &DatabaseConnection, sql: &str) -> T {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

async fn close(connections: Connections) {
    connections.writer.close().await.unwrap();
    connections.readers.close().await.unwrap();
}

#[tokio::test]
async fn sqlite_writes_wait_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("strata.db"));
    let connections = open(&url, MigrationMode::Apply, 2).await.unwrap();
    let writer = &connections.writer;
    assert_eq!(ask::<i64>(writer, "PRAGMA synchronous").await, 2, "2 is FULL");
    assert_eq!(ask::<String>(writer, "PRAGMA journal_mode").await, "wal");
    assert_eq!(ask::<i64>(writer, "PRAGMA foreign_keys").await, 1);
    assert_eq!(ask::<i64>(&connections.readers, "PRAGMA query_only").await, 1);
    close(connections).await;
}

#[tokio::test]
async fn postgres_commits_wait_for_the_disk_whatever_the_database_says() {
    let Some(server) = Postgres::shared_or_leave_out().await else { return };
    let text = server.fresh_database().await.unwrap();
    let shell = Database::connect(&text).await.unwrap();
    let name: String = ask(&shell, "SELECT current_database()::text").await;
    shell.execute_unprepared(&format!("ALTER DATABASE {name} SET synchronous_commit = off")).await.unwrap();
    shell.close().await.unwrap();
    let connections =
        open(&DatabaseUrl::Postgres(SecretText::new(text)), MigrationMode::Apply, 2).await.unwrap();
    assert_eq!(ask::<String>(&connections.writer, "SHOW synchronous_commit").await, "on");
    let readers = &connections.readers;
    assert_eq!(ask::<String>(readers, "SHOW default_transaction_read_only").await, "on");
    close(connections).await;
}
