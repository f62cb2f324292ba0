//! Evidence: what is asked for, and how answers are read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that stops says why")]

mod common;

use std::collections::BTreeMap;

use common::{World, composed, key, manifest, object};
use serde_json::{Value, json};
use strata_model::{
    composition::Composition,
    evidence::{ApiInUse, HeldField, LiveOutcome, ObjectEvidence},
    plan::{Action, Plan},
    render::Render,
    secret::SecretText,
};
use strata_plan::evidence::{
    Answer, Coming, Next, Question, Whose, capacity, copy, drift, next, nodes, questions, read, read_copy,
    removed,
};
use strata_values::Redactor;

fn redactor() -> Redactor {
    Redactor::new(&key(), [SecretText::new("correct-horse-battery")])
}

fn render(objects: Vec<Value>) -> Render {
    Render { objects: objects.into_iter().map(object).collect(), ..Render::default() }
}

/// A world that runs the first objects, and the plan to the second.
fn planned(before: Vec<Value>, after: Vec<Value>) -> (World, Plan, Render) {
    let mut world = World::new();
    let wanted = composed(Composition::default());
    if !before.is_empty() {
        let first = render(before);
        let plan = world.plan(&wanted, &first);
        world.apply(&wanted, &first, &plan);
    }
    for (number, entry) in world.inventory.iter_mut().enumerate() {
        entry.uid = Some(format!("uid-{number}"));
    }
    let render = render(after);
    let plan = world.plan(&wanted, &render);
    (world, plan, render)
}

fn map(name: &str, word: &str) -> Value {
    manifest("v1", "ConfigMap", name, &json!({"data": {"word": word}}))
}

/// As an API server shows an object that Strata sent.
fn live(body: &Value, version: &str) -> Value {
    let mut live = body.clone();
    live["metadata"]["uid"] = json!("uid-0");
    live["metadata"]["resourceVersion"] = json!(version);
    live["metadata"]["generation"] = json!(1);
    live["metadata"]["managedFields"] =
        json!([{"manager": "strata", "operation": "Apply", "time": version, "fieldsV1": {"f:data": {}}}]);
    live["status"] = json!({"seen": version});
    live
}

fn done(object: Value) -> Answer {
    Answer::Done { object, created: false, yielded: Vec::new() }
}

fn said(next: Next) -> ObjectEvidence {
    match next {
        Next::Said(said) => *said,
        Next::DryRun | Next::DryRunOfCopy => panic!("it is asked for"),
    }
}

#[test]
fn all_objects_are_asked_for_once_those_of_the_plan_first() {
    let before = vec![map("a", "1"), map("b", "1"), map("gone", "1")];
    let (world, plan, render) = planned(before, vec![map("a", "1"), map("b", "2"), map("new", "1")]);
    let (asked, left_out) = questions(&plan, &render, &world.inventory, 10);
    let line = |it: &Question<'_>| format!("{} {:?} {}", it.key.name, it.action, it.sent().is_some());
    assert_eq!(
        asked.iter().map(line).collect::<Vec<_>>(),
        ["b Some(Change) true", "new Some(Create) false", "gone Some(Orphan) false", "a None true"]
    );
    assert_eq!(left_out, 0);
    let (asked, left_out) = questions(&plan, &render, &world.inventory, 3);
    assert_eq!((asked.len(), left_out), (3, 1));
    // What nobody knows to have arrived is no measure of drift.
    let mut doubtful = world.inventory.clone();
    doubtful.iter_mut().for_each(|entry| entry.earlier = vec![json!({})]);
    let (asked, _) = questions(&plan, &render, &doubtful, 10);
    assert!(asked.iter().all(|it| it.sent().is_none()));
}

#[test]
fn what_is_there_may_say_all() {
    let before = vec![map("a", "1"), map("gone", "1")];
    let (world, plan, render) = planned(before, vec![map("a", "1"), map("new", "1")]);
    let (asked, _) = questions(&plan, &render, &world.inventory, 10);
    let [new, gone, stays] = asked.as_slice() else { panic!("{asked:?}") };
    let others = Whose::Others { managers: vec!["mallory".into()] };
    let nothing = Coming::default();
    let next = |question: &Question<'_>, live: Option<&Value>, whose: &Whose| {
        next(question, live, whose, &nothing, &redactor())
    };
    let there = live(&map("x", "1"), "5");
    assert_eq!(next(new, None, &Whose::Nobodys), Next::DryRun);
    assert_eq!(next(new, Some(&there), &others), Next::DryRun, "the dry run says whose it is");
    assert_eq!(said(next(gone, None, &Whose::Nobodys)).outcome, LiveOutcome::Gone);
    assert_eq!(said(next(gone, Some(&there), &Whose::Ours)).outcome, LiveOutcome::LeftBehind);
    assert_eq!(said(next(stays, Some(&there), &Whose::Ours)).outcome, LiveOutcome::Unchanged);
    let deleted = said(next(stays, None, &Whose::Nobodys));
    assert!(deleted.outcome == LiveOutcome::Gone && !deleted.stops() && deleted.message.is_some());
    let mut another = there.clone();
    another["metadata"]["uid"] = json!("another");
    let theirs = said(next(stays, Some(&another), &others));
    assert!(theirs.outcome == LiveOutcome::NotOurs && !theirs.stops(), "it is not sent: {theirs:?}");
    // The marks of the same object were taken away: that is drift.
    assert_eq!(said(next(stays, Some(&there), &others)).outcome, LiveOutcome::Unchanged);
}

/// What is deleted and created anew is asked for under another name; that it would not come back stops the change.
#[test]
fn what_is_created_anew_is_asked_for_as_a_copy() {
    let job = |image: &str| {
        manifest("batch/v1", "Job", &"j".repeat(60), &json!({"spec": {"template": {"image": image}}}))
    };
    let (world, mut plan, render) = planned(vec![job("a")], vec![job("b")]);
    plan.actions[0].action = Action::Replace;
    let (asked, _) = questions(&plan, &render, &world.inventory, 10);
    let there = live(&job("a"), "5");
    let asks = next(&asked[0], Some(&there), &Whose::Ours, &Coming::default(), &redactor());
    assert_eq!(asks, Next::DryRunOfCopy);
    let copied = copy(&asked[0].object.unwrap().body).unwrap();
    let name = copied["metadata"]["name"].as_str().unwrap();
    assert!(name.len() <= 63 && name.starts_with("jjj") && name.ends_with("-strata-preview"), "{name}");
    assert_eq!(copied["spec"], job("b")["spec"]);
    let read = |answer| read_copy(&asked[0], Some(answer), &Coming::default(), &redactor());
    assert_eq!(read(done(copied)).outcome, LiveOutcome::Replaced);
    let refused =
        read(Answer::Refused { code: "ADMISSION_DENIED".into(), message: "no correct-horse-battery".into() });
    assert!(refused.stops() && refused.outcome == LiveOutcome::Refused, "{refused:?}");
    assert!(!refused.message.unwrap().contains("correct-horse"));
    let full = "jobs \"x\" is forbidden: exceeded quota: all, requested: 1".to_owned();
    let full = read(Answer::Refused { code: "ADMISSION_DENIED".into(), message: full });
    assert!(full.outcome == LiveOutcome::Replaced && full.message.is_some(), "{full:?}");
    let silent = read(Answer::Silent { code: "CLUSTER_UNAVAILABLE".into(), message: "gone".into() });
    assert!(silent.outcome == LiveOutcome::Replaced && silent.message.is_some());
    // Only one Service can have an address or a port of a node; what has none keeps none.
    let service = |spec: Value| {
        copy(&manifest("v1", "Service", "web", &json!({"spec": spec}))).unwrap()["spec"].clone()
    };
    assert_eq!(
        service(json!({"clusterIP": "10.0.0.7", "ports": [{"port": 80, "nodePort": 30001}]})),
        json!({"ports": [{"port": 80}]})
    );
    assert_eq!(service(json!({"clusterIP": "None"})), json!({"clusterIP": "None"}));
    assert_eq!(copy(&definition("1")), None);
    let unasked = read_copy(&asked[0], None, &Coming::default(), &redactor());
    assert!(unasked.outcome == LiveOutcome::Replaced && unasked.message.is_some());
}

#[test]
fn answers_are_read_as_what_would_be_done() {
    let (world, plan, render) = planned(vec![map("a", "1")], vec![map("a", "2")]);
    let (asked, _) = questions(&plan, &render, &world.inventory, 10);
    let question = &asked[0];
    let there = live(&map("a", "1"), "5");
    let read = |answer: Answer| read(question, Some(&there), answer, &Coming::default(), &redactor());

    // Status, versions and times are no change.
    let same = read(done(live(&map("a", "1"), "6")));
    assert_eq!((same.outcome, same.changes.len()), (LiveOutcome::Unchanged, 0), "{same:?}");
    let other = read(done(live(&map("a", "2"), "5")));
    assert_eq!((other.outcome, other.changes.len()), (LiveOutcome::Changed, 1));
    assert_eq!(other.changes[0].path, "data.word");
    let mut shared = live(&map("a", "1"), "5");
    shared["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:data": {"f:word": {}}});
    let shared = read(done(shared));
    assert_eq!((shared.outcome, shared.changes.len()), (LiveOutcome::Changed, 0), "only who manages it");
    assert!(shared.message.is_some());

    let held = HeldField { field: ".data.word".into(), manager: "mallory".into() };
    let conflict = read(Answer::Conflict(vec![held.clone()]));
    assert!(conflict.stops() && conflict.conflicts == [held]);
    let not_ours = read(Answer::NotOurs { managers: vec!["kubectl".into()] });
    assert_eq!((not_ours.outcome, not_ours.stops()), (LiveOutcome::NotOurs, true));
    let words = "denied because of correct-horse-battery".to_owned();
    let refused = read(Answer::Refused { code: "ADMISSION_DENIED".into(), message: words.clone() });
    assert_eq!((refused.outcome, refused.code.as_deref()), (LiveOutcome::Refused, Some("ADMISSION_DENIED")));
    assert!(!refused.message.unwrap().contains("correct-horse"), "what a webhook quotes is masked");
    let silent = read(Answer::Silent { code: "CLUSTER_UNAVAILABLE".into(), message: words });
    assert!(silent.outcome == LiveOutcome::NotAsked && !silent.stops());
    assert!(!silent.message.unwrap().contains("correct-horse"));
    let unready = "admission webhook \"x.example.org\" does not support dry run".to_owned();
    let unready = read(Answer::Refused { code: "ADMISSION_DENIED".into(), message: unready });
    assert_eq!((unready.outcome, unready.stops()), (LiveOutcome::NotKnownYet, false));
}

#[test]
fn what_the_server_chooses_is_not_promised() {
    let service = |kind: &str| {
        manifest(
            "v1",
            "Service",
            "web",
            &json!({"spec": {"type": kind, "ports": [{"port": 80, "nodePort": 30001}, {"port": 81}]}}),
        )
    };
    let (world, plan, render) = planned(vec![service("ClusterIP")], vec![service("NodePort")]);
    let (asked, _) = questions(&plan, &render, &world.inventory, 10);
    let mut answered = live(&service("NodePort"), "5");
    answered["spec"]["ports"][1]["nodePort"] = json!(31234);
    answered["spec"]["clusterIP"] = json!("10.0.0.7");
    let said = read(
        &asked[0],
        Some(&live(&service("ClusterIP"), "5")),
        done(answered),
        &Coming::default(),
        &redactor(),
    );
    let shown = serde_json::to_string(&said.changes).unwrap();
    assert!(!shown.contains("31234") && !shown.contains("10.0.0.7"), "{shown}");
    assert!(shown.contains("chosen by the API server"), "{shown}");
}

fn definition(size: &str) -> Value {
    manifest(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "widgets.example.org",
        &json!({"spec": {"group": "example.org", "names": {"kind": "Widget", "plural": "widgets"}, "size": size}}),
    )
}

#[test]
fn what_comes_with_the_change_and_decides_is_named() {
    let webhook = manifest(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "w",
        &json!({"webhooks": [{"rules": [
            {"apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["ingresses"]},
            {"apiGroups": [""], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["*"]},
        ]}]}),
    );
    let account = manifest("v1", "ServiceAccount", "robot", &json!({}));
    let pod = manifest("v1", "Pod", "bare", &json!({"spec": {"serviceAccountName": "robot"}}));
    let ingress = manifest("networking.k8s.io/v1", "Ingress", "late", &json!({}));
    let widget = manifest("example.org/v1", "Widget", "one", &json!({}));
    let space = manifest("v1", "Namespace", "shop", &json!({}));
    let all = vec![space, definition("1"), account, pod, widget, webhook, map("a", "1")];
    let (_, plan, mut render) = planned(Vec::new(), all);
    let (asked, _) = questions(&plan, &render, &[], 100);
    let find = |name: &str| *asked.iter().find(|it| it.key.name == name).unwrap();
    let foundations: Vec<&str> =
        asked.iter().filter(|it| it.is_foundation()).map(|it| it.key.name.as_str()).collect();
    assert_eq!(foundations, ["shop", "widgets.example.org", "w"]);
    let evidence = |name: &str, outcome| ObjectEvidence {
        destination: find(name).destination,
        key: find(name).key.clone(),
        layer: find(name).layer.clone(),
        action: Some(Action::Create),
        outcome,
        changes: Vec::new(),
        conflicts: Vec::new(),
        yielded: Vec::new(),
        drift: Vec::new(),
        code: None,
        message: None,
        waits_for: None,
    };
    let coming = |found: &[(&str, LiveOutcome)]| {
        let found: Vec<(Question<'_>, ObjectEvidence)> =
            found.iter().map(|(name, outcome)| (find(name), evidence(name, *outcome))).collect();
        Coming::new(&asked, found.iter().map(|(question, found)| (question, found)))
    };
    let waits = |coming: &Coming, name: &str| coming.before(&find(name)).map(|(key, _)| key.name.clone());
    let new = coming(&[("shop", LiveOutcome::Created), ("widgets.example.org", LiveOutcome::Created)]);
    assert_eq!(waits(&new, "a").as_deref(), Some("shop"));
    assert_eq!(waits(&new, "one").as_deref(), Some("shop"));
    let there = coming(&[("shop", LiveOutcome::Unchanged), ("widgets.example.org", LiveOutcome::Created)]);
    assert_eq!(waits(&there, "a"), None);
    assert_eq!(waits(&there, "one").as_deref(), Some("widgets.example.org"));
    let same = coming(&[("shop", LiveOutcome::Unchanged), ("widgets.example.org", LiveOutcome::Unchanged)]);
    assert_eq!(waits(&same, "one"), None);
    // A refusal that names what the change brings before is no refusal.
    let refusal = "pods \"bare\" is forbidden: error looking up service account shop/robot: serviceaccount \"robot\" not found";
    assert_eq!(same.missed(&find("bare"), refusal).map(|key| key.name.as_str()), Some("robot"));
    assert_eq!(same.missed(&find("bare"), "serviceaccount \"rob\" not found"), None);
    assert_eq!(same.missed(&find("bare"), "the robot is forbidden"), None);
    assert_eq!(coming(&[]).namespace(&find("a")).map(|key| key.name.as_str()), Some("shop"));

    // A webhook decides about what comes after it, and is asked about.
    drop(asked);
    render.objects.push(object(ingress.clone()));
    let mut late = plan.clone();
    let mut action = late.actions.last().unwrap().clone();
    action.key = strata_model::object::ObjectKey::of(&ingress).unwrap();
    action.api_version = "networking.k8s.io/v1".to_owned();
    late.actions.push(action);
    let (asked, _) = questions(&late, &render, &[], 100);
    let hook = asked.iter().find(|it| it.key.name == "w").unwrap();
    let found = ObjectEvidence { key: hook.key.clone(), ..said_created(hook) };
    let coming = Coming::new(&asked, [(hook, &found)]);
    let ingress = asked.iter().find(|it| it.key.name == "late").unwrap();
    assert_eq!(coming.before(ingress).map(|(key, _)| key.name.as_str()), Some("w"));
    let earlier = asked.iter().find(|it| it.key.name == "a").unwrap();
    assert_eq!(coming.before(earlier), None);
}

fn said_created(question: &Question<'_>) -> ObjectEvidence {
    let answer = Answer::Done { object: json!({}), created: true, yielded: Vec::new() };
    read(question, None, answer, &Coming::default(), &redactor())
}

#[test]
fn drift_is_what_sending_the_same_again_would_put_back() {
    let sent =
        manifest("v1", "ConfigMap", "a", &json!({"data": {"kept": "1", "changed": "1", "taken": "1"}}));
    let mut now = live(&sent, "7");
    now["data"] = json!({"kept": "1", "changed": "2", "theirs": "x"});
    let mut restored = live(&sent, "7");
    restored["data"] = json!({"kept": "1", "changed": "1", "taken": "1", "theirs": "x"});
    restored["filled"] = json!("in by the server");
    let found = drift(&sent, &now, &restored, &redactor());
    let lines: Vec<String> = found
        .iter()
        .map(|it| format!("{} {} {:?}", it.path, it.sent, it.live.as_ref().map(Value::to_string)))
        .collect();
    assert_eq!(lines, ["data.changed \"1\" Some(\"\\\"2\\\"\")", "data.taken \"1\" None"]);
    assert_eq!(drift(&sent, &now, &now, &redactor()), []);

    let secret = |value: &str| manifest("v1", "Secret", "s", &json!({"data": {"password": value}}));
    let found = drift(
        &secret("b25lLW9uZS1vbmUtb25l"),
        &live(&secret("dHdvLXR3by10d28tdHdv"), "1"),
        &live(&secret("b25lLW9uZS1vbmUtb25l"), "1"),
        &redactor(),
    );
    let shown = serde_json::to_string(&found).unwrap();
    assert!(found.len() == 1 && shown.contains('‹'), "{shown}");
    for clear in ["b25lLW9uZS1vbmUtb25l", "dHdvLXR3by10d28tdHdv", "one-one", "two-two"] {
        assert!(!shown.contains(clear), "{shown}");
    }
}

#[test]
fn room_is_what_schedulable_nodes_have() {
    let node = |name: &str, ready: &str, spec: Value| {
        json!({
            "metadata": {"name": name, "labels": {"disk": name}}, "spec": spec,
            "status": {
                "conditions": [{"type": "Ready", "status": ready}],
                "allocatable": {"cpu": "3920m", "memory": "8Gi", "pods": "110"},
            },
        })
    };
    let all = [
        node("one", "True", json!({})),
        node("two", "True", json!({"unschedulable": true})),
        node("three", "False", json!({})),
        node(
            "plane",
            "True",
            json!({"taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]}),
        ),
    ];
    let counted = nodes(&all);
    assert_eq!((counted.nodes, counted.ready, counted.schedulable), (4, 3, 1));
    let pod = |node: &str, phase: &str, spec: Value| {
        let mut spec = spec;
        spec["nodeName"] = json!(node);
        json!({"spec": spec, "status": {"phase": phase}})
    };
    let asks = |cpu: &str| json!({"resources": {"requests": {"cpu": cpu}}});
    let pods = [
        pod("one", "Running", json!({"containers": [asks("100m"), asks("0.2")], "overhead": {"cpu": "10m"}})),
        // The largest of those that run before counts, on top of what stays.
        pod(
            "one",
            "Running",
            json!({
                "containers": [asks("100m")],
                "initContainers": [
                    {"restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}},
                    asks("400m"),
                ],
            }),
        ),
        pod("one", "Running", json!({"containers": [asks("1")], "resources": {"requests": {"cpu": "2"}}})),
        pod("", "Pending", json!({"containers": [{"resources": {"limits": {"cpu": "5m"}}}]})),
        pod("two", "Running", json!({"containers": [asks("1")]})),
        pod("one", "Succeeded", json!({"containers": [asks("1")]})),
    ];
    let workload = |kind: &str, name: &str, replicas: u32, cpu: &str, selector: Value| {
        let template = json!({"spec": {"containers": [asks(cpu)], "nodeSelector": selector}});
        manifest("apps/v1", kind, name, &json!({"spec": {"replicas": replicas, "template": template}}))
    };
    let before = vec![
        workload("Deployment", "web", 2, "100m", json!({})),
        workload("Deployment", "old", 9, "1", json!({})),
    ];
    let after = vec![
        workload("Deployment", "web", 3, "150m", json!({})),
        workload("DaemonSet", "agent", 1, "10m", json!({"disk": "one"})),
        workload("DaemonSet", "everywhere", 1, "1m", json!({})),
    ];
    let (world, plan, render) = planned(before, after);
    let (asked, _) = questions(&plan, &render, &world.inventory, 100);
    let room = capacity(&all, &pods, &asked, &BTreeMap::new());
    let cpu = &room[0];
    assert_eq!(cpu.allocatable.to_string(), "3920m");
    // 310m, 450m, 2, 5m.
    assert_eq!(cpu.requested.to_string(), "2765m");
    // 3 × 150m − 2 × 100m, 1 × 10m, 4 × 1m; what is left behind runs on.
    assert_eq!(cpu.additional.to_string(), "264m");
    assert!(cpu.fits());
    assert_eq!((room[2].requested.to_string(), room[2].additional.to_string()), ("4".into(), "6".into()));

    // Where replicas are left to others, those that are there count.
    let mut body = workload("Deployment", "scaled", 1, "100m", json!({}));
    body["spec"].as_object_mut().unwrap().shift_remove("replicas");
    let (_, plan, render) = planned(Vec::new(), vec![body]);
    let (asked, _) = questions(&plan, &render, &[], 100);
    let replicas = BTreeMap::from([(asked[0].key.clone(), 50)]);
    let room = capacity(&all, &pods, &asked, &replicas);
    assert_eq!(room[0].additional.to_string(), "5");
    assert!(!room[0].fits());
}

#[test]
fn apis_are_removed_up_to_the_version_that_is_gone_to() {
    let api = |removed_in: &str| ApiInUse {
        group: "batch".into(),
        version: "v1beta1".into(),
        resource: "cronjobs".into(),
        removed_in: removed_in.into(),
    };
    let all = ["1.25", "1.34", "1.35", "2.0", "soon"].map(api).to_vec();
    let gone: Vec<String> =
        removed(all, &"v1.34.1".parse().unwrap()).into_iter().map(|api| api.removed_in).collect();
    assert_eq!(gone, ["1.25", "1.34"]);
}
