//! What living clusters do to plans, on a real control plane: fields that cannot change, fields and objects of others,
//! refusals, objects that layers share, and an API server that goes away.
//!
//! All but the last share one control plane, each in namespaces of its own and with an engine of its own. After each
//! success, planning again must give an empty plan and sending again must move nothing ([`Bench::holds_still`]).

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::Method;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod, ResourceQuota},
};
use kube::{Api, runtime::wait::await_condition};
use serde_json::{Value, json};
use strata_engine::EngineError;
use strata_model::{
    change::{Change, ChangeState, Failure, RequirementKind, StepState},
    cluster::Connectivity,
    finding::{FindingCode, Severity},
    object::{ObjectKey, marks},
    plan::{Action, StepKind},
    profile::{ConflictPolicy, ImmutablePolicy},
};
use strata_tests::{
    ControlPlane,
    bench::{Bench, Part},
    control_plane,
    processes::until,
};
use tokio::sync::OnceCell;

const PATIENCE: Duration = Duration::from_secs(90);

/// The control plane that the tests share. It ends with their process.
static PLANE: OnceCell<Option<ControlPlane>> = OnceCell::const_new();

/// An engine on the shared control plane; none where there are no programs for it, and then the test says so.
async fn bench() -> Result<Option<Bench>> {
    if std::env::var_os(control_plane::VARIABLE).is_none() {
        control_plane::PART.leave_out(&control_plane::MissingAssets::NotSet);
        return Ok(None);
    }
    match PLANE.get_or_init(|| ControlPlane::start_or_leave_out("edge")).await {
        Some(plane) => Ok(Some(Bench::start(plane.kubeconfig()).await?)),
        None => Ok(None),
    }
}

fn key(group: &str, kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        name: name.to_owned(),
    }
}

/// The code that a verb refused with.
fn refused(result: Result<Change, EngineError>) -> Result<&'static str> {
    match result {
        Ok(change) => anyhow::bail!("it was not refused: {change:#?}"),
        Err(error) => Ok(error.code()),
    }
}

fn failure(change: &Change) -> Result<&Failure> {
    ensure!(change.state == ChangeState::Failed, "{}: {:?}", change.state, change.failure);
    change.failure.as_ref().context("a failed change that does not say why")
}

fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn pods(labels: &Value, note: &str) -> Value {
    json!({
        "metadata": {"labels": labels, "annotations": {"note": note}},
        "spec": {"containers": [{"name": "main", "image": "registry.example.org/app:1"}]},
    })
}

fn job(name: &str, note: &str) -> Value {
    let mut template = pods(&json!({"job": name}), note);
    template["spec"]["restartPolicy"] = json!("Never");
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template}})
}

fn stateful_set(name: &str, storage: &str) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name},
        "spec": {
            "serviceName": name, "replicas": 1, "selector": {"matchLabels": labels}, "template": pods(&labels, ""),
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
            }],
        },
    })
}

fn deployment(name: &str, replicas: u32, image: &str) -> Value {
    let labels = json!({"app": name});
    let mut template = pods(&labels, "");
    template["spec"]["containers"][0]["image"] = json!(image);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    })
}

/// The manager entries of an object that hold a field of `data`.
fn holders(object: &Value, field: &str) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let mut managers: Vec<String> = entries
        .filter(|entry| entry["fieldsV1"]["f:data"].get(format!("f:{field}")).is_some())
        .filter_map(|entry| entry["manager"].as_str().map(str::to_owned))
        .collect();
    managers.sort();
    managers
}

/// A change of `path` in place is blocked by default; with REPLACE it asks for approval and gives a new object.
async fn blocked_or_replaced(
    bench: &Bench,
    place: &ObjectKey,
    url: &str,
    path: &str,
    (before, after): (&Value, &Value),
) -> Result<()> {
    let part =
        |object: &Value| Part::new("work", place.namespace.as_deref().unwrap_or_default()).object(object);
    bench.publish("app", "1.0.0", &[part(before)]).await?;
    bench.publish("app", "1.1.0", &[part(after)]).await?;
    bench.publish("app", "1.2.0", &[part(after).on_immutable(ImmutablePolicy::Replace)]).await?;
    bench.succeed(bench.wish("app", "1.0.0")).await?;
    bench.holds_still().await?;
    let first = bench.read(url).await?;

    let blocked = bench.request(bench.wish("app", "1.1.0")).await?;
    assert_eq!(blocked.state, ChangeState::Planned);
    assert_eq!(blocked.blocked_by, [FindingCode::ImmutableField]);
    let plan = bench.plan(&blocked).await?;
    let finding = plan.findings.iter().find(|finding| finding.code == FindingCode::ImmutableField);
    let finding = finding.context("no finding")?;
    assert_eq!(finding.severity, Severity::Block);
    assert_eq!(finding.object.as_ref(), Some(place));
    assert_eq!(finding.path.as_deref(), Some(path));
    assert_eq!(finding.message, format!("Kubernetes refuses to change {path} of {place} in place"));
    let applied = bench.session.apply_change(blocked.id, blocked.plan_digest.clone()).await;
    assert_eq!(refused(applied)?, "BLOCKED");

    let replacing = bench.request(bench.wish("app", "1.2.0")).await?;
    assert_eq!(replacing.state, ChangeState::AwaitingApproval);
    let [requirement] = replacing.requirements.as_slice() else {
        anyhow::bail!("{:#?}", replacing.requirements);
    };
    assert_eq!(requirement.kind, RequirementKind::Guard);
    assert_eq!(requirement.scope, format!("deletes and creates anew {place}"));
    let plan = bench.plan(&replacing).await?;
    let [action] = plan.actions.as_slice() else { anyhow::bail!("{:#?}", plan.actions) };
    assert_eq!((action.action, &action.key), (Action::Replace, place));
    let early = bench.session.apply_change(replacing.id, replacing.plan_digest.clone()).await;
    assert_eq!(refused(early)?, "APPROVAL_REQUIRED");
    assert_eq!(bench.read(url).await?["metadata"]["uid"], first["metadata"]["uid"]);

    bench.approve(&replacing).await?;
    let replaced = bench.ended(&replacing).await?;
    assert_eq!(replaced.state, ChangeState::Succeeded, "{:?}", replaced.failure);
    let second = bench.read(url).await?;
    assert_ne!(second["metadata"]["uid"], first["metadata"]["uid"]);
    bench.holds_still().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_job_is_blocked_or_replaced() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let place = key("batch", "Job", "edge-job", "migrate");
    let url = "/apis/batch/v1/namespaces/edge-job/jobs/migrate";
    let objects = (&job("migrate", "one"), &job("migrate", "two"));
    blocked_or_replaced(&bench, &place, url, "spec.template", objects).await?;
    assert_eq!(bench.read(url).await?["spec"]["template"]["metadata"]["annotations"]["note"], "two");
    // What the old Job made goes with it.
    let pods = Api::<Pod>::namespaced(bench.client(), "edge-job");
    let old = until(PATIENCE, async || {
        let list = pods.list(&kube::api::ListParams::default()).await.ok()?;
        (list.items.len() == 1).then_some(())
    });
    old.await.context("the pods of the old Job are left")?;
    bench.stop().await;
    Ok(())
}

/// A hook of a chart: before installing and upgrading, and gone when it fails.
fn hook(name: &str, note: &str, nodes: Option<&str>) -> Value {
    let mut job = job(name, note);
    job["metadata"]["annotations"] = json!({
        "helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-delete-policy": "before-hook-creation,hook-failed",
    });
    if let Some(nodes) = nodes {
        // No node has it, so that the Job's own deadline ends it.
        job["spec"]["template"]["spec"]["nodeSelector"] = json!({"edge.example.com/nodes": nodes});
        job["spec"]["activeDeadlineSeconds"] = json!(2);
    }
    job
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hook_that_fails_stops_the_change_before_its_objects() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let place = key("batch", "Job", "edge-hook", "prepare");
    let url = "/apis/batch/v1/namespaces/edge-hook/jobs/prepare";
    let state = "/api/v1/namespaces/edge-hook/configmaps/state";
    let part = |hook: &Value, text: &str| {
        let part = Part::new("app", "edge-hook").chart_object(hook);
        part.chart_object(&config_map("state", &json!({"text": text})))
    };
    bench.publish("hooked", "1.0.0", &[part(&hook("prepare", "one", Some("none")), "one")]).await?;
    bench.publish("hooked", "1.1.0", &[part(&hook("prepare", "two", None), "two")]).await?;
    bench.publish("hooked", "1.2.0", &[part(&hook("prepare", "two", None), "three")]).await?;

    let change = bench.run(bench.wish("hooked", "1.0.0")).await?;
    let failed = failure(&change)?;
    assert_eq!((failed.code.as_str(), failed.object.as_ref()), ("NOT_HEALTHY", Some(&place)), "{failed:?}");
    assert!(failed.message.contains("longer than specified deadline"), "{failed:?}");
    assert_eq!(bench.read(url).await.err().map(|error| error.to_string().contains("NotFound")), Some(true));
    assert!(bench.read(state).await.is_err(), "its objects were sent all the same");

    // Another version, whose hook does not fail.
    bench.succeed(bench.wish("hooked", "1.1.0")).await?;
    let first = bench.read(url).await?;
    assert_eq!(first["status"]["succeeded"], 1);
    assert_eq!(bench.read(state).await?["data"]["text"], "two");
    bench.holds_still().await?;
    assert_eq!(
        bench.read(url).await?["metadata"]["uid"],
        first["metadata"]["uid"],
        "a hook ran without a change"
    );

    // It runs again before an upgrade, in place of its former run.
    bench.succeed(bench.wish("hooked", "1.2.0")).await?;
    assert_ne!(bench.read(url).await?["metadata"]["uid"], first["metadata"]["uid"]);
    assert_eq!(bench.read(state).await?["data"]["text"], "three");
    assert!(bench.inventory().await?.iter().all(|entry| entry.key != place), "hooks are run, not kept");
    bench.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_claim_templates_are_blocked_or_replaced() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let place = key("apps", "StatefulSet", "edge-claims", "database");
    let url = "/apis/apps/v1/namespaces/edge-claims/statefulsets/database";
    let objects = (&stateful_set("database", "1Gi"), &stateful_set("database", "2Gi"));
    blocked_or_replaced(&bench, &place, url, "spec.volumeClaimTemplates", objects).await?;
    let templates = bench.read(url).await?["spec"]["volumeClaimTemplates"].take();
    assert_eq!(templates[0]["spec"]["resources"]["requests"]["storage"], "2Gi");
    // The data is not Strata's to delete: the claim made from the old template is used on.
    let claim = bench.read("/api/v1/namespaces/edge-claims/persistentvolumeclaims/data-database-0").await?;
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1Gi");
    assert_eq!(claim["metadata"]["deletionTimestamp"], Value::Null);
    bench.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_stay_with_the_autoscaler() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 3, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80},
            }}],
        },
    });
    let part = |replicas: u32, image: &str| {
        Part::new("web", "edge-scaled").object(&deployment("web", replicas, image)).object(&autoscaler)
    };
    for (version, replicas, image) in [("1.0.0", 1, "app:1"), ("1.1.0", 1, "app:2"), ("1.2.0", 2, "app:3")] {
        bench.publish("app", version, &[part(replicas, &format!("registry.example.org/{image}"))]).await?;
    }
    bench.succeed(bench.wish("app", "1.0.0")).await?;

    // The real autoscaler needs no metrics to bring it up to its minimum.
    let deployments = Api::<Deployment>::namespaced(bench.client(), "edge-scaled");
    let scaled = |deployment: Option<&Deployment>| {
        deployment.and_then(|deployment| deployment.spec.as_ref()).and_then(|spec| spec.replicas) == Some(3)
    };
    tokio::time::timeout(PATIENCE, await_condition(deployments, "web", scaled)).await??;
    let url = "/apis/apps/v1/namespaces/edge-scaled/deployments/web";
    let held = |object: &Value| {
        let entries = object["metadata"]["managedFields"].as_array()?.iter();
        let mut holders = entries.filter(|entry| entry["fieldsV1"]["f:spec"].get("f:replicas").is_some());
        holders.next().map(|entry| (entry["manager"].clone(), entry["subresource"].clone()))
    };
    let by_autoscaler = Some((json!("kube-controller-manager"), json!("scale")));
    assert_eq!(held(&bench.read(url).await?), by_autoscaler);

    for (version, image) in [("1.1.0", "registry.example.org/app:2"), ("1.2.0", "registry.example.org/app:3")]
    {
        let change = bench.succeed(bench.wish("app", version)).await?;
        assert!(change.requirements.is_empty());
        let live = bench.read(url).await?;
        assert_eq!(live["spec"]["replicas"], 3);
        assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], image);
        assert_eq!(held(&live), by_autoscaler);
        bench.holds_still().await?;
    }
    bench.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_of_others_are_not_overwritten() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let (namespace, maps) = ("edge-others", "/api/v1/namespaces/edge-others/configmaps");
    let part = |note: &str| {
        Part::new("work", namespace).object(&job("migrate", note)).on_immutable(ImmutablePolicy::Replace)
    };
    let with_maps = part("two")
        .object(&config_map("before", &json!({"owner": "strata"})))
        .object(&config_map("taken", &json!({"owner": "strata"})));
    bench.publish("app", "1.0.0", &[part("one")]).await?;
    bench.publish("app", "1.1.0", &[with_maps]).await?;
    bench.succeed(bench.wish("app", "1.0.0")).await?;
    let theirs = config_map("taken", &json!({"owner": "somebody"}));
    let theirs = bench.create(maps, "kubectl-client-side-apply", &theirs).await?;

    let change = bench.run(bench.wish("app", "1.1.0")).await?;
    let told = failure(&change)?;
    assert_eq!(told.code, "NOT_OURS");
    assert_eq!(told.object, Some(key("", "ConfigMap", namespace, "taken")));
    assert_eq!(
        told.message,
        "cannot apply ConfigMap edge-others/taken: it exists and is not Strata's; managed by kubectl-client-side-apply"
    );
    assert_eq!(change.steps.iter().map(|step| step.state).collect::<Vec<_>>(), [StepState::Failed]);
    assert_eq!(bench.read(&format!("{maps}/taken")).await?, theirs);
    let before = bench.read(&format!("{maps}/before")).await?;

    // It is not in anybody's inventory: going back leaves it out of account.
    let back = bench.session.preview_upgrade(&bench.wish("app", "1.0.0")).await?.plan;
    let left: Vec<&ObjectKey> =
        back.actions.iter().filter(|a| a.action == Action::Orphan).map(|a| &a.key).collect();
    assert_eq!(left, [&key("", "ConfigMap", namespace, "before")]);

    bench.delete(&format!("{maps}/taken")).await?;
    let change = bench.retry(&change).await?;
    assert_eq!(change.state, ChangeState::Succeeded, "{:?}", change.failure);
    let [requirement] = change.requirements.as_slice() else { anyhow::bail!("{:#?}", change.requirements) };
    assert_eq!(requirement.satisfied_by.len(), 1);
    assert_eq!(bench.read(&format!("{maps}/taken")).await?["data"]["owner"], "strata");
    // What was sent the first time was sent again, and that moved nothing.
    assert_eq!(bench.read(&format!("{maps}/before")).await?, before);
    bench.holds_still().await?;
    bench.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_of_others_follow_the_policy() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let (namespace, url) = ("edge-fields", "/api/v1/namespaces/edge-fields/configmaps/settings");
    let part = |color: &str, size: &str, policy| {
        let data = json!({"color": color, "size": size});
        Part::new("work", namespace).object(&config_map("settings", &data)).on_conflict(policy)
    };
    bench.publish("app", "1.0.0", &[part("blue", "1", ConflictPolicy::Fail)]).await?;
    bench.publish("app", "1.1.0", &[part("green", "2", ConflictPolicy::Fail)]).await?;
    bench.publish("app", "1.2.0", &[part("green", "2", ConflictPolicy::Yield)]).await?;
    bench.publish("app", "1.3.0", &[part("green", "3", ConflictPolicy::Force)]).await?;
    bench.succeed(bench.wish("app", "1.0.0")).await?;
    bench.holds_still().await?;

    let mut forced = config_map("settings", &json!({"color": "red"}));
    forced["metadata"]["namespace"] = json!(namespace);
    let edited = bench.force(url, "kubectl", &forced).await?;
    assert_eq!(holders(&edited, "color"), ["kubectl"]);

    let failed = bench.run(bench.wish("app", "1.1.0")).await?;
    let told = failure(&failed)?;
    assert_eq!(told.code, "FIELD_CONFLICT");
    assert_eq!(told.object, Some(key("", "ConfigMap", namespace, "settings")));
    assert_eq!(
        told.message,
        "cannot apply ConfigMap edge-fields/settings: `.data.color` is held by `kubectl`"
    );
    assert_eq!(bench.read(url).await?, edited, "a refused object was touched");
    // It stays so.
    let again = bench.retry(&failed).await?;
    assert_eq!(failure(&again)?.code, "FIELD_CONFLICT");

    bench.succeed(bench.wish("app", "1.2.0")).await?;
    let yielded = bench.read(url).await?;
    assert_eq!(yielded["data"], json!({"color": "red", "size": "2"}));
    assert_eq!(holders(&yielded, "color"), ["kubectl"]);
    bench.holds_still().await?;

    // Another field by a plain edit, as `kubectl edit` makes it.
    bench.edit(url, "kubectl-edit", &json!({"data": {"size": "9"}})).await?;
    bench.succeed(bench.wish("app", "1.3.0")).await?;
    let taken = bench.read(url).await?;
    assert_eq!(taken["data"], json!({"color": "green", "size": "3"}));
    assert_eq!(holders(&taken, "color"), ["strata"]);
    assert_eq!(holders(&taken, "size"), ["strata"]);
    bench.holds_still().await?;
    bench.stop().await;
    Ok(())
}

fn definition(group: &str, plural: &str, kind: &str, scope: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": scope,
            "names": {"plural": plural, "singular": kind.to_lowercase(), "kind": kind, "listKind": format!("{kind}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object",
                "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 7}}}},
            }}}],
        },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_brings_the_definitions_of_another() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let group = "edge.example.org";
    let definitions = Part::new("definitions", "edge-definitions")
        .priority(0)
        .object(&definition(group, "widgets", "Widget", "Namespaced"))
        .object(&definition(group, "realms", "Realm", "Cluster"));
    let version = format!("{group}/v1");
    // In the profile the objects come first: the priority decides, not the place.
    let objects = Part::new("objects", "edge-objects")
        .priority(10)
        .object(&json!({"apiVersion": version, "kind": "Widget", "metadata": {"name": "one"}, "spec": {}}))
        .object(&json!({"apiVersion": version, "kind": "Realm", "metadata": {"name": "edge-realm"}}))
        .template(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: knows}\ndata:\n  \
             known: {{ .Capabilities.APIVersions.Has \"edge.example.org/v1/Widget\" | quote }}",
        );
    bench.publish("app", "1.0.0", &[objects, definitions]).await?;
    let change = bench.succeed(bench.wish("app", "1.0.0")).await?;
    let kinds: Vec<&StepKind> = change.steps.iter().map(|step| &step.kind).collect();
    assert_eq!(kinds, [&StepKind::AddOns { priority: 0 }, &StepKind::AddOns { priority: 10 }]);
    let ends = change.steps.first().and_then(|step| step.ended_at);
    let starts = change.steps.last().and_then(|step| step.started_at);
    ensure!(ends.is_some() && ends <= starts, "{:#?}", change.steps);
    let widget = bench.read("/apis/edge.example.org/v1/namespaces/edge-objects/widgets/one").await?;
    assert_eq!(widget["spec"]["size"], 7);
    let realm = bench.read("/apis/edge.example.org/v1/realms/edge-realm").await?;
    assert_eq!(realm["metadata"]["labels"][marks::LAYER], "objects");
    let knows = bench.read("/api/v1/namespaces/edge-objects/configmaps/knows").await?;
    assert_eq!(knows["data"]["known"], "true");
    bench.holds_still().await?;
    bench.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_belongs_to_all_who_render_it() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let (namespace, url) = ("edge-shared", "/api/v1/namespaces/edge-shared");
    let part = |layer: &str, labels: &str| {
        Part::new(layer, namespace)
            .object(&config_map(layer, &json!({"a": "b"})))
            .namespace_labels(namespace, labels)
    };
    bench.publish("first", "1.0.0", &[part("first", "team=one")]).await?;
    bench.publish("first", "1.1.0", &[part("first", "team=two")]).await?;
    bench.publish("second", "1.0.0", &[part("second", "zone=dark")]).await?;
    let ours = |object: &Value| {
        let labels = &object["metadata"]["labels"];
        (labels["team"].clone(), labels["zone"].clone())
    };
    let mut both = bench.wish("first", "1.0.0");
    both.attach.extend(bench.wish("second", "1.0.0").attach);
    let change = bench.succeed(both).await?;
    let plan = bench.plan(&change).await?;
    assert_eq!(plan.actions.iter().filter(|action| action.key.kind == "Namespace").count(), 1);
    let made = bench.read(url).await?;
    assert_eq!(ours(&made), (json!("one"), json!("dark")));
    bench.holds_still().await?;

    bench.succeed(bench.wish("first", "1.1.0")).await?;
    assert_eq!(ours(&bench.read(url).await?), (json!("two"), json!("dark")));
    bench.holds_still().await?;

    // One goes: its label goes with it, and the namespace stays for the other.
    let change = bench.succeed(bench.without("first")).await?;
    let plan = bench.plan(&change).await?;
    let left: Vec<&ObjectKey> =
        plan.actions.iter().filter(|a| a.action == Action::Orphan).map(|a| &a.key).collect();
    assert_eq!(left, [&key("", "ConfigMap", namespace, "first")]);
    let live = bench.read(url).await?;
    assert_eq!(ours(&live), (Value::Null, json!("dark")));
    assert_eq!(live["metadata"]["uid"], made["metadata"]["uid"]);
    let again = bench.session.preview_upgrade(&bench.nothing()).await?.plan;
    ensure!(again.is_empty(), "{:#?}", again.actions);
    bench.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_object_from_two_layers_blocks() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let namespace = "edge-twice";
    let part =
        |layer: &str| Part::new(layer, namespace).object(&config_map("settings", &json!({"by": layer})));
    // In one profile it cannot be published.
    let together = bench.publish("both", "1.0.0", &[part("one"), part("two")]).await;
    ensure!(together.is_err_and(|error| error.to_string().contains("INVALID_PROFILE")));
    bench.publish("app", "1.0.0", &[part("first")]).await?;
    bench.publish("other", "1.0.0", &[part("second")]).await?;
    let mut wish = bench.wish("app", "1.0.0");
    wish.attach.extend(bench.wish("other", "1.0.0").attach);
    let change = bench.request(wish).await?;
    assert_eq!(change.state, ChangeState::Planned);
    assert_eq!(change.blocked_by, [FindingCode::DuplicateObject]);
    let plan = bench.plan(&change).await?;
    let [finding] = plan.findings.as_slice() else { anyhow::bail!("{:#?}", plan.findings) };
    assert_eq!((finding.code, finding.severity), (FindingCode::DuplicateObject, Severity::Block));
    assert_eq!(finding.object, Some(key("", "ConfigMap", namespace, "settings")));
    assert_eq!(finding.message, "ConfigMap edge-twice/settings is rendered by several layers: first, second");
    let applied = bench.session.apply_change(change.id, change.plan_digest.clone()).await;
    assert_eq!(refused(applied)?, "BLOCKED");
    let absent = bench.read(&format!("/api/v1/namespaces/{namespace}")).await;
    ensure!(matches!(&absent, Err(kube::Error::Api(status)) if status.code == 404), "{absent:?}");
    bench.stop().await;
    Ok(())
}

/// Whether a dry run of an object is accepted.
async fn is_admitted(bench: &Bench, path: &str, object: &Value) -> bool {
    bench.send(Method::POST, &format!("{path}?dryRun=All"), "application/json", object).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admission_refusal_is_told_and_can_be_retried() -> Result<()> {
    let Some(bench) = bench().await? else { return Ok(()) };
    let (namespace, maps) = ("edge-admission", "/api/v1/namespaces/edge-admission/configmaps");
    let mut guarded = config_map("guarded", &json!({"a": "b"}));
    guarded["metadata"]["labels"] = json!({"edge": "forbidden"});
    let part = |note: &str| {
        Part::new("work", namespace).object(&job("migrate", note)).on_immutable(ImmutablePolicy::Replace)
    };
    bench.publish("app", "1.0.0", &[part("one")]).await?;
    bench.publish("app", "1.1.0", &[part("two").object(&guarded)]).await?;
    bench.succeed(bench.wish("app", "1.0.0")).await?;

    let policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
    let bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "edge-policy"},
        "spec": {
            "matchConstraints": {
                "objectSelector": {"matchLabels": {"edge": "forbidden"}},
                "resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                    "resources": ["configmaps"],
                }],
            },
            "validations": [{"expression": "false", "message": "no forbidden maps here"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "edge-policy"},
        "spec": {"policyName": "edge-policy", "validationActions": ["Deny"]},
    });
    bench.create(policies, "security", &policy).await?;
    bench.create(bindings, "security", &binding).await?;
    let probe = async || (!is_admitted(&bench, maps, &guarded).await).then_some(());
    until(PATIENCE, probe).await.context("the policy does not come into force")?;

    let change = bench.run(bench.wish("app", "1.1.0")).await?;
    let told = failure(&change)?;
    assert_eq!(told.code, "ADMISSION_DENIED");
    assert_eq!(told.object, Some(key("", "ConfigMap", namespace, "guarded")));
    ensure!(told.message.contains("'edge-policy'"), "{}", told.message);
    ensure!(told.message.ends_with("no forbidden maps here"), "{}", told.message);

    bench.delete(&format!("{bindings}/edge-policy")).await?;
    bench.delete(&format!("{policies}/edge-policy")).await?;
    let probe = async || is_admitted(&bench, maps, &guarded).await.then_some(());
    until(PATIENCE, probe).await.context("the policy stays in force")?;

    // Another no, from a quota.
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"configmaps": "0"}},
    });
    let quotas = format!("/api/v1/namespaces/{namespace}/resourcequotas");
    bench.create(&quotas, "security", &quota).await?;
    let counted = |quota: Option<&ResourceQuota>| {
        quota.and_then(|quota| quota.status.as_ref()).is_some_and(|status| status.used.is_some())
    };
    let api = Api::<ResourceQuota>::namespaced(bench.client(), namespace);
    tokio::time::timeout(PATIENCE, await_condition(api, "few", counted)).await??;
    let probe = async || (!is_admitted(&bench, maps, &guarded).await).then_some(());
    until(PATIENCE, probe).await.context("the quota does not come into force")?;
    let change = bench.retry(&change).await?;
    let told = failure(&change)?;
    assert_eq!(told.code, "ADMISSION_DENIED");
    ensure!(told.message.contains("exceeded quota: few"), "{}", told.message);
    bench.delete(&format!("{quotas}/few")).await?;
    let probe = async || is_admitted(&bench, maps, &guarded).await.then_some(());
    until(PATIENCE, probe).await.context("the quota stays in force")?;

    // One approval has carried it through all three attempts.
    let change = bench.retry(&change).await?;
    assert_eq!(change.state, ChangeState::Succeeded, "{:?}", change.failure);
    let [requirement] = change.requirements.as_slice() else { anyhow::bail!("{:#?}", change.requirements) };
    assert_eq!(requirement.satisfied_by.len(), 1);
    bench.holds_still().await?;
    bench.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_that_goes_away_is_waited_for() -> Result<()> {
    let Some(mut plane) = ControlPlane::start_or_leave_out("edge-outage").await else { return Ok(()) };
    let bench = Bench::start(plane.kubeconfig()).await?;
    let namespace = "edge-outage";
    // The first step cannot become healthy until somebody opens a node to it.
    let mut gate = deployment("gate", 1, "registry.example.org/gate:1");
    gate["spec"]["template"]["spec"]["nodeSelector"] = json!({"gate": "open"});
    let first = Part::new("gate", namespace).priority(0).object(&gate);
    let then = Part::new("then", namespace).priority(10).object(&config_map("then", &json!({"a": "b"})));
    bench.publish("app", "1.0.0", &[first, then.clone()]).await?;

    // Before it has begun: it waits, and the cluster is offline.
    plane.stop_api_server();
    let change = bench.request(bench.wish("app", "1.0.0")).await?;
    let offline = async || {
        let cluster = bench.session.cluster("edge").await.ok()??;
        (cluster.connectivity.value == Connectivity::Offline).then_some(())
    };
    until(PATIENCE, offline).await.context("an outage goes unnoticed")?;
    let waiting = bench.until(&change, |_| true).await?;
    assert_eq!(waiting.state, ChangeState::Scheduled);
    plane.start_api_server().await?;

    // While its first step waits for health: it waits on, or fails with the reason and can be retried.
    let settling = |change: &Change| change.steps.first().is_some_and(|s| s.state == StepState::Settling);
    bench.until(&change, settling).await?;
    let maps = Api::<ConfigMap>::namespaced(bench.client(), namespace);
    ensure!(maps.get_opt("then").await?.is_none(), "a step began before the one before it was healthy");
    plane.stop_api_server();
    let ended = tokio::time::timeout(Duration::from_secs(10), bench.ended(&change)).await;
    plane.start_api_server().await?;
    bench
        .edit("/api/v1/nodes/node-1", "somebody", &json!({"metadata": {"labels": {"gate": "open"}}}))
        .await?;
    let change = match ended {
        // It has given up already.
        Ok(ended) => ended?,
        Err(_) => bench.ended(&change).await?,
    };
    let change = if change.state == ChangeState::Failed {
        assert_eq!(failure(&change)?.code, "CLUSTER_UNREACHABLE");
        bench.retry(&change).await?
    } else {
        change
    };
    assert_eq!(change.state, ChangeState::Succeeded, "{:?}", change.failure);
    ensure!(maps.get_opt("then").await?.is_some());
    bench.holds_still().await?;
    bench.stop().await;
    Ok(())
}
