//! Secrets stay where they belong.
//!
//! A canary comes in by every door that a secret has: variables, values, manifests, kubeconfigs, tokens, the master key.
//! Then all that the product does is done, also what goes wrong, and then every place that anybody could look at is
//! searched: the database, the log with all there is to log, every answer of the interface, the output of the commands,
//! and the clusters' objects outside of the fields that the templates put the secret into.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use strata_cli::{
    client::Client,
    exit::CliError,
    operations::{self, Operation},
};
use strata_model::pack::PackFiles;
use strata_sim::{ClusterOptions, SimCluster, Simulator, SimulatorOptions};
use strata_tests::{
    Database, Postgres, Server, Subscription,
    canary::{Canary, Leak, Search, middle_line},
    program,
    scenario::{Person, admin, describe},
    tally::KINDS,
};

const VALUES: &str = "pack:\n  namespace: vault\nmanifests:\n  all:\n    mode: none\n    size: large\n    fromVariable: '{{.strata.var.dbPassword}}'\n    \
    password: ''\n    plain: ''\n    note: none\n";
const SCHEMA: &str = "manifests.all.password:\n  schema: '{{ format \"${password:[a-z0-9]*}\" }}'\n";

/// What a pack of this test renders. `LITERAL` and `ENCODED` are put in.
const MANIFEST: &str = r#"
apiVersion: v1
kind: Secret
metadata:
  name: vault
stringData:
  fromVariable: {{ .Values.fromVariable | quote }}
  password: {{ .Values.password | quote }}
  plain: {{ .Values.plain | quote }}
  literal: LITERAL
  generated: {{ randAlphaNum 30 | quote }}
data:
  encoded: ENCODED
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: derived
  annotations:
    note: {{ .Values.note | quote }}
data:
  url: "postgres://user:{{ .Values.password }}@db/{{ .Values.plain }}"
{{- if eq .Values.size "large" }}
---
apiVersion: v1
kind: Secret
metadata:
  name: left-behind
stringData:
  password: {{ .Values.password | quote }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: left-behind
spec:
  replicas: 2
  selector:
    matchLabels: {app: left-behind}
  template:
    metadata:
      labels: {app: left-behind}
    spec:
      containers:
        - name: main
          image: nginx:1.27
          env:
            - name: FROM_VARIABLE
              value: {{ .Values.fromVariable | quote }}
{{- end }}
{{- if eq .Values.mode "fail" }}{{ fail (printf "bad password %s" .Values.password) }}{{ end }}
{{- if eq .Values.mode "number" }}{{ mustToJson (atoi .Values.fromVariable) }}{{ mustFromJson .Values.fromVariable }}{{ end }}
{{- if eq .Values.mode "yaml" }}
---
{{ .Values.plain }}: [{{ .Values.fromVariable }}
{{- end }}
{{- if eq .Values.mode "index" }}{{ index .Values .Values.password "x" }}{{ end }}
{{- if eq .Values.mode "base64" }}{{ required (printf "not %s" (b64enc .Values.plain)) "" }}{{ end }}
{{- if eq .Values.mode "label" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: refused
  labels:
    password: "{{ .Values.password }} {{ .Values.fromVariable }}"
{{- end }}
{{- if eq .Values.mode "kind" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: refused-too
data:
  "{{ .Values.plain }}": 1
binaryData:
  "{{ .Values.plain }} {{ .Values.fromVariable }}": "{{ .Values.password }}"
{{- end }}
"#;

macro_rules! operation {
    ($name:literal, $text:literal) => {
        Operation { name: $name, text: $text }
    };
}

const PLAN: Operation = operation!(
    "plan",
    "query($id: ID!) { node(id: $id) { id ... on Change { reason moved blockedBy failure { code message help object }
        steps { title message } history(first: 100) { nodes { type actor summary cause } }
        plan { id planDigest kind layers { layer current pending diff changes { path before after } provenance { path origin } overridePatch redundant }
            actions { action object { kind name } apiVersion changes { path before after } note } orphans { object { kind name } changes { path before after } note }
            findings { code message help path object } conflicts { path base ours theirs message } factsRead { key value } repave { reasons { message } } } } } }"
);
/// What can be asked about a cluster, in parts, since the server bounds what one question may cost.
const CLUSTER: [Operation; 4] = [
    operation!(
        "a_cluster",
        "query($name: String!) { cluster(name: $name) { id name labels { key value } connection state
            phase { reason } connectivity { value reason } health { reason } activity { reason }
            applied { digest attachments { contentDigest } overrides { layer patch } variables { name value } held { reason } }
            wanted { overrides { patch } variables { name value } } } }"
    ),
    operation!(
        "its_inventory",
        "query($name: String!) { cluster(name: $name) { inventory(first: 50) { nodes { object { kind name } apiVersion layer revision } } } }"
    ),
    operation!(
        "its_orphans",
        "query($name: String!) { cluster(name: $name) { orphans(first: 20) { nodes { object { kind name } note restore { former } } } } }"
    ),
    operation!(
        "its_history",
        "query($name: String!) { cluster(name: $name) { history(first: 100) { nodes { type actor summary cause } } } }"
    ),
];
const CHANGES: Operation =
    operation!("changes", "{ changes(first: 50) { nodes { id reason failure { message help } } } }");
const REST: [Operation; 11] = [
    operation!(
        "who",
        "{ viewer { principal roles { project role } projects } principals(first: 20) { nodes { id name } } fleetSummary { total } }"
    ),
    operation!("tokens", "{ tokens(first: 20) { nodes { id name principal prefix } } }"),
    operation!(
        "packs",
        "{ packs(first: 10) { nodes { name version digest values schema manifests presets { name add } } } }"
    ),
    operation!(
        "profiles",
        "{ profiles(first: 5) { nodes { id name latest { contentDigest layers { name values manifests { name text } pack { digest } } variables { name defaultValue options { value } regex } revisions { digest } problems { message help } } } } }"
    ),
    operation!(
        "exported",
        "{ exportProfile(profile: \"vault\", version: \"1.1.0\") { contentDigest text files { content } masks } }"
    ),
    operation!(
        "compared",
        "{ compareProfileVersions(from: {profile: \"vault\", version: \"1.0.0\"}, to: {profile: \"vault\", version: \"1.1.0\"}) {
            layers { diff settings { path before after } values { path before after } } objects { changes { path before after } } notRendered { message } } }"
    ),
    operation!("macros", "{ macros(first: 10) { nodes { name value description } } }"),
    operation!(
        "audit",
        "{ auditEvents(first: 100) { nodes { actor operation subject outcome reason cause } } }"
    ),
    operation!(
        "clusters",
        "{ clusters(first: 20) { nodes { name labels { value } connectivity { reason } health { reason } } } }"
    ),
    operation!("orphans", "{ orphans(first: 50) { nodes { note restore { former } } } }"),
    operation!(
        "rollouts",
        "{ pendingRepaves(first: 10) { nodes { id } } rollouts(first: 10) { nodes { id name reason } } }"
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() -> Result<()> {
    Box::pin(nothing_leaks(Database::Sqlite)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() -> Result<()> {
    let Some(postgres) = Postgres::shared_or_leave_out().await else { return Ok(()) };
    Box::pin(nothing_leaks(Database::Postgres(postgres.fresh_database().await?))).await
}

/// A client that keeps all that it was answered.
struct Listener {
    client: Client,
    url: String,
    token: String,
    answers: Mutex<String>,
}

impl Listener {
    fn heard(&self, text: &str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.push_str(text);
        answers.push('\n');
    }

    async fn ask(&self, operation: Operation, variables: Value) -> Result<Value, CliError> {
        let answer = self.client.send(operation, variables).await;
        match &answer {
            Ok(data) => self.heard(&format!("{}: {data}", operation.name)),
            Err(error) => self.heard(&format!("{}: {error} {error:?}", operation.name)),
        }
        answer
    }

    /// A mutation: its payload, which may hold errors.
    async fn tell(&self, operation: Operation, field: &str, input: Value) -> Result<Value> {
        let data = self.ask(operation, json!({"input": input})).await.map_err(describe)?;
        Ok(data[field].clone())
    }
}

/// The doors, each with its canary; and what is no secret and must be found.
struct Doors {
    variable: Canary,
    default: Canary,
    profile: Canary,
    password: Canary,
    plain: Canary,
    literal: Canary,
    encoded: Canary,
    kubeconfig: Canary,
    client_key: Canary,
    misfit: Canary,
    broken_kubeconfig: Canary,
    wrong_token: Canary,
    syntax: Canary,
    attached: Canary,
    named_macro: Canary,
    /// No secret.
    open: Canary,
}

impl Doors {
    fn draw(client_key: &str) -> Result<Self> {
        Ok(Self {
            variable: Canary::draw("a sensitive variable")?,
            default: Canary::draw("a refused default of a sensitive variable")?,
            profile: Canary::draw("a profile's value with the format password")?,
            password: Canary::draw("an override with the format password")?,
            plain: Canary::draw("an override that flows into a Secret")?,
            literal: Canary::draw("stringData in a pack")?,
            encoded: Canary::draw("data in a pack")?,
            kubeconfig: Canary::draw("the token of a kubeconfig")?,
            client_key: Canary::given("the client key of a kubeconfig", middle_line(client_key)?),
            misfit: Canary::draw("a refused value of a sensitive variable")?,
            broken_kubeconfig: Canary::draw("a token in a broken kubeconfig")?,
            wrong_token: Canary::draw("a bearer token that is not valid")?,
            syntax: Canary::draw("a variable in a request that is no GraphQL")?,
            attached: Canary::draw("a Secret among a profile's own manifests")?,
            named_macro: Canary::draw("a sensitive macro")?,
            open: Canary::draw("no secret")?,
        })
    }

    fn secrets(&self) -> Vec<&Canary> {
        vec![
            &self.variable,
            &self.default,
            &self.profile,
            &self.password,
            &self.plain,
            &self.literal,
            &self.encoded,
            &self.kubeconfig,
            &self.client_key,
            &self.misfit,
            &self.broken_kubeconfig,
            &self.wrong_token,
            &self.syntax,
            &self.attached,
            &self.named_macro,
        ]
    }
}

async fn nothing_leaks(database: Database) -> Result<()> {
    let key = rcgen::KeyPair::generate()?;
    let doors = Doors::draw(&key.serialize_pem())?;
    let mut server = Server::start(program!(), database.clone()).await?;
    server.set_log("trace");
    server.restart().await?;
    let simulator = Simulator::start(SimulatorOptions::default()).await?;
    let options =
        ClusterOptions { token: Some(doors.kubeconfig.text.clone()), ..ClusterOptions::new("edge-1") };
    let cluster = simulator.add_cluster(options).await?;
    let admin = admin(&server)?;
    let created = admin.hire(&server, "alice", &["AUTHOR", "OPERATOR", "APPROVER", "ADMIN"]).await?;
    let listener = Listener {
        client: server.client_with("alice", &created.token)?,
        url: server.url(),
        token: created.token.clone(),
        answers: Mutex::default(),
    };

    publish(&listener, &doors).await.context("publishing")?;
    register(&listener, &doors, &cluster, &key).await.context("registering")?;
    first_apply(&listener, &doors).await.context("the first apply")?;
    failures(&listener, &doors).await.context("failures")?;
    strangers(&server, &doors).await.context("strangers")?;
    upgrade(&listener, &doors).await.context("the upgrade")?;
    let output = commands(&server, &listener).await.context("commands")?;
    questions(&listener).await.context("questions")?;
    // A server that is killed leaves all that it left on the disk.
    server.kill();

    let mut canaries: Vec<Canary> = doors.secrets().into_iter().cloned().collect();
    canaries.extend(generated(&cluster)?);
    let mut finds = in_cluster(&Search::new(&canaries)?, &cluster);
    canaries.extend(tokens(&server, &created)?);
    canaries.push(master_key(&server)?);
    let secret = Search::new(&canaries)?;
    let open = Search::new([&doors.open])?;
    let mut places: Vec<(String, Vec<u8>)> = database_dump(&server, &database).await?;
    let log = std::fs::read_to_string(server.log_path())?;
    places.push(("the log".to_owned(), without_announcement(&log, &server)?.into_bytes()));
    let answers = listener.answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    places.push(("the answers".to_owned(), answers.into_bytes()));
    places.push(("the commands' output".to_owned(), output));
    // The open word goes through no line of the log; what a failed change writes does.
    ensure!(log.contains("a change has failed"), "the log does not say what it should");
    for what in ["the database", "the answers", "the commands' output"] {
        let found = places
            .iter()
            .any(|(place, bytes)| place.starts_with(what) && !open.find(place, bytes).is_empty());
        ensure!(found, "the search finds nothing in {what}, not even what is there");
    }
    ensure!(!in_cluster(&open, &cluster).is_empty(), "the search finds nothing in the cluster");
    for (place, bytes) in &places {
        finds.extend(secret.find(place, bytes).into_iter().filter(|leak| !is_kept_hash(leak)));
    }
    let report: Vec<String> = finds.iter().map(|leak| format!("{leak:?}")).collect();
    ensure!(finds.is_empty(), "{} leaks:\n{}", finds.len(), report.join("\n"));
    Ok(())
}

/// Of API tokens a plain hash is kept: what nobody can guess needs no key.
fn is_kept_hash(leak: &Leak) -> bool {
    leak.canary.starts_with("the whole token")
        && leak.place.starts_with("the database")
        && leak.form.starts_with("SHA-256")
}

async fn publish(listener: &Listener, doors: &Doors) -> Result<()> {
    let manifest = MANIFEST
        .replace("LITERAL", &doors.literal.text)
        .replace("ENCODED", &STANDARD.encode(&doors.encoded.text));
    let description = json!({"name": "vault", "displayName": "Vault", "version": "1.0.0", "layer": "addon",
        "cloudTypes": ["all"], "kubeManifests": ["manifests/all.yaml"]});
    let files = PackFiles::from([
        ("pack.json".to_owned(), description.to_string().into_bytes()),
        ("values.yaml".to_owned(), VALUES.as_bytes().to_vec()),
        ("schema.yaml".to_owned(), SCHEMA.as_bytes().to_vec()),
        ("manifests/all.yaml".to_owned(), manifest.into_bytes()),
    ]);
    let files: Vec<Value> = files
        .iter()
        .map(|(path, bytes)| json!({"path": path, "contentBase64": STANDARD.encode(bytes)}))
        .collect();
    no_errors(&listener.tell(operations::PACK_PUBLISH, "publishPack", json!({"files": files})).await?)?;
    listener
        .tell(operations::PROFILE_CREATE, "createProfile", json!({"name": "vault", "type": "ADDON"}))
        .await?;
    let secret = json!({"name": "login", "value": doors.named_macro.text, "sensitive": true});
    no_errors(&listener.tell(operations::MACRO_SET, "setMacro", secret).await?)?;
    // What is only a mistake is told without what it was about.
    for wrong in ["{{.strata.macro.login", "‹secret:0123456789ab›"] {
        let input = json!({"name": "login", "value": format!("{}{wrong}}}}}", doors.named_macro.text)});
        listener.tell(operations::MACRO_SET, "setMacro", input).await?;
    }
    let secret = json!({"name": "login", "value": doors.named_macro.text});
    no_errors(&listener.tell(operations::MACRO_SET, "setMacro", secret).await?)?;
    for (version, size) in [("1.0.0", "large"), ("1.1.0", "small")] {
        let input = json!({"profile": "vault", "version": version});
        listener.tell(operations::PROFILE_VERSION_CREATE, "createProfileVersion", input.clone()).await?;
        let values = format!(
            "manifests:\n  all:\n    size: {size}\n    password: {}\n    note: {}\n",
            doors.profile.text, doors.open.text
        );
        let variable = |name: &str, default: Value, regex: Value| json!({"name": name, "sensitive": true, "defaultValue": default, "regex": regex});
        let content = json!({
            "layers": [{"name": "vault", "pack": {"name": "vault", "version": "1.0.0"}, "values": values,
                "manifests": [{"name": "own", "text": format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: own, namespace: vault}}\n\
                    stringData:\n  literal: {} # {size}\n  login: '{{{{.strata.macro.login}}}}'\n", doors.attached.text)}]}],
            "variables": [variable("dbPassword", Value::Null, json!("^[a-z0-9]+$"))],
        });
        let mut careless = content.clone();
        careless["variables"] = json!([variable("dbPassword", json!(doors.default.text), Value::Null)]);
        let draft = json!({"profile": "vault", "version": version, "content": careless});
        let careless = listener.tell(operations::PROFILE_DRAFT_UPDATE, "updateDraft", draft).await?;
        ensure!(no_errors(&careless).is_err(), "a secret that everybody can read is taken as a default");
        let draft = json!({"profile": "vault", "version": version, "content": content});
        no_errors(&listener.tell(operations::PROFILE_DRAFT_UPDATE, "updateDraft", draft).await?)?;
        no_errors(&listener.tell(operations::PROFILE_PUBLISH, "publishProfileVersion", input).await?)?;
    }
    Ok(())
}

async fn register(
    listener: &Listener,
    doors: &Doors,
    cluster: &SimCluster,
    key: &rcgen::KeyPair,
) -> Result<()> {
    let input = |name: &str, kubeconfig: &str| {
        json!({"name": name, "labels": [{"key": "note", "value": doors.open.text}],
            "infrastructure": {"imported": {"kubeconfig": kubeconfig}}})
    };
    let kubeconfig = cluster.kubeconfig();
    no_errors(
        &listener.tell(operations::CLUSTER_REGISTER, "registerCluster", input("edge-1", &kubeconfig)).await?,
    )?;
    let certificate = rcgen::CertificateParams::new(vec!["strata".to_owned()])?.self_signed(key)?;
    let by_key = format!(
        "client-certificate-data: {}\n    client-key-data: {}",
        STANDARD.encode(certificate.pem()),
        STANDARD.encode(key.serialize_pem())
    );
    let by_key = kubeconfig.replace(&format!("token: {}", doors.kubeconfig.text), &by_key);
    no_errors(
        &listener.tell(operations::CLUSTER_REGISTER, "registerCluster", input("edge-2", &by_key)).await?,
    )?;
    for broken in [
        kubeconfig.replace(
            &doors.kubeconfig.text,
            &format!("\"{} {}\"", doors.broken_kubeconfig.text, "two words"),
        ),
        kubeconfig.replace(&doors.kubeconfig.text, &format!("{{{}", doors.broken_kubeconfig.text)),
        kubeconfig.replace("https://", &format!("https://user:{}@", doors.broken_kubeconfig.text)),
    ] {
        let answer =
            listener.tell(operations::CLUSTER_REGISTER, "registerCluster", input("edge-3", &broken)).await?;
        ensure!(no_errors(&answer).is_err(), "a broken kubeconfig was taken");
    }
    Ok(())
}

fn wish(doors: &Doors, version: &str, mode: &str) -> Value {
    let set =
        |path: &str, value: &str| json!({"set": {"path": format!("manifests.all.{path}"), "value": value}});
    json!({
        "cluster": "edge-1", "attach": [{"profile": "vault", "version": version}],
        "variables": [{"name": "dbPassword", "value": doors.variable.text}],
        "overrides": [{"layer": "vault", "patch": [
            set("password", &doors.password.text), set("plain", &doors.plain.text), set("mode", mode)]}],
    })
}

fn request(wish: Value, reason: &str) -> Value {
    let mut wish = wish;
    wish["reason"] = json!(reason);
    wish["applyWhenReady"] = json!(true);
    wish
}

async fn ended(listener: &Listener, answer: &Value) -> Result<Value> {
    no_errors(answer)?;
    let id = answer["change"]["id"].as_str().context("no change")?;
    if answer["change"]["requirements"]
        .as_array()
        .is_some_and(|list| list.iter().any(|it| it["satisfied"] == false))
    {
        let input = json!({"changeId": id, "planDigest": answer["change"]["planDigest"], "reason": "agreed"});
        no_errors(&listener.tell(operations::CHANGE_APPROVE, "approveChange", input).await?)?;
    }
    let (url, token) = (&listener.url, &listener.token);
    let progress = operations::CHANGE_PROGRESS;
    let items =
        Subscription::start(url, token, progress, "changeProgress", json!({"id": id})).await?.rest().await?;
    for item in &items {
        listener.heard(&item.to_string());
    }
    listener.ask(PLAN, json!({"id": id})).await.map_err(describe)?;
    listener.ask(operations::EXPLAIN_WAIT, json!({"id": id})).await.map_err(describe)?;
    Ok(items.last().context("no item")?["change"].clone())
}

async fn first_apply(listener: &Listener, doors: &Doors) -> Result<()> {
    let wish = wish(doors, "1.0.0", "none");
    listener.ask(operations::PREVIEW_UPGRADE, json!({"input": wish})).await.map_err(describe)?;
    let answer =
        listener.tell(operations::CHANGE_REQUEST, "requestUpgrade", request(wish, &doors.open.text)).await?;
    let change = ended(listener, &answer).await?;
    ensure!(change["state"] == "SUCCEEDED", "{change:#}");
    Ok(())
}

/// What goes wrong, each time with a secret at hand to be quoted.
async fn failures(listener: &Listener, doors: &Doors) -> Result<()> {
    for mode in ["fail", "number", "yaml", "index", "base64"] {
        let refused =
            listener.ask(operations::PREVIEW_UPGRADE, json!({"input": wish(doors, "1.0.0", mode)})).await;
        // What does not render is refused, or has a plan that says so and can never be carried out.
        let blocks = |plan: &Value| {
            let findings = plan["previewUpgrade"]["findings"].as_array().into_iter().flatten();
            findings.into_iter().any(|finding| finding["severity"] == "BLOCK")
        };
        ensure!(refused.as_ref().map_or(true, blocks), "the mode {mode} renders: {refused:?}");
    }
    // Another value than the variable's pattern, and than the schema, allows; and one that breaks YAML.
    let misfit =
        |value: &str| json!({"cluster": "edge-1", "variables": [{"name": "dbPassword", "value": value}]});
    let override_with = |value: Value| {
        json!({"cluster": "edge-1", "overrides": [{"layer": "vault", "patch":
            [{"set": {"path": "manifests.all.password", "value": value}}]}]})
    };
    for input in [
        misfit(&format!("{}!", doors.misfit.text)),
        misfit(&format!("{}\": [", doors.misfit.text)),
        override_with(json!(format!("{} {}", doors.misfit.text, "NOT FIT"))),
        override_with(json!({"a": doors.misfit.text})),
        json!({"cluster": "edge-1", "overrides": [{"layer": "vault", "values": format!("manifests:\n  all:\n    password: {{{}\n", doors.misfit.text)}]}),
        json!({"cluster": "edge-1", "overrides": [{"layer": "vault", "values": format!("manifests:\n  all:\n    password: {}\n    mode: fail\n", doors.misfit.text)}]}),
        json!({"cluster": "edge-1", "overrides": [{"layer": "nowhere", "patch": [{"set": {"path": "password", "value": doors.misfit.text}}]}]}),
    ] {
        let _ = listener.ask(operations::PREVIEW_UPGRADE, json!({"input": input})).await;
        let mut input = input;
        input["reason"] = json!("a mistake");
        let _ = listener.ask(operations::CHANGE_REQUEST, json!({"input": input})).await;
    }
    let input = json!({"cluster": "edge-1", "variables": [{"name": "dbPassword", "value": format!("{}!", doors.misfit.text)}]});
    let _ = listener.ask(operations::VARIABLES_SET, json!({"input": input})).await;
    // The cluster refuses an object and quotes it.
    for mode in ["label", "kind"] {
        let answer = listener
            .tell(operations::CHANGE_REQUEST, "requestUpgrade", request(wish(doors, "1.0.0", mode), mode))
            .await?;
        let change = ended(listener, &answer).await?;
        ensure!(change["state"] == "FAILED", "the mode {mode} is applied: {change:#}");
        let message = change["failure"]["message"].to_string();
        ensure!(message.contains("‹secret") || mode == "kind", "nothing was to be masked in {message}");
        listener.ask(operations::CHANGE_SHOW, json!({"id": change["id"]})).await.map_err(describe)?;
        let cancel = json!({"changeId": change["id"], "reason": "give up"});
        listener.tell(operations::CHANGE_CANCEL, "cancelChange", cancel).await?;
    }
    Ok(())
}

/// Requests of somebody who has no business here, or does not know the language.
async fn strangers(server: &Server, doors: &Doors) -> Result<()> {
    let stranger = server.client_with("stranger", &format!("strata_abcdefgh_{}", doors.wrong_token.text))?;
    ensure!(stranger.send(CHANGES, json!({})).await.is_err(), "a wrong token is accepted");
    let stranger = server.client_with("stranger", &doors.wrong_token.text)?;
    ensure!(stranger.send(CHANGES, json!({})).await.is_err(), "a wrong token is accepted");
    let client = server.client()?;
    let query = "mutation($input: SetVariablesInput!) { setVariables(input: $input) { errors { message } } }";
    let secret = &doors.syntax.text;
    let mut answers = Vec::new();
    for variables in [
        json!({"input": {"cluster": "edge-1", "variables": [{"name": "dbPassword", "value": [secret]}]}}),
        json!({"input": {"cluster": "edge-1", "variables": {"dbPassword": secret}}}),
        json!({"input": {"cluster": 7, "variables": [{"name": "dbPassword", "value": secret}]}}),
    ] {
        answers.push(client.send(Operation { name: "misfit", text: query }, variables).await);
    }
    // The answer to a text that is no GraphQL may point at the place, in the caller's own words; the log may not.
    let inline: &'static str = format!(
        "mutation {{ setVariables(input: {{variables: [{{value: \"{secret}\"}}]}}) {{ errors {{ message }} }}"
    )
    .leak();
    answers.push(client.send(Operation { name: "inline", text: inline }, json!({})).await);
    ensure!(answers.iter().all(Result::is_err), "a request that is no GraphQL is answered: {answers:?}");
    Ok(())
}

async fn upgrade(listener: &Listener, doors: &Doors) -> Result<()> {
    let mut wish = wish(doors, "1.1.0", "none");
    let preview =
        listener.ask(operations::PREVIEW_UPGRADE, json!({"input": wish})).await.map_err(describe)?;
    let pending = &preview["previewUpgrade"]["layers"][0]["pending"];
    ensure!(pending.as_str().is_some_and(|text| text.contains("‹secret:")), "no mask in {pending}");
    let mut live = wish.clone();
    live["live"] = json!(true);
    let asked = listener.ask(operations::PREVIEW_UPGRADE, json!({"input": live})).await.map_err(describe)?;
    ensure!(asked.pointer("/previewUpgrade/evidence/reached") == Some(&json!(true)), "{asked:#}");
    // What was shown comes back: the masks mean that nothing is changed there.
    wish["overrides"] = json!([{"layer": "vault", "values": pending}]);
    wish["variables"] = json!([]);
    listener.ask(operations::PREVIEW_UPGRADE, json!({"input": wish})).await.map_err(describe)?;
    let answer = listener.tell(operations::CHANGE_REQUEST, "requestUpgrade", request(wish, "spring")).await?;
    let change = ended(listener, &answer).await?;
    ensure!(change["state"] == "SUCCEEDED", "{change:#}");
    for decision in ["SCALE_TO_ZERO", "DELETE", "KEEP"] {
        let input = json!({"input": {"cluster": "edge-1", "orphanIds": [], "decision": decision}});
        let _ = listener.ask(operations::PREVIEW_ORPHAN_CLEANUP, input).await;
    }
    for (operation, field) in [
        (operations::ORPHANS_SCALE, "scaleOrphansToZero"),
        (operations::ORPHANS_RESTORE, "restoreOrphans"),
        (operations::ORPHANS_DELETE, "deleteOrphans"),
    ] {
        let input = json!({"cluster": "edge-1", "orphanIds": [], "reason": "tidy", "applyWhenReady": true});
        let answer = listener.tell(operation, field, input).await?;
        ended(listener, &answer).await.context(field)?;
    }
    let back = json!({"changeId": change["id"], "reason": "not in spring", "applyWhenReady": true});
    let answer = listener.tell(operations::CHANGE_ROLL_BACK, "rollBackChange", back).await?;
    ended(listener, &answer).await.context("rolling back")?;
    let rotate =
        json!({"cluster": "edge-1", "rotateGenerated": true, "reason": "rotate", "applyWhenReady": true});
    let answer = listener.tell(operations::CHANGE_REQUEST, "requestUpgrade", rotate).await?;
    ended(listener, &answer).await.context("rotating")?;
    let rollout = json!({"name": "spring", "target": {"profile": "vault", "version": "1.1.0"}, "stages": [{"name": "all"}]});
    let answer = listener.tell(operations::ROLLOUT_CREATE, "createRollout", rollout).await?;
    no_errors(&answer)?;
    let id = &answer["rollout"]["id"];
    listener
        .tell(operations::ROLLOUT_START, "startRollout", json!({"rolloutId": id, "reason": "go"}))
        .await?;
    listener.ask(operations::ROLLOUT_SHOW, json!({"id": id, "first": 100})).await.map_err(describe)?;
    Ok(())
}

/// The commands, as a person and as a program run them.
async fn commands(server: &Server, listener: &Listener) -> Result<Vec<u8>> {
    let changes =
        listener.client.all(operations::CHANGE_LIST, json!({}), "/changes").await.map_err(describe)?;
    let mut lines: Vec<Vec<String>> = [
        "whoami",
        "pack list",
        "pack show vault 1.0.0",
        "profile list",
        "profile show vault",
        "profile show vault 1.0.0",
        "cluster list",
        "cluster show edge-1",
        "cluster show edge-2",
        "cluster history edge-1",
        "cluster summary",
        "preview edge-1 --profile vault@1.0.0",
        "preview edge-1 --profile vault@1.1.0 --set vault:manifests.all.mode=fail",
        "change list",
        "orphans list --all",
        "rollout list",
        "token list",
        "audit",
    ]
    .iter()
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .collect();
    for change in &changes {
        let id = change["id"].as_str().unwrap_or_default();
        for command in ["show", "explain"] {
            lines.push(vec!["change".to_owned(), command.to_owned(), id.to_owned()]);
        }
    }
    let mut whole = Vec::new();
    for line in &lines {
        for format in ["text", "json"] {
            let mut arguments: Vec<&str> = line.iter().map(String::as_str).collect();
            if format == "json" {
                arguments.extend(["--output", "json"]);
            }
            let output = server.run(&arguments).await?;
            ensure!(
                output.status.code() != Some(64) && output.status.code() != Some(2) || line[0] == "preview",
                "{line:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            whole.extend(output.stdout);
            whole.extend(output.stderr);
        }
    }
    Ok(whole)
}

/// All that can be asked.
async fn questions(listener: &Listener) -> Result<()> {
    for operation in REST {
        listener.ask(operation, json!({})).await.map_err(describe).context(operation.name)?;
    }
    for name in ["edge-1", "edge-2"] {
        for operation in CLUSTER {
            listener.ask(operation, json!({"name": name})).await.map_err(describe).context(operation.name)?;
        }
        listener.ask(operations::CLUSTER_SHOW, json!({"name": name})).await.map_err(describe)?;
        listener
            .ask(operations::CLUSTER_HISTORY, json!({"name": name, "first": 100}))
            .await
            .map_err(describe)?;
    }
    for version in ["1.0.0", "1.1.0"] {
        let which = json!({"profile": "vault", "version": version});
        listener.ask(operations::PROFILE_VERSION_SHOW, which).await.map_err(describe)?;
    }
    let variables = json!({"name": "vault", "version": "1.0.0"});
    listener.ask(operations::PACK_SHOW, variables).await.map_err(describe)?;
    listener.ask(operations::AUDIT_LIST, json!({"first": 100})).await.map_err(describe)?;
    let data = listener.ask(CHANGES, json!({})).await.map_err(describe)?;
    let ids: BTreeSet<&str> = data["changes"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| node["id"].as_str())
        .collect();
    ensure!(ids.len() > 5, "{data:#}");
    for id in ids {
        listener.ask(PLAN, json!({"id": id})).await.map_err(describe)?;
    }
    Ok(())
}

fn no_errors(payload: &Value) -> Result<()> {
    let errors = payload["errors"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    ensure!(errors.is_empty(), "{errors:#?}");
    Ok(())
}

/// What was drawn for the cluster.
fn generated(cluster: &SimCluster) -> Result<Vec<Canary>> {
    let secret = cluster.object("v1", "Secret", "vault", "vault").context("no Secret")?;
    let text = secret["data"]["generated"].as_str().context("nothing generated")?;
    Ok(vec![Canary::given("a generated value", String::from_utf8(STANDARD.decode(text)?)?)])
}

fn tokens(server: &Server, created: &Person) -> Result<Vec<Canary>> {
    let first = std::fs::read_to_string(server.token_file())?;
    let mut canaries = Vec::new();
    for (whose, token) in [("the administrator", first.trim()), ("somebody", created.token.trim())] {
        // `strata_<prefix>_<secret>`; the secret may hold `_` itself.
        let secret = token.splitn(3, '_').nth(2).context("not the form of a token")?;
        canaries.push(Canary::given(&format!("the whole token of {whose}"), token.to_owned()));
        canaries.push(Canary::given(&format!("the secret in the token of {whose}"), secret.to_owned()));
    }
    Ok(canaries)
}

fn master_key(server: &Server) -> Result<Canary> {
    let text = std::fs::read_to_string(server.directory().join("strata.key"))?.trim().to_owned();
    let raw = from_hex(&text);
    ensure!(raw.len() == 32, "no key of 32 bytes");
    Ok(Canary { raw, ..Canary::given("the master key", text) })
}

/// The log without the one line that shows the first token, on purpose.
fn without_announcement(log: &str, server: &Server) -> Result<String> {
    let token = std::fs::read_to_string(server.token_file())?;
    let lines: Vec<&str> = log.lines().filter(|line| line.trim() != token.trim()).collect();
    ensure!(lines.len() + 1 == log.lines().count(), "the token is announced not once");
    Ok(lines.join("\n"))
}

/// All bytes of the database: its files, or its tables as text, with binary columns also as the bytes that they are.
async fn database_dump(server: &Server, database: &Database) -> Result<Vec<(String, Vec<u8>)>> {
    match database {
        Database::Sqlite => {
            let mut dump = Vec::new();
            for entry in std::fs::read_dir(server.directory())? {
                let path: PathBuf = entry?.path();
                let name =
                    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if name.starts_with("strata.db") {
                    dump.push((format!("the database ({name})"), std::fs::read(Path::new(&path))?));
                }
            }
            ensure!(!dump.is_empty(), "no database file");
            Ok(dump)
        }
        Database::Postgres(url) => {
            let connection = sea_orm::Database::connect(url).await?;
            let backend = connection.get_database_backend();
            let tables = "SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public'";
            let mut dump = Vec::new();
            for row in connection.query_all_raw(Statement::from_string(backend, tables)).await? {
                let name: String = row.try_get("", "name")?;
                let rows = format!("SELECT t::text AS line FROM \"{name}\" t");
                let mut bytes = Vec::new();
                for row in connection.query_all_raw(Statement::from_string(backend, rows)).await? {
                    let line: String = row.try_get("", "line")?;
                    for part in line.split("\\x").skip(1) {
                        bytes.extend(from_hex(part));
                        bytes.push(b'\n');
                    }
                    bytes.extend(line.into_bytes());
                    bytes.push(b'\n');
                }
                dump.push((format!("the database ({name})"), bytes));
            }
            ensure!(dump.len() > 10, "{} tables", dump.len());
            Ok(dump)
        }
    }
}

/// The bytes of the hexadecimal digits that a text begins with.
fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().map_while(|digit| digit.to_digit(16)).filter_map(|it| u8::try_from(it).ok()).collect();
    digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect()
}

/// Finds in the objects of a cluster, outside of the fields that the templates put secrets into.
fn in_cluster(search: &Search, cluster: &SimCluster) -> Vec<Leak> {
    let mut leaks = Vec::new();
    for (api_version, kind) in KINDS {
        for object in cluster.objects(api_version, kind, "") {
            walk(search, kind, &object, "", &mut leaks);
        }
    }
    leaks
}

fn walk(search: &Search, kind: &str, value: &Value, path: &str, leaks: &mut Vec<Leak>) {
    let belongs = match kind {
        "Secret" | "ConfigMap" => path.starts_with("/data/"),
        _ => path.contains("/env/") && path.ends_with("/value"),
    };
    if belongs {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                leaks
                    .extend(search.find(&format!("a key of the cluster's {kind} at {path}"), key.as_bytes()));
                walk(search, kind, value, &format!("{path}/{key}"), leaks);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(search, kind, item, &format!("{path}/{index}"), leaks);
            }
        }
        Value::String(text) => {
            leaks.extend(search.find(&format!("the cluster's {kind} at {path}"), text.as_bytes()))
        }
        _ => {}
    }
}
