//! Orphans: what versions left behind.

use async_graphql::{Context, Description, Enum, ID, Json, Object, SimpleObject};
use strata_engine::{OrphanDecision, OrphanFilter, PageOf, Session};
use strata_model::{error::Refusal, id::OrphanId, orphan};

use super::{
    change::Change,
    connection::{Total, connection, nodes},
    global_id,
    scalar::{DateTime, KubernetesObject},
    state::{Destination, OrphanPolicy, OrphanState, Reach},
};
use crate::error::answer;

connection! { OrphanConnection, OrphanEdge of Orphan; }

/// An object that Strata sent and that is no longer rendered: it waits for a decision.
#[derive(Debug, Clone, Description)]
pub struct Orphan {
    session: Session,
    orphan: orphan::Orphan,
}

impl Orphan {
    /// Shows an orphan.
    pub fn new(session: Session, orphan: orphan::Orphan) -> Self {
        Self { session, orphan }
    }
}

#[Object(use_type_description)]
impl Orphan {
    /// The global id.
    pub async fn id(&self) -> ID {
        global_id::encode("orphan", self.orphan.id.uuid())
    }

    /// The cluster's name.
    async fn cluster(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        super::known::cluster_name(ctx, &self.session, self.orphan.cluster).await
    }

    /// Which object.
    async fn object(&self) -> KubernetesObject {
        (&self.orphan.key).into()
    }

    /// Where it is.
    async fn destination(&self) -> Destination {
        self.orphan.destination.into()
    }

    /// The API version it was last sent in.
    async fn api_version(&self) -> &str {
        &self.orphan.api_version
    }

    /// The layer that last rendered it.
    async fn layer(&self) -> &str {
        self.orphan.layer.as_str()
    }

    /// The revision that last rendered it.
    async fn revision(&self) -> String {
        self.orphan.revision.to_string()
    }

    /// What that revision says to do with it.
    async fn policy(&self) -> OrphanPolicy {
        self.orphan.policy.into()
    }

    /// How it can be stopped.
    async fn reach(&self) -> Reach {
        self.orphan.reach.into()
    }

    /// Why scaling does not reach it, and what still uses it; empty when it does.
    async fn note(&self) -> &str {
        &self.orphan.note
    }

    /// Where it stands.
    async fn state(&self) -> OrphanState {
        self.orphan.state.into()
    }

    /// Since when it is an orphan.
    async fn since(&self) -> DateTime {
        self.orphan.since.into()
    }

    /// Since when it stands there.
    async fn state_since(&self) -> DateTime {
        self.orphan.state_since.into()
    }

    /// What brings it back.
    async fn restore(&self) -> Option<RestoreRecord> {
        let record = self.orphan.restore.as_ref()?;
        Some(RestoreRecord { former: Json(record.former.clone()), at: record.at.into() })
    }

    /// The change that left it behind.
    #[graphql(complexity = "5 + child_complexity")]
    async fn left_by(&self) -> async_graphql::Result<Option<Change>> {
        let change = self.session.change(self.orphan.left_by).await.map_err(answer)?;
        Ok(change.map(|change| Change::new(self.session.clone(), change)))
    }
}

/// What brings an orphan back after it was scaled to zero.
#[derive(Debug, SimpleObject)]
pub struct RestoreRecord {
    /// The former state: replicas, suspend flag or node selector.
    pub former: Json<serde_json::Value>,
    /// When it was recorded.
    pub at: DateTime,
}

/// A page of orphans.
pub fn page(session: &Session, page: PageOf<orphan::Orphan>, total: Total) -> OrphanConnection {
    OrphanConnection::new(nodes(page, |orphan| Orphan::new(session.clone(), orphan)), total)
}

/// Counts the orphans that a filter leaves.
pub fn total(session: &Session, filter: OrphanFilter) -> Total {
    let session = session.clone();
    Total::new(move || {
        let (session, filter) = (session.clone(), filter.clone());
        async move { session.orphans_count(&filter).await.map_err(answer) }
    })
}

/// The ids that a client names orphans by.
///
/// # Errors
/// `INVALID_INPUT` for what is no such id.
pub fn ids(ids: &[ID]) -> Result<Vec<OrphanId>, Refusal> {
    ids.iter()
        .enumerate()
        .map(|(index, id)| {
            let uuid = global_id::expect(OrphanId::NOUN, id);
            uuid.map(OrphanId::new).map_err(|refusal| refusal.at(index.to_string()).at("orphanIds"))
        })
        .collect()
}

/// What to do with orphans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "OrphanDecision")]
pub enum Decision {
    /// Scale them to zero, restorably.
    ScaleToZero,
    /// Give them their former state back.
    Restore,
    /// Delete them.
    Delete,
    /// Keep them.
    Keep,
}

impl From<Decision> for OrphanDecision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::ScaleToZero => Self::ScaleToZero,
            Decision::Restore => Self::Restore,
            Decision::Delete => Self::Delete,
            Decision::Keep => Self::Keep,
        }
    }
}
