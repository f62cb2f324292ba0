//! `strata demo` plays to its end, on simulated clusters and on a real one, and leaves nothing behind.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{core::v1::Namespace, rbac::v1::ClusterRole};
use kube::{Api, ResourceExt as _, api::ListParams};
use strata_tests::{ControlPlane, program};

/// How long the story may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Plays the demo; what it wrote to standard output.
async fn play(arguments: &[&str], temporary: &Path) -> Result<String> {
    let output = tokio::process::Command::new(program!())
        .args(["demo", "--exit", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, output).await.context("it does not end")??;
    let (told, errors) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    ensure!(output.status.success(), "{}\n{told}\n{errors}", output.status);
    ensure!(
        errors.contains("[APPROVAL_REQUIRED]") || !arguments.is_empty(),
        "no refusal was shown: {errors}"
    );
    let left: Vec<_> = std::fs::read_dir(temporary)?.collect();
    ensure!(left.is_empty(), "it left {left:?}");
    Ok(told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_simulated_clusters() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let told = play(&[], folder.path()).await?;
    for expected in [
        "Nodes are replaced: FULL",
        "scaling cannot reach it",
        "hello-universe-deployment    0/0",
        "APPROVED BY",
        "paused",
    ] {
        ensure!(told.contains(expected), "`{expected}` is not in\n{told}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_cluster() -> Result<()> {
    let Some(plane) = Box::pin(ControlPlane::start_or_leave_out("demo")).await else { return Ok(()) };
    let client = plane.client().await?;
    let (namespaces, roles) = (Api::<Namespace>::all(client.clone()), Api::<ClusterRole>::all(client));
    let names = async || -> Result<Vec<String>> {
        let namespaces = namespaces.list(&ListParams::default()).await?;
        let roles = roles.list(&ListParams::default()).await?;
        let names = namespaces.iter().map(|namespace| namespace.name_any());
        Ok(names.chain(roles.iter().map(|role| role.name_any())).collect())
    };
    let before = names().await?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, plane.kubeconfig())?;
    let temporary = folder.path().join("temporary");
    std::fs::create_dir(&temporary)?;
    let kubeconfig = kubeconfig.to_str().context("a path that is no text")?;
    let told = play(&["--kubeconfig", kubeconfig], &temporary).await?;
    ensure!(told.contains("hello-universe-deployment    0/0"), "{told}");
    assert_eq!(names().await?, before, "something is left in the cluster");
    Ok(())
}
