//! Macros on a cluster: held by what it runs, pending when they move, never pushed.

#![expect(clippy::panic, reason = "helpers of tests fail them")]

mod bench;

use bench::{Bench, layer};
use strata_engine::{
    ClusterFilter, ClusterOrder, EngineError, Page, PendingUpdate, RequestOptions, SetMacro,
};
use strata_model::{
    change::ChangeState,
    error::RefusalCode,
    finding::FindingCode,
    profile::{ImmutablePolicy, ProfileType},
    render::Origin,
    secret::SecretText,
};

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n\
    data:\n  team: \"{{ .Values.team }}\"\n  tier: \"{{ .Values.tier }}\"\n\
    ---\napiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData:\n  password: \"{{ .Values.password }}\"\n";

const VALUES: &str = "pack:\n  namespace: shop\nteam: '{{.strata.macro.team}}'\n\
    tier: '{{ .spectro.macro.tier | default \"none\" }}'\npassword: '{{.spectro.macro.password}}'\n";

fn named(name: &str, value: &str) -> SetMacro {
    SetMacro {
        name: name.into(),
        value: SecretText::new(value),
        sensitive: None,
        description: None,
        expected_generation: None,
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, EngineError>) -> (RefusalCode, String) {
    match result {
        Err(EngineError::Refused(refusals)) => (refusals[0].code, refusals[0].message.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_that_moves_is_pending_and_never_pushed() {
    let bench = Bench::start().await;
    let session = &bench.session;
    bench.publish(bench::pack("config", "1.0.0", VALUES, CONFIG)).await;
    let layers = vec![layer("app", "config", "1.0.0", "", ImmutablePolicy::Block)];
    session.create_profile("app".into(), ProfileType::Addon).await.unwrap();
    session.create_profile_version("app".into(), "1.0.0".into(), None).await.unwrap();
    let content = bench::content(layers, vec![]);
    session.update_draft("app".into(), "1.0.0".into(), None, content).await.unwrap();
    let version = "1.0.0".parse().unwrap();
    let problems = session.profile_problems("app", &version, None).await.unwrap().unwrap();
    let codes: Vec<&str> = problems.iter().map(|problem| problem.diagnostic.code.as_str()).collect();
    assert_eq!(codes, ["UNRESOLVED_VARIABLE", "UNRESOLVED_VARIABLE"]);
    let refused = refusal(session.publish_profile_version("app".into(), "1.0.0".into()).await);
    assert_eq!(refused.0, RefusalCode::InvalidProfile, "{refused:?}");
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    session.set_macro(named("team", "blue")).await.unwrap();
    let password = SetMacro { sensitive: Some(true), ..named("password", "hunter22") };
    let shown = session.set_macro(password).await.unwrap();
    assert!(shown.sensitive && shown.value.starts_with("‹secret:"), "{shown:?}");
    session.publish_profile_version("app".into(), "1.0.0".into()).await.unwrap();
    bench.attach("one", "app", "1.0.0").await;
    let change = bench.apply("one", &[]).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    let config = || sim.object("v1", "ConfigMap", "shop", "config").unwrap()["data"].clone();
    assert_eq!(config(), serde_json::json!({"team": "blue", "tier": "none"}));
    let plan = session.plan(change.plan).await.unwrap().unwrap().plan;
    assert!(
        !serde_json::to_string(&plan).unwrap().contains("hunter22"),
        "a secret is masked in what is shown"
    );

    let summary = session.fleet_summary().await.unwrap();
    let counts: Vec<_> = summary.profiles.iter().map(|it| (it.revision.to_string(), it.clusters)).collect();
    assert_eq!(counts, [("app@1.0.0".to_owned(), 1)]);

    // They move. The cluster keeps what it has, and says so.
    let cluster = session.cluster("one").await.unwrap().unwrap();
    let pending = async || session.pending_updates(cluster.applied.unwrap()).await.unwrap();
    assert_eq!(pending().await, []);
    session.set_macro(named("team", "red")).await.unwrap();
    session.set_macro(named("tier", "gold")).await.unwrap();
    let moved = |name: &str| PendingUpdate::Macro { name: name.parse().unwrap() };
    assert_eq!(pending().await, [moved("team"), moved("tier")]);
    let filter = ClusterFilter { pending_updates: Some(true), ..ClusterFilter::default() };
    let page = Page { first: 10, after: None };
    let found = session.clusters(&filter, ClusterOrder::Name, page).await.unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(config()["team"], "blue");

    // A preview shows what taking them along does; who applies that, gets it.
    let record = session.preview_upgrade(&bench.wish("one", &[])).await.unwrap();
    let team = session.trace_field(record.id, "ConfigMap config", "data.team").await.unwrap();
    assert_eq!(team.value, Some("red".into()));
    assert_eq!(team.sources[0].origin, Origin::Macro { name: "team".to_owned() });
    let login = session.trace_field(record.id, "Secret shop/login", "stringData.password").await.unwrap();
    assert_eq!(login.sources[0].path, "password");
    let shown = serde_json::to_string(&login).unwrap();
    assert!(!shown.contains("hunter22") && shown.contains("‹secret:"), "{shown}");
    for (object, path) in [("config", "data"), ("ConfigMap other", "data"), ("ConfigMap config", "a[")] {
        let refused = refusal(session.trace_field(record.id, object, path).await);
        assert_eq!(refused.0, RefusalCode::InvalidInput, "{object} {path}");
    }
    let preview = record.plan;
    let told: Vec<&str> = preview
        .findings
        .iter()
        .filter(|finding| finding.code == FindingCode::MacroChanged)
        .filter_map(|finding| finding.path.as_deref())
        .collect();
    assert_eq!(told, ["team", "tier"]);
    assert_eq!(preview.actions.len(), 1, "{:#?}", preview.actions);

    // One that moves between the plan and its start makes it stale, by name.
    let change = session.request_upgrade(bench.wish("one", &[]), RequestOptions::default()).await.unwrap();
    session.set_macro(named("tier", "silver")).await.unwrap();
    let refused = refusal(session.trace_field(record.id, "ConfigMap config", "data.team").await);
    assert_eq!(refused.0, RefusalCode::StalePlan, "{refused:?}");
    session.apply_change(change.id, change.plan_digest.clone()).await.unwrap();
    let change = bench.settled(change.id).await;
    assert_eq!(
        (change.state, change.moved.clone()),
        (ChangeState::Stale, vec!["the macro `tier`".to_owned()])
    );
    let change = session.replan_change(change.id).await.unwrap();
    session.apply_change(change.id, change.plan_digest.clone()).await.unwrap();
    let change = bench.ended(change.id).await;
    assert_eq!(change.state, ChangeState::Succeeded, "{change:#?}");
    assert_eq!(config(), serde_json::json!({"team": "red", "tier": "silver"}));

    // Going back brings the values of then, and they are pending again.
    let mut wish = bench.wish("one", &[]);
    wish.roll_back = Some(change.id);
    let way_back = session.preview_upgrade(&wish).await.unwrap().plan;
    wish.take_updates = true;
    assert_eq!(
        refusal(session.preview_upgrade(&wish).await).0,
        RefusalCode::InvalidInput,
        "one or the other"
    );
    let back = session
        .roll_back_change(change.id, RequestOptions { apply_when_ready: true, ..RequestOptions::default() })
        .await
        .unwrap();
    assert_eq!(back.plan_digest, way_back.digest, "the very plan that the preview showed");
    let back = bench.ended(back.id).await;
    assert_eq!(back.state, ChangeState::Succeeded, "{back:#?}");
    assert_eq!(config(), serde_json::json!({"team": "blue", "tier": "none"}));
    let cluster = session.cluster("one").await.unwrap().unwrap();
    assert_eq!(session.pending_updates(cluster.applied.unwrap()).await.unwrap().len(), 2);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_macro_is_guarded() {
    let bench = Bench::start().await;
    let session = &bench.session;
    for (wrong, expected) in [
        (named("a.b", "x"), "cannot name a macro"),
        (named("a", "{{.spectro.var.x}}"), "holds a reference itself"),
        (named("a", "‹secret:0123456789ab›"), "mask"),
        (named("a", &"x".repeat(70_000)), "bytes"),
    ] {
        let (code, message) = refusal(session.set_macro(wrong).await);
        assert_eq!(code, RefusalCode::InvalidInput);
        assert!(message.contains(expected), "{message}");
    }
    let first = session.set_macro(named("team", "blue")).await.unwrap();
    let late = SetMacro { expected_generation: Some(0), ..named("team", "red") };
    assert_eq!(refusal(session.set_macro(late).await).0, RefusalCode::Conflict);
    let next = SetMacro { expected_generation: Some(first.generation), ..named("team", "red") };
    assert_eq!(session.set_macro(next).await.unwrap().value, "red");

    // A secret stays one until somebody says otherwise.
    let secret = SetMacro { sensitive: Some(true), ..named("login", "hunter22") };
    session.set_macro(secret).await.unwrap();
    assert!(session.set_macro(named("login", "hunter23")).await.unwrap().sensitive);
    let plain = SetMacro { sensitive: Some(false), ..named("login", "public") };
    assert_eq!(session.set_macro(plain).await.unwrap().value, "public");

    // What is named cannot be deleted, and the refusal says by whom.
    bench.publish(bench::pack("config", "1.0.0", "a: 1\n", "")).await;
    let own = "team: '{{.strata.macro.team}}'\n";
    let layers = vec![layer("app", "config", "1.0.0", own, ImmutablePolicy::Block)];
    bench.publish_content("app", "1.0.0", layers, vec![]).await;
    let users = session.profiles_using_macro(&"team".parse().unwrap()).await.unwrap();
    assert_eq!(users.iter().map(|user| user.version.to_string()).collect::<Vec<_>>(), ["1.0.0"]);
    assert_eq!(session.profiles_using_pack("config", "1.0.0").await.unwrap(), users);
    let (code, message) = refusal(session.delete_macro("team".into()).await);
    assert_eq!(code, RefusalCode::InUse);
    assert!(message.contains("app@1.0.0"), "{message}");
    session.delete_profile_version("app".into(), "1.0.0".into(), None).await.unwrap();
    session.delete_macro("team".into()).await.unwrap();
    assert!(session.named_macro("team").await.unwrap().is_none());
    bench.stop().await;
}
