//! How a cluster is reached: a variant known to [`connect`] alone.
//!
//! *Idea.* One stack for all: base URL (with its path), credentials, gzip, a pool of few connections. Retries,
//! deadlines and limits are not in the stack but in the transport above it, where they are the same for a test double.
//!
//! *Guarantees.* Idle connections are closed after [`ConnectOptions::idle_timeout`], so that an idle cluster has none;
//! the timer of the pool does it without a request. No redirect is followed. Ring does the cryptography.

use std::{sync::Once, time::Duration};

use hyper_util::{
    client::legacy::connect::HttpConnector,
    rt::{TokioExecutor, TokioTimer},
};
use kube::client::ConfigExt as _;
use strata_model::secret::SecretText;
use tower::{BoxError, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;

use crate::{
    client::ClusterClient,
    error::ClusterError,
    kubeconfig::{Kubeconfig, KubeconfigPolicy},
    resolver::GuardedResolver,
};

/// How a cluster is reached. The texts are opened already.
#[derive(Debug, Clone)]
pub enum Connection {
    /// A kubeconfig from registration.
    Kubeconfig(SecretText),
    /// The kubeconfig in the Secret `<name>-kubeconfig` of the management cluster.
    ManagementSecret(SecretText),
    /// The cluster that Strata runs in, by its service account.
    InCluster,
}

/// How to connect and how long to wait.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// What a kubeconfig may contain.
    pub policy: KubeconfigPolicy,
    /// Longest time to connect, TLS included.
    pub connect_timeout: Duration,
    /// Longest time of one request, from sending to the end of its answer.
    pub request_deadline: Duration,
    /// Longest time of one operation, with all its requests and retries.
    pub operation_deadline: Duration,
    /// How often one request is sent at most.
    pub attempts: u32,
    /// After how long an unused connection is closed.
    pub idle_timeout: Duration,
    /// How many unused connections are kept.
    pub max_idle_connections: usize,
    /// Largest answer, in bytes after decompression.
    pub max_answer_bytes: usize,
    /// How many requests one operation on many objects has in flight.
    pub concurrency: usize,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            policy: KubeconfigPolicy::default(),
            connect_timeout: Duration::from_secs(5),
            request_deadline: Duration::from_secs(30),
            operation_deadline: Duration::from_secs(60),
            attempts: 5,
            // Long enough for the requests of one step, short enough for thousands of clusters.
            idle_timeout: Duration::from_secs(5),
            max_idle_connections: 2,
            // Lists are paged; discovery of a cluster full of CRDs takes about 2 MiB, the largest object 1.5 MiB.
            max_answer_bytes: 32 * 1024 * 1024,
            concurrency: 4,
        }
    }
}

/// Makes a client. Nothing is sent yet: the first request opens the first connection.
///
/// Must be called on a tokio runtime.
///
/// # Errors
/// [`ClusterError::Kubeconfig`] when the kubeconfig is refused, [`ClusterError::Setup`] when its certificates cannot be
/// used, or there is no service account to run as.
pub fn connect(connection: &Connection, options: &ConnectOptions) -> Result<ClusterClient, ClusterError> {
    let (mut config, guarded) = match connection {
        Connection::Kubeconfig(text) | Connection::ManagementSecret(text) => {
            let kubeconfig = Kubeconfig::parse(text, &options.policy)
                .map_err(|problems| ClusterError::Kubeconfig { problems })?;
            (kubeconfig.into_config(), true)
        }
        Connection::InCluster => {
            let config = kube::Config::incluster_env()
                .map_err(|error| ClusterError::Setup { detail: error.to_string() })?;
            (config, false)
        }
    };
    config.connect_timeout = Some(options.connect_timeout);
    // The transport's deadline covers reading and writing; a timeout here would cut watches off.
    config.read_timeout = None;
    config.write_timeout = None;
    config.default_retry = false;
    let client = stack(&config, guarded, options)?;
    Ok(ClusterClient::new(client, options.clone()))
}

fn stack(
    config: &kube::Config,
    guarded: bool,
    options: &ConnectOptions,
) -> Result<kube::Client, ClusterError> {
    use_ring();
    let setup = |error: kube::Error| ClusterError::Setup { detail: error.to_string() };
    // In a cluster the address comes from the kubelet and may be anything.
    let resolver = GuardedResolver::new(options.policy.allow_loopback || !guarded);
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    let connector = config.rustls_https_connector_with_connector(connector).map_err(setup)?;
    let mut connector = hyper_timeout::TimeoutConnector::new(connector);
    connector.set_connect_timeout(config.connect_timeout);

    let http: hyper_util::client::legacy::Client<_, kube::client::Body> =
        hyper_util::client::legacy::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(options.idle_timeout)
            .pool_max_idle_per_host(options.max_idle_connections)
            .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(DecompressionLayer::new())
        .option_layer(config.auth_layer().map_err(setup)?)
        .map_err(BoxError::from)
        .service(http);
    Ok(kube::Client::new(service, config.default_namespace.clone()))
}

/// Makes ring the process's provider of cryptography if `main` has not: with several compiled in there is no default.
fn use_ring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Fails only if another thread was quicker, and then one is installed.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
    });
}
