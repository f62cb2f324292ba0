//! A server that is killed at any moment, and started again, ends where one that ran through ends.
//!
//! One story is told many times: packs and a profile, a first apply, an upgrade that needs approval, leaves things behind
//! and replaces a Job and runs a hook again, a clean-up, and a rollout to a second cluster. Once nobody disturbs it. Every other time the server
//! process is killed (`SIGKILL`) at a moment chosen from outside, by what a cluster or a subscriber sees of it, and
//! started again on the same database. The clusters live on in the test. In the end, all that can be seen must be the same:
//! changes, inventory, orphans, rollout, the objects in the clusters, and how often each of them was written.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use regex::Regex;
use serde_json::{Value, json};
use strata_cli::{
    exit::CliError,
    operations::{self, Operation},
};
use strata_model::pack::PackFiles;
use strata_sim::{ClusterOptions, LoggedRequest, Simulator, SimulatorOptions};
use strata_tests::{
    Database, Postgres, Server, Subscription,
    processes::until,
    program,
    scenario::{admin, application, describe, example_packs},
    tally::Tally,
    trap::Trap,
};
use tokio::sync::OnceCell;

const CLUSTERS: [&str; 2] = ["edge-1", "edge-2"];
/// How often the server may have to be started again in a story that it is killed in once.
const RESTARTS: u32 = 3;
/// How long the end of a process that was killed may take to be noticed.
const DEATH: Duration = Duration::from_secs(5);

/// A Job cannot be changed in place: another text means another Job, which must be approved.
const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: prepare\nspec:\n  template:\n    metadata:\n      \
    annotations:\n        text: {{ .Values.text | quote }}\n    spec:\n      restartPolicy: Never\n      containers:\n        \
    - name: prepare\n          image: busybox:1.36\n";
const JOB_VALUES: &str =
    "pack:\n  namespace: prepare\n  installPriority: 20\nmanifests:\n  all:\n    text: none\n";

/// A chart with a hook that runs before its objects, at each upgrade anew.
const CHART: [(&str, &str); 3] = [
    ("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    (
        "templates/migrate.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations:\n    helm.sh/hook: \
         pre-install,pre-upgrade\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        \
         - name: migrate\n          image: busybox:1.36\n",
    ),
    (
        "templates/state.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: state\ndata:\n  text: {{ .Values.text | quote }}\n",
    ),
];

const PROGRESS: Operation = Operation {
    name: "change_progress",
    text: "subscription($id: ID!, $after: String) { changeProgress(id: $id, after: $after) {
        cursor event { seq type } change { id state planDigest requirements { satisfied } failure { code message } } } }",
};
const ROLLOUT_PROGRESS: Operation = Operation {
    name: "rollout_progress",
    text: "subscription($id: ID!, $after: String) { rolloutProgress(id: $id, after: $after) {
        cursor event { seq type } rollout { id state reason } } }",
};
const OUTCOME: Operation = Operation {
    name: "outcome",
    text: "query($name: String!) { cluster(name: $name) {
        state phase { value } connectivity { value } health { value } activity { value }
        applied { attachments { profile version revision } overrides { layer } variables { name } }
        wanted { digest } change { id }
        inventory(first: 100) { totalCount nodes { object { group kind namespace name } destination apiVersion layer revision adopted } }
        orphans(first: 100) { totalCount nodes { object { group kind namespace name } layer revision policy reach note state restore { former } } }
        changes(first: 100) { totalCount nodes { id kind state target moved blockedBy failure { code message }
            requirements { kind scope satisfied satisfiedBy { name } }
            steps { title kind state repaves done total }
            history(first: 100) { nodes { seq type } } } }
    } }",
};

/// A part of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    FirstApply,
    Request,
    Upgrade,
    CleanUp,
    Rollout,
}

/// When the server is killed, within a part.
#[derive(Clone, Copy)]
enum When {
    /// Before a cluster carries out the n-th request of this kind.
    Request(u32, fn(&LoggedRequest) -> bool),
    /// When a subscriber sees the first event of this type.
    Event(&'static str),
    /// When the mutation that begins the part has been answered.
    Answered,
}

type Point = Option<(Part, When)>;

fn any(_: &LoggedRequest) -> bool {
    true
}

/// Looking at all that carries the marks: how the health of what was sent is waited for.
fn look_at_all(request: &LoggedRequest) -> bool {
    request.method == "GET" && request.path.contains("labelSelector=")
}

fn write(request: &LoggedRequest) -> bool {
    request.method != "GET" && !request.path.contains("dryRun")
}

fn look_at_the_deployment(request: &LoggedRequest) -> bool {
    request.method == "GET" && request.path.contains("/deployments/hello-universe-deployment")
}

fn job_write(request: &LoggedRequest) -> bool {
    write(request) && request.path.contains("/jobs/prepare") && request.method != "DELETE"
}

fn job_deletion(request: &LoggedRequest) -> bool {
    request.method == "DELETE" && request.path.contains("/jobs/prepare")
}

fn hook_write(request: &LoggedRequest) -> bool {
    write(request) && request.path.contains("/jobs/migrate") && request.method != "DELETE"
}

fn hook_deletion(request: &LoggedRequest) -> bool {
    request.method == "DELETE" && request.path.contains("/jobs/migrate")
}

/// What comes after a hook, when it is done and before that is recorded or after.
fn after_the_hook(request: &LoggedRequest) -> bool {
    write(request) && request.path.contains("/configmaps/state")
}

macro_rules! kills {
    ($($(#[$attribute:meta])* $name:ident: $part:ident, $when:expr;)*) => {
        $(
            $(#[$attribute])*
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> Result<()> {
                Box::pin(compare(Database::Sqlite, (Part::$part, $when))).await
            }
        )*
    };
}

kills! {
    before_the_second_object_of_the_first_apply: FirstApply, When::Request(3, write);
    while_the_first_apply_settles: FirstApply, When::Request(1, look_at_all);
    while_a_change_is_planned: Request, When::Request(1, any);
    right_after_the_approval: Upgrade, When::Answered;
    in_the_middle_of_a_step: Upgrade, When::Request(4, write);
    between_two_steps: Upgrade, When::Event("stepSucceeded");
    before_a_job_is_deleted_to_be_replaced: Upgrade, When::Request(1, job_deletion);
    between_deletion_and_creation_of_a_job: Upgrade, When::Request(1, job_write);
    when_a_hook_is_started: FirstApply, When::Request(1, hook_write);
    when_a_hook_is_done: FirstApply, When::Request(1, after_the_hook);
    when_the_former_run_of_a_hook_is_deleted: Upgrade, When::Request(1, hook_deletion);
    when_a_hook_is_started_anew: Upgrade, When::Request(1, hook_write);
    at_verification: Upgrade, When::Event("verificationStarted");
    before_the_restore_record: CleanUp, When::Request(1, look_at_the_deployment);
    after_the_restore_record: CleanUp, When::Request(1, write);
    after_the_clean_up_has_scaled: CleanUp, When::Event("objectDone");
    right_after_a_rollout_has_begun: Rollout, When::Answered;
    before_the_second_object_in_a_rollout: Rollout, When::Request(2, write);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_the_middle_of_a_step_on_postgres() -> Result<()> {
    Box::pin(compare_on_postgres((Part::Upgrade, When::Request(4, write)))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_restore_record_on_postgres() -> Result<()> {
    Box::pin(compare_on_postgres((Part::CleanUp, When::Request(1, write)))).await
}

async fn compare_on_postgres(point: (Part, When)) -> Result<()> {
    let Some(postgres) = Postgres::shared_or_leave_out().await else { return Ok(()) };
    let database = Database::Postgres(postgres.fresh_database().await?);
    Box::pin(compare(database, point)).await
}

/// What can be seen in the end, by what it is about.
type Outcome = BTreeMap<String, Value>;

async fn compare(database: Database, point: (Part, When)) -> Result<()> {
    static UNDISTURBED: OnceCell<Outcome> = OnceCell::const_new();
    let undisturbed = UNDISTURBED
        .get_or_try_init(|| async {
            let mut story = Story::new(Database::Sqlite, None).await?;
            let outcome = Box::pin(story.tell()).await.context("without a kill")?;
            ensure!(story.trap.kills() == 0);
            anyhow::Ok(outcome)
        })
        .await?;
    let mut story = Story::new(database, Some(point)).await?;
    let outcome = match Box::pin(story.tell()).await {
        Ok(outcome) => outcome,
        Err(error) => {
            let log =
                story.server.process().map(strata_tests::processes::Process::log_tail).unwrap_or_default();
            bail!("{error:#}\n{log}");
        }
    };
    assert_eq!(story.trap.kills(), 1, "the moment never came");
    for (what, wanted) in undisturbed {
        let found = outcome.get(what).unwrap_or(&Value::Null);
        assert!(found == wanted, "{what} differs.\nWithout a kill: {wanted:#}\nWith one: {found:#}");
    }
    assert!(outcome.keys().eq(undisturbed.keys()));
    if let Some(pause) = story.trap.pause() {
        println!("from the kill to the next request of the new server: {pause:?}");
    }
    Ok(())
}

/// One telling.
struct Story {
    server: Server,
    simulator: Simulator,
    tallies: Vec<Tally>,
    trap: Arc<Trap>,
    point: Point,
    restarts: u32,
    keys: u32,
}

impl Story {
    async fn new(database: Database, point: Point) -> Result<Self> {
        let server = Server::start(program!(), database).await?;
        let simulator = Simulator::start(SimulatorOptions::default()).await?;
        let trap = Arc::new(Trap::default());
        let mut tallies = Vec::new();
        for name in CLUSTERS {
            let cluster = simulator.add_cluster(ClusterOptions::new(name)).await?;
            tallies.push(Tally::start(&cluster).await?);
            let trap = Arc::clone(&trap);
            // The tally watches too, and not through the server.
            cluster.on_request(move |request| trap.see(request));
        }
        let mut story = Self { server, simulator, tallies, trap, point, restarts: 0, keys: 0 };
        story.aim()?;
        Ok(story)
    }

    fn aim(&mut self) -> Result<()> {
        self.trap.aim(self.server.process().context("no process")?.id());
        Ok(())
    }

    async fn tell(&mut self) -> Result<Outcome> {
        let person = admin(&self.server)?;
        person.publish_packs(&example_packs()).await?;
        person.publish_manifest("prepare", "1.0.0", JOB, JOB_VALUES).await?;
        let chart = CHART.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        person.publish_pack(&PackFiles::from(chart)).await.map_err(describe)?;
        person.create_profile("greeting", "ADDON").await?;
        for (version, preset, text) in [("1.0.0", "disable-api", "first"), ("1.1.0", "enable-api", "second")]
        {
            let job = json!({"name": "prepare", "pack": {"name": "prepare", "version": "1.0.0"},
                "values": format!("manifests:\n  all:\n    text: {text}\n"), "onImmutable": "REPLACE"});
            let shop = json!({"name": "shop", "pack": {"name": "shop", "version": "1.0.0"}, "installPriority": 30,
                "namespace": "shop", "values": format!("charts:\n  shop:\n    text: {text}\n")});
            let content = json!({"layers": [application(preset), job, shop]});
            person.publish_version("greeting", version, content).await.map_err(describe)?;
        }
        for name in CLUSTERS {
            let cluster = self.simulator.cluster(name).context("no cluster")?;
            person.import(name, &cluster.kubeconfig(), name).await.map_err(describe)?;
        }

        let first = |cluster: &str| {
            json!({"cluster": cluster, "attach": [{"profile": "greeting", "version": "1.0.0"}],
            "reason": "first version", "applyWhenReady": true})
        };
        self.enter(Part::FirstApply);
        self.change(operations::CHANGE_REQUEST, "requestUpgrade", first("edge-1"), Part::FirstApply).await?;
        self.change(operations::CHANGE_REQUEST, "requestUpgrade", first("edge-2"), Part::FirstApply).await?;

        self.enter(Part::Request);
        let upgrade = json!({"cluster": "edge-1", "attach": [{"profile": "greeting", "version": "1.1.0"}],
            "reason": "spring", "applyWhenReady": true});
        let payload = self.mutate(operations::CHANGE_REQUEST, "requestUpgrade", upgrade).await?;
        let change = payload["change"].clone();
        ensure!(change["state"] == "AWAITING_APPROVAL", "{change:#}");
        self.enter(Part::Upgrade);
        self.approve(&change).await?;
        self.answered(Part::Upgrade);
        self.follow_change(&change).await?;

        self.enter(Part::CleanUp);
        let orphans = json!({"cluster": "edge-1", "reason": "tidy", "applyWhenReady": true});
        self.change(operations::ORPHANS_SCALE, "scaleOrphansToZero", orphans, Part::CleanUp).await?;

        self.rollout().await?;
        self.outcome().await
    }

    async fn rollout(&mut self) -> Result<()> {
        let stage = |name: &str| json!({"name": name, "selector": [{"key": "stage", "value": name}]});
        let input = json!({"name": "spring", "target": {"profile": "greeting", "version": "1.1.0"},
            "stages": [stage("edge-1"), stage("edge-2")]});
        let payload = self.mutate(operations::ROLLOUT_CREATE, "createRollout", input).await?;
        let id = payload["rollout"]["id"].as_str().context("no rollout")?.to_owned();
        self.enter(Part::Rollout);
        self.mutate(operations::ROLLOUT_START, "startRollout", json!({"rolloutId": id, "reason": "go"}))
            .await?;
        self.answered(Part::Rollout);
        let mut last = Value::Null;
        let mut follower = Follower::new(ROLLOUT_PROGRESS, "rolloutProgress", &id);
        while let Some(item) = self.next(&mut follower).await? {
            last = item["rollout"].clone();
            for change in self.waiting().await? {
                self.approve(&change).await?;
            }
        }
        ensure!(last["state"] == "SUCCEEDED", "{last:#}");
        Ok(())
    }

    /// Sets the trap, if it belongs to this part.
    fn enter(&mut self, part: Part) {
        if let Some((_, When::Request(nth, matches))) = self.point.filter(|(at, _)| *at == part) {
            self.trap.arm(nth, matches);
        }
    }

    /// Kills, if it is to be killed when this part's mutation is answered.
    fn answered(&mut self, part: Part) {
        if matches!(self.point, Some((at, When::Answered)) if at == part) {
            self.trap.kill();
        }
    }

    /// Kills, if it is to be killed at this event. The events of no other part have come to pass, or are seen again.
    fn seen(&mut self, event: &Value, part: Part) {
        if self.trap.kills() == 0
            && matches!(self.point, Some((at, When::Event(wanted))) if at == part && event["type"] == wanted)
        {
            self.trap.kill();
        }
    }

    /// Requests a change and follows it.
    async fn change(&mut self, operation: Operation, field: &str, input: Value, part: Part) -> Result<()> {
        let payload = self.mutate(operation, field, input).await?;
        self.answered(part);
        self.follow(&payload["change"], part).await
    }

    async fn follow_change(&mut self, change: &Value) -> Result<()> {
        self.follow(change, Part::Upgrade).await
    }

    /// Follows a change to its success. No event may be skipped or come twice, across restarts.
    async fn follow(&mut self, change: &Value, part: Part) -> Result<()> {
        let id = change["id"].as_str().with_context(|| format!("no change: {change}"))?.to_owned();
        let mut follower = Follower::new(PROGRESS, "changeProgress", &id);
        let mut last = Value::Null;
        while let Some(item) = self.next(&mut follower).await? {
            self.seen(&item["event"], part);
            last = item["change"].clone();
        }
        ensure!(last["state"] == "SUCCEEDED", "{last:#}");
        Ok(())
    }

    /// The next item of a subscription, which is taken up again behind the last one when the server was killed.
    async fn next(&mut self, follower: &mut Follower) -> Result<Option<Value>> {
        loop {
            match follower.next(&self.server, self.restarts).await {
                Ok(item) => return Ok(item),
                Err(error) => self.again(error).await?,
            }
        }
    }

    async fn approve(&mut self, change: &Value) -> Result<()> {
        let input = json!({"changeId": change["id"], "planDigest": change["planDigest"], "reason": "agreed"});
        match self.mutate(operations::CHANGE_APPROVE, "approveChange", input).await {
            // Sent a second time, since the first answer was lost; or it went on meanwhile. It never counts twice.
            Err(error) if format!("{error:#}").contains("ILLEGAL_STATE") => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    /// The changes that wait for approval.
    async fn waiting(&mut self) -> Result<Vec<Value>> {
        loop {
            let client = self.server.client()?;
            let filter = json!({"filter": {"states": ["AWAITING_APPROVAL"]}});
            match client.all(operations::CHANGE_LIST, filter, "/changes").await {
                Ok(changes) => return Ok(changes),
                Err(error) => self.again(describe(error)).await?,
            }
        }
    }

    /// Sends a mutation, again when the server was killed over it; where work begins, by the same key.
    async fn mutate(&mut self, operation: Operation, field: &str, mut input: Value) -> Result<Value> {
        if input.get("applyWhenReady").is_some() {
            self.keys += 1;
            input["idempotencyKey"] = json!(format!("key-{}", self.keys));
        }
        loop {
            match self.server.client()?.mutate(operation, field, input.clone()).await {
                Ok(payload) => return Ok(payload),
                Err(error @ CliError::Refused(_)) => return Err(describe(error).context(operation.name)),
                Err(error) => self.again(describe(error)).await?,
            }
        }
    }

    /// Starts the server again if it was killed; else the error stands.
    async fn again(&mut self, error: anyhow::Error) -> Result<()> {
        // The connection breaks a moment before the process counts as dead.
        let killed = until(DEATH, async || (self.trap.kills() > self.restarts).then_some(()));
        if killed.await.is_some() && self.restarts < RESTARTS {
            self.restarts += 1;
            self.server.restart().await?;
            return self.aim();
        }
        Err(error)
    }

    async fn outcome(&mut self) -> Result<Outcome> {
        let client = self.server.client()?;
        let mut outcome = Outcome::new();
        for (name, tally) in CLUSTERS.iter().zip(&self.tallies) {
            let data = client.send(OUTCOME, json!({"name": name})).await.map_err(describe)?;
            let mut cluster = data["cluster"].clone();
            for change in cluster["changes"]["nodes"].as_array_mut().into_iter().flatten() {
                complete(&change["history"]["nodes"])?;
                if let Some(map) = change.as_object_mut() {
                    map.remove("history");
                    map.remove("id");
                }
            }
            for list in ["inventory", "orphans"] {
                if let Some(nodes) = cluster[list]["nodes"].as_array_mut() {
                    nodes.sort_by_key(|node| node["object"].to_string());
                }
            }
            outcome.insert(format!("the cluster {name}"), same_everywhere(&cluster));
            let objects = tally
                .objects()
                .into_iter()
                .map(|(place, object)| (place_text(&place, &object), plain(&object)));
            let mut by_name: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for (name, object) in objects {
                by_name.entry(name).or_default().push(object);
            }
            outcome.insert(format!("the objects of {name}"), same_everywhere(&json!(by_name)));
            outcome.insert(format!("the writes to {name}"), written(tally).await?);
        }
        let rollouts =
            client.all(operations::ROLLOUT_LIST, json!({}), "/rollouts").await.map_err(describe)?;
        ensure!(rollouts.len() == 1, "{rollouts:#?}");
        let shown = client
            .send(operations::ROLLOUT_SHOW, json!({"id": rollouts[0]["id"], "first": 100}))
            .await
            .map_err(describe)?;
        let targets = shown["rollout"]["targets"]["nodes"].as_array().into_iter().flatten();
        let targets: Vec<Value> =
            targets.map(|target| json!([target["cluster"], target["stage"], target["state"]])).collect();
        outcome.insert("the rollout".to_owned(), json!([shown["rollout"]["state"], targets]));
        Ok(outcome)
    }
}

/// A subscription that survives its server.
struct Follower {
    operation: Operation,
    field: &'static str,
    id: String,
    after: Value,
    seq: i64,
    /// To which start of the server it was made.
    running: Option<(u32, Subscription)>,
}

impl Follower {
    fn new(operation: Operation, field: &'static str, id: &str) -> Self {
        Self { operation, field, id: id.to_owned(), after: Value::Null, seq: 0, running: None }
    }

    async fn next(&mut self, server: &Server, restarts: u32) -> Result<Option<Value>> {
        // Somebody else may have found the server dead and started it again.
        self.running.take_if(|(start, _)| *start != restarts);
        if self.running.is_none() {
            let token = std::fs::read_to_string(server.token_file())?;
            let variables = json!({"id": self.id, "after": self.after});
            let started =
                Subscription::start(&server.url(), &token, self.operation, self.field, variables).await?;
            self.running = Some((restarts, started));
        }
        let Some((_, running)) = &mut self.running else { bail!("no subscription") };
        let item = match running.next().await {
            Ok(item) => item,
            Err(error) => {
                self.running = None;
                return Err(error);
            }
        };
        if let Some(item) = &item {
            let seq = item["event"]["seq"].as_i64().context("no seq")?;
            ensure!(
                self.seq == 0 || seq == self.seq + 1 || self.after.is_null(),
                "after the event {} came {seq}",
                self.seq
            );
            self.seq = seq;
            self.after = item["cursor"].clone();
        }
        Ok(item)
    }
}

/// A history without gaps.
fn complete(history: &Value) -> Result<()> {
    for (index, event) in history.as_array().into_iter().flatten().enumerate() {
        ensure!(event["seq"] == json!(index + 1), "a gap in {history:#}");
    }
    Ok(())
}

async fn written(tally: &Tally) -> Result<Value> {
    let objects = tally.objects();
    let mut written: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (place, writes) in tally.writes().await? {
        let object = objects.get(&place).cloned().unwrap_or_default();
        written.entry(place_text(&place, &object)).or_default().push(json!(writes));
    }
    for writes in written.values_mut() {
        writes.sort_by_key(ToString::to_string);
    }
    Ok(json!(written))
}

/// Kind, namespace and name, where the name is not drawn.
fn place_text((kind, namespace, name): &(&str, String, String), object: &Value) -> String {
    let drawn = matches!(*kind, "Pod" | "ReplicaSet");
    let name = if drawn { object["metadata"]["labels"]["app"].as_str().unwrap_or("of a Job") } else { name };
    format!("{kind} {namespace}/{name}")
}

/// An object without what differs from run to run.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let differs = |key: &str| {
                matches!(key, "uid" | "resourceVersion" | "managedFields" | "generateName" | "nodeName")
                    || key.ends_with("Time")
                    || key.ends_with("At")
                    || key.ends_with("Timestamp")
                    || key.contains("controller-uid")
                    || key.ends_with("IP")
                    || key.ends_with("IPs")
                    || key == "strata.dev/run"
            };
            map.iter()
                .filter(|(key, _)| !differs(key))
                .map(|(key, value)| {
                    let secret = matches!(key.as_str(), "data") && map.get("kind") == Some(&json!("Secret"));
                    // Drawn anew for each installation: only which keys there are is the same.
                    let shown = if secret {
                        json!(value.as_object().map(|map| map.keys().collect::<Vec<_>>()))
                    } else {
                        plain(value)
                    };
                    (key.clone(), shown)
                })
                .collect()
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

/// A value without ids and drawn names: each installation, cluster and change has its own.
fn same_everywhere(value: &Value) -> Value {
    static DRAWN: LazyLock<Regex> = LazyLock::new(|| {
        let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        let suffixes =
            "(hello-universe-deployment|ui|api|postgres|prepare|migrate)-[a-z0-9]{5,10}(-[a-z0-9]{5})?";
        Regex::new(&format!("{uuid}|\\b{suffixes}\\b")).expect("a valid expression")
    });
    match value {
        Value::String(text) => json!(DRAWN.replace_all(text, "…")),
        Value::Array(items) => items.iter().map(same_everywhere).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), same_everywhere(value))).collect(),
        other => other.clone(),
    }
}
