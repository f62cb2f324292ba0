//! The process-wide part: listeners, connections, and the clusters behind them.

use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, RwLock},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cluster::{Cluster, Making, SimCluster, lock},
    service,
    tls::{self, Tls},
};

/// How the simulator starts.
#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// Where to listen; loopback unless you know why not.
    pub address: IpAddr,
    /// The shared port; 0 takes a free one.
    pub port: u16,
    /// Decides every generated uid and name: same seed, same uids.
    pub seed: u64,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 0, seed: 0 }
    }
}

/// Where a cluster's API server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Endpoint {
    /// `https://address:port/clusters/<name>`: any number of clusters behind one listener.
    #[default]
    Shared,
    /// A port of its own, which also can refuse connections.
    OwnPort,
}

/// What a cluster is like.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Unique name: letters, digits, `-`, `.`.
    pub name: String,
    /// `gitVersion` of `/version`, such as `v1.33.1`.
    pub kubernetes_version: String,
    /// How many Nodes there are.
    pub nodes: u32,
    /// Where it is reached.
    pub endpoint: Endpoint,
    /// Whether workload controllers run (Deployments make pods, and so on).
    pub controllers: bool,
    /// How many requests the log keeps; 0 only counts.
    pub log_capacity: usize,
    /// The bearer token; drawn at random if `None`.
    pub token: Option<String>,
}

impl ClusterOptions {
    /// Three nodes on the shared port.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kubernetes_version: "v1.33.1".into(),
            nodes: 3,
            endpoint: Endpoint::Shared,
            controllers: true,
            log_capacity: 0,
            token: None,
        }
    }
}

/// Why the simulator could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The certificates could not be made.
    #[error("certificates could not be made")]
    Certificate(#[source] rcgen::Error),
    /// TLS could not be set up.
    #[error("tls could not be set up")]
    Tls(#[source] rustls::Error),
    /// The port could not be had.
    #[error("could not listen")]
    Listen(#[source] io::Error),
}

/// Why a cluster could not be added.
#[derive(Debug, Error)]
pub enum AddClusterError {
    /// The name is taken.
    #[error("there is a cluster of that name")]
    Exists,
    /// The name cannot be a part of a URL.
    #[error("the name has characters other than letters, digits, '-' and '.'")]
    Name,
    /// The port could not be had.
    #[error("could not listen")]
    Listen(#[source] io::Error),
    /// No randomness for the token.
    #[error("no randomness for the token")]
    Random,
}

struct Shared {
    clusters: RwLock<HashMap<String, Arc<Cluster>>>,
    tls: Tls,
    authority: Arc<str>,
    address: SocketAddr,
    seed: u64,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Any number of simulated Kubernetes API servers. Dropping it stops them; `shutdown` also waits.
pub struct Simulator {
    shared: Arc<Shared>,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
    }
}

impl Simulator {
    /// Makes certificates and listens on the shared port.
    ///
    /// # Errors
    /// When certificates, TLS or the port cannot be had.
    pub async fn start(options: SimulatorOptions) -> Result<Self, StartError> {
        let tls = tls::make(options.address)?;
        let listener =
            TcpListener::bind((options.address, options.port)).await.map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Listen)?;
        let shared = Arc::new(Shared {
            clusters: RwLock::new(HashMap::new()),
            authority: tls.authority.as_str().into(),
            tls,
            address,
            seed: options.seed,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let task = shared.clone();
        shared.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = task.stop.cancelled() => return,
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => connection(&task, stream, None),
                        Err(error) => {
                            tracing::debug!(%error, "accept failed");
                            tokio::task::yield_now().await;
                        }
                    },
                }
            }
        });
        Ok(Self { shared })
    }

    /// Adds a cluster, which answers at once.
    ///
    /// # Errors
    /// When the name is taken or unfit, or its port cannot be had.
    pub async fn add_cluster(&self, options: ClusterOptions) -> Result<SimCluster, AddClusterError> {
        let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if options.name.is_empty() || !options.name.chars().all(fit) {
            return Err(AddClusterError::Name);
        }
        let own_port = options.endpoint == Endpoint::OwnPort;
        let listener = if own_port {
            let listener = TcpListener::bind((self.shared.address.ip(), 0)).await;
            Some(listener.map_err(AddClusterError::Listen)?)
        } else {
            None
        };
        let address = match &listener {
            Some(listener) => listener.local_addr().map_err(AddClusterError::Listen)?,
            None => self.shared.address,
        };
        let server = if own_port {
            format!("https://{address}")
        } else {
            format!("https://{address}/clusters/{}", options.name)
        };
        let token = match options.token {
            Some(token) => token,
            None => random_token()?,
        };
        let cluster = Arc::new(Cluster::new(Making {
            name: options.name.clone(),
            token,
            server,
            address,
            own_port,
            authority: self.shared.authority.clone(),
            seed: self.shared.seed,
            nodes: options.nodes,
            controllers: options.controllers,
            version: options.kubernetes_version,
            log_capacity: options.log_capacity,
        }));
        {
            let mut clusters =
                self.shared.clusters.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            if clusters.contains_key(&options.name) {
                return Err(AddClusterError::Exists);
            }
            clusters.insert(options.name, cluster.clone());
        }
        if let Some(listener) = listener {
            self.shared.tasks.spawn(own_listener(self.shared.clone(), cluster.clone(), listener));
        }
        Ok(SimCluster { inner: cluster })
    }

    /// A cluster by name.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<SimCluster> {
        find(&self.shared, name).map(|inner| SimCluster { inner })
    }

    /// Takes a cluster away: its connections are cut and its path is not found any more.
    pub fn remove_cluster(&self, name: &str) {
        let gone =
            self.shared.clusters.write().unwrap_or_else(std::sync::PoisonError::into_inner).remove(name);
        if let Some(inner) = gone {
            SimCluster { inner }.faults().offline();
        }
    }

    /// The address of the shared port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Cuts all connections and waits for them to end.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

fn random_token() -> Result<String, AddClusterError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| AddClusterError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn find(shared: &Shared, name: &str) -> Option<Arc<Cluster>> {
    shared.clusters.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(name).cloned()
}

/// Listens for one cluster; while it is offline nobody listens, so that connections are refused.
async fn own_listener(shared: Arc<Shared>, cluster: Arc<Cluster>, listener: TcpListener) {
    let mut listener = Some(listener);
    loop {
        let change = cluster.fault_change.notified();
        tokio::pin!(change);
        change.as_mut().enable();
        let offline = lock(&cluster.faults).offline;
        if offline {
            listener = None;
        } else if listener.is_none() {
            listener = TcpListener::bind(cluster.address).await.ok();
        }
        match &listener {
            Some(open) => tokio::select! {
                () = shared.stop.cancelled() => return,
                () = &mut change => {}
                accepted = open.accept() => {
                    if let Ok((stream, _)) = accepted {
                        connection(&shared, stream, Some(cluster.clone()));
                    }
                }
            },
            None => tokio::select! {
                () = shared.stop.cancelled() => return,
                () = &mut change => {}
                () = tokio::time::sleep(std::time::Duration::from_millis(20)), if !offline => {}
            },
        }
    }
}

/// Serves one connection in a task of its own.
fn connection(shared: &Arc<Shared>, stream: TcpStream, cluster: Option<Arc<Cluster>>) {
    let shared_task = shared.clone();
    shared.tasks.spawn(async move {
        let shared = shared_task;
        let lifeline = cluster.as_ref().map(|cluster| cluster.lifeline()).unwrap_or_default();
        let _ = stream.set_nodelay(true);
        let serve = async {
            let Ok(stream) = shared.tls.acceptor.accept(stream).await else { return };
            let finder = shared.clone();
            let service = hyper::service::service_fn(move |request| {
                let cluster = cluster.clone();
                let finder = finder.clone();
                async move { service::answer(request, cluster, |name| find(&finder, name)).await }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            let served = builder.serve_connection(TokioIo::new(stream), service).await;
            if let Err(error) = served {
                tracing::trace!(error = %error, "connection ended");
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = lifeline.cancelled() => {}
            () = serve => {}
        }
    });
}
