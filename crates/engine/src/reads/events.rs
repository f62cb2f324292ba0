//! The log: events and the audit.

use strata_model::event::{AuditEntry, Event, StreamId};
use strata_store::EventFilter;

use super::{Page, PageOf, shown};
use crate::{error::EngineError, session::Session};

impl Session {
    /// Events behind a position, oldest first; of one stream, or of all.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn events(
        &self,
        stream: Option<StreamId>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Event>, EngineError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX).min(strata_store::EVENT_LIMIT);
        Ok(self.readable()?.events_after(after, &event_filter(stream), limit).await?)
    }

    /// How many events a stream has.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn events_count(&self, stream: StreamId) -> Result<u64, EngineError> {
        Ok(self.readable()?.event_count(&event_filter(Some(stream))).await?)
    }

    /// Who did what, newest first.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn audit(&self, page: Page) -> Result<PageOf<(Event, AuditEntry)>, EngineError> {
        Ok(shown(self.readable()?.audit_list(&page.into()).await?, |entry| entry))
    }

    /// How many audited operations there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn audit_count(&self) -> Result<u64, EngineError> {
        Ok(self.readable()?.audit_count().await?)
    }
}

fn event_filter(stream: Option<StreamId>) -> EventFilter {
    stream.map_or(EventFilter::All, |stream| EventFilter::Streams(vec![stream]))
}
