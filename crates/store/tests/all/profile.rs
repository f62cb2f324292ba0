//! Packs, profiles, versions, revisions.

use strata_model::{
    access::Actor,
    composition::{Attachment, Composition},
    digest::Digest,
    id::{ProfileVersionId, ProjectId},
    pack::{Pack, PackReference},
    profile::{
        ConflictPolicy, ImmutablePolicy, Layer, LayerKind, OrphanPolicy, ProfileContent, ProfileType,
        RevisionReference, VersionState,
    },
};
use strata_store::{
    LifecycleNote, PackFilter, Page, Profile, ProfileVersion, RevisionRecord, Store, StoreError, Uses,
};

use crate::fixture::on_both_databases;

pub(crate) fn pack(name: &str, version: &str) -> Pack {
    Pack {
        name: name.to_owned(),
        display_name: name.to_owned(),
        version: version.to_owned(),
        layer: LayerKind::Addon,
        cloud_types: Vec::new(),
        constraints: Vec::new(),
        resources: Vec::new(),
        end_of_life: None,
        annotations: std::collections::BTreeMap::new(),
        values: "replicas: 1\n".to_owned(),
        presets: Vec::new(),
        schema: None,
        manifests: Vec::new(),
        charts: Vec::new(),
        unknown: serde_json::Map::new(),
    }
}

pub(crate) fn content(values: &str) -> ProfileContent {
    let layer = Layer {
        name: "app".parse().unwrap(),
        kind: LayerKind::Addon,
        pack: PackReference {
            name: "hello".to_owned(),
            version: "1.0.0".to_owned(),
            digest: Digest::of_content(b"pack"),
        },
        values: values.to_owned(),
        presets: Vec::new(),
        manifests: Vec::new(),
        install_priority: None,
        namespace: None,
        on_conflict: ConflictPolicy::Fail,
        on_immutable: ImmutablePolicy::Block,
        orphan_policy: OrphanPolicy::Keep,
    };
    ProfileContent { layers: vec![layer], variables: Vec::new() }
}

pub(crate) fn composition(profile: &Profile, version: &str, revision: u32) -> Composition {
    let attachment = Attachment {
        profile_id: profile.id,
        profile_type: profile.profile_type,
        revision: RevisionReference {
            profile: profile.name.clone(),
            version: version.parse().unwrap(),
            revision,
        },
        content_digest: Digest::of_content(b"content"),
    };
    Composition { attachments: vec![attachment], ..Composition::default() }
}

/// Makes a draft, and its profile on the first time.
pub(crate) async fn draft(
    store: &Store,
    profile: &str,
    version: &str,
    content: &ProfileContent,
) -> (Profile, ProfileVersion) {
    try_draft(store, store.installation().default_project, profile, version, content).await.unwrap()
}

async fn try_draft(
    store: &Store,
    project: ProjectId,
    profile: &str,
    version: &str,
    content: &ProfileContent,
) -> Result<(Profile, ProfileVersion), StoreError> {
    let (name, version, content) = (profile.parse().unwrap(), version.parse().unwrap(), content.clone());
    store
        .write(move |tx| {
            Box::pin(async move {
                let profile = match tx.project(project).profile_by_name(&name).await {
                    Ok(profile) if profile.project == project => profile,
                    _ => tx.profile_insert(project, &name, ProfileType::Addon, "").await?,
                };
                let version = tx
                    .profile_version_insert(&profile, &version, &content, &Uses::default(), &Actor::system())
                    .await?;
                Ok((profile, version))
            })
        })
        .await
}

pub(crate) async fn publish(store: &Store, version: &ProfileVersion) -> RevisionRecord {
    try_publish(store, version.project, version.id, 1).await.unwrap()
}

pub(crate) async fn try_publish(
    store: &Store,
    project: ProjectId,
    id: ProfileVersionId,
    generation: i64,
) -> Result<RevisionRecord, StoreError> {
    store
        .write(move |tx| {
            Box::pin(async move {
                let digest = Digest::of_content(b"content");
                let note = LifecycleNote::default();
                tx.profile_version_publish(project, id, generation, &digest, &Actor::system(), &note).await
            })
        })
        .await
}

on_both_databases! {
    /// Draft, edits with compare-and-set, publishing, revising, deprecating, deleting; a version is never used again.
    the_life_of_a_version(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let (profile, version) = draft(&store, "web", "1.0.0+build.1", &content("a: 1")).await;
        assert_eq!((version.state, version.lifecycle.len()), (VersionState::Draft, 1));
        let id = version.id;
        let again = try_draft(&store, project, "web", "1.0.0+build.2", &content("")).await;
        assert!(matches!(again, Err(StoreError::Duplicate { noun: "profile version", .. })), "{again:?}");

        let scope = store.project(project);
        assert_eq!(scope.draft_get(id).await.unwrap().content, content("a: 1"));
        let edit = |generation: i64, text: &str| {
            let content = content(text);
            store.write(move |tx| {
                Box::pin(async move {
                    tx.draft_update(project, id, generation, &content, &Uses::default(), &Actor::system()).await
                })
            })
        };
        assert_eq!(edit(1, "a: 2").await.unwrap(), 2);
        assert!(edit(1, "a: 3").await.unwrap_err().is_stale());
        assert!(try_publish(&store, project, id, 1).await.unwrap_err().is_stale());
        assert!(scope.draft_get(id).await.is_ok(), "a lost publication takes no draft away");
        let name = profile.name.clone();
        let without = scope.revision_find(&name, &version.version, None).await;
        assert!(without.unwrap_err().is_not_found(), "a draft has no revision");
        assert_eq!(try_publish(&store, project, id, 2).await.unwrap().number, 1);
        assert!(try_publish(&store, project, id, 2).await.unwrap_err().is_stale());
        assert!(edit(2, "a: 4").await.unwrap_err().is_stale());
        assert!(scope.draft_get(id).await.unwrap_err().is_not_found());

        let revise = |after: u32, text: &str| {
            let content = content(text);
            store.write(move |tx| {
                Box::pin(async move {
                    let digest = Digest::of_content(b"second");
                    let actor = Actor::system();
                    tx.profile_version_revise(project, id, after, &content, &Uses::default(), &digest, &actor, "typo").await
                })
            })
        };
        assert_eq!(revise(1, "a: 5").await.unwrap().number, 2);
        assert!(revise(1, "a: 6").await.unwrap_err().is_stale());
        let newest = scope.revision_find(&name, &"1.0.0".parse().unwrap(), None).await.unwrap();
        assert_eq!((newest.reference.revision, &newest.content), (2, &content("a: 5")));
        let first = scope.revision_find(&name, &"1.0.0".parse().unwrap(), Some(1)).await.unwrap();
        assert_eq!(first.content, content("a: 2"));
        assert_eq!(scope.revision_get(&newest.reference).await.unwrap(), newest);
        assert_eq!(scope.revision_by_id(newest.record.id).await.unwrap(), newest);
        assert_eq!(scope.revision_list(id).await.unwrap().len(), 2);

        for (from, to) in [
            (VersionState::Published, VersionState::Deprecated),
            (VersionState::Deprecated, VersionState::Deleted),
        ] {
            let note = LifecycleNote {
                successor: Some("2.0.0".parse().unwrap()),
                sunset: Some(store.clock().now()),
                reason: "old".to_owned(),
            };
            store
                .write(move |tx| {
                    Box::pin(async move {
                        tx.lifecycle_append(project, id, from, to, &Actor::system(), &note).await
                    })
                })
                .await
                .unwrap();
        }
        let tombstone = scope.profile_version_get(id).await.unwrap();
        let states: Vec<VersionState> = tombstone.lifecycle.iter().map(|step| step.state).collect();
        use VersionState::{Deleted, Deprecated, Draft, Published};
        assert_eq!((tombstone.state, states), (Deleted, vec![Draft, Published, Deprecated, Deleted]));
        assert_eq!(tombstone.lifecycle[3].successor, Some("2.0.0".parse().unwrap()));
        assert_eq!(scope.profile_version_count(profile.id, &[]).await.unwrap(), 0);
        assert!(scope.revision_get(&newest.reference).await.is_ok(), "what runs somewhere can be read");
        let reused = try_draft(&store, project, "web", "1.0.0", &content("")).await;
        assert!(matches!(reused, Err(StoreError::Duplicate { .. })));
        store.close().await;
    }

    /// The database sorts versions by SemVer precedence, and pages of that order fit together.
    versions_sort_by_precedence(database) {
        let store = database.open().await;
        let ordered = [
            "0.9.0", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
            "1.0.0-alpha-x", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.2.0",
            "1.10.0", "10.0.0",
        ];
        let mut profile = None;
        for index in [3, 0, 15, 7, 1, 14, 2, 8, 13, 4, 6, 5, 12, 9, 11, 10] {
            profile = Some(draft(&store, "web", ordered[index], &content("")).await.0);
        }
        let scope = store.project(store.installation().default_project);
        let (mut seen, mut page) = (Vec::new(), Page::first(5));
        loop {
            let part = scope.profile_version_list(profile.as_ref().unwrap().id, &[], &page).await.unwrap();
            let next = part.next();
            seen.extend(part.into_nodes().into_iter().map(|version| version.version.to_string()));
            match next {
                Some(cursor) => page = Page::first(5).after(cursor),
                None => break,
            }
        }
        seen.reverse();
        assert_eq!(seen, ordered);
        store.close().await;
    }

    /// What is stored under a digest must have it.
    a_pack_is_held_against_its_digest(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let insert = |pack: Pack, digest: Digest| {
            store.write(move |tx| {
                Box::pin(async move { tx.pack_insert(project, &pack, &digest, "folder").await })
            })
        };
        let sound = pack("sound", "1.0.0");
        let record = insert(sound.clone(), sound.digest()).await.unwrap();
        assert_eq!(store.project(project).pack_content(&record).await.unwrap(), sound);
        let record = insert(pack("swapped", "1.0.0"), sound.digest()).await.unwrap();
        let read = store.project(project).pack_content(&record).await;
        assert!(matches!(read, Err(StoreError::Corrupt { noun: "pack", .. })), "{read:?}");
        store.close().await;
    }

    /// Packs and profiles of the shared project are read by all, a project's own first.
    the_shared_project_is_read_by_all(database) {
        let store = database.open().await;
        let (default, shared) = (store.installation().default_project, store.installation().shared_project);
        let insert = |project: ProjectId, name: &'static str, version: &'static str, text: &'static str| {
            let pack = Pack { values: text.to_owned(), ..pack(name, version) };
            store.write(move |tx| {
                Box::pin(async move {
                    let digest = pack.digest();
                    tx.pack_insert(project, &pack, &digest, "folder").await
                })
            })
        };
        insert(shared, "hello", "1.10.0", "from: shared").await.unwrap();
        insert(shared, "hello", "1.9.0", "from: shared").await.unwrap();
        let latest = insert(shared, "hello", "latest", "x: 1").await.unwrap();
        insert(default, "hello", "1.10.0", "from: own").await.unwrap();
        let again = insert(default, "hello", "1.10.0", "from: other").await;
        assert!(matches!(again, Err(StoreError::Duplicate { noun: "pack", .. })));
        let scope = store.project(default);
        let own = scope.pack_by_version("hello", "1.10.0").await.unwrap();
        assert_eq!(scope.pack_content(&own).await.unwrap().values, "from: own");
        let by_digest = scope.pack_by_digest(&latest.digest).await.unwrap();
        assert_eq!(by_digest.version, "latest");
        let listed = scope.pack_list(&PackFilter::default(), &Page::default()).await.unwrap();
        let versions: Vec<String> = listed.into_nodes().into_iter().map(|pack| pack.version).collect();
        assert_eq!(versions, ["latest", "1.9.0", "1.10.0", "1.10.0"]);
        let other = store.project(shared);
        assert_eq!(other.pack_count(&PackFilter::default()).await.unwrap(), 3, "sharing goes one way");
        assert!(other.pack_get(own.id).await.unwrap_err().is_not_found());

        let (profile, version) = try_draft(&store, shared, "base", "1.0.0", &content("a: 1")).await.unwrap();
        publish(&store, &version).await;
        assert_eq!(scope.revision_find(&profile.name, &version.version, None).await.unwrap().profile, profile.id);
        let stolen = try_publish(&store, default, version.id, 1).await;
        assert!(stolen.unwrap_err().is_stale(), "reading is not writing");
        assert_eq!(scope.profile_list(&Page::default()).await.unwrap().into_nodes(), [profile]);
        store.close().await;
    }
}
