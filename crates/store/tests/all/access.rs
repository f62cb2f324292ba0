//! People, tokens, idempotency keys, audit, and the bounds of projects.

use std::time::Duration;

use strata_model::{
    access::{Actor, PrincipalKind, Role},
    event::AuditEntry,
    id::PrincipalId,
    secret::SecretText,
};
use strata_store::{
    EventFilter, IdempotencyKey, IdempotentAnswer, NewToken, Page, Store, StoreError, Thing, TokenVerdict,
};

use crate::fixture::{on_both_databases, registered};

async fn person(store: &Store, name: &'static str, ttl: Option<Duration>) -> (PrincipalId, NewToken) {
    let project = store.installation().default_project;
    store
        .write(move |tx| {
            Box::pin(async move {
                let principal = tx.principal_insert(project, name, PrincipalKind::Person).await?;
                tx.role_bind(project, principal.id, Role::Operator).await?;
                tx.role_bind(project, principal.id, Role::Operator).await?;
                tx.role_bind(tx.shared_project(), principal.id, Role::Viewer).await?;
                let expires = ttl.map(|ttl| tx.now() + ttl);
                Ok((principal.id, tx.token_insert(project, principal.id, "laptop", expires).await?))
            })
        })
        .await
        .unwrap()
}

on_both_databases! {
    /// A token lives from its making to its expiry or revocation, and only its whole text is good.
    the_life_of_a_token(database) {
        let store = database.open().await;
        assert!(store.first_start().await.unwrap());
        let (ada, made) = person(&store, "ada", Some(Duration::from_secs(60))).await;
        assert!(!store.first_start().await.unwrap());
        let TokenVerdict::Good(who) = store.token_verify(&made.text).await.unwrap() else {
            panic!("a new token is good");
        };
        assert_eq!((who.principal.id, who.principal.name.as_str()), (ada, "ada"));
        let mut roles: Vec<(&str, Role)> =
            who.bindings.iter().map(|binding| (binding.project_name.as_str(), binding.role)).collect();
        roles.sort_unstable();
        assert_eq!(roles, [("default", Role::Operator), ("shared", Role::Viewer)]);
        assert!(who.use_is_news);
        let id = who.token.id;
        store.write(move |tx| Box::pin(async move { tx.token_used(id).await })).await.unwrap();
        let TokenVerdict::Good(who) = store.token_verify(&made.text).await.unwrap() else { panic!() };
        assert!(!who.use_is_news);

        let mut other = made.text.expose().to_owned();
        other.pop();
        other.push('!');
        for text in [other.as_str(), "", "strata_", "Bearer x"] {
            assert_eq!(store.token_verify(&SecretText::new(text)).await.unwrap(), TokenVerdict::Unknown);
        }
        database.clock.advance(59);
        assert!(matches!(store.token_verify(&made.text).await.unwrap(), TokenVerdict::Good(_)));
        database.clock.advance(1);
        assert_eq!(store.token_verify(&made.text).await.unwrap(), TokenVerdict::Expired);

        let (_, lasting) = person(&store, "bob", None).await;
        let project = store.installation().default_project;
        let token = lasting.token.id;
        for _ in 0..2 {
            let revoked =
                store.write(move |tx| Box::pin(async move { tx.token_revoke(project, token).await })).await;
            assert!(revoked.unwrap().revoked_at.is_some());
        }
        assert_eq!(store.token_verify(&lasting.text).await.unwrap(), TokenVerdict::Unknown);
        let shared = store.installation().shared_project;
        let elsewhere = store.write(move |tx| Box::pin(async move { tx.token_revoke(shared, token).await })).await;
        assert!(elsewhere.unwrap_err().is_not_found(), "a token of another project");
        assert_eq!(store.project(project).token_list(None, &Page::default()).await.unwrap().edges.len(), 2);
        store.close().await;
    }

    /// Names are unique, roles can be taken away, and people are seen where they have a role.
    people_and_roles(database) {
        let store = database.open().await;
        let (ada, _) = person(&store, "ada", None).await;
        let (default, shared) =
            (store.installation().default_project, store.installation().shared_project);
        let again = store
            .write(move |tx| {
                Box::pin(async move { tx.principal_insert(shared, "ada", PrincipalKind::ServiceAccount).await })
            })
            .await;
        assert!(matches!(again, Err(StoreError::Duplicate { noun: "principal", .. })));
        assert_eq!(store.project(shared).principal_list(&Page::default()).await.unwrap().edges.len(), 1);
        assert_eq!(store.project(shared).roles_of(ada).await.unwrap(), [Role::Viewer]);
        store
            .write(move |tx| Box::pin(async move { tx.role_unbind(shared, ada, Role::Viewer).await }))
            .await
            .unwrap();
        assert_eq!(store.project(shared).principal_count().await.unwrap(), 0);
        assert_eq!(store.project(default).principal_by_name("ada").await.unwrap().id, ada);
        assert!(store.project(shared).principal_get(ada).await.unwrap_err().is_not_found());
        store.close().await;
    }

    /// An answer is kept until it expires, once per principal, operation and key.
    idempotency(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let (ada, _) = person(&store, "ada", None).await;
        let key = IdempotencyKey { principal: ada, operation: "requestUpgrade".into(), key: "k".into() };
        let answer = IdempotentAnswer {
            input: store.digest_key().bytes("input", b"a"),
            response: serde_json::json!({"change": 1}),
            expires_at: store.clock().now() + Duration::from_secs(60),
        };
        let put = || {
            let (key, answer) = (key.clone(), answer.clone());
            store.write(move |tx| Box::pin(async move { tx.idempotency_put(project, &key, &answer).await }))
        };
        assert_eq!(store.project(project).idempotency_get(&key).await.unwrap(), None);
        put().await.unwrap();
        assert_eq!(store.project(project).idempotency_get(&key).await.unwrap().as_ref(), Some(&answer));
        assert!(matches!(put().await, Err(StoreError::Duplicate { .. })));
        database.clock.advance(60);
        assert_eq!(store.project(project).idempotency_get(&key).await.unwrap(), None);
        put().await.unwrap();
        let gone = store.write(|tx| Box::pin(async move { tx.idempotency_expire().await })).await.unwrap();
        assert_eq!(gone, 1);
        store.close().await;
    }

    /// The audit log is read newest first, in pages.
    audit(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        for number in 0..5 {
            let entry = AuditEntry {
                operation: "approveRepave".into(),
                subject: format!("change/{number}"),
                outcome: "OK".into(),
                reason: None,
            };
            store
                .write(move |tx| {
                    Box::pin(async move {
                        tx.audit_append(project, &entry, &Actor::system(), Some("request")).await
                    })
                })
                .await
                .unwrap();
        }
        let scope = store.project(project);
        let first = scope.audit_list(&Page::first(3)).await.unwrap();
        let second = scope.audit_list(&Page::first(3).after(first.next().unwrap())).await.unwrap();
        assert_eq!(second.next(), None);
        let subjects: Vec<String> =
            first.into_nodes().into_iter().chain(second.into_nodes()).map(|(_, entry)| entry.subject).collect();
        assert_eq!(subjects, ["change/4", "change/3", "change/2", "change/1", "change/0"]);
        assert_eq!(scope.audit_count().await.unwrap(), 5);
        assert_eq!(scope.events_after(0, &EventFilter::All, 10).await.unwrap(), [], "audit is asked for by name");
        store.close().await;
    }

    /// What belongs to one project is not there for another.
    projects_are_bounds(database) {
        let store = database.open().await;
        let other = store.write(|tx| Box::pin(async move { tx.project_insert("other").await })).await.unwrap();
        let again = store.write(|tx| Box::pin(async move { tx.project_insert("other").await })).await;
        assert!(matches!(again, Err(StoreError::Duplicate { noun: "project", .. })));
        let cluster = registered(&store, "a", &[("stage", "dev")]).await;
        let scope = store.project(other.id);
        assert!(scope.cluster_get(cluster.id).await.unwrap_err().is_not_found());
        assert!(scope.cluster_by_name(&cluster.name).await.unwrap_err().is_not_found());
        assert_eq!(scope.cluster_count(&Default::default()).await.unwrap(), 0);
        assert_eq!(scope.events_after(0, &EventFilter::All, 10).await.unwrap(), []);
        assert_eq!(store.project_of(Thing::Cluster(cluster.id)).await.unwrap(), Some(cluster.project));
        // Nor can it be written through another.
        let mut stolen = cluster.clone();
        stolen.project = other.id;
        let stolen = store
            .write(move |tx| {
                Box::pin(async move {
                    let event = strata_model::cluster::ClusterEvent::Deregistered;
                    tx.cluster_append(&stolen, 1, &[event], &Actor::system(), None).await
                })
            })
            .await;
        assert!(stolen.unwrap_err().is_stale());
        store.close().await;
    }
}
