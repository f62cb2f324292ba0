//! One target on many clusters: grouped by what happens, each with the plan that a request would make.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail them")]

mod bench;

use std::time::Duration;

use bench::{Bench, layer, variable};
use strata_engine::{
    ClusterFilter, EngineError, OrphanFilter, Page, RequestOptions, RevisionWish, Session, Wish,
};
use strata_model::{
    change::ChangeState,
    error::RefusalCode,
    finding::FindingCode,
    fleet_preview::{FleetGroup, FleetMember, FleetOutcome, FleetPreview},
    overrides::{Patch, PatchOperation},
    profile::ImmutablePolicy,
    variable::VariableDefinition,
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

/// Registers a cluster and brings it to what is wished.
async fn bring(bench: &Bench, labels: &[(&str, &str)], wish: Wish) {
    let name = wish.cluster.clone();
    let sim = bench.cluster(&name).await;
    bench.register_with(&name, &sim, labels).await;
    apply(bench, wish).await;
}

async fn apply(bench: &Bench, wish: Wish) {
    let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
    let change = bench.session.request_upgrade(wish, options).await.unwrap();
    assert_eq!(bench.ended(change.id).await.state, ChangeState::Succeeded, "{}", change.id);
}

async fn members(session: &Session, preview: &FleetPreview, group: &FleetGroup) -> Vec<FleetMember> {
    let page = Page { first: 100, after: None };
    let members = session.fleet_preview_members(preview.id, &group.effect, page).await.unwrap();
    members.items.into_iter().map(|(_, member)| member).collect()
}

/// What happens to a cluster is called the same whichever others are looked at beside it, and its plan is its very own.
async fn assert_each_alone(bench: &Bench, preview: &FleetPreview, to: &RevisionWish) {
    let session = &bench.session;
    for group in &preview.groups {
        for member in members(session, preview, group).await {
            let name = member.name.to_string();
            let filter = ClusterFilter { name_contains: Some(name.clone()), ..ClusterFilter::default() };
            let alone = previewed(session, to, filter).await.unwrap();
            let effects: Vec<_> = alone.groups.iter().map(|group| &group.effect).collect();
            assert_eq!(effects, [&group.effect], "{name}");
            let wish = bench.wish(&name, &[(to.profile.as_str(), to.version.as_str())]);
            let planned = session.preview_upgrade(&wish).await.unwrap().plan;
            assert_eq!(Some(planned.digest), member.plan_digest, "{name}");
        }
    }
}

/// A preview as it is followed, and how many pairs of plans were made for it.
async fn surveyed(session: &Session, to: &RevisionWish) -> (FleetPreview, u32) {
    let mut survey = session.survey_fleet(to, ClusterFilter::default()).await.unwrap();
    while survey.step(session).await.unwrap() {}
    let pairs = survey.pairs();
    (survey.keep().await.unwrap(), pairs)
}

/// The clusters of each group.
async fn names(session: &Session, preview: &FleetPreview) -> Vec<Vec<String>> {
    let mut groups = Vec::new();
    for group in &preview.groups {
        let members = members(session, preview, group).await;
        groups.push(members.iter().map(|it| it.name.to_string()).collect::<Vec<_>>());
    }
    groups.sort();
    groups
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
    let names = ["eu-1", "eu-2", "eu-3", "named", "ours", "mine", "there"];
    let sim = bench.cluster("elsewhere").await;
    bench.register("elsewhere", &sim).await;
    for name in names {
        let mut wish = bench.wish(name, &[("web", if name == "there" { "1.1.0" } else { "1.0.0" })]);
        if name == "named" {
            wish.variables = vec![("title".into(), "our own".into())];
        }
        if ["ours", "mine"].contains(&name) {
            let set = PatchOperation::Set { path: "mode".parse().unwrap(), value: name.into() };
            wish.overrides = bench.override_wish(name, "app", Patch(vec![set])).overrides;
        }
        bring(&bench, &[], wish).await;
    }

    let preview = previewed(session, &to("1.1.0"), ClusterFilter::default()).await.unwrap();
    assert_eq!((preview.looked_at, preview.left_out), (7, 0), "not those that do not run it");
    let groups = &preview.groups;
    let expected = [(FleetOutcome::Conflicts, 2), (FleetOutcome::Changes, 4), (FleetOutcome::Unchanged, 1)];
    assert_eq!(told(groups), expected, "the gravest first");

    // Each cluster of a group has the very plan that a preview of it alone has, and what is its own beside it.
    let kept = session.fleet_preview(preview.id).await.unwrap().unwrap();
    assert_eq!(kept, preview);
    let first = members(session, &preview, &groups[1]).await;
    let found: Vec<String> = first.iter().map(|member| member.name.to_string()).collect();
    assert_eq!(found, ["eu-1", "eu-2", "eu-3", "named"]);
    assert_eq!(first[3].variables, [("title".to_owned(), "our own".to_owned())]);
    assert_each_alone(&bench, &preview, &to("1.1.0")).await;
    let example = session.plan(groups[1].example.unwrap()).await.unwrap().unwrap();
    assert_eq!(Some(example.plan.digest), first[0].plan_digest);
    // What overrides say is a cluster's own: those who disagree at the same place are told together, each with its value.
    let own = members(session, &preview, &groups[0]).await;
    let said: Vec<_> =
        own.iter().map(|it| (it.disagrees[0].path.as_str(), it.disagrees[0].value.clone())).collect();
    assert_eq!(said, [("mode", Some("mine".into())), ("mode", Some("ours".into()))]);
    assert_eq!(own[0].overridden, ["app"]);

    // What does not render on one cluster says so, and the others have their plans.
    let preview = previewed(session, &to("1.2.0"), ClusterFilter::default()).await.unwrap();
    let blocked: Vec<_> =
        preview.groups.iter().filter(|group| group.outcome == FleetOutcome::Blocked).collect();
    assert_eq!((blocked.len(), blocked[0].clusters, preview.looked_at), (1, 1, 7));
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
        let mut wish = bench.wish(name, &[("alike", "1.0.0")]);
        wish.variables = vec![("title".into(), title.into())];
        bring(&bench, &[("stage", stage)], wish).await;
    }
    let target = RevisionWish { profile: "alike".into(), ..to("1.1.0") };
    let preview = previewed(session, &target, ClusterFilter::default()).await.unwrap();
    assert_eq!((preview.looked_at, preview.planned), (8, 5), "each title at each stage");
    // The stage is a fact that stays as it is, the title a cluster's own.
    assert_eq!(told(&preview.groups), [(FleetOutcome::Changes, 8)], "{:#?}", preview.groups);
    let found: Vec<(String, String)> = members(session, &preview, &preview.groups[0])
        .await
        .iter()
        .map(|member| (member.name.to_string(), member.variables[0].1.clone()))
        .collect();
    let mut expected: Vec<_> =
        clusters.iter().map(|(name, _, title)| ((*name).to_owned(), (*title).to_owned())).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert_each_alone(&bench, &preview, &target).await;
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
        let mut wish = bench.wish(name, &[("apart", "1.0.0")]);
        wish.variables = vec![("tier".into(), tier.into())];
        bring(&bench, &[], wish).await;
    }
    let target = RevisionWish { profile: "apart".into(), ..to("1.1.0") };
    let preview = previewed(session, &target, ClusterFilter::default()).await.unwrap();
    let expected = [vec!["dev-1", "dev-2"], vec!["dev-3"], vec!["prod-1"]];
    assert_eq!(names(session, &preview).await, expected);
    assert_each_alone(&bench, &preview, &target).await;
}

/// Tells a secret of the cluster and one that is generated, and says another thing with one secret; counts labels. What it
/// leaves behind stays on the list.
const SECRETIVE: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: "{{ .Strata.Cluster.Name }}-login"}
stringData:
  password: "{{ .Values.password }}"
  token: "{{ randAlphaNum 20 }}"
---
apiVersion: v1
kind: ConfigMap
metadata: {name: secretive}
data:
  mode: "{{ .Values.mode }} on {{ .Strata.Cluster.Name }}"
  labels: "{{ len .Strata.Cluster.Labels }}"
  {{- if eq .Values.mode "fancy" }}
  sum: "{{ if eq .Values.password "changeme" }}{{ sha256sum .Strata.Cluster.Name }}{{ else }}none{{ end }}"
  {{- end }}
{{- if .Values.old }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: old}
{{- end }}
"#;

/// Secrets, what is generated, what was left behind and how often something was sent make no groups; what a secret decides
/// does, whichever cluster comes first. Plans with placeholders are made once for all that are alike.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_shared_is_what_would_have_been_found_alone() {
    // One after the other, so that it is known who comes first.
    let bench = Bench::start_with(|options| options.fleet_survey_step = 1).await;
    let session = &bench.session;
    let values = "pack:\n  namespace: shop\nmode: plain\nold: true\npassword: '{{.strata.var.password}}'\n";
    bench.publish(bench::pack("secretive", "1.0.0", values, SECRETIVE)).await;
    let versions = [("1.0.0", ""), ("1.1.0", "old: false\n"), ("1.2.0", "old: false\nmode: fancy\n")];
    for (version, values) in versions {
        let layers = vec![layer("app", "secretive", "1.0.0", values, ImmutablePolicy::Block)];
        let password = VariableDefinition { sensitive: true, ..variable("password", None) };
        bench.publish_content("secretive", version, layers, vec![password]).await;
    }
    let clusters = [
        ("abel", "changeme", "eu"),
        ("alpha", "one", "eu"),
        ("beta", "two", "eu"),
        ("gamma", "one", "eu"),
        ("epsilon", "three", ""),
        ("zeta", "changeme", "eu"),
    ];
    for (name, password, site) in clusters {
        let labels = [("stage", "prod"), ("site", site)];
        let labels = if site.is_empty() { &labels[..1] } else { &labels[..] };
        let mut wish = bench.wish(name, &[("secretive", "1.0.0")]);
        wish.variables = vec![("password".into(), password.into())];
        bring(&bench, labels, wish).await;
        apply(&bench, bench.wish(name, &[("secretive", "1.1.0")])).await;
        if name == "gamma" {
            let rotated = Wish { cluster: name.into(), rotate_generated: true, ..Wish::default() };
            apply(&bench, rotated).await;
        }
        let left = session.orphans(&OrphanFilter::default(), Page { first: 10, after: None }).await.unwrap();
        assert!(!left.items.is_empty(), "the old one is on the list");
    }
    let target = RevisionWish { profile: "secretive".into(), ..to("1.2.0") };
    let (preview, pairs) = surveyed(session, &target).await;
    let expected = [vec!["abel", "zeta"], vec!["alpha", "beta", "epsilon", "gamma"]];
    assert_eq!(names(session, &preview).await, expected);
    // One for those of either secret, one more for who has other labels, and for whom something was sent again by a later version.
    assert_eq!(pairs, 4);
    assert_each_alone(&bench, &preview, &target).await;
}

/// Called like a variable in small letters: what becomes of a name cannot always be told from what it was made of.
const CASED: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Values.site | lower }}-config"}
data:
  mode: "{{ .Values.mode }} at {{ .Strata.Cluster.Name }}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_objects_are_called_otherwise_is_no_model_for_others() {
    let bench = Bench::start_with(|options| options.fleet_survey_step = 1).await;
    let session = &bench.session;
    let values = "pack:\n  namespace: shop\nmode: plain\nsite: '{{.strata.var.site}}'\n";
    bench.publish(bench::pack("cased", "1.0.0", values, CASED)).await;
    for (version, values) in [("1.0.0", ""), ("1.1.0", "mode: fancy\n")] {
        let layers = vec![layer("app", "cased", "1.0.0", values, ImmutablePolicy::Block)];
        bench.publish_content("cased", version, layers, vec![variable("site", Some("none"))]).await;
    }
    for (name, site) in [("four", "munich"), ("one", "Berlin"), ("three", "paris"), ("two", "Oslo")] {
        let mut wish = bench.wish(name, &[("cased", "1.0.0")]);
        wish.variables = vec![("site".into(), site.into())];
        bring(&bench, &[], wish).await;
    }
    let target = RevisionWish { profile: "cased".into(), ..to("1.1.0") };
    let (preview, pairs) = surveyed(session, &target).await;
    assert_eq!(names(session, &preview).await, [vec!["four", "three"], vec!["one"], vec!["two"]]);
    assert_eq!(pairs, 3, "those of one and two serve nobody, that of four serves three");
    assert_each_alone(&bench, &preview, &target).await;
}

/// What stays behind on clusters is no reason to plan each of them by itself.
#[tokio::test(flavor = "multi_thread")]
async fn plans_follow_where_orphans_are_alike() {
    let bench = Bench::start().await;
    let manifest = "{{ range .Values.parts }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ . }}\"}\n{{ end }}";
    bench.publish(bench::pack("parts", "1.0.0", "pack:\n  namespace: shop\nparts: []\n", manifest)).await;
    for (version, parts) in [("1.0.0", "[a, b]"), ("1.1.0", "[a]"), ("1.2.0", "[a, c]")] {
        let values = format!("parts: {parts}\n");
        let layers = vec![layer("app", "parts", "1.0.0", &values, ImmutablePolicy::Block)];
        bench.publish_content("parts", version, layers, vec![]).await;
    }
    for name in ["one", "two", "three"] {
        bring(&bench, &[], bench.wish(name, &[("parts", "1.0.0")])).await;
        apply(&bench, bench.wish(name, &[("parts", "1.1.0")])).await;
    }
    let target = RevisionWish { profile: "parts".into(), ..to("1.2.0") };
    let preview = previewed(&bench.session, &target, ClusterFilter::default()).await.unwrap();
    assert_eq!((preview.looked_at, preview.planned), (3, 1));
    assert_eq!(told(&preview.groups), [(FleetOutcome::Changes, 3)]);
    assert_each_alone(&bench, &preview, &target).await;
}

/// Who follows a preview is told what was found, step by step; who has no time any more is told of how many nothing is known.
#[tokio::test(flavor = "multi_thread")]
async fn a_survey_is_followed_to_its_end() {
    for patience in [Duration::from_secs(600), Duration::ZERO] {
        let bench = Bench::start_with(|options| options.fleet_survey_patience = patience).await;
        let session = &bench.session;
        bench.publish(bench::pack("web", "1.0.0", VALUES, MANIFEST)).await;
        for (version, values) in [("1.0.0", ""), ("1.1.0", "mode: fancy\n")] {
            let layers = vec![layer("app", "web", "1.0.0", values, ImmutablePolicy::Block)];
            bench.publish_content("web", version, layers, vec![variable("title", Some("hello"))]).await;
        }
        for name in ["one", "two"] {
            bring(&bench, &[], bench.wish(name, &[("web", "1.0.0")])).await;
        }
        let mut survey = session.survey_fleet(&to("1.1.0"), ClusterFilter::default()).await.unwrap();
        assert_eq!((survey.all(), survey.looked_at()), (2, 0));
        if patience.is_zero() {
            assert!(!survey.step(session).await.unwrap());
            let preview = survey.keep().await.unwrap();
            assert_eq!((preview.looked_at, preview.left_out, preview.groups.len()), (0, 2, 0));
            continue;
        }
        assert!(survey.step(session).await.unwrap());
        assert_eq!((survey.looked_at(), survey.groups().count()), (2, 1));
        let found: Vec<String> = survey.found().iter().map(|(_, cluster)| cluster.to_string()).collect();
        assert_eq!(found, ["one"]);
        assert!(!survey.step(session).await.unwrap());
        assert!(survey.found().is_empty());
        let preview = survey.keep().await.unwrap();
        let asked = previewed(session, &to("1.1.0"), ClusterFilter::default()).await.unwrap();
        let effects = |preview: &FleetPreview| {
            preview.groups.iter().map(|it| (it.effect.clone(), it.clusters)).collect::<Vec<_>>()
        };
        assert_eq!(effects(&preview), effects(&asked));
        assert_eq!(members(session, &preview, &preview.groups[0]).await.len(), 2);
    }
}

/// A server makes so many surveys at once; who gives one up makes room for another.
#[tokio::test(flavor = "multi_thread")]
async fn too_many_surveys_are_refused() {
    let bench = Bench::start().await;
    bench.publish(bench::pack("web", "1.0.0", VALUES, MANIFEST)).await;
    let layers = vec![layer("app", "web", "1.0.0", "", ImmutablePolicy::Block)];
    bench.publish_content("web", "1.0.0", layers, vec![variable("title", Some("hello"))]).await;
    let target = to("1.0.0");
    let begin = || bench.session.survey_fleet(&target, ClusterFilter::default());
    let mut surveys = Vec::new();
    let refused = loop {
        match begin().await {
            Ok(survey) => surveys.push(survey),
            Err(error) => break error,
        }
        assert!(surveys.len() < 100);
    };
    let EngineError::Refused(refusals) = refused else { panic!("{refused}") };
    assert_eq!(refusals[0].code, RefusalCode::LimitExceeded);
    surveys.pop();
    surveys.push(begin().await.unwrap());
    assert!(begin().await.is_err());
}
