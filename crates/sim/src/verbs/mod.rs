//! What the API server does for each verb, on the state of one cluster, without any I/O.

mod apply;
mod delete;
mod edit;
mod read;
mod scale;
mod service_address;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

pub(crate) use delete::remove_now;
pub(crate) use edit::{Edit, edit, plant};
pub(crate) use read::{WatchPlan, event_line, metadata_only};

use crate::{
    api_error::ApiError,
    resource::Resource,
    route::{Query, Target},
    store::State,
};

/// A request for a resource, read from the wire.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: http::Method,
    pub(crate) target: Target,
    pub(crate) query: Query,
    pub(crate) content_type: String,
    pub(crate) accept: String,
    pub(crate) user_agent: String,
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Debug)]
pub(crate) enum Reply {
    Json(u16, Bytes),
    Watch(WatchPlan),
}

impl Reply {
    pub(crate) fn value(code: u16, value: &Value) -> Self {
        Self::Json(code, Bytes::from(value.to_string()))
    }
}

/// A call, with its resource found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) call: &'a Call,
    pub(crate) resource: &'a Arc<Resource>,
    pub(crate) version: &'a str,
    /// "" for cluster-scoped resources and for lists over all namespaces.
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) subresource: &'a str,
}

impl Scope<'_> {
    pub(crate) fn api_version(&self) -> String {
        self.resource.api_version(self.version)
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.call.query.get("dryRun") == Some("All")
    }

    /// The writer's name: `fieldManager`, else the head of the user agent.
    pub(crate) fn manager(&self) -> &str {
        self.call.query.get("fieldManager").unwrap_or_else(|| {
            let head = self.call.user_agent.split('/').next().unwrap_or_default();
            if head.is_empty() { "unknown" } else { head }
        })
    }

    /// An object as the client asked for it: in this version, whole or only its metadata.
    pub(crate) fn shown(&self, object: &Value) -> Value {
        let mut object = object.clone();
        if let Some(map) = object.as_object_mut() {
            map.insert("apiVersion".into(), self.api_version().into());
        }
        if wants_metadata(&self.call.accept) { metadata_only(&object) } else { object }
    }

    pub(crate) fn not_found(&self) -> ApiError {
        ApiError::not_found(self.resource, self.name)
    }
}

pub(crate) fn wants_metadata(accept: &str) -> bool {
    accept.contains("as=PartialObjectMetadata")
}

/// Carries out a call.
pub(crate) fn handle(state: &mut State, call: &Call) -> Result<Reply, ApiError> {
    let target = &call.target;
    let Some(resource) = state.catalog.find(&target.group, &target.plural) else {
        return Err(ApiError::no_path());
    };
    if !resource.versions.contains(&target.version) || (target.namespace.is_some() && !resource.namespaced) {
        return Err(ApiError::no_path());
    }
    if resource.namespaced && target.name.is_some() && target.namespace.is_none() {
        return Err(ApiError::no_path());
    }
    let scope = Scope {
        call,
        resource: &resource,
        version: &target.version,
        namespace: target.namespace.as_deref().unwrap_or_default(),
        name: target.name.as_deref().unwrap_or_default(),
        subresource: target.subresource.as_deref().unwrap_or_default(),
    };
    let one = target.name.is_some();
    if one
        && let Some(dry) = call.query.get("dryRun")
        && dry != "All"
    {
        return Err(ApiError::invalid(
            "meta.k8s.io",
            "PatchOptions",
            "",
            vec![crate::api_error::Cause {
                reason: "FieldValueNotSupported",
                message: format!("Unsupported value: {dry:?}: supported values: \"All\""),
                field: "dryRun".into(),
            }],
        ));
    }
    match scope.subresource {
        "" => {}
        "status" if resource.has_status(scope.version) => {}
        "scale" if resource.has_scale(scope.version) => return scale::handle(state, scope),
        "eviction" if resource.is("", "pods") => return delete::evict(state, scope),
        "finalize" if resource.is("", "namespaces") => {}
        _ => return Err(ApiError::no_path()),
    }
    match (call.method.as_str(), one) {
        ("GET", true) if call.query.flag("watch") => read::watch(state, scope),
        ("GET", true) => read::get(state, scope),
        ("GET", false) if call.query.flag("watch") => read::watch(state, scope),
        ("GET", false) => read::list(state, scope),
        ("POST", false) if !resource.namespaced || target.namespace.is_some() => write::create(state, scope),
        ("PUT", true) => write::replace(state, scope),
        ("PATCH", true) => write::patch(state, scope),
        ("DELETE", true) if scope.subresource.is_empty() => delete::one(state, scope),
        ("DELETE", false) if !resource.namespaced || target.namespace.is_some() => {
            delete::collection(state, scope)
        }
        _ => Err(ApiError::method_not_allowed()),
    }
}

/// Reads a JSON or YAML body.
pub(crate) fn body(call: &Call) -> Result<Value, ApiError> {
    if call.content_type.contains("yaml") && !call.body.trim_ascii_start().starts_with(b"{") {
        let text =
            std::str::from_utf8(&call.body).map_err(|error| ApiError::bad_request(error.to_string()))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the server's side of the wire: bodies are bounded before this"
        )]
        return serde_saphyr::from_str(text)
            .map_err(|error| ApiError::bad_request(format!("error decoding YAML: {error}")));
    }
    serde_json::from_slice(&call.body).map_err(|error| {
        ApiError::bad_request(format!("couldn't get version/kind; json parse error: {error}"))
    })
}
