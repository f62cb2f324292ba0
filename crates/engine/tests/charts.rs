//! Helm charts on a cluster: hooks around their objects, run in their order, once, and deleted as they say; and what they
//! look up there.

mod bench;

use bench::{Bench, layer};
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

/// A pack of a chart of these templates.
fn pack(name: &str, templates: &[(&str, &str)]) -> PackFiles {
    let mut files = bench::pack(name, "1.0.0", "pack:\n  namespace: shop\n", "");
    files.retain(|path, _| !path.starts_with("manifests/"));
    let chart = format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n");
    files.insert(format!("charts/{name}/Chart.yaml"), chart.into_bytes());
    files.insert(format!("charts/{name}/values.yaml"), b"replicas: 1\n".to_vec());
    for (file, text) in templates {
        files.insert(format!("charts/{name}/templates/{file}"), text.as_bytes().to_vec());
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_around_the_objects_of_their_chart() {
    let bench = Bench::start().await;
    bench.publish(pack("web", &[("web.yaml", DEPLOYMENT), ("hooks.yaml", HOOKS)])).await;
    for (version, replicas) in [("1.0.0", 1), ("1.1.0", 2)] {
        let values = format!("pack:\n  namespace: shop\ncharts:\n  web:\n    replicas: {replicas}\n");
        let layers = vec![layer("app", "web", "1.0.0", &values, ImmutablePolicy::Block)];
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

/// As many charts keep a password: what is there stays, else one is made.
const KEPT: &str = r#"
{{- $there := lookup "v1" "Secret" .Release.Namespace "login" }}
apiVersion: v1
kind: Secret
metadata: {name: login}
data:
  password: {{ if $there }}{{ $there.data.password }}{{ else }}{{ randAlphaNum 12 | b64enc }}{{ end }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: seen}
data:
  # What is asked for depends on an answer.
  motto: {{ with lookup "v1" "ConfigMap" "default" "which" }}{{ (lookup "v1" "ConfigMap" "default" .data.name).data.motto }}{{ else }}none{{ end }}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_finds_what_it_looks_up() {
    let bench = Bench::start().await;
    bench.publish(pack("keeper", &[("all.yaml", KEPT)])).await;
    let layers = vec![layer("app", "keeper", "1.0.0", "", ImmutablePolicy::Block)];
    bench.publish_content("app", "1.0.0", layers, vec![]).await;
    let sim = bench.cluster("one").await;
    let somebody = |name: &str, data: serde_json::Value| serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    let path = "/api/v1/namespaces/default/configmaps";
    for map in [
        somebody("which", serde_json::json!({"name": "mottos"})),
        somebody("mottos", serde_json::json!({"motto": "look twice"})),
    ] {
        bench.send(&sim, http::Method::POST, path, Some(map)).await;
    }
    bench.register("one", &sim).await;
    bench.attach("one", "app", "1.0.0").await;
    let change = bench.apply("one", &[]).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert_eq!(sim.object("v1", "ConfigMap", "shop", "seen").unwrap()["data"]["motto"], "look twice");
    let login = || sim.object("v1", "Secret", "shop", "login").unwrap()["data"]["password"].clone();
    let made = login();

    // It is there now, and found: nothing changes.
    let again = bench.session.preview_upgrade(&bench.wish("one", &[])).await.unwrap();
    assert!(again.plan.actions.is_empty(), "{:#?}", again.plan.actions);
    // What somebody else makes of it is found as well, and kept.
    let mut other = sim.object("v1", "Secret", "shop", "login").unwrap();
    other["data"]["password"] = "Y2hhbmdlZA==".into();
    bench.send(&sim, http::Method::PUT, "/api/v1/namespaces/shop/secrets/login", Some(other)).await;
    let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
    let change = bench.session.request_upgrade(bench.wish("one", &[]), options).await.unwrap();
    let change = bench.settled(change.id).await;
    assert_eq!(change.state, ChangeState::Stale, "it was planned on what is no longer so");
    assert_eq!(change.moved, ["the fact `lookup v1 Secret shop/login`"]);
    let change = bench.session.replan_change(change.id).await.unwrap();
    bench.session.apply_change(change.id, change.plan_digest.clone()).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert_ne!(login(), made);
    assert_eq!(login(), "Y2hhbmdlZA==");
    bench.stop().await;
}
