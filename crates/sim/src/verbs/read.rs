//! GET, LIST and WATCH.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Map, Value, json};

use super::{Reply, Scope, wants_metadata};
use crate::{
    api_error::{ApiError, Cause},
    resource::Resource,
    selector::{FieldSelector, LabelSelector},
    store::{Change, State},
};

/// Everything a watch needs once its request is answered.
#[derive(Debug)]
pub(crate) struct WatchPlan {
    pub(crate) resource: std::sync::Arc<Resource>,
    pub(crate) version: String,
    pub(crate) namespace: String,
    pub(crate) filter: Filter,
    pub(crate) metadata_only: bool,
    pub(crate) bookmarks: bool,
    /// Lines to send at once.
    pub(crate) first: Bytes,
    /// Steps after this version follow.
    pub(crate) from: u64,
    /// Set when the client asks for what is forgotten: `first` is all there is.
    pub(crate) over: bool,
    pub(crate) timeout: std::time::Duration,
}

/// Which objects a list or watch is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    labels: LabelSelector,
    fields: FieldSelector,
    name: Option<String>,
}

impl Filter {
    fn of(scope: Scope<'_>) -> Result<Self, ApiError> {
        let query = &scope.call.query;
        Ok(Self {
            labels: query.get("labelSelector").map(LabelSelector::parse).transpose()?.unwrap_or_default(),
            fields: query
                .get("fieldSelector")
                .map(|text| FieldSelector::parse(text, scope.resource))
                .transpose()?
                .unwrap_or_default(),
            name: (!scope.name.is_empty()).then(|| scope.name.to_owned()),
        })
    }

    fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn passes_name(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|wanted| wanted == name)
            && self.fields.name().is_none_or(|wanted| wanted == name)
    }

    fn passes(&self, object: &Value) -> bool {
        self.labels.matches(object) && self.fields.matches(object)
    }
}

/// `PartialObjectMetadata` of an object.
pub(crate) fn metadata_only(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    })
}

pub(super) fn get(state: &State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let key = State::key(scope.resource, scope.namespace, scope.name);
    let record = state.record(&key).ok_or_else(|| scope.not_found())?;
    if !wants_metadata(&scope.call.accept) && scope.resource.versions.len() == 1 {
        return Ok(Reply::Json(200, record.bytes.clone()));
    }
    Ok(Reply::value(200, &scope.shown(&record.value())))
}

fn decode_continue(token: &str) -> Option<(u64, String, String)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((value.get("rv")?.as_u64()?, text("ns")?, text("name")?))
}

pub(super) fn list(state: &State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let filter = Filter::of(scope)?;
    let query = &scope.call.query;
    if let Some(wanted) = query.get("resourceVersion") {
        let wanted: u64 = wanted
            .parse()
            .map_err(|_| ApiError::bad_request(format!("invalid resource version: resourceVersion: Invalid value: {wanted:?}: strconv.ParseUint: parsing {wanted:?}: invalid syntax")))?;
        if wanted > state.version() {
            return Err(too_large(wanted, state.version()));
        }
    }
    let limit = query.get("limit").and_then(|limit| limit.parse::<usize>().ok()).filter(|limit| *limit > 0);
    let start = match query.get("continue") {
        Some(token) => {
            let (version, namespace, name) = decode_continue(token)
                .ok_or_else(|| ApiError::bad_request("continue key is not valid: illegal base64 data"))?;
            if version < state.oldest() {
                return Err(ApiError::expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
                ));
            }
            Some((version, namespace, name))
        }
        None => None,
    };
    let partial = wants_metadata(&scope.call.accept);
    let mut out = BytesMut::with_capacity(1024);
    let mut count = 0usize;
    let mut last: Option<(String, String)> = None;
    let mut more = 0usize;
    for (key, record) in state.iter(scope.resource.id, scope.namespace) {
        if let Some((_, namespace, name)) = &start
            && (&*key.namespace, &*key.name) <= (namespace.as_str(), name.as_str())
        {
            continue;
        }
        if !filter.passes_name(&key.name) {
            continue;
        }
        let needs_value = !filter.is_empty()
            || partial
            || scope.resource.traits.builtin
            || scope.resource.versions.len() > 1;
        let value = needs_value.then(|| record.value());
        if let Some(value) = &value
            && !filter.passes(value)
        {
            continue;
        }
        if limit.is_some_and(|limit| count >= limit) {
            more += 1;
            continue;
        }
        if count > 0 {
            out.put_u8(b',');
        }
        match value {
            None => out.put_slice(&record.bytes),
            Some(value) if partial => out.put_slice(metadata_only(&value).to_string().as_bytes()),
            Some(mut value) => {
                if let Some(map) = value.as_object_mut() {
                    if scope.resource.traits.builtin {
                        // Typed lists do not repeat the type in their items.
                        map.shift_remove("kind");
                        map.shift_remove("apiVersion");
                    } else {
                        map.insert("apiVersion".into(), scope.api_version().into());
                    }
                }
                out.put_slice(value.to_string().as_bytes());
            }
        }
        count += 1;
        last = Some((key.namespace.to_string(), key.name.to_string()));
    }
    let version = start.as_ref().map_or_else(|| state.version(), |(version, _, _)| *version);
    let mut metadata = Map::new();
    metadata.insert("resourceVersion".into(), json!(version.to_string()));
    if more > 0
        && let Some((namespace, name)) = last
    {
        let token = json!({"rv": version, "ns": namespace, "name": name}).to_string();
        metadata.insert("continue".into(), json!(URL_SAFE_NO_PAD.encode(token)));
        if filter.is_empty() {
            metadata.insert("remainingItemCount".into(), json!(more));
        }
    }
    let (kind, api_version) = if partial {
        ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned())
    } else {
        (scope.resource.list_kind.clone(), scope.api_version())
    };
    let head = format!(
        "{{\"kind\":{},\"apiVersion\":{},\"metadata\":{},\"items\":[",
        json!(kind),
        json!(api_version),
        Value::Object(metadata)
    );
    let mut whole = BytesMut::with_capacity(head.len() + out.len() + 2);
    whole.put_slice(head.as_bytes());
    whole.put_slice(&out);
    whole.put_slice(b"]}");
    Ok(Reply::Json(200, whole.freeze()))
}

fn too_large(wanted: u64, current: u64) -> ApiError {
    let mut error =
        ApiError::new(504, "Timeout", format!("Too large resource version: {wanted}, current: {current}"));
    error.details = Some(json!({"retryAfterSeconds": 1}));
    error.with_causes(&[Cause {
        reason: "ResourceVersionTooLarge",
        message: "Too large resource version".into(),
        field: String::new(),
    }])
}

/// One line of a watch.
pub(crate) fn event_line(kind: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n"))
}

impl WatchPlan {
    fn show(&self, mut object: Value) -> Value {
        if self.metadata_only {
            return metadata_only(&object);
        }
        if self.resource.versions.len() > 1
            && let Some(map) = object.as_object_mut()
        {
            map.insert("apiVersion".into(), self.resource.api_version(&self.version).into());
        }
        object
    }

    /// The line a change gives to this watch, if any.
    pub(crate) fn line(&self, change: &Change) -> Option<Bytes> {
        if change.key.resource != self.resource.id
            || (!self.namespace.is_empty() && *change.key.namespace != *self.namespace)
            || !self.filter.passes_name(&change.key.name)
        {
            return None;
        }
        let read =
            |bytes: &Option<Bytes>| bytes.as_ref().and_then(|b| serde_json::from_slice::<Value>(b).ok());
        let before = read(&change.before).filter(|object| self.filter.passes(object));
        let after = read(&change.after).filter(|object| self.filter.passes(object));
        match (before, after) {
            (None, Some(object)) => Some(event_line("ADDED", &self.show(object))),
            (Some(_), Some(object)) => Some(event_line("MODIFIED", &self.show(object))),
            (Some(mut object), None) => {
                if let Some(last) = read(&change.last) {
                    object = last;
                } else {
                    crate::store::set_version(&mut object, change.version);
                }
                Some(event_line("DELETED", &self.show(object)))
            }
            (None, None) => None,
        }
    }

    /// A bookmark at a version.
    pub(crate) fn bookmark(&self, version: u64, initial_end: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let object = if self.metadata_only {
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
        } else {
            json!({"kind": self.resource.kind, "apiVersion": self.resource.api_version(&self.version), "metadata": metadata})
        };
        event_line("BOOKMARK", &object)
    }
}

pub(super) fn watch(state: &State, scope: Scope<'_>) -> Result<Reply, ApiError> {
    let query = &scope.call.query;
    let seconds =
        query.get("timeoutSeconds").and_then(|t| t.parse::<u64>().ok()).filter(|t| *t > 0).unwrap_or(1800);
    let bookmarks = query.flag("allowWatchBookmarks");
    let initial = query.flag("sendInitialEvents");
    if initial && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        return Err(ApiError::invalid(
            "meta.k8s.io",
            "ListOptions",
            "",
            vec![Cause {
                reason: "FieldValueForbidden",
                message: "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                    .into(),
                field: "resourceVersionMatch".into(),
            }],
        ));
    }
    let wanted = match query.get("resourceVersion") {
        None => 0,
        Some(text) => text.parse::<u64>().map_err(|_| {
            let why = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
            ApiError::new(500, "", format!("resourceVersion: Invalid value: {text:?}: {why}"))
        })?,
    };
    let mut plan = WatchPlan {
        resource: scope.resource.clone(),
        version: scope.version.to_owned(),
        namespace: scope.namespace.to_owned(),
        filter: Filter::of(scope)?,
        metadata_only: wants_metadata(&scope.call.accept),
        bookmarks,
        first: Bytes::new(),
        from: wanted,
        over: false,
        timeout: std::time::Duration::from_secs(seconds),
    };
    if wanted == 0 || initial {
        let mut first = BytesMut::new();
        for (key, record) in state.iter(scope.resource.id, scope.namespace) {
            let value = record.value();
            if plan.filter.passes_name(&key.name) && plan.filter.passes(&value) {
                first.put_slice(&event_line("ADDED", &plan.show(value)));
            }
        }
        if initial && bookmarks {
            first.put_slice(&plan.bookmark(state.version(), true));
        }
        plan.first = first.freeze();
        plan.from = state.version();
    } else if wanted < state.oldest() {
        let error = ApiError::expired(format!("too old resource version: {wanted} ({})", state.oldest()));
        plan.first = event_line("ERROR", &error.to_status());
        plan.over = true;
    }
    Ok(Reply::Watch(plan))
}
