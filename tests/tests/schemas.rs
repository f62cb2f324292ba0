//! What is told of an object by its schema is what an API server that publishes it says: held against a real one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use serde_json::{Value, json};
use strata_cluster::{
    ApplyOptions, ClusterClient, ClusterError, ConnectOptions, Connection, KubeconfigPolicy,
    OpenApiReference, connect,
};
use strata_engine::{
    Adopted, DraftContent, DraftLayer, Engine, EngineOptions, RegisterCluster, RegisterInfrastructure,
};
use strata_model::{
    pack::PackFiles,
    profile::{AttachedManifest, ProfileType},
    secret::SecretText,
};
use strata_plan::schema::{ApiDocument, ApiSchemas, Violation};
use strata_store::{
    DatabaseUrl, Store, StoreSettings, SystemClock, SystemIds,
    seal::{MasterKey, SealKeys},
};
use strata_tests::{
    ControlPlane,
    charts::{Corpus, ours},
};

const CASES: &str = include_str!("schemas.yaml");
const CUSTOM: &str = include_str!("custom_schemas.yaml");

/// A real API server, and what it publishes.
struct Server {
    _plane: ControlPlane,
    client: ClusterClient,
    index: BTreeMap<String, OpenApiReference>,
    schemas: ApiSchemas,
}

impl Server {
    async fn start_or_leave_out(name: &str) -> Result<Option<Self>> {
        let Some(plane) = ControlPlane::start_or_leave_out(name).await else { return Ok(None) };
        let policy = KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() };
        let kubeconfig = Connection::Kubeconfig(SecretText::new(plane.kubeconfig()));
        let client = connect(&kubeconfig, &ConnectOptions { policy, ..ConnectOptions::default() })?;
        let mut server = Self {
            _plane: plane,
            index: client.openapi_index().await?,
            client,
            schemas: ApiSchemas::default(),
        };
        for (group_version, reference) in server.index.clone() {
            let written = server.client.openapi_document(&reference).await?;
            server.schemas.add(&group_version, Arc::new(ApiDocument::read(&written)?));
        }
        Ok(Some(server))
    }

    /// What the API server publishes of a group version, once it does: there is no watch for it, and it takes its time.
    async fn published(&self, group_version: &str) -> Result<Arc<ApiDocument>> {
        let until = tokio::time::Instant::now() + Duration::from_secs(180);
        let mut looks = tokio::time::interval(Duration::from_millis(250));
        loop {
            looks.tick().await;
            if let Some(reference) = self.client.openapi_index().await?.get(group_version) {
                return Ok(Arc::new(ApiDocument::read(&self.client.openapi_document(reference).await?)?));
            }
            ensure!(tokio::time::Instant::now() < until, "{group_version} is not published");
        }
    }

    /// What the API server says of an object that it would be given.
    async fn refuses(&self, object: &Value) -> Result<(), ClusterError> {
        let options =
            ApplyOptions { dry_run: true, patience: Duration::from_secs(10), ..ApplyOptions::default() };
        self.client.apply(object, &options).await.map(drop)
    }
}

/// What is surely wrong with an object, and what is likely wrong; one a line.
fn told(schemas: &ApiSchemas, object: &Value) -> Option<(String, String)> {
    let (certain, likely): (Vec<_>, Vec<_>) =
        schemas.check(object)?.into_iter().partition(|violation| violation.certain);
    let lines = |found: Vec<Violation>| {
        let messages: Vec<String> = found.into_iter().map(|violation| violation.message).collect();
        messages.join("\n")
    };
    Some((lines(certain), lines(likely)))
}

fn cases_of(list: &Value) -> Result<&[Value]> {
    list.as_array().map(Vec::as_slice).context("no list of cases")
}

/// Each case says what is told; the API server refuses what is surely wrong, and takes what nothing is told of.
async fn all_as_told(server: &Server, schemas: &ApiSchemas, cases: &[Value]) -> Result<()> {
    let mut wrong = Vec::new();
    for case in cases {
        let name = case["case"].as_str().context("a case without a name")?;
        let object = &case["object"];
        let (told, likely) = told(schemas, object).with_context(|| format!("{name}: no schema"))?;
        for (found, key) in [(&told, "told"), (&likely, "likely")] {
            let expected = case[key].as_str().unwrap_or_default().trim();
            if found != expected {
                wrong.push(format!("{name}: {key} is\n{found}\nand should be\n{expected}"));
            }
        }
        match server.refuses(object).await {
            Ok(()) if !told.is_empty() => wrong.push(format!("{name}: taken, though\n{told}")),
            Err(error) if told.is_empty() && likely.is_empty() => {
                wrong.push(format!("{name}: refused: {error}"));
            }
            _ => {}
        }
    }
    ensure!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_schema_refuses_the_api_server_refuses() -> Result<()> {
    let Some(server) = Server::start_or_leave_out("schemas").await? else { return Ok(()) };
    // A kind of a definition: by the definition itself, and by what the API server publishes of it once it does.
    let cases = strata_values::parse(CASES, "schemas.yaml")?;
    let custom: Value = strata_values::parse(CUSTOM, "custom_schemas.yaml")?;
    let (definition, custom) = (&custom["definition"], cases_of(&custom["cases"])?);
    let mut defined = server.schemas.clone();
    defined.define(definition);
    server.client.apply(definition, &ApplyOptions::default()).await?;
    all_as_told(&server, &server.schemas, cases_of(&cases)?).await?;
    all_as_told(&server, &defined, custom).await?;
    let mut published = server.schemas.clone();
    published.add("example.org/v1", server.published("example.org/v1").await?);
    all_as_told(&server, &published, custom).await
}

/// A manifest with a field that there is not, in its second document, and a kind that nobody serves.
const MANIFEST: &str = "\
# Settings first
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: \"1\"}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replica: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example.org/web:1}]}
---
apiVersion: elsewhere.example.org/v1
kind: Other
metadata: {name: one}
";

/// An author is told where the mistake is, by what a registered cluster publishes, and cannot publish it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_is_told_what_a_registered_cluster_would_refuse() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("schemas-author").await else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let keys = SealKeys::new(MasterKey::new([7; 32]));
    let url = DatabaseUrl::Sqlite(folder.path().join("strata.db"));
    let store = Store::open(StoreSettings::new(url, keys)).await?;
    let policy = KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() };
    let options = EngineOptions {
        connect: ConnectOptions { policy, ..ConnectOptions::default() },
        ..EngineOptions::default()
    };
    let engine = Engine::new(store, Arc::new(SystemClock), Arc::new(SystemIds), options);
    let first = engine.first_start().await?.context("not the first start")?;
    let session = engine.project(&engine.authenticate(&first.secret).await?, None)?;

    let description =
        json!({"name": "hello", "displayName": "hello", "version": "1.0.0", "layer": "addon", "cloudTypes": ["all"]}).to_string();
    let files = PackFiles::from([
        ("pack.json".to_owned(), description.into_bytes()),
        ("values.yaml".to_owned(), b"a: 1\n".to_vec()),
    ]);
    session.publish_pack(files, Adopted::default()).await?;
    session.create_profile("web".into(), ProfileType::Addon).await?;
    session.create_profile_version("web".into(), "1.0.0".into(), None).await?;
    let draft = |text: &str| DraftContent {
        layers: vec![DraftLayer {
            manifests: vec![AttachedManifest { name: "web".into(), text: text.into() }],
            ..DraftLayer::new("app", "hello", "1.0.0")
        }],
        variables: Vec::new(),
    };
    session.update_draft("web".into(), "1.0.0".into(), None, draft(MANIFEST)).await?;
    let version = "1.0.0".parse()?;
    let problems = async || -> Result<Vec<String>> {
        let found = session.profile_problems("web", &version, None).await?.context("no version")?;
        Ok(found.iter().map(ToString::to_string).collect())
    };

    let told = problems().await?;
    ensure!(told.len() == 1 && told[0].starts_with("note: objects were not held against"), "{told:#?}");

    let kubeconfig = SecretText::new(plane.kubeconfig());
    let register = RegisterCluster {
        name: "real".into(),
        labels: BTreeMap::new(),
        infrastructure: RegisterInfrastructure::Imported { kubeconfig },
        cloud: None,
        region: None,
    };
    session.register_cluster(register).await?;
    let told = problems().await?;
    let expected = [
        "error: layer `app` manifest `web`:12:3: Deployment.apps default/web: `spec.replica` is not a field that \
         there is [OBJECT_SCHEMA]",
        "note: objects of `elsewhere.example.org/v1` were not held against a schema: the cluster `real` does not \
         serve it [SCHEMAS_UNKNOWN]",
    ];
    ensure!(told == expected, "{told:#?}");
    let refused = session.publish_profile_version("web".into(), "1.0.0".into()).await;
    ensure!(refused.is_err(), "a version with an error was published");

    let mended = MANIFEST.replace("replica:", "replicas:");
    session.update_draft("web".into(), "1.0.0".into(), None, draft(&mended)).await?;
    session.publish_profile_version("web".into(), "1.0.0".into()).await?;
    Ok(())
}

/// What real charts render is held against the schemas, and where something is told the API server is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_objects_are_refused_only_where_the_api_server_refuses_them() -> Result<()> {
    let Some(corpus) = Corpus::open_or_leave_out()? else { return Ok(()) };
    let Some(server) = Server::start_or_leave_out("schemas-corpus").await? else { return Ok(()) };
    let (mut looked_at, mut unknown) = (0_u32, 0_u32);
    let mut doubted: BTreeMap<String, (Value, String)> = BTreeMap::new();
    for case in corpus.cases.iter().filter(|case| case.refused.is_none()) {
        let Ok(rendered) = ours::render(case, &case.files()?) else { continue };
        let mut schemas = server.schemas.clone();
        let mut objects = rendered.objects;
        for document in strata_values::parse_documents(&rendered.definitions, "definitions")? {
            objects.push(document.value);
        }
        objects.iter().for_each(|object| schemas.define(object));
        for object in objects {
            match told(&schemas, &object) {
                None => unknown += 1,
                Some((told, _)) if told.is_empty() => looked_at += 1,
                Some((told, _)) => {
                    looked_at += 1;
                    doubted.entry(told).or_insert_with(|| (object, case.name()));
                }
            }
        }
    }
    println!("{looked_at} objects held against a schema, {unknown} without one, {} told", doubted.len());
    let wrong: Vec<String> = futures::stream::iter(&doubted)
        .map(async |(told, (object, case))| match server.refuses(object).await {
            Err(error) => {
                println!("{case}: {} {}: {told}\n    {error}", object["kind"], object["metadata"]["name"]);
                None
            }
            Ok(()) => Some(format!("{case}: {} {}: {told}", object["kind"], object["metadata"]["name"])),
        })
        .buffer_unordered(8)
        .filter_map(async |wrong| wrong)
        .collect()
        .await;
    ensure!(looked_at > 2_500, "only {looked_at} objects were looked at");
    ensure!(wrong.is_empty(), "taken by the API server:\n{}", wrong.join("\n"));
    Ok(())
}
