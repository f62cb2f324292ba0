//! A fresh database per test, of either kind, and samples of what is stored.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use strata_fixtures::Postgres;
use strata_model::{
    Timestamp,
    access::Actor,
    change::{Change, ChangeEvent, ChangeKind, ChangeState},
    cluster::{
        Activity, Axis, Cluster, ClusterEvent, ConnectionKind, Connectivity, Health, Infrastructure, Phase,
    },
    digest::Digest,
    id::{ChangeId, ClusterId, CompositionId, PlanId, ProjectId},
    ports::Clock,
};
use strata_store::{
    DatabaseUrl, MigrationMode, Store, StoreError, StoreSettings, SystemIds,
    seal::{MasterKey, SealKeys},
};
use tempfile::TempDir;

/// A clock that moves only by hand.
#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A database of its own, removed at the end.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<HandClock>,
    server: Option<&'static Postgres>,
}

pub(crate) const KEY: [u8; 32] = [7; 32];

impl TestDatabase {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("strata.db").display());
        Self { url, folder, clock: clock(), server: None }
    }

    /// `None` where there is no server, and then the test says that it is left out.
    pub(crate) async fn postgres() -> Option<Self> {
        let server = Postgres::shared_or_leave_out().await?;
        let url = server.fresh_database().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Some(Self { url, folder, clock: clock(), server: Some(server) })
    }

    pub(crate) fn settings(&self) -> StoreSettings {
        let keys = SealKeys::new(MasterKey::new(KEY));
        StoreSettings {
            migrations: MigrationMode::Apply,
            clock: self.clock.clone(),
            ids: Arc::new(SystemIds),
            readers: 4,
            ..StoreSettings::new(DatabaseUrl::parse(&self.url).unwrap(), keys)
        }
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(self.settings()).await
    }

    /// A connection beside the store, as an operator's shell would have.
    pub(crate) async fn shell(&self) -> DatabaseConnection {
        Database::connect(&self.url).await.unwrap()
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.server.is_none()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("strata.db")
    }

    pub(crate) async fn remove(self) {
        if let Some(server) = self.server {
            let name = self.url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap();
            let admin = Database::connect(server.url()).await.unwrap();
            admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
            admin.close().await.unwrap();
        }
    }
}

fn clock() -> Arc<HandClock> {
    Arc::new(HandClock(AtomicI64::new(1_800_000_000_000_000)))
}

/// Runs one test function on both databases.
macro_rules! on_both_databases {
    ($($(#[$doc:meta])* $name:ident($database:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn run($database: &$crate::fixture::TestDatabase) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let database = $crate::fixture::TestDatabase::sqlite();
                run(&database).await;
                database.remove().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(database) = $crate::fixture::TestDatabase::postgres().await {
                    run(&database).await;
                    database.remove().await;
                }
            }
        }
    )*};
}
pub(crate) use on_both_databases;

/// A cluster that was just registered, and the event that says so.
pub(crate) fn cluster(store: &Store, name: &str, labels: &[(&str, &str)]) -> (Cluster, ClusterEvent) {
    let project = store.installation().default_project;
    let now = store.clock().now();
    let labels: BTreeMap<String, String> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let cluster = Cluster {
        id: ClusterId::new(store.ids().next()),
        project,
        name: name.parse().unwrap(),
        labels: labels.clone(),
        infrastructure: Infrastructure::None,
        connection: ConnectionKind::Kubeconfig,
        cloud: None,
        region: None,
        uid: None,
        kubernetes_version: None,
        applied: None,
        wanted: None,
        change: None,
        phase: Axis::new(Phase::Pending, now, ""),
        connectivity: Axis::new(Connectivity::Unknown, now, ""),
        health: Axis::new(Health::Unknown, now, ""),
        activity: Axis::new(Activity::Idle, now, ""),
        created_at: now,
    };
    let event = ClusterEvent::Registered {
        project,
        name: cluster.name.clone(),
        labels,
        infrastructure: Infrastructure::None,
        connection: ConnectionKind::Kubeconfig,
        cloud: None,
        region: None,
    };
    (cluster, event)
}

/// Registers a cluster.
pub(crate) async fn registered(store: &Store, name: &str, labels: &[(&str, &str)]) -> Cluster {
    let (cluster, event) = cluster(store, name, labels);
    let stored = cluster.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.cluster_append(&stored, 0, &[event], &Actor::system(), Some("request-1")).await
            })
        })
        .await
        .unwrap();
    cluster
}

/// A change of a cluster in a state.
pub(crate) fn change(store: &Store, project: ProjectId, cluster: ClusterId, state: ChangeState) -> Change {
    let now = store.clock().now();
    Change {
        id: ChangeId::new(store.ids().next()),
        project,
        cluster,
        kind: ChangeKind::Apply,
        state,
        plan: PlanId::new(store.ids().next()),
        plan_digest: Digest::of_content(b"plan"),
        from: None,
        to: CompositionId::new(store.ids().next()),
        requested_by: Actor::system(),
        reason: String::new(),
        requirements: Vec::new(),
        blocked_by: Vec::new(),
        apply_requested: false,
        steps: Vec::new(),
        failure: None,
        moved: Vec::new(),
        rollout: None,
        created_at: now,
        state_since: now,
        started_at: None,
        ended_at: None,
    }
}

/// Appends one event of a change.
pub(crate) async fn append(
    store: &Store,
    change: &Change,
    expected_seq: i64,
    event: ChangeEvent,
) -> Result<i64, StoreError> {
    let change = change.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.change_append(&change, expected_seq, &[event], &Actor::system(), None).await
            })
        })
        .await
}
