//! Packs.

use strata_model::{Timestamp, digest::Digest, id::PackId, pack::Pack};
use strata_store::{Optional as _, PackFilter};

use super::{Page, PageOf};
use crate::{error::EngineError, session::Session};

/// A pack with its content.
#[derive(Debug, Clone)]
pub struct PackRecord {
    /// Its id.
    pub id: PackId,
    /// What it holds.
    pub pack: Pack,
    /// The digest of its content.
    pub digest: Digest,
    /// When it was published.
    pub created_at: Timestamp,
}

impl Session {
    /// Packs, by name and version.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID_INPUT` for a cursor of another list.
    pub async fn packs(&self, page: Page) -> Result<PageOf<PackRecord>, EngineError> {
        let rows = self.readable()?;
        let found = rows.pack_list(&PackFilter::default(), &page.into()).await?;
        let mut items = Vec::with_capacity(found.edges.len());
        for edge in found.edges {
            let pack = self.pack_content(&edge.node.digest).await?.pack().clone();
            let record = PackRecord {
                id: edge.node.id,
                pack,
                digest: edge.node.digest,
                created_at: edge.node.created_at,
            };
            items.push((edge.cursor.as_str().to_owned(), record));
        }
        Ok(PageOf { items, has_next: found.has_next })
    }

    /// How many packs there are.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn packs_count(&self) -> Result<u64, EngineError> {
        Ok(self.readable()?.pack_count(&PackFilter::default()).await?)
    }

    /// One pack.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn pack(&self, name: &str, version: &str) -> Result<Option<PackRecord>, EngineError> {
        let Some(record) = self.readable()?.pack_by_version(name, version).await.optional()? else {
            return Ok(None);
        };
        let pack = self.rows().pack_content(&record).await?;
        Ok(Some(PackRecord { id: record.id, pack, digest: record.digest, created_at: record.created_at }))
    }
}
