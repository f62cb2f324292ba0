//! The event log: what happened, to what, when, by whom and because of what.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    access::Actor,
    id::{ChangeId, ClusterId, OrphanId, ProjectId, RolloutId},
};

/// The kind of an event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StreamKind {
    /// One change.
    Change,
    /// One cluster.
    Cluster,
    /// One orphan.
    Orphan,
    /// One rollout.
    Rollout,
    /// What people and tokens did in a project: every mutation, also refused ones.
    Audit,
}

impl StreamKind {
    const ALL: [Self; 5] = [Self::Change, Self::Cluster, Self::Orphan, Self::Rollout, Self::Audit];

    /// The name in stream texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Cluster => "cluster",
            Self::Orphan => "orphan",
            Self::Rollout => "rollout",
            Self::Audit => "audit",
        }
    }
}

/// One event stream: `change/0192…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Its kind.
    pub kind: StreamKind,
    /// The id of its subject.
    pub subject: Uuid,
}

macro_rules! stream_of {
    ($($id:ident => $kind:ident,)*) => {$(
        impl From<$id> for StreamId {
            fn from(id: $id) -> Self { Self { kind: StreamKind::$kind, subject: id.uuid() } }
        }
    )*};
}
stream_of! { ChangeId => Change, ClusterId => Cluster, OrphanId => Orphan, RolloutId => Rollout, ProjectId => Audit, }

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.subject)
    }
}

impl FromStr for StreamId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an event stream");
        let (kind, subject) = text.split_once('/').ok_or_else(wrong)?;
        let kind = StreamKind::ALL.into_iter().find(|k| k.as_str() == kind).ok_or_else(wrong)?;
        Ok(Self { kind, subject: subject.parse().map_err(|_| wrong())? })
    }
}

/// An event to be appended.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// The `type` of its payload.
    pub event_type: String,
    /// Version of the payload's form.
    pub version: u32,
    /// The payload; never a clear secret.
    pub payload: Value,
}

impl NewEvent {
    /// Wraps a payload that carries its type in the field `type`.
    ///
    /// # Errors
    /// When the payload cannot be serialised, which plain data always can.
    pub fn of<T: Serialize>(payload: &T) -> Result<Self, serde_json::Error> {
        let payload = serde_json::to_value(payload)?;
        let event_type = payload.get("type").and_then(Value::as_str).unwrap_or("event").to_owned();
        Ok(Self { event_type, version: 1, payload })
    }
}

/// An event as the log keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its place in the log of all streams, rising; the cursor of subscriptions.
    pub position: i64,
    /// Its project.
    pub project: ProjectId,
    /// Its stream, as text.
    pub stream: String,
    /// Its place in the stream, from 1.
    pub seq: i64,
    /// The `type` of its payload.
    pub event_type: String,
    /// Version of the payload's form.
    pub version: u32,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What it belongs to, e.g. a request id.
    pub cause: Option<String>,
    /// What happened.
    pub payload: Value,
}

/// One audited operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// The mutation's name in the API, e.g. `approveRepave`.
    pub operation: String,
    /// What it was about, for people and filters: `cluster/eu-1`, `profile/web@1.1.0`.
    pub subject: String,
    /// `OK`, or the code of the refusal.
    pub outcome: String,
    /// The reason given by the actor, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_round_trip() {
        let stream = StreamId::from(ChangeId::new(Uuid::from_u128(9)));
        assert_eq!(stream.to_string().parse::<StreamId>().unwrap(), stream);
        assert!("x/9".parse::<StreamId>().is_err());
    }
}
