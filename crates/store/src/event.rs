//! The event log: appending with compare-and-set, reading by cursor, waking readers.

use std::{collections::BTreeMap, str::FromStr};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::Value;
use strata_model::{
    access::Actor,
    event::{AuditEntry, Event, NewEvent, StreamId, StreamKind},
    id::ProjectId,
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    document::{from_text, instant, small, to_text},
    entity::event::{Column, Entity, Model},
    error::{StoreError, on_unique},
    page::{Cursor, Edge, Page, PageOf},
    scope::Scoped,
    store::Store,
    transaction::Tx,
};

/// The most events that one read answers.
pub const EVENT_LIMIT: u32 = 1000;

/// Wakes readers of the event log: the last committed position.
#[derive(Debug, Clone)]
pub struct EventWatch {
    receiver: watch::Receiver<i64>,
}

impl EventWatch {
    pub(crate) const fn new(receiver: watch::Receiver<i64>) -> Self {
        Self { receiver }
    }

    /// The last position known to be committed.
    #[must_use]
    pub fn last(&self) -> i64 {
        *self.receiver.borrow()
    }

    /// Changes whenever events were committed, here or (on PostgreSQL, a moment later) by another server. Subscribe
    /// before reading, then read, then wait: so no event is missed.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        let mut receiver = self.receiver.clone();
        receiver.mark_unchanged();
        receiver
    }
}

/// Which events of a project are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EventFilter {
    /// All but the audit log.
    #[default]
    All,
    /// Those of streams of these kinds.
    Kinds(Vec<StreamKind>),
    /// Those of these streams.
    Streams(Vec<StreamId>),
}

impl EventFilter {
    fn condition(&self) -> Condition {
        match self {
            Self::All => Condition::all().add(Column::Stream.ne(StreamKind::Audit.as_str())),
            Self::Kinds(kinds) => {
                Condition::all().add(Column::Stream.is_in(kinds.iter().map(|kind| kind.as_str())))
            }
            Self::Streams(streams) => {
                let mut subjects = BTreeMap::<&str, Vec<Uuid>>::new();
                for stream in streams {
                    subjects.entry(stream.kind.as_str()).or_default().push(stream.subject);
                }
                let mut any = Condition::any().add(Column::Position.lt(0));
                for (kind, subjects) in subjects {
                    let these =
                        Condition::all().add(Column::Stream.eq(kind)).add(Column::Subject.is_in(subjects));
                    any = any.add(these);
                }
                any
            }
        }
    }
}

/// The last position in the log, 0 when it is empty.
pub(crate) async fn last_position<C: ConnectionTrait>(connection: &C) -> Result<i64, StoreError> {
    let last: Option<Option<i64>> = Entity::find()
        .select_only()
        .column_as(Column::Position.max(), "position")
        .into_tuple()
        .one(connection)
        .await?;
    Ok(last.flatten().unwrap_or(0))
}

fn read(row: Model) -> Result<Event, StoreError> {
    let position = row.position;
    Ok(Event {
        position,
        project: ProjectId::new(row.project),
        stream: format!("{}/{}", row.stream, row.subject),
        seq: row.seq,
        event_type: row.event_type,
        version: small("event", row.version)?,
        at: instant("event", row.at)?,
        actor: from_text("event", position, &row.actor)?,
        cause: row.cause,
        payload: from_text("event", position, &row.payload)?,
    })
}

impl Tx {
    /// Appends events to a stream whose last event has `expected_seq` (0 for a new stream). The last position.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when the stream has moved.
    pub async fn append(
        &self,
        project: ProjectId,
        stream: StreamId,
        expected_seq: i64,
        events: Vec<NewEvent>,
        actor: &Actor,
        cause: Option<&str>,
    ) -> Result<i64, StoreError> {
        if self.stream_seq(stream).await? != expected_seq {
            return Err(StoreError::stale(stream.kind.as_str(), stream.subject));
        }
        self.append_guarded(project, stream, expected_seq, events, actor, cause).await
    }

    /// As [`Tx::append`], where a projection's compare-and-set guards the place in the stream.
    pub(crate) async fn append_guarded(
        &self,
        project: ProjectId,
        stream: StreamId,
        expected_seq: i64,
        events: Vec<NewEvent>,
        actor: &Actor,
        cause: Option<&str>,
    ) -> Result<i64, StoreError> {
        if !self.position_is_known() {
            self.position_found(last_position(&self.connection).await?);
        }
        let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let first = self.positions_take(count);
        if count == 0 {
            return Ok(first - 1);
        }
        let at = self.now().as_microsecond();
        let actor = to_text("event", actor)?;
        let rows = events.into_iter().zip(0_i64..).map(|(event, index)| {
            let payload = to_text("event", &event.payload)?;
            Ok(Model {
                position: first + index,
                project: project.uuid(),
                stream: stream.kind.as_str().to_owned(),
                subject: stream.subject,
                seq: expected_seq + 1 + index,
                event_type: event.event_type,
                version: i64::from(event.version),
                at,
                actor: actor.clone(),
                cause: cause.map(str::to_owned),
                payload,
            }
            .into_active_model())
        });
        let rows = rows.collect::<Result<Vec<_>, StoreError>>()?;
        Entity::insert_many(rows)
            .exec_without_returning(&self.connection)
            .await
            .map_err(|error| on_unique(error, || StoreError::stale(stream.kind.as_str(), stream.subject)))?;
        Ok(first + count - 1)
    }

    /// Appends to the audit log of a project. The position.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn audit_append(
        &self,
        project: ProjectId,
        entry: &AuditEntry,
        actor: &Actor,
        cause: Option<&str>,
    ) -> Result<i64, StoreError> {
        let stream = StreamId::from(project);
        let payload =
            serde_json::to_value(entry).map_err(|error| StoreError::corrupt("event", "new", error))?;
        let event = NewEvent { event_type: entry.operation.clone(), version: 1, payload };
        let seq = self.stream_seq(stream).await?;
        self.append_guarded(project, stream, seq, vec![event], actor, cause).await
    }

    /// The last seq of a stream, 0 when it has no event.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn stream_seq(&self, stream: StreamId) -> Result<i64, StoreError> {
        let last: Option<Option<i64>> = Entity::find()
            .select_only()
            .column_as(Column::Seq.max(), "seq")
            .filter(Column::Stream.eq(stream.kind.as_str()))
            .filter(Column::Subject.eq(stream.subject))
            .into_tuple()
            .one(&self.connection)
            .await?;
        Ok(last.flatten().unwrap_or(0))
    }
}

impl Scoped<'_> {
    /// Events of the project after a position, in order, at most `limit` (and [`EVENT_LIMIT`]).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn events_after(
        &self,
        after: i64,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(Column::Position.gt(after))
            .filter(filter.condition())
            .order_by_asc(Column::Position)
            .limit(u64::from(limit.clamp(1, EVENT_LIMIT)))
            .all(&self.connection)
            .await?;
        rows.into_iter().map(read).collect()
    }

    /// Events of the project, the newest first.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn event_list(&self, filter: &EventFilter, page: &Page) -> Result<PageOf<Event>, StoreError> {
        let mut query = Entity::find()
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(filter.condition())
            .order_by_desc(Column::Position)
            .limit(page.limit());
        if let Some(cursor) = &page.after {
            query = query.filter(Column::Position.lt(cursor.number_and_id()?.0));
        }
        let rows = query.all(&self.connection).await?;
        let edges = rows.into_iter().map(|row| {
            let cursor = Cursor::of(row.position, row.subject);
            Ok(Edge { cursor, node: read(row)? })
        });
        Ok(PageOf::cut(page, edges.collect::<Result<_, StoreError>>()?))
    }

    /// How many events of the project a filter lets through.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn event_count(&self, filter: &EventFilter) -> Result<u64, StoreError> {
        use sea_orm::PaginatorTrait;
        Ok(Entity::find()
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(filter.condition())
            .count(&self.connection)
            .await?)
    }

    /// The audit log of the project, the newest first.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`], or when the database refuses.
    pub async fn audit_list(&self, page: &Page) -> Result<PageOf<(Event, AuditEntry)>, StoreError> {
        let PageOf { edges, has_next } =
            self.event_list(&EventFilter::Kinds(vec![StreamKind::Audit]), page).await?;
        let edges = edges.into_iter().map(|Edge { cursor, node }| {
            let entry = audit_entry(&node)?;
            Ok(Edge { cursor, node: (node, entry) })
        });
        Ok(PageOf { edges: edges.collect::<Result<_, StoreError>>()?, has_next })
    }

    /// How many entries the audit log of the project has.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn audit_count(&self) -> Result<u64, StoreError> {
        self.event_count(&EventFilter::Kinds(vec![StreamKind::Audit])).await
    }

    /// All events of one stream after a seq, in order, at most `limit` (and [`EVENT_LIMIT`]).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn stream_events(
        &self,
        stream: StreamId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Project.eq(self.project.uuid()))
            .filter(Column::Stream.eq(stream.kind.as_str()))
            .filter(Column::Subject.eq(stream.subject))
            .filter(Column::Seq.gt(after_seq))
            .order_by_asc(Column::Seq)
            .limit(u64::from(limit.clamp(1, EVENT_LIMIT)))
            .all(&self.connection)
            .await?;
        rows.into_iter().map(read).collect()
    }
}

impl Store {
    /// Events of all projects after a position, for background work only, at most `limit` (and [`EVENT_LIMIT`]).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn events_after(
        &self,
        after: i64,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let rows = Entity::find()
            .filter(Column::Position.gt(after))
            .filter(filter.condition())
            .order_by_asc(Column::Position)
            .limit(u64::from(limit.clamp(1, EVENT_LIMIT)))
            .all(&self.readers)
            .await?;
        rows.into_iter().map(read).collect()
    }
}

fn audit_entry(event: &Event) -> Result<AuditEntry, StoreError> {
    serde_json::from_value(event.payload.clone())
        .map_err(|error| StoreError::corrupt("event", event.position, error))
}

/// The stream of an event.
///
/// # Errors
/// When the text names no stream.
pub fn stream_of(event: &Event) -> Result<StreamId, StoreError> {
    StreamId::from_str(&event.stream).map_err(|error| StoreError::corrupt("event", event.position, error))
}

/// Events of typed payloads, ready to be appended.
pub(crate) fn new_events<T: serde::Serialize>(events: &[T]) -> Result<Vec<NewEvent>, StoreError> {
    events
        .iter()
        .map(|event| NewEvent::of(event).map_err(|error| StoreError::corrupt("event", Value::Null, error)))
        .collect()
}
