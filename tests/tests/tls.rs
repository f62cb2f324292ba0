//! A server behind a proxy that speaks TLS, as most are.

use std::{fs, process::Stdio, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use strata_tests::{Database, Server, program};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

/// Requests and subscriptions go the same way, and trust whom the system trusts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_and_subscriptions_go_through_tls() -> Result<()> {
    let server = Server::start(program!(), Database::Sqlite).await?;
    let behind = server.url().strip_prefix("http://").context("no http")?.to_owned();

    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (tracker, connections) = (TaskTracker::new(), TaskTracker::new());
    tracker.spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            connections.spawn(async move {
                // Who is not let in, or leaves, is no matter of the proxy.
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let Ok(mut server) = TcpStream::connect(behind).await else { return };
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });

    let folder = tempfile::tempdir()?;
    let trusted = folder.path().join("authority.pem");
    fs::write(&trusted, authority.pem())?;
    let other = folder.path().join("other.pem");
    let stranger = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&KeyPair::generate()?)?;
    fs::write(&other, stranger.pem())?;
    let preview = ["preview", "--profile", "nobody@1.0.0"];
    for (arguments, trust, expected, said) in [
        (&["whoami"][..], &trusted, 0, "admin"),
        // What the server refuses it has been asked.
        (&preview[..], &trusted, 4, "NOT_FOUND"),
        (&["whoami"][..], &other, 6, "certificate"),
        (&preview[..], &other, 6, "certificate"),
    ] {
        let output = tokio::process::Command::new(program!())
            .args(arguments)
            .env("STRATA_SERVER", format!("https://localhost:{}", address.port()))
            .env("STRATA_TOKEN_FILE", server.token_file())
            .env("SSL_CERT_FILE", trust)
            .env_remove("SSL_CERT_DIR")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed);
        ensure!(
            output.status.code() == Some(expected) && printed.contains(said),
            "{arguments:?} with {}: {:?}\n{printed}",
            trust.display(),
            output.status.code()
        );
    }
    Ok(())
}
