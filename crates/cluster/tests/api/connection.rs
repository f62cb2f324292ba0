//! Connections against a real TLS socket: paths, credentials, certificates, and that none is left open.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use strata_cluster::{
    ClusterError, ConnectOptions, Connection, KubeconfigPolicy, UnreachableReason, connect,
};
use strata_model::secret::SecretText;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

struct Server {
    port: u16,
    certificate: String,
    /// Path and `Authorization` of each request.
    seen: Arc<Mutex<Vec<(String, String)>>>,
    accepted: Arc<AtomicUsize>,
    open: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

/// A server that has a certificate for `name` and says its version.
async fn server(name: &str) -> Server {
    let identity = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let accepted = Arc::new(AtomicUsize::new(0));
    let (opened, open) = watch::channel(0);
    let mut tasks = JoinSet::new();
    let (noted, counted) = (Arc::clone(&seen), Arc::clone(&accepted));
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            opened.send_modify(|open| *open += 1);
            let (acceptor, noted, opened) = (acceptor.clone(), Arc::clone(&noted), opened.clone());
            connections.spawn(async move {
                if let Ok(stream) = acceptor.accept(socket).await {
                    let service = service_fn(move |request: Request<Incoming>| {
                        let header = request
                            .headers()
                            .get("authorization")
                            .map_or("", |value| value.to_str().unwrap());
                        noted.lock().unwrap().push((request.uri().path().to_owned(), header.to_owned()));
                        let moved = request.uri().path() == "/moved/version";
                        async move {
                            let response = if moved {
                                Response::builder().status(302).header("location", "/version").body(Full::<
                                    bytes::Bytes,
                                >::from(
                                    ""
                                ))
                            } else {
                                Response::builder().body(Full::from(r#"{"gitVersion": "v1.33.2"}"#))
                            };
                            Ok::<_, Infallible>(response.unwrap())
                        }
                    });
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                }
                opened.send_modify(|open| *open -= 1);
            });
        }
    });
    Server { port, certificate: identity.cert.pem(), seen, accepted, open, _tasks: tasks }
}

fn kubeconfig(cluster: Value) -> Connection {
    let config = json!({
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "abc"}}],
    });
    Connection::Kubeconfig(SecretText::new(config.to_string()))
}

fn options() -> ConnectOptions {
    ConnectOptions {
        policy: KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() },
        idle_timeout: Duration::from_millis(100),
        request_deadline: Duration::from_secs(10),
        ..ConnectOptions::default()
    }
}

#[tokio::test]
async fn path_credentials_and_server_name_are_honoured_and_nothing_stays_open() {
    let mut server = server("kube.example.com").await;
    let client = connect(
        &kubeconfig(json!({"server": format!("https://127.0.0.1:{}/k8s/c-1/", server.port),
            "tls-server-name": "kube.example.com", "certificate-authority-data": STANDARD.encode(&server.certificate)})),
        &options(),
    )
    .unwrap();
    assert_eq!(server.accepted.load(Ordering::SeqCst), 0);
    for _ in 0..3 {
        assert_eq!(client.version().await.unwrap().to_string(), "v1.33.2");
    }
    assert_eq!(server.seen.lock().unwrap()[0], ("/k8s/c-1/version".to_owned(), "Bearer abc".to_owned()));
    assert_eq!(server.accepted.load(Ordering::SeqCst), 1);
    // The pool closes it by itself.
    tokio::time::timeout(Duration::from_secs(10), server.open.wait_for(|open| *open == 0))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn names_are_resolved_and_checked() {
    let server = server("localhost").await;
    let connection = kubeconfig(json!({"server": format!("https://localhost:{}", server.port),
        "certificate-authority-data": STANDARD.encode(&server.certificate)}));
    assert!(connect(&connection, &options()).unwrap().version().await.is_ok());
    let strict = ConnectOptions { policy: KubeconfigPolicy::default(), ..options() };
    assert!(matches!(connect(&connection, &strict).unwrap_err(), ClusterError::Kubeconfig { .. }));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = server("localhost").await;
    let connection = kubeconfig(json!({"server": format!("https://localhost:{}/moved", server.port),
        "certificate-authority-data": STANDARD.encode(&server.certificate)}));
    let error = connect(&connection, &options()).unwrap().version().await.unwrap_err();
    assert!(matches!(error, ClusterError::Rejected { status: 302, .. }), "{error}");
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn certificates_that_do_not_fit_are_named_as_the_reason() {
    let here = server("localhost").await;
    let elsewhere = server("localhost").await;
    for (name, certificate) in
        [("localhost", &elsewhere.certificate), ("other.example.com", &here.certificate)]
    {
        let connection =
            kubeconfig(json!({"server": format!("https://localhost:{}", here.port), "tls-server-name": name,
            "certificate-authority-data": STANDARD.encode(certificate)}));
        let error = connect(&connection, &options()).unwrap().version().await.unwrap_err();
        assert!(
            matches!(error, ClusterError::Unreachable { reason: UnreachableReason::Tls, .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn why_a_server_does_not_answer_is_told() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    // It accepts and never speaks.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ConnectOptions { connect_timeout: Duration::from_millis(300), ..options() };
    for (port, expected) in [
        (closed, UnreachableReason::Refused),
        (silent.local_addr().unwrap().port(), UnreachableReason::Timeout),
    ] {
        let connection = kubeconfig(json!({"server": format!("https://127.0.0.1:{port}")}));
        match connect(&connection, &options).unwrap().version().await.unwrap_err() {
            ClusterError::Unreachable { reason, .. } => assert_eq!(reason, expected),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_told() {
    let connection = kubeconfig(json!({"server": "https://does-not-exist.invalid:6443"}));
    match connect(&connection, &options()).unwrap().version().await.unwrap_err() {
        ClusterError::Unreachable { reason, detail, .. } => {
            assert_eq!(reason, UnreachableReason::UnknownName, "{detail}")
        }
        other => panic!("{other}"),
    }
}
