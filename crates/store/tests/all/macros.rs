//! Macros: whose value counts, who edits first, and what is pending where.

use std::collections::{BTreeMap, BTreeSet};

use strata_model::{
    access::Actor,
    cluster::{Cluster, ClusterEvent},
    composition::Composition,
    id::{CompositionId, ProjectId},
    macros::MacroName,
    profile::VersionState,
    secret::SecretText,
    variable::VariableValue,
};
use strata_store::{
    ClusterFilter, LifecycleNote, Macro, Page, PendingUpdate, ProfileUse, Store, StoreError, Used, Uses,
};

use crate::{
    fixture::{on_both_databases, registered},
    profile::{composition, content, draft, publish},
};

fn name(text: &str) -> MacroName {
    text.parse().unwrap()
}

fn plain(text: &str) -> VariableValue {
    VariableValue::Plain(text.to_owned())
}

async fn set(
    store: &Store,
    project: ProjectId,
    called: &str,
    value: VariableValue,
    expected: Option<i64>,
) -> Result<Macro, StoreError> {
    let called = name(called);
    store
        .write(move |tx| {
            Box::pin(
                async move { tx.macro_set(project, &called, &value, None, expected, &Actor::system()).await },
            )
        })
        .await
}

async fn delete(store: &Store, found: Macro) -> Result<(), StoreError> {
    store.write(move |tx| Box::pin(async move { tx.macro_delete(&found).await })).await
}

/// Makes a cluster run a composition.
async fn made_to_run(
    store: &Store,
    cluster: &mut Cluster,
    seq: i64,
    composition: Composition,
) -> CompositionId {
    let (project, id) = (cluster.project, cluster.id);
    let kept = store
        .write(move |tx| Box::pin(async move { tx.composition_insert(project, id, &composition).await }))
        .await
        .unwrap();
    cluster.applied = Some(kept.id);
    let moved = cluster.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                let events = [ClusterEvent::LabelsChanged { labels: moved.labels.clone() }];
                tx.cluster_append(&moved, seq, &events, &Actor::system(), None).await
            })
        })
        .await
        .unwrap();
    kept.id
}

on_both_databases! {
    /// The project's own value wins over the shared one, and one of two editors is told.
    the_own_value_wins(database) {
        let store = database.open().await;
        let (project, shared) = (store.installation().default_project, store.installation().shared_project);
        let other = store
            .write(|tx| Box::pin(async move { tx.project_insert("other").await }))
            .await
            .unwrap();
        set(&store, shared, "team", plain("all"), None).await.unwrap();
        set(&store, shared, "zone", plain("a"), None).await.unwrap();
        let own = set(&store, project, "team", plain("blue"), Some(0)).await.unwrap();
        let scope = store.project(project);
        let values = scope.macro_values().await.unwrap();
        assert_eq!(values, BTreeMap::from([(name("team"), plain("blue")), (name("zone"), plain("a"))]));
        assert_eq!(scope.macro_by_name(&name("team")).await.unwrap(), own);
        let elsewhere = store.project(other.id);
        assert_eq!(elsewhere.macro_by_name(&name("team")).await.unwrap().value, plain("all"));
        assert!(elsewhere.macro_get(own.id).await.unwrap_err().is_not_found(), "another project's is not there");
        let listed = scope.macro_list(&Page::first(2)).await.unwrap();
        assert!(listed.has_next);
        let rest = scope.macro_list(&Page::first(2).after(listed.next().unwrap())).await.unwrap();
        assert_eq!(rest.into_nodes().len(), 1);
        assert_eq!(scope.macro_count().await.unwrap(), 3);

        let edited = set(&store, project, "team", plain("red"), Some(own.generation)).await.unwrap();
        assert_eq!((edited.id, edited.generation), (own.id, 2));
        for late in [Some(0), Some(1)] {
            let refused = set(&store, project, "team", plain("green"), late).await.unwrap_err();
            assert!(matches!(refused, StoreError::Stale { .. }), "{refused:?}");
        }
        assert!(matches!(delete(&store, own).await.unwrap_err(), StoreError::Stale { .. }));
        delete(&store, edited).await.unwrap();
        assert_eq!(scope.macro_by_name(&name("team")).await.unwrap().value, plain("all"));
        store.close().await;
    }

    /// A secret of the shared project is read from another, and is told apart from the same text in the clear.
    secrets_of_the_shared_project_are_read(database) {
        let store = database.open().await;
        let (project, shared) = (store.installation().default_project, store.installation().shared_project);
        let fingerprint = store
            .write(move |tx| Box::pin(async move { tx.secret_put(shared, &SecretText::new("hunter2")).await }))
            .await
            .unwrap();
        let secret = VariableValue::Sensitive(fingerprint.clone());
        set(&store, shared, "login", secret.clone(), None).await.unwrap();
        let scope = store.project(project);
        assert_eq!(scope.secret_get(&fingerprint).await.unwrap().expose(), "hunter2");
        let held = |value: Option<VariableValue>| BTreeMap::from([(name("login"), value)]);
        assert!(scope.macros_are_still(&held(Some(secret))).await.unwrap());
        assert!(!scope.macros_are_still(&held(Some(plain("hunter2")))).await.unwrap());
        assert!(!scope.macros_are_still(&held(None)).await.unwrap());
        assert!(scope.macros_are_still(&BTreeMap::new()).await.unwrap());
        store.close().await;
    }

    /// A revised version and a macro that moved are pending where they run, and nowhere else.
    what_is_pending_is_found(database) {
        let store = database.open().await;
        let (project, shared) = (store.installation().default_project, store.installation().shared_project);
        let (profile, version) = draft(&store, "web", "1.0.0", &content("")).await;
        publish(&store, &version).await;
        set(&store, shared, "team", plain("all"), None).await.unwrap();
        let mut first = registered(&store, "a", &[]).await;
        let mut second = registered(&store, "b", &[]).await;
        registered(&store, "c", &[]).await;
        let macros = [(name("team"), Some(plain("all"))), (name("tier"), None)].into();
        let with = Composition { macros, ..composition(&profile, "1.0.0", 1) };
        let a = made_to_run(&store, &mut first, 1, with).await;
        let b = made_to_run(&store, &mut second, 1, composition(&profile, "1.0.0", 1)).await;
        let scope = store.project(project);
        let pending = async || -> (Vec<String>, BTreeMap<CompositionId, Vec<PendingUpdate>>) {
            let filter = ClusterFilter { pending_updates: Some(true), ..ClusterFilter::default() };
            let without = ClusterFilter { pending_updates: Some(false), ..ClusterFilter::default() };
            let list = scope.cluster_list(&filter, strata_store::ClusterOrder::Name, &Page::first(10)).await.unwrap();
            let names: Vec<String> = list.into_nodes().iter().map(|it| it.value.name.to_string()).collect();
            let rest = scope.cluster_count(&without).await.unwrap();
            assert_eq!(u64::try_from(names.len()).unwrap() + rest, 3, "one or the other");
            (names, scope.pending_updates(&[a, b]).await.unwrap())
        };
        assert_eq!(pending().await, (vec![], BTreeMap::new()));

        // One of the project's own takes the place of the shared one.
        let own = set(&store, project, "team", plain("blue"), None).await.unwrap();
        let moved = |called: &str| PendingUpdate::Macro { name: name(called) };
        assert_eq!(pending().await, (vec!["a".into()], [(a, vec![moved("team")])].into()));
        set(&store, project, "tier", plain("gold"), None).await.unwrap();
        assert_eq!(pending().await.1, [(a, vec![moved("team"), moved("tier")])].into());
        delete(&store, own).await.unwrap();
        let tier = scope.macro_by_name(&name("tier")).await.unwrap();
        delete(&store, tier).await.unwrap();
        assert_eq!(pending().await.1, BTreeMap::new(), "it stands for what it stood for");

        let (newer, id) = (content("a: 1"), version.id);
        store
            .write(move |tx| {
                Box::pin(async move {
                    let digest = newer.digest();
                    let uses = Uses::default();
                    tx.profile_version_revise(project, id, 1, &newer, &uses, &digest, &Actor::system(), "").await
                })
            })
            .await
            .unwrap();
        let revised = PendingUpdate::Revision {
            running: strata_model::profile::RevisionReference {
                profile: profile.name.clone(),
                version: version.version.clone(),
                revision: 1,
            },
            newest: 2,
        };
        let both = [(a, vec![revised.clone()]), (b, vec![revised])].into();
        assert_eq!(pending().await, (vec!["a".into(), "b".into()], both));

        assert_eq!(scope.profile_counts().await.unwrap(), [], "no change has brought them there");
        let named = ClusterFilter { named_macro: Some(name("team")), ..ClusterFilter::default() };
        assert_eq!(scope.cluster_ids(&named, 10).await.unwrap(), [first.id]);
        assert_eq!(scope.shared_macro_users(&name("team")).await.unwrap(), 1);
        assert_eq!(scope.shared_macro_users(&name("tier")).await.unwrap(), 0, "it was never there");
        store.close().await;
    }

    /// Who names a pack or a macro is known for drafts and revisions, and forgotten with deleted versions.
    users_are_found(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let (profile, version) = draft(&store, "web", "1.10.0", &content("")).await;
        draft(&store, "web", "1.9.0", &content("")).await;
        let uses = Uses {
            packs: BTreeSet::from([("hello".to_owned(), "1.0.0".to_owned())]),
            macros: BTreeSet::from([name("team")]),
        };
        let (id, noted) = (version.id, uses.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.draft_update(project, id, 1, &content(""), &noted, &Actor::system()).await
                })
            })
            .await
            .unwrap();
        let scope = store.project(project);
        let team = name("team");
        let user = |state, revision| ProfileUse {
            profile: profile.name.clone(),
            version: version.version.clone(),
            state,
            revision,
        };
        for used in [Used::Macro(&team), Used::Pack("hello", "1.0.0")] {
            let found = scope.profiles_using(used, 10).await.unwrap();
            assert_eq!(found, [user(VersionState::Draft, None)]);
        }
        assert!(scope.profiles_using(Used::Pack("hello", "1.0.1"), 10).await.unwrap().is_empty());
        crate::profile::try_publish(&store, project, version.id, 2).await.unwrap();
        let found = scope.profiles_using(Used::Macro(&team), 10).await.unwrap();
        assert_eq!(found, [user(VersionState::Published, Some(1))]);
        let (id, noted) = (version.id, Uses { macros: BTreeSet::new(), ..uses });
        store
            .write(move |tx| {
                Box::pin(async move {
                    let (content, actor) = (content("b: 1"), Actor::system());
                    let digest = content.digest();
                    tx.profile_version_revise(project, id, 1, &content, &noted, &digest, &actor, "").await?;
                    let note = LifecycleNote::default();
                    let (from, to) = (VersionState::Published, VersionState::Deprecated);
                    tx.lifecycle_append(project, id, from, to, &actor, &note).await
                })
            })
            .await
            .unwrap();
        let found = scope.profiles_using(Used::Pack("hello", "1.0.0"), 10).await.unwrap();
        assert_eq!(found, [Some(1), Some(2)].map(|revision| user(VersionState::Deprecated, revision)));
        store
            .write(move |tx| {
                Box::pin(async move {
                    let (from, to) = (VersionState::Deprecated, VersionState::Deleted);
                    tx.lifecycle_append(project, id, from, to, &Actor::system(), &LifecycleNote::default()).await
                })
            })
            .await
            .unwrap();
        assert!(scope.profiles_using(Used::Macro(&team), 10).await.unwrap().is_empty());
        store.close().await;
    }
}
