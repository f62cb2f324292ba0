//! Label and field selectors.

use serde_json::Value;

use crate::{api_error::ApiError, resource::Resource};

/// One requirement on labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
    Greater(String, i64),
    Less(String, i64),
}

/// A parsed `labelSelector`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(pub(crate) Vec<Requirement>);

impl LabelSelector {
    /// Reads `a=b,c!=d,e in (f,g),!h`.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let mut out = Vec::new();
        let mut depth = 0usize;
        let mut start = 0;
        let mut parts = Vec::new();
        for (at, c) in text.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                ',' if depth == 0 => {
                    parts.push(&text[start..at]);
                    start = at + 1;
                }
                _ => {}
            }
        }
        parts.push(&text[start..]);
        for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
            out.push(Self::requirement(part)?);
        }
        Ok(Self(out))
    }

    fn requirement(part: &str) -> Result<Requirement, ApiError> {
        let unable = || {
            ApiError::bad_request(format!(
                "unable to parse requirement: found '{part}', expected: in, notin, =, ==, !=, gt, lt"
            ))
        };
        if let Some(key) = part.strip_prefix('!') {
            return Ok(Requirement::Absent(key.trim().to_owned()));
        }
        if let Some((key, value)) = part.split_once("!=") {
            return Ok(Requirement::NotIn(key.trim().into(), vec![value.trim().into()]));
        }
        if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            return Ok(Requirement::In(key.trim().into(), vec![value.trim().into()]));
        }
        for (sign, greater) in [('>', true), ('<', false)] {
            if let Some((key, value)) = part.split_once(sign) {
                let bound = value.trim().parse().map_err(|_| unable())?;
                let key = key.trim().to_owned();
                return Ok(if greater {
                    Requirement::Greater(key, bound)
                } else {
                    Requirement::Less(key, bound)
                });
            }
        }
        if let Some((head, tail)) = part.split_once('(') {
            let values = tail.strip_suffix(')').ok_or_else(unable)?;
            let values = values.split(',').map(|value| value.trim().to_owned()).collect();
            let mut words = head.split_whitespace();
            return match (words.next(), words.next(), words.next()) {
                (Some(key), Some("in"), None) => Ok(Requirement::In(key.into(), values)),
                (Some(key), Some("notin"), None) => Ok(Requirement::NotIn(key.into(), values)),
                _ => Err(unable()),
            };
        }
        if part.split_whitespace().count() == 1 {
            Ok(Requirement::Exists(part.to_owned()))
        } else {
            Err(unable())
        }
    }

    /// From a `LabelSelector` object (`matchLabels`, `matchExpressions`).
    pub(crate) fn from_object(selector: &Value) -> Self {
        let mut out = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            out.push(Requirement::In(key.clone(), vec![value.as_str().unwrap_or_default().to_owned()]));
        }
        for term in selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten() {
            let key = term.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
            let values = term
                .get("values")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|value| value.as_str().map(str::to_owned))
                .collect();
            match term.get("operator").and_then(Value::as_str) {
                Some("In") => out.push(Requirement::In(key, values)),
                Some("NotIn") => out.push(Requirement::NotIn(key, values)),
                Some("Exists") => out.push(Requirement::Exists(key)),
                Some("DoesNotExist") => out.push(Requirement::Absent(key)),
                _ => {}
            }
        }
        Self(out)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object's labels meet all requirements.
    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.matches_labels(object.pointer("/metadata/labels").unwrap_or(&Value::Null))
    }

    /// Whether a map of labels meets all requirements.
    pub(crate) fn matches_labels(&self, labels: &Value) -> bool {
        self.0.iter().all(|requirement| {
            let get = |key: &str| labels.get(key).and_then(Value::as_str);
            match requirement {
                Requirement::In(key, values) => get(key).is_some_and(|have| values.iter().any(|v| v == have)),
                Requirement::NotIn(key, values) => {
                    !get(key).is_some_and(|have| values.iter().any(|v| v == have))
                }
                Requirement::Exists(key) => get(key).is_some(),
                Requirement::Absent(key) => get(key).is_none(),
                Requirement::Greater(key, bound) => {
                    get(key).and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v > *bound)
                }
                Requirement::Less(key, bound) => {
                    get(key).and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v < *bound)
                }
            }
        })
    }

    /// The written form, as `status.selector` of a Scale shows it.
    pub(crate) fn to_text(&self) -> String {
        let mut parts: Vec<String> = self
            .0
            .iter()
            .map(|requirement| match requirement {
                Requirement::In(key, values) if values.len() == 1 => format!("{key}={}", values[0]),
                Requirement::In(key, values) => format!("{key} in ({})", values.join(",")),
                Requirement::NotIn(key, values) => format!("{key} notin ({})", values.join(",")),
                Requirement::Exists(key) => key.clone(),
                Requirement::Absent(key) => format!("!{key}"),
                Requirement::Greater(key, bound) => format!("{key}>{bound}"),
                Requirement::Less(key, bound) => format!("{key}<{bound}"),
            })
            .collect();
        parts.sort();
        parts.join(",")
    }
}

/// A parsed `fieldSelector`: (field, must equal, value).
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldSelector(Vec<(String, bool, String)>);

impl FieldSelector {
    /// Reads `metadata.name=x,status.phase!=Running` for a resource.
    ///
    /// # Errors
    /// 400 for a field that cannot be selected by.
    pub(crate) fn parse(text: &str, resource: &Resource) -> Result<Self, ApiError> {
        let mut out = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (field, equal, value) = if let Some((field, value)) = part.split_once("!=") {
                (field, false, value)
            } else if let Some((field, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (field, true, value)
            } else {
                return Err(ApiError::bad_request(format!(
                    "invalid selector: '{text}'; can't understand '{part}'"
                )));
            };
            let extra: &[&str] = match (resource.group.as_str(), resource.plural.as_str()) {
                ("", "pods") => &[
                    "spec.nodeName",
                    "spec.restartPolicy",
                    "spec.schedulerName",
                    "spec.serviceAccountName",
                    "spec.hostNetwork",
                    "status.phase",
                    "status.podIP",
                    "status.nominatedNodeName",
                ],
                ("", "events") => &[
                    "involvedObject.kind",
                    "involvedObject.namespace",
                    "involvedObject.name",
                    "involvedObject.uid",
                    "involvedObject.apiVersion",
                    "involvedObject.resourceVersion",
                    "involvedObject.fieldPath",
                    "reason",
                    "reportingComponent",
                    "source",
                    "type",
                ],
                ("", "secrets") => &["type"],
                ("", "namespaces") => &["status.phase"],
                ("", "nodes") => &["spec.unschedulable"],
                ("apps", "replicasets") | ("", "replicationcontrollers") => &["status.replicas"],
                ("batch", "jobs") => &["status.successful"],
                ("", "services") => &["spec.clusterIP", "spec.type"],
                _ => &[],
            };
            let name = field == "metadata.name" || (field == "metadata.namespace");
            if !name && !extra.contains(&field) {
                return Err(ApiError::bad_request(if resource.traits.builtin && !extra.is_empty() {
                    format!("field label not supported: {field}")
                } else if resource.traits.builtin {
                    format!(
                        "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                    )
                } else {
                    format!("field label not supported: {field}")
                }));
            }
            out.push((field.to_owned(), equal, value.to_owned()));
        }
        Ok(Self(out))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one name this selects, if it does.
    pub(crate) fn name(&self) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, equal, _)| *equal && field == "metadata.name")
            .map(|(_, _, value)| value.as_str())
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, equal, value)| {
            let mut at = object;
            for key in field.split('.') {
                at = at.get(key).unwrap_or(&Value::Null);
            }
            let have = match at {
                Value::String(text) => text.clone(),
                Value::Null if field == "spec.unschedulable" || field == "spec.hostNetwork" => "false".into(),
                Value::Null if field == "status.replicas" => "0".into(),
                Value::Null => String::new(),
                Value::Object(map) => {
                    map.get("component").and_then(Value::as_str).unwrap_or_default().to_owned()
                }
                other => other.to_string(),
            };
            (have == *value) == *equal
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sets_and_equality_select_as_written() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front", "n": "5"}}});
        for (text, expected) in [
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app!=web", false),
            ("missing!=x", true),
            ("app in (web, db)", true),
            ("app notin (web,db)", false),
            ("tier", true),
            ("!tier", false),
            ("!other,app", true),
            ("n>4", true),
            ("n<4", false),
        ] {
            assert_eq!(LabelSelector::parse(text).unwrap().matches(&object), expected, "{text}");
        }
        assert!(LabelSelector::parse("a b c").is_err());
    }
}
