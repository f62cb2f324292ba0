//! Profiles under many hands, on both databases: of several who want the same thing one gets it, nothing is half done, and what
//! was published stays what it is.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail them")]

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use proptest::{prelude::*, test_runner::TestRunner};
use strata_engine::{
    Adopted, DraftContent, DraftLayer, Engine, EngineError, EngineOptions, ImportProfile, RegisterCluster,
    RegisterInfrastructure, RequestOptions, RevisionWish, Session, SetMacro, VersionRecord, Wish,
};
use strata_model::{
    error::RefusalCode,
    pack::PackFiles,
    profile::{ProfileType, VersionState},
    secret::SecretText,
};
use strata_store::{
    DatabaseUrl, Store, StoreSettings, SystemClock, SystemIds,
    seal::{MasterKey, SealKeys},
};
use strata_tests::Postgres;

/// How many want the same thing at once.
const MANY: usize = 8;

/// An engine on a database of its own. Nothing runs in the background.
struct Lab {
    session: Session,
    _folder: tempfile::TempDir,
}

impl Lab {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("strata.db"));
        Self::on(url, folder).await
    }

    async fn postgres() -> Option<Self> {
        let server = Postgres::shared_or_leave_out().await?;
        let url = server.fresh_database().await.unwrap();
        Some(Self::on(DatabaseUrl::parse(&url).unwrap(), tempfile::tempdir().unwrap()).await)
    }

    async fn on(url: DatabaseUrl, folder: tempfile::TempDir) -> Self {
        let keys = SealKeys::new(MasterKey::new([7; 32]));
        let store = Store::open(StoreSettings::new(url, keys)).await.unwrap();
        let engine = Engine::new(store, Arc::new(SystemClock), Arc::new(SystemIds), EngineOptions::default());
        let first = engine.first_start().await.unwrap().unwrap();
        let caller = engine.authenticate(&first.secret).await.unwrap();
        let session = engine.project(&caller, None).unwrap();
        let lab = Self { session, _folder: folder };
        lab.pack("1.0.0", "port: 80\nsecret: ''\n").await;
        lab.session.create_profile("web".into(), ProfileType::Addon).await.unwrap();
        lab
    }

    async fn pack(&self, version: &str, values: &str) {
        let description = serde_json::json!({
            "name": "hello", "displayName": "hello", "version": version, "layer": "addon", "cloudTypes": ["all"],
        });
        let schema = "port: {schema: '{{ format \"${number:[1-65535]}\" }}'}\n\
            secret: {schema: '{{ format \"${password:.*}\" }}'}\n";
        let manifest =
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {port: \"{{ .Values.port }}\"}\n";
        let files = PackFiles::from([
            ("pack.json".to_owned(), description.to_string().into_bytes()),
            ("values.yaml".to_owned(), values.as_bytes().to_vec()),
            ("schema.yaml".to_owned(), schema.as_bytes().to_vec()),
            ("manifests/web.yaml".to_owned(), manifest.as_bytes().to_vec()),
        ]);
        self.session.publish_pack(files, Adopted::default()).await.unwrap();
    }

    async fn draft(&self, version: &str, values: &str) -> VersionRecord {
        self.session.create_profile_version("web".into(), version.into(), None).await.unwrap();
        self.edit(version, None, values).await.unwrap()
    }

    async fn edit(
        &self,
        version: &str,
        expected: Option<i64>,
        values: &str,
    ) -> Result<VersionRecord, EngineError> {
        self.session.update_draft("web".into(), version.into(), expected, content(values)).await
    }

    async fn publish(&self, version: &str) -> Result<VersionRecord, EngineError> {
        self.session.publish_profile_version("web".into(), version.into()).await
    }

    /// The layer's own values of a version as they are stored, and the digest of its content.
    async fn stored(&self, version: &str, revision: Option<u32>) -> Option<(String, String)> {
        let number = version.parse().unwrap();
        let (_, content) = self.session.profile_content("web", &number, revision).await.unwrap()?;
        let values = content.layers.first().map(|layer| layer.values.clone()).unwrap_or_default();
        Some((values, content.digest().to_string()))
    }

    async fn register(&self, name: &str) {
        let wish = RegisterCluster {
            name: name.into(),
            labels: BTreeMap::new(),
            infrastructure: RegisterInfrastructure::Imported { kubeconfig: SecretText::new(KUBECONFIG) },
            cloud: None,
            region: None,
        };
        self.session.register_cluster(wish).await.unwrap();
    }

    async fn attach(&self, cluster: &str, version: &str) -> Result<(), EngineError> {
        let attach = vec![RevisionWish { profile: "web".into(), version: version.into(), revision: None }];
        let wish = Wish { cluster: cluster.into(), attach, ..Wish::default() };
        self.session.edit_cluster("attachProfile", wish, RequestOptions::default()).await.map(|_| ())
    }
}

/// Of a server that nobody asks.
const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n\
    clusters: [{name: a, cluster: {server: 'https://192.0.2.1:6443', certificate-authority-data: \
    LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJkakNDQVIyZ0F3SUJBZ0lCQURBS0JnZ3Foa2pPUFFRREFqQWpNU0V3SHdZRFZRUUREQmhyTTNNdGMyVnkKZG1WeQotLS0tLUVORCBDRVJUSUZJQ0FURS0tLS0tCg==}}]\n\
    users: [{name: a, user: {token: x}}]\n";

fn content(values: &str) -> DraftContent {
    DraftContent {
        layers: vec![DraftLayer { values: Some(values.into()), ..DraftLayer::new("app", "hello", "1.0.0") }],
        variables: vec![],
    }
}

fn code<T: std::fmt::Debug>(result: &Result<T, EngineError>) -> Option<RefusalCode> {
    match result {
        Ok(_) => None,
        Err(EngineError::Refused(refusals)) => refusals.first().map(|refusal| refusal.code),
        Err(error) => panic!("{error:?}"),
    }
}

/// Runs one test function on both databases.
macro_rules! on_both_databases {
    ($($(#[$doc:meta])* $name:ident($lab:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn run($lab: &Lab) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                run(&Lab::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                if let Some(lab) = Lab::postgres().await {
                    run(&lab).await;
                }
            }
        }
    )*};
}

on_both_databases! {
    /// All who publish are told that it is published, and it is published once.
    publishing_happens_once(lab) {
        lab.draft("1.0.0", "port: 81\n").await;
        let before = lab.stored("1.0.0", None).await;
        let all = join_all((0..MANY).map(|_| lab.publish("1.0.0"))).await;
        for one in &all {
            let record = one.as_ref().unwrap();
            assert_eq!((record.state, record.newest_revision), (VersionState::Published, Some(1)));
        }
        assert_eq!(lab.publish("1.0.0").await.unwrap().newest_revision, Some(1));
        let revisions = lab.session.revisions(all[0].as_ref().unwrap().id).await.unwrap();
        assert_eq!(revisions.len(), 1);
        assert_eq!(lab.stored("1.0.0", None).await, before, "what was seen is what was published");
    }

    /// One of several editors of one state is heard; the others are told, and what they read is still there.
    one_editor_is_heard(lab) {
        let record = lab.draft("1.0.0", "port: 81\n").await;
        let texts: Vec<String> = (0..MANY).map(|index| format!("port: {}\n", 1000 + index)).collect();
        let edits = texts.iter().map(|text| lab.edit("1.0.0", record.generation, text));
        let all = join_all(edits).await;
        let heard: Vec<usize> = (0..MANY).filter(|index| all[*index].is_ok()).collect();
        assert_eq!(heard.len(), 1, "{all:?}");
        assert!(all.iter().filter_map(code).all(|code| code == RefusalCode::Conflict), "{all:?}");
        assert_eq!(lab.stored("1.0.0", None).await.unwrap().0, texts[heard[0]]);
        let late = format!("{:?}", lab.edit("1.0.0", record.generation, "port: 7\n").await.unwrap_err());
        assert!(late.contains("admin edited the draft at ") && late.contains("the layer `app`"), "{late}");
    }

    /// Whoever edits while somebody publishes is either in what is published, or is told.
    an_edit_is_published_or_refused(lab) {
        for round in 0..MANY {
            let version = format!("1.{round}.0");
            lab.draft(&version, "port: 81\n").await;
            let (edited, published) = tokio::join!(lab.edit(&version, None, "port: 82\n"), lab.publish(&version));
            let stored = lab.stored(&version, Some(1)).await;
            match (&edited, &published) {
                (Ok(_), Ok(_)) => assert_eq!(stored.unwrap().0, "port: 82\n"),
                (Err(_), Ok(_)) => {
                    let told = code(&edited).unwrap();
                    assert!(matches!(told, RefusalCode::Conflict | RefusalCode::Frozen | RefusalCode::NotFound), "{told}");
                    assert_eq!(stored.unwrap().0, "port: 81\n");
                }
                (Ok(_), Err(_)) => {
                    assert_eq!(code(&published), Some(RefusalCode::Conflict));
                    assert_eq!(stored, None, "it is still a draft");
                }
                (Err(_), Err(_)) => panic!("one of them must succeed: {edited:?} {published:?}"),
            }
        }
    }

    /// A version string belongs to one, for ever.
    a_version_is_made_once(lab) {
        let make = || lab.session.create_profile_version("web".into(), "1.0.0".into(), None);
        let all = join_all((0..MANY).map(|_| make())).await;
        assert_eq!(all.iter().filter(|one| one.is_ok()).count(), 1);
        assert!(all.iter().filter_map(code).all(|code| code == RefusalCode::DuplicateName), "{all:?}");
        lab.session.delete_profile_version("web".into(), "1.0.0".into(), None).await.unwrap();
        assert_eq!(code(&make().await), Some(RefusalCode::DuplicateName), "a deleted one is never used again");
        let with_build = lab.session.create_profile_version("web".into(), "1.0.0+2".into(), None).await;
        assert_eq!(code(&with_build), Some(RefusalCode::DuplicateName), "build metadata tells nothing apart");
    }

    /// Of several revisions after the same one, one is the next.
    revisions_follow_each_other(lab) {
        lab.draft("1.0.0", "port: 81\n").await;
        lab.publish("1.0.0").await.unwrap();
        let revise = |index: usize| {
            let content = content(&format!("port: {}\n", 2000 + index));
            lab.session.revise_profile_version("web".into(), "1.0.0".into(), content, "typo".into(), None)
        };
        let all = join_all((0..MANY).map(revise)).await;
        let made = all.iter().filter(|one| one.is_ok()).count();
        assert!(made >= 1 && all.iter().filter_map(code).all(|code| code == RefusalCode::Conflict), "{all:?}");
        let revisions = lab.session.revisions(all.iter().flatten().next().unwrap().id).await.unwrap();
        let numbers: Vec<u32> = revisions.iter().map(|revision| revision.number).collect();
        assert_eq!(numbers, (1..=u32::try_from(made).unwrap() + 1).collect::<Vec<_>>());
        assert_eq!(lab.stored("1.0.0", Some(1)).await.unwrap().0, "port: 81\n");
    }

    /// A version is deleted, or some cluster is on its way to it: never both.
    what_is_attached_is_not_deleted(lab) {
        for round in 0..MANY {
            let (version, cluster) = (format!("1.{round}.0"), format!("edge-{round}"));
            lab.draft(&version, "port: 81\n").await;
            lab.publish(&version).await.unwrap();
            lab.register(&cluster).await;
            let delete = lab.session.delete_profile_version("web".into(), version.clone(), None);
            let (attached, deleted) = tokio::join!(lab.attach(&cluster, &version), delete);
            match (&attached, &deleted) {
                (Ok(()), Err(_)) => assert_eq!(code(&deleted), Some(RefusalCode::InUse)),
                (Err(_), Ok(_)) => assert_eq!(code(&attached), Some(RefusalCode::NotFound)),
                _ => panic!("one or the other: {attached:?} {deleted:?}"),
            }
        }
        let refused = lab.attach("edge-0", "9.9.9").await;
        assert_eq!(code(&refused), Some(RefusalCode::NotFound));
    }

    /// One of several who set a macro from the same state is heard.
    one_value_of_a_macro_is_kept(lab) {
        let set = |value: usize| {
            lab.session.set_macro(SetMacro {
                name: "team".into(),
                value: SecretText::new(value.to_string()),
                sensitive: None,
                description: None,
                expected_generation: Some(0),
            })
        };
        let all = join_all((0..MANY).map(set)).await;
        let kept: Vec<usize> = (0..MANY).filter(|index| all[*index].is_ok()).collect();
        assert_eq!(kept.len(), 1, "{all:?}");
        assert!(all.iter().filter_map(code).all(|code| code == RefusalCode::Conflict), "{all:?}");
        let there = lab.session.named_macro("team").await.unwrap().unwrap();
        assert_eq!(there.value, kept[0].to_string());
    }

    /// Versions are listed by precedence, and what is no version is refused with the reason.
    versions_have_an_order(lab) {
        let order = ["1.0.0-rc.1", "1.0.0-rc.10", "1.0.0", "1.2.0", "1.10.0", "2.0.0-alpha"];
        for version in ["1.10.0", "1.0.0-rc.10", "2.0.0-alpha", "1.0.0", "1.2.0", "1.0.0-rc.1"] {
            lab.draft(version, "").await;
        }
        let profile = lab.session.profile("web").await.unwrap().unwrap();
        let page = strata_engine::Page { first: 100, after: None };
        let listed = lab.session.profile_versions(profile.id, page).await.unwrap();
        let listed: Vec<String> = listed.items.iter().rev().map(|(_, it)| it.version.to_string()).collect();
        assert_eq!(listed, order);
        for wrong in ["v1.2", "2.2.2.develop", "b0.0.1", "1.2", "01.2.3", "", "1.2.3-"] {
            let refused = lab.session.create_profile_version("web".into(), wrong.into(), None).await;
            assert_eq!(code(&refused), Some(RefusalCode::InvalidVersion), "{wrong}");
            let EngineError::Refused(refusals) = refused.unwrap_err() else { unreachable!() };
            assert!(refusals[0].message.len() > wrong.len() + 5, "{refusals:?}");
        }
    }

    /// What is exported and imported is the same, secrets asked for; what is missing stops it by name.
    an_export_comes_back(lab) {
        lab.draft("1.0.0", "# why\nport: 81\nsecret: hunter22 # of the shop\n").await;
        lab.publish("1.0.0").await.unwrap();
        let wish = |profile: &str| RevisionWish { profile: profile.into(), version: "1.0.0".into(), revision: None };
        let exported = lab.session.export_profile(&wish("web")).await.unwrap();
        let text = strata_document::to_text(&exported.document);
        assert!(!text.contains("hunter22") && exported.masks.len() == 1, "{text}");
        let import = |name: &str, secrets: Vec<(String, SecretText)>| ImportProfile {
            document: strata_document::read_text(&text, "web.yaml").unwrap(),
            name: Some(name.into()),
            version: None,
            publish: true,
            secrets,
        };
        let refused = lab.session.import_profile(import("copy", vec![])).await;
        assert_eq!(code(&refused), Some(RefusalCode::InvalidProfile));
        assert!(format!("{refused:?}").contains("SECRET_NEEDED"), "{refused:?}");
        assert!(lab.session.profile("copy").await.unwrap().is_none(), "nothing half done");
        let secrets = vec![(exported.masks[0].clone(), SecretText::new("hunter22"))];
        let made = lab.session.import_profile(import("copy", secrets.clone())).await.unwrap();
        assert_eq!(made.state, VersionState::Published);
        let again = lab.session.export_profile(&wish("copy")).await.unwrap();
        assert_eq!(again.content_digest, exported.content_digest);
        let renamed = strata_document::ProfileDocument { name: exported.document.name.clone(), ..again.document };
        assert_eq!(renamed, exported.document);
        let twice = lab.session.import_profile(import("copy", secrets.clone())).await;
        assert_eq!(code(&twice), Some(RefusalCode::DuplicateName));

        let mut lost = import("other", secrets.clone());
        lost.document.layers[0].pack.name = "nowhere".into();
        let refused = format!("{:?}", lab.session.import_profile(lost).await.unwrap_err());
        assert!(refused.contains("UNKNOWN_PACK") && refused.contains("nowhere"), "{refused}");
        let mut other = import("other", secrets);
        other.document.layers[0].pack.digest = Some(strata_model::digest::Digest::of_content(b"other"));
        let refused = format!("{:?}", lab.session.import_profile(other).await.unwrap_err());
        assert!(refused.contains("PACK_DIFFERS"), "{refused}");
    }
}

/// What an author may do with versions; the numbers say with which.
#[derive(Debug, Clone)]
enum Act {
    Create(u8),
    Edit(u8, u16),
    Publish(u8),
    Revise(u8, u16),
    Deprecate(u8),
    Delete(u8),
    Macro(u16),
}

fn act() -> impl Strategy<Value = Act> {
    let version = || 0..3_u8;
    prop_oneof![
        version().prop_map(Act::Create),
        (version(), 1..400_u16).prop_map(|(version, port)| Act::Edit(version, port)),
        version().prop_map(Act::Publish),
        (version(), 1..400_u16).prop_map(|(version, port)| Act::Revise(version, port)),
        version().prop_map(Act::Deprecate),
        version().prop_map(Act::Delete),
        (1..400_u16).prop_map(Act::Macro),
    ]
}

/// Whatever is done, in whatever order: a revision, once published, says what it said, and its numbers have no gaps.
#[test]
fn what_was_published_stays() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lab = runtime.block_on(Lab::sqlite());
    let mut runner = TestRunner::new(ProptestConfig::with_cases(24));
    let round = std::cell::Cell::new(0_u32);
    let strategy = prop::collection::vec(act(), 1..20);
    runner
        .run(&strategy, |acts| {
            round.set(round.get() + 1);
            runtime.block_on(walk(&lab, round.get(), &acts)).map_err(TestCaseError::fail)
        })
        .unwrap();
}

async fn walk(lab: &Lab, round: u32, acts: &[Act]) -> Result<(), String> {
    let session = &lab.session;
    let name = |version: u8| format!("{round}.0.{version}");
    let mut published: BTreeMap<(u8, u32), (String, String)> = BTreeMap::new();
    for act in acts {
        let values = |port: u16| format!("port: {port} # of round {round}\n");
        // Refusals are answers, too.
        let _ = match act {
            Act::Create(v) => session.create_profile_version("web".into(), name(*v), None).await,
            Act::Edit(v, port) => lab.edit(&name(*v), None, &values(*port)).await,
            Act::Publish(v) => lab.publish(&name(*v)).await,
            Act::Revise(v, port) => {
                let content = content(&values(*port));
                session.revise_profile_version("web".into(), name(*v), content, "why".into(), None).await
            }
            Act::Deprecate(v) => {
                session.deprecate_profile_version("web".into(), name(*v), None, None, None).await
            }
            Act::Delete(v) => session.delete_profile_version("web".into(), name(*v), None).await,
            Act::Macro(value) => {
                let set = SetMacro {
                    name: "team".into(),
                    value: SecretText::new(value.to_string()),
                    sensitive: None,
                    description: None,
                    expected_generation: None,
                };
                session.set_macro(set).await.map_err(|error| error.to_string())?;
                continue;
            }
        };
        for version in 0..3_u8 {
            for revision in 1.. {
                let stored = lab.stored(&name(version), Some(revision)).await;
                let Some(stored) = stored else {
                    if published.contains_key(&(version, revision)) {
                        return Err(format!("{version}#{revision} is gone after {act:?}"));
                    }
                    break;
                };
                let before = published.entry((version, revision)).or_insert_with(|| stored.clone());
                if *before != stored {
                    return Err(format!(
                        "{version}#{revision} was {before:?} and is {stored:?} after {act:?}"
                    ));
                }
            }
        }
    }
    Ok(())
}
