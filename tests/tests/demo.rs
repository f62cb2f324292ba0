//! `strata demo` plays to its end, on simulated clusters and on real ones, and leaves nothing behind: not after the story,
//! not when a step failed, not when somebody interrupts it.
//!
//! What is called real here is a cluster that the demo was given by its kubeconfig: a real control plane where there is
//! one, and always a simulated one, in the process of the test.

use std::{collections::BTreeSet, path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    core::v1::Namespace,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, WatchEvent, WatchParams},
};
use strata_sim::Which;
use strata_tests::{Fleet, control_plane, program};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
};

/// How long the story may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// The demo, about to be started in a folder for its temporary files.
fn demo(arguments: &[&str], temporary: &Path) -> Command {
    let mut command = Command::new(program!());
    command
        .args(["demo", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What it ended with, and what it wrote to standard output and standard error.
async fn end(child: Child) -> Result<(i32, String, String)> {
    let output =
        tokio::time::timeout(PATIENCE, child.wait_with_output()).await.context("it does not end")??;
    let code = output.status.code().context("killed")?;
    Ok((code, String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

fn interrupt(child: &Child) -> Result<()> {
    let id = child.id().context("it has ended")?.to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &id]).status()?;
    ensure!(sent.success(), "no signal was sent");
    Ok(())
}

fn is_empty(folder: &Path) -> Result<()> {
    let left: Vec<_> = std::fs::read_dir(folder)?.collect();
    ensure!(left.is_empty(), "it left {left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_simulated_clusters() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let child = demo(&["--exit", "--clusters", "4"], folder.path()).spawn()?;
    let (code, told, errors) = end(child).await?;
    ensure!(code == 0, "{code}\n{told}\n{errors}");
    ensure!(errors.contains("[APPROVAL_REQUIRED]"), "no refusal was shown: {errors}");
    for expected in [
        "Nodes are replaced: FULL",
        "scaling cannot reach it",
        "hello-universe-deployment    0/0",
        "APPROVED BY",
        "paused",
        "prod-2",
    ] {
        ensure!(told.contains(expected), "`{expected}` is not in\n{told}");
    }
    ensure!(!told.contains("prod-3"), "more clusters than were asked for:\n{told}");
    is_empty(folder.path())
}

/// Without `--exit` it goes on serving, says where and how, and what it says is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_serving() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut child = demo(&["--clusters", "3"], folder.path()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let story = async {
        let (mut url, mut exports) = (None, Vec::new());
        while let Some(line) = lines.next_line().await? {
            if let Some((_, found)) = line.split_once("the server goes on: ") {
                url = Some(found.to_owned());
            }
            if let Some(words) = line.trim().strip_prefix("export ") {
                exports.push(words.to_owned());
            }
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        Ok::<_, anyhow::Error>((url.context("no address")?, exports))
    };
    let (url, exports) = tokio::time::timeout(PATIENCE, story).await.context("the story does not end")??;
    let address = url.trim_start_matches("http://");
    let page = get(address).await?;
    ensure!(page.starts_with("HTTP/1.1 200") && page.contains("text/html"), "{page}");
    // Nothing is fetched from elsewhere: the page works where there is no internet.
    for from_elsewhere in ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "import(\"http", "@import"] {
        ensure!(!page.contains(from_elsewhere), "`{from_elsewhere}` is in\n{page}");
    }
    let mut list = Command::new(program!());
    list.args(["cluster", "list"]);
    for (name, value) in exports.iter().filter_map(|pair| pair.split_once('=')) {
        list.env(name, value);
    }
    let listed = list.output().await?;
    let listed = String::from_utf8(listed.stdout)?;
    ensure!(listed.contains("pilot-1") && listed.contains("web@1.1.0"), "{listed}");
    interrupt(&child)?;
    let (code, _, errors) = end(child).await?;
    ensure!(code == 0, "{code}: {errors}");
    is_empty(folder.path())
}

async fn get(address: &str) -> Result<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request =
        format!("GET / HTTP/1.1\r\nHost: {address}\r\nAccept: text/html\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A cluster to import and a management cluster, each in a file, and what was there before.
struct Given {
    fleet: Fleet,
    folder: tempfile::TempDir,
    before: BTreeSet<String>,
}

impl Given {
    /// The demo's name has a random end; the stand-in for Cluster API gives the kubeconfig of this one for it.
    const WORKLOAD: [&str; 1] = ["strata-demo"];

    async fn simulated() -> Result<Self> {
        // The demo's machines have no network layer.
        Self::of(Fleet::simulated_with_network(&Self::WORKLOAD).await?).await
    }

    async fn real_or_leave_out() -> Result<Option<Self>> {
        match Box::pin(Fleet::real_or_leave_out(&Self::WORKLOAD)).await? {
            Some(fleet) => Ok(Some(Self::of(fleet).await?)),
            None => Ok(None),
        }
    }

    async fn of(fleet: Fleet) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("imported.kubeconfig"), fleet.imported())?;
        std::fs::write(folder.path().join("management.kubeconfig"), fleet.management())?;
        std::fs::create_dir(folder.path().join("temporary"))?;
        let before = found(&fleet).await?;
        Ok(Self { fleet, folder, before })
    }

    /// The demo on both clusters.
    fn start(&self, arguments: &[&str]) -> Result<Child> {
        let both =
            ["--kubeconfig", "imported.kubeconfig", "--management-kubeconfig", "management.kubeconfig"];
        // A real control plane says the version that it was built at, which must fit what its machines are said to run.
        let versions = self.fleet.versions().join(",");
        self.start_on(&[&both[..], &["--kubernetes-versions", &versions], arguments].concat())
    }

    fn start_on(&self, arguments: &[&str]) -> Result<Child> {
        let temporary = self.folder.path().join("temporary");
        Ok(demo(arguments, &temporary).current_dir(self.folder.path()).spawn()?)
    }

    /// Nothing that was not there before, here or there.
    async fn is_clean(&self) -> Result<()> {
        assert_eq!(found(&self.fleet).await?, self.before, "something is left");
        is_empty(&self.folder.path().join("temporary"))
    }
}

/// All that the demo could leave, on both clusters.
async fn found(fleet: &Fleet) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    let (imported, management) =
        (control_plane::client(fleet.imported()).await?, control_plane::client(fleet.management()).await?);
    for (place, client) in [("imported", &imported), ("management", &management)] {
        let mut kinds = vec![
            ApiResource::erase::<Namespace>(&()),
            ApiResource::erase::<ClusterRole>(&()),
            ApiResource::erase::<ClusterRoleBinding>(&()),
        ];
        if place == "management" {
            kinds.extend(cluster_api_kinds(client).await?);
        }
        for kind in kinds {
            let objects = Api::<DynamicObject>::all_with(client.clone(), &kind);
            for object in objects.list(&ListParams::default()).await? {
                let namespace = object.namespace().unwrap_or_default();
                all.insert(format!("{place}: {} {namespace}/{}", kind.kind, object.name_any()));
            }
        }
    }
    Ok(all)
}

async fn cluster_api_kinds(client: &Client) -> Result<Vec<ApiResource>> {
    let mut kinds = Vec::new();
    for group in ["cluster", "controlplane.cluster", "bootstrap.cluster", "infrastructure.cluster"] {
        let group = format!("{group}.x-k8s.io");
        let served = client.list_api_group_resources(&format!("{group}/v1beta2")).await?;
        let listed = served.resources.into_iter().filter(|resource| !resource.name.contains('/'));
        kinds.extend(listed.map(|resource| {
            let kind = GroupVersionKind::gvk(&group, "v1beta2", &resource.kind);
            ApiResource::from_gvk_with_plural(&kind, &resource.name)
        }));
    }
    Ok(kinds)
}

/// Waits until an object whose name begins so exists.
async fn until_there(api: &Api<DynamicObject>, prefix: &str) -> Result<()> {
    use futures::StreamExt as _;

    let wait = async {
        let mut events = api.watch(&WatchParams::default(), "0").await?.boxed();
        while let Some(event) = events.next().await {
            if matches!(event?, WatchEvent::Added(object) if object.name_any().starts_with(prefix)) {
                return Ok(());
            }
        }
        anyhow::bail!("the watch ended")
    };
    tokio::time::timeout(PATIENCE, wait).await.with_context(|| format!("no {prefix}"))?
}

async fn whole_story(given: &Given) -> Result<()> {
    let (code, told, errors) = end(given.start(&["--exit"])?).await?;
    ensure!(code == 0, "{code}\n{told}\n{errors}");
    for expected in [
        "hello-universe-deployment    0/0",
        "Nodes are replaced: FULL",
        "maintenance window agreed",
        "Nothing of the demo is left",
    ] {
        ensure!(told.contains(expected), "`{expected}` is not in\n{told}");
    }
    ensure!(errors.contains("[APPROVAL_REQUIRED]"), "no refusal was shown: {errors}");
    given.is_clean().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_clusters_that_were_named() -> Result<()> {
    whole_story(&Given::simulated().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_real_control_planes() -> Result<()> {
    let Some(given) = Given::real_or_leave_out().await? else { return Ok(()) };
    whole_story(&given).await?;
    // And again, not to its end: the same clusters serve, because nothing is left on them.
    interrupted_among_add_ons(&given).await?;
    interrupted_among_machines(&given).await
}

/// While the application is being replaced, with objects outside the namespace.
async fn interrupted_among_add_ons(given: &Given) -> Result<()> {
    let child = given.start(&[])?;
    let client = control_plane::client(given.fleet.imported()).await?;
    let roles = Api::all_with(client, &ApiResource::erase::<ClusterRole>(&()));
    until_there(&roles, "strata-demo-").await?;
    interrupt(&child)?;
    let (code, told, errors) = end(child).await?;
    ensure!(code == 130 && errors.contains("interrupted (SIGINT)"), "{code}\n{told}\n{errors}");
    ensure!(told.contains("Nothing of the demo is left"), "{told}\n{errors}");
    given.is_clean().await
}

/// While Cluster API makes machines.
async fn interrupted_among_machines(given: &Given) -> Result<()> {
    let child = given.start(&["--exit"])?;
    let client = control_plane::client(given.fleet.management()).await?;
    let kind = GroupVersionKind::gvk("cluster.x-k8s.io", "v1beta2", "Machine");
    until_there(&Api::all_with(client, &ApiResource::from_gvk(&kind)), "strata-demo-").await?;
    interrupt(&child)?;
    let (code, told, errors) = end(child).await?;
    ensure!(code == 130, "{code}\n{told}\n{errors}");
    given.is_clean().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_leaves_nothing() -> Result<()> {
    let given = Given::simulated().await?;
    interrupted_among_add_ons(&given).await?;
    interrupted_among_machines(&given).await
}

fn which(method: http::Method, resource: &str) -> Which {
    Which { method: Some(method), resource: Some(resource.to_owned()), name: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_step_leaves_nothing() -> Result<()> {
    let given = Given::simulated().await?;
    let cluster = given.fleet.simulated_cluster("branch-1").context("no cluster")?;
    // The upgrade makes this after the role, and the first version has none.
    cluster.faults().refuse(403, which(http::Method::PATCH, "clusterrolebindings"), None);
    let (code, told, errors) = end(given.start(&[])?).await?;
    ensure!(code == 1 && errors.contains("the demo stopped at: progress"), "{code}\n{told}\n{errors}");
    ensure!(told.contains("Nothing of the demo is left"), "{told}\n{errors}");
    given.is_clean().await
}

/// What cannot be removed is named, with the commands that would; what can be, is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_remains_is_told() -> Result<()> {
    let given = Given::simulated().await?;
    let cluster = given.fleet.simulated_cluster("branch-1").context("no cluster")?;
    cluster.faults().refuse(403, which(http::Method::DELETE, "namespaces"), None);
    let child = given.start(&["--exit"])?;
    let client = control_plane::client(given.fleet.imported()).await?;
    let roles = Api::all_with(client, &ApiResource::erase::<ClusterRole>(&()));
    until_there(&roles, "strata-demo-").await?;
    interrupt(&child)?;
    let (code, told, errors) = end(child).await?;
    ensure!(code == 1, "{code}\n{told}\n{errors}");
    for expected in [
        "something of the demo remains",
        "imported.kubeconfig: strata-demo-",
        "kubectl --kubeconfig ",
        "--selector strata.dev/installation=",
    ] {
        ensure!(errors.contains(expected), "`{expected}` is not in\n{errors}");
    }
    let left = found(&given.fleet).await?;
    let left: Vec<_> = left.difference(&given.before).collect();
    ensure!(left.len() == 1 && left[0].starts_with("imported: Namespace "), "{left:?}");
    Ok(())
}

/// A cluster without Cluster API is refused before anything is done to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_cannot_manage_is_refused() -> Result<()> {
    let given = Given::simulated().await?;
    let arguments = ["--kubeconfig", "imported.kubeconfig", "--management-kubeconfig", "imported.kubeconfig"];
    let (code, told, errors) = end(given.start_on(&arguments)?).await?;
    ensure!(code == 1, "{code}\n{told}\n{errors}");
    for expected in
        ["does not serve Cluster (cluster.x-k8s.io/v1beta2)", "KubeadmControlPlane", "clusterctl init"]
    {
        ensure!(errors.contains(expected), "`{expected}` is not in\n{errors}");
    }
    given.is_clean().await
}
