//! Starting and ending the server: what a person, an init system or a script sees of it.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use strata_cli::operations;
use strata_tests::{Database, Postgres, Server, program, scenario};

/// Runs the program to its end; its exit code and what it wrote to standard error.
fn run(arguments: &[&str], folder: &std::path::Path) -> Result<(i32, String)> {
    let output = Command::new(program!())
        .args(arguments)
        .current_dir(folder)
        .env_remove("STRATA_KEY")
        .env_remove("STRATA_KEY_FILE")
        .env_remove("STRATA_DATABASE")
        .output()?;
    Ok((output.status.code().context("killed")?, String::from_utf8(output.stderr)?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_one_file_is_refused() -> Result<()> {
    let server = Server::start(program!(), Database::Sqlite).await?;
    let (code, said) = run(&["serve", "--listen", "127.0.0.1:0"], server.directory())?;
    ensure!(
        code == 10 && said.contains("in use by another process") && said.contains("help:"),
        "{code}: {said}"
    );
    let (code, said) = run(&["migrate"], server.directory())?;
    ensure!(code == 10, "{code}: {said}");
    // The first one does not mind.
    server.client()?.send(operations::VIEWER, json!({})).await.map_err(scenario::describe)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_is_told_once_and_survives_a_restart() -> Result<()> {
    let mut server = Server::start(program!(), Database::Sqlite).await?;
    let token = std::fs::read_to_string(server.token_file())?;
    server.stop().await?;
    server.restart().await?;
    server.client()?.send(operations::VIEWER, json!({})).await.map_err(scenario::describe)?;
    server.stop().await?;
    let log = std::fs::read_to_string(server.log_path())?;
    assert_eq!(log.matches(token.trim()).count(), 1, "the token is in the log");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_all_tokens_gets_in_with_database_and_key() -> Result<()> {
    let mut server = Server::start(program!(), Database::Sqlite).await?;
    let create = ["token", "create-admin", "--database", "sqlite:strata.db"];
    let (code, said) = run(&create, server.directory())?;
    ensure!(code == 10 && said.contains("help:"), "while the server runs: {code}: {said}");
    server.stop().await?;

    let output = Command::new(program!())
        .args(create)
        .current_dir(server.directory())
        .env_remove("STRATA_KEY")
        .env_remove("STRATA_KEY_FILE")
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let token = String::from_utf8(output.stdout)?;
    ensure!(token.lines().count() == 1, "standard output has more than the token: {token}");
    std::fs::write(server.directory().join("other.key"), "7a".repeat(32))?;
    let (code, said) = run(&[&create[..], &["--key-file", "other.key"]].concat(), server.directory())?;
    ensure!(code == 12 && said.contains("help:"), "with another key: {code}: {said}");

    server.restart().await?;
    for client in [server.client_with("recovered", token.trim())?, server.client()?] {
        let viewer = client.send(operations::VIEWER, json!({})).await.map_err(scenario::describe)?;
        assert_eq!(viewer["viewer"]["principal"], "admin", "{viewer}");
    }
    let audit = server.client()?.send(operations::AUDIT_LIST, json!({"first": 10})).await;
    ensure!(audit.map_err(scenario::describe)?.to_string().contains("recoverAdministrator"));

    let empty = tempfile::tempdir()?;
    let (code, said) = run(&create, empty.path())?;
    ensure!(code == 64 && said.contains("strata.db"), "without a database: {code}: {said}");
    assert_eq!(std::fs::read_dir(empty.path())?.count(), 0, "something was made");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_and_a_lost_key_are_refused() -> Result<()> {
    let mut server = Server::start(program!(), Database::Sqlite).await?;
    server.stop().await?;
    let key = server.directory().join("strata.key");
    let kept = std::fs::read(&key)?;
    std::fs::write(server.directory().join("other.key"), "7a".repeat(32))?;
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let (code, said) = run(&[&serve[..], &["--key-file", "other.key"]].concat(), server.directory())?;
    ensure!(code == 12 && said.contains("help:"), "{code}: {said}");
    std::fs::remove_file(&key)?;
    let (code, said) = run(&serve, server.directory())?;
    ensure!(code == 12 && said.contains("strata.key is not") && !key.exists(), "{code}: {said}");
    std::fs::write(&key, kept)?;
    server.restart().await
}

#[test]
fn what_is_wrong_is_said_with_a_code_and_a_way_out() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for (arguments, code) in [
        (vec!["serve", "--listen", &address], 14),
        (vec!["serve", "--database", "mysql://h/d"], 64),
        (vec!["serve", "--config", "missing.yaml"], 64),
        (vec!["serve", "--listen", "127.0.0.1:0", "--database", "postgres://127.0.0.1:1/x"], 12),
        (vec!["serve", "--no-such-flag"], 64),
        (vec!["migrate", "--database", "postgres://127.0.0.1:1/x"], 11),
    ] {
        let (found, said) = run(&arguments, folder.path())?;
        ensure!(found == code, "{arguments:?} ended with {found} instead of {code}: {said}");
        ensure!(said.contains("error:"), "{arguments:?}: {said}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path())?.collect();
    ensure!(left.is_empty(), "a start that failed left {left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_run_alone_and_only_once_on_both_databases() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut databases = vec!["sqlite:new.db".to_owned()];
    if let Some(postgres) = Postgres::shared_or_leave_out().await {
        databases.push(postgres.fresh_database().await?);
    }
    for database in databases {
        for _ in 0..2 {
            let output = Command::new(program!())
                .arg("migrate")
                .env("STRATA_DATABASE", &database)
                .current_dir(folder.path())
                .output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(())
}
