//! Simulated Kubernetes API servers: any number of them in one process, each with its own URL, token and kubeconfig.
//!
//! They answer what a fleet manager sends (discovery, objects, patches, server-side apply, watches, subresources) the way
//! a kube-apiserver does, and run small controllers so that workloads become ready. `conformance` holds the cases by which
//! a simulated server and a real one can be compared; where they differ, the simulator is wrong.
//!
//! Caveats: no authorization beyond the token, no admission webhooks, no conversion between CRD versions other than the
//! API version, no protobuf. Time does not pass inside a cluster: controllers come to rest within the request that woke
//! them.

mod api_error;
mod clock;
mod cluster;
pub mod conformance;
pub mod controllers;
mod crd;
mod declared;
mod defaults;
mod discovery;
mod faults;
mod fieldset;
mod managed;
mod patch;
mod resource;
mod route;
mod schema;
mod selector;
mod service;
mod simulator;
mod store;
mod tls;
mod validate;
mod value;
mod verbs;

pub use cluster::{Faults, LoggedRequest, RequestHook, SimCluster};
pub use controllers::cluster_api;
pub use faults::Which;
pub use simulator::{AddClusterError, ClusterOptions, Endpoint, Simulator, SimulatorOptions, StartError};
