//! Two things at once: what is checked before a commit still holds at the commit.

mod bench;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use bench::{Bench, layer, pack};
use strata_engine::{EngineError, RegisterCluster, RegisterInfrastructure, RequestOptions};
use strata_model::{access::Actor, change::ChangeState, cluster::ClusterEvent, profile::ImmutablePolicy};

fn managed(name: String, management: &str) -> RegisterCluster {
    RegisterCluster {
        infrastructure: RegisterInfrastructure::ClusterApi {
            management_cluster: management.into(),
            namespace: "fleet".into(),
            name: name.clone(),
        },
        name,
        labels: BTreeMap::new(),
        cloud: None,
        region: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_management_cluster_never_goes_under_a_cluster_that_it_is_to_manage() {
    let bench = Bench::start().await;
    let sim = bench.cluster("management").await;
    let session = &bench.session;
    let (mut registered, mut gone) = (0, 0);
    for round in 0..20 {
        let management = format!("management-{round}");
        bench.register(&management, &sim).await;
        let name = format!("workload-{round}");
        let (one, other) = tokio::join!(
            session.register_cluster(managed(name.clone(), &management)),
            session.deregister_cluster(management.clone(), None),
        );
        assert!(
            one.is_ok() != other.is_ok(),
            "round {round}: registered {:?}, let go {:?}",
            one.map(|it| it.phase),
            other.map(|it| it.phase)
        );
        let error = match (one, other) {
            (Err(error), _) => {
                gone += 1;
                assert_eq!(error.code(), "NOT_FOUND", "{error}");
                error
            }
            (_, Err(error)) => {
                registered += 1;
                assert_eq!(error.code(), "IN_USE", "{error}");
                error
            }
            _ => continue,
        };
        assert!(matches!(error, EngineError::Refused(_)));
    }
    assert_eq!(registered + gone, 20);
    bench.stop().await;
}

const MANIFEST: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: labelled
data:
  stage: {{ .Strata.Cluster.Labels.Get "stage" | quote }}
  other: {{ (lookup "v1" "ConfigMap" "default" "other") | toJson | quote }}
"#;

/// A label is changed after the plan was made anew and before its change starts: the writer is held up for as long.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_label_that_changes_while_a_change_starts_is_seen() {
    let bench = Bench::start().await;
    bench.publish(pack("labelled", "1.0.0", "pack:\n  namespace: default\n", MANIFEST)).await;
    let layers = vec![layer("labelled", "labelled", "1.0.0", "", ImmutablePolicy::Block)];
    bench.publish_content("labelled", "1.0.0", layers, vec![]).await;
    let sim = bench.cluster("one").await;
    bench.register("one", &sim).await;
    bench.attach("one", "labelled", "1.0.0").await;
    let cluster = bench.session.cluster("one").await.unwrap().unwrap();
    let change =
        bench.session.request_upgrade(bench.wish("one", &[]), RequestOptions::default()).await.unwrap();

    // The last request before the plan is made anew reads the lookup.
    let store = bench.engine.store().clone();
    let runtime = tokio::runtime::Handle::current();
    let once = Arc::new(AtomicBool::new(false));
    sim.on_request(move |request| {
        if !request.path.contains("/configmaps/other") || once.swap(true, Ordering::SeqCst) {
            return;
        }
        let (held, is_held) = mpsc::channel();
        let (store, id) = (store.clone(), cluster.id);
        let idle = format!("{store:?}");
        runtime.spawn(async move {
            let watched = store.clone();
            store
                .write(move |tx| {
                    Box::pin(async move {
                        let stored = tx.project(cluster.project).cluster_get(id).await?;
                        let labels = BTreeMap::from([("stage".to_owned(), "late".to_owned())]);
                        let mut after = stored.value.clone();
                        after.labels.clone_from(&labels);
                        let event = ClusterEvent::LabelsChanged { labels };
                        tx.cluster_append(&after, stored.seq, &[event], &Actor::system(), None).await?;
                        held.send(()).ok();
                        // Until another write waits: that which would start the change.
                        while format!("{watched:?}") == idle {
                            tokio::task::yield_now().await;
                        }
                        Ok(())
                    })
                })
                .await
                .unwrap();
        });
        // Not in the way of the task just spawned.
        tokio::task::block_in_place(|| is_held.recv()).unwrap();
    });
    bench.session.apply_change(change.id, change.plan_digest).await.unwrap();
    let change = bench.settled(change.id).await;
    assert_eq!(change.state, ChangeState::Stale, "{change:#?}");
    assert!(change.moved.iter().any(|moved| moved.contains("label")), "{:?}", change.moved);
    bench.stop().await;
}
