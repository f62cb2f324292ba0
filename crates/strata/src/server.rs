//! A running server: store, engine and GraphQL interface together. `serve` and `demo` are two ways to start one.

use std::{net::SocketAddr, sync::Arc, time::Duration};
use strata_cli::output::write_error;

use strata_api::{HttpOptions, http::ServeError};
use strata_cluster::{ConnectOptions, KubeconfigPolicy};
use strata_engine::{Engine, EngineOptions, FirstToken};
use strata_store::{Store, StoreSettings, SystemClock, SystemIds, seal::SealKeys};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{exit::Failed, key, settings::ServerSettings};

/// How long requests and background work under way may take to end.
const FAREWELL: Duration = Duration::from_secs(20);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    engine: Engine,
    address: SocketAddr,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<Result<(), ServeError>>,
}

/// What the first start has to tell, once.
#[derive(Debug)]
pub(crate) struct FirstStart {
    /// The administrator's token.
    pub(crate) token: FirstToken,
}

impl Server {
    /// Opens the store, starts the engine and listens.
    ///
    /// # Errors
    /// When one of them does not start; nothing is left running then.
    pub(crate) async fn start(settings: &ServerSettings) -> Result<(Self, Option<FirstStart>), Failed> {
        // Listen first: a taken address must not leave a new database behind.
        let listen = |source| Failed::Listen { address: settings.listen.to_string(), source };
        let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let found = key::find(&settings.database, settings.key_file.as_deref())?;
        let mut store_settings =
            StoreSettings::new(settings.database.clone(), SealKeys::new(found.key.clone()));
        store_settings.migrations = settings.migrations;
        let store = match Store::open(store_settings).await {
            Ok(store) => store,
            Err(error) => return Err(found.refused(error)),
        };
        if let Some(path) = found.made.as_ref().filter(|_| !settings.passing) {
            write_error(
                format_args!(
                    "A new key was made: {}. Keep a copy: without it, stored credentials cannot be read.",
                    path.display()
                ),
                "\n",
            );
        }
        let options = EngineOptions {
            connect: ConnectOptions {
                policy: KubeconfigPolicy {
                    insecure_hosts: settings.insecure_hosts.clone(),
                    allow_loopback: settings.allow_loopback,
                },
                ..ConnectOptions::default()
            },
            ..settings.engine.clone()
        };
        let engine = Engine::new(store, Arc::new(SystemClock), Arc::new(SystemIds), options);
        let token = engine
            .first_start()
            .await
            .map_err(|source| Failed::Engine { operation: "look whether this is the first start", source })?;
        engine.start();
        let stop = CancellationToken::new();
        let serving = strata_api::serve(engine.clone(), listener, HttpOptions::default(), stop.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the task is owned by the value that is returned here and awaited in `stop`"
        )]
        let serving = tokio::spawn(serving);
        Ok((Self { engine, address, stop, serving }, token.map(|token| FirstStart { token })))
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The value of the mark that all objects of this installation carry.
    pub(crate) fn installation(&self) -> String {
        self.engine.store().installation().id.to_string()
    }

    /// Waits until it stops by itself, which it does only when something is broken.
    ///
    /// # Errors
    /// Always, with the reason.
    pub(crate) async fn stopped(&mut self) -> Failed {
        match (&mut self.serving).await {
            Ok(Ok(())) => Failed::Serve("it was not asked to".into()),
            Ok(Err(error)) => Failed::Serve(error.into()),
            Err(error) => Failed::Serve(error.into()),
        }
    }

    /// Takes no more requests, waits for those under way and for background work to reach a safe point, closes the store.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let farewell = async {
            if !self.serving.is_finished() {
                drop(self.serving.await);
            }
            self.engine.stop().await;
            self.engine.store().clone().close().await;
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::warn!("work under way did not end in time; it goes on at the next start");
        }
    }
}
