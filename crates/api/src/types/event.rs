//! Events of the log, as history pages and subscriptions show them.

use async_graphql::SimpleObject;
use strata_engine::{EngineError, Session};
use strata_model::event::{AuditEntry, Event, StreamId};

use super::{
    connection::{self, Total, connection, nodes},
    global_id,
    scalar::DateTime,
    summary::{self, Names},
};
use crate::error::{answer, refused};

connection! {
    EventConnection, EventEdge of HistoryEvent;
    AuditEventConnection, AuditEventEdge of AuditEvent;
}

/// Something that happened.
#[derive(Debug, Clone, SimpleObject)]
pub struct HistoryEvent {
    /// Its place in the log of everything.
    pub position: i64,
    /// Its place in the history of its subject, from 1.
    pub seq: i64,
    /// What kind of event.
    #[graphql(name = "type")]
    pub event_type: String,
    /// When.
    pub at: DateTime,
    /// By whom.
    pub actor: String,
    /// One sentence.
    pub summary: String,
    /// The request that it belongs to, if it came from one.
    pub cause: Option<String>,
}

impl HistoryEvent {
    /// Shows an event.
    #[must_use]
    pub fn new(event: &Event, names: &Names) -> Self {
        Self {
            position: event.position,
            seq: event.seq,
            event_type: event.event_type.clone(),
            at: event.at.into(),
            actor: event.actor.name.clone(),
            summary: summary::sentence(event, names),
            cause: event.cause.clone(),
        }
    }
}

/// One page of what happened to something, oldest first.
///
/// # Errors
/// Refusals of the page or of the caller.
pub async fn history(
    session: &Session,
    stream: StreamId,
    names: &Names,
    first: Option<u32>,
    after: Option<String>,
) -> async_graphql::Result<EventConnection> {
    let page = connection::page(first, None).map_err(refused)?;
    let after = after.map_or(Ok(0), |cursor| global_id::decode_position(&cursor)).map_err(refused)?;
    // One more than wanted, to see whether there is more.
    let mut events = session.events(Some(stream), after, u64::from(page.first) + 1).await.map_err(answer)?;
    let wanted = usize::try_from(page.first).unwrap_or(usize::MAX);
    let has_next = events.len() > wanted;
    events.truncate(wanted);
    let names = with_clusters(session, names, &events).await.map_err(answer)?;
    let items = events
        .iter()
        .map(|event| (global_id::encode_position(event.position), HistoryEvent::new(event, &names)))
        .collect();
    let session = session.clone();
    let total = Total::new(move || {
        let session = session.clone();
        async move { session.events_count(stream).await.map_err(answer) }
    });
    Ok(EventConnection::new((items, has_next), total))
}

/// The names, with those of the clusters that these events name by id.
///
/// # Errors
/// Those of reading clusters.
pub async fn with_clusters(session: &Session, names: &Names, events: &[Event]) -> Result<Names, EngineError> {
    let mut names = names.clone();
    for cluster in events.iter().filter_map(summary::clusters_in) {
        if !names.clusters.contains_key(&cluster)
            && let Some(found) = session.cluster_by_id(cluster).await?
        {
            names.clusters.insert(cluster, found.name.to_string());
        }
    }
    Ok(names)
}

/// One audited operation: every mutation, also refused ones.
#[derive(Debug, Clone, SimpleObject)]
pub struct AuditEvent {
    /// Its place in the log of everything.
    pub position: i64,
    /// When.
    pub at: DateTime,
    /// Who.
    pub actor: String,
    /// The mutation's name.
    pub operation: String,
    /// What it was about, e.g. `cluster/eu-1`.
    pub subject: String,
    /// `OK`, or the code of the refusal.
    pub outcome: String,
    /// The reason that was given.
    pub reason: Option<String>,
    /// The request that it belongs to.
    pub cause: Option<String>,
}

/// A page of audited operations.
pub fn audit_page(page: strata_engine::PageOf<(Event, AuditEntry)>, total: Total) -> AuditEventConnection {
    let show = |(event, entry): (Event, AuditEntry)| AuditEvent {
        position: event.position,
        at: event.at.into(),
        actor: event.actor.name,
        operation: entry.operation,
        subject: entry.subject,
        outcome: entry.outcome,
        reason: entry.reason,
        cause: event.cause,
    };
    AuditEventConnection::new(nodes(page, show), total)
}
