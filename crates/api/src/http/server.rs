//! The listener: connections with bounds and deadlines, and an orderly end.

use std::{io, sync::Arc, time::Duration};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use strata_engine::Engine;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

use super::{HttpOptions, api, routes};

/// How long the head of a request may take to arrive.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// How many requests one HTTP/2 connection may carry at once.
const STREAMS: u32 = 64;
/// How long to wait when connections cannot be accepted, e.g. because there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener has no address.
    #[error("the listener cannot be used")]
    Listener(#[source] io::Error),
}

/// Serves until `cancel` is cancelled; then lets requests under way end, within the grace of the options.
///
/// # Errors
/// [`ServeError`] when the listener cannot be used.
pub async fn serve(
    engine: Engine,
    listener: TcpListener,
    options: HttpOptions,
    cancel: CancellationToken,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    let api = api(engine, options, cancel.clone());
    let service = TowerToHyperService::new(routes(api.clone()));
    let connections = Arc::new(Semaphore::new(api.options.connections));
    let (graceful, abort) = (GracefulShutdown::new(), CancellationToken::new());
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_DEADLINE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(20));
    tracing::info!(%address, "serving");
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, permit)) = accepted else { continue };
        let (builder, service) = (builder.clone(), service.clone());
        let (watcher, abort) = (graceful.watcher(), abort.clone());
        api.tracker.spawn(async move {
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            tokio::select! {
                () = abort.cancelled() => {}
                result = watcher.watch(connection) => {
                    if let Err(error) = result {
                        tracing::debug!(error, "a connection broke off");
                    }
                }
            }
            drop(permit);
        });
    }
    drop(listener);
    api.tracker.close();
    let ended = async {
        graceful.shutdown().await;
        api.tracker.wait().await;
    };
    if tokio::time::timeout(api.options.shutdown_grace, ended).await.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
        abort.cancel();
    }
    Ok(())
}

type Accepted = (TcpStream, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = connections.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection cannot send at once");
            }
            Some((stream, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
