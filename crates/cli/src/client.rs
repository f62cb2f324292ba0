//! Sends operations to the server.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    arguments::Connection,
    exit::{CliError, UserError},
    operations::Operation,
};

/// No single request, nor the beginning of a WebSocket, takes longer; long work is watched by subscription instead.
pub(crate) const REQUEST_DEADLINE: Duration = Duration::from_secs(60);

/// A connection to one server with one token.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    /// For subscriptions, whose sockets begin as HTTP/1.1 and have no end of their own.
    pub(crate) sockets: reqwest::Client,
    pub(crate) url: String,
    pub(crate) token: Option<SecretString>,
    /// The project that commands act in.
    pub project: Option<String>,
}

impl Client {
    /// Prepares a client; nothing is sent yet.
    ///
    /// # Errors
    /// When the address is no URL or the HTTP client cannot be made.
    pub fn new(connection: &Connection) -> Result<Self, CliError> {
        let url = connection.server.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(CliError::Usage(format!(
                "`{url}` is not an address: write it like http://127.0.0.1:8080"
            )));
        }
        let builder = || reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let made = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| CliError::Usage(error.to_string()))
        };
        let http = made(builder().timeout(REQUEST_DEADLINE))?;
        let sockets = made(builder().http1_only())?;
        Ok(Self { http, sockets, url, token: connection.token()?, project: connection.project.clone() })
    }

    /// Sends an operation and answers with its `data`.
    ///
    /// # Errors
    /// [`CliError::Refused`] for top-level errors, [`CliError::Unreachable`] when there is no answer.
    pub async fn send(&self, operation: Operation, variables: Value) -> Result<Value, CliError> {
        let mut request = self
            .http
            .post(format!("{}/graphql", self.url))
            .json(&json!({ "query": operation.text, "variables": variables }));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body: Value = response
            .json()
            .await
            .map_err(|error| CliError::Answer(format!("status {status}, {}", root_cause(&error))))?;
        let errors = top_level_errors(&body);
        if errors.is_empty() {
            Ok(body.get("data").cloned().unwrap_or_default())
        } else {
            Err(CliError::Refused(errors))
        }
    }

    /// Sends a mutation with its input (the project is added) and answers with the payload under `field`.
    ///
    /// # Errors
    /// As [`Self::send`], and [`CliError::Refused`] for the payload's own errors.
    pub async fn mutate(
        &self,
        operation: Operation,
        field: &str,
        mut input: Value,
    ) -> Result<Value, CliError> {
        if let (Some(project), Some(map)) = (&self.project, input.as_object_mut()) {
            map.insert("project".to_owned(), json!(project));
        }
        let mut data = self.send(operation, json!({ "input": input })).await?;
        let payload = data.get_mut(field).map(Value::take).unwrap_or_default();
        let errors: Vec<UserError> = payload
            .get("errors")
            .and_then(|errors| serde_json::from_value(errors.clone()).ok())
            .unwrap_or_default();
        if errors.is_empty() { Ok(payload) } else { Err(CliError::Refused(errors)) }
    }

    /// Sends a query, with the project added to its variables.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn query(&self, operation: Operation, mut variables: Value) -> Result<Value, CliError> {
        if let (Some(project), Some(map)) = (&self.project, variables.as_object_mut()) {
            map.insert("project".to_owned(), json!(project));
        }
        self.send(operation, variables).await
    }

    /// Follows a connection to its end and answers with all nodes at `pointer`.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn all(
        &self,
        operation: Operation,
        variables: Value,
        pointer: &str,
    ) -> Result<Vec<Value>, CliError> {
        let mut nodes = Vec::new();
        let mut after = Value::Null;
        loop {
            let mut page = variables.clone();
            if let Some(map) = page.as_object_mut() {
                map.insert("first".to_owned(), json!(100));
                map.insert("after".to_owned(), after.clone());
            }
            let data = self.query(operation, page).await?;
            let connection = data.pointer(pointer).cloned().unwrap_or_default();
            nodes.extend(connection.get("nodes").and_then(Value::as_array).cloned().unwrap_or_default());
            let info = connection.get("pageInfo").cloned().unwrap_or_default();
            after = info.get("endCursor").cloned().unwrap_or_default();
            if info.get("hasNextPage") != Some(&Value::Bool(true)) || after.is_null() {
                return Ok(nodes);
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> CliError {
        CliError::Unreachable { url: self.url.clone(), reason: root_cause(error) }
    }
}

/// The innermost error: what a person can act on.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn top_level_errors(body: &Value) -> Vec<UserError> {
    body.get("errors").and_then(Value::as_array).map_or_else(Vec::new, |errors| user_errors(errors))
}

/// What the server says of a whole operation.
pub(crate) fn user_errors(errors: &[Value]) -> Vec<UserError> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    errors
        .iter()
        .map(|error| {
            let extensions = error.get("extensions").cloned().unwrap_or_default();
            UserError {
                code: extensions.get("code").and_then(Value::as_str).unwrap_or("GRAPHQL").to_owned(),
                message: text(error.get("message")),
                help: text(extensions.get("help")),
                path: Vec::new(),
                diagnostics: extensions
                    .get("diagnostics")
                    .and_then(|list| serde_json::from_value(list.clone()).ok())
                    .unwrap_or_default(),
                moved: Vec::new(),
            }
        })
        .collect()
}
