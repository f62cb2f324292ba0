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
/// How often a broken connection is made anew before giving up.
const RECONNECTS: u32 = 5;

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
        let mut attempts = 0;
        loop {
            match self.watch_once(operation, field, &mut variables, &mut on_item).await {
                Err(CliError::Unreachable { .. }) if attempts < RECONNECTS => {
                    attempts += 1;
                    tokio::time::sleep(Duration::from_millis(200 * u64::from(attempts))).await;
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
            socket.send(Message::Text(message.to_string())).await.map_err(|error| lost(error.to_string()))?;
        }
        loop {
            let next = tokio::time::timeout(SILENCE_LIMIT, socket.next())
                .await
                .map_err(|_| lost("no word for a minute".to_owned()))?;
            let message = match next {
                None => return Err(lost("the connection was closed".to_owned())),
                Some(Err(error)) => return Err(lost(error.to_string())),
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
                    if let Some(item) = message.pointer(&format!("/payload/data/{field}")) {
                        if let (Some(cursor), Some(map)) = (item.get("cursor"), variables.as_object_mut()) {
                            map.insert("after".to_owned(), cursor.clone());
                        }
                        if on_item(item).is_break() {
                            return Ok(());
                        }
                        if output::is_lost() {
                            return Err(CliError::Unread);
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
                    socket.send(Message::Text(pong)).await.map_err(|error| lost(error.to_string()))?;
                }
                _ => {}
            }
        }
    }
}
