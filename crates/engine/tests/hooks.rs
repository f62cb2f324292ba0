//! Hooks of a Helm chart around its objects: run in their order, once, and deleted as they say.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

mod bench;

use bench::{Bench, layer};
use flate2::{Compression, write::GzEncoder};
use strata_engine::{Page, RequestOptions};
use strata_model::{
    change::{ChangeState, RequirementKind},
    pack::PackFiles,
    plan::Action,
    profile::ImmutablePolicy,
};

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: main, image: "busybox:1.36"}]
"#;

/// One Job that stays until it runs again, and one that goes when it is done.
const HOOKS: &str = r#"
{{- range $name, $annotations := dict
  "migrate" (dict "helm.sh/hook" "pre-install,pre-upgrade")
  "greet" (dict "helm.sh/hook" "post-install" "helm.sh/hook-delete-policy" "hook-succeeded") }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $name }}
  annotations: {{ toJson $annotations }}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "busybox:1.36"}]
{{- end }}
"#;

const ALL: Page = Page { first: 100, after: None };

fn pack() -> PackFiles {
    let chart = "apiVersion: v2\nname: web\nversion: 0.1.0\n";
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in [
        ("web/Chart.yaml", chart),
        ("web/values.yaml", "replicas: 1\n"),
        ("web/templates/web.yaml", DEPLOYMENT),
        ("web/templates/hooks.yaml", HOOKS),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap());
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let archive = builder.into_inner().unwrap().finish().unwrap();
    let mut files = bench::pack("app", "1.0.0", "pack:\n  namespace: shop\n", "");
    files.retain(|path, _| !path.starts_with("manifests/"));
    files.insert("charts/web-0.1.0.tgz".to_owned(), archive);
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_around_the_objects_of_their_chart() {
    let bench = Bench::start().await;
    bench.publish(pack()).await;
    for (version, replicas) in [("1.0.0", 1), ("1.1.0", 2)] {
        let values = format!("pack:\n  namespace: shop\ncharts:\n  web:\n    replicas: {replicas}\n");
        let layers = vec![layer("app", "app", "1.0.0", &values, ImmutablePolicy::Block)];
        bench.publish_content("app", version, layers, vec![]).await;
    }
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    bench.attach("one", "app", "1.0.0").await;
    let change = bench.apply("one", &[]).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    let titles: Vec<String> = change.steps.iter().map(|step| step.kind.title()).collect();
    assert_eq!(
        titles,
        [
            "namespaces and definitions, add-ons, priority 0",
            "hooks before add-ons, priority 0",
            "add-ons, priority 0",
            "hooks after add-ons, priority 0",
        ]
    );
    assert!(change.steps.iter().all(|step| step.done == step.total), "{change:#?}");
    let job = |name: &str| sim.object("batch/v1", "Job", "shop", name);
    let first = job("migrate").expect("it stays until it runs again")["metadata"]["uid"].clone();
    assert!(job("greet").is_none(), "it goes when it is done");

    // What runs is not kept: neither in the inventory nor, later, among the orphans.
    let session = &bench.session;
    let cluster = session.cluster("one").await.unwrap().unwrap();
    let inventory = session.inventory(cluster.id, ALL).await.unwrap();
    let kinds: Vec<&str> = inventory.items.iter().map(|(_, entry)| entry.key.kind.as_str()).collect();
    assert_eq!(kinds, ["Namespace", "Deployment"]);
    let again = session.preview_upgrade(&bench.wish("one", &[])).await.unwrap();
    assert!(again.plan.actions.is_empty(), "{:#?}", again.plan.actions);

    // Upgrading runs the first one again, and somebody agrees that what it left goes.
    let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
    let change = session.request_upgrade(bench.wish("one", &[("app", "1.1.0")]), options).await.unwrap();
    assert_eq!(change.state, ChangeState::AwaitingApproval, "{change:#?}");
    let kinds: Vec<RequirementKind> = change.requirements.iter().map(|r| r.kind).collect();
    assert_eq!(kinds, [RequirementKind::Guard]);
    let plan = session.plan(change.plan).await.unwrap().unwrap().plan;
    let run = plan.actions.iter().filter(|action| action.action == Action::RunHook);
    assert_eq!(run.map(|action| action.key.name.as_str()).collect::<Vec<_>>(), ["migrate"]);
    session.approve(change.id, change.plan_digest.clone(), "agreed".into(), None).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert_ne!(job("migrate").unwrap()["metadata"]["uid"], first, "it ran anew");
    assert_eq!(sim.object("apps/v1", "Deployment", "shop", "web").unwrap()["spec"]["replicas"], 2);
    bench.stop().await;
}
