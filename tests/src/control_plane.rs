//! A real Kubernetes control plane on the loopback interface.
//!
//! etcd, kube-apiserver (RBAC, certificates of an authority of its own), kube-controller-manager, kube-scheduler, and
//! kwok in the place of the machines: nodes that exist in the API alone, whose pods become ready at once. What the
//! controllers do is real (deployments roll, jobs complete, claims are bound, garbage is collected); what containers
//! would do is not there: nothing runs, listens or logs.
//!
//! Any number of them live side by side, each with ports, data and certificates of its own. Nothing waits for the disk; the
//! data is not in `/dev/shm` all the same, because etcd reserves 128 MiB at once and a container often has 64. All of it goes when the value is dropped or the test process dies.
//!
//! The programs come from `tests/control-plane/build.sh`; without them tests are left out
//! ([`ControlPlane::start_or_leave_out`]).

mod assets;
mod certificates;
mod definitions;
mod errors;
mod flags;
mod machines;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

pub use assets::{Assets, MissingAssets, VARIABLE};
pub use definitions::{DefinitionError, cluster_api_crds, install_crds};
pub use errors::{InstallError, StartError};

use certificates::Authority;
use flags::Ports;

use crate::{
    left_out::{Part, fail},
    processes::{Group, Guardian, Process, free_port, until},
};

/// How the absence of a control plane is spoken of.
pub const PART: Part = Part { name: "real control plane", required_by: "STRATA_REQUIRE_CONTROL_PLANE" };

/// How long each step of a start may take; on a busy machine the API server needs half of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a start is tried again because another process took a port.
const RETRIES: usize = 3;

/// A running control plane; it ends when this is dropped.
#[derive(Debug)]
pub struct ControlPlane {
    // The first field is dropped first: it kills, then the processes are reaped.
    _guardian: Guardian,
    etcd: Process,
    api_server: Option<Process>,
    others: Vec<Process>,
    assets: Assets,
    directory: PathBuf,
    name: String,
    ports: Ports,
    authority: Authority,
    kubeconfig: String,
}

impl ControlPlane {
    /// Starts a control plane and waits until pods can run in it. The name appears in its kubeconfig and directory.
    ///
    /// # Errors
    /// When the programs are missing, or one of them does not come up; the error then holds their last output.
    pub async fn start(name: &str) -> Result<Self, StartError> {
        // More than one provider may be compiled in, and then none is chosen by itself. Somebody else may have chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let assets = Assets::find()?;
        let mut retries = RETRIES;
        loop {
            match Box::pin(Self::start_once(&assets, name)).await {
                Err(error) if error.is_taken_port() && retries > 0 => retries -= 1,
                outcome => return outcome,
            }
        }
    }

    /// As [`start`](Self::start), for tests: says that the test is left out where no programs are named.
    ///
    /// # Panics
    /// When the start fails in any other way, and where `STRATA_REQUIRE_CONTROL_PLANE=1` demands a control plane.
    pub async fn start_or_leave_out(name: &str) -> Option<Self> {
        match Self::start(name).await {
            Ok(plane) => Some(plane),
            Err(StartError::Missing(reason @ MissingAssets::NotSet)) => {
                PART.leave_out(&reason);
                None
            }
            Err(error) => fail(&describe(&error)),
        }
    }

    async fn start_once(assets: &Assets, name: &str) -> Result<Self, StartError> {
        let local = |operation| move |source| StartError::Local { operation, source };
        let directory = tempfile::Builder::new()
            .prefix(&format!("strata-{name}-"))
            .tempdir()
            .map_err(local("make a directory"))?
            .keep();
        let mut guardian = Guardian::start(&directory).map_err(local("start the guardian"))?;
        let port = || free_port().map_err(local("find a free port"));
        let ports = Ports { api_server: port()?, etcd: port()?, etcd_peer: port()? };
        let authority = Authority::new(&format!("{name} authority"))?;
        let admin = authority.client("admin", Some("system:masters"))?;
        let kubeconfig = authority.kubeconfig(name, ports.api_server, &admin);
        write_files(&directory, &authority, &kubeconfig)?;

        let mut command = flags::etcd(assets, &directory, ports);
        let etcd =
            Process::start("etcd", &mut command, &directory, Group::Own).map_err(local("start etcd"))?;
        guardian.kill_group(etcd.id()).map_err(local("speak to the guardian"))?;
        let mut plane = Self {
            _guardian: guardian,
            etcd,
            api_server: None,
            others: Vec::new(),
            assets: assets.clone(),
            directory,
            name: name.to_owned(),
            ports,
            authority,
            kubeconfig,
        };
        plane.start_api_server().await?;
        // The controllers of the controller manager would otherwise need the rights of each of them one by one; which
        // rights they have is not what these tests are about, so all three are administrators.
        let commands = [
            ("kube-controller-manager", flags::controller_manager(assets, &plane.directory)),
            ("kube-scheduler", flags::scheduler(assets, &plane.directory)),
            ("kwok", flags::kwok(assets, &plane.directory)),
        ];
        for (name, mut command) in commands {
            let process = plane.spawn(name, &mut command)?;
            plane.others.push(process);
        }
        let client = plane.client().await?;
        let version = plane.version().unwrap_or_default();
        let furnishing = Box::pin(machines::furnish(&client, &version, PATIENCE));
        let furnished = tokio::select! {
            furnished = furnishing => furnished,
            error = watch(&mut plane.others) => Err(error),
        };
        furnished.map_err(|error| error.with_logs(&plane))?;
        Ok(plane)
    }

    fn spawn(&self, name: &'static str, command: &mut std::process::Command) -> Result<Process, StartError> {
        Process::start(name, command, &self.directory, Group::Of(self.etcd.id()))
            .map_err(|source| StartError::Local { operation: "start a program", source })
    }

    /// Starts the API server, on the same port and data as before if it was stopped, and waits until it is ready.
    /// Nothing happens if it runs.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_api_server(&mut self) -> Result<(), StartError> {
        if self.api_server.is_none() {
            let process = self
                .spawn("kube-apiserver", &mut flags::api_server(&self.assets, &self.directory, self.ports))?;
            self.api_server = Some(process);
        }
        let client = self.client().await?;
        let etcd = &mut self.etcd;
        let mut processes = self.api_server.iter_mut().chain([etcd]).collect::<Vec<_>>();
        let ready = until(PATIENCE, async || {
            if let Some(error) = processes.iter_mut().find_map(|process| ended(process)) {
                return Some(Err(error));
            }
            is_ready(&client).await.then_some(Ok(()))
        });
        Box::pin(ready)
            .await
            .unwrap_or_else(|| Err(StartError::not_ready("kube-apiserver", PATIENCE)))
            .map_err(|error| error.with_logs(self))
    }

    /// Kills the API server: the cluster is offline, and connections are refused, until it is started again.
    pub fn stop_api_server(&mut self) {
        self.api_server = None;
    }

    /// The name it was started with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of the API server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api_server)
    }

    /// Where its data, keys and logs are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The Kubernetes version it was built from (`v1.2.3`), if the folder of programs says.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        self.assets.version("KUBERNETES_VERSION")
    }

    /// A kubeconfig with all that is needed in it, as administrator (group `system:masters`).
    #[must_use]
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// A kubeconfig for a user who may do nothing until RBAC objects say otherwise.
    ///
    /// # Errors
    /// When no certificate can be made.
    pub fn kubeconfig_for(&self, user: &str, group: Option<&str>) -> Result<String, StartError> {
        let identity = self.authority.client(user, group)?;
        Ok(self.authority.kubeconfig(&self.name, self.ports.api_server, &identity))
    }

    /// A client as administrator. It belongs to the runtime that it is made in.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub async fn client(&self) -> Result<Client, StartError> {
        client(&self.kubeconfig).await
    }

    /// Installs definitions from files, see [`install_crds`].
    ///
    /// # Errors
    /// When one of them is not served in time.
    pub async fn install_crds(&self, files: &[PathBuf]) -> Result<Vec<String>, InstallError> {
        Ok(install_crds(&self.client().await?, files).await?)
    }

    /// The definitions of Cluster API, see [`cluster_api_crds`].
    ///
    /// # Errors
    /// When the folder of programs holds none.
    pub fn cluster_api_crds(&self) -> Result<Vec<PathBuf>, DefinitionError> {
        cluster_api_crds(&self.assets)
    }

    /// Its programs, for a test that looks at them.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        [&self.etcd].into_iter().chain(&self.api_server).chain(&self.others)
    }
}

/// A client for a kubeconfig given as text. It belongs to the runtime that it is made in.
///
/// # Errors
/// When the text is no kubeconfig or the client cannot be built.
pub async fn client(kubeconfig: &str) -> Result<Client, StartError> {
    let kubeconfig = Kubeconfig::from_yaml(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Client::try_from(config)
        .map_err(|source| StartError::Kubernetes { operation: "build a client", source: Box::new(source) })
}

fn write_files(directory: &Path, authority: &Authority, kubeconfig: &str) -> Result<(), StartError> {
    let server = authority.server()?;
    let accounts = rcgen::KeyPair::generate()?;
    let files = [
        ("ca.crt", authority.certificate()),
        ("server.crt", server.certificate),
        ("server.key", server.key),
        ("service-account.key", accounts.serialize_pem()),
        ("service-account.pub", accounts.public_key_pem()),
        ("admin.kubeconfig", kubeconfig.to_owned()),
    ];
    for (name, text) in files {
        fs::write(directory.join(name), text)
            .map_err(|source| StartError::Local { operation: "write a key or certificate", source })?;
    }
    Ok(())
}

/// Whether the API server says that it is ready; a refused connection and a slow answer are a no.
async fn is_ready(client: &Client) -> bool {
    let Ok(request) = http::Request::get("/readyz").body(Vec::new()) else { return false };
    let answer = tokio::time::timeout(Duration::from_secs(3), client.request_text(request)).await;
    matches!(answer, Ok(Ok(text)) if text == "ok")
}

/// Waits for the end of one of them.
async fn watch(processes: &mut [Process]) -> StartError {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        if let Some(error) = processes.iter_mut().find_map(ended) {
            return error;
        }
    }
}

fn ended(process: &mut Process) -> Option<StartError> {
    match process.ended() {
        Ok(None) => None,
        Ok(Some(status)) => {
            Some(StartError::Ended { process: process.name(), status, log: process.log_tail() })
        }
        Err(source) => Some(StartError::Local { operation: "look after a program", source }),
    }
}

/// An error with all that it came from.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
