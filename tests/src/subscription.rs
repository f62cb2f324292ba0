//! A subscription over `graphql-transport-ws`, item by item, for tests that look at the order of things.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use strata_cli::operations::Operation;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

/// How long one item may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running subscription.
#[derive(Debug)]
pub struct Subscription {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    field: String,
}

impl Subscription {
    /// Subscribes to the first field of an operation.
    ///
    /// # Errors
    /// When the server does not take the connection.
    pub async fn start(
        url: &str,
        token: &str,
        operation: Operation,
        field: &str,
        variables: Value,
    ) -> Result<Self> {
        let mut request = format!("{}/graphql/ws", url.replacen("http", "ws", 1)).into_client_request()?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("graphql-transport-ws"));
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
        let hello =
            json!({"type": "connection_init", "payload": {"Authorization": format!("Bearer {token}")}});
        let start = json!({"type": "subscribe", "id": "1", "payload": {"query": operation.text, "variables": variables}});
        for message in [hello, start] {
            socket.send(Message::text(message.to_string())).await?;
        }
        Ok(Self { socket, field: field.to_owned() })
    }

    /// The next item; none when the server has completed the subscription.
    ///
    /// # Errors
    /// When the server refuses, the connection breaks, or nothing comes for minutes.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .context("nothing comes")?
                .context("the connection was closed")??;
            let Message::Text(text) = message else {
                if let Message::Close(frame) = message {
                    bail!("the connection was closed: {frame:?}");
                }
                continue;
            };
            let mut message: Value = serde_json::from_str(&text)?;
            match message["type"].as_str() {
                Some("next") => {
                    if message.pointer("/payload/errors").is_some_and(|errors| errors != &json!([])) {
                        bail!("refused: {}", message["payload"]["errors"]);
                    }
                    return Ok(Some(message["payload"]["data"][&self.field].take()));
                }
                Some("complete") => return Ok(None),
                Some("error") => bail!("refused: {}", message["payload"]),
                Some("ping") => {
                    self.socket.send(Message::text(json!({"type": "pong"}).to_string())).await?;
                }
                _ => {}
            }
        }
    }

    /// All items up to the end.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn rest(mut self) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await? {
            items.push(item);
        }
        Ok(items)
    }
}
