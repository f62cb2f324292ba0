//! All conformance cases against a simulated cluster, over TLS; and, when `SIM_CONFORMANCE_KUBECONFIG` names a file, those
//! that need no controllers against the API server it speaks of.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it cannot have")]

use futures::StreamExt as _;
use strata_sim::{ClusterOptions, Endpoint, Simulator, SimulatorOptions, conformance};

async fn client(kubeconfig: &str) -> kube::Client {
    let kubeconfig = kube::config::Kubeconfig::from_yaml(kubeconfig).unwrap();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
    config.default_retry = false;
    kube::Client::try_from(config).unwrap()
}

async fn check(client: &kube::Client, prefix: &str, cases: Vec<conformance::Case>) {
    let count = cases.len();
    let results = futures::stream::iter(cases)
        .map(|case| {
            let client = client.clone();
            async move { (case.name, case.run(client, prefix).await) }
        })
        .buffer_unordered(16)
        .collect::<Vec<_>>()
        .await;
    let failed: Vec<String> = results
        .iter()
        .filter_map(|(name, result)| result.as_ref().err().map(|e| format!("{name}: {e}")))
        .collect();
    assert!(count >= 60);
    assert!(failed.is_empty(), "{} of {count} cases failed:\n{}", failed.len(), failed.join("\n"));
}

async fn run_all(endpoint: Endpoint) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let cluster = simulator
        .add_cluster(ClusterOptions { endpoint, ..ClusterOptions::new("conformance") })
        .await
        .unwrap();
    let client = client(&cluster.kubeconfig()).await;
    check(&client, "case", conformance::cases()).await;
    simulator.shutdown().await;
}

#[tokio::test]
async fn shared_port() {
    run_all(Endpoint::Shared).await;
}

#[tokio::test]
async fn own_port() {
    run_all(Endpoint::OwnPort).await;
}

#[tokio::test]
async fn another_server() {
    let Ok(path) = std::env::var("SIM_CONFORMANCE_KUBECONFIG") else { return };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = client(&std::fs::read_to_string(path).unwrap()).await;
    let prefix = format!("c{}", std::process::id());
    let cases =
        conformance::cases().into_iter().filter(|case| case.needs == conformance::Needs::ApiServer).collect();
    check(&client, &prefix, cases).await;
}
