//! How each program is called. Everything listens on 127.0.0.1 or not at all.

use std::{path::Path, process::Command};

use super::assets::Assets;

/// Ports of one control plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) api_server: u16,
    pub(super) etcd: u16,
    pub(super) etcd_peer: u16,
}

/// Controllers that no fleet test looks at; each costs watches and memory.
const CONTROLLERS_LEFT_OUT: [&str; 10] = [
    "certificatesigningrequest-approving-controller",
    "certificatesigningrequest-cleaner-controller",
    "certificatesigningrequest-signing-controller",
    "device-taint-eviction-controller",
    "legacy-serviceaccount-token-cleaner-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-expander-controller",
    "resourceclaim-controller",
    "service-cidr-controller",
    "ttl-controller",
];

pub(super) fn etcd(assets: &Assets, directory: &Path, ports: Ports) -> Command {
    let client = format!("http://127.0.0.1:{}", ports.etcd);
    let peer = format!("http://127.0.0.1:{}", ports.etcd_peer);
    let mut command = program(assets, "etcd", directory);
    command
        .arg("--name=test")
        .arg(format!("--data-dir={}", directory.join("etcd").display()))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=test={peer}"))
        // The data dies with the test, so nothing is lost by not waiting for a disk.
        .args(["--unsafe-no-fsync", "--log-level=warn", "--snapshot-count=10000"]);
    command
}

pub(super) fn api_server(assets: &Assets, directory: &Path, ports: Ports) -> Command {
    let mut command = program(assets, "kube-apiserver", directory);
    command
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(format!("--secure-port={}", ports.api_server))
        .arg(format!("--etcd-servers=http://127.0.0.1:{}", ports.etcd))
        .arg(file("--client-ca-file", directory, "ca.crt"))
        .arg(file("--tls-cert-file", directory, "server.crt"))
        .arg(file("--tls-private-key-file", directory, "server.key"))
        .arg(file("--service-account-key-file", directory, "service-account.pub"))
        .arg(file("--service-account-signing-key-file", directory, "service-account.key"))
        .args([
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",
            // An address of the loopback interface cannot be the endpoint of the service `kubernetes`.
            "--endpoint-reconciler-type=none",
            "--profiling=false",
        ]);
    command
}

pub(super) fn controller_manager(assets: &Assets, directory: &Path) -> Command {
    let left_out: String = CONTROLLERS_LEFT_OUT.iter().map(|name| format!(",-{name}")).collect();
    let mut command = program(assets, "kube-controller-manager", directory);
    command
        .arg(file("--kubeconfig", directory, "admin.kubeconfig"))
        .arg(file("--service-account-private-key-file", directory, "service-account.key"))
        .arg(file("--root-ca-file", directory, "ca.crt"))
        .arg(format!("--controllers=*{left_out}"))
        .args(["--leader-elect=false", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400"])
        .arg("--profiling=false");
    command
}

pub(super) fn scheduler(assets: &Assets, directory: &Path) -> Command {
    let mut command = program(assets, "kube-scheduler", directory);
    command
        .arg(file("--kubeconfig", directory, "admin.kubeconfig"))
        .args(["--leader-elect=false", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400"])
        .arg("--profiling=false");
    command
}

pub(super) fn kwok(assets: &Assets, directory: &Path) -> Command {
    let mut command = program(assets, "kwok", directory);
    command
        .arg(file("--kubeconfig", directory, "admin.kubeconfig"))
        .arg(format!("--config={}", assets.path("kwok-stages.yaml").display()))
        .args(["--manage-all-nodes=true", "--node-lease-duration-seconds=40", "--cidr=10.244.0.0/16"])
        .args(["--node-ip=127.0.0.1", "--node-port=0"]);
    command
}

fn program(assets: &Assets, name: &str, directory: &Path) -> Command {
    let mut command = Command::new(assets.path(name));
    // What a developer's shell holds (proxies, a kubeconfig, Go's debugging switches) must not matter.
    command.env_clear().env("HOME", directory).current_dir(directory);
    command
}

fn file(flag: &str, directory: &Path, name: &str) -> String {
    format!("{flag}={}", directory.join(name).display())
}
