//! `/version`, `/api`, `/apis` and what is below, plain and aggregated.

use serde_json::{Value, json};

use crate::{
    api_error::ApiError,
    crd::version_rank,
    resource::{Catalog, Resource},
    route::Route,
};

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// A deprecated API that somebody has asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeprecatedApi {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) resource: String,
    pub(crate) removed_in: String,
}

/// What `/metrics` says of deprecated APIs: the series is there once one was asked for.
pub(crate) fn figures(deprecated: &std::collections::BTreeSet<DeprecatedApi>) -> String {
    let mut text = "# HELP apiserver_longrunning_requests [STABLE] Gauge of all active long-running apiserver requests\n\
                    # TYPE apiserver_longrunning_requests gauge\n"
        .to_owned();
    if !deprecated.is_empty() {
        text.push_str(
            "# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested, broken \
             out by API group, version, resource, subresource, and removed_release.\n\
             # TYPE apiserver_requested_deprecated_apis gauge\n",
        );
    }
    for DeprecatedApi { group, version, resource, removed_in } in deprecated {
        let line = format!(
            "apiserver_requested_deprecated_apis{{group=\"{group}\",removed_release=\"{removed_in}\",\
             resource=\"{resource}\",subresource=\"\",version=\"{version}\"}} 1\n"
        );
        text.push_str(&line);
    }
    text
}

/// Answers a discovery path.
pub(crate) fn answer(
    catalog: &Catalog,
    route: &Route,
    accept: &str,
) -> Result<(Value, &'static str), ApiError> {
    const PLAIN: &str = "application/json";
    let aggregated = aggregated_version(accept);
    match (route, aggregated) {
        (Route::Core | Route::Groups, Some((version, content_type))) => {
            Ok((aggregate(catalog, *route == Route::Core, version), content_type))
        }
        (Route::Core, None) => Ok((
            json!({
                "kind": "APIVersions", "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
            }),
            PLAIN,
        )),
        (Route::Groups, None) => {
            let groups: Vec<Value> = groups(catalog).iter().map(|name| group(catalog, name)).collect();
            Ok((json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}), PLAIN))
        }
        (Route::Group(name), _) if groups(catalog).contains(name) => {
            let mut out = json!({"kind": "APIGroup", "apiVersion": "v1"});
            if let (Some(out), Value::Object(rest)) = (out.as_object_mut(), group(catalog, name)) {
                out.extend(rest);
            }
            Ok((out, PLAIN))
        }
        (Route::GroupVersion(name, version), _) => {
            let list = resources(catalog, name, version);
            if list.is_empty() {
                return Err(ApiError::no_path());
            }
            let group_version = if name.is_empty() { version.clone() } else { format!("{name}/{version}") };
            Ok((
                json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list}),
                PLAIN,
            ))
        }
        _ => Err(ApiError::no_path()),
    }
}

fn aggregated_version(accept: &str) -> Option<(&'static str, &'static str)> {
    accept.split(',').find_map(|part| {
        if !part.contains("as=APIGroupDiscoveryList") {
            None
        } else if part.contains("v=v2beta1") {
            Some((
                "apidiscovery.k8s.io/v2beta1",
                "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
            ))
        } else if part.contains("v=v2") {
            Some((
                "apidiscovery.k8s.io/v2",
                "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            ))
        } else {
            None
        }
    })
}

fn groups(catalog: &Catalog) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for resource in catalog.all().filter(|resource| !resource.group.is_empty()) {
        if !out.contains(&resource.group) {
            out.push(resource.group.clone());
        }
    }
    out
}

fn versions(catalog: &Catalog, group: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for resource in catalog.all().filter(|resource| resource.group == group) {
        for version in &resource.versions {
            if !out.contains(version) {
                out.push(version.clone());
            }
        }
    }
    out.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
    out
}

fn group(catalog: &Catalog, name: &str) -> Value {
    let versions: Vec<Value> = versions(catalog, name)
        .iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions.first()})
}

fn in_version<'a>(
    catalog: &'a Catalog,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'a Resource> {
    catalog
        .all()
        .map(|resource| &**resource)
        .filter(move |resource| resource.group == group && resource.versions.iter().any(|v| v == version))
}

fn resources(catalog: &Catalog, group: &str, version: &str) -> Vec<Value> {
    let mut out = Vec::new();
    for resource in in_version(catalog, group, version) {
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": verbs(resource),
        });
        if !resource.short_names.is_empty() {
            entry["shortNames"] = json!(resource.short_names);
        }
        if !resource.categories.is_empty() {
            entry["categories"] = json!(resource.categories);
        }
        out.push(entry);
        let below = |name: &str, kind: &str, foreign: Option<(&str, &str)>, verbs: &[&str]| {
            let mut entry = json!({
                "name": format!("{}/{name}", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "kind": kind, "verbs": verbs,
            });
            if let Some((group, version)) = foreign {
                entry["group"] = json!(group);
                entry["version"] = json!(version);
            }
            entry
        };
        let write = ["get", "patch", "update"];
        if resource.is("", "pods") {
            out.push(below("eviction", "Eviction", Some(("policy", "v1")), &["create"]));
        }
        if resource.has_scale(version) {
            out.push(below("scale", "Scale", Some(("autoscaling", "v1")), &write));
        }
        if resource.has_status(version) {
            out.push(below("status", &resource.kind, None, &write));
        }
    }
    out
}

fn verbs(resource: &Resource) -> Vec<&'static str> {
    VERBS
        .iter()
        .copied()
        .filter(|verb| !(resource.is("", "namespaces") && *verb == "deletecollection"))
        .collect()
}

fn aggregate(catalog: &Catalog, core: bool, api_version: &str) -> Value {
    let names = if core { vec![String::new()] } else { groups(catalog) };
    let items: Vec<Value> = names
        .iter()
        .map(|name| {
            let versions: Vec<Value> = versions(catalog, name)
                .iter()
                .map(|version| {
                    let resources: Vec<Value> = in_version(catalog, name, version)
                        .map(|resource| aggregate_resource(resource, version))
                        .collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if core { json!({}) } else { json!({"name": name}) };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": items})
}

/// Built-in kinds leave out what their place in the list says already.
fn own_kind(resource: &Resource, version: &str) -> Value {
    if resource.traits.builtin {
        json!({"group": "", "version": "", "kind": resource.kind})
    } else {
        json!({"group": resource.group, "version": version, "kind": resource.kind})
    }
}

fn aggregate_resource(resource: &Resource, version: &str) -> Value {
    let mut out = json!({
        "resource": resource.plural,
        "responseKind": own_kind(resource, version),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": verbs(resource),
    });
    if !resource.short_names.is_empty() {
        out["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        out["categories"] = json!(resource.categories);
    }
    let mut below = Vec::new();
    if resource.is("", "pods") {
        below.push(json!({"subresource": "eviction", "responseKind": {"group": "policy", "version": "v1", "kind": "Eviction"}, "verbs": ["create"]}));
    }
    let write = ["get", "patch", "update"];
    if resource.has_scale(version) {
        below.push(json!({"subresource": "scale", "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"}, "verbs": write}));
    }
    if resource.has_status(version) {
        below.push(
            json!({"subresource": "status", "responseKind": own_kind(resource, version), "verbs": write}),
        );
    }
    if !below.is_empty() {
        out["subresources"] = Value::Array(below);
    }
    out
}

/// `/version`.
pub(crate) fn version(git_version: &str) -> Value {
    let mut parts = git_version.trim_start_matches('v').split(['.', '-', '+']);
    json!({
        "major": parts.next().unwrap_or("1"),
        "minor": parts.next().unwrap_or("0"),
        "gitVersion": git_version,
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
        "goVersion": "go1.25",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}
