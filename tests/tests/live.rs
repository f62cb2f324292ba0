//! What a live preview promises is what the change then does: object by object, on a real control plane.
//!
//! Each preview is held against what is there before and after the change: what was to be created was not there and is, what
//! was to be changed has moved and what was to stay has not, and each field that was promised has the promised value. What was
//! said not to be known before the change is counted, and has a reason.

#![expect(clippy::panic, reason = "helpers of tests fail them")]

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use strata_cluster::{MANAGER, ObjectReference};
use strata_engine::{Adopted, DraftContent, DraftLayer, Wish};
use strata_model::{
    evidence::{Evidence, LiveOutcome, ObjectEvidence},
    object::ObjectKey,
    pack::PackFiles,
    plan::Action,
    profile::{AttachedManifest, ImmutablePolicy, OrphanPolicy, PresetChoice, ProfileType},
    value_path::ValuePath,
};
use strata_tests::{ControlPlane, bench::Bench, charts::Corpus};
use strata_values::diff_values;

/// What controllers of Kubernetes write into the objects of others, beside their status.
const OF_CONTROLLERS: [&str; 3] = [
    "metadata.annotations.\"deployment.kubernetes.io/revision\"",
    "metadata.annotations.\"deprecated.daemonset.template.generation\"",
    // The API server hands on what the definition asks for.
    "spec.conversion",
];

/// How often each outcome was promised and kept.
#[derive(Debug, Default)]
struct Kept {
    outcomes: BTreeMap<LiveOutcome, usize>,
    fields: usize,
    as_sent: usize,
}

fn count(kept: &Kept, outcome: LiveOutcome) -> usize {
    kept.outcomes.get(&outcome).copied().unwrap_or(0)
}

/// What of an object moves when somebody sends it: not what controllers write into its status.
fn stamp(live: &Value) -> Value {
    let metadata = &live["metadata"];
    let managers = metadata["managedFields"].as_array().into_iter().flatten();
    let own: Vec<&Value> = managers.filter(|entry| entry["manager"] == MANAGER).collect();
    let mut stamp = json!({"uid": metadata["uid"], "generation": metadata["generation"], "own": own});
    if live.get("status").is_none() {
        stamp["resourceVersion"] = metadata["resourceVersion"].clone();
    }
    stamp
}

/// An object without what the API server and controllers keep book of.
fn content(live: &Value) -> Value {
    let mut live = live.clone();
    if let Some(fields) = live.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(metadata) = live["metadata"].as_object_mut() {
        for field in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"] {
            metadata.shift_remove(field);
        }
    }
    live
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Value::to_string)
}

type Seen = BTreeMap<ObjectKey, Option<Value>>;

/// Everything that the evidence speaks of, and everything that Strata has sent, as it is now.
async fn seen(bench: &Bench, evidence: &Evidence) -> Result<Seen> {
    let mut keys: Vec<ObjectKey> = evidence.objects.iter().map(|it| it.key.clone()).collect();
    keys.extend(bench.inventory().await?.into_iter().map(|entry| entry.key));
    let mut seen = Seen::new();
    for key in keys {
        let reference = ObjectReference { key: key.clone(), api_version: None };
        let live = bench.look(&reference).await?;
        seen.insert(key, live);
    }
    Ok(seen)
}

/// Previews a wish live, carries it out, and holds the two against each other.
async fn promised_is_done(bench: &Bench, title: &str, wish: Wish) -> Result<(Kept, Evidence)> {
    let record = bench.session.preview_upgrade_live(&wish).await?;
    let evidence = record.evidence.context("the cluster was not asked")?;
    ensure!(evidence.cluster.reached, "{title}: {:?}", evidence.cluster);
    ensure!(evidence.left_out == 0, "{title}: objects are left out");
    let before = seen(bench, &evidence).await?;
    let sent: Vec<ObjectKey> = bench.inventory().await?.into_iter().map(|entry| entry.key).collect();
    bench.succeed(wish).await.with_context(|| format!("{title}: {evidence:#?}"))?;
    let after = seen(bench, &evidence).await?;

    let mut kept = Kept::default();
    let mut wrong = Vec::new();
    for found in &evidence.objects {
        *kept.outcomes.entry(found.outcome).or_default() += 1;
        if found.outcome == LiveOutcome::NotKnownYet {
            let waits = found.waits_for.as_ref().map(ToString::to_string).unwrap_or_default();
            println!(
                "{title}: not known yet: {}: {} ({waits})",
                found.key,
                found.message.as_deref().unwrap_or_default()
            );
        }
        let (was, is) = (before[&found.key].as_ref(), after[&found.key].as_ref());
        wrong.extend(
            differences(found, was, is, &mut kept.fields)
                .into_iter()
                .map(|it| format!("{}: {it}", found.key)),
        );
    }
    // What the plan leaves alone, and of which nothing is told, stays as it is.
    for key in &sent {
        if evidence.objects.iter().all(|found| found.key != *key) {
            kept.as_sent += 1;
            let (was, is) = (before[key].as_ref().map(stamp), after[key].as_ref().map(stamp));
            if was != is {
                wrong.push(format!(
                    "{key}: was to stay: {} became {}",
                    shown(was.as_ref()),
                    shown(is.as_ref())
                ));
            }
        }
    }
    // What was left behind earlier is in the inventory too, and stays as it is.
    let as_sent = usize::try_from(evidence.as_sent)?;
    ensure!(kept.as_sent >= as_sent, "{title}: {as_sent} were said to be as sent, {kept:?}");
    println!("{title}: {kept:?}");
    ensure!(wrong.is_empty(), "{title}: what was promised is not what was done:\n{}", wrong.join("\n"));
    Ok((kept, evidence))
}

/// What differs between the promise for one object and what became of it.
fn differences(
    found: &ObjectEvidence,
    was: Option<&Value>,
    is: Option<&Value>,
    fields: &mut usize,
) -> Vec<String> {
    let uid = |live: Option<&Value>| live.map(|live| live["metadata"]["uid"].clone());
    let moved = was.map(stamp) != is.map(stamp);
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!(
                "{:?}, and {what}: {} became {}",
                found.outcome,
                shown(was.map(stamp).as_ref()),
                shown(is.map(stamp).as_ref())
            ));
        }
    };
    match found.outcome {
        LiveOutcome::Created => {
            must(was.is_none(), "it was there");
            // A hook goes when it is done, if it says so.
            must(is.is_some() || found.action == Some(Action::RunHook), "it is not there");
        }
        LiveOutcome::Changed => {
            must(was.is_some() && uid(was) == uid(is), "it is another object");
            must(moved, "nothing moved");
        }
        LiveOutcome::Unchanged | LiveOutcome::LeftBehind => must(was.is_some() && !moved, "it moved"),
        LiveOutcome::Replaced => must(uid(was) != uid(is), "it is the same object"),
        LiveOutcome::Gone => must(was.is_none() && is.is_none(), "it is there"),
        LiveOutcome::NotKnownYet => must(found.message.is_some(), "there is no reason"),
        LiveOutcome::Refused | LiveOutcome::FieldConflict | LiveOutcome::NotOurs | LiveOutcome::NotAsked => {
            must(false, &format!("the change succeeded ({:?} {:?})", found.code, found.message));
        }
    }
    let (Some(was), Some(is)) = (was, is) else { return wrong };
    if found.outcome != LiveOutcome::Changed {
        return wrong;
    }
    let (was, is) = (content(was), content(is));
    for change in &found.changes {
        let masked = |value: &Option<Value>| value.as_ref().is_some_and(|it| it.to_string().contains('‹'));
        if masked(&change.before) || masked(&change.after) {
            continue;
        }
        *fields += 1;
        let path: ValuePath = change.path.parse().unwrap_or_else(|error| panic!("{}: {error}", change.path));
        for (side, promised, live) in [("before", &change.before, &was), ("after", &change.after, &is)] {
            let live = path.find(live);
            if promised.as_ref() != live {
                wrong.push(format!(
                    "{side}, `{}` was said to be {}, and is {}",
                    change.path,
                    shown(promised.as_ref()),
                    shown(live)
                ));
            }
        }
    }
    for change in diff_values(&was, &is) {
        let path = change.path.to_string();
        let promised = found.changes.iter().any(|it| path == it.path);
        if !promised && !OF_CONTROLLERS.iter().any(|own| path.starts_with(own)) {
            wrong.push(format!(
                "`{path}` was not promised: {} became {}",
                shown(change.before.as_ref()),
                shown(change.after.as_ref())
            ));
        }
    }
    wrong
}

async fn publish(bench: &Bench, profile: &str, version: &str, layers: Vec<DraftLayer>) -> Result<()> {
    let session = &bench.session;
    if session.profile(profile).await?.is_none() {
        session.create_profile(profile.into(), ProfileType::Addon).await?;
    }
    session.create_profile_version(profile.into(), version.into(), None).await?;
    let content = DraftContent { layers, variables: Vec::new() };
    session.update_draft(profile.into(), version.into(), None, content).await?;
    session.publish_profile_version(profile.into(), version.into()).await?;
    Ok(())
}

/// The upgrade of the story: the application loses its API and database, which stay behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_upgrade_of_the_story_is_as_promised() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("live-story").await else { return Ok(()) };
    let bench = Bench::start(plane.kubeconfig()).await?;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../deploy/examples/packs/hello-universe-1.2.0");
    bench.session.publish_pack(strata_registry::read_pack(&folder)?, Adopted::default()).await?;
    let values = std::fs::read_to_string(folder.join("values.yaml"))?;
    let more = values.replace("replicas: 1", "replicas: 3");
    ensure!(more != values, "the pack names its replicas otherwise");
    // The second has no API and no database any more, the third more replicas.
    for (version, preset, values) in
        [("1.0.0", "enable-api", None), ("1.1.0", "disable-api", None), ("1.2.0", "disable-api", Some(more))]
    {
        let layer = DraftLayer {
            values,
            presets: vec![PresetChoice { group: "Backend".into(), name: preset.into() }],
            orphan_policy: OrphanPolicy::Keep,
            ..DraftLayer::new("hello", "hello-universe", "1.2.0")
        };
        publish(&bench, "welcome", version, vec![layer]).await?;
    }
    let (first, _) = promised_is_done(&bench, "story, first", bench.wish("welcome", "1.0.0")).await?;
    ensure!(count(&first, LiveOutcome::Created) >= 1, "{first:?}");
    let (upgrade, evidence) =
        promised_is_done(&bench, "story, upgrade", bench.wish("welcome", "1.1.0")).await?;
    ensure!(count(&upgrade, LiveOutcome::LeftBehind) >= 1, "{upgrade:?}");
    ensure!(count(&upgrade, LiveOutcome::NotKnownYet) == 0, "{upgrade:?}");
    ensure!(evidence.nodes.value().is_some_and(|nodes| nodes.ready > 0), "{:?}", evidence.nodes);
    let capacity = evidence.capacity.value().context("no capacity")?;
    ensure!(capacity.iter().any(|it| it.resource == "cpu" && it.allocatable > it.requested), "{capacity:?}");
    let (more, _) = promised_is_done(&bench, "story, more", bench.wish("welcome", "1.2.0")).await?;
    ensure!(count(&more, LiveOutcome::Changed) >= 1 && more.fields >= 1, "{more:?}");
    // Going back brings the same objects up again.
    promised_is_done(&bench, "story, back", bench.wish("welcome", "1.0.0")).await?;
    bench.stop().await;
    Ok(())
}

/// What is in the way is told before, and is in the way; what somebody changed by hand is told as drift and is put back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_way_is_told_before() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("live-way").await else { return Ok(()) };
    let bench = Bench::start(plane.kubeconfig()).await?;
    let manifest = |word: &str, port: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: words}}\ndata: {{word: {word}, other: \"1\"}}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: held}}\ndata: {{word: {word}}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{selector: {{app: web}}, ports: [{{name: web, port: {port}}}]}}\n"
        )
    };
    let files = PackFiles::from([
        (
            "pack.json".to_owned(),
            json!({"name": "way", "displayName": "way", "version": "1.0.0", "layer": "addon", "cloudTypes": ["all"]}).to_string().into_bytes(),
        ),
        ("values.yaml".to_owned(), b"pack:\n  namespace: way\n".to_vec()),
    ]);
    bench.session.publish_pack(files, Adopted::default()).await?;
    for (version, word, port) in [("1.0.0", "one", "80"), ("1.1.0", "two", "99999")] {
        let layer = DraftLayer {
            manifests: vec![AttachedManifest { name: "all".into(), text: manifest(word, port) }],
            ..DraftLayer::new("way", "way", "1.0.0")
        };
        publish(&bench, "way", version, vec![layer]).await?;
    }
    promised_is_done(&bench, "way, first", bench.wish("way", "1.0.0")).await?;
    let maps = "/api/v1/namespaces/way/configmaps";
    bench.edit(&format!("{maps}/words"), "mallory", &json!({"data": {"other": "2", "theirs": "x"}})).await?;
    bench.edit(&format!("{maps}/held"), "mallory", &json!({"data": {"word": "mine"}})).await?;
    let evidence = bench
        .session
        .preview_upgrade_live(&bench.wish("way", "1.1.0"))
        .await?
        .evidence
        .context("not asked")?;
    let said = |kind: &str, name: &str| {
        let found = evidence.objects.iter().find(|it| it.key.kind == kind && it.key.name == name);
        found.with_context(|| format!("nothing is said of {kind} {name}"))
    };
    let service = said("Service", "web")?;
    ensure!(service.outcome == LiveOutcome::Refused, "{service:?}");
    ensure!(service.message.as_deref().is_some_and(|it| it.contains("99999")), "{service:?}");
    let held = said("ConfigMap", "held")?;
    ensure!(held.outcome == LiveOutcome::FieldConflict, "{held:?}");
    ensure!(held.conflicts.iter().any(|it| it.field == ".data.word" && it.manager == "mallory"), "{held:?}");
    // Another field of it was changed by hand: the change stops there, too, and drift says which.
    let words = said("ConfigMap", "words")?;
    ensure!(words.outcome == LiveOutcome::FieldConflict, "{words:?}");
    ensure!(words.drift.len() == 1 && words.drift[0].path == "data.other", "{words:?}");
    ensure!(words.drift[0].sent == json!("1") && words.drift[0].live == Some(json!("2")), "{words:?}");
    // And the change fails where it was said to.
    let change = bench.run(bench.wish("way", "1.1.0")).await?;
    let failure = change.failure.context("it succeeded")?;
    ensure!(["FIELD_CONFLICT", "INVALID_OBJECT"].contains(&failure.code.as_str()), "{failure:?}");
    bench.stop().await;
    Ok(())
}

/// What cannot change in place is deleted and created anew as was promised; and where a new one would not be taken, that is told
/// while the old one is still there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_created_anew_is_as_promised() -> Result<()> {
    let Some(plane) = ControlPlane::start_or_leave_out("live-anew").await else { return Ok(()) };
    let bench = Bench::start(plane.kubeconfig()).await?;
    let files = PackFiles::from([
        (
            "pack.json".to_owned(),
            json!({"name": "anew", "displayName": "anew", "version": "1.0.0", "layer": "addon", "cloudTypes": ["all"]}).to_string().into_bytes(),
        ),
        ("values.yaml".to_owned(), b"pack:\n  namespace: anew\n".to_vec()),
    ]);
    bench.session.publish_pack(files, Adopted::default()).await?;
    let manifest = |role: &str, word: &str, kind: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: who}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}\n---\n\
             apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: fixed}}\nimmutable: true\ndata: {{word: {word}}}\n---\n\
             apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\ntype: {kind}\nstringData: {{username: ada, password: correct-horse}}\n"
        )
    };
    for (version, text) in [
        ("1.0.0", manifest("view", "one", "Opaque")),
        ("1.1.0", manifest("edit", "two", "kubernetes.io/basic-auth")),
        // One of this type must have a certificate.
        ("1.2.0", manifest("edit", "two", "kubernetes.io/tls")),
    ] {
        let layer = DraftLayer {
            manifests: vec![AttachedManifest { name: "all".into(), text }],
            on_immutable: ImmutablePolicy::Replace,
            ..DraftLayer::new("anew", "anew", "1.0.0")
        };
        publish(&bench, "anew", version, vec![layer]).await?;
    }
    promised_is_done(&bench, "anew, first", bench.wish("anew", "1.0.0")).await?;
    let (anew, _) = promised_is_done(&bench, "anew, upgrade", bench.wish("anew", "1.1.0")).await?;
    ensure!(count(&anew, LiveOutcome::Replaced) == 3, "{anew:?}");
    let preview = bench.session.preview_upgrade_live(&bench.wish("anew", "1.2.0")).await?;
    let evidence = preview.evidence.context("not asked")?;
    let refused = evidence.objects.iter().find(|it| it.key.kind == "Secret").context("nothing is said")?;
    ensure!(refused.outcome == LiveOutcome::Refused && refused.stops(), "{refused:?}");
    ensure!(refused.message.as_deref().is_some_and(|it| it.contains("tls.crt")), "{refused:?}");
    bench.stop().await;
    Ok(())
}

/// A pack of a chart of the corpus.
fn pack_of(corpus: &Corpus, chart: &str, values: &str) -> Result<PackFiles> {
    let case =
        corpus.cases.iter().find(|case| case.chart == chart).with_context(|| format!("no chart {chart}"))?;
    let description = json!({"name": chart, "displayName": chart, "version": "1.0.0", "layer": "addon", "cloudTypes": ["all"]});
    let mut files = PackFiles::from([
        ("pack.json".to_owned(), description.to_string().into_bytes()),
        ("values.yaml".to_owned(), values.as_bytes().to_vec()),
    ]);
    files.extend(case.files()?.into_iter().map(|(path, bytes)| (format!("charts/{chart}/{path}"), bytes)));
    Ok(files)
}

/// Charts: their values first and after the upgrade, and a manifest of a kind that the chart defines.
const CHARTS: [(&str, &str, &str, &str); 3] = [
    (
        // A definition, and an object of its kind beside it.
        "sealed-secrets",
        "resources: {requests: {cpu: 50m, memory: 64Mi}}",
        "resources: {requests: {cpu: '0.1', memory: 128Mi}}\n    podAnnotations: {word: two}\n    networkPolicy: {enabled: true}",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: one}\nspec: {encryptedData: {a: AgB}}\n",
    ),
    (
        // Jobs as hooks around its objects, and a webhook that comes last.
        "ingress-nginx",
        "controller: {service: {type: ClusterIP}}",
        "controller: {service: {type: ClusterIP}, replicaCount: 2, config: {use-gzip: 'true'}, minReadySeconds: 1}",
        "",
    ),
    (
        "descheduler",
        "kind: CronJob",
        "kind: CronJob\n    schedule: '*/7 * * * *'\n    podLabels: {word: two}",
        "",
    ),
];

/// Charts with definitions, hooks and Jobs: first installed, then upgraded, then upgraded to the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charts_with_definitions_hooks_and_jobs_are_as_promised() -> Result<()> {
    let Some(corpus) = Corpus::open_or_leave_out()? else { return Ok(()) };
    let Some(plane) = ControlPlane::start_or_leave_out("live-charts").await else { return Ok(()) };
    let bench = Bench::start(plane.kubeconfig()).await?;
    let mut unknown = 0;
    for (chart, first, then, manifest) in CHARTS {
        let values = format!("pack:\n  namespace: {chart}\ncharts:\n  {chart}:\n    {first}\n");
        bench.session.publish_pack(pack_of(&corpus, chart, &values)?, Adopted::default()).await?;
        for (version, own) in [("1.0.0", first), ("1.1.0", then)] {
            let values = format!("pack:\n  namespace: {chart}\ncharts:\n  {chart}:\n    {own}\n");
            let manifests = [manifest].into_iter().filter(|text| !text.is_empty());
            let manifests = manifests.map(|text| {
                let text = if version == "1.1.0" { text.replace("AgB", "AgC") } else { text.to_owned() };
                AttachedManifest { name: "own".into(), text }
            });
            let layer = DraftLayer {
                values: Some(values),
                manifests: manifests.collect(),
                ..DraftLayer::new(chart, chart, "1.0.0")
            };
            publish(&bench, chart, version, vec![layer]).await?;
        }
        let (install, _) =
            promised_is_done(&bench, &format!("{chart}, install"), bench.wish(chart, "1.0.0")).await?;
        unknown += count(&install, LiveOutcome::NotKnownYet);
        let (upgrade, _) =
            promised_is_done(&bench, &format!("{chart}, upgrade"), bench.wish(chart, "1.1.0")).await?;
        ensure!(count(&upgrade, LiveOutcome::Changed) >= 1 && upgrade.fields >= 1, "{chart}: {upgrade:?}");
        ensure!(count(&upgrade, LiveOutcome::NotKnownYet) == 0, "{chart}: {upgrade:?}");
        let (again, _) = promised_is_done(&bench, &format!("{chart}, again"), bench.nothing()).await?;
        ensure!(again.outcomes.is_empty(), "{chart}: there is something to say: {again:?}");
    }
    ensure!(unknown > 0, "of a definition that was not there nothing was said to be unknown");
    bench.stop().await;
    Ok(())
}
