//! Objects: create, read, change, delete, list, watch.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Outcome,
    target::{JSON, JSON_PATCH, MERGE, STRATEGIC, Target, deployment, fields, holds, same, version},
};

pub(super) async fn version_and_health(t: Target) -> Outcome {
    let answer = t.get("/version").await?.expect_code(200)?;
    holds(
        "gitVersion starts with v1.",
        answer["gitVersion"].as_str().unwrap_or_default().starts_with("v1."),
    )?;
    same("major", &answer["major"], &json!("1"))?;
    for path in ["/healthz", "/readyz", "/livez"] {
        same(path, &t.get(path).await?.expect_code(200)?, &json!("ok"))?;
    }
    Ok(())
}

pub(super) async fn figures(t: Target) -> Outcome {
    let text = t.send("GET", "/metrics", &[("accept", "text/plain")], Vec::new()).await?.expect_code(200)?;
    let text = text.as_str().ok_or("figures are a text")?;
    holds("comments say what is counted", text.lines().any(|line| line.starts_with("# TYPE apiserver_")))
}

pub(super) async fn plain_discovery(t: Target) -> Outcome {
    same("versions", &t.get("/api").await?.expect_code(200)?["versions"], &json!(["v1"]))?;
    let groups = t.get("/apis").await?.expect_code(200)?;
    same("kind", &groups["kind"], &json!("APIGroupList"))?;
    let names: BTreeSet<&str> =
        groups["groups"].as_array().into_iter().flatten().filter_map(|g| g["name"].as_str()).collect();
    for name in
        ["apps", "batch", "rbac.authorization.k8s.io", "networking.k8s.io", "policy", "apiextensions.k8s.io"]
    {
        holds(name, names.contains(name))?;
    }
    let core = t.get("/api/v1").await?.expect_code(200)?;
    let find =
        |name: &str| core["resources"].as_array().into_iter().flatten().find(|r| r["name"] == name).cloned();
    let pods = find("pods").ok_or("no pods")?;
    same("namespaced", &pods["namespaced"], &json!(true))?;
    same("shortNames", &pods["shortNames"], &json!(["po"]))?;
    same(
        "verbs",
        &pods["verbs"],
        &json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]),
    )?;
    let eviction = find("pods/eviction").ok_or("no pods/eviction")?;
    same("kind", &eviction["kind"], &json!("Eviction"))?;
    let apps = t.get("/apis/apps/v1").await?.expect_code(200)?;
    let scale = apps["resources"].as_array().into_iter().flatten().find(|r| r["name"] == "deployments/scale");
    same("scale", &scale.ok_or("no deployments/scale")?["group"], &json!("autoscaling"))?;
    t.get("/apis/nothing.example.com/v1").await?.expect_code(404)?;
    same("group", &t.get("/apis/apps").await?.expect_code(200)?["preferredVersion"]["version"], &json!("v1"))
}

pub(super) async fn aggregated_discovery(t: Target) -> Outcome {
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let answer = t.send("GET", "/apis", &[("accept", accept)], Vec::new()).await?.expect_code(200)?;
    same("kind", &answer["kind"], &json!("APIGroupDiscoveryList"))?;
    same("apiVersion", &answer["apiVersion"], &json!("apidiscovery.k8s.io/v2"))?;
    let apps = answer["items"].as_array().into_iter().flatten().find(|i| i["metadata"]["name"] == "apps");
    let resources = apps.ok_or("no apps")?["versions"][0]["resources"].clone();
    let deployments =
        resources.as_array().into_iter().flatten().find(|r| r["resource"] == "deployments").cloned();
    let deployments = deployments.ok_or("no deployments")?;
    same("scope", &deployments["scope"], &json!("Namespaced"))?;
    same("kind", &deployments["responseKind"], &json!({"group": "", "version": "", "kind": "Deployment"}))?;
    let core = t.send("GET", "/api", &[("accept", accept)], Vec::new()).await?.expect_code(200)?;
    same("core version", &core["items"][0]["versions"][0]["version"], &json!("v1"))
}

pub(super) async fn create_sets_metadata(t: Target) -> Outcome {
    let map = t.config_map("a", json!({"x": "y"}), json!({"k": "v"})).await?;
    for key in ["uid", "resourceVersion", "creationTimestamp"] {
        holds(key, map["metadata"][key].as_str().is_some_and(|text| !text.is_empty()))?;
    }
    same("namespace", &map["metadata"]["namespace"], &json!(t.namespace))?;
    same("kind", &map["kind"], &json!("ConfigMap"))?;
    same("generation", &map["metadata"]["generation"], &Value::Null)?;
    same(
        "managed fields",
        &fields(&map, "conformance", "Update", ""),
        &json!({"f:data": {".": {}, "f:k": {}}, "f:metadata": {"f:labels": {".": {}, "f:x": {}}}}),
    )
}

pub(super) async fn generate_name(t: Target) -> Outcome {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "gen-"}});
    let made = t.post(&t.core("configmaps"), &map).await?.expect_code(201)?;
    let name = made["metadata"]["name"].as_str().unwrap_or_default();
    holds("prefix and five letters", name.starts_with("gen-") && name.len() == 9)
}

pub(super) async fn get_and_list(t: Target) -> Outcome {
    let made = t.config_map("a", json!({}), json!({"k": "v"})).await?;
    same("get", &t.get(&t.core("configmaps/a")).await?.expect_code(200)?, &made)?;
    let list = t.get(&t.core("configmaps?fieldSelector=metadata.name=a")).await?.expect_code(200)?;
    same("kind", &list["kind"], &json!("ConfigMapList"))?;
    same("apiVersion", &list["apiVersion"], &json!("v1"))?;
    same("data", &list["items"][0]["data"], &json!({"k": "v"}))?;
    same("items of typed lists carry no kind", &list["items"][0]["kind"], &Value::Null)?;
    holds("list version", !version(&list).is_empty())
}

pub(super) async fn update_moves_version(t: Target) -> Outcome {
    let mut map = t.config_map("a", json!({}), json!({"k": "v"})).await?;
    let before = map.clone();
    map["data"]["k"] = json!("w");
    let after = t.put(&t.core("configmaps/a"), &map).await?.expect_code(200)?;
    same("data", &after["data"], &json!({"k": "w"}))?;
    same("uid", &after["metadata"]["uid"], &before["metadata"]["uid"])?;
    let number = |object: &Value| version(object).parse::<u64>().unwrap_or_default();
    holds("resourceVersion grows", number(&after) > number(&before))
}

pub(super) async fn update_without_change_is_quiet(t: Target) -> Outcome {
    let map = t.config_map("a", json!({}), json!({"k": "v"})).await?;
    let after = t.put(&t.core("configmaps/a"), &map).await?.expect_code(200)?;
    same("resourceVersion", &after["metadata"]["resourceVersion"], &map["metadata"]["resourceVersion"])?;
    let patched =
        t.patch(MERGE, &t.core("configmaps/a"), &json!({"data": {"k": "v"}})).await?.expect_code(200)?;
    same("after patch", &patched["metadata"]["resourceVersion"], &map["metadata"]["resourceVersion"])
}

pub(super) async fn generation_counts_spec_only(t: Target) -> Outcome {
    let path = t.group("networking.k8s.io/v1", "networkpolicies");
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n"}, "spec": {"podSelector": {}}});
    let made = t.post(&path, &policy).await?.expect_code(201)?;
    same("first", &made["metadata"]["generation"], &json!(1))?;
    let path = format!("{path}/n");
    let labelled =
        t.patch(MERGE, &path, &json!({"metadata": {"labels": {"a": "b"}}})).await?.expect_code(200)?;
    same("labels do not count", &labelled["metadata"]["generation"], &json!(1))?;
    let changed = t
        .patch(MERGE, &path, &json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}))
        .await?
        .expect_code(200)?;
    same("spec counts", &changed["metadata"]["generation"], &json!(2))
}

pub(super) async fn merge_patch(t: Target) -> Outcome {
    t.config_map("a", json!({}), json!({"k": "v", "l": "w"})).await?;
    let out = t
        .patch(MERGE, &t.core("configmaps/a"), &json!({"data": {"k": null, "m": "x"}}))
        .await?
        .expect_code(200)?;
    same("data", &out["data"], &json!({"l": "w", "m": "x"}))
}

pub(super) async fn json_patch(t: Target) -> Outcome {
    t.config_map("a", json!({}), json!({"k": "v"})).await?;
    let operations = json!([
        {"op": "test", "path": "/data/k", "value": "v"}, {"op": "add", "path": "/data/a~1b", "value": "x"}, {"op": "remove", "path": "/data/k"},
    ]);
    let out = t.patch(JSON_PATCH, &t.core("configmaps/a"), &operations).await;
    // "/" is no legal key of a ConfigMap: refused after patching.
    same("code", &json!(out?.code), &json!(422))?;
    let operations = json!([{"op": "replace", "path": "/data/k", "value": "w"}, {"op": "copy", "from": "/data/k", "path": "/data/l"}]);
    let out = t.patch(JSON_PATCH, &t.core("configmaps/a"), &operations).await?.expect_code(200)?;
    same("data", &out["data"], &json!({"k": "w", "l": "w"}))
}

pub(super) async fn strategic_patch(t: Target) -> Outcome {
    let path = t.group("apps/v1", "deployments");
    let mut object = deployment("d", "i:1");
    object["spec"]["replicas"] = json!(0);
    object["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "1"}]);
    t.post(&path, &object).await?.expect_code(201)?;
    let patch = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "c", "env": [{"name": "B", "value": "2"}]}, {"name": "new", "image": "n:1"}]}}}});
    let out = t.patch(STRATEGIC, &format!("{path}/d"), &patch).await?.expect_code(200)?;
    let containers = &out["spec"]["template"]["spec"]["containers"];
    let names: BTreeSet<&str> =
        containers.as_array().into_iter().flatten().filter_map(|c| c["name"].as_str()).collect();
    holds("both containers", names == BTreeSet::from(["c", "new"]))?;
    let c =
        containers.as_array().into_iter().flatten().find(|c| c["name"] == "c").cloned().unwrap_or_default();
    same("image kept", &c["image"], &json!("i:1"))?;
    same("env merged", &json!(c["env"].as_array().map(Vec::len)), &json!(2))?;
    let gone = json!({"spec": {"template": {"spec": {"containers": [{"name": "new", "$patch": "delete"}]}}}});
    let out = t.patch(STRATEGIC, &format!("{path}/d"), &gone).await?.expect_code(200)?;
    same(
        "one left",
        &json!(out["spec"]["template"]["spec"]["containers"].as_array().map(Vec::len)),
        &json!(1),
    )
}

fn names(list: &Value) -> Vec<String> {
    list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["metadata"]["name"].as_str())
        .filter(|name| *name != "kube-root-ca.crt")
        .map(str::to_owned)
        .collect()
}

pub(super) async fn label_selectors(t: Target) -> Outcome {
    for (name, labels) in [
        ("a", json!({"app": "x", "tier": "1"})),
        ("b", json!({"app": "y"})),
        ("c", json!({"tier": "2", "z": ""})),
    ] {
        t.config_map(name, labels, json!({})).await?;
    }
    for (selector, expected) in [
        ("app%3Dx", vec!["a"]),
        ("app!%3Dx,tier", vec!["c"]),
        ("app%20in%20(x,y)", vec!["a", "b"]),
        ("tier%20notin%20(1)", vec!["b", "c"]),
        ("!app,z", vec!["c"]),
    ] {
        let list = t.get(&t.core(&format!("configmaps?labelSelector={selector}"))).await?.expect_code(200)?;
        same(selector, &json!(names(&list)), &json!(expected))?;
    }
    let bad = t.get(&t.core("configmaps?labelSelector=a%20b%20c")).await?;
    same("bad selector", &json!(bad.code), &json!(400))
}

pub(super) async fn field_selectors(t: Target) -> Outcome {
    t.config_map("a", json!({}), json!({})).await?;
    t.config_map("b", json!({}), json!({})).await?;
    let list = t.get(&t.core("configmaps?fieldSelector=metadata.name%3Da")).await?.expect_code(200)?;
    same("by name", &json!(names(&list)), &json!(["a"]))?;
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "example.com/x"});
    t.post(&t.core("secrets"), &secret).await?.expect_code(201)?;
    let list = t.get(&t.core("secrets?fieldSelector=type%3Dexample.com/x")).await?.expect_code(200)?;
    same("by type", &json!(names(&list)), &json!(["s"]))?;
    let bad = t.get(&t.core("secrets?fieldSelector=data.x%3D1")).await?;
    bad.expect_status(400, "BadRequest", "field label not supported: data.x")
        .or_else(|_| same("code", &json!(bad.code), &json!(400)))
}

pub(super) async fn paging(t: Target) -> Outcome {
    for name in ["a", "b", "c", "d", "e"] {
        t.config_map(name, json!({"page": "yes"}), json!({})).await?;
    }
    let path = t.core("configmaps?labelSelector=page&limit=2");
    let mut seen = Vec::new();
    let first = t.get(&path).await?.expect_code(200)?;
    let listed = version(&first);
    seen.extend(names(&first));
    same("first page", &json!(seen), &json!(["a", "b"]))?;
    let mut token = first["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    while !token.is_empty() {
        let page = t.get(&format!("{path}&continue={token}")).await?.expect_code(200)?;
        same("same version", &json!(version(&page)), &json!(listed))?;
        seen.extend(names(&page));
        token = page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
    }
    same("all", &json!(seen), &json!(["a", "b", "c", "d", "e"]))?;
    t.get(&format!("{path}&continue=%25bad")).await?.expect_code(400).map(drop)
}

pub(super) async fn metadata_only(t: Target) -> Outcome {
    t.config_map("a", json!({"x": "y"}), json!({"k": "v"})).await?;
    let accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let one =
        t.send("GET", &t.core("configmaps/a"), &[("accept", accept)], Vec::new()).await?.expect_code(200)?;
    same("kind", &one["kind"], &json!("PartialObjectMetadata"))?;
    same("apiVersion", &one["apiVersion"], &json!("meta.k8s.io/v1"))?;
    same("labels", &one["metadata"]["labels"], &json!({"x": "y"}))?;
    same("no data", &one["data"], &Value::Null)?;
    let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let path = t.core("configmaps?labelSelector=x");
    let list = t.send("GET", &path, &[("accept", accept)], Vec::new()).await?.expect_code(200)?;
    same("kind", &list["kind"], &json!("PartialObjectMetadataList"))?;
    same("item kind", &list["items"][0]["kind"], &json!("PartialObjectMetadata"))
}

pub(super) async fn delete_answers(t: Target) -> Outcome {
    let map = t.config_map("a", json!({}), json!({})).await?;
    let answer = t.delete(&t.core("configmaps/a"), &json!({})).await?.expect_code(200)?;
    same("status", &answer["status"], &json!("Success"))?;
    same(
        "details",
        &answer["details"],
        &json!({"name": "a", "kind": "configmaps", "uid": map["metadata"]["uid"]}),
    )?;
    t.get(&t.core("configmaps/a")).await?.expect_code(404)?;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}});
    t.post(&t.core("services"), &service).await?.expect_code(201)?;
    let answer = t.delete(&t.core("services/s"), &json!({})).await?.expect_code(200)?;
    same("a service answers itself", &answer["kind"], &json!("Service"))
}

pub(super) async fn delete_preconditions(t: Target) -> Outcome {
    let map = t.config_map("a", json!({}), json!({})).await?;
    let uid = map["metadata"]["uid"].as_str().unwrap_or_default();
    let wrong = "00000000-0000-4000-8000-000000000000";
    let answer = t.delete(&t.core("configmaps/a"), &json!({"preconditions": {"uid": wrong}})).await?;
    answer.expect_status(
        409,
        "Conflict",
        &format!("Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition ({wrong}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"),
    )?;
    let answer = t
        .delete(&t.core("configmaps/a"), &json!({"preconditions": {"uid": uid, "resourceVersion": "1"}}))
        .await?;
    answer.expect_status(
        409,
        "Conflict",
        &format!("Operation cannot be fulfilled on ConfigMap \"a\": the ResourceVersion in the precondition (1) does not match the ResourceVersion in record ({}). The object might have been modified", version(&map)),
    )?;
    let right = json!({"preconditions": {"uid": uid, "resourceVersion": version(&map)}});
    t.delete(&t.core("configmaps/a"), &right).await?.expect_code(200).map(drop)
}

pub(super) async fn finalizers_hold(t: Target) -> Outcome {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "finalizers": ["example.com/hold"]}});
    t.post(&t.core("configmaps"), &map).await?.expect_code(201)?;
    let path = t.core("configmaps/a");
    let answer = t.delete(&path, &json!({})).await?.expect_code(200)?;
    same("answers the object", &answer["kind"], &json!("ConfigMap"))?;
    holds("deletionTimestamp", answer["metadata"]["deletionTimestamp"].is_string())?;
    same("grace", &answer["metadata"]["deletionGracePeriodSeconds"], &json!(0))?;
    let added = t
        .patch(MERGE, &path, &json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}))
        .await?;
    same("no more finalizers", &json!(added.code), &json!(422))?;
    let refused = t.post(&t.core("configmaps"), &map).await?;
    same("still there", &json!(refused.code), &json!(409))?;
    t.patch(MERGE, &path, &json!({"metadata": {"finalizers": null}})).await?.expect_code(200)?;
    t.get(&path).await?.expect_code(404).map(drop)
}

pub(super) async fn delete_collection(t: Target) -> Outcome {
    t.config_map("a", json!({"go": "yes"}), json!({})).await?;
    t.config_map("b", json!({"go": "yes"}), json!({})).await?;
    t.config_map("c", json!({}), json!({})).await?;
    t.delete(&t.core("configmaps?labelSelector=go"), &json!({})).await?.expect_code(200)?;
    let list = t.get(&t.core("configmaps")).await?.expect_code(200)?;
    same("left", &json!(names(&list)), &json!(["c"]))
}

pub(super) async fn dry_run(t: Target) -> Outcome {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}});
    let made = t.post(&t.core("configmaps?dryRun=All"), &map).await?.expect_code(201)?;
    holds("has a uid", made["metadata"]["uid"].is_string())?;
    t.get(&t.core("configmaps/a")).await?.expect_code(404)?;
    let made = t.post(&t.core("configmaps"), &map).await?.expect_code(201)?;
    let path = t.core("configmaps/a");
    let patched = t
        .patch(MERGE, &format!("{path}?dryRun=All"), &json!({"data": {"k": "w"}}))
        .await?
        .expect_code(200)?;
    same("shows the change", &patched["data"], &json!({"k": "w"}))?;
    t.delete(&path, &json!({"dryRun": ["All"]})).await?.expect_code(200)?;
    same("unchanged", &t.get(&path).await?.expect_code(200)?, &made)
}

pub(super) async fn watch_sees_changes(t: Target) -> Outcome {
    let from = version(&t.config_map("first", json!({}), json!({})).await?);
    t.config_map("a", json!({}), json!({"k": "1"})).await?;
    t.patch(MERGE, &t.core("configmaps/a"), &json!({"data": {"k": "2"}})).await?.expect_code(200)?;
    t.delete(&t.core("configmaps/a"), &json!({})).await?.expect_code(200)?;
    let path = t.core(&format!(
        "configmaps?watch=true&resourceVersion={from}&timeoutSeconds=2&fieldSelector=metadata.name%3Da"
    ));
    let events = t.watch(&path).await?;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    same("events", &json!(kinds), &json!(["ADDED", "MODIFIED", "DELETED"]))?;
    same("object", &events[1]["object"]["data"], &json!({"k": "2"}))?;
    same("kind", &events[0]["object"]["kind"], &json!("ConfigMap"))?;
    let number = |event: &Value| version(&event["object"]).parse::<u64>().unwrap_or_default();
    holds("versions grow", number(&events[0]) < number(&events[1]) && number(&events[1]) < number(&events[2]))
}

pub(super) async fn watch_with_selector(t: Target) -> Outcome {
    let from = version(&t.config_map("a", json!({}), json!({})).await?);
    let path = t.core("configmaps/a");
    t.patch(MERGE, &path, &json!({"metadata": {"labels": {"in": "yes"}}})).await?.expect_code(200)?;
    t.patch(MERGE, &path, &json!({"data": {"k": "v"}})).await?.expect_code(200)?;
    t.patch(MERGE, &path, &json!({"metadata": {"labels": null}})).await?.expect_code(200)?;
    let watch =
        t.core(&format!("configmaps?watch=1&labelSelector=in&resourceVersion={from}&timeoutSeconds=2"));
    let events = t.watch(&watch).await?;
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    same("enters, changes, leaves", &json!(kinds), &json!(["ADDED", "MODIFIED", "DELETED"]))
}

pub(super) async fn watch_initial_events(t: Target) -> Outcome {
    t.config_map("a", json!({"w": "1"}), json!({})).await?;
    let events = t.watch(&t.core("configmaps?watch=1&labelSelector=w&timeoutSeconds=1")).await?;
    same("without a version: what is there", &events[0]["type"], &json!("ADDED"))?;
    let path = t.core("configmaps?watch=1&labelSelector=w&timeoutSeconds=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan");
    let events = t.watch(&path).await?;
    same("first", &events[0]["type"], &json!("ADDED"))?;
    same("then a bookmark", &events[1]["type"], &json!("BOOKMARK"))?;
    same(
        "that ends the list",
        &events[1]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        &json!("true"),
    )
}

pub(super) async fn watch_bookmark_at_end(t: Target) -> Outcome {
    let from = version(&t.config_map("a", json!({}), json!({})).await?);
    let path = t.core(&format!(
        "configmaps?watch=1&allowWatchBookmarks=true&timeoutSeconds=4&resourceVersion={from}"
    ));
    let events = t.watch(&path).await?;
    for event in events.iter().filter(|event| event["type"] == "BOOKMARK") {
        same("kind", &event["object"]["kind"], &json!("ConfigMap"))?;
        holds("has a version", !version(&event["object"]).is_empty())?;
    }
    let _ = JSON;
    Ok(())
}
