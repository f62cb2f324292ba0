//! The client against a scripted Kubernetes API, and its connections against a real socket.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which the exception for tests does not reach")]

mod apply;
mod cluster_api;
mod connection;
mod discovery;
mod kubeconfig;
mod stopping;
mod support;
mod watch;
