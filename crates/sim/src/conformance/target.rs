//! The server under test, and the few words that cases are written in.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use kube::client::Body;
use serde_json::{Value, json};

use super::Outcome;

/// A server, and a namespace for one case.
#[derive(Clone)]
pub struct Target {
    client: kube::Client,
    /// The namespace of the case.
    pub namespace: String,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// An answer: code and body.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) body: Value,
}

pub(super) const JSON: &str = "application/json";
pub(super) const MERGE: &str = "application/merge-patch+json";
pub(super) const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub(super) const JSON_PATCH: &str = "application/json-patch+json";
pub(super) const APPLY: &str = "application/apply-patch+yaml";

/// Longest wait for a condition: a real cluster's controllers need seconds.
const PATIENCE: Duration = Duration::from_secs(60);

impl Target {
    pub(super) async fn prepare(client: kube::Client, namespace: String) -> Result<Self, String> {
        let target = Self { client, namespace };
        let made = target
            .post(
                "/api/v1/namespaces",
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": target.namespace}}),
            )
            .await?;
        made.expect_code(201)?;
        Ok(target)
    }

    /// A path below the case's namespace: `core("configmaps/x")`.
    pub(super) fn core(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/{rest}", self.namespace)
    }

    /// As `core`, for `apps/v1` and such.
    pub(super) fn group(&self, group_version: &str, rest: &str) -> String {
        format!("/apis/{group_version}/namespaces/{}/{rest}", self.namespace)
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(path).header("user-agent", "conformance/1.0");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body)).map_err(|error| error.to_string())?;
        let response = tokio::time::timeout(PATIENCE, self.client.send(request))
            .await
            .map_err(|_| format!("{method} {path}: no answer"))?
            .map_err(|error| format!("{method} {path}: {error}"))?;
        let code = response.status().as_u16();
        let bytes: Bytes = http_body_util::BodyExt::collect(response.into_body())
            .await
            .map_err(|error| format!("{method} {path}: {error}"))?
            .to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { code, body })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send("GET", path, &[("accept", JSON)], Vec::new()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.send("POST", path, &[("content-type", JSON)], body.to_string().into_bytes()).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.send("PUT", path, &[("content-type", JSON)], body.to_string().into_bytes()).await
    }

    pub(super) async fn patch(&self, kind: &str, path: &str, body: &Value) -> Result<Answer, String> {
        self.send("PATCH", path, &[("content-type", kind)], body.to_string().into_bytes()).await
    }

    pub(super) async fn apply(&self, path: &str, manager: &str, body: &Value) -> Result<Answer, String> {
        self.patch(APPLY, &format!("{path}?fieldManager={manager}"), body).await
    }

    pub(super) async fn delete(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.send("DELETE", path, &[("content-type", JSON)], body.to_string().into_bytes()).await
    }

    /// Creates a `ConfigMap`.
    pub(super) async fn config_map(&self, name: &str, labels: Value, data: Value) -> Result<Value, String> {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": data});
        self.post(&self.core("configmaps"), &map).await?.expect_code(201)
    }

    /// Reads until `check` holds.
    pub(super) async fn until(
        &self,
        path: &str,
        what: &str,
        check: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, String> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await?;
            if check(&answer) {
                return Ok(answer);
            }
            if tokio::time::Instant::now() > end {
                return Err(format!(
                    "{path}: waited in vain for {what}; last: {} {}",
                    answer.code, answer.body
                ));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Applies, dry, until the answer has this code.
    pub(super) async fn until_applied(&self, path: &str, body: &Value, code: u16) -> Outcome {
        let path = format!("{path}?fieldManager=until&dryRun=All");
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.patch(APPLY, &path, body).await?;
            if answer.code == code {
                return Ok(());
            }
            if tokio::time::Instant::now() > end {
                return Err(format!(
                    "{path}: waited in vain for {code}; last: {} {}",
                    answer.code, answer.body
                ));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The lines of a watch until it ends; give it a `timeoutSeconds`.
    pub(super) async fn watch(&self, path: &str) -> Result<Vec<Value>, String> {
        let answer = self.send("GET", path, &[("accept", JSON)], Vec::new()).await?;
        if answer.code != 200 {
            return Err(format!("watch {path}: {} {}", answer.code, answer.body));
        }
        match answer.body {
            Value::String(text) => text
                .lines()
                .map(|line| serde_json::from_str(line).map_err(|error| format!("{error}: {line}")))
                .collect(),
            one => Ok(vec![one]),
        }
    }
}

impl Answer {
    pub(super) fn expect_code(self, code: u16) -> Result<Value, String> {
        if self.code == code {
            Ok(self.body)
        } else {
            Err(format!("expected {code}, got {} {}", self.code, self.body))
        }
    }

    /// A refusal with this code, reason and exact message.
    pub(super) fn expect_status(&self, code: u16, reason: &str, message: &str) -> Outcome {
        same("code", &json!(self.code), &json!(code)).map_err(|e| format!("{e} in {}", self.body))?;
        same("kind", &self.body["kind"], &json!("Status"))?;
        same("status", &self.body["status"], &json!("Failure"))?;
        same("reason", &self.body["reason"], &if reason.is_empty() { Value::Null } else { json!(reason) })?;
        same("message", &self.body["message"], &json!(message))?;
        same("status code", &self.body["code"], &json!(code))
    }

    /// The causes as (reason, message, field).
    pub(super) fn causes(&self) -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.body["details"]["causes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|cause| (text(&cause["reason"]), text(&cause["message"]), text(&cause["field"])))
            .collect()
    }

    /// Exactly these causes, in any order.
    pub(super) fn expect_causes(&self, expected: &[(&str, &str, &str)]) -> Outcome {
        let mut have = self.causes();
        let mut wanted: Vec<_> =
            expected.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect();
        have.sort();
        wanted.sort();
        if have == wanted { Ok(()) } else { Err(format!("causes: expected {wanted:?}, got {have:?}")) }
    }
}

/// Both values are equal.
pub(super) fn same(what: &str, have: &Value, expected: &Value) -> Outcome {
    if have == expected { Ok(()) } else { Err(format!("{what}: expected {expected}, got {have}")) }
}

/// A condition holds.
pub(super) fn holds(what: &str, condition: bool) -> Outcome {
    if condition { Ok(()) } else { Err(format!("not so: {what}")) }
}

/// `fieldsV1` of a manager: (name, operation, subresource).
pub(super) fn fields(object: &Value, name: &str, operation: &str, subresource: &str) -> Value {
    object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|entry| {
            entry["manager"] == name
                && entry["operation"] == operation
                && entry["subresource"].as_str().unwrap_or_default() == subresource
        })
        .map_or(Value::Null, |entry| entry["fieldsV1"].clone())
}

pub(super) fn version(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
}

/// A Deployment of one container `c`.
pub(super) fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": image}]}},
        },
    })
}
