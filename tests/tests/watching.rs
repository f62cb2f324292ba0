//! What the command line follows, with a server that stops and comes back.
#![expect(clippy::indexing_slicing, reason = "a test reads JSON")]

use std::ops::ControlFlow;

use anyhow::{Context as _, Result, ensure};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use strata_cli::{
    Connection,
    arguments::{Color, Format},
    client::Client,
    operations,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// The server's side of one connection: takes a subscription, and answers with its variables.
async fn accepted(listener: &TcpListener) -> Result<(WebSocketStream<TcpStream>, Value)> {
    let (stream, _) = listener.accept().await?;
    #[expect(clippy::result_large_err, reason = "the library wants it so")]
    let protocol = |_: &Request, mut response: Response| {
        let name = HeaderValue::from_static("graphql-transport-ws");
        response.headers_mut().insert("sec-websocket-protocol", name);
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, protocol).await?;
    loop {
        let message = socket.next().await.context("no message")??;
        let message: Value = serde_json::from_str(message.to_text()?)?;
        if message["type"] == "subscribe" {
            return Ok((socket, message["payload"]["variables"].clone()));
        }
    }
}

async fn send(socket: &mut WebSocketStream<TcpStream>, message: Value) -> Result<()> {
    Ok(socket.send(Message::text(message.to_string())).await?)
}

/// A server that stops says so; one that dies says nothing. Either way what is followed goes on where it was, and has ended only when
/// that is said.
#[tokio::test]
async fn what_is_followed_goes_on_when_the_server_is_back() -> Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = Client::new(&Connection {
        server: format!("http://{}", listener.local_addr()?),
        token_file: None,
        project: None,
        output: Format::default(),
        color: Color::default(),
    })?;
    let item = |cursor: &str| {
        let data = json!({ "changeProgress": { "cursor": cursor } });
        json!({ "type": "next", "id": "1", "payload": { "data": data } })
    };
    let serve = async {
        let (mut stops, variables) = accepted(&listener).await?;
        ensure!(variables == json!({ "id": "change" }), "{variables}");
        send(&mut stops, item("first")).await?;
        let frame = CloseFrame { code: CloseCode::Away, reason: "the server shuts down".into() };
        stops.close(Some(frame)).await?;
        let (dies, variables) = accepted(&listener).await?;
        ensure!(variables["after"] == "first", "{variables}");
        drop(dies);
        let (mut ends, variables) = accepted(&listener).await?;
        ensure!(variables["after"] == "first", "{variables}");
        send(&mut ends, item("second")).await?;
        send(&mut ends, json!({ "type": "complete", "id": "1" })).await?;
        Ok(())
    };
    let mut seen = Vec::new();
    let watch =
        client.watch(operations::CHANGE_PROGRESS, "changeProgress", json!({ "id": "change" }), |item| {
            seen.push(item["cursor"].clone());
            ControlFlow::Continue(())
        });
    let (served, watched) = tokio::join!(serve, watch);
    served?;
    watched?;
    ensure!(seen == ["first", "second"], "{seen:?}");
    Ok(())
}
