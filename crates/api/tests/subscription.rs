//! Subscriptions over a real connection, with a simulated cluster behind them.
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod harness;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{SinkExt as _, StreamExt as _};
use harness::{Harness, operation};
use http::StatusCode;
use serde_json::{Value, json};
use strata_sim::{ClusterOptions, Simulator, SimulatorOptions};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, handshake::client::Request},
};

const PATIENCE: Duration = Duration::from_secs(60);

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

fn handshake(address: SocketAddr) -> Request {
    let mut request = format!("ws://{address}/graphql/ws").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    request
}

impl Socket {
    async fn open(address: SocketAddr, token: Option<&str>) -> Self {
        let (socket, _) = connect_async(handshake(address)).await.unwrap();
        let mut socket = Self(socket);
        let payload = token.map(|token| json!({ "Authorization": format!("Bearer {token}") }));
        socket.send(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.next().await["type"], "connection_ack");
        socket
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// The next message of the protocol; pings are passed over. The close frame is told as `{"close": code}`.
    async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.unwrap();
            match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "ping" {
                        return message;
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    return json!({ "close": frame.map(|frame| u16::from(frame.code)) });
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// All items under a field, until the subscription completes.
    async fn items(&mut self, field: &str) -> Vec<Value> {
        let mut items = Vec::new();
        loop {
            let message = self.next().await;
            match message["type"].as_str() {
                Some("next") => {
                    let item = &message["payload"]["data"][field];
                    assert!(item.is_object(), "{message}");
                    items.push(item.clone());
                }
                Some("complete") => return items,
                _ => panic!("{message}"),
            }
        }
    }
}

async fn publish(harness: &Harness) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/packs");
    for pack in strata_registry::list_packs(&folder).unwrap().packs {
        let files: Vec<Value> = strata_registry::read_pack(&pack.path)
            .unwrap()
            .iter()
            .map(|(path, bytes)| json!({ "path": path, "contentBase64": STANDARD.encode(bytes) }))
            .collect();
        let data = harness.operation("pack_publish", json!({ "input": { "files": files } })).await;
        assert_eq!(data["publishPack"]["errors"], json!([]));
    }
    harness.operation("profile_create", json!({ "input": { "name": "hello", "type": "ADDON" } })).await;
    let key = json!({ "profile": "hello", "version": "1.0.0" });
    harness.operation("profile_version_create", json!({ "input": key })).await;
    let layer = json!({
        "name": "hello", "pack": { "name": "hello-universe", "version": "1.2.0" },
        "presets": [{ "group": "Backend", "name": "disable-api" }],
    });
    let mut draft = key.clone();
    draft["content"] = json!({ "layers": [layer] });
    let data = harness.operation("profile_draft_update", json!({ "input": draft })).await;
    assert_eq!(data["updateDraft"]["errors"], json!([]));
    let data = harness.operation("profile_publish", json!({ "input": key })).await;
    assert_eq!(data["publishProfileVersion"]["profileVersion"]["state"], "PUBLISHED", "{data}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_followed_to_its_end_and_resumed_by_cursor() {
    let harness = Harness::start().await;
    harness.engine.start();
    let address = harness.serve().await;
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let cluster = simulator.add_cluster(ClusterOptions::new("edge")).await.unwrap();
    publish(&harness).await;

    let mut fleet = Socket::open(address, Some(&harness.token)).await;
    fleet.subscribe("f", "subscription { fleetEvents(filter: { kinds: [CLUSTER] }) { cursor kind subject event { summary } } }", json!({})).await;

    let register =
        json!({ "name": "edge", "infrastructure": { "imported": { "kubeconfig": cluster.kubeconfig() } } });
    let data = harness.operation("cluster_register", json!({ "input": register })).await;
    assert_eq!(data["registerCluster"]["errors"], json!([]));
    let first = fleet.next().await;
    assert_eq!(first["payload"]["data"]["fleetEvents"]["event"]["summary"], "edge was registered", "{first}");
    assert_eq!(first["payload"]["data"]["fleetEvents"]["subject"], data["registerCluster"]["cluster"]["id"]);

    let attach = json!({ "cluster": "edge", "profile": "hello", "version": "1.0.0" });
    let data = harness.operation("profile_attach", json!({ "input": attach })).await;
    assert_eq!(data["attachProfile"]["cluster"]["wanted"]["attachments"][0]["profile"], "hello", "{data}");
    let preview = harness.operation("preview_upgrade", json!({ "input": { "cluster": "edge" } })).await;
    let digest = &preview["previewUpgrade"]["planDigest"];
    assert_eq!(preview["previewUpgrade"]["isEmpty"], false);

    // A plan that is not the one that was seen is refused, with the one that it is now.
    let stale = json!({ "cluster": "edge", "expectedPlanDigest": format!("hmac-v1:{}", "0".repeat(64)) });
    let query = "mutation($input: RequestUpgradeInput!) { requestUpgrade(input: $input) { errors { code ... on StalePlan { currentPlanDigest } } } }";
    let answer = harness.execute(query, json!({ "input": stale })).await;
    let error = &answer["data"]["requestUpgrade"]["errors"][0];
    assert_eq!((&error["code"], &error["currentPlanDigest"]), (&json!("STALE_PLAN"), digest), "{answer}");

    let wish =
        json!({ "cluster": "edge", "expectedPlanDigest": digest, "applyWhenReady": true, "reason": "first" });
    let data = harness.operation("change_request", json!({ "input": wish })).await;
    let id = data["requestUpgrade"]["change"]["id"].as_str().unwrap_or_else(|| panic!("{data}")).to_owned();

    let mut socket = Socket::open(address, Some(&harness.token)).await;
    socket.subscribe("1", &operation("change_progress"), json!({ "id": id })).await;
    let items = socket.items("changeProgress").await;
    let last = items.last().unwrap();
    assert_eq!(last["change"]["state"], "SUCCEEDED", "{items:#?}");
    assert_eq!(last["event"]["summary"], "succeeded");
    assert_eq!(last["change"]["target"], "hello@1.0.0");

    // From the beginning, by cursor: every event once, in order, none skipped.
    let shown = harness.operation("change_show", json!({ "id": id })).await;
    let history = shown["change"]["history"]["nodes"].as_array().unwrap();
    let query = "subscription($id: ID!, $after: String) { changeProgress(id: $id, after: $after) { cursor event { seq summary } } }";
    let begin = STANDARD.encode("event/0");
    socket.subscribe("2", query, json!({ "id": id, "after": begin.trim_end_matches('=') })).await;
    let all = socket.items("changeProgress").await;
    let seqs: Vec<i64> = all.iter().filter_map(|item| item["event"]["seq"].as_i64()).collect();
    assert_eq!(seqs, (1..=i64::try_from(history.len()).unwrap()).collect::<Vec<_>>());
    let half = &all[all.len() / 2];
    socket.subscribe("3", query, json!({ "id": id, "after": half["cursor"] })).await;
    let rest = socket.items("changeProgress").await;
    assert_eq!(rest.first(), all.get(all.len() / 2 + 1));

    // The same by pages.
    let query = "query($id: ID!, $after: String) { change(id: $id) { history(first: 3, after: $after) { nodes { seq } totalCount pageInfo { hasNextPage endCursor } } } }";
    let (mut seqs, mut after) = (Vec::new(), Value::Null);
    loop {
        let answer = harness.execute(query, json!({ "id": id, "after": after })).await;
        let page = &answer["data"]["change"]["history"];
        assert_eq!(page["totalCount"], history.len());
        seqs.extend(page["nodes"].as_array().unwrap().iter().filter_map(|node| node["seq"].as_i64()));
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(seqs.len(), history.len());

    // A preview of the fleet, while it is made: what it found comes as soon as it is there, and itself at the end.
    let query = "subscription($input: PreviewFleetUpgradeInput!) { fleetPreviewProgress(input: $input) { clusters lookedAt planned \
        outcomes { outcome clusters } repaves { clusters } findings { code } \
        found { outcome cluster reason repave effect example { cluster } } \
        preview { lookedAt leftOut groups(first: 5) { nodes { effect members(first: 5) { nodes { cluster } } } } } } }";
    let target = json!({ "to": { "profile": "hello", "version": "1.0.0" } });
    socket.subscribe("4", query, json!({ "input": target })).await;
    let items = socket.items("fleetPreviewProgress").await;
    let seen: Vec<_> = items.iter().map(|item| (&item["clusters"], &item["lookedAt"])).collect();
    assert_eq!(seen, [(&json!(1), &json!(0)), (&json!(1), &json!(1)), (&json!(1), &json!(1))], "{items:#?}");
    let found = &items[1]["found"];
    assert_eq!(found[0]["cluster"], "edge", "{items:#?}");
    assert_eq!((&found[0]["outcome"], &found[0]["repave"]), (&json!("UNCHANGED"), &json!("NONE")));
    assert_eq!(found[0]["example"]["cluster"], "edge");
    assert_eq!(items[1]["outcomes"], json!([{ "outcome": "UNCHANGED", "clusters": 1 }]));
    assert!(items[1]["preview"].is_null() && items[2]["found"] == json!([]), "{items:#?}");
    let group = &items[2]["preview"]["groups"]["nodes"][0];
    assert_eq!(group["effect"], found[0]["effect"]);
    assert_eq!(group["members"]["nodes"], json!([{ "cluster": "edge" }]));
    let nowhere = json!({ "to": { "profile": "nobody", "version": "1.0.0" } });
    socket.subscribe("5", &operation("fleet_preview_progress"), json!({ "input": nowhere })).await;
    let answer = socket.next().await;
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "NOT_FOUND", "{answer}");
    assert_eq!(socket.next().await["type"], "complete");

    // What is shown of the cluster, by name and by global id.
    let shown = harness.operation("cluster_show", json!({ "name": "edge" })).await;
    assert_eq!(shown["cluster"]["applied"]["attachments"][0]["version"], "1.0.0", "{shown}");
    let node = "query($id: ID!) { node(id: $id) { id __typename ... on Cluster { name inventory { totalCount } } } }";
    let answer = harness.execute(node, json!({ "id": shown["cluster"]["id"] })).await;
    assert_eq!(answer["data"]["node"]["name"], "edge", "{answer}");
    assert!(answer["data"]["node"]["inventory"]["totalCount"].as_u64() > Some(0));
    let pack = harness.operation("pack_show", json!({ "name": "hello-universe", "version": "1.2.0" })).await;
    let version = json!({ "profile": "hello", "version": "1.0.0" });
    let version = harness.operation("profile_version_show", version).await;
    assert_eq!(version["profileVersion"]["layers"][0]["pack"]["name"], "hello-universe", "{version}");
    let profile = harness.operation("profile_show", json!({ "name": "hello" })).await;
    assert_eq!(profile["profile"]["versions"]["nodes"][0]["version"], "1.0.0", "{profile}");
    for id in [&pack["pack"]["id"], &version["profileVersion"]["id"], &profile["profile"]["id"]] {
        let answer = harness.execute(node, json!({ "id": id })).await;
        assert_eq!(&answer["data"]["node"]["id"], id, "{answer}");
    }
    for name in [
        "cluster_list",
        "cluster_history",
        "fleet_summary",
        "change_list",
        "orphan_list",
        "pack_list",
        "profile_list",
        "rollout_list",
        "pending_repaves",
    ] {
        harness.operation(name, json!({ "name": "edge" })).await;
    }

    // The end: sockets are told, everything stops. What was followed has not come to its end, and is not said to have.
    harness.cancel.cancel();
    for socket in [&mut socket, &mut fleet] {
        let close = loop {
            let message = socket.next().await;
            assert_ne!(message["type"], "complete", "{message}");
            if !message["close"].is_null() {
                break message;
            }
        };
        assert_eq!(close["close"], 1001);
    }
    harness.tracker.close();
    tokio::time::timeout(PATIENCE, harness.tracker.wait()).await.unwrap();
    harness.engine.stop().await;
    simulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_keeps_the_rules() {
    let harness = Harness::start().await;
    let address = harness.serve().await;

    let mut nobody = Socket::open(address, None).await;
    nobody.subscribe("1", "subscription { fleetEvents { cursor } }", json!({})).await;
    let answer = nobody.next().await;
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{answer}");
    assert_eq!(nobody.next().await["type"], "complete");

    let mut socket = Socket::open(address, Some(&harness.token)).await;
    socket.subscribe("1", "{ viewer { principal } }", json!({})).await;
    let answer = socket.next().await;
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "SUBSCRIPTIONS_ONLY", "{answer}");
    assert_eq!(socket.next().await["type"], "complete");
    socket.subscribe("1", &operation("change_progress"), json!({ "id": "nonsense" })).await;
    let answer = socket.next().await;
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "INVALID_INPUT", "{answer}");
    assert_eq!(socket.next().await["type"], "complete");
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["type"], "pong");
    socket.subscribe("2", "subscription { fleetEvents { cursor } }", json!({})).await;
    socket.subscribe("2", "subscription { fleetEvents { cursor } }", json!({})).await;
    assert_eq!(socket.next().await["close"], 4409);

    let (early, _) = connect_async(handshake(address)).await.unwrap();
    let mut early = Socket(early);
    early.subscribe("1", "subscription { fleetEvents { cursor } }", json!({})).await;
    assert_eq!(early.next().await["close"], 4401);

    let mut elsewhere = handshake(address);
    elsewhere.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    let mut other = handshake(address);
    other.headers_mut().insert("sec-websocket-protocol", "graphql-ws".parse().unwrap());
    for (request, expected) in [(elsewhere, StatusCode::FORBIDDEN), (other, StatusCode::BAD_REQUEST)] {
        match connect_async(request).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), expected),
            other => panic!("{other:?}"),
        }
    }
    harness.cancel.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_ends_its_subscriptions() {
    let harness = Harness::start().await;
    let address = harness.serve().await;
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    let cluster = simulator.add_cluster(ClusterOptions::new("edge")).await.unwrap();
    harness.operation("principal_create", json!({ "input": { "name": "vera", "kind": "PERSON" } })).await;
    harness.operation("role_grant", json!({ "input": { "principal": "vera", "role": "VIEWER" } })).await;
    let made =
        harness.operation("token_create", json!({ "input": { "principal": "vera", "name": "tv" } })).await;

    let mut socket = Socket::open(address, made["createToken"]["secret"].as_str()).await;
    socket.subscribe("1", "subscription { fleetEvents { event { summary } } }", json!({})).await;
    // The subscription stands once a later message is answered.
    socket.send(json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["type"], "pong");
    harness.operation("token_revoke", json!({ "input": { "id": made["createToken"]["token"]["id"] } })).await;
    let register =
        json!({ "name": "edge", "infrastructure": { "imported": { "kubeconfig": cluster.kubeconfig() } } });
    harness.operation("cluster_register", json!({ "input": register })).await;
    let answer = socket.next().await;
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED", "{answer}");
    assert_eq!(socket.next().await["type"], "complete");
    harness.cancel.cancel();
    simulator.shutdown().await;
}
