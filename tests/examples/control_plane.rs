//! Runs one control plane for a person to try things on, until its standard input ends (Ctrl-D) or it is interrupted.
//!
//! ```console
//! $ export KUBEBUILDER_ASSETS="$(tests/control-plane/build.sh)"
//! $ cargo run -p strata-tests --example control_plane -- --cluster-api
//! ```

use std::{env, io};

use anyhow::{Context as _, Result};
use strata_tests::ControlPlane;

#[tokio::main]
async fn main() -> Result<()> {
    let plane = ControlPlane::start("example").await?;
    if env::args().any(|argument| argument == "--cluster-api") {
        let names = plane.install_crds(&plane.cluster_api_crds()?).await?;
        println!("{} definitions of Cluster API are served", names.len());
    }
    println!("Kubernetes {} at {}", plane.version().unwrap_or_default(), plane.url());
    println!("export KUBECONFIG={}", plane.directory().join("admin.kubeconfig").display());
    for process in plane.processes() {
        println!("{}: process {}, {:?} KiB", process.name(), process.id(), process.resident_kib());
    }
    io::copy(&mut io::stdin(), &mut io::sink()).context("cannot wait")?;
    Ok(())
}
