//! Watches changes, rollouts and fleet previews over `graphql-transport-ws`. When the connection breaks, one resumes by the
//! cursor of the last item; what has none begins anew.

use std::{ops::ControlFlow, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use reqwest_websocket::{Message, Upgrade as _};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{
    client::{Client, REQUEST_DEADLINE, root_cause, user_errors},
    exit::CliError,
    operations::Operation,
    output,
};

const PROTOCOL: &str = "graphql-transport-ws";
/// The server pings more often than this; longer silence means that the connection is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
/// How often a connection is tried to a server that has not said anything yet.
const FIRST_ATTEMPTS: u32 = 5;
/// How often to one that did: for about two minutes.
const ATTEMPTS: u32 = 45;
/// How long is waited before the first new attempt, and before any.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

impl Client {
    /// Subscribes with these variables and hands each item under `field` to `on_item` until the subscription completes or it has
    /// seen enough.
    ///
    /// # Errors
    /// [`CliError::Refused`] when the server refuses it, [`CliError::Unreachable`] when the connection stays broken.
    pub async fn watch(
        &self,
        operation: Operation,
        field: &str,
        mut variables: Value,
        mut on_item: impl FnMut(&Value) -> ControlFlow<()>,
    ) -> Result<(), CliError> {
        let (mut heard, mut attempts) = (false, 0);
        loop {
            let mut seen = |item: &Value| {
                heard = true;
                // From here on it is resumed.
                if item.get("cursor").is_some() {
                    attempts = 0;
                }
                on_item(item)
            };
            match self.watch_once(operation, field, &mut variables, &mut seen).await {
                // A server that was there comes back; one that was not may not be there at all.
                Err(CliError::Unreachable { .. })
                    if attempts < if heard { ATTEMPTS } else { FIRST_ATTEMPTS } =>
                {
                    attempts += 1;
                    tokio::time::sleep((PAUSE * attempts).min(LONGEST_PAUSE)).await;
                }
                other => return other,
            }
        }
    }

    async fn watch_once(
        &self,
        operation: Operation,
        field: &str,
        variables: &mut Value,
        on_item: &mut impl FnMut(&Value) -> ControlFlow<()>,
    ) -> Result<(), CliError> {
        let lost = |reason: String| CliError::Unreachable { url: self.url.clone(), reason };
        let opening = async {
            let request = self.sockets.get(format!("{}/graphql/ws", self.url)).upgrade();
            request.protocols([PROTOCOL]).send().await?.into_websocket().await
        };
        let mut socket = tokio::time::timeout(REQUEST_DEADLINE, opening)
            .await
            .map_err(|_| lost("no WebSocket was opened in time".to_owned()))?
            .map_err(|error| lost(root_cause(&error)))?;
        let authorization = self.token.as_ref().map(|token| format!("Bearer {}", token.expose_secret()));
        let hello = json!({ "type": "connection_init", "payload": { "Authorization": authorization } });
        let start = json!({
            "type": "subscribe", "id": "1",
            "payload": { "query": operation.text, "variables": variables },
        });
        for message in [hello, start] {
            socket
                .send(Message::Text(message.to_string()))
                .await
                .map_err(|error| lost(root_cause(&error)))?;
        }
        loop {
            let next = tokio::time::timeout(SILENCE_LIMIT, socket.next())
                .await
                .map_err(|_| lost("no word for a minute".to_owned()))?;
            let message = match next {
                None => return Err(lost("the connection was closed".to_owned())),
                Some(Err(error)) => return Err(lost(root_cause(&error))),
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close { reason, .. })) => {
                    return Err(lost(format!("the connection was closed: {reason}")));
                }
                Some(Ok(_)) => continue,
            };
            let message: Value =
                serde_json::from_str(&message).map_err(|error| CliError::Answer(error.to_string()))?;
            match message.get("type").and_then(Value::as_str) {
                Some("next") => {
                    if let Some(errors) = message.pointer("/payload/errors").and_then(Value::as_array)
                        && !errors.is_empty()
                    {
                        return Err(CliError::Refused(user_errors(errors)));
                    }
                    if output::is_lost() {
                        return Err(CliError::Unread);
                    }
                    if let Some(item) = message.pointer(&format!("/payload/data/{field}")) {
                        if let (Some(cursor), Some(map)) = (item.get("cursor"), variables.as_object_mut()) {
                            map.insert("after".to_owned(), cursor.clone());
                        }
                        if on_item(item).is_break() {
                            return Ok(());
                        }
                    }
                }
                Some("error") => {
                    let errors = message.get("payload").and_then(Value::as_array);
                    return Err(CliError::Refused(user_errors(errors.map_or(&[], Vec::as_slice))));
                }
                Some("complete") => return Ok(()),
                Some("ping") => {
                    let pong = json!({ "type": "pong" }).to_string();
                    socket.send(Message::Text(pong)).await.map_err(|error| lost(root_cause(&error)))?;
                }
                _ => {}
            }
        }
    }
}
