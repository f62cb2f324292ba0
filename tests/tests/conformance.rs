//! The real control plane does what the simulator's conformance cases say: so what the simulator does is what clusters do.

use anyhow::{Result, ensure};
use futures::StreamExt as _;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use strata_sim::conformance;
use strata_tests::ControlPlane;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_control_plane_passes_all_cases() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("conformance").await else { return Ok(()) };
    let kubeconfig = Kubeconfig::from_yaml(plane.kubeconfig())?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // Some cases expect to be turned away.
    config.default_retry = false;
    let client = Client::try_from(config)?;
    let cases = conformance::cases();
    let count = cases.len();
    let differing: Vec<String> = futures::stream::iter(cases)
        .map(|case| {
            let client = client.clone();
            async move { case.run(client, "case").await.err().map(|error| format!("{}: {error}", case.name)) }
        })
        .buffer_unordered(8)
        .filter_map(async |outcome| outcome)
        .collect()
        .await;
    ensure!(differing.is_empty(), "{} of {count} cases:\n{}", differing.len(), differing.join("\n"));
    Ok(())
}
