//! An engine on a database of its own, with a simulator beside it.

use std::{path::PathBuf, sync::Arc};

use strata_cluster::{ConnectOptions, KubeconfigPolicy};
use strata_engine::{
    DraftContent, DraftLayer, DraftPack, Engine, EngineOptions, RequestOptions, RevisionWish, Session, Wish,
};
use strata_model::{
    change::Change,
    id::ChangeId,
    profile::{ConflictPolicy, ImmutablePolicy, OrphanPolicy, PresetChoice, ProfileType},
};
use strata_sim::{ClusterOptions, SimCluster, Simulator, SimulatorOptions};
use strata_store::{
    DatabaseUrl, Store, StoreSettings, SystemClock, SystemIds,
    seal::{MasterKey, SealKeys},
};

pub struct Bench {
    pub session: Session,
    engine: Engine,
    simulator: Simulator,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = SealKeys::new(MasterKey::new([7; 32]));
        let settings = StoreSettings::new(DatabaseUrl::Sqlite(folder.path().join("strata.db")), keys);
        let store = Store::open(settings).await.unwrap();
        let options = EngineOptions {
            connect: ConnectOptions {
                policy: KubeconfigPolicy { allow_loopback: true, ..KubeconfigPolicy::default() },
                ..ConnectOptions::default()
            },
            ..EngineOptions::default()
        };
        let engine = Engine::new(store, Arc::new(SystemClock), Arc::new(SystemIds), options);
        engine.start();
        let first = engine.first_start().await.unwrap().unwrap();
        let caller = engine.authenticate(&first.secret).await.unwrap();
        let session = engine.project(&caller, None).unwrap();
        let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
        Self { session, engine, simulator, _folder: folder }
    }

    pub async fn cluster(&self, name: &str) -> SimCluster {
        self.simulator.add_cluster(ClusterOptions::new(name)).await.unwrap()
    }

    pub async fn publish_packs(&self) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/packs");
        for pack in strata_registry::list_packs(&folder).unwrap() {
            let files = strata_registry::read_folder(&pack.path).unwrap();
            self.session.publish_pack(files).await.unwrap();
        }
    }

    /// An add-on profile with the one layer `hello`.
    pub async fn publish_profile(&self, name: &str, version: &str, preset: &str) {
        if self.session.profile(name).await.unwrap().is_none() {
            self.session.create_profile(name.into(), ProfileType::Addon).await.unwrap();
        }
        self.session.create_profile_version(name.into(), version.into(), None).await.unwrap();
        let content = DraftContent {
            layers: vec![DraftLayer {
                name: "hello".into(),
                kind: None,
                pack: DraftPack { name: "hello-universe".into(), version: "1.2.0".into() },
                values: None,
                presets: vec![PresetChoice { group: "Backend".into(), name: preset.into() }],
                install_priority: None,
                namespace: None,
                on_conflict: ConflictPolicy::default(),
                on_immutable: ImmutablePolicy::default(),
                orphan_policy: OrphanPolicy::default(),
            }],
            variables: vec![],
        };
        self.session.update_draft(name.into(), version.into(), None, content).await.unwrap();
        self.session.publish_profile_version(name.into(), version.into()).await.unwrap();
    }

    pub fn wish(&self, cluster: &str, attach: &[(&str, &str)]) -> Wish {
        let attach = attach.iter().map(|(profile, version)| RevisionWish {
            profile: (*profile).into(),
            version: (*version).into(),
            revision: None,
        });
        Wish { cluster: cluster.into(), attach: attach.collect(), ..Wish::default() }
    }

    pub async fn attach(&self, cluster: &str, profile: &str, version: &str) {
        let wish = self.wish(cluster, &[(profile, version)]);
        self.session.edit_cluster("attachProfile", wish, RequestOptions::default()).await.unwrap();
    }

    pub async fn apply(&self, cluster: &str, attach: &[(&str, &str)]) -> Change {
        let options = RequestOptions { apply_when_ready: true, ..RequestOptions::default() };
        let change = self.session.request_upgrade(self.wish(cluster, attach), options).await.unwrap();
        self.ended(change.id).await
    }

    /// Waits until a change has ended, by the log and not by the clock.
    pub async fn ended(&self, id: ChangeId) -> Change {
        let mut positions = self.engine.last_position();
        loop {
            let change = self.session.change(id).await.unwrap().unwrap();
            if change.ended_at.is_some() || !change.blocked_by.is_empty() {
                return change;
            }
            let moved = tokio::time::timeout(std::time::Duration::from_secs(60), positions.changed());
            if moved.await.is_err() {
                panic!("nothing happens any more: {change:#?}");
            }
        }
    }

    pub async fn stop(self) {
        self.engine.stop().await;
        self.simulator.shutdown().await;
    }
}
