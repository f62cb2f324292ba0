//! The PostgreSQL of the tests is a real one.

use anyhow::{Context as _, Result, ensure};
use sea_orm::{ConnectionTrait as _, Database, Statement};
use strata_tests::Postgres;

async fn ask(url: &str, sql: &str) -> Result<String> {
    let connection = Database::connect(url).await?;
    let row =
        connection.query_one_raw(Statement::from_string(connection.get_database_backend(), sql)).await?;
    let answer = row.context("no row")?.try_get_by_index(0)?;
    connection.close().await?;
    Ok(answer)
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() -> Result<()> {
    let Some(server) = Postgres::shared_or_leave_out().await else { return Ok(()) };
    let (first, second) = (server.fresh_database().await?, server.fresh_database().await?);
    let connection = Database::connect(&first).await?;
    connection.execute_unprepared("CREATE TABLE mine (id int)").await?;
    connection.close().await?;
    assert_eq!(ask(&first, "SELECT coalesce(to_regclass('mine')::text, 'none')").await?, "mine");
    assert_eq!(ask(&second, "SELECT coalesce(to_regclass('mine')::text, 'none')").await?, "none");
    Ok(())
}

#[tokio::test]
async fn a_dropped_server_leaves_nothing() -> Result<()> {
    if Postgres::shared_or_leave_out().await.is_none() {
        return Ok(());
    }
    let server = Postgres::start().await?;
    let Some(id) = server.process().map(strata_tests::processes::Process::id) else { return Ok(()) };
    drop(server);
    ensure!(!std::path::Path::new(&format!("/proc/{id}")).exists(), "process {id} is left");
    Ok(())
}
