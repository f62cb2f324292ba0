//! DELETE, collections of it, and evictions.

use serde_json::{Value, json};

use super::{Reply, Scope};
use crate::{
    api_error::{ApiError, Cause},
    clock,
    resource::Resource,
    selector::{FieldSelector, LabelSelector},
    store::{Key, State},
    value::{child, integer, list, set, text},
};

/// What to do with dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Propagation {
    Background,
    Foreground,
    Orphan,
}

struct Options {
    propagation: Propagation,
    uid: Option<String>,
    version: Option<String>,
    dry_run: bool,
    grace: Option<i64>,
    explicit: bool,
}

fn options(scope: Scope<'_>) -> Result<Options, ApiError> {
    let body: Value = if scope.call.body.is_empty() { json!({}) } else { super::body(scope.call)? };
    // A body stands for all options: the query counts only without one.
    let none = crate::route::Query::default();
    let query = if scope.call.body.is_empty() { &scope.call.query } else { &none };
    let asked =
        body.get("propagationPolicy").and_then(Value::as_str).or_else(|| query.get("propagationPolicy"));
    let default =
        if scope.resource.is("batch", "jobs") { Propagation::Orphan } else { Propagation::Background };
    let propagation = match asked {
        None => match body.get("orphanDependents").and_then(Value::as_bool) {
            Some(true) => Propagation::Orphan,
            Some(false) => Propagation::Background,
            None => default,
        },
        Some("Background") => Propagation::Background,
        Some("Foreground") => Propagation::Foreground,
        Some("Orphan") => Propagation::Orphan,
        Some(other) => {
            return Err(ApiError::invalid(
                "meta.k8s.io",
                "DeleteOptions",
                "",
                vec![Cause {
                    reason: "FieldValueNotSupported",
                    message: format!(
                        "Unsupported value: {other:?}: supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                    ),
                    field: "propagationPolicy".into(),
                }],
            ));
        }
    };
    let pre =
        |key: &str| body.pointer(&format!("/preconditions/{key}")).and_then(Value::as_str).map(str::to_owned);
    Ok(Options {
        propagation,
        uid: pre("uid"),
        version: pre("resourceVersion"),
        dry_run: query.get("dryRun") == Some("All") || list(&body, "/dryRun").contains(&json!("All")),
        grace: body
            .get("gracePeriodSeconds")
            .and_then(Value::as_i64)
            .or_else(|| query.get("gracePeriodSeconds").and_then(|g| g.parse().ok())),
        explicit: asked.is_some(),
    })
}

pub(super) fn one(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let options = options(scope)?;
    let live = state.get(scope.resource, scope.namespace, scope.name).ok_or_else(|| scope.not_found())?;
    let (object, pending) = delete(state, scope.resource, scope.namespace, scope.name, live, &options)?;
    if pending || scope.resource.traits.returns_deleted {
        return Ok(Reply::value(200, &scope.shown(&object)));
    }
    let mut details = json!({"name": scope.name});
    if !scope.resource.group.is_empty() {
        details["group"] = json!(scope.resource.group);
    }
    details["kind"] = json!(scope.resource.plural);
    details["uid"] = json!(text(&object, "/metadata/uid"));
    Ok(Reply::value(
        200,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}),
    ))
}

pub(super) fn collection(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    if scope.resource.is("", "namespaces") {
        return Err(ApiError::method_not_allowed());
    }
    let options = options(scope)?;
    let query = &scope.call.query;
    let labels = query.get("labelSelector").map(LabelSelector::parse).transpose()?.unwrap_or_default();
    let fields = query
        .get("fieldSelector")
        .map(|text| FieldSelector::parse(text, scope.resource))
        .transpose()?
        .unwrap_or_default();
    let mut items = Vec::new();
    for object in state.values(scope.resource, scope.namespace) {
        if labels.matches(&object) && fields.matches(&object) {
            let name = text(&object, "/metadata/name").to_owned();
            let (object, _) = delete(state, scope.resource, scope.namespace, &name, object, &options)?;
            items.push(object);
        }
    }
    Ok(Reply::value(
        200,
        &json!({
            "kind": scope.resource.list_kind,
            "apiVersion": scope.api_version(),
            "metadata": {"resourceVersion": state.version().to_string()},
            "items": items,
        }),
    ))
}

/// Marks or removes one object; answers its last state and whether something still holds it.
fn delete(
    state: &mut State,
    resource: &Resource,
    namespace: &str,
    name: &str,
    mut object: Value,
    options: &Options,
) -> Result<(Value, bool), ApiError> {
    let uid = text(&object, "/metadata/uid").to_owned();
    if let Some(wanted) = &options.uid
        && *wanted != uid
    {
        return Err(ApiError::precondition(
            resource,
            name,
            &format!(
                "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
            ),
        ));
    }
    let version = text(&object, "/metadata/resourceVersion");
    if let Some(wanted) = &options.version
        && *wanted != version
    {
        return Err(ApiError::precondition(
            resource,
            name,
            &format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified"
            ),
        ));
    }
    let key = State::key(resource, namespace, name);
    if resource.is("", "namespaces") {
        if matches!(name, "default" | "kube-system" | "kube-public") {
            return Err(ApiError::forbidden(resource, name, "this namespace may not be deleted"));
        }
        mark(state, resource, &mut object, "", name, None, options.dry_run);
        set(&mut object, &["status", "phase"], "Terminating");
        if !options.dry_run {
            state.put(resource, "", name, &mut object);
        }
        return Ok((object, true));
    }
    // Orphaning and foreground deletion hold the object by a finalizer of the garbage collector.
    let collector = match options.propagation {
        Propagation::Background => None,
        Propagation::Foreground => Some("foregroundDeletion"),
        Propagation::Orphan => Some("orphan"),
    };
    let relevant = options.explicit || !state.dependents(&uid).is_empty();
    if let Some(finalizer) = collector.filter(|_| relevant) {
        let mut finalizers = list(&object, "/metadata/finalizers").to_vec();
        if !finalizers.contains(&json!(finalizer)) {
            finalizers.push(json!(finalizer));
        }
        set(&mut object, &["metadata", "finalizers"], finalizers);
    }
    let held = !list(&object, "/metadata/finalizers").is_empty();
    let grace = options.grace.or_else(|| integer(&object, "/spec/terminationGracePeriodSeconds"));
    let graceful = resource.is("", "pods")
        && grace.unwrap_or(30) > 0
        && !text(&object, "/spec/nodeName").is_empty()
        && !matches!(text(&object, "/status/phase"), "Succeeded" | "Failed");
    if held || graceful {
        let already = object.pointer("/metadata/deletionTimestamp").is_some();
        let seconds = if resource.is("", "pods") { grace.unwrap_or(30) } else { 0 };
        if !already {
            mark(state, resource, &mut object, namespace, name, Some(seconds), options.dry_run);
        }
        if !options.dry_run && !already {
            state.put(resource, namespace, name, &mut object);
        }
        return Ok((object, true));
    }
    if !options.dry_run
        && let Some(last) = state.remove(&key)
    {
        object = last;
    }
    Ok((object, false))
}

fn mark(_: &State, resource: &Resource, object: &mut Value, _: &str, _: &str, grace: Option<i64>, _: bool) {
    let metadata = child(object, "metadata");
    crate::value::default(metadata, "deletionTimestamp", clock::now());
    if let Some(grace) = grace {
        crate::value::default(metadata, "deletionGracePeriodSeconds", grace);
    }
    if resource.traits.generation
        && let Some(generation) = integer(object, "/metadata/generation")
    {
        set(object, &["metadata", "generation"], generation + 1);
    }
}

/// Removes an object for good, as a controller does.
pub(crate) fn remove_now(state: &mut State, key: &Key) {
    let Some(resource) = state.catalog.by_id(key.resource) else { return };
    let Some(record) = state.record(key) else { return };
    let mut object = record.value();
    let finalizers: Vec<Value> = list(&object, "/metadata/finalizers")
        .iter()
        .filter(|f| !matches!(f.as_str(), Some("foregroundDeletion" | "orphan")))
        .cloned()
        .collect();
    if finalizers.is_empty() {
        state.remove(key);
    } else if object.pointer("/metadata/deletionTimestamp").is_none() {
        set(&mut object, &["metadata", "deletionTimestamp"], clock::now());
        set(&mut object, &["metadata", "deletionGracePeriodSeconds"], 0);
        state.put(&resource, &key.namespace, &key.name, &mut object);
    }
}

/// POST pods/x/eviction.
pub(super) fn evict(state: &mut State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    if scope.call.method != http::Method::POST {
        return Err(ApiError::method_not_allowed());
    }
    let eviction = super::body(scope.call)?;
    let pod = state.get(scope.resource, scope.namespace, scope.name).ok_or_else(|| scope.not_found())?;
    if let Some(budgets) = state.catalog.find("policy", "poddisruptionbudgets") {
        for budget in state.values(&budgets, scope.namespace) {
            let selector = budget.pointer("/spec/selector").cloned().unwrap_or_default();
            let selector = LabelSelector::from_object(&selector);
            if !selector.matches(&pod) {
                continue;
            }
            let pods: Vec<Value> = state
                .values(scope.resource, scope.namespace)
                .into_iter()
                .filter(|p| selector.matches(p))
                .collect();
            let count = i64::try_from(pods.len()).unwrap_or(i64::MAX);
            let healthy = i64::try_from(pods.iter().filter(|p| crate::controllers::is_ready(p)).count())
                .unwrap_or(i64::MAX);
            let needed = crate::controllers::budget_needs(&budget, count);
            if healthy <= needed {
                let name = text(&budget, "/metadata/name");
                return Err(ApiError::new(
                    429,
                    "TooManyRequests",
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                )
                .with_causes(&[Cause {
                    reason: "DisruptionBudget",
                    message: format!(
                        "The disruption budget {name} needs {needed} healthy pods and has {healthy} currently"
                    ),
                    field: String::new(),
                }]));
            }
        }
    }
    let dry = scope.dry_run() || list(&eviction, "/deleteOptions/dryRun").contains(&json!("All"));
    let options = Options {
        propagation: Propagation::Background,
        uid: eviction.pointer("/deleteOptions/preconditions/uid").and_then(Value::as_str).map(str::to_owned),
        version: None,
        dry_run: dry,
        grace: integer(&eviction, "/deleteOptions/gracePeriodSeconds"),
        explicit: false,
    };
    delete(state, scope.resource, scope.namespace, scope.name, pod, &options)?;
    Ok(Reply::value(
        201,
        &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
    ))
}
