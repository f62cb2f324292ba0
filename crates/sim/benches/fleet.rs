//! How many requests a second the simulator answers, and what a cluster costs while nobody speaks with it.
//!
//! ```console
//! $ cargo bench -p strata-sim --bench fleet -- clusters=500 objects=10 connections=16
//! ```
//!
//! The client is a bare HTTP/1.1 connection over TLS, in the same process and on the same processors: what is measured is
//! both sides together, and memory includes the client's few connections.

#![expect(clippy::unwrap_used, reason = "a measurement may stop at what it cannot have")]
#![expect(clippy::print_stdout, reason = "its result")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::pem::PemObject as _};
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::json;
use strata_sim::{ClusterOptions, SimCluster, Simulator, SimulatorOptions};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

/// What is sent to each cluster.
#[derive(Clone, Copy)]
enum Load {
    /// One read, which makes the cluster's content come to life.
    Touch,
    /// This many applied objects: Deployments and `ConfigMap`s in turn.
    Apply(usize),
}

/// Resident memory of this process.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

async fn connect(
    simulator: &Simulator,
    authority: &RootCertStore,
    tasks: &TaskTracker,
) -> SendRequest<Full<Bytes>> {
    let config = ClientConfig::builder().with_root_certificates(authority.clone()).with_no_client_auth();
    let stream = TcpStream::connect(simulator.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = ServerName::from(simulator.address().ip());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tasks.spawn(async move {
        let _ = connection.await;
    });
    sender
}

fn request(cluster: &SimCluster, number: Option<usize>) -> Request<Full<Bytes>> {
    let base = cluster.server().split_once("/clusters/").unwrap().1;
    let builder = Request::builder()
        .header("host", "simulator")
        .header("user-agent", "fleet/1.0")
        .header("authorization", format!("Bearer {}", cluster.token()));
    let Some(number) = number else {
        let path = format!("/clusters/{base}/api/v1/namespaces/default");
        return builder.uri(path).body(Full::default()).unwrap();
    };
    let (path, object) = if number % 2 == 0 {
        let name = format!("app-{number}");
        let labels = json!({"app": name});
        let container = json!({"name": "main", "image": "registry.example.com/app:1", "ports": [{"containerPort": 8080}]});
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}});
        let spec = json!({"replicas": 2, "selector": {"matchLabels": labels}, "template": template});
        let path = format!("apis/apps/v1/namespaces/default/deployments/{name}");
        (
            path,
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}),
        )
    } else {
        let name = format!("settings-{number}");
        let path = format!("api/v1/namespaces/default/configmaps/{name}");
        let data = json!({"settings.yaml": "level: info\n".repeat(20)});
        (path, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}))
    };
    builder
        .method("PATCH")
        .uri(format!("/clusters/{base}/{path}?fieldManager=fleet"))
        .header("content-type", "application/apply-patch+yaml")
        .body(Full::from(object.to_string()))
        .unwrap()
}

/// Sends the load to every cluster and answers how many requests it took and how long.
async fn drive(
    simulator: &Simulator,
    clusters: &Arc<[SimCluster]>,
    authority: &RootCertStore,
    connections: usize,
    load: Load,
) -> (usize, Duration) {
    let (next, tasks) = (Arc::new(AtomicUsize::new(0)), TaskTracker::new());
    let mut senders = Vec::new();
    for _ in 0..connections {
        senders.push(connect(simulator, authority, &tasks).await);
    }
    let start = Instant::now();
    let workers = senders.into_iter().map(|mut sender| {
        let (clusters, next) = (clusters.clone(), next.clone());
        tasks.spawn(async move {
            let mut count = 0;
            while let Some(cluster) = clusters.get(next.fetch_add(1, Ordering::Relaxed)) {
                let requests = match load {
                    Load::Touch => vec![request(cluster, None)],
                    Load::Apply(objects) => (0..objects).map(|n| request(cluster, Some(n))).collect(),
                };
                for request in requests {
                    sender.ready().await.unwrap();
                    let answer = sender.send_request(request).await.unwrap();
                    let status = answer.status();
                    let body = answer.into_body().collect().await.unwrap().to_bytes();
                    assert!(matches!(status, StatusCode::OK | StatusCode::CREATED), "{status}: {body:?}");
                    count += 1;
                }
            }
            count
        })
    });
    let counts = futures::future::join_all(workers).await;
    let took = start.elapsed();
    tasks.close();
    tasks.wait().await;
    (counts.into_iter().map(Result::unwrap).sum(), took)
}

fn argument(name: &str, otherwise: usize) -> usize {
    let value = std::env::args().find_map(|given| given.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    value.unwrap_or(otherwise)
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Without `cargo bench` (as by `cargo test --all-targets`) it only shows that it works.
    let measuring = std::env::args().any(|given| given == "--bench");
    let count = argument("clusters", if measuring { 500 } else { 3 });
    let (objects, connections) = (argument("objects", 10), argument("connections", 16));

    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let before = resident_kib();
    let mut made = Vec::new();
    for number in 0..count {
        made.push(simulator.add_cluster(ClusterOptions::new(format!("edge-{number}"))).await.unwrap());
    }
    let clusters: Arc<[SimCluster]> = made.into();
    let each = |kib: usize| kib.saturating_sub(before) as f64 / count as f64;
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&clusters[0].kubeconfig()).unwrap();
    let encoded =
        kubeconfig.clusters[0].cluster.as_ref().unwrap().certificate_authority_data.clone().unwrap();
    let pem = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
    let mut authority = RootCertStore::empty();
    authority.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();

    println!("{count} clusters, {connections} connections");
    println!("never spoken to:    {:8.1} KiB a cluster", each(resident_kib()));
    let (requests, took) = drive(&simulator, &clusters, &authority, connections, Load::Touch).await;
    println!("first read of each: {:8.0} requests/s", requests as f64 / took.as_secs_f64());
    let content: usize = clusters.iter().map(SimCluster::footprint).sum();
    println!(
        "idle after that:    {:8.1} KiB a cluster, of which content {:.1}",
        each(resident_kib()),
        content as f64 / 1024.0 / count as f64
    );
    let (requests, took) = drive(&simulator, &clusters, &authority, connections, Load::Apply(objects)).await;
    println!("{requests} applied:      {:8.0} requests/s", requests as f64 / took.as_secs_f64());
    let (requests, took) = drive(&simulator, &clusters, &authority, connections, Load::Apply(objects)).await;
    println!("unchanged again:    {:8.0} requests/s", requests as f64 / took.as_secs_f64());
    clusters.iter().for_each(SimCluster::compact);
    let content: usize = clusters.iter().map(SimCluster::footprint).sum();
    println!(
        "idle with {objects} objects: {:6.1} KiB a cluster, of which content {:.1}",
        each(resident_kib()),
        content as f64 / 1024.0 / count as f64
    );
    simulator.shutdown().await;
}
