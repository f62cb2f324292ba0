//! How long a preview takes: of one cluster, and of one target on many.
//!
//! `cargo bench --workspace --bench previews`: simulated clusters with ten objects each, whose profile goes one version up.
//! `STRATA_BENCH_CLUSTERS` (500) of them; all previews of one cluster are made one after the other. On many, once with a hundred
//! distinct inputs (a variable has as many values), and once with as many as there are clusters (their names are in what is
//! wanted). Idle clusters are not polled meanwhile. Memory is that of this process, the simulator with all its clusters included.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, sync::Arc, time::Duration, time::Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use strata_cluster::{ConnectOptions, KubeconfigPolicy};
use strata_engine::{
    Adopted, ClusterFilter, DraftContent, DraftLayer, Engine, EngineOptions, RegisterCluster,
    RegisterInfrastructure, RequestOptions, RevisionWish, Session, Wish,
};
use strata_model::{
    change::ChangeState,
    fleet_preview::FleetPreview,
    id::ChangeId,
    pack::PackFiles,
    profile::ProfileType,
    secret::SecretText,
    variable::{VariableDefinition, VariableFormat},
};
use strata_sim::{ClusterOptions, Simulator, SimulatorOptions};
use strata_store::{
    DatabaseUrl, Store, StoreSettings, SystemClock, SystemIds,
    seal::{MasterKey, SealKeys},
};

/// How many previews of one cluster are made.
const ROUNDS: usize = 300;
/// How many clusters are registered at once.
const AT_ONCE: usize = 16;

fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}

/// Ten objects; the first says what the cluster's variable does.
fn pack() -> PackFiles {
    let description = r#"{"name": "ten", "displayName": "ten", "version": "1.0.0", "layer": "addon", "cloudTypes": ["all"]}"#;
    let values = "pack:\n  namespace: shop\nmode: plain\ntitle: '{{.strata.var.title}}'\n";
    let mut manifest = String::new();
    for number in 0..10 {
        let title = if number == 0 { "{{ .Values.title }}" } else { "of all" };
        // Writing to a text never fails.
        writeln!(
            manifest,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: part-{number}}}\ndata: {{mode: \"{{{{ .Values.mode }}}}\", title: \"{title}\"}}"
        )
        .unwrap_or_default();
    }
    PackFiles::from([
        ("pack.json".to_owned(), description.as_bytes().to_vec()),
        ("values.yaml".to_owned(), values.as_bytes().to_vec()),
        ("manifests/ten.yaml".to_owned(), manifest.into_bytes()),
    ])
}

async fn publish(session: &Session, version: &str, values: &str) -> Result<()> {
    let title = VariableDefinition {
        name: "title".to_owned(),
        display_name: None,
        description: None,
        format: VariableFormat::String,
        default_value: Some("none".to_owned()),
        regex: None,
        required: false,
        immutable: false,
        hidden: false,
        sensitive: false,
        multiline: false,
        options: Vec::new(),
    };
    let layer = DraftLayer { values: Some(values.to_owned()), ..DraftLayer::new("app", "ten", "1.0.0") };
    let content = DraftContent { layers: vec![layer], variables: vec![title] };
    session.create_profile_version("web".into(), version.into(), None).await?;
    session.update_draft("web".into(), version.into(), None, content).await?;
    session.publish_profile_version("web".into(), version.into()).await?;
    Ok(())
}

fn to(version: &str) -> RevisionWish {
    RevisionWish { profile: "web".to_owned(), version: version.to_owned(), revision: None }
}

fn name(number: usize) -> String {
    format!("edge-{number:05}")
}

/// Registers a cluster and asks for the first version.
async fn bring(session: &Session, simulator: &Simulator, number: usize) -> Result<ChangeId> {
    let name = name(number);
    let cluster = simulator.add_cluster(ClusterOptions::new(&name)).await?;
    let kubeconfig = SecretText::new(cluster.kubeconfig());
    let register = RegisterCluster {
        name: name.clone(),
        labels: BTreeMap::new(),
        infrastructure: RegisterInfrastructure::Imported { kubeconfig },
        cloud: None,
        region: None,
    };
    session.register_cluster(register).await?;
    let wish = Wish {
        cluster: name,
        attach: vec![to("1.0.0")],
        variables: vec![("title".to_owned(), format!("title {}", number % 100))],
        ..Wish::default()
    };
    let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
    Ok(session.request_upgrade(wish, options).await?.id)
}

async fn ended(engine: &Engine, session: &Session, id: ChangeId) -> Result<()> {
    let mut positions = engine.last_position();
    loop {
        positions.mark_unchanged();
        let change = session.change(id).await?.context("the change is gone")?;
        if change.ended_at.is_some() {
            ensure!(change.state == ChangeState::Succeeded, "{change:#?}");
            return Ok(());
        }
        tokio::time::timeout(Duration::from_secs(60), positions.changed()).await??;
    }
}

fn say(what: &str, preview: &FleetPreview, took: Duration) {
    let clusters = f64::from(preview.looked_at);
    println!(
        "{what}: {} clusters in {} groups, {} planned by themselves, {} left out, in {:.2} s ({:.0} clusters/s)",
        preview.looked_at,
        preview.groups.len(),
        preview.planned,
        preview.left_out,
        took.as_secs_f64(),
        clusters / took.as_secs_f64()
    );
}

#[tokio::main]
async fn main() -> Result<()> {
    let clusters: usize =
        env::var("STRATA_BENCH_CLUSTERS").ok().and_then(|number| number.parse().ok()).unwrap_or(500).max(1);
    let folder = tempfile::tempdir()?;
    let keys = SealKeys::new(MasterKey::new([7; 32]));
    let url = DatabaseUrl::Sqlite(folder.path().join("strata.db"));
    let store = Store::open(StoreSettings::new(url, keys)).await?;
    let policy = KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() };
    let options = EngineOptions {
        // What is measured is previews, not the polling of so many clusters beside them.
        poll_interval: Duration::from_secs(3600),
        connect: ConnectOptions { policy, ..ConnectOptions::default() },
        ..EngineOptions::default()
    };
    let engine = Engine::new(store, Arc::new(SystemClock), Arc::new(SystemIds), options);
    engine.start();
    let first = engine.first_start().await?.context("not the first start")?;
    let session = engine.project(&engine.authenticate(&first.secret).await?, None)?;
    session.publish_pack(pack(), Adopted::default()).await?;
    session.create_profile("web".into(), ProfileType::Addon).await?;
    publish(&session, "1.0.0", "").await?;
    publish(&session, "1.1.0", "mode: fancy\n").await?;
    publish(&session, "1.2.0", "mode: 'of {{.strata.cluster.name}}'\n").await?;
    let simulator = Simulator::start(SimulatorOptions::default()).await?;

    let started = Instant::now();
    let changes: Vec<ChangeId> = stream::iter(0..clusters)
        .map(|number| bring(&session, &simulator, number))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    for change in changes {
        ended(&engine, &session, change).await?;
    }
    println!("{clusters} clusters brought to the first version in {:.1} s", started.elapsed().as_secs_f64());

    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let wish = Wish { cluster: name(round % clusters), attach: vec![to("1.1.0")], ..Wish::default() };
        let started = Instant::now();
        session.preview_upgrade(&wish).await?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied();
    let (median, slowest) = (at(50).unwrap_or_default(), at(99).unwrap_or_default());
    println!(
        "preview of one cluster: p50 {:.2} ms, p99 {:.2} ms (to reach: p99 20 ms)",
        median.as_secs_f64() * 1000.0,
        slowest.as_secs_f64() * 1000.0
    );

    let before = peak_memory();
    for (what, version) in
        [("a hundred distinct inputs (to reach: 10,000 in 5 s)", "1.1.0"), ("as many as clusters", "1.2.0")]
    {
        let started = Instant::now();
        let mut survey = Box::pin(session.survey_fleet(&to(version), ClusterFilter::default())).await?;
        let mut first = None;
        while survey.step(&session).await? {
            first.get_or_insert_with(|| (survey.looked_at(), started.elapsed()));
        }
        let preview = survey.keep().await?;
        let took = started.elapsed();
        say(what, &preview, took);
        let (looked_at, at) = first.unwrap_or_default();
        println!("  the first {looked_at} were told after {:.2} s", at.as_secs_f64());
        let alone = median.as_secs_f64() * f64::from(preview.looked_at);
        println!("  that is {:.2} times as fast as one preview after the other", alone / took.as_secs_f64());
    }
    if let (Some(before), Some(after)) = (before, peak_memory()) {
        println!("peak memory: {before} MiB before the two, {after} MiB after them");
    }
    engine.stop().await;
    Ok(())
}
