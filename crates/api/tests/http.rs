//! What the server refuses, and how it says so.
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod harness;

use axum::body::Body;
use harness::{Harness, code, operation};
use http::{Request, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use strata_api::{HttpOptions, SchemaOptions};
use strata_model::ports::Clock as _;

fn json_request(token: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::post("/graphql").header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(body)))
}

#[tokio::test]
async fn who_is_not_known_is_not_let_in() {
    let harness = Harness::start().await;
    let body = json!({ "query": "{ viewer { principal } }" }).to_string();
    for token in [None, Some("strata_nonsense")] {
        let (status, headers, answer) = harness.request(json_request(token, &body)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(headers.contains_key("www-authenticate"));
        let answer = parsed(&answer);
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{answer}");
        assert!(answer["errors"][0]["extensions"]["help"].as_str().is_some_and(|help| !help.is_empty()));
    }
    let (_, answer) = harness.post(body).await;
    assert_eq!(answer["data"]["viewer"]["principal"], "admin");
}

#[tokio::test]
async fn a_token_that_has_expired_says_so() {
    let harness = Harness::start().await;
    let expires_at = (harness.clock.now() + SignedDuration::from_secs(3600)).to_string();
    let input = json!({ "principal": "admin", "name": "for an hour", "expiresAt": expires_at });
    let made = harness.operation("token_create", json!({ "input": input })).await;
    let token = made["createToken"]["secret"].as_str().unwrap();
    let body = json!({ "query": "{ viewer { principal } }" }).to_string();
    let ask = async || harness.request(json_request(Some(token), &body)).await;
    assert_eq!(ask().await.0, StatusCode::OK);
    harness.clock.forward(3601);
    let (status, headers, answer) = ask().await;
    let answer = parsed(&answer);
    assert_eq!((status, code(&answer)), (StatusCode::UNAUTHORIZED, "TOKEN_EXPIRED"), "{answer}");
    assert!(headers.contains_key("www-authenticate"));
    let help = answer["errors"][0]["extensions"]["help"].as_str();
    assert!(help.is_some_and(|help| help.contains("strata token create")), "{answer}");
}

#[tokio::test]
async fn a_version_that_is_none_is_refused_with_its_reason() {
    let harness = Harness::start().await;
    let profile = json!({ "input": { "name": "web", "type": "FULL" } });
    harness.operation("profile_create", profile).await;
    for version in ["v1.0.0", "1.0", "1.0.0.develop", "latest"] {
        let input = json!({ "input": { "profile": "web", "version": version } });
        let made = harness.operation("profile_version_create", input).await;
        let error = &made["createProfileVersion"]["errors"][0];
        assert_eq!(error["code"], "INVALID_VERSION", "{version}: {made}");
        assert_eq!(error["path"], json!(["version"]), "{version}: {made}");
        assert!(error["message"].as_str().is_some_and(|message| message.contains(version)), "{made}");
        assert!(error["help"].as_str().is_some_and(|help| !help.is_empty()), "{made}");
    }
}

#[tokio::test]
async fn only_posted_json_is_taken() {
    let harness = Harness::start().await;
    let forms = Request::post("/graphql").header("content-type", "application/x-www-form-urlencoded");
    let plain = Request::post("/graphql").header("content-type", "text/plain");
    for request in [forms, plain, Request::post("/graphql")] {
        let request = request.header("authorization", format!("Bearer {}", harness.token));
        let (status, _, answer) = harness.request(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(code(&parsed(&answer)), "UNSUPPORTED_MEDIA_TYPE");
    }
    for path in ["/graphql?query=%7Bviewer%7Bprincipal%7D%7D", "/graphql?query=mutation%7Ba%7D"] {
        let (status, headers, _) = harness.request(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(headers["allow"], "POST");
    }
    let (status, answer) = harness.post("[{\"query\":\"{ viewer { principal } }\"}]").await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "BATCHING"));
    let (status, answer) = harness.post("{").await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "INVALID_REQUEST"));
    let (status, _, answer) = harness.request(Request::get("/nowhere").body(Body::empty()).unwrap()).await;
    assert_eq!((status, code(&parsed(&answer))), (StatusCode::NOT_FOUND, "NOT_FOUND"));
}

#[tokio::test]
async fn bodies_are_bounded() {
    let options = HttpOptions { body_limit: 1000, pack_body_limit: 2000, ..HttpOptions::default() };
    let harness = Harness::with(options).await;
    let body = |length: usize| {
        json!({ "query": format!("{{ viewer {{ principal }} }} #{}", "x".repeat(length)) }).to_string()
    };
    assert_eq!(harness.post(body(1500)).await.0, StatusCode::OK, "an administrator may publish packs");
    let (status, answer) = harness.post(body(2500)).await;
    assert_eq!((status, code(&answer)), (StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED"));

    harness.operation("principal_create", json!({ "input": { "name": "olga", "kind": "PERSON" } })).await;
    harness.operation("role_grant", json!({ "input": { "principal": "olga", "role": "OPERATOR" } })).await;
    let made = harness
        .operation("token_create", json!({ "input": { "principal": "olga", "name": "laptop" } }))
        .await;
    let token = made["createToken"]["secret"].as_str().unwrap();
    let (status, _, answer) = harness.request(json_request(Some(token), &body(1500))).await;
    assert_eq!((status, code(&parsed(&answer))), (StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED"));
    assert_eq!(harness.request(json_request(Some(token), &body(500))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn documents_are_bounded() {
    let harness = Harness::start().await;
    let refused = async |query: String| {
        let answer = harness.execute(&query, Value::Null).await;
        assert!(answer["errors"].is_array(), "{query}: {answer}");
        answer
    };
    let aliases: String = (0..60).map(|index| format!("a{index}: viewer {{ principal }} ")).collect();
    assert_eq!(code(&refused(format!("{{ {aliases} }}")).await), "LIMIT_EXCEEDED");
    let roots = "viewer { principal } ".repeat(30);
    assert_eq!(code(&refused(format!("{{ {roots} }}")).await), "LIMIT_EXCEEDED");

    let deep = "{ clusters { nodes { changes { nodes { rollout { targets { nodes { cluster } } history { nodes { at } } } \
                plan { layers { changes { path } } } history { edges { node { at } } } } } } } }";
    let answer = harness.execute(deep, Value::Null).await;
    assert!(answer["errors"][0]["message"].as_str().is_some_and(|m| m.contains("too complex")), "{answer}");
    let of_type = "ofType { ".repeat(14);
    let nested = format!(
        "{{ __type(name: \"Query\") {{ fields {{ type {{ {of_type} name {} }} }} }} }}",
        "} ".repeat(14)
    );
    let answer = harness.execute(&nested, Value::Null).await;
    assert!(answer["errors"][0]["message"].as_str().is_some_and(|m| m.contains("deep")), "{answer}");
    let bottomless = format!("{}x{}", "{ a ".repeat(5000), "}".repeat(5000));
    refused(bottomless).await;
}

#[tokio::test]
async fn standard_introspection_fits_the_limits_and_can_be_switched_off() {
    let of_type = "ofType { kind name ".repeat(9) + &"} ".repeat(9);
    let query = format!(
        "query {{ __schema {{ types {{ name fields {{ name args {{ name type {{ kind name {of_type} }} }} type {{ kind name {of_type} }} }} }} }} }}"
    );
    let harness = Harness::start().await;
    let answer = harness.execute(&query, Value::Null).await;
    assert!(
        answer["data"]["__schema"]["types"].as_array().is_some_and(|types| types.len() > 100),
        "{answer}"
    );

    let schema = SchemaOptions { introspection: false, ..SchemaOptions::default() };
    let closed = Harness::with(HttpOptions { schema, ..HttpOptions::default() }).await;
    let answer = closed.execute("{ __schema { types { name } } }", Value::Null).await;
    assert!(answer["data"]["__schema"].is_null(), "{answer}");
    let path = Request::get("/schema.graphql").body(Body::empty()).unwrap();
    assert_eq!(closed.request(path).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn answers_carry_what_browsers_must_know() {
    let harness = Harness::start().await;
    let request = json_request(Some(&harness.token), "{\"query\":\"{ viewer { principal } }\"}");
    let (_, headers, _) = harness.request(request).await;
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["cache-control"], "no-store");
    assert!(headers.contains_key("x-request-id") && headers.contains_key("content-security-policy"));

    let mut own = json_request(Some(&harness.token), "{}");
    own.headers_mut().insert("x-request-id", http::HeaderValue::from_static("deploy-42"));
    assert_eq!(harness.request(own).await.1["x-request-id"], "deploy-42");
    let mut odd = json_request(Some(&harness.token), "{}");
    odd.headers_mut().insert("x-request-id", http::HeaderValue::from_static("a b"));
    assert_ne!(harness.request(odd).await.1["x-request-id"], "a b");
}

#[tokio::test]
async fn the_page_needs_nobody_else() {
    let harness = Harness::start().await;
    for path in ["/", "/graphql"] {
        let request = Request::get(path).header("accept", "text/html,*/*").body(Body::empty()).unwrap();
        let (status, headers, body) = harness.request(request).await;
        let page = String::from_utf8(body).unwrap();
        assert_eq!(status, StatusCode::OK);
        assert!(headers["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
        assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
        assert!(!page.contains("onclick=") && !page.contains("<style>"), "nothing that the policy forbids");
    }
    for path in ["/explorer.js", "/explorer.css", "/schema.graphql", "/healthz", "/readyz"] {
        let (status, _, body) = harness.request(Request::get(path).body(Body::empty()).unwrap()).await;
        assert!(status == StatusCode::OK && !body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn refusals_are_told_with_code_place_and_way_out() {
    let harness = Harness::start().await;
    // A query answers with a top-level error.
    let answer = harness.execute(&operation("pack_list"), json!({ "first": 1000 })).await;
    assert_eq!(code(&answer), "LIMIT_EXCEEDED");
    assert_eq!(answer["errors"][0]["extensions"]["path"], json!(["first"]));
    let answer = harness.execute(&operation("change_show"), json!({ "id": "nonsense" })).await;
    assert_eq!(code(&answer), "INVALID_INPUT");
    let answer = harness.execute(&operation("pack_list"), json!({ "project": "elsewhere" })).await;
    assert_eq!(code(&answer), "NOT_FOUND");

    // A mutation answers in its payload.
    let data = harness
        .operation("profile_create", json!({ "input": { "name": "Not A Name", "type": "ADDON" } }))
        .await;
    let error = &data["createProfile"]["errors"][0];
    assert_eq!((&error["__typename"], &error["code"]), (&json!("InputError"), &json!("INVALID_INPUT")));
    assert_eq!(error["path"], json!(["name"]));
    let make = json!({ "input": { "name": "web", "type": "ADDON" } });
    let data = harness.operation("profile_create", make.clone()).await;
    assert_eq!(
        data["createProfile"],
        json!({ "profile": { "id": data["createProfile"]["profile"]["id"], "name": "web", "type": "ADDON" }, "errors": [] })
    );
    let data = harness.operation("profile_create", make).await;
    assert_eq!(data["createProfile"]["errors"][0]["code"], "DUPLICATE_NAME");
    assert_eq!(data["createProfile"]["profile"], Value::Null);

    // What was made is found by its id as well, and everything was audited.
    let audit = harness.operation("audit_list", json!({})).await;
    let outcomes: Vec<&str> = audit["auditEvents"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|node| node["outcome"].as_str())
        .collect();
    for outcome in ["OK", "DUPLICATE_NAME", "INVALID_INPUT"] {
        assert!(outcomes.contains(&outcome), "{outcomes:?}");
    }
}

#[tokio::test]
async fn people_get_roles_and_tokens() {
    let harness = Harness::start().await;
    harness
        .operation("principal_create", json!({ "input": { "name": "vera", "kind": "SERVICE_ACCOUNT" } }))
        .await;
    let granted =
        harness.operation("role_grant", json!({ "input": { "principal": "vera", "role": "VIEWER" } })).await;
    assert_eq!(granted["grantRole"]["principal"]["roles"][0]["role"], "VIEWER", "{granted}");
    let made =
        harness.operation("token_create", json!({ "input": { "principal": "vera", "name": "ci" } })).await;
    assert_eq!(made["createToken"]["token"]["principal"], "vera");
    let secret = made["createToken"]["secret"].as_str().unwrap();

    let ask = |query: &str| json_request(Some(secret), &json!({ "query": query }).to_string());
    let (_, _, answer) = harness.request(ask(&operation("viewer"))).await;
    assert_eq!(parsed(&answer)["data"]["viewer"]["kind"], "SERVICE_ACCOUNT");
    let create = "mutation { createProfile(input: { name: \"x\", type: ADDON }) { errors { code } } }";
    let (_, _, answer) = harness.request(ask(create)).await;
    assert_eq!(parsed(&answer)["data"]["createProfile"]["errors"][0]["code"], "FORBIDDEN");
    let (_, _, answer) = harness.request(ask("{ tokens { nodes { name } } }")).await;
    assert_eq!(code(&parsed(&answer)), "FORBIDDEN");

    let id = &made["createToken"]["token"]["id"];
    let revoked = harness.operation("token_revoke", json!({ "input": { "id": id } })).await;
    assert!(revoked["revokeToken"]["token"]["revokedAt"].is_string(), "{revoked}");
    assert_eq!(harness.request(ask("{ viewer { principal } }")).await.0, StatusCode::UNAUTHORIZED);
    let listed = harness.operation("token_list", json!({})).await;
    assert_eq!(listed["tokens"]["nodes"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn too_much_and_too_long_are_turned_away() {
    let busy = Harness::with(HttpOptions { requests: 0, ..HttpOptions::default() }).await;
    let (status, answer) = busy.post("{}").await;
    assert_eq!((status, code(&answer)), (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED"));
    let options = HttpOptions { request_timeout: std::time::Duration::ZERO, ..HttpOptions::default() };
    let slow = Harness::with(options).await;
    let (status, answer) = slow.post("{}").await;
    assert_eq!((status, code(&answer)), (StatusCode::GATEWAY_TIMEOUT, "TIMEOUT"));
}
