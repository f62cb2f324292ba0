//! A cluster that does not answer is registered all the same, and found when it does.

mod bench;

use std::{collections::BTreeMap, time::Duration};

use bench::Bench;
use strata_engine::{RegisterCluster, RegisterInfrastructure};
use strata_model::{
    cluster::{Connectivity, Phase},
    secret::SecretText,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_answer_is_registered_as_offline_and_nothing_is_lost() {
    let bench = Bench::start_with(|options| {
        options.connect.connect_timeout = Duration::from_millis(300);
        options.connect.request_deadline = Duration::from_millis(300);
        options.connect.operation_deadline = Duration::from_secs(1);
        options.poll_interval = Duration::from_millis(100);
    })
    .await;
    let sims = [("hanging", bench.cluster("hanging").await), ("offline", bench.cluster("offline").await)];
    for (name, sim) in &sims {
        if *name == "hanging" {
            sim.faults().hanging();
        } else {
            sim.faults().offline();
        }
        let wish = RegisterCluster {
            name: (*name).into(),
            labels: BTreeMap::from([("stage".into(), "branch".into())]),
            infrastructure: RegisterInfrastructure::Imported {
                kubeconfig: SecretText::new(sim.kubeconfig()),
            },
            cloud: Some("edge".into()),
            region: None,
        };
        // It ends by its own deadline, far within this one.
        let registered =
            tokio::time::timeout(Duration::from_secs(15), bench.session.register_cluster(wish)).await;
        let registered = registered.unwrap().unwrap();
        assert_eq!(registered.connectivity.value, Connectivity::Offline, "{registered:?}");
        assert!(!registered.connectivity.reason.is_empty());
        assert_eq!((registered.phase.value, &registered.uid), (Phase::Pending, &None));
        let kept = bench.session.cluster(name).await.unwrap().unwrap();
        assert_eq!(kept.id, registered.id);
        assert_eq!(kept.labels["stage"], "branch");
        assert_eq!(kept.cloud.as_deref(), Some("edge"));
    }
    // With the credentials that were given then.
    for (name, sim) in &sims {
        sim.faults().clear();
        let found = bench
            .when(async || {
                let cluster = bench.session.cluster(name).await.unwrap().unwrap();
                (cluster.connectivity.value == Connectivity::Online).then_some(cluster)
            })
            .await;
        assert!(found.uid.is_some() && found.kubernetes_version.is_some(), "{found:?}");
    }
    bench.stop().await;
}
