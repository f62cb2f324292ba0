//! One target on many clusters: grouped by what happens, each with the plan that a request would make.

mod bench;

use bench::{Bench, layer, variable};
use strata_engine::{ClusterFilter, EngineError, Page, RequestOptions, RevisionWish, Session};
use strata_model::{
    change::ChangeState,
    finding::FindingCode,
    fleet_preview::{FleetGroup, FleetOutcome, FleetPreview},
    overrides::{Patch, PatchOperation},
    profile::ImmutablePolicy,
};

/// Names itself, has a password and a generated value of its own, and does not render on one cluster when it is told so.
const MANIFEST: &str = "\
{{- if eq .Values.refuses .Values.cluster }}{{ fail \"not here\" }}{{ end }}
apiVersion: v1
kind: ConfigMap
metadata: {name: \"{{ .Values.cluster }}-web\"}
data:
  mode: \"{{ .Values.mode }}\"
  title: \"{{ .Values.title }}\"
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData:
  password: \"{{ randAlphaNum 20 }}\"
";

const VALUES: &str = "pack:\n  namespace: shop\nmode: plain\nrefuses: nobody\n\
    title: '{{.strata.var.title}}'\ncluster: '{{.strata.cluster.name}}'\n";

fn to(version: &str) -> RevisionWish {
    RevisionWish { profile: "web".into(), version: version.into(), revision: None }
}

async fn previewed(
    session: &Session,
    to: &RevisionWish,
    filter: ClusterFilter,
) -> Result<FleetPreview, EngineError> {
    Box::pin(session.preview_fleet_upgrade(to, filter)).await
}

fn told(groups: &[FleetGroup]) -> Vec<(FleetOutcome, u32)> {
    groups.iter().map(|group| (group.outcome, group.clusters)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_grouped_by_what_happens_to_them() {
    let bench = Bench::start().await;
    let session = &bench.session;
    bench.publish(bench::pack("web", "1.0.0", VALUES, MANIFEST)).await;
    let versions = [("1.0.0", ""), ("1.1.0", "mode: fancy\n"), ("1.2.0", "mode: fancy\nrefuses: eu-3\n")];
    for (version, values) in versions {
        let layers = vec![layer("app", "web", "1.0.0", values, ImmutablePolicy::Block)];
        bench.publish_content("web", version, layers, vec![variable("title", Some("hello"))]).await;
    }
    let names = ["eu-1", "eu-2", "eu-3", "named", "ours", "there", "elsewhere"];
    for name in names {
        let sim = bench.cluster(name).await;
        bench.register(name, &sim).await;
        if name == "elsewhere" {
            continue;
        }
        let mut wish = bench.wish(name, &[("web", if name == "there" { "1.1.0" } else { "1.0.0" })]);
        if name == "named" {
            wish.variables = vec![("title".into(), "our own".into())];
        }
        if name == "ours" {
            let set = PatchOperation::Set { path: "mode".parse().unwrap(), value: "special".into() };
            wish.overrides = bench.override_wish(name, "app", Patch(vec![set])).overrides;
        }
        let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
        let change = session.request_upgrade(wish, options).await.unwrap();
        assert_eq!(bench.ended(change.id).await.state, ChangeState::Succeeded, "{name}");
    }

    let preview = previewed(session, &to("1.1.0"), ClusterFilter::default()).await.unwrap();
    assert_eq!((preview.looked_at, preview.left_out), (6, 0), "not those that do not run it");
    let expected = [(FleetOutcome::Changes, 4), (FleetOutcome::Conflicts, 1), (FleetOutcome::Unchanged, 1)];
    let mut groups = preview.groups.clone();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.clusters), std::cmp::Reverse(group.outcome)));
    assert_eq!(told(&groups), [expected[0], expected[1], expected[2]]);

    // Each cluster of a group has the very plan that a preview of it alone has, and what is its own beside it.
    let page = Page { first: 100, after: None };
    let kept = session.fleet_preview(preview.id).await.unwrap().unwrap();
    assert_eq!(kept, preview);
    let members = session.fleet_preview_members(preview.id, &groups[0].effect, page.clone()).await.unwrap();
    let members: Vec<_> = members.items.into_iter().map(|(_, member)| member).collect();
    let found: Vec<String> = members.iter().map(|member| member.name.to_string()).collect();
    assert_eq!(found, ["eu-1", "eu-2", "eu-3", "named"]);
    assert_eq!(members[3].variables, [("title".to_owned(), "our own".to_owned())]);
    for member in &members {
        let alone = session.preview_upgrade(&bench.wish(member.name.as_str(), &[("web", "1.1.0")])).await;
        assert_eq!(Some(alone.unwrap().plan.digest), member.plan_digest, "{}", member.name);
    }
    let example = session.plan(groups[0].example.unwrap()).await.unwrap().unwrap();
    assert_eq!(Some(example.plan.digest), members[0].plan_digest);
    let ours = session.fleet_preview_members(preview.id, &groups[1].effect, page.clone()).await.unwrap();
    assert_eq!(ours.items[0].1.overridden, ["app"]);

    // What does not render on one cluster says so, and the others have their plans.
    let preview = previewed(session, &to("1.2.0"), ClusterFilter::default()).await.unwrap();
    let blocked: Vec<_> =
        preview.groups.iter().filter(|group| group.outcome == FleetOutcome::Blocked).collect();
    assert_eq!((blocked.len(), blocked[0].clusters, preview.looked_at), (1, 1, 6));
    let plan = session.plan(blocked[0].example.unwrap()).await.unwrap().unwrap().plan;
    assert!(plan.actions.is_empty() && plan.findings[0].code == FindingCode::RenderFailed, "{plan:#?}");
    assert!(plan.findings[0].message.contains("not here"), "{:#?}", plan.findings);
    let alone = session.preview_upgrade(&bench.wish("eu-3", &[("web", "1.2.0")])).await.unwrap().plan;
    assert_eq!(alone.digest, plan.digest);
    let asked = session.request_upgrade(bench.wish("eu-3", &[("web", "1.2.0")]), RequestOptions::default());
    assert!(asked.await.is_err(), "what does not render cannot be asked for");

    // Only those that run it are looked at, and only to what there is.
    let all = ClusterFilter { name_contains: Some("elsewhere".into()), ..ClusterFilter::default() };
    let none = previewed(session, &to("1.1.0"), all).await.unwrap();
    assert_eq!(none.looked_at, 0, "it does not run the profile");
    let wrong = RevisionWish { version: "9.9.9".into(), ..to("1.1.0") };
    assert!(previewed(session, &wrong, ClusterFilter::default()).await.is_err());
}

/// Does the same wherever it is told the same; asks for a label and for an API.
const ALIKE: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: alike}
data:
  mode: \"{{ .Values.mode }}\"
  title: \"{{ .Values.mode }}: {{ .Values.title }} at {{ .Values.port }}\"
  stage: \"{{ .Strata.Cluster.Labels.stage }}\"
  apps: \"{{ .Capabilities.APIVersions.Has \"apps/v1\" }}\"
---
apiVersion: v1
kind: ConfigMap
metadata: {name: still}
data: {title: \"{{ .Values.title }}\"}
";

/// What a cluster says for itself is taken out of what happens where it came in, and is no reason to plan anything twice;
/// each plan is still the cluster's own.
#[tokio::test(flavor = "multi_thread")]
async fn equal_inputs_are_worked_out_once_and_variables_taken_out() {
    let bench = Bench::start().await;
    let session = &bench.session;
    let values = "pack:\n  namespace: shop\nmode: plain\ntitle: '{{.strata.var.title}}'\nport: '{{.strata.var.port}}'\n";
    bench.publish(bench::pack("alike", "1.0.0", values, ALIKE)).await;
    for (version, values) in [("1.0.0", ""), ("1.1.0", "mode: fancy\n")] {
        let layers = vec![layer("app", "alike", "1.0.0", values, ImmutablePolicy::Block)];
        let variables = vec![variable("title", Some("hello")), variable("port", Some("80"))];
        bench.publish_content("alike", version, layers, variables).await;
    }
    let clusters = [
        ("one", "prod", "hello"),
        ("two", "prod", "hello"),
        ("three", "test", "hello"),
        ("four", "prod", "welcome"),
        ("five", "prod", "hello"),
        ("six", "test", "welcome"),
        ("seven", "prod", "plain"),
        // Called like what happens to it.
        ("fancy", "prod", "hello"),
    ];
    for (name, stage, title) in clusters {
        let sim = bench.cluster(name).await;
        bench.register_with(name, &sim, &[("stage", stage)]).await;
        let mut wish = bench.wish(name, &[("alike", "1.0.0")]);
        wish.variables = vec![("title".into(), title.into())];
        let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
        let change = session.request_upgrade(wish, options).await.unwrap();
        assert_eq!(bench.ended(change.id).await.state, ChangeState::Succeeded, "{name}");
    }
    let target = RevisionWish { profile: "alike".into(), ..to("1.1.0") };
    let preview = previewed(session, &target, ClusterFilter::default()).await.unwrap();
    assert_eq!((preview.looked_at, preview.planned), (8, 5), "each title at each stage");
    // The stage is a fact that stays as it is, the title a cluster's own.
    assert_eq!(told(&preview.groups), [(FleetOutcome::Changes, 8)], "{:#?}", preview.groups);
    let page = Page { first: 100, after: None };
    let effect = &preview.groups[0].effect;
    let members = session.fleet_preview_members(preview.id, effect, page).await.unwrap();
    let found: Vec<(String, String)> = members
        .items
        .iter()
        .map(|(_, member)| (member.name.to_string(), member.variables[0].1.clone()))
        .collect();
    let mut expected: Vec<_> =
        clusters.iter().map(|(name, _, title)| ((*name).to_owned(), (*title).to_owned())).collect();
    expected.sort();
    assert_eq!(found, expected);
    for (_, member) in &members.items {
        let wish = bench.wish(member.name.as_str(), &[("alike", "1.1.0")]);
        let alone = session.preview_upgrade(&wish).await.unwrap().plan;
        assert_eq!(Some(alone.digest), member.plan_digest, "{}", member.name);
    }
}

/// Does another thing where it is called or told something.
const APART: &str = r#"
{{- if .Values.new }}
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Values.tier }}-apart"}
data:
  replicas: "{{ if hasPrefix "prod-" .Strata.Cluster.Name }}5{{ else }}2{{ end }}"
  who: "{{ .Strata.Cluster.Name }} of {{ .Values.tier }}"
  sum: "{{ .Values.tier | sha256sum }}"
  {{- if eq .Values.tier "prod" }}
  privileged: "yes"
  {{- end }}
{{- end }}
"#;

/// What a cluster's own decides, not only what it says, is told apart: an approval of one group is of nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_name_or_a_variable_decides_is_told_apart() {
    let bench = Bench::start().await;
    let session = &bench.session;
    let values = "pack:\n  namespace: shop\nnew: false\ntier: '{{.strata.var.tier}}'\n";
    bench.publish(bench::pack("apart", "1.0.0", values, APART)).await;
    for (version, values) in [("1.0.0", ""), ("1.1.0", "new: true\n")] {
        let layers = vec![layer("app", "apart", "1.0.0", values, ImmutablePolicy::Block)];
        bench.publish_content("apart", version, layers, vec![variable("tier", Some("none"))]).await;
    }
    for (name, tier) in [("dev-1", "one"), ("dev-2", "two"), ("prod-1", "one"), ("dev-3", "prod")] {
        let sim = bench.cluster(name).await;
        bench.register(name, &sim).await;
        let mut wish = bench.wish(name, &[("apart", "1.0.0")]);
        wish.variables = vec![("tier".into(), tier.into())];
        let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
        let change = session.request_upgrade(wish, options).await.unwrap();
        assert_eq!(bench.ended(change.id).await.state, ChangeState::Succeeded, "{name}");
    }
    let target = RevisionWish { profile: "apart".into(), ..to("1.1.0") };
    let preview = previewed(session, &target, ClusterFilter::default()).await.unwrap();
    let mut groups = Vec::new();
    for group in &preview.groups {
        let page = Page { first: 100, after: None };
        let members = session.fleet_preview_members(preview.id, &group.effect, page).await.unwrap();
        groups.push(members.items.iter().map(|(_, it)| it.name.to_string()).collect::<Vec<_>>());
    }
    groups.sort();
    assert_eq!(groups, [vec!["dev-1", "dev-2"], vec!["dev-3"], vec!["prod-1"]]);
}
