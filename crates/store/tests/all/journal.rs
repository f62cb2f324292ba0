//! Writing: group commit, compare-and-set, the order of events.

use std::sync::Arc;

use strata_model::{
    access::Actor,
    change::{ChangeEvent, ChangeState},
    event::{NewEvent, StreamId},
    id::ChangeId,
};
use strata_store::{EventFilter, Store, StoreError};
use tokio::{sync::Barrier, task::JoinSet};

use crate::fixture::{append, change, on_both_databases, registered};

fn event(number: usize) -> NewEvent {
    NewEvent {
        event_type: "tick".to_owned(),
        version: 1,
        payload: serde_json::json!({"type": "tick", "n": number}),
    }
}

async fn append_tick(store: &Store, stream: StreamId, seq: i64, number: usize) -> Result<i64, StoreError> {
    let project = store.installation().default_project;
    store
        .write(move |tx| {
            Box::pin(async move {
                tx.append(project, stream, seq, vec![event(number)], &Actor::system(), None).await
            })
        })
        .await
}

on_both_databases! {
    /// Sixteen see the same state and move it: one wins.
    one_racer_wins(database) {
        let store = database.open().await;
        let cluster = registered(&store, "a", &[]).await;
        let planned = change(&store, cluster.project, cluster.id, ChangeState::Planned);
        append(&store, &planned, 0, ChangeEvent::ApprovalExpired).await.unwrap();
        let barrier = Arc::new(Barrier::new(16));
        let mut racers = JoinSet::new();
        for _ in 0..16 {
            let (store, planned, barrier) = (store.clone(), planned.clone(), Arc::clone(&barrier));
            racers.spawn(async move {
                barrier.wait().await;
                append(&store, &planned, 1, ChangeEvent::Scheduled).await
            });
        }
        let outcomes = racers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
        assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(StoreError::is_stale));
        assert_eq!(store.project(cluster.project).change_get(planned.id).await.unwrap().seq, 2);
        store.close().await;
    }

    /// The same on a bare stream.
    one_appender_wins(database) {
        let store = database.open().await;
        let stream = StreamId::from(ChangeId::new(store.ids().next()));
        let mut racers = JoinSet::new();
        for number in 0..16 {
            let store = store.clone();
            racers.spawn(async move { append_tick(&store, stream, 0, number).await });
        }
        let outcomes = racers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        assert!(append_tick(&store, stream, 5, 0).await.unwrap_err().is_stale(), "a gap in a stream");
        store.close().await;
    }

    /// Of a group, those that fail, panic or hide a refused statement are rolled back alone.
    a_failing_closure_harms_no_other(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let taken = registered(&store, "taken", &[]).await;
        let mut writers = JoinSet::new();
        for number in 0..40_usize {
            let store = store.clone();
            let stream = StreamId::from(ChangeId::new(store.ids().next()));
            let taken = taken.clone();
            writers.spawn(async move {
                let outcome = store
                    .write(move |tx| {
                        Box::pin(async move {
                            tx.append(project, stream, 0, vec![event(number)], &Actor::system(), None).await?;
                            match number % 4 {
                                1 => Err(StoreError::InvalidCursor),
                                2 => panic!("a bug in a closure"),
                                3 => {
                                    // The name is taken; the closure returns the refusal.
                                    let event = strata_model::cluster::ClusterEvent::Deregistered;
                                    tx.cluster_append(&taken, 0, &[event], &Actor::system(), None).await?;
                                    Ok(())
                                }
                                _ => Ok(()),
                            }
                        })
                    })
                    .await;
                (number, outcome)
            });
        }
        for (number, outcome) in writers.join_all().await {
            match number % 4 {
                1 => assert!(matches!(outcome, Err(StoreError::InvalidCursor))),
                2 => assert!(matches!(outcome, Err(StoreError::Panicked))),
                3 => assert!(matches!(outcome, Err(StoreError::Duplicate { noun: "cluster", .. })), "{outcome:?}"),
                _ => outcome.unwrap(),
            }
        }
        let events = store.project(project).events_after(0, &EventFilter::All, 1000).await.unwrap();
        let ticks: Vec<u64> = events.iter().filter_map(|event| event.payload["n"].as_u64()).collect();
        assert_eq!(ticks.len(), 10);
        assert!(ticks.iter().all(|number| number % 4 == 0));
        store.close().await;
    }

    /// A closure that hides the refusal of a statement may not take its group with it.
    a_hidden_refusal_harms_no_other(database) {
        let store = database.open().await;
        let project = store.installation().default_project;
        let taken = registered(&store, "taken", &[]).await;
        let stream = StreamId::from(ChangeId::new(store.ids().next()));
        let hiding = store.write(move |tx| {
            Box::pin(async move {
                let event = strata_model::cluster::ClusterEvent::Deregistered;
                let refused = tx.cluster_append(&taken, 0, &[event], &Actor::system(), None).await;
                assert!(refused.is_err());
                Ok(())
            })
        });
        let honest = append_tick(&store, stream, 0, 1);
        let (hidden, position) = tokio::join!(hiding, honest);
        if !database.is_sqlite() {
            assert!(hidden.is_err(), "nothing of such a closure can be kept");
        }
        let events = store.project(project).events_after(0, &EventFilter::All, 1000).await.unwrap();
        let position = position.unwrap();
        assert_eq!(events.last().unwrap().position, position);
        assert!(store.events().last() >= position, "readers are woken before writers are answered");
        store.close().await;
    }

    /// A reader with a cursor misses nothing while many write.
    no_event_is_skipped(database) {
        const WRITERS: usize = 8;
        const EACH: usize = 25;
        let store = database.open().await;
        let project = store.installation().default_project;
        let mut watch = store.events().subscribe();
        let reader = {
            let store = store.clone();
            tokio::spawn(async move {
                let (mut seen, mut cursor) = (Vec::new(), 0);
                while seen.len() < WRITERS * EACH {
                    let scope = store.project(project);
                    let events = scope.events_after(cursor, &EventFilter::All, 7).await.unwrap();
                    match events.last() {
                        Some(last) => cursor = last.position,
                        None => watch.changed().await.unwrap(),
                    }
                    seen.extend(events);
                }
                seen
            })
        };
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            writers.spawn(async move {
                let stream = StreamId::from(ChangeId::new(store.ids().next()));
                for number in 0..EACH {
                    let seq = i64::try_from(number).unwrap();
                    append_tick(&store, stream, seq, writer * EACH + number).await.unwrap();
                }
            });
        }
        writers.join_all().await;
        let seen = tokio::time::timeout(std::time::Duration::from_secs(30), reader).await.unwrap().unwrap();
        assert!(seen.windows(2).all(|pair| pair[0].position < pair[1].position));
        let mut numbers: Vec<u64> = seen.iter().map(|event| event.payload["n"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..200).collect::<Vec<u64>>());
        store.close().await;
    }

    /// What was answered with `Ok` is there after closing and opening again, and a closed store takes nothing.
    closing_keeps_what_was_answered(database) {
        let store = database.open().await;
        let other = store.clone();
        let cluster = registered(&store, "a", &[("stage", "dev")]).await;
        store.close().await;
        let stream = StreamId::from(cluster.id);
        assert!(matches!(append_tick(&other, stream, 1, 0).await, Err(StoreError::Unavailable { .. })));
        drop(other);
        let store = database.open().await;
        let found = store.project(cluster.project).cluster_get(cluster.id).await.unwrap();
        assert_eq!((found.seq, found.value), (1, cluster));
        store.close().await;
    }
}

/// On PostgreSQL several servers write to one log: each one's readers see all of it, in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_one_log() {
    let Some(database) = crate::fixture::TestDatabase::postgres().await else {
        return;
    };
    let (one, two) = (database.open().await, database.open().await);
    let mut watch = two.events().subscribe();
    let project = one.installation().default_project;
    assert_eq!(project, two.installation().default_project);
    let mut writers = JoinSet::new();
    for store in [&one, &two] {
        for writer in 0..4_usize {
            let store = store.clone();
            writers.spawn(async move {
                let stream = StreamId::from(ChangeId::new(store.ids().next()));
                for number in 0..20_i64 {
                    append_tick(&store, stream, number, writer).await.unwrap();
                }
            });
        }
    }
    let (mut seen, mut cursor) = (0, 0);
    while seen < 160 {
        let events = two.project(project).events_after(cursor, &EventFilter::All, 11).await.unwrap();
        match events.last() {
            Some(last) => cursor = last.position,
            None => watch.changed().await.unwrap(),
        }
        seen += events.len();
    }
    writers.join_all().await;
    assert_eq!(cursor, 160, "positions have no gaps");
    one.close().await;
    two.close().await;
    database.remove().await;
}

/// A PostgreSQL server that drops its connections costs at most the writes under way; then all goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_are_made_anew() {
    let Some(database) = crate::fixture::TestDatabase::postgres().await else {
        return;
    };
    let store = database.open().await;
    let project = store.installation().default_project;
    registered(&store, "before", &[]).await;
    let shell = database.shell().await;
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND application_name = 'strata'";
    sea_orm::ConnectionTrait::execute_unprepared(&shell, terminate).await.unwrap();
    shell.close().await.unwrap();
    let stream = StreamId::from(ChangeId::new(store.ids().next()));
    let mut attempts = 0;
    let position = loop {
        match append_tick(&store, stream, 0, 1).await {
            Ok(position) => break position,
            Err(error) => assert!(!error.is_stale(), "{error}"),
        }
        attempts += 1;
        assert!(attempts < 5, "the writer does not come back");
    };
    let events = loop {
        match store.project(project).events_after(0, &EventFilter::All, 10).await {
            Ok(events) => break events,
            Err(error) => assert!(matches!(error, StoreError::Unavailable { .. } | StoreError::Database(_))),
        }
        attempts += 1;
        assert!(attempts < 20, "the readers do not come back");
    };
    assert_eq!(events.last().unwrap().position, position);
    store.close().await;
    database.remove().await;
}
