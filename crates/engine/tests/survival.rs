//! What voids an approval and what does not, one thing moved at a time.
//!
//! The change in question replaces a Job, which needs approval; its template reads one fact. It is approved, then one
//! thing is moved, then it is applied. Either it is carried out, or it is stale and says what moved.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod bench;

use std::{fmt::Write as _, time::Duration};

use bench::{Bench, pack};
use strata_engine::{RequestOptions, Session, Wish};
use strata_model::{
    change::{Change, ChangeState},
    overrides::{Patch, PatchOperation},
    profile::ImmutablePolicy,
};
use strata_sim::SimCluster;

const VALUES: &str = "pack:\n  namespace: work\ntext: hello\nextra: '{{.strata.var.extra}}'\n";
const MANIFEST: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: work
spec:
  template:
    metadata:
      annotations:
        text: {{ .Values.text | quote }}
        extra: {{ .Values.extra | quote }}
        gateway: {{ .Capabilities.APIVersions.Has "gateway.example.org/v1" | quote }}
    spec:
      restartPolicy: Never
      containers: [{name: work, image: "busybox:1.36"}]
"#;

/// What is moved between the approval and the apply.
#[derive(Debug, Clone, Copy)]
enum Moved {
    Nothing,
    Override,
    Variable,
    Revision,
    FactRead,
    FactNotRead,
    ForeignDefinition,
    NodeCount,
    Status,
    OtherChangePlanned,
    OtherChangeDone,
    ClockWithinLifetime,
    ClockBeyondLifetime,
}

const TABLE: [Moved; 13] = [
    Moved::Nothing,
    Moved::Override,
    Moved::Variable,
    Moved::Revision,
    Moved::FactRead,
    Moved::FactNotRead,
    Moved::ForeignDefinition,
    Moved::NodeCount,
    Moved::Status,
    Moved::OtherChangePlanned,
    Moved::OtherChangeDone,
    Moved::ClockWithinLifetime,
    Moved::ClockBeyondLifetime,
];

#[tokio::test(flavor = "multi_thread")]
async fn what_voids_an_approval() {
    let bench = Bench::start().await;
    bench.publish(pack("work", "1.0.0", VALUES, MANIFEST)).await;
    let variable = bench::variable("extra", Some("none"));
    for (version, text) in [("1.0.0", "first"), ("1.1.0", "second")] {
        let layer =
            bench::layer("work", "work", "1.0.0", &format!("text: {text}\n"), ImmutablePolicy::Replace);
        bench.publish_content("work", version, vec![layer], vec![variable.clone()]).await;
    }
    let mut table = String::new();
    for (number, moved) in TABLE.into_iter().enumerate() {
        let outcome = outcome(&bench, &format!("c{number}"), moved).await;
        writeln!(table, "{moved:?}: {outcome}").unwrap();
    }
    assert_eq!(
        table,
        "Nothing: carried out\n\
         Override: stale (what the cluster runs; the change N has succeeded since this one was planned)\n\
         Variable: stale (what the cluster runs; the change N has succeeded since this one was planned)\n\
         Revision: carried out\n\
         FactRead: stale (the fact `apiVersion gateway.example.org/v1`)\n\
         FactNotRead: carried out\n\
         ForeignDefinition: carried out\n\
         NodeCount: carried out\n\
         Status: carried out\n\
         OtherChangePlanned: carried out\n\
         OtherChangeDone: stale (what the cluster runs; the change N has succeeded since this one was planned)\n\
         ClockWithinLifetime: carried out\n\
         ClockBeyondLifetime: approval required\n"
    );
    bench.stop().await;
}

async fn outcome(bench: &Bench, name: &str, moved: Moved) -> String {
    let sim = bench.cluster(name).await;
    let session = &bench.session;
    bench.register(name, &sim).await;
    bench.attach(name, "work", "1.0.0").await;
    let first = bench.apply(name, &[]).await;
    assert_eq!(first.state, ChangeState::Succeeded, "{first:#?}");

    let wish = bench.wish(name, &[("work", "1.1.0")]);
    let change = session.request_upgrade(wish, RequestOptions::default()).await.unwrap();
    assert_eq!(change.state, ChangeState::AwaitingApproval, "{change:#?}");
    session.approve(change.id, change.plan_digest.clone(), "looks right".into(), None).await.unwrap();

    move_one_thing(bench, session, &sim, name, moved).await;

    match session.apply_change(change.id, change.plan_digest.clone()).await {
        Ok(_) => {}
        Err(error) if error.to_string().contains("APPROVAL_REQUIRED") => {
            return "approval required".to_owned();
        }
        Err(error) if error.to_string().contains("STALE_PLAN") => {}
        Err(error) => return error.to_string(),
    }
    told(&bench.settled(change.id).await)
}

fn told(change: &Change) -> String {
    match change.state {
        ChangeState::Succeeded => "carried out".to_owned(),
        ChangeState::Stale => {
            let moved: Vec<&str> = change.moved.iter().map(String::as_str).collect();
            let text = moved.join("; ");
            // The id of the other change differs from run to run.
            let text = match (text.find("the change "), text.find(" has succeeded")) {
                (Some(from), Some(to)) if from < to => {
                    format!(
                        "what the cluster runs; {}N{}",
                        &text[from..from + "the change ".len()],
                        &text[to..]
                    )
                }
                _ => text,
            };
            format!("stale ({text})")
        }
        other => format!("{other}: {:?}", change.failure),
    }
}

async fn move_one_thing(bench: &Bench, session: &Session, sim: &SimCluster, name: &str, moved: Moved) {
    let others_done = async |wish: Wish| {
        let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
        let other = session.request_upgrade(wish, options).await.unwrap();
        if other.state == ChangeState::AwaitingApproval {
            session
                .approve(other.id, other.plan_digest.clone(), "this one first".into(), None)
                .await
                .unwrap();
        }
        let other = bench.settled(other.id).await;
        assert_eq!(other.state, ChangeState::Succeeded, "{other:#?}");
    };
    match moved {
        Moved::Nothing => {}
        Moved::Override | Moved::OtherChangeDone => {
            let operation =
                PatchOperation::Set { path: "text".parse().unwrap(), value: serde_json::json!("mine") };
            others_done(bench.override_wish(name, "work", Patch(vec![operation]))).await;
        }
        Moved::Variable => {
            others_done(Wish {
                cluster: name.into(),
                variables: vec![("extra".into(), "some".into())],
                ..Wish::default()
            })
            .await;
        }
        Moved::Revision => {
            let layer = bench::layer("work", "work", "1.0.0", "text: revised\n", ImmutablePolicy::Replace);
            let content = bench::content(vec![layer], vec![bench::variable("extra", Some("none"))]);
            session
                .revise_profile_version("work".into(), "1.1.0".into(), content, "typo".into(), None)
                .await
                .unwrap();
        }
        Moved::FactRead => bench.define(sim, "gateways", "Gateway", "gateway.example.org").await,
        Moved::FactNotRead => sim.set_kubernetes_version("v1.33.9"),
        Moved::ForeignDefinition => bench.define(sim, "widgets", "Widget", "widgets.example.org").await,
        Moved::NodeCount => bench.delete_a_node(sim).await,
        Moved::Status => bench.touch_a_status(sim).await,
        Moved::OtherChangePlanned => {
            let operation =
                PatchOperation::Set { path: "text".parse().unwrap(), value: serde_json::json!("mine") };
            let wish = bench.override_wish(name, "work", Patch(vec![operation]));
            session.request_upgrade(wish, RequestOptions::default()).await.unwrap();
        }
        Moved::ClockWithinLifetime => bench.clock.forward(Duration::from_secs(60 * 60)),
        Moved::ClockBeyondLifetime => bench.clock.forward(Duration::from_secs(25 * 60 * 60)),
    }
}
