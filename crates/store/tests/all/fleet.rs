//! Clusters, changes, inventory, orphans, rollouts, plans.

use std::{collections::BTreeMap, time::Duration};

use strata_model::{
    access::Actor,
    change::{Approval, ChangeEvent, ChangeKind, ChangeState, Requirement, RequirementKind},
    cluster::{ClusterEvent, Phase},
    composition::Composition,
    digest::Digest,
    fact::FactsRead,
    id::{ClusterId, OrphanId, PrincipalId, ProjectId, RolloutId},
    inventory::InventoryEntry,
    object::{Destination, ObjectKey},
    orphan::{Orphan, OrphanEvent, OrphanState, Reach},
    plan::{PLAN_SCHEME, Plan, Repave},
    profile::{OrphanPolicy, RevisionReference},
    render::Render,
    rollout::{
        LabelSelector, Rollout, RolloutEvent, RolloutState, RolloutTarget, Stage, Target, TargetState,
    },
};
use strata_store::{
    ChangeFilter, ClusterFilter, ClusterOrder, NewPlan, OrphanFilter, Page, ProfileFilter, RolloutFilter,
    Store, StoreError, StoredPlan,
};

use crate::{
    fixture::{append, change, on_both_databases, registered},
    profile::{composition, content, draft},
};

pub(crate) fn entry(store: &Store, name: &str, body: serde_json::Value) -> InventoryEntry {
    InventoryEntry {
        destination: Destination::Workload,
        key: ObjectKey {
            group: "apps".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("shop".to_owned()),
            name: name.to_owned(),
        },
        api_version: "apps/v1".to_owned(),
        layer: "app".parse().unwrap(),
        revision: reference(),
        orphan_policy: OrphanPolicy::Keep,
        digest: store.digest_key().document("object", &body),
        body,
        earlier: vec![],
        uid: None,
        adopted: false,
        change: strata_model::id::ChangeId::new(store.ids().next()),
        applied_at: store.clock().now(),
    }
}

fn reference() -> RevisionReference {
    RevisionReference { profile: "web".parse().unwrap(), version: "1.0.0".parse().unwrap(), revision: 1 }
}

pub(crate) async fn plan(store: &Store, project: ProjectId, cluster: ClusterId, secret: &str) -> StoredPlan {
    let expires_at = store.clock().now() + Duration::from_secs(60);
    let secret = secret.to_owned();
    store
        .write(move |tx| {
            Box::pin(async move {
                let to = tx.composition_insert(project, cluster, &Composition::default()).await?;
                let render: Render = serde_json::from_value(serde_json::json!({
                    "objects": [], "factsRead": {"label stage": secret}, "kubernetesVersion": null,
                    "layers": [], "warnings": [], "duplicates": [],
                }))
                .unwrap();
                let plan = Plan {
                    scheme: PLAN_SCHEME,
                    cluster,
                    kind: ChangeKind::Apply,
                    from: None,
                    to: to.digest.clone(),
                    render: to.digest.clone(),
                    facts_read: FactsRead::new(),
                    actions: Vec::new(),
                    unchanged: 0,
                    steps: Vec::new(),
                    repave: Repave::default(),
                    findings: Vec::new(),
                    layers: Vec::new(),
                    conflicts: Vec::new(),
                    resolutions: Vec::new(),
                    reversible: true,
                    digest: tx.digest_key().bytes("plan", secret.as_bytes()),
                };
                let (plan, render) = (&plan, &render);
                let intent = &serde_json::json!({"asked": secret});
                tx.plan_insert(NewPlan {
                    project,
                    from: None,
                    to: to.id,
                    plan,
                    intent,
                    render,
                    evidence: None,
                    expires_at,
                })
                .await
            })
        })
        .await
        .unwrap()
}

on_both_databases! {
    /// Filters, orders, counts and pages of clusters, in SQL.
    clusters_are_listed(database) {
        let store = database.open().await;
        for number in (0..25).rev() {
            let stage = if number % 5 == 0 { "prod" } else { "dev" };
            registered(&store, &format!("c-{number:02}"), &[("stage", stage), ("odd", if number % 2 == 1 { "yes" } else { "no" })])
                .await;
            database.clock.advance(1);
        }
        let scope = store.project(store.installation().default_project);
        let labels = |pairs: &[(&str, &str)]| ClusterFilter {
            labels: pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
            ..ClusterFilter::default()
        };
        assert_eq!(scope.cluster_count(&labels(&[("stage", "prod")])).await.unwrap(), 5);
        let ids = scope.cluster_ids(&ClusterFilter::default(), 100).await.unwrap();
        // More ids than SQLite binds in one statement.
        let many: Vec<ClusterId> = (0..33_000).map(|_| ids[0]).chain(ids.clone()).collect();
        assert!(scope.clusters_get(&many).await.unwrap().len() >= 25);
        assert_eq!(scope.cluster_count(&labels(&[("stage", "prod"), ("odd", "yes")])).await.unwrap(), 2);
        assert_eq!(scope.cluster_count(&labels(&[("stage", "nowhere")])).await.unwrap(), 0);
        let named = ClusterFilter { name_contains: Some("-1".to_owned()), ..ClusterFilter::default() };
        assert_eq!(scope.cluster_count(&named).await.unwrap(), 10);
        let wild = ClusterFilter { name_contains: Some("%".to_owned()), ..ClusterFilter::default() };
        assert_eq!(scope.cluster_count(&wild).await.unwrap(), 25);

        let mut reached = scope.cluster_get(ids[3]).await.unwrap();
        reached.value.kubernetes_version = Some("v1.33.2+k3s1".parse().unwrap());
        let event = ClusterEvent::Reached { uid: "u".to_owned(), kubernetes_version: "v1.33.2+k3s1".parse().unwrap() };
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.cluster_append(&reached.value, reached.seq, &[event], &Actor::system(), None).await
                })
            })
            .await
            .unwrap();
        let on = |series: &str| ClusterFilter { kubernetes: Some(series.to_owned()), ..ClusterFilter::default() };
        assert_eq!(scope.cluster_ids(&on("1.33"), 10).await.unwrap(), [ids[3]]);
        assert_eq!(scope.cluster_count(&on("1.3")).await.unwrap(), 0);

        for order in [ClusterOrder::Name, ClusterOrder::NameDescending, ClusterOrder::Newest, ClusterOrder::Oldest] {
            let (mut seen, mut page, mut pages) = (Vec::new(), Page::first(4), 0);
            loop {
                let part = scope.cluster_list(&ClusterFilter::default(), order, &page).await.unwrap();
                let next = part.next();
                seen.extend(part.into_nodes().into_iter().map(|cluster| cluster.value.name.to_string()));
                pages += 1;
                match next {
                    Some(cursor) => page = Page::first(4).after(cursor),
                    None => break,
                }
            }
            let mut expected: Vec<String> = (0..25).map(|number| format!("c-{number:02}")).collect();
            if matches!(order, ClusterOrder::NameDescending | ClusterOrder::Oldest) {
                expected.reverse();
            }
            assert_eq!((seen, pages), (expected, 7), "{order:?}");
        }
        store.close().await;
    }

    /// A page stays where it is when rows come and go before it.
    pages_are_stable(database) {
        let store = database.open().await;
        for name in ["b", "d", "f", "h"] {
            registered(&store, name, &[]).await;
        }
        let scope = store.project(store.installation().default_project);
        let list = async |page: &Page| {
            scope.cluster_list(&ClusterFilter::default(), ClusterOrder::Name, page).await.unwrap()
        };
        let first = list(&Page::first(2)).await;
        let cursor = first.next().unwrap();
        registered(&store, "a", &[]).await;
        registered(&store, "e", &[]).await;
        let names = |page: strata_store::PageOf<strata_store::Stored<strata_model::cluster::Cluster>>| {
            page.into_nodes().into_iter().map(|cluster| cluster.value.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(first), ["b", "d"]);
        assert_eq!(names(list(&Page::first(2).after(cursor)).await), ["e", "f"]);
        let wrong = Page::first(2).after(strata_store::Cursor::new("nonsense"));
        let refused = scope.cluster_list(&ClusterFilter::default(), ClusterOrder::Name, &wrong).await;
        assert!(matches!(refused, Err(StoreError::InvalidCursor)));
        store.close().await;
    }

    /// Labels follow their event, names are free again after deregistration, and what a cluster runs can be asked for.
    clusters_move(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let (profile, _) = draft(&store, "web", "1.0.0", &content("")).await;
        let mut cluster = registered(&store, "a", &[("stage", "dev")]).await;
        let composition = composition(&profile, "1.0.0", 1);
        let (id, kept) = (cluster.id, composition.clone());
        let applied = store
            .write(move |tx| Box::pin(async move { tx.composition_insert(project, id, &kept).await }))
            .await
            .unwrap();
        assert_eq!(applied.digest, composition.digest(store.digest_key()));
        cluster.labels = BTreeMap::from([("stage".to_owned(), "prod".to_owned())]);
        cluster.applied = Some(applied.id);
        let moved = cluster.clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    let events = [ClusterEvent::LabelsChanged { labels: moved.labels.clone() }];
                    tx.cluster_append(&moved, 1, &events, &Actor::system(), None).await
                })
            })
            .await
            .unwrap();
        let scope = store.project(project);
        let prod = ClusterFilter {
            labels: cluster.labels.clone(),
            profile: Some(ProfileFilter {
                profile: profile.name.clone(),
                version: Some("1.0.0".parse().unwrap()),
                revision: Some(1),
            }),
            ..ClusterFilter::default()
        };
        assert_eq!(scope.cluster_ids(&prod, 10).await.unwrap(), [cluster.id]);
        let later = ProfileFilter { revision: Some(2), ..prod.profile.clone().unwrap() };
        let later = ClusterFilter { profile: Some(later), ..ClusterFilter::default() };
        assert_eq!(scope.cluster_count(&later).await.unwrap(), 0);
        let using = scope.clusters_using(profile.id, Some(&"1.0.0".parse().unwrap()), None, 10).await.unwrap();
        assert_eq!(using.len(), 1);
        assert_eq!(scope.composition_get(applied.id).await.unwrap().composition, composition);

        let (twin, event) = crate::fixture::cluster(&store, "a", &[]);
        let taken = store
            .write(move |tx| {
                Box::pin(async move { tx.cluster_append(&twin, 0, &[event], &Actor::system(), None).await })
            })
            .await;
        assert!(matches!(taken, Err(StoreError::Duplicate { noun: "cluster", .. })));
        cluster.phase.value = Phase::Deleted;
        let gone = cluster.clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.cluster_append(&gone, 2, &[ClusterEvent::Deregistered], &Actor::system(), None).await
                })
            })
            .await
            .unwrap();
        registered(&store, "a", &[]).await;
        assert_eq!(scope.cluster_count(&ClusterFilter::default()).await.unwrap(), 1);
        assert_eq!(scope.cluster_summary().await.unwrap()[0].clusters, 1);
        assert_eq!(scope.cluster_get(cluster.id).await.unwrap().value.phase.value, Phase::Deleted);
        assert_eq!(store.due_clusters(None, 10).await.unwrap().len(), 1);
        store.close().await;
    }

    /// One change holds a cluster; lists, repaves to be approved, approvals that run out, due work.
    changes_are_kept(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let cluster = registered(&store, "a", &[]).await;
        let mut first = change(&store, project, cluster.id, ChangeState::Scheduled);
        append(&store, &first, 0, ChangeEvent::Scheduled).await.unwrap();
        database.clock.advance(1);
        let mut second = change(&store, project, cluster.id, ChangeState::AwaitingApproval);
        second.requirements.push(Requirement {
            kind: RequirementKind::Repave,
            scope: "control plane".to_owned(),
            findings: Vec::new(),
            role: strata_model::access::Role::Approver,
            quorum: 2,
            satisfied_by: vec![Approval {
                principal: PrincipalId::new(store.ids().next()),
                name: "ada".to_owned(),
                reason: String::new(),
                plan_digest: second.plan_digest.clone(),
                at: store.clock().now(),
                expires_at: store.clock().now() + Duration::from_secs(60),
            }],
        });
        append(&store, &second, 0, ChangeEvent::ApprovalExpired).await.unwrap();
        let scope = store.project(project);
        assert_eq!(scope.change_holding(cluster.id).await.unwrap().unwrap().value.id, first.id);
        assert_eq!(store.due_changes(None, 10).await.unwrap(), [(project, first.id)]);
        assert_eq!(store.due_changes(Some(first.id), 10).await.unwrap(), []);
        assert_eq!(store.cancelling_changes(10).await.unwrap(), [], "nobody asked to stop it");
        second.state = ChangeState::Scheduled;
        let held = append(&store, &second, 1, ChangeEvent::Scheduled).await;
        assert!(matches!(held, Err(StoreError::InUse { noun: "cluster", .. })), "{held:?}");

        let repaves = ChangeFilter { awaits_repave: true, ..ChangeFilter::default() };
        let waiting = scope.change_list(&repaves, &Page::default()).await.unwrap().into_nodes();
        assert_eq!(waiting.iter().map(|change| change.value.id).collect::<Vec<_>>(), [second.id]);
        assert_eq!(store.due_approvals(10).await.unwrap(), []);
        database.clock.advance(60);
        assert_eq!(store.due_approvals(10).await.unwrap(), [(project, second.id)]);
        let all = scope.change_list(&ChangeFilter::default(), &Page::first(1)).await.unwrap();
        assert_eq!(all.edges[0].node.value.id, second.id, "the newest first");
        let next = scope.change_list(&ChangeFilter::default(), &Page::first(1).after(all.next().unwrap())).await;
        assert_eq!(next.unwrap().into_nodes()[0].value.id, first.id);

        first.state = ChangeState::Succeeded;
        append(&store, &first, 1, ChangeEvent::Succeeded).await.unwrap();
        assert_eq!(scope.change_holding(cluster.id).await.unwrap(), None);
        append(&store, &second, 1, ChangeEvent::Scheduled).await.unwrap();
        let open = scope.changes_of_cluster(cluster.id, &[ChangeState::Scheduled]).await.unwrap();
        assert_eq!(open.len(), 1);
        let done = ChangeFilter { states: vec![ChangeState::Succeeded], ..ChangeFilter::default() };
        assert_eq!(scope.change_count(&done).await.unwrap(), 1);
        store.close().await;
    }

    /// The inventory keeps the last of each object.
    the_inventory_is_kept(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let cluster = registered(&store, "a", &[]).await;
        let mut entries: Vec<InventoryEntry> = (0..1200)
            .map(|number| entry(&store, &format!("web-{number:04}"), serde_json::json!({"n": number})))
            .collect();
        entries[7].key.namespace = None;
        let changed = entry(&store, "web-0003", serde_json::json!({"n": "changed"}));
        let mut sent = entries.clone();
        sent.push(changed.clone());
        let id = cluster.id;
        let put = move |sent: Vec<InventoryEntry>| {
            let store = store.clone();
            async move {
                store
                    .write(move |tx| Box::pin(async move { tx.inventory_put(project, id, &sent).await }))
                    .await
                    .unwrap();
                store
            }
        };
        let store = put(sent).await;
        let scope = store.project(project);
        assert_eq!(scope.inventory_count(id).await.unwrap(), 1200);
        let found = scope.inventory_get(id, Destination::Workload, &changed.key).await.unwrap();
        assert_eq!(found.as_ref(), Some(&changed));
        let global = scope.inventory_get(id, Destination::Workload, &entries[7].key).await.unwrap();
        assert_eq!(global.as_ref(), Some(&entries[7]));
        let key = changed.key.clone();
        store
            .write(move |tx| {
                Box::pin(async move { tx.inventory_remove(project, id, Destination::Workload, &key).await })
            })
            .await
            .unwrap();
        assert_eq!(scope.inventory_get(id, Destination::Workload, &changed.key).await.unwrap(), None);
        assert_eq!(scope.inventory_list(id).await.unwrap().len(), 1199);
        store.close().await;
    }

    /// Orphans are found by object, by state and in lists.
    orphans_are_kept(database) {
        let store = database.open().await;
        let cluster = registered(&store, "a", &[]).await;
        let now = store.clock().now();
        let key = entry(&store, "web", serde_json::Value::Null).key;
        let mut orphan = Orphan {
            id: OrphanId::new(store.ids().next()),
            project: cluster.project,
            cluster: cluster.id,
            destination: Destination::Workload,
            key: key.clone(),
            api_version: "apps/v1".to_owned(),
            layer: "app".parse().unwrap(),
            revision: reference(),
            policy: OrphanPolicy::Keep,
            reach: Reach::Scale,
            note: String::new(),
            state: OrphanState::Left,
            restore: None,
            left_by: strata_model::id::ChangeId::new(store.ids().next()),
            since: now,
            state_since: now,
        };
        let save = |orphan: &Orphan, seq: i64| {
            let orphan = orphan.clone();
            store.write(move |tx| {
                Box::pin(async move {
                    let events = [OrphanEvent::Kept { change: orphan.left_by }];
                    tx.orphan_append(&orphan, seq, &events, &Actor::system(), None).await
                })
            })
        };
        save(&orphan, 0).await.unwrap();
        assert!(save(&orphan, 0).await.unwrap_err().is_stale());
        let scope = store.project(cluster.project);
        let found = scope.orphan_of_object(cluster.id, Destination::Workload, &key).await.unwrap();
        assert_eq!(found.unwrap().value, orphan);
        orphan.state = OrphanState::Deleted;
        assert!(save(&orphan, 5).await.unwrap_err().is_stale());
        save(&orphan, 1).await.unwrap();
        assert_eq!(scope.orphan_of_object(cluster.id, Destination::Workload, &key).await.unwrap(), None);
        let deleted = OrphanFilter { states: vec![OrphanState::Deleted], ..OrphanFilter::default() };
        assert_eq!(scope.orphan_list(&deleted, &Page::default()).await.unwrap().into_nodes()[0].seq, 2);
        assert_eq!(scope.orphan_count(&OrphanFilter::default()).await.unwrap(), 1);
        store.close().await;
    }

    /// A rollout with many targets: one that moves writes one row, and reading gives all of them in order.
    rollouts_are_kept(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let now = store.clock().now();
        let targets: Vec<Target> = (0..1100)
            .map(|number| Target {
                cluster: ClusterId::new(store.ids().next()),
                stage: u32::from(number >= 100),
                state: TargetState::Waiting,
                since: now,
                change: None,
                reason: String::new(),
            })
            .collect();
        let stage = |name: &str| Stage {
            name: name.to_owned(),
            selector: LabelSelector::default(),
            max_concurrency: 1,
            soak_seconds: 0,
            requires_approval: false,
        };
        let mut rollout = Rollout {
            id: RolloutId::new(store.ids().next()),
            project,
            name: "spring".to_owned(),
            target: RolloutTarget { revision: reference(), content_digest: Digest::of_content(b"x") },
            stages: vec![stage("canary"), stage("rest")],
            failure_budget: 0,
            state: RolloutState::Draft,
            reason: String::new(),
            stage: 0,
            halted_from: None,
            approved_stages: Vec::new(),
            targets,
            created_at: now,
            state_since: now,
        };
        let save = |rollout: &Rollout, seq: i64, event: RolloutEvent| {
            let rollout = rollout.clone();
            store.write(move |tx| {
                Box::pin(async move {
                    tx.rollout_append(&rollout, seq, &[event], &Actor::system(), None).await
                })
            })
        };
        let created = RolloutEvent::Created {
            project,
            name: rollout.name.clone(),
            target: rollout.target.clone(),
            stages: rollout.stages.clone(),
            failure_budget: 0,
            targets: Vec::new(),
        };
        save(&rollout, 0, created).await.unwrap();
        let twin = Rollout { id: RolloutId::new(store.ids().next()), ..rollout.clone() };
        let taken = save(&twin, 0, RolloutEvent::Started).await;
        assert!(matches!(taken, Err(StoreError::Duplicate { noun: "rollout", .. })));
        assert_eq!(store.due_rollouts(10).await.unwrap(), []);
        rollout.state = RolloutState::Running;
        save(&rollout, 1, RolloutEvent::Started).await.unwrap();
        let moved = rollout.targets[500].cluster;
        rollout.targets[500].state = TargetState::InFlight;
        rollout.targets[500].reason = "its turn".to_owned();
        let event = RolloutEvent::TargetMoved {
            cluster: moved,
            to: TargetState::InFlight,
            change: None,
            reason: "its turn".to_owned(),
        };
        save(&rollout, 2, event).await.unwrap();
        assert!(save(&rollout, 2, RolloutEvent::PauseRequested).await.unwrap_err().is_stale());
        let scope = store.project(project);
        let stored = scope.rollout_get(rollout.id).await.unwrap();
        assert_eq!((stored.seq, &stored.value), (3, &rollout));
        assert_eq!(scope.rollout_target_get(rollout.id, moved).await.unwrap(), rollout.targets[500]);
        assert_eq!(store.due_rollouts(10).await.unwrap(), [(project, rollout.id)]);
        let flying =
            scope.rollout_target_list(rollout.id, &[TargetState::InFlight], &Page::default()).await.unwrap();
        assert_eq!(flying.edges.len(), 1);
        let counts: Vec<(u32, u64)> = scope
            .rollout_target_summary(rollout.id)
            .await
            .unwrap()
            .into_iter()
            .map(|count| (count.stage, count.targets))
            .collect();
        assert_eq!(counts, [(0, 100), (1, 1), (1, 999)]);
        let page = scope.rollout_target_list(rollout.id, &[], &Page::first(60)).await.unwrap();
        let next = Page::first(60).after(page.next().unwrap());
        let next = scope.rollout_target_list(rollout.id, &[], &next).await.unwrap().into_nodes();
        assert_eq!(next[0].cluster, rollout.targets[60].cluster);
        let running = RolloutFilter { states: vec![RolloutState::Running], ..RolloutFilter::default() };
        let listed = scope.rollout_list(&running, &Page::default()).await.unwrap().into_nodes();
        assert_eq!(listed[0].value.targets.len(), 0, "lists leave targets out");
        assert_eq!(scope.rollout_count(&running).await.unwrap(), 1);
        let brings = |revision: RevisionReference| RolloutFilter {
            profile: Some(ProfileFilter {
                profile: revision.profile,
                version: Some(revision.version),
                revision: Some(revision.revision),
            }),
            ..RolloutFilter::default()
        };
        assert_eq!(scope.rollout_count(&brings(reference())).await.unwrap(), 1);
        let later = RevisionReference { revision: 99, ..reference() };
        assert_eq!(scope.rollout_count(&brings(later)).await.unwrap(), 0);
        store.close().await;
    }

    /// Plans with their renders come back as they were, and go when they expire and nobody carries them out.
    plans_are_kept_and_expire(database) {
        let store = database.open().await;
        let cluster = registered(&store, "a", &[]).await;
        let carried = plan(&store, cluster.project, cluster.id, "one").await;
        let shared = plan(&store, cluster.project, cluster.id, "one").await;
        let dropped = plan(&store, cluster.project, cluster.id, "two").await;
        assert_eq!(carried.render, shared.render, "equal renders are kept once");
        let scope = store.project(cluster.project);
        assert_eq!(scope.plan_get(dropped.id).await.unwrap(), dropped);
        let render = scope.plan_render(&dropped).await.unwrap();
        assert_eq!(serde_json::to_value(&render.facts_read).unwrap()["label stage"], "two");
        let found = scope.plan_by_digest(cluster.id, &carried.plan.digest).await.unwrap().unwrap();
        assert_eq!(found.id, shared.id, "the newest");
        let mut change = change(&store, cluster.project, cluster.id, ChangeState::Planned);
        change.plan = carried.id;
        append(&store, &change, 0, ChangeEvent::ApprovalExpired).await.unwrap();
        let expire = || store.write(|tx| Box::pin(async move { tx.plan_expire().await }));
        assert_eq!(expire().await.unwrap(), 0);
        database.clock.advance(60);
        assert_eq!(expire().await.unwrap(), 2);
        assert_eq!(expire().await.unwrap(), 0);
        assert!(scope.plan_get(dropped.id).await.unwrap_err().is_not_found());
        assert!(scope.blob_get(&dropped.render).await.unwrap_err().is_not_found());
        assert!(scope.plan_render(&carried).await.is_ok(), "what a change carries out is kept");
        store.close().await;
    }
}
