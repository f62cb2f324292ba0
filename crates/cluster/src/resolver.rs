//! Names to addresses, without those that no API server may have.
//!
//! A name can point anywhere, and elsewhere later; so the check of the kubeconfig is made again on what it resolves to.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower::Service;

use crate::kubeconfig::is_allowed_address;

/// The system's resolver behind the rule of [`is_allowed_address`].
#[derive(Debug, Clone)]
pub(crate) struct GuardedResolver {
    inner: GaiResolver,
    allow_loopback: bool,
}

impl GuardedResolver {
    pub(crate) fn new(allow_loopback: bool) -> Self {
        Self { inner: GaiResolver::new(), allow_loopback }
    }
}

impl Service<Name> for GuardedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_loopback = self.allow_loopback;
        let resolving = self.inner.call(name);
        Box::pin(async move {
            let allowed: Vec<SocketAddr> =
                resolving.await?.filter(|address| is_allowed_address(address.ip(), allow_loopback)).collect();
            if allowed.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "the server's name leads to an address of this machine or link",
                ));
            }
            Ok(allowed.into_iter())
        })
    }
}
